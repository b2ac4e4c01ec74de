//! One part of a data set: what was scanned of it, and its report.

use crate::classes::ClassNames;
use crate::features::{FeatureScan, Form};
use crate::finding::have;
use crate::labels::{LabelScan, Labels};
use crate::report::{ObservedReport, PartReport};
use crate::{Finding, kind, pairs, rows, shown};
use lacuna_formats::{FeatureTable, Table};
use lacuna_labels::Label;
use std::cell::OnceCell;

/// A table with a pass over each of its matrices.
pub(crate) struct Part<'a> {
    pub(crate) name: &'static str,
    pub(crate) table: &'a Table,
    pub(crate) features: Option<FeatureScan>,
    feature_order: OnceCell<Vec<usize>>,
    pub(crate) labels: Option<LabelScan>,
    pub(crate) observed: Option<LabelScan>,
}

/// Scans the parts of a data set.
pub(crate) fn scan<'a>(train: &'a Table, test: Option<&'a Table>) -> Vec<Part<'a>> {
    let tables = || [("train", Some(train)), ("test", test)].into_iter().filter_map(|(n, t)| Some((n, t?)));
    // Rows of two parts are compared in one form.
    let is_sparse = |(_, table): (_, &Table)| matches!(table.features, Some(FeatureTable::Sparse(_)));
    let form = if tables().any(is_sparse) { Form::Sparse } else { Form::Dense };
    let part = |(name, table): (&'static str, &'a Table)| {
        let features = table.features.as_ref().map(|features| FeatureScan::of(features, form));
        let labels = table.labels.as_ref().map(|labels| LabelScan::of(labels.into()));
        let observed = table.observed.as_ref().map(|labels| LabelScan::of(Labels::Dense(labels.matrix())));
        Part { name, table, features, feature_order: OnceCell::new(), labels, observed }
    };
    tables().map(part).collect()
}

/// Classes that are listed with their counts.
const LISTED_CLASSES: usize = 1_000_000;

/// Pairs of classes that are listed.
const LISTED_PAIRS: usize = 10;

impl<'a> Part<'a> {
    pub(crate) fn rows(&self) -> usize {
        self.table.rows()
    }

    /// Rows in the order of the hashes of their features.
    pub(crate) fn feature_order(&self) -> &[usize] {
        self.feature_order.get_or_init(|| {
            self.features.as_ref().map_or_else(Vec::new, |features| rows::sorted(&features.hashes))
        })
    }

    /// A row as a message shows it: ``row 3 (`a.jpg`)``.
    pub(crate) fn row(&self, row: usize) -> String {
        match self.table.names.as_ref().and_then(|names| names.get(row)) {
            Some(name) => format!("row {row} (`{}`)", shown(name)),
            None => format!("row {row}"),
        }
    }

    fn classes(&self) -> ClassNames<'a> {
        ClassNames(&self.table.classes)
    }

    /// Counts of this part; what is wrong with it goes to `findings`.
    pub(crate) fn report(&self, findings: &mut Vec<Finding>) -> PartReport {
        let mut report = PartReport { part: self.name, rows: self.rows(), ..PartReport::default() };
        if report.rows == 0 {
            findings.push(Finding::error(kind::NO_ROWS, format!("{}: there are no rows", self.name)));
        }
        self.check_sizes(findings);
        self.check_names(findings);
        if let (Some(table), Some(scan)) = (&self.table.labels, &self.labels) {
            self.report_labels(table.into(), scan, &mut report);
            self.check_labels(scan, findings);
        }
        if let Some(scan) = &self.observed {
            report.observed = Some(self.report_observed(scan, findings));
        }
        if let Some(scan) = &self.features {
            self.report_features(scan, &mut report, findings);
        }
        report
    }

    /// Whether everything has the same number of rows, and labels the same number of classes.
    fn check_sizes(&self, findings: &mut Vec<Finding>) {
        let table = self.table;
        let rows = [
            ("features", table.features.as_ref().map(FeatureTable::rows)),
            ("labels", self.labels.as_ref().map(|labels| labels.rows)),
            ("observed labels", self.observed.as_ref().map(|labels| labels.rows)),
            ("names", table.names.as_ref().map(|names| names.len())),
        ];
        let classes = [
            ("labels", self.labels.as_ref().map(|labels| labels.classes)),
            ("observed labels", self.observed.as_ref().map(|labels| labels.classes)),
            ("names of classes", Some(table.classes.len()).filter(|&count| count > 0)),
        ];
        let mut compare = |kind, unit: &str, counts: &[(&str, Option<usize>)]| {
            let mut counts = counts.iter().filter_map(|&(what, count)| Some((what, count?)));
            let Some((first, expected)) = counts.next() else { return };
            for (what, count) in counts.filter(|&(_, count)| count != expected) {
                let text = format!("{}: {expected} {unit} of {first} and {count} of {what}", self.name);
                findings.push(Finding::error(kind, format!("{text}: they do not match")));
            }
        };
        compare(kind::ROWS_DIFFER, "rows", &rows);
        compare(kind::CLASSES_DIFFER, "classes", &classes);
    }

    fn check_names(&self, findings: &mut Vec<Finding>) {
        let part = self.name;
        let names = self.table.names.as_ref();
        if let Some((names, (later, earlier))) = names.and_then(|names| Some((names, names.duplicate()?))) {
            let order = names.sorted();
            let repeated = |pair: &&[u32]| names[pair[0] as usize] == names[pair[1] as usize];
            let count = order.windows(2).filter(repeated).count();
            let text = format!(
                "{part}: {count} of {} rows {} the name of an earlier row; `{}` is the name of row {earlier} and of row \
                 {later} (counted from 0)",
                names.len(),
                have(count),
                shown(&names[later])
            );
            findings.push(Finding::error(kind::DUPLICATE_NAMES, text));
        }
        let classes = &self.table.classes;
        if let Some((later, earlier)) = classes.duplicate() {
            let name = shown(&classes[later]);
            let text = format!(
                "{part}: `{name}` is the name of class {earlier} and of class {later} (counted from 0)"
            );
            findings.push(Finding::error(kind::DUPLICATE_CLASSES, text));
        }
    }

    fn report_labels(&self, labels: Labels<'_>, scan: &LabelScan, report: &mut PartReport) {
        let names = self.classes();
        report.classes = scan.classes;
        report.cardinality = scan.positives as f64 / scan.rows.max(1) as f64;
        report.density = report.cardinality / scan.classes.max(1) as f64;
        report.unknown = scan.unknown as f64 / scan.cells().max(1) as f64;
        report.unknown_cells = scan.unknown;
        report.rows_by_positives.clone_from(&scan.rows_by_positives);
        report.empty_rows = scan.empty_rows();
        report.label_sets = scan.label_sets;
        report.empty_classes = scan.empty_classes();
        let counts = &scan.counts;
        report.head_medium_tail = [
            counts.iter().filter(|&&count| count >= 100).count(),
            counts.iter().filter(|&&count| (20..100).contains(&count)).count(),
            counts.iter().filter(|&&count| count < 20).count(),
        ];
        let rarest = counts.iter().copied().filter(|&count| count > 0).min().unwrap_or(1);
        report.imbalance = counts.iter().copied().max().unwrap_or(0) as f64 / rarest as f64;
        let mut order: Vec<usize> = (0..counts.len()).collect();
        order.sort_unstable_by_key(|&class| (std::cmp::Reverse(counts[class]), class));
        if order.len() > LISTED_CLASSES {
            order.truncate(LISTED_CLASSES);
            report.notes.push(format!(
                "of {} classes the {LISTED_CLASSES} with the most positives are listed",
                scan.classes
            ));
        }
        report.class_counts = order.iter().map(|&class| (names.name(class), counts[class])).collect();
        let square = |(&positives, &rows): (&usize, &usize)| {
            (positives as u64).saturating_mul(positives as u64).saturating_mul(rows as u64)
        };
        let squares = scan.rows_by_positives.iter().map(square).fold(0, u64::saturating_add);
        match pairs::most_frequent(labels, squares, LISTED_PAIRS) {
            Some(pairs) => {
                let named =
                    |&(a, b, rows): &pairs::Pair| (names.name(a as usize), names.name(b as usize), rows);
                report.together = pairs.iter().map(named).collect();
            }
            None => report.notes.push(format!(
                "pairs of classes are not counted: the sum over rows of positives^2 is {squares}"
            )),
        }
    }

    fn check_labels(&self, scan: &LabelScan, findings: &mut Vec<Finding>) {
        let (part, names) = (self.name, self.classes());
        if scan.classes == 0 {
            return findings
                .push(Finding::warning(kind::NO_CLASSES, format!("{part}: the labels have no classes")));
        }
        if scan.rows == 0 {
            return;
        }
        let mut warn = |kind, text| findings.push(Finding::warning(kind, text));
        if let Some((row, class)) = scan.first_unknown {
            let text = format!(
                "{part}: {} of {} labels are unknown; the first is that of {}, {}",
                scan.unknown,
                scan.cells(),
                self.row(row),
                names.shown(class)
            );
            warn(kind::UNKNOWN_LABELS, text);
            if scan.negatives == 0 && scan.positives > 0 {
                let text = format!("{part}: no label is negative, {} are positive", scan.positives);
                warn(kind::NO_NEGATIVE, format!("{text} and the others unknown"));
            }
        }
        if scan.positives == 0 {
            let text = format!("{part}: no label is positive, {} are negative", scan.negatives);
            return findings.push(Finding::error(
                kind::NO_POSITIVE,
                format!("{text} and {} unknown; are these the right labels?", scan.unknown),
            ));
        }
        if let Some(row) = scan.first_empty_row {
            let (count, all) = (scan.empty_rows(), scan.rows);
            let text = format!("{part}: {count} of {all} rows {} no positive", have(count));
            warn(kind::ROWS_WITHOUT_POSITIVE, format!("{text}; the first is {}", self.row(row)));
        }
        let with = |wanted: usize| {
            let counts = scan.counts.iter().enumerate();
            counts.filter(move |(_, count)| **count == wanted).map(|(class, _)| class)
        };
        let (empty, always) = (with(0).count(), with(scan.rows).count());
        if empty > 0 {
            let text = format!("{part}: {empty} of {} classes {} no positive", scan.classes, have(empty));
            warn(kind::CLASSES_WITHOUT_POSITIVE, format!("{text}: {}", names.some(with(0))));
        }
        if always > 0 {
            let verb = if always == 1 { "is" } else { "are" };
            let text = format!("{part}: {always} of {} classes {verb} positive in every row", scan.classes);
            warn(kind::CLASSES_ALWAYS_POSITIVE, format!("{text}: {}", names.some(with(scan.rows))));
        }
    }

    fn report_observed(&self, scan: &LabelScan, findings: &mut Vec<Finding>) -> ObservedReport {
        let part = self.name;
        let per_row = |count: usize| count as f64 / scan.rows.max(1) as f64;
        let mut report = ObservedReport {
            rows: scan.rows,
            classes: scan.classes,
            positives: scan.positives,
            negatives: scan.negatives,
            unknown: scan.unknown,
            positives_per_row: per_row(scan.positives),
            negatives_per_row: per_row(scan.negatives),
            unknown_per_row: per_row(scan.unknown),
            empty_rows: scan.empty_rows(),
            empty_classes: scan.empty_classes(),
            contradictions: 0,
        };
        if let Some((row, class, count)) = self.contradictions() {
            report.contradictions = count;
            let known = scan.positives + scan.negatives;
            let text = format!(
                "{part}: {count} of {known} known observed labels contradict the true ones; the first is that of \
                 {}, {}",
                self.row(row),
                self.classes().shown(class)
            );
            findings.push(Finding::error(kind::OBSERVED_CONTRADICTS_TRUTH, text));
        }
        let (positives, negatives) = (scan.positives, scan.negatives);
        if scan.cells() == 0 {
            return report;
        }
        findings.extend(match (positives, negatives) {
            (0, 0) => {
                let text = format!("{part}: all {} observed labels are unknown", scan.unknown);
                Some(Finding::error(kind::OBSERVED_ALL_UNKNOWN, text))
            }
            (0, _) => {
                let text = format!("{part}: no observed label is positive, {negatives} are negative");
                Some(Finding::error(kind::OBSERVED_NO_POSITIVE, text))
            }
            (_, 0) => {
                let text = format!("{part}: no observed label is negative, {positives} are positive");
                Some(Finding::warning(kind::OBSERVED_NO_NEGATIVE, text))
            }
            _ => None,
        });
        if positives > 0 {
            self.check_observed_classes(scan, findings);
        }
        report
    }

    /// Classes and rows of which nothing positive was observed although there is something, and classes of which nothing
    /// was observed at all.
    fn check_observed_classes(&self, scan: &LabelScan, findings: &mut Vec<Finding>) {
        let part = self.name;
        let Some(truth) = self.labels.as_ref().filter(|truth| truth.counts.len() == scan.counts.len()) else {
            return;
        };
        let classes = scan.classes;
        let hidden: Vec<usize> =
            (0..classes).filter(|&class| scan.counts[class] == 0 && truth.counts[class] > 0).collect();
        if !hidden.is_empty() {
            let text = format!(
                "{part}: {} of {classes} classes have true positives and no observed one: {}",
                hidden.len(),
                self.classes().some(hidden.iter().copied())
            );
            findings.push(Finding::warning(kind::OBSERVED_CLASSES_WITHOUT_POSITIVE, text));
        }
        if let Some(observed) = &self.table.observed
            && scan.negatives > 0
        {
            let mut known = vec![false; classes];
            for row in 0..observed.rows() {
                known.iter_mut().zip(observed.row(row)).for_each(|(known, label)| *known |= label.is_known());
            }
            let unknown: Vec<usize> = (0..classes).filter(|&class| !known[class]).collect();
            if !unknown.is_empty() {
                let text = format!(
                    "{part}: {} of {classes} classes have no known observed label, so a loss on known labels never trains \
                     them: {}",
                    unknown.len(),
                    self.classes().some(unknown.iter().copied())
                );
                findings.push(Finding::warning(kind::OBSERVED_CLASSES_UNKNOWN, text));
            }
        }
        let (empty, truly) = (scan.empty_rows(), truth.empty_rows());
        if empty > truly {
            let first = scan
                .first_empty_row
                .map_or_else(String::new, |row| format!("; the first is {}", self.row(row)));
            let text = format!(
                "{part}: {empty} of {} rows have no observed positive, and {truly} have no true one{first}",
                scan.rows
            );
            findings.push(Finding::warning(kind::OBSERVED_ROWS_WITHOUT_POSITIVE, text));
        }
    }

    /// Row and class of the first known observed label that differs from a known true one, and how many do.
    fn contradictions(&self) -> Option<(usize, usize, usize)> {
        let (observed, table) = (self.table.observed.as_ref()?, self.table.labels.as_ref()?);
        let labels = Labels::from(table);
        if (observed.rows(), observed.classes()) != (labels.rows(), labels.classes()) {
            return None;
        }
        let (mut first, mut count) = (None, 0);
        let mut truth = Vec::new();
        let rows = if observed.classes() == 0 { 0 } else { observed.rows() };
        for row in 0..rows {
            truth.resize(labels.classes(), Label::Unknown);
            labels.fill(row, &mut truth);
            let cells = observed.row(row).iter().zip(&truth);
            let differs = |(a, b): (&Label, &Label)| a != b && a.is_known() && b.is_known();
            let of_row = cells.clone().filter(|&cells| differs(cells)).count();
            if of_row > 0 && first.is_none() {
                first = cells.clone().position(differs).map(|class| (row, class));
            }
            count += of_row;
        }
        first.map(|(row, class)| (row, class, count))
    }

    fn report_features(&self, scan: &FeatureScan, report: &mut PartReport, findings: &mut Vec<Finding>) {
        let part = self.name;
        report.columns = scan.columns;
        report.constant_columns = scan.constant_columns;
        if scan.columns == 0 {
            let text = format!("{part}: the features have no columns");
            return findings.push(Finding::error(kind::NO_COLUMNS, text));
        }
        if let Some((row, column, value)) = scan.not_finite {
            let text = format!("{part}: the feature of {}, column {column} is {value}", self.row(row));
            findings.push(Finding::error(
                kind::NOT_FINITE,
                format!("{text}; extract that row again or leave it out"),
            ));
        }
        let repeated = rows::duplicates(&scan.hashes, self.feature_order());
        report.duplicate_rows = repeated.len();
        if let Some(&(row, earlier)) = repeated.first() {
            let mut text = format!(
                "{part}: {} of {} rows {} the features of an earlier row",
                repeated.len(),
                report.rows,
                have(repeated.len())
            );
            let hashes = self.labels.as_ref().map_or(&[][..], |labels| &labels.hashes);
            let other = |&(row, earlier): &(usize, usize)| {
                hashes.get(row).is_some_and(|labels| *labels != hashes[earlier])
            };
            report.contradictions = repeated.iter().filter(|pair| other(pair)).count();
            let example = match repeated.iter().find(|pair| other(pair)) {
                Some(&(row, earlier)) => {
                    text += &format!(", {} of them other labels", report.contradictions);
                    (row, earlier)
                }
                None if self.labels.is_some() => {
                    text += " and its labels";
                    (row, earlier)
                }
                None => (row, earlier),
            };
            text += &format!("; for example {} and {}", self.row(example.0), self.row(example.1));
            findings.push(Finding::warning(kind::DUPLICATE_ROWS, text));
        }
        if scan.constant_columns > 0 {
            let (count, all) = (scan.constant_columns, scan.columns);
            let text =
                format!("{part}: {count} of {all} columns {} the same value in every row", have(count));
            findings.push(Finding::warning(kind::CONSTANT_COLUMNS, text));
        }
    }
}

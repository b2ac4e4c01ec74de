//! `lacuna doctor`: what a data set is, and what is wrong with it.

use crate::{DataArgs, out};
use clap::Args;
use lacuna_formats::{FormatError, Limits, Strings, Table};
use lacuna_labels::{Features, LabelMatrix};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

/// Looks at a data set: counts, long tail, company of classes, duplicates, broken features, leakage, fingerprint
///
/// Exit codes: 0 nothing worse than a warning, 1 errors in the data, 2 the command line or a file that cannot be read.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// What was found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The parts, train first.
    pub parts: Vec<PartReport>,
    /// Rows of the test part whose features are those of a training row, to the bit.
    pub leaked_rows: usize,
    /// BLAKE3 of names, labels and features of all parts, in hexadecimal.
    pub fingerprint: String,
    /// What has to be mended.
    pub errors: Vec<String>,
    /// What may be meant.
    pub warnings: Vec<String>,
}

/// What was found in one part.
#[derive(Debug, Default, Serialize)]
pub struct PartReport {
    /// `train`, `test`.
    pub part: &'static str,
    /// Rows.
    pub rows: usize,
    /// Columns of features; 0 without features.
    pub columns: usize,
    /// Classes; 0 without labels.
    pub classes: usize,
    /// Mean number of positives of a row.
    pub cardinality: f64,
    /// Cardinality over the number of classes.
    pub density: f64,
    /// Share of cells that are unknown.
    pub unknown: f64,
    /// Rows by their number of positives.
    pub rows_by_positives: BTreeMap<usize, usize>,
    /// Rows without a positive.
    pub empty_rows: usize,
    /// Different sets of positives.
    pub label_sets: usize,
    /// Positives of each class, most first.
    pub class_counts: Vec<(String, usize)>,
    /// Positives of the commonest class over those of the rarest that has some.
    pub imbalance: f64,
    /// Classes with at least 100 rows, with 20 to 99, with fewer.
    pub head_medium_tail: [usize; 3],
    /// The pairs of classes that come together most, with the number of rows.
    pub together: Vec<(String, String, usize)>,
    /// Columns whose value never changes.
    pub constant_columns: usize,
    /// Rows whose features another row has as well, to the bit.
    pub duplicate_rows: usize,
    /// Rows that have features in common and labels that differ.
    pub contradictions: usize,
}

/// Looks and prints; answers whether there are errors.
///
/// # Errors
/// What cannot be read at all.
pub fn run(args: &DoctorArgs) -> anyhow::Result<bool> {
    let report = examine(&args.data)?;
    let text = match args.json {
        true => serde_json::to_string(&report)? + "\n",
        false => report.text(&args.data),
    };
    out(&text)?;
    Ok(!report.errors.is_empty())
}

/// Looks at a data set.
///
/// # Errors
/// What cannot be read at all. Values that are no features, and labels or names that are none, are findings.
pub fn examine(data: &DataArgs) -> anyhow::Result<Report> {
    let mut report = Report {
        parts: Vec::new(),
        leaked_rows: 0,
        fingerprint: String::new(),
        errors: Vec::new(),
        warnings: Vec::new(),
    };
    let content = match data.open() {
        Ok(content) => content,
        // Such a file is read well and has bad contents: a finding, with its place.
        Err(error) => match error.downcast_ref::<FormatError>() {
            Some(
                FormatError::NotFinite { .. }
                | FormatError::Label { .. }
                | FormatError::Mismatch { .. }
                | FormatError::Empty { .. },
            ) => {
                report.errors.push(error.to_string());
                return Ok(report);
            }
            _ => return Err(error),
        },
    };
    let limits = Limits::default();
    let mut hash = blake3::Hasher::new();
    let mut hashes = Vec::new();
    for (part, table) in [("train", Some(content.train)), ("test", content.test)] {
        let Some(table) = table else { continue };
        let (found, rows) = examine_part(part, table, &limits, &mut hash, &mut report)?;
        report.parts.push(found);
        hashes.push(rows);
    }
    if let [train, test] = &hashes[..] {
        let of_train: std::collections::HashSet<&[u8; 32]> = train.iter().collect();
        report.leaked_rows = test.iter().filter(|row| of_train.contains(row)).count();
        if report.leaked_rows > 0 {
            let (leaked, all) = (report.leaked_rows, test.len());
            report
                .errors
                .push(format!("{leaked} of {all} test rows have the features of a training row: leakage"));
        }
    }
    report.fingerprint = hash.finalize().to_hex().to_string();
    Ok(report)
}

type RowHashes = Vec<[u8; 32]>;

fn examine_part(
    part: &'static str,
    table: Table,
    limits: &Limits,
    hash: &mut blake3::Hasher,
    report: &mut Report,
) -> anyhow::Result<(PartReport, RowHashes)> {
    let mut found = PartReport { part, rows: table.rows(), ..PartReport::default() };
    let labels = match &table.labels {
        Some(labels) => Some(labels.to_observed(&table.path, limits)?),
        None => None,
    };
    if let Some(names) = &table.names {
        examine_names(part, names, report);
        for name in names.iter() {
            hash.update(&(name.len() as u64).to_le_bytes());
            hash.update(name.as_bytes());
        }
    }
    let mut rows = RowHashes::new();
    if let Some(labels) = &labels {
        examine_labels(&mut found, labels, &table.classes, report);
        update(hash, labels.rows(), labels.classes());
        let cells: Vec<u8> = labels.cells().iter().map(|&label| label as i8 as u8).collect();
        hash.update(&cells);
    }
    if let Some(features) = table.features {
        let features = features.into_dense(&table.path, limits)?;
        if labels.as_ref().is_some_and(|labels| labels.rows() != features.rows()) {
            let labels = labels.as_ref().map_or(0, |labels| labels.rows());
            report
                .errors
                .push(format!("{part}: {} rows of features and {labels} of labels", features.rows()));
        }
        update(hash, features.rows(), features.columns());
        rows = examine_features(&mut found, &features, labels.as_deref(), hash, report);
    }
    if found.rows == 0 {
        report.errors.push(format!("{part}: there are no rows"));
    }
    Ok((found, rows))
}

fn update(hash: &mut blake3::Hasher, rows: usize, columns: usize) {
    hash.update(&(rows as u64).to_le_bytes());
    hash.update(&(columns as u64).to_le_bytes());
}

fn examine_names(part: &str, names: &Strings, report: &mut Report) {
    if let Some((later, earlier)) = names.duplicate() {
        report.errors.push(format!(
            "{part}: the name {:?} stands for row {earlier} and for row {later} (counted from 0)",
            &names[later]
        ));
    }
}

fn examine_labels(found: &mut PartReport, labels: &LabelMatrix, classes: &Strings, report: &mut Report) {
    let part = found.part;
    let name = |class: usize| classes.get(class).map_or_else(|| format!("class {class}"), String::from);
    found.classes = labels.classes();
    found.cardinality = labels.mean_positives_per_row();
    found.density = found.cardinality / labels.classes().max(1) as f64;
    let unknown = labels.cells().iter().filter(|label| !label.is_known()).count();
    found.unknown = unknown as f64 / labels.cells().len().max(1) as f64;
    let mut sets: HashMap<Vec<usize>, usize> = HashMap::new();
    let mut together = vec![0_usize; labels.classes() * labels.classes()];
    for row in 0..labels.rows() {
        let positives: Vec<usize> =
            (0..labels.classes()).filter(|&class| labels.get(row, class).is_positive()).collect();
        *found.rows_by_positives.entry(positives.len()).or_default() += 1;
        for (i, &one) in positives.iter().enumerate() {
            positives[i + 1..].iter().for_each(|&other| together[one * labels.classes() + other] += 1);
        }
        *sets.entry(positives).or_default() += 1;
    }
    found.empty_rows = found.rows_by_positives.get(&0).copied().unwrap_or_default();
    found.label_sets = sets.len();
    let counts = labels.positives_per_class();
    found.head_medium_tail = [
        counts.iter().filter(|&&n| n >= 100).count(),
        counts.iter().filter(|&&n| (20..100).contains(&n)).count(),
        counts.iter().filter(|&&n| n < 20).count(),
    ];
    let rarest = counts.iter().copied().filter(|&n| n > 0).min().unwrap_or(1);
    found.imbalance = counts.iter().copied().max().unwrap_or(0) as f64 / rarest as f64;
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|&class| std::cmp::Reverse(counts[class]));
    found.class_counts = order.iter().map(|&class| (name(class), counts[class])).collect();
    let mut pairs: Vec<usize> = (0..together.len()).filter(|&pair| together[pair] > 0).collect();
    pairs.sort_by_key(|&pair| std::cmp::Reverse(together[pair]));
    let of_pair =
        |&pair: &usize| (name(pair / labels.classes()), name(pair % labels.classes()), together[pair]);
    found.together = pairs.iter().take(10).map(of_pair).collect();

    let mut empty: Vec<String> = (0..counts.len()).filter(|&class| counts[class] == 0).map(name).collect();
    if !empty.is_empty() {
        let all = empty.len();
        empty.truncate(5);
        report.warnings.push(format!("{part}: {all} classes have no positive ({} ...)", empty.join(", ")));
    }
    if let Some(class) = (0..counts.len()).find(|&class| counts[class] == labels.rows() && labels.rows() > 0)
    {
        report.warnings.push(format!("{part}: the class {} is positive in every row", name(class)));
    }
    if found.empty_rows > 0 {
        report.warnings.push(format!("{part}: {} rows have no positive", found.empty_rows));
    }
}

fn examine_features(
    found: &mut PartReport,
    features: &Features,
    labels: Option<&LabelMatrix>,
    hash: &mut blake3::Hasher,
    report: &mut Report,
) -> RowHashes {
    let part = found.part;
    found.columns = features.columns();
    let mut constant = vec![true; features.columns()];
    let mut rows = RowHashes::with_capacity(features.rows());
    let mut bytes = Vec::with_capacity(features.columns() * 4);
    for row in 0..features.rows() {
        let x = features.row(row);
        constant.iter_mut().zip(x).zip(features.row(0)).for_each(|((c, x), first)| *c &= x == first);
        bytes.clear();
        x.iter().for_each(|x| bytes.extend(x.to_le_bytes()));
        hash.update(&bytes);
        rows.push(*blake3::hash(&bytes).as_bytes());
    }
    found.constant_columns = constant.iter().filter(|&&constant| constant).count();
    let mut first: HashMap<&[u8; 32], usize> = HashMap::new();
    for (row, key) in rows.iter().enumerate() {
        let Some(&earlier) = first.get(key) else {
            first.insert(key, row);
            continue;
        };
        found.duplicate_rows += 1;
        let differs = |labels: &LabelMatrix| row < labels.rows() && labels.row(row) != labels.row(earlier);
        found.contradictions += usize::from(labels.is_some_and(differs));
    }
    if found.duplicate_rows > 0 {
        report.warnings.push(format!(
            "{part}: {} rows repeat the features of an earlier row, {} with other labels",
            found.duplicate_rows, found.contradictions
        ));
    }
    if found.constant_columns > 0 {
        let (count, all) = (found.constant_columns, found.columns);
        report.warnings.push(format!("{part}: {count} of {all} columns never change"));
    }
    rows
}

impl Report {
    fn text(&self, data: &DataArgs) -> String {
        let mut text = format!("{}\n", data.data.display());
        for part in &self.parts {
            let _ = writeln!(
                text,
                "\n{}: {} rows, {} features, {} classes",
                part.part, part.rows, part.columns, part.classes
            );
            if part.classes > 0 {
                let _ = writeln!(
                    text,
                    "  cardinality {:.3}, density {:.4}, {} label sets, {:.1} % of the cells unknown",
                    part.cardinality,
                    part.density,
                    part.label_sets,
                    100.0 * part.unknown
                );
                let by: Vec<String> =
                    part.rows_by_positives.iter().take(8).map(|(k, rows)| format!("{k}: {rows}")).collect();
                let _ = writeln!(text, "  rows by positives  {}", by.join("  "));
                let [head, medium, tail] = part.head_medium_tail;
                let _ = writeln!(
                    text,
                    "  long tail  head {head}, medium {medium}, tail {tail} classes (100, 20 rows); imbalance {:.1}",
                    part.imbalance
                );
                let count = |(name, count): &(String, usize)| format!("{name} {count}");
                let most: Vec<String> = part.class_counts.iter().take(5).map(count).collect();
                let least: Vec<String> = part.class_counts.iter().rev().take(5).map(count).collect();
                let _ = writeln!(text, "  most   {}\n  least  {}", most.join(", "), least.join(", "));
                let pairs: Vec<String> =
                    part.together.iter().take(5).map(|(a, b, n)| format!("{a} + {b} {n}")).collect();
                let _ = writeln!(text, "  together  {}", pairs.join(", "));
            }
            if part.columns > 0 {
                let _ = writeln!(
                    text,
                    "  features  {} constant columns, {} duplicate rows, {} of them with other labels",
                    part.constant_columns, part.duplicate_rows, part.contradictions
                );
            }
        }
        if self.parts.len() == 2 {
            let _ = writeln!(
                text,
                "\nleakage: {} test rows have the features of a training row",
                self.leaked_rows
            );
        }
        if !self.fingerprint.is_empty() {
            let _ = writeln!(text, "fingerprint: {}", self.fingerprint);
        }
        self.warnings.iter().for_each(|warning| {
            let _ = writeln!(text, "warning: {warning}");
        });
        self.errors.iter().for_each(|error| {
            let _ = writeln!(text, "error: {error}");
        });
        text
    }
}

//! Tables of studies: rows beside published numbers, claims with their verdicts, causes with their interventions.

use anyhow::{Context, bail};
use lacuna::cli::{exit, screen};
use lacuna_harness::{Cells, Chosen, Difference, Spec, Spread, StudyHead, StudyRecord, Verdict};
use lacuna_train::MetricRow;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

/// The metric of a column, whatever the weights that it is of: `map` of `map.last`.
pub(crate) fn metric_of_column(column: &str) -> Option<&'static MetricRow> {
    lacuna_train::metric(column.split('.').next().unwrap_or(column)).ok()
}

/// Digits of a metric: those in percent are rounded to hundredths.
pub(crate) fn digits(metric: &str) -> usize {
    let percent = metric_of_column(metric).is_some_and(|row| row.convention.starts_with("percent"));
    if percent { 2 } else { 4 }
}

/// Whether a table of claims says who makes them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sources {
    /// It does.
    Named,
    /// They are left to the specification, since a line of a terminal is short.
    Left,
}

/// The three tables of a study: rows, claims, causes.
pub(crate) fn tables(spec: &Spec, record: &StudyRecord, sources: Sources) -> [Cells; 3] {
    [rows(spec, record), claims(spec, record, sources), causes(spec, record)]
}

/// `86.41 ± 0.52 ± 0.21`.
fn spread(value: Option<&Spread>, metric: &str) -> String {
    let digits = digits(metric);
    value.map_or_else(String::new, |Spread { mean, masks, inits }| {
        format!("{mean:.digits$} ± {masks:.digits$} ± {inits:.digits$}")
    })
}

fn setting(chosen: &Chosen) -> String {
    let edge = if chosen.at_edge.is_empty() { "" } else { " (edge)" };
    format!("{}{edge}", chosen.setting)
}

fn rows(spec: &Spec, record: &StudyRecord) -> Cells {
    let metrics = &spec.evaluation.metrics;
    let with_observed = record.rows.iter().any(|row| row.observed.is_some());
    let notes = record.rows.iter().any(|row| !row.note.is_empty());
    let budgets = record.rows.iter().any(|row| row.budget > 1);
    let of_data = || {
        spec.published.iter().filter(|p| {
            p.variant.is_none() && p.data == record.head.data && p.train_rows == record.head.train_rows
        })
    };
    let published: Vec<&String> =
        metrics.iter().filter(|name| of_data().any(|p| p.metric == **name)).collect();
    let mut header = vec!["row".to_string()];
    header.extend(notes.then(|| "note".to_string()));
    header.extend(budgets.then(|| "settings tried".to_string()));
    header.extend(metrics.iter().cloned());
    header.extend(budgets.then(|| "setting".to_string()));
    if with_observed {
        header.extend(metrics.iter().map(|name| format!("{name}, observed")));
        header.extend(budgets.then(|| "setting, observed".to_string()));
    }
    header.extend(published.iter().map(|name| format!("{name} elsewhere")));
    let row = |row: &lacuna_harness::StudyRow| {
        let mut cells = vec![row.row.clone()];
        cells.extend(notes.then(|| row.note.clone()));
        cells.extend(budgets.then(|| row.budget.to_string()));
        cells.extend(metrics.iter().map(|name| spread(row.clean.metrics.get(name), name)));
        cells.extend(budgets.then(|| setting(&row.clean)));
        if with_observed {
            let observed = row.observed.as_ref();
            let of = |name: &String| spread(observed.and_then(|chosen| chosen.metrics.get(name)), name);
            cells.extend(metrics.iter().map(of));
            cells.extend(budgets.then(|| observed.map_or_else(String::new, setting)));
        }
        for name in &published {
            let number = of_data().find(|p| p.loss == row.row && p.metric == **name);
            cells.push(number.map_or_else(String::new, |p| {
                format!("{:.*}{}", digits(name), p.value, if p.memory { " (from memory)" } else { "" })
            }));
        }
        cells
    };
    let head = &record.head;
    let mut notes = vec![format!(
        "mean ± standard deviation between masks ± that between first weights (divided by their number less one); {} masks x {} seeds of first \
         weights and order of rows",
        head.masks.len(),
        head.inits
    )];
    if with_observed {
        notes.push(
            "observed: setting and epoch chosen on the observed labels of the validation rows".to_string(),
        );
    }
    notes.extend(same_figures(record));
    let left_out = spec.losses.iter().filter(|loss| record.rows.iter().all(|row| row.row != loss.row()));
    let left_out: Vec<&str> = left_out.map(|loss| loss.row()).collect();
    if !left_out.is_empty() {
        notes.push(format!("not run: {}", left_out.join(", ")));
    }
    if record.rows.iter().any(|row| !row.clean.at_edge.is_empty()) {
        notes.push("(edge): at an end of its grid, beyond which a better setting may lie".to_string());
    }
    let mut sources: Vec<&str> = of_data().map(|p| p.source.as_str()).collect();
    sources.dedup();
    if !sources.is_empty() {
        notes.push(format!("elsewhere: {}", sources.join("; ")));
    }
    let failed = record.rows.iter().flat_map(|row| &row.failed);
    notes.extend(failed.map(|why| format!("failed: {why}")));
    Cells { numbers: vec![], rows: record.rows.iter().map(row).collect(), header, notes }
}

/// Rows that came out the same in every figure: one method under two names on this data.
fn same_figures(record: &StudyRecord) -> Vec<String> {
    let mut notes = Vec::new();
    for (i, row) in record.rows.iter().enumerate() {
        let same = |other: &&lacuna_harness::StudyRow| {
            other.clean.test_ap == row.clean.test_ap
                && other.clean.metrics == row.clean.metrics
                && other.labels == row.labels
        };
        if let Some(first) = record.rows[..i].iter().find(same) {
            notes.push(format!("{} has the figures of {}: count one of the two", row.row, first.row));
        }
    }
    notes
}

/// `+1.20 [0.40, 2.10]`.
fn interval(difference: &Difference, metric: &str) -> String {
    let digits = digits(metric);
    let Difference { mean, low, high, .. } = difference;
    format!("{mean:+.digits$} [{low:.digits$}, {high:.digits$}]")
}

fn claims(spec: &Spec, record: &StudyRecord, sources: Sources) -> Cells {
    let source = |decided: &lacuna_harness::DecidedClaim| {
        let key = (&decided.better, &decided.worse, &decided.metric);
        let same = |claim: &&lacuna_harness::Claim| {
            (&claim.better, &claim.worse, &claim.metric) == key && claim.is_on(&record.head.data)
        };
        let of = spec.claims.iter().find(same);
        of.map_or_else(String::new, |claim| claim.source.clone())
    };
    let with_observed = record.claims.iter().any(|claim| claim.observed.is_some());
    let less = |claim: &lacuna_harness::DecidedClaim| {
        metric_of_column(&claim.metric).is_some_and(|row| !row.larger_is_better)
    };
    let losses = record.claims.iter().any(less);
    let mut header: Vec<String> =
        ["claim", "metric", "difference", "p (Holm)", "verdict"].map(String::from).into();
    header.extend(with_observed.then(|| "chosen on observed labels".to_string()));
    header.extend((sources == Sources::Named).then(|| "who says so".to_string()));
    let row = |claim: &lacuna_harness::DecidedClaim| {
        let mut cells = vec![
            format!("{} better than {}", claim.better, claim.worse),
            claim.metric.clone(),
            interval(&claim.clean, &claim.metric),
            format!("{:.3}", claim.clean.holm),
            claim.clean.verdict().to_string(),
        ];
        let observed = claim.observed.as_ref();
        cells.extend(with_observed.then(|| {
            observed.map_or_else(String::new, |difference| {
                format!("{}: {}", difference.verdict(), interval(difference, &claim.metric))
            })
        }));
        cells.extend((sources == Sources::Named).then(|| source(claim)));
        cells
    };
    let notes = vec![format!(
        "difference: mean and 95 % interval, greater than 0 where the claim is right{}; its variance is that of {} paired resamples of the test rows \
         and that between masks and first weights; holds and does not hold where p after Holm's correction over the {} claims is below \
         0.05, else not separable",
        if losses { " (of a metric of which less is better, the worse minus the better)" } else { "" },
        record.head.resamples,
        record.claims.len()
    )];
    Cells { header, rows: record.claims.iter().map(row).collect(), numbers: vec![], notes }
}

/// What makes the gap, as the specification has it now.
fn says<'t>(spec: &'t Spec, cause: &'t lacuna_harness::DecidedCause) -> &'t str {
    let same = |of: &&lacuna_harness::Cause| {
        (&of.gap, &of.changed, &of.metric) == (&cause.gap, &cause.changed, &cause.metric)
    };
    spec.causes.iter().find(same).map_or(&cause.says, |of| &of.says)
}

fn causes(spec: &Spec, record: &StudyRecord) -> Cells {
    let header = ["cause", "gap", "as it stands", "changed", "the setting makes", "p (Holm)", "shown"];
    let row = |cause: &lacuna_harness::DecidedCause| {
        let ([a, b], [c, d]) = (&cause.gap, &cause.changed);
        vec![
            says(spec, cause).to_string(),
            format!("{a} over {b}; changed: {c} over {d} ({})", cause.metric),
            interval(&cause.before, &cause.metric),
            interval(&cause.after, &cause.metric),
            interval(&cause.made, &cause.metric),
            format!("{:.3}", cause.made.holm),
            if cause.is_shown() { "yes" } else { "no" }.to_string(),
        ]
    };
    let rows = record.causes.iter().map(row).collect();
    Cells { header: header.map(String::from).into(), rows, numbers: vec![], notes: vec![] }
}

/// Prints the page of these records, each with the benchmark that it names.
pub(crate) fn command(files: &[PathBuf]) -> anyhow::Result<i32> {
    let mut seen = HashSet::new();
    let read = |path: &PathBuf| {
        let within = || path.display().to_string();
        let text = fs::read_to_string(path).with_context(within)?;
        let record = StudyRecord::parse(&text).map_err(anyhow::Error::msg).with_context(within)?;
        let spec = crate::specs::find(&record.head.benchmark).with_context(within)?;
        let head = &record.head;
        if !seen.insert((head.benchmark.clone(), head.data.clone())) {
            bail!("{}: a second record of {} on {}", path.display(), head.benchmark, head.data);
        }
        if !spec.is_of(&record) {
            screen::err(&format!(
                "note: {}: the benchmark {} has changed since this record was made",
                path.display(),
                head.benchmark
            ));
        }
        Ok((spec, record))
    };
    let records = files.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
    screen::out(&page(&records))?;
    Ok(exit::DONE)
}

/// What the rows of a set are: known for an embedded one, and for files of the name and size that the specification describes.
fn kind(spec: &Spec, head: &StudyHead) -> &'static str {
    let described = spec.needs.iter().any(|needs| {
        needs.data == head.data && needs.train_rows == head.train_rows && needs.classes == head.classes
    });
    match lacuna_source::embedded_set(&head.data).filter(|_| head.embedded) {
        Some(set) if set.is_synthetic() => "synthetic",
        Some(_) => "real",
        None if described => "real",
        None => "files of the user",
    }
}

/// How many differences end in each verdict: `5 / 2 / 3`.
fn counts<'d>(differences: impl Iterator<Item = &'d Difference>) -> String {
    let verdicts: Vec<Verdict> = differences.map(Difference::verdict).collect();
    let of = |wanted: Verdict| verdicts.iter().filter(|verdict| **verdict == wanted).count();
    if verdicts.is_empty() {
        return String::new();
    }
    format!("{} / {} / {}", of(Verdict::Holds), of(Verdict::DoesNotHold), of(Verdict::NotSeparable))
}

/// One line for each record: how its claims and causes ended.
pub(crate) fn summary(records: &[(Spec, StudyRecord)]) -> String {
    let header = [
        "benchmark",
        "data",
        "runs",
        "claims: hold / do not / not separable",
        "the same, chosen on observed labels",
        "causes shown",
    ];
    let row = |(spec, record): &(Spec, StudyRecord)| {
        let StudyRecord { head, claims, causes, .. } = record;
        let shown = causes.iter().filter(|cause| cause.is_shown()).count();
        vec![
            head.benchmark.clone(),
            format!("{}, {}", head.data, kind(spec, head)),
            head.runs.to_string(),
            counts(claims.iter().map(|claim| &claim.clean)),
            counts(claims.iter().filter_map(|claim| claim.observed.as_ref())),
            if causes.is_empty() { String::new() } else { format!("{shown} of {}", causes.len()) },
        ]
    };
    let rows = records.iter().map(row).collect();
    Cells { header: header.map(String::from).into(), rows, numbers: vec![2], notes: vec![] }.markdown()
}

const ABOUT: &str = "\
Every ordering that a paper on missing labels published and that a benchmark of this project asks about ends here as *holds*, *does not \
hold* or *not separable*. Written from the records in `bins/repro/records`; `repro study` makes a record, and a test says when this page \
is older than the records or a record older than its specification:

```sh
cargo run --release --bin repro -- study spml-methods --data features/ --record bins/repro/records/spml-methods-NAME.jsonl
.ci/write verdicts losses
```

How a comparison is made: each row of a study chooses among the settings of its grid, whose number the table has (rows of one comparison have the same, rows with a \
rate in their name and those that follow a paper's recipe choose nothing), on true labels of the validation rows and, where labels of those \
rows are missing too, on observed ones as a second column. Means are over masks and first weights, with the deviation of each. A difference \
is greater than 0 where the claim is right, also for metrics of which less is better. Its variance is that of 2,000 paired resamples of the \
test rows plus that between masks and between first weights, by which Student's t gives the interval and p with as many degrees of freedom \
as five masks and three seeds leave; p is corrected over the claims of a study after Holm. A *cause* is an intervention: the gap as it stands, and \
the gap with what the sentence names changed; it is shown where that makes a part of the gap that is told from 0, and a gap may be left.

Most papers train a whole network; here are heads on fixed features. So orderings and gaps are compared, and numbers of a whole network \
stand beside ours without a tolerance. Synthetic sets are no evidence about real data.
";

/// The page of all records.
pub(crate) fn page(records: &[(Spec, StudyRecord)]) -> String {
    let mut text = format!("# Verdicts\n\n{ABOUT}\n## Summary\n\n{}\n", summary(records));
    text.push_str("## Causes\n\n");
    for (spec, record) in records {
        for cause in record.causes.iter().filter(|cause| cause.is_shown()) {
            let ([a, b], [c, d]) = (&cause.gap, &cause.changed);
            let _ = writeln!(
                text,
                "- {} ({} on {}: {a} over {b} {}; {c} over {d} {}.)",
                says(spec, cause),
                record.head.benchmark,
                record.head.data,
                interval(&cause.before, &cause.metric),
                interval(&cause.after, &cause.metric)
            );
        }
    }
    for (spec, record) in records {
        let head = &record.head;
        let _ =
            write!(text, "\n## {} on {}\n\n{}. {}\n\n", head.benchmark, head.data, spec.title, spec.source);
        for cells in tables(spec, record, Sources::Named).iter().filter(|cells| !cells.rows.is_empty()) {
            let _ = writeln!(text, "{}", cells.markdown());
            cells.notes.iter().for_each(|note| text.push_str(&format!("- {note}\n")));
            text.push('\n');
        }
        head.findings.iter().for_each(|finding| text.push_str(&format!("- **In the data**: {finding}\n")));
        head.conventions.iter().chain(&head.caveat).for_each(|line| text.push_str(&format!("- {line}\n")));
        let _ = writeln!(text, "- {} runs, record of {}, version {}", head.runs, head.data, head.version);
    }
    text
}

/// Every record with its specification, in the order of the files.
#[cfg(test)]
pub(crate) fn kept_records() -> Vec<(Spec, StudyRecord)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("records");
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let of_file = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.len() < 200_000, "{}: a record is small", path.display());
        let record = StudyRecord::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let name = format!("{}-{}.jsonl", record.head.benchmark, record.head.data);
        assert_eq!(path.file_name().unwrap().to_str().unwrap(), name);
        (crate::specs::find(&record.head.benchmark).unwrap(), record)
    };
    files.iter().map(of_file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_record_is_of_its_specification_as_it_is_now() {
        let records = kept_records();
        assert!(!records.is_empty());
        for (spec, record) in &records {
            let head = &record.head;
            assert!(
                spec.is_of(record),
                "the record of {0} on {1} is older than its specification: `repro study {0} --data {1} --record ...` makes it again",
                head.benchmark,
                head.data
            );
        }
    }

    fn compare_or_write(path: &Path, text: &str) {
        if std::env::var_os("LACUNA_WRITE").is_some_and(|value| value == "1") {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let there = fs::read_to_string(path).unwrap_or_default();
        let path = path.display();
        assert!(there == text, "{path} is old: `.ci/write verdicts` writes it");
    }

    #[test]
    fn the_page_and_the_summary_are_those_of_the_records() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        compare_or_write(&root.join("docs/verdicts.md"), &page(&kept_records()));
        let readme = root.join("README.md");
        let text = fs::read_to_string(&readme).unwrap();
        let (start, end) =
            ("<!-- verdicts: written by `.ci/write verdicts` -->\n", "<!-- end of verdicts -->");
        let (before, rest) = text.split_once(start).expect("the README has a place for the summary");
        let (_, after) = rest.split_once(end).expect("the place has an end");
        compare_or_write(&readme, &format!("{before}{start}{}{end}{after}", summary(&kept_records())));
    }
}

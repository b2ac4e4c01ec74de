//! What a sweep has found, and how far it is.

use super::claim::Claims;
use super::folder::CLAIMS;
use super::{Holder, SweepFolder, SweepPlan, SweepRun};
use crate::{HarnessError, RunRecord};
use lacuna_formats::shown;
use lacuna_train::metric;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::time::Duration;

/// A row of a benchmark at one point, over all seeds. Points that do not differ for the row are one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CollectedRow {
    /// Name of the row.
    pub row: String,
    /// The keys and their values; `any` for a key that makes no difference to the row.
    pub values: BTreeMap<String, String>,
    /// Seeds that ran to their end.
    pub seeds: usize,
    /// Mean and standard deviation (divided by the number of seeds) of every metric.
    pub metrics: BTreeMap<String, (f64, f64)>,
    /// Mean of the metric on the validation rows by which points are compared.
    pub validation: Option<f64>,
    /// Whether it is the best point of its row on the validation rows.
    pub best: bool,
    /// Identities of its runs.
    pub ids: Vec<String>,
}

/// All results of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Collected {
    /// Every row at every point; the rows in the order of the specification, the points from the best to the worst.
    pub rows: Vec<CollectedRow>,
    /// Runs, each counted once.
    pub runs: usize,
    /// Those without a record.
    pub missing: usize,
    /// Those that failed: row, point and why.
    pub failed: Vec<String>,
    /// How points were compared, one sentence each.
    pub conventions: Vec<String>,
}

/// Reads the records of a sweep, writes `results.jsonl` and `table.md`, and returns the table.
///
/// # Errors
/// [`HarnessError::Record`] for a record that cannot be read, [`HarnessError::Write`].
pub fn collect(folder: &SweepFolder) -> Result<Collected, HarnessError> {
    let plan = folder.plan()?;
    let mut records: BTreeMap<&str, RunRecord> = BTreeMap::new();
    for run in &plan.runs {
        if !records.contains_key(run.id.as_str())
            && let Some(record) = folder.record(&run.id)?
        {
            records.insert(&run.id, record);
        }
    }
    let mut lines = Vec::new();
    for record in records.values() {
        lines.extend(serde_json::to_vec(record).expect("names and numbers turn into JSON"));
        lines.push(b'\n');
    }
    folder.derive("results.jsonl", &lines).map_err(|error| with_advice(error, folder))?;
    let collected = Collected::of(&plan, &records);
    folder.derive("table.md", collected.markdown(&plan).as_bytes())?;
    Ok(collected)
}

/// What somebody can do who may read the folder and not write into it.
fn with_advice(error: HarnessError, folder: &SweepFolder) -> HarnessError {
    match error {
        HarnessError::Write { source, .. }
            if matches!(source.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) =>
        {
            let problem = format!(
                "collect writes results.jsonl and table.md into this folder, where this process may not write ({}); `repro sweep \
                 status` only reads, and a copy of the folder can be collected",
                source.kind()
            );
            HarnessError::OtherSweep { folder: folder.path().into(), problem }
        }
        error => error,
    }
}

impl Collected {
    fn of(plan: &SweepPlan, records: &BTreeMap<&str, RunRecord>) -> Self {
        let mut rows: Vec<(Vec<&str>, CollectedRow)> = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        for group in plan.runs.chunk_by(|one, other| (one.point, &one.row) == (other.point, &other.row)) {
            let SweepRun { point, row, .. } = &group[0];
            if !names.contains(&row.as_str()) {
                names.push(row);
            }
            let ids: Vec<&str> = group.iter().map(|run| run.id.as_str()).collect();
            let values = &plan.points[*point].0;
            match rows.iter_mut().find(|(known, _)| *known == ids) {
                Some((_, same)) => {
                    for (key, value) in values {
                        let kept = same.values.get_mut(key).expect("all points have the same keys");
                        if kept != value {
                            *kept = "any".to_string();
                        }
                    }
                }
                None => rows.push((ids.clone(), one_row(plan, row, values, &ids, records))),
            }
        }
        let better = metric(&plan.select).ok();
        let mut rows: Vec<CollectedRow> = rows.into_iter().map(|(_, row)| row).collect();
        let place = |row: &CollectedRow| names.iter().position(|name| *name == row.row);
        rows.sort_by(|one, other| {
            place(one).cmp(&place(other)).then_with(|| match (one.validation, other.validation, better) {
                (Some(a), Some(b), Some(metric)) if metric.better(a, b) => std::cmp::Ordering::Less,
                (Some(a), Some(b), Some(metric)) if metric.better(b, a) => std::cmp::Ordering::Greater,
                (a, b, _) => b.is_some().cmp(&a.is_some()),
            })
        });
        for name in &names {
            if let Some(best) =
                rows.iter_mut().find(|row| row.row == *name).filter(|row| row.validation.is_some())
            {
                best.best = true;
            }
        }
        let ids: HashSet<&str> = plan.runs.iter().map(|run| run.id.as_str()).collect();
        let failed = records.values().filter_map(|record| {
            let run = plan.runs.iter().find(|run| run.id == record.id)?;
            match &record.result {
                crate::RunResult::Failed(end) => {
                    let point = &plan.points[run.point];
                    Some(format!("{}, seed {}, {point}: {}", run.row, run.seed, end.failed))
                }
                crate::RunResult::Finished(_) => None,
            }
        });
        let chosen = if rows.iter().any(|row| row.best) {
            format!(
                "The best point of each row is the one with the best mean of {} on the validation rows; test numbers choose \
                 nothing",
                plan.select
            )
        } else {
            "There is no best point: nothing was measured on validation rows, and test numbers choose nothing"
                .to_string()
        };
        Self {
            runs: ids.len(),
            missing: ids.len() - records.len(),
            failed: failed.collect(),
            conventions: vec![
                chosen,
                "Mean ± standard deviation over the seeds, divided by their number".to_string(),
            ],
            rows,
        }
    }

    /// Names of columns and cells of the table.
    pub fn cells(&self, plan: &SweepPlan) -> (Vec<String>, Vec<Vec<String>>) {
        let keys: Vec<&String> =
            plan.points.first().map(|point| point.0.keys().collect()).unwrap_or_default();
        let several = plan.runs.iter().any(|run| run.row != plan.runs[0].row);
        let validation = self.rows.iter().any(|row| row.validation.is_some());
        let mut header: Vec<String> = if several { vec!["row".to_string()] } else { vec![] };
        header.extend(keys.iter().map(|key| short(key, &keys)));
        header.extend(validation.then(|| format!("val {}", plan.select)));
        header.extend(plan.metrics.iter().map(|name| format!("test {name}")));
        header.push("seeds".to_string());
        let number = |name: &str, (mean, std): (f64, f64), seeds: usize| {
            let percent = metric(name).is_ok_and(|metric| metric.convention.starts_with("percent"));
            let digits = if percent { 2 } else { 4 };
            match seeds {
                0 => String::new(),
                1 => format!("{mean:.digits$}"),
                _ => format!("{mean:.digits$} ± {std:.digits$}"),
            }
        };
        let cells = self.rows.iter().map(|row| {
            let mut cells: Vec<String> = if several { vec![shown(&row.row)] } else { vec![] };
            cells.extend(keys.iter().map(|key| row.values[*key].clone()));
            let best = if row.best { " best" } else { "" };
            let of_validation = |value| format!("{}{best}", number(&plan.select, (value, 0.0), 1));
            cells.extend(validation.then(|| row.validation.map_or_else(String::new, of_validation)));
            let of = |name: &String| {
                row.metrics.get(name).map_or_else(String::new, |m| number(name, *m, row.seeds))
            };
            cells.extend(plan.metrics.iter().map(of));
            cells.push(row.seeds.to_string());
            cells
        });
        let cells = cells.collect();
        (header, cells)
    }

    fn markdown(&self, plan: &SweepPlan) -> String {
        let (header, cells) = self.cells(plan);
        let escape = |cell: &String| cell.replace('|', "\\|");
        let line =
            |cells: &[String]| format!("| {} |\n", cells.iter().map(escape).collect::<Vec<_>>().join(" | "));
        let mut text = format!("# {} on {}: {} points\n\n", plan.name, shown(&plan.data), plan.points.len());
        text += &line(&header);
        text += &line(&vec!["---".to_string(); header.len()]);
        cells.iter().for_each(|cells| text += &line(cells));
        text.push('\n');
        self.conventions
            .iter()
            .for_each(|sentence| writeln!(text, "{sentence}.").expect("a string takes all"));
        if self.missing > 0 {
            writeln!(text, "{} of {} runs have no record yet.", self.missing, self.runs)
                .expect("a string takes all");
        }
        for failed in &self.failed {
            writeln!(text, "Failed: {failed}").expect("a string takes all");
        }
        text
    }
}

/// The last part of a key, or all of it where another key ends like it.
fn short(key: &str, keys: &[&String]) -> String {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_string();
    let alike = keys.iter().filter(|other| last(other) == last(key)).count();
    if alike == 1 { last(key) } else { key.to_string() }
}

/// The runs of one row at one point.
fn one_row(
    plan: &SweepPlan,
    row: &str,
    values: &BTreeMap<String, String>,
    ids: &[&str],
    records: &BTreeMap<&str, RunRecord>,
) -> CollectedRow {
    let finished: Vec<_> = ids.iter().filter_map(|id| records.get(id)?.result.finished()).collect();
    let n = finished.len() as f64;
    let names: HashSet<&String> = finished.iter().flat_map(|run| run.metrics.keys()).collect();
    let mut metrics = BTreeMap::new();
    for name in names {
        let values: Option<Vec<f64>> = finished.iter().map(|run| run.metric(name)).collect();
        if let Some(values) = values {
            let mean = values.iter().sum::<f64>() / n;
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
            metrics.insert(name.clone(), (mean, variance.sqrt()));
        }
    }
    // Seeds that are missing would make a mean of fewer numbers look like one of all.
    let whole = finished.len() == ids.len();
    let validation = metrics.get(&format!("val.{}", plan.select)).map(|(mean, _)| *mean).filter(|_| whole);
    CollectedRow {
        row: row.to_string(),
        values: values.clone(),
        seeds: finished.len(),
        metrics,
        validation,
        best: false,
        ids: ids.iter().map(|id| id.to_string()).collect(),
    }
}

/// How far a sweep is.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// Runs, each counted once.
    pub runs: usize,
    /// Those that ran to their end.
    pub finished: usize,
    /// Those that failed.
    pub failed: usize,
    /// Runs without a record that a process has claimed, and who has it.
    pub claimed: Vec<(SweepRun, Holder)>,
    /// Runs that are trained again although they have a record, and who does it. They are counted as finished or failed.
    pub again: Vec<(SweepRun, Holder)>,
    /// Runs that nobody has begun, or that were stopped.
    pub waiting: usize,
    /// Whether there are claims that cannot be read, so that runs at work are among those that wait.
    pub unreadable: bool,
}

/// How far a sweep is. Whoever may read the folder may ask; claims that cannot be read are left out.
///
/// # Errors
/// [`HarnessError::Record`] for a record that cannot be read, [`HarnessError::Write`].
pub fn status(folder: &SweepFolder, stalled_after: Duration) -> Result<Status, HarnessError> {
    let plan = folder.plan()?;
    let claims = Claims::reading(folder.within(CLAIMS), stalled_after);
    let mut seen = HashSet::new();
    let mut status = Status {
        runs: 0,
        finished: 0,
        failed: 0,
        claimed: vec![],
        again: vec![],
        waiting: 0,
        unreadable: claims.is_none() && folder.within(CLAIMS).exists(),
    };
    for run in plan.runs.iter().filter(|run| seen.insert(run.id.as_str())) {
        status.runs += 1;
        let holder = match claims.as_ref().map(|claims| claims.holder(&run.id)) {
            Some(Ok(holder)) => holder,
            Some(Err(_)) => {
                status.unreadable = true;
                None
            }
            None => None,
        };
        let record = folder.record(&run.id)?;
        match (&record, holder) {
            // A claim that was left beside a record is of no meaning.
            (Some(_), Some(holder)) if !holder.stalled => status.again.push((run.clone(), holder)),
            (None, Some(holder)) => status.claimed.push((run.clone(), holder)),
            (None, None) => status.waiting += 1,
            (Some(_), _) => {}
        }
        match record.map(|record| record.result.finished().is_some()) {
            Some(true) => status.finished += 1,
            Some(false) => status.failed += 1,
            None => {}
        }
    }
    Ok(status)
}

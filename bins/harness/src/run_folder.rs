//! A run folder as a reader finds it: nothing is locked, repaired or written.

use crate::store::{CUT_SHORT, DATA, RESULTS, SPEC, parse_records, read};
use crate::{DataLabel, Finished, HarnessError, LabelCounts, LossReport, RunRecord, ScoreFolder, Spec};
use std::path::{Path, PathBuf};

/// The results of one specification.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
    spec: Spec,
    runs: Vec<RunRecord>,
    data: Option<DataLabel>,
    notes: Vec<String>,
}

impl RunFolder {
    /// Reads a folder that `repro run` has written, or is writing.
    ///
    /// # Errors
    /// [`HarnessError::NoResults`] for a folder that is missing or has no results, [`HarnessError::Record`] for a line that is
    /// damaged, [`HarnessError`] for files that cannot be read.
    pub fn read(path: &Path) -> Result<Self, HarnessError> {
        let none =
            |problem: &str| HarnessError::NoResults { folder: path.into(), problem: problem.to_string() };
        if !path.exists() {
            return Err(none("there is no such folder"));
        }
        if !path.is_dir() {
            return Err(none("it is not a folder: name the folder of this file"));
        }
        let there = |name: &str| std::fs::symlink_metadata(path.join(name)).is_ok();
        if !there(SPEC) || !there(RESULTS) {
            return Err(none(match (there("plan.json"), there(SPEC)) {
                (true, _) => "it is the folder of a sweep, which `repro sweep collect` shows",
                (false, true) => "no run has finished: `repro run --out` with this folder continues",
                (false, false) => {
                    "there is no spec.toml with results.jsonl: expected a folder of `repro run`"
                }
            }));
        }
        let file = path.join(SPEC);
        let unreadable = |problem: String| HarnessError::Record { path: file.clone(), line: 1, problem };
        let text = String::from_utf8(read(&file)?).map_err(|_| unreadable("it is not UTF-8".to_string()))?;
        let spec = Spec::parse(&text).map_err(|error| HarnessError::NoResults {
            folder: path.into(),
            problem: format!("its {SPEC} cannot be read: {error}"),
        })?;
        let results = path.join(RESULTS);
        let bytes = read(&results)?;
        let (whole, runs) = parse_records(&results, &bytes, &spec.run_ids()?)?;
        if runs.is_empty() {
            return Err(none("no run has finished: `repro run --out` with this folder continues"));
        }
        let cut = (whole < bytes.len()).then(|| format!("{}: {CUT_SHORT}", results.display()));
        let file = path.join(DATA);
        let data = match there(DATA) {
            false => None,
            true => Some(serde_json::from_slice(&read(&file)?).map_err(|error| HarnessError::Record {
                path: file,
                line: error.line(),
                problem: format!(
                    "invalid data label: {error}; `repro run --out` with this folder writes it again"
                ),
            })?),
        };
        Ok(Self { path: path.into(), spec, runs, data, notes: cut.into_iter().collect() })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The specification with every setting resolved.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The last record of each run, in the order of the specification.
    pub fn runs(&self) -> &[RunRecord] {
        &self.runs
    }

    /// The data in numbers; `None` for a folder of an earlier version.
    pub fn data(&self) -> Option<&DataLabel> {
        self.data.as_ref()
    }

    /// The scores of the test rows.
    pub fn scores(&self) -> ScoreFolder {
        ScoreFolder::new(self.path.join("scores"))
    }

    /// What is not as it should be, one sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The files that were read.
    pub fn files(&self) -> Vec<PathBuf> {
        [SPEC, RESULTS, DATA].iter().map(|name| self.path.join(name)).filter(|path| path.exists()).collect()
    }

    /// The records of a row of the table.
    pub fn records_of<'a>(&'a self, row: &'a str) -> impl Iterator<Item = &'a RunRecord> {
        self.runs.iter().filter(move |run| run.result.loss() == row)
    }

    /// The runs of a row that ended, seed by seed.
    pub fn finished_of<'a>(&'a self, row: &'a str) -> impl Iterator<Item = (&'a str, &'a Finished)> {
        self.records_of(row).filter_map(|run| Some((run.id.as_str(), run.result.finished()?)))
    }

    /// Means and spreads of every row of the table, from the records alone.
    pub fn rows(&self) -> Vec<LossReport> {
        let none = LabelCounts { rows: 0, positives: 0.0, negatives: 0.0, unknown: 0.0 };
        let row = |name: &str| {
            let labels = self.finished_of(name).next().map_or(none, |(_, run)| run.labels);
            let runs: Vec<&RunRecord> = self.records_of(name).collect();
            LossReport::of(name, labels, &runs, &self.spec.evaluation, "")
        };
        self.spec.losses.iter().map(|loss| row(loss.row())).collect()
    }
}

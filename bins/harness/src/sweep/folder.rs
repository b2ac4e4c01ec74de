//! The folder of a sweep, which processes of several machines may share.
//!
//! | file | written | contents |
//! |---|---|---|
//! | `plan.json` | once, before the first run | [`SweepPlan`]: the points, and the identity of every run |
//! | `sweep.toml` | once, before the first run | the specification, with the fingerprint of its data |
//! | `results/ID.json` | when the run ends, under its name at once and whole | its [`RunRecord`] |
//! | `claims/ID.N` | while a process runs it | process, host, a point for each heartbeat |
//! | `checkpoints/ID/` | while the run lasts | its state, from which whoever takes it over goes on |
//! | `models/ID/` | when the run ends, where it was asked for | its head |
//! | `results.jsonl`, `table.md` | by [`collect`](super::collect), derived | all records, and a table of the points |

use crate::{HarnessError, RunRecord, Spec};
use lacuna_formats::{Destination, sweep_temporary_files, write_atomic};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::Point;

const PLAN: &str = "plan.json";
const SPEC: &str = "sweep.toml";
const RESULTS: &str = "results";
pub(super) const CLAIMS: &str = "claims";

/// Largest file of the folder that is read.
const LARGEST: u64 = 1 << 30;

/// Everything that a sweep runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepPlan {
    /// Name of the benchmark.
    pub name: String,
    /// Name of the data.
    pub data: String,
    /// Metric by which epochs, and points, are chosen; `last` for none.
    pub select: String,
    /// Metrics of the table.
    pub metrics: Vec<String>,
    /// The values of the keys.
    pub points: Vec<Point>,
    /// Every run of every point. Points that do not differ for a row have runs in common.
    pub runs: Vec<SweepRun>,
}

impl SweepPlan {
    /// What is wrong with a plan that this program has not written.
    fn problem(&self) -> Option<&'static str> {
        let keys = |point: &Point| point.0.keys().cloned().collect::<Vec<String>>();
        let first = self.points.first().map(keys).unwrap_or_default();
        // An identity is the name of files.
        let plain = |id: &str| {
            (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if self.points.iter().any(|point| keys(point) != first) {
            Some("its points have different keys")
        } else if self.runs.iter().any(|run| run.point >= self.points.len()) {
            Some("it has a run of a point that it does not have")
        } else if !self.runs.iter().all(|run| plain(&run.id)) {
            Some("the identity of a run has other characters than letters and digits")
        } else {
            None
        }
    }
}

/// One run of a point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepRun {
    /// Its identity, by which it is claimed and kept.
    pub id: String,
    /// Number of its point, counted from 0.
    pub point: usize,
    /// Name of its row.
    pub row: String,
    /// Its seed.
    pub seed: u64,
}

/// The folder.
#[derive(Clone, Debug)]
pub struct SweepFolder {
    folder: PathBuf,
}

impl SweepFolder {
    /// The folder of a sweep that is about to run, made if it does not exist.
    ///
    /// # Errors
    /// [`HarnessError::OtherSweep`] where it belongs to another sweep, or has files of something else;
    /// [`HarnessError::Write`].
    pub fn at(path: &Path, plan: &SweepPlan, spec: &Spec) -> Result<Self, HarnessError> {
        let folder = Self { folder: path.to_path_buf() };
        let refuse =
            |problem: &str| HarnessError::OtherSweep { folder: path.into(), problem: problem.to_string() };
        if let Some(file) = ["spec.toml", "results.jsonl"].iter().find(|name| path.join(name).exists())
            && !path.join(PLAN).exists()
        {
            return Err(refuse(&format!("it has {file} and no {PLAN}: it is the folder of something else")));
        }
        let write = |source| HarnessError::Write { path: path.into(), source };
        fs::create_dir_all(path.join(RESULTS)).map_err(write)?;
        sweep_temporary_files(path);
        sweep_temporary_files(&path.join(RESULTS));
        let text = serde_json::to_vec_pretty(plan).expect("names and numbers turn into JSON");
        folder.write_once(PLAN, &text)?;
        let stored = folder.plan()?;
        if stored != *plan {
            let theirs = fs::read_to_string(path.join(SPEC)).ok().and_then(|text| Spec::parse(&text).ok());
            let difference = theirs.and_then(|theirs| theirs.difference(spec));
            let difference = difference.map_or_else(String::new, |difference| format!(": {difference}"));
            let counts =
                |plan: &SweepPlan| format!("{} points and {} runs", plan.points.len(), plan.runs.len());
            return Err(refuse(&format!(
                "it has the runs of another sweep ({} there, {} here){difference}; name another --out",
                counts(&stored),
                counts(plan)
            )));
        }
        folder.write_once(SPEC, spec.to_toml()?.as_bytes())?;
        Ok(folder)
    }

    /// The folder of a sweep that was begun.
    ///
    /// # Errors
    /// [`HarnessError::OtherSweep`] where it is none.
    pub fn open(path: &Path) -> Result<Self, HarnessError> {
        if !path.join(PLAN).is_file() {
            let problem = match path.is_dir() {
                true => format!("it is not the folder of a sweep: it has no {PLAN}"),
                false => "there is no such folder: it is the --out of `repro sweep FILE`".to_string(),
            };
            return Err(HarnessError::OtherSweep { folder: path.into(), problem });
        }
        Ok(Self { folder: path.to_path_buf() })
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// What is run here.
    ///
    /// # Errors
    /// [`HarnessError::Record`], [`HarnessError::Write`].
    pub fn plan(&self) -> Result<SweepPlan, HarnessError> {
        let plan: SweepPlan = self.read(PLAN)?;
        match plan.problem() {
            None => Ok(plan),
            Some(problem) => Err(HarnessError::Record {
                path: self.folder.join(PLAN),
                line: 1,
                problem: problem.to_string(),
            }),
        }
    }

    /// The record of a run, if it has ended.
    ///
    /// # Errors
    /// As for [`SweepFolder::plan`].
    pub fn record(&self, id: &str) -> Result<Option<RunRecord>, HarnessError> {
        let name = format!("{RESULTS}/{id}.json");
        let path = self.folder.join(&name);
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            // A folder that cannot be looked into is no folder without records.
            Err(source) => return Err(HarnessError::Write { path, source }),
            Ok(_) => {}
        }
        const REMOVE: &str = "remove the file: `repro sweep` trains its run again";
        let record: RunRecord = self.read(&name).map_err(|error| match error {
            HarnessError::Record { path, line, problem } => {
                HarnessError::Record { path, line, problem: format!("{problem}; {REMOVE}") }
            }
            error => error,
        })?;
        if record.id != id {
            let problem = format!("it is the record of the run {}; {REMOVE}", record.id);
            return Err(HarnessError::Record { path: self.folder.join(name), line: 1, problem });
        }
        Ok(Some(record))
    }

    /// Whether a run has ended.
    pub(super) fn has_record(&self, id: &str) -> bool {
        fs::symlink_metadata(self.folder.join(RESULTS).join(format!("{id}.json"))).is_ok()
    }

    /// Keeps the record of a run. One that is there stays, unless it is to be replaced.
    pub(super) fn keep(&self, record: &RunRecord, replacing: bool) -> Result<(), HarnessError> {
        let path = self.folder.join(RESULTS).join(format!("{}.json", record.id));
        let mut text = serde_json::to_vec(record).expect("names and numbers turn into JSON");
        text.push(b'\n');
        let destination = if replacing { Destination::replacing(&path) } else { Destination::new(&path) };
        match write_atomic(destination, |file: &mut dyn Write| file.write_all(&text)) {
            // Another process was as far: its record says the same.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(source) => Err(HarnessError::Write { path, source }),
            Ok(()) => Ok(()),
        }
    }

    /// A folder within it.
    pub(super) fn within(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Replaces a derived file.
    pub(super) fn derive(&self, name: &str, text: &[u8]) -> Result<(), HarnessError> {
        sweep_temporary_files(&self.folder);
        let path = self.folder.join(name);
        write_atomic(Destination::replacing(&path), |file: &mut dyn Write| file.write_all(text))
            .map_err(|source| HarnessError::Write { path, source })
    }

    /// Writes a file unless it is there.
    fn write_once(&self, name: &str, text: &[u8]) -> Result<(), HarnessError> {
        let path = self.folder.join(name);
        match write_atomic(Destination::new(&path), |file: &mut dyn Write| file.write_all(text)) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(source) => Err(HarnessError::Write { path, source }),
            Ok(()) => Ok(()),
        }
    }

    fn read<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, HarnessError> {
        let path = self.folder.join(name);
        let refuse = |source| HarnessError::Write { path: path.clone(), source };
        let metadata = fs::metadata(&path).map_err(refuse)?;
        if !metadata.is_file() || metadata.len() > LARGEST {
            return Err(refuse(io::Error::other("expected a regular file of at most 1 GiB")));
        }
        let bytes = fs::read(&path).map_err(refuse)?;
        serde_json::from_slice(&bytes).map_err(|error| HarnessError::Record {
            path: path.clone(),
            line: error.line(),
            problem: error.to_string(),
        })
    }
}

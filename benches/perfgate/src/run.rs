//! Runs benchmark executables and reads criterion's estimates.

use crate::interrupt::Interrupt;
use crate::verdict::Measured;
use anyhow::{Context, bail, ensure};
use lacuna_benches::{fma_peak, median};
use serde::Deserialize;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A program that was built on criterion.
#[derive(Clone, Debug)]
pub(crate) struct Executable {
    pub(crate) path: PathBuf,
    /// Where it runs.
    pub(crate) folder: PathBuf,
    /// Variables that it alone gets.
    pub(crate) variables: Vec<(OsString, OsString)>,
}

/// How measurements are taken.
pub(crate) struct Runner {
    /// Options for criterion, such as `--measurement-time`.
    pub(crate) options: Vec<String>,
    /// A peak that is taken for granted and not sampled.
    pub(crate) peak: Option<f64>,
    pub(crate) interrupt: Interrupt,
}

/// Attempts at a run around which the peak holds still.
const ATTEMPTS: usize = 3;
/// How far the peaks before and after a run may lie apart.
const STEADY: f64 = 0.1;

impl Runner {
    /// The names of an executable's benchmarks.
    ///
    /// # Errors
    /// An executable that fails.
    pub(crate) fn list(&self, executable: &Executable) -> anyhow::Result<Vec<String>> {
        let home = tempfile::tempdir()?;
        let log = home.path().join("list");
        self.execute(executable, home.path(), &["--list".into()], &log)?;
        Ok(listed(&fs::read_to_string(&log)?))
    }

    /// One run of one benchmark, with the mean of the peaks right before and right after. A run around which the peak moved is
    /// repeated, at most twice; the last attempt counts.
    ///
    /// # Errors
    /// An executable that fails or writes no estimate.
    pub(crate) fn measure(&self, executable: &Executable, id: &str) -> anyhow::Result<Measured> {
        let mut measured = None;
        for _ in 0..ATTEMPTS {
            let home = tempfile::tempdir()?;
            let before = self.sample_peak();
            let arguments = ["--noplot", "--exact"].map(String::from);
            let arguments: Vec<String> =
                arguments.into_iter().chain(self.options.clone()).chain([id.to_string()]).collect();
            self.execute(executable, home.path(), &arguments, &home.path().join("log"))?;
            let after = self.sample_peak();
            let seconds = estimate(home.path(), id)?;
            measured = Some(Measured { seconds, peak: 0.5 * (before + after) });
            if (before - after).abs() <= STEADY * before.max(after) {
                break;
            }
        }
        measured.context("no attempt")
    }

    /// The median of several samples, in GF/s. The clock follows what a core does, so multiply-adds run for a while first.
    pub(crate) fn sample_peak(&self) -> f64 {
        const SAMPLES: usize = 9;
        const WARM: Duration = Duration::from_millis(10);
        self.peak.unwrap_or_else(|| {
            let start = Instant::now();
            while start.elapsed() < WARM {
                fma_peak();
            }
            median(&(0..SAMPLES).map(|_| fma_peak()).collect::<Vec<f64>>())
        })
    }

    fn execute(
        &self,
        executable: &Executable,
        home: &Path,
        arguments: &[String],
        log: &Path,
    ) -> anyhow::Result<()> {
        let file = File::create(log)?;
        let mut child = Command::new(&executable.path)
            .arg("--bench")
            .args(arguments)
            .current_dir(&executable.folder)
            .envs(executable.variables.iter().map(|(name, value)| (name, value)))
            .env("CRITERION_HOME", home)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| executable.path.display().to_string())?;
        let status = self.interrupt.wait(&mut child)?;
        if !status.success() {
            let said = fs::read(log).unwrap_or_default();
            let said = String::from_utf8_lossy(&said);
            let lines: Vec<&str> = said.lines().rev().take(20).collect();
            let last: String = lines.iter().rev().flat_map(|line| ["\n  ", line]).collect();
            bail!("{} {}: {status}{last}", executable.path.display(), arguments.join(" "));
        }
        Ok(())
    }
}

/// The names in what `--list` prints: lines `NAME: benchmark`.
fn listed(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| line.strip_suffix(": benchmark")).map(String::from).collect()
}

/// What is read of criterion's `benchmark.json`.
#[derive(Deserialize)]
struct Named {
    full_id: String,
}

/// What is read of criterion's `estimates.json`.
#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    /// Nanoseconds of an iteration.
    point_estimate: f64,
}

/// Seconds of an iteration of benchmark `id`, from a criterion home in which it alone was run.
///
/// The median over criterion's samples and not the slope: a neighbour that takes the core during some samples moves a least-squares
/// slope, in which long samples weigh most, but not the median; and benchmarks with flat sampling have no slope.
fn estimate(home: &Path, id: &str) -> anyhow::Result<f64> {
    let mut found = Vec::new();
    find(home, &mut found)?;
    for folder in found {
        let named: Named = read(&folder.join("benchmark.json"))?;
        if named.full_id == id {
            let estimates: Estimates = read(&folder.join("estimates.json"))?;
            let nanoseconds = estimates.median.point_estimate;
            ensure!(nanoseconds.is_finite() && nanoseconds > 0.0, "{id}: an estimate of {nanoseconds} ns");
            return Ok(nanoseconds * 1e-9);
        }
    }
    bail!("{id}: criterion wrote no estimate")
}

/// The folders called `new` under `folder` that have estimates.
fn find(folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            continue;
        }
        let path = entry.path();
        match entry.file_name() == "new" && path.join("estimates.json").is_file() {
            true => found.push(path),
            false => find(&path, found)?,
        }
    }
    Ok(())
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lines_that_end_as_criterion_ends_them() {
        let text = "checking\nsteps, threads 1/linear/16: benchmark\ncnn/a: b: benchmark\n\n1 test\n";
        assert_eq!(listed(text), ["steps, threads 1/linear/16", "cnn/a: b"]);
    }

    /// Files as criterion 0.8 writes them, shortened.
    fn home(estimates: &str) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        for (folder, id) in [("g/other", "g/other"), ("g/one_two", "g/one/two")] {
            for kind in ["new", "base"] {
                let folder = home.path().join(folder).join(kind);
                fs::create_dir_all(&folder).unwrap();
                let named = format!(
                    r#"{{"group_id":"g","function_id":"f","value_str":null,"throughput":{{"Elements":16}},"full_id":"{id}","directory_name":"g/x","title":"{id}"}}"#
                );
                fs::write(folder.join("benchmark.json"), named).unwrap();
                fs::write(folder.join("estimates.json"), estimates).unwrap();
            }
        }
        home
    }

    #[test]
    fn the_median_is_read_with_a_slope_or_without_one() {
        let one = |x: f64| {
            format!(
                r#"{{"confidence_interval":{{"confidence_level":0.95,"lower_bound":1.0,"upper_bound":9.0}},"point_estimate":{x},"standard_error":0.1}}"#
            )
        };
        for slope in [one(3.0), "null".to_string()] {
            let text = format!(
                r#"{{"mean":{},"median":{},"median_abs_dev":{},"slope":{slope},"std_dev":{}}}"#,
                one(1.0),
                one(2500.0),
                one(4.0),
                one(5.0)
            );
            let home = home(&text);
            assert_eq!(estimate(home.path(), "g/one/two").unwrap(), 2500.0 * 1e-9);
            let error = estimate(home.path(), "g/three").unwrap_err().to_string();
            assert_eq!(error, "g/three: criterion wrote no estimate");
        }
    }

    #[test]
    fn estimates_that_are_none_are_errors_with_their_place() {
        for (text, says) in [("{", "estimates.json"), (r#"{"median":{"point_estimate":0.0}}"#, "0 ns")] {
            let error = format!("{:#}", estimate(home(text).path(), "g/one/two").unwrap_err());
            assert!(error.contains(says), "{error}");
        }
    }
}

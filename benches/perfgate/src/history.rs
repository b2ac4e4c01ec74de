//! `perfgate record`: a line of `benches/history.jsonl` for each measured commit.

use crate::counts::{Committed, Counts};
use crate::gate::{Choice, WORSE};
use crate::interrupt::Interrupt;
use crate::revisions::{Worktrees, git, repository};
use crate::run::{Executable, Runner};
use anyhow::{Context, ensure};
use clap::Args;
use lacuna::cli::{exit, screen};
use lacuna_benches::median;
use lacuna_formats::{Destination, write_atomic};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Measures a commit and appends a line to the history
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct RecordArgs {
    /// A commit, branch or tag
    #[arg(value_name = "REV", default_value = "HEAD")]
    revision: String,
    #[command(flatten)]
    choice: Choice,
    /// Runs of each benchmark, of which the median counts
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// The history, if not that of the repository
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

const HELP: &str = "Examples:
  perfgate record
  perfgate record v0.1.0 --bench steps --runs 5 --target-dir builds

Without --bench and --filter the key benchmarks are measured. A line has the
commit, its date, processor, compiler, peak, the cost of each benchmark (1e9
operations that the peak does in its time) and the counters of `perfgate counts`
as the commit's own build prints them.

Exit codes: 0 the line is appended, 2 invalid command line or a build or run
that fails, 130 interrupted.";

/// The key benchmarks: executable, and how the name ends.
const KEY: &[(&str, &str)] = &[
    ("steps", ""),
    ("losses", "/bce"),
    ("losses", "/hill"),
    ("metrics", "/map f32 one thread"),
    ("limits", "gemm/forward 64x2048x80"),
    ("limits", "gemm/square 512x512x512"),
];

/// A line of the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) commit: String,
    /// Of the commit.
    pub(crate) date: String,
    pub(crate) processor: String,
    /// The instructions that ran.
    pub(crate) instructions: String,
    pub(crate) rustc: String,
    /// GF/s of multiply-adds on one core, the median over the runs.
    pub(crate) peak: f64,
    /// 1e9 operations that the peak does in the time of one iteration.
    pub(crate) costs: BTreeMap<String, f64>,
    /// Of a step of each key work; empty for commits before there were any.
    #[serde(default)]
    pub(crate) counts: BTreeMap<String, Counts>,
}

/// Measures and appends.
///
/// # Errors
/// What cannot be built, run, read or written.
pub(crate) fn command(args: &RecordArgs, interrupt: &Interrupt) -> anyhow::Result<i32> {
    let path = path(args.file.as_deref())?;
    // Before the work: a history that cannot be read would be found after it otherwise.
    read(&path)?;
    let mut worktrees = Worktrees::new(args.choice.target_dir.clone(), interrupt.clone())?;
    let revision = worktrees.revision(&args.revision, "a")?;
    let commit = revision.commit.clone();
    let commit = commit.context("a line of the history belongs to a commit, not to the working tree")?;
    let is_key = args.choice.bench.is_empty() && args.choice.filter.is_none();
    let wanted = |name: &str| match is_key {
        true => KEY.iter().any(|(bench, _)| *bench == name),
        false => args.choice.bench.is_empty() || args.choice.bench.iter().any(|bench| bench == name),
    };
    let benches: Vec<&str> =
        revision.benches.iter().map(String::as_str).filter(|name| wanted(name)).collect();
    screen::info(&format!("building {}: {}", revision.name(), benches.join(", ")));
    let executables = worktrees.build(&revision, &benches)?;
    let perfgate = worktrees.build_perfgate(&revision)?;
    let runner = args.choice.runner(interrupt);
    let mut ids = args.choice.ids(&runner, &executables)?;
    if is_key {
        ids.retain(|(bench, id)| KEY.iter().any(|(of, word)| of == bench && id.ends_with(word)));
    }
    ensure!(!ids.is_empty(), "no benchmark has this name");
    let (mut costs, mut peaks) = (BTreeMap::new(), Vec::new());
    for (bench, id) in &ids {
        let cost = cost(&runner, &executables[bench], id, args.runs, &mut peaks)?;
        screen::info(&format!("{bench}: {id}: {cost:.6}"));
        costs.insert(format!("{bench}: {id}"), cost);
    }
    let counts = match perfgate {
        Some(perfgate) => counters(&perfgate, interrupt)?,
        None => BTreeMap::new(),
    };
    let entry = Entry {
        date: git(&repository()?, ["show", "-s", "--format=%cI", &commit])?,
        commit,
        processor: processor(),
        instructions: lacuna_kernels::cpu::running(),
        rustc: revision.compiler()?,
        peak: median(&peaks),
        costs,
        counts,
    };
    append(&path, &entry)?;
    screen::info(&format!("{} has another line", path.display()));
    Ok(exit::DONE)
}

/// The median cost over some runs; their peaks are added to `peaks`.
fn cost(
    runner: &Runner,
    executable: &Executable,
    id: &str,
    runs: u32,
    peaks: &mut Vec<f64>,
) -> anyhow::Result<f64> {
    let mut costs = Vec::new();
    for _ in 0..runs {
        let measured = runner.measure(executable, id)?;
        peaks.push(measured.peak);
        costs.push(measured.cost());
    }
    Ok(median(&costs))
}

/// The counters that this program, as it is in a revision, prints.
fn counters(perfgate: &Executable, interrupt: &Interrupt) -> anyhow::Result<BTreeMap<String, Counts>> {
    screen::info("counting");
    let output = tempfile::NamedTempFile::new()?;
    let mut child = Command::new(&perfgate.path)
        .args(["counts", "--json"])
        .current_dir(&perfgate.folder)
        .stdin(Stdio::null())
        .stdout(output.reopen()?)
        .spawn()?;
    let status = interrupt.wait(&mut child)?;
    // A counter that differs from the committed one is recorded as it is.
    ensure!(status.success() || status.code() == Some(WORSE), "perfgate counts: {status}");
    let counted: Committed = serde_json::from_reader(output.reopen()?).context("perfgate counts")?;
    Ok(counted.counts)
}

/// What the operating system calls the processor.
fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let named = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    named.map_or_else(|| std::env::consts::ARCH.to_string(), |(_, name)| name.trim().to_string())
}

/// The file that is named, or that of the repository.
///
/// # Errors
/// Outside a repository.
pub(crate) fn path(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    match named {
        Some(path) => Ok(path.to_path_buf()),
        None => Ok(repository()?.join("benches/history.jsonl")),
    }
}

/// The lines of a history; none if there is no file.
///
/// # Errors
/// A file that cannot be read, and lines that are none, with their number.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<Entry>> {
    let text = text(path).with_context(|| path.display().to_string())?;
    let parse =
        |(i, line)| serde_json::from_str(line).with_context(|| format!("{}: line {}", path.display(), i + 1));
    text.lines().enumerate().map(parse).collect()
}

/// Replaces the history by one that has another line, as a whole; the lines before stay as they are.
fn append(path: &Path, entry: &Entry) -> anyhow::Result<()> {
    let write = || -> anyhow::Result<()> {
        let mut text = text(path)?;
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text += &serde_json::to_string(entry)?;
        text.push('\n');
        write_atomic(Destination::replacing(path), |file| io::Write::write_all(file, text.as_bytes()))?;
        Ok(())
    };
    write().with_context(|| path.display().to_string())
}

/// A file's text; none where there is no file.
fn text(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        text => text,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A line with the costs of benchmarks.
    pub(crate) fn entry(commit: &str, costs: &[(&str, f64)]) -> Entry {
        Entry {
            commit: commit.to_string(),
            date: "2026-01-02T03:04:05+00:00".to_string(),
            processor: "A".to_string(),
            instructions: "x86-64-v3".to_string(),
            rustc: "rustc 1.0".to_string(),
            peak: 100.0,
            costs: costs.iter().map(|(name, cost)| (name.to_string(), *cost)).collect(),
            counts: BTreeMap::from([(
                "map".to_string(),
                Counts { allocations: 0.5, nodes: None, instructions: Some(7) },
            )]),
        }
    }

    #[test]
    fn lines_are_appended_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        assert_eq!(read(&path).unwrap(), []);
        let lines = [entry("a1", &[("x", 0.1)]), entry("b2", &[("x", 0.3), ("y", 1e-7)])];
        append(&path, &lines[0]).unwrap();
        append(&path, &lines[1]).unwrap();
        assert_eq!(read(&path).unwrap(), lines);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2);
        fs::write(&path, text + "{\n").unwrap();
        let error = format!("{:#}", read(&path).unwrap_err());
        assert!(error.contains("history.jsonl: line 3"), "{error}");
    }

    #[test]
    fn the_committed_history_can_be_read() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../history.jsonl");
        let lines = read(&path).unwrap();
        assert!(lines.iter().any(|line| line.costs.len() > 3 && line.peak > 0.0), "{lines:?}");
    }
}

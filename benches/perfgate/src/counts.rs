//! `perfgate counts`: counters that do not depend on the machine's speed, compared with those in `benches/counts.json`.

use crate::gate::WORSE;
use crate::interrupt::Interrupt;
use crate::work::{Row, WORK};
use anyhow::{Context, bail, ensure};
use clap::Args;
use lacuna::cli::{exit, screen};
use lacuna_formats::{Destination, write_atomic};
use serde::{Deserialize, Serialize};
use stats_alloc::{Region, StatsAlloc};
use std::alloc::System;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The compiler of this program.
pub(crate) const RUSTC: &str = env!("PERFGATE_RUSTC");

/// How far instructions may lie from the committed ones: the C library chooses its copies by the processor.
const TOLERANCE: f64 = 0.02;

/// Steps in which allocations are counted, and those before, in which buffers grow.
const STEPS: usize = 20;
const WARM_UP: usize = 3;

/// Counts allocations, nodes and instructions of key benchmarks
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct CountsArgs {
    /// What is counted; everything if nothing is named
    #[arg(value_name = "NAME", value_parser = WORK.iter().map(|row| row.name).collect::<Vec<_>>())]
    names: Vec<String>,
    /// Replaces the committed counters
    #[arg(long, conflicts_with = "names")]
    write: bool,
    /// Does not run callgrind
    #[arg(long, conflicts_with = "write")]
    no_instructions: bool,
    /// The committed counters, if not those of the repository
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

const HELP: &str = "Examples:
  cargo run --release --bin perfgate -- counts
  perfgate counts linear/16 --no-instructions
  perfgate counts --write

Counts are those of the build that runs: start it by cargo after a change.
Allocations and nodes have to be equal; a training step must not allocate.
Instructions are counted by `valgrind --tool=callgrind` with LACUNA_SIMD=avx2 on
one thread, in runs of n and of 2n steps whose difference is taken; they may
differ by 2 %. With another compiler than that of the committed counters, which
is named, other instructions are no failure.

Exit codes: 0 equal, 2 invalid command line or a run that fails, 3 a counter
differs, 130 interrupted.";

/// Counters of one step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) allocations: f64,
    /// Of the tape, parameters included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) nodes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instructions: Option<u64>,
}

/// The committed file.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Committed {
    pub(crate) rustc: String,
    /// The instructions that the build is for, see [`build`].
    pub(crate) build: String,
    /// Of a step of each work.
    pub(crate) counts: BTreeMap<String, Counts>,
}

/// Counts, prints and compares, or writes.
///
/// # Errors
/// A file that cannot be read or written, or valgrind failing.
pub(crate) fn command(
    args: &CountsArgs,
    allocator: &StatsAlloc<System>,
    interrupt: &Interrupt,
) -> anyhow::Result<i32> {
    let path = match &args.file {
        Some(path) => path.clone(),
        None => crate::revisions::repository()?.join("benches/counts.json"),
    };
    let committed = if args.write { None } else { Some(read(&path)?) };
    let chosen =
        WORK.iter().filter(|row| args.names.is_empty() || args.names.iter().any(|name| name == row.name));
    let callgrind = !args.no_instructions && is_valgrind_there();
    if !args.no_instructions && !callgrind {
        ensure!(!args.write, "valgrind is not installed: without it there are no instructions to write");
        screen::err("valgrind is not installed: instructions are not counted");
    }
    let mut counts = BTreeMap::new();
    for row in chosen {
        interrupt.check()?;
        let counted = count(row, allocator, callgrind.then_some(interrupt))?;
        counts.insert(row.name.to_string(), counted);
        if !args.json {
            screen::out(&text(row.name, &counted))?;
        }
    }
    let counted = Committed { rustc: RUSTC.to_string(), build: build(), counts };
    if args.json {
        screen::json(&(serde_json::to_string_pretty(&counted)? + "\n"))?;
    }
    let findings = match &committed {
        Some(committed) => compare(&counted, committed),
        None => compare(&counted, &counted),
    };
    findings.notes.iter().for_each(|note| screen::err(&format!("note: {note}")));
    findings.differences.iter().for_each(|difference| screen::err(difference));
    if !findings.differences.is_empty() {
        return Ok(WORSE);
    }
    if args.write {
        let json = serde_json::to_string_pretty(&counted)? + "\n";
        write_atomic(Destination::replacing(&path), |file| io::Write::write_all(file, json.as_bytes()))
            .with_context(|| path.display().to_string())?;
        screen::info(&format!("{} is written", path.display()));
    }
    Ok(exit::DONE)
}

/// What this build is for. Products of builds without FMA allocate, and builds with debug assertions do more.
fn build() -> String {
    let debug = if cfg!(debug_assertions) { ", debug assertions" } else { "" };
    format!("{}{debug}", lacuna_kernels::cpu::simd_level())
}

/// Counters of one work: allocations and nodes in this process, instructions in children if `callgrind` is given.
fn count(row: &Row, allocator: &StatsAlloc<System>, callgrind: Option<&Interrupt>) -> anyhow::Result<Counts> {
    let mut work = row.start();
    (0..WARM_UP).for_each(|_| work.step());
    let region = Region::new(allocator);
    (0..STEPS).for_each(|_| work.step());
    let change = region.change();
    let allocations = (change.allocations + change.reallocations) as f64 / STEPS as f64;
    let instructions = match callgrind {
        Some(interrupt) => {
            let [once, twice] = [1, 2].map(|times| instructions(row.name, times * row.steps, interrupt));
            Some((twice?.saturating_sub(once?)) / row.steps as u64)
        }
        None => None,
    };
    Ok(Counts { allocations, nodes: work.nodes(), instructions })
}

fn is_valgrind_there() -> bool {
    let mut valgrind = Command::new("valgrind");
    valgrind.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    valgrind.status().is_ok_and(|status| status.success())
}

/// Instructions of a process that does so many steps.
fn instructions(name: &str, steps: usize, interrupt: &Interrupt) -> anyhow::Result<u64> {
    let folder = tempfile::tempdir()?;
    let (out, log) = (folder.path().join("out"), folder.path().join("log"));
    let mut child = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(format!("--log-file={}", log.display()))
        .arg(std::env::current_exe()?)
        .args(["work", name, &steps.to_string()])
        // What valgrind can decode, and what any machine of this build has.
        .env(lacuna_kernels::cpu::LEVEL_VARIABLE, "avx2")
        .env("RAYON_NUM_THREADS", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("valgrind")?;
    let status = interrupt.wait(&mut child)?;
    if !status.success() {
        bail!("valgrind: {status}: {}", fs::read_to_string(&log).unwrap_or_default().trim());
    }
    total(&fs::read_to_string(&out)?).with_context(|| format!("{name}: callgrind wrote no total"))
}

/// The instructions of all functions in a file of callgrind.
fn total(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok())
}

/// The hidden `perfgate work NAME STEPS`, which callgrind watches.
///
/// # Errors
/// A name that is none.
pub(crate) fn work(name: &str, steps: usize) -> anyhow::Result<()> {
    let mut work = Row::of_name(name).with_context(|| format!("no work {name}"))?.start();
    (0..steps).for_each(|_| work.step());
    Ok(())
}

/// What a comparison finds.
#[derive(Debug, Default)]
struct Findings {
    /// Failures.
    differences: Vec<String>,
    notes: Vec<String>,
}

/// Compares counters with the committed ones.
fn compare(counted: &Committed, committed: &Committed) -> Findings {
    let mut found = Findings::default();
    let same_build = counted.build == committed.build;
    let same_compiler = same_build && counted.rustc == committed.rustc;
    if !same_compiler {
        found.notes.push(format!(
            "the committed counters are of {} for {}, this build is of {} for {}: {}instructions are compared as a hint",
            committed.rustc,
            committed.build,
            counted.rustc,
            counted.build,
            if same_build { "" } else { "allocations and " }
        ));
    }
    for (name, now) in &counted.counts {
        let mut allocations = Vec::new();
        if Row::of_name(name).is_some_and(|row| row.trains) && now.allocations != 0.0 {
            let count = now.allocations;
            allocations
                .push(format!("{name}: {count} allocations in a training step, which must not allocate"));
        }
        let Some(was) = committed.counts.get(name) else {
            found.differences.push(format!("{name}: no committed counters (perfgate counts --write)"));
            continue;
        };
        if now.allocations != was.allocations {
            let (now, was) = (now.allocations, was.allocations);
            allocations.push(format!("{name}: {now} allocations a step, committed {was}"));
        }
        if same_build { &mut found.differences } else { &mut found.notes }.append(&mut allocations);
        if now.nodes != was.nodes {
            let shown = |nodes: Option<usize>| nodes.map_or("none".to_string(), |nodes| nodes.to_string());
            found.differences.push(format!(
                "{name}: nodes {}, committed {}",
                shown(now.nodes),
                shown(was.nodes)
            ));
        }
        if let (Some(now), Some(was)) = (now.instructions, was.instructions) {
            let change = now as f64 / was as f64 - 1.0;
            if change.abs() > TOLERANCE {
                let line =
                    format!("{name}: {now} instructions a step, committed {was} ({:+.1} %)", 100.0 * change);
                if same_compiler { &mut found.differences } else { &mut found.notes }.push(line);
            }
        }
    }
    found
}

/// The committed counters.
///
/// # Errors
/// A file that is missing or invalid.
pub(crate) fn read(path: &Path) -> anyhow::Result<Committed> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("{} (perfgate counts --write makes it)", path.display()))?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}

fn text(name: &str, counts: &Counts) -> String {
    let nodes = counts.nodes.map_or(String::new(), |nodes| format!(", {nodes} nodes"));
    let instructions = counts.instructions.map_or(String::new(), |n| format!(", {n} instructions"));
    format!("{name}: {} allocations{nodes}{instructions} a step\n", counts.allocations)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rustc: &str, counts: &[(&str, Counts)]) -> Committed {
        let counts = counts.iter().map(|(name, counts)| (name.to_string(), *counts)).collect();
        Committed { rustc: rustc.to_string(), build: "AVX2".to_string(), counts }
    }

    const LINEAR: Counts = Counts { allocations: 0.0, nodes: Some(7), instructions: Some(1_000_000) };

    #[test]
    fn every_counter_that_differs_is_named() {
        let was = of("1.0", &[("linear/16", LINEAR), ("map/2000x80", Counts { nodes: None, ..LINEAR })]);
        let differences = |name, now| compare(&of("1.0", &[(name, now)]), &was).differences;
        assert!(differences("linear/16", LINEAR).is_empty());
        let within = Counts { instructions: Some(1_019_000), ..LINEAR };
        assert!(differences("linear/16", within).is_empty());
        let skipped = Counts { instructions: None, ..LINEAR };
        assert!(differences("linear/16", skipped).is_empty());
        let more = Counts { instructions: Some(1_021_000), ..LINEAR };
        assert_eq!(differences("linear/16", more).len(), 1);
        // Fewer, too: the committed number would hide the next increase.
        let fewer = Counts { instructions: Some(900_000), ..LINEAR };
        let found = differences("linear/16", fewer);
        assert_eq!(found, ["linear/16: 900000 instructions a step, committed 1000000 (-10.0 %)"]);
        assert_eq!(differences("linear/16", Counts { nodes: Some(8), ..LINEAR }).len(), 1);
        assert_eq!(differences("linear/16", Counts { allocations: 0.05, ..LINEAR }).len(), 2);
        let map = Counts { nodes: None, allocations: 1.0, ..LINEAR };
        assert_eq!(differences("map/2000x80", map), ["map/2000x80: 1 allocations a step, committed 0"]);
        assert_eq!(differences("cnn/16", LINEAR).len(), 1, "nothing is committed");
    }

    #[test]
    fn a_training_step_that_allocates_cannot_be_committed() {
        let now = of("1.0", &[("linear/16", Counts { allocations: 1.0, ..LINEAR })]);
        assert_eq!(compare(&now, &now).differences.len(), 1);
    }

    #[test]
    fn another_compiler_is_a_note() {
        let was = of("1.0", &[("linear/16", LINEAR)]);
        let now = of("2.0", &[("linear/16", Counts { instructions: Some(2_000_000), ..LINEAR })]);
        let found = compare(&now, &was);
        assert_eq!((found.differences.len(), found.notes.len()), (0, 2));
        let nodes = of("2.0", &[("linear/16", Counts { nodes: Some(9), ..LINEAR })]);
        assert_eq!(compare(&nodes, &was).differences.len(), 1, "nodes do not depend on the compiler");
        let allocating = Counts { allocations: 3.0, nodes: Some(9), ..LINEAR };
        let portable = Committed { build: "SSE2".to_string(), ..of("1.0", &[("linear/16", allocating)]) };
        let found = compare(&portable, &was);
        assert_eq!(found.differences, ["linear/16: nodes 9, committed 7"]);
        assert_eq!(found.notes.len(), 3, "{found:?}");
    }

    #[test]
    fn the_total_of_callgrind() {
        assert_eq!(total("events: Ir\nsummary: 12\n\nfn=(1)\n1 12\n\ntotals: 12345\n"), Some(12_345));
        assert_eq!(total("events: Ir\n"), None);
    }
}

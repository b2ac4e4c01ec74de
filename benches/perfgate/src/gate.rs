//! `perfgate run`: the runs of two revisions in turn, and what is printed of them.

use crate::interrupt::Interrupt;
use crate::revisions::{Revision, Worktrees};
use crate::run::{Executable, Runner};
use crate::verdict::{FEWEST_PAIRS, Judgement, Measured, Verdict, judge};
use anyhow::{Context, bail};
use clap::Args;
use lacuna::cli::{exit, screen};
use lacuna_benches::median;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Compares the benchmarks of two revisions, run in turn
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct RunArgs {
    /// A commit, branch or tag; `.` is the working tree as it is
    #[arg(value_name = "REV_A", required_unless_present = "seeded")]
    a: Option<String>,
    /// The revision that must not be slower
    #[arg(value_name = "REV_B", required_unless_present = "seeded")]
    b: Option<String>,
    #[command(flatten)]
    choice: Choice,
    /// Runs of each revision, A B A B ...
    #[arg(long, value_name = "N", default_value_t = FEWEST_PAIRS, value_parser = pairs)]
    pairs: usize,
    /// Mean change from which on a benchmark is slower, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 10.0, allow_negative_numbers = true, value_parser = threshold)]
    threshold: f64,
    /// Prints JSON
    #[arg(long)]
    json: bool,
    /// Compares a benchmark inside this program with itself, B slower by so many percent: a test of the gate
    #[arg(long, hide = true, value_name = "PERCENT", allow_negative_numbers = true, conflicts_with_all = ["a", "b", "target_dir"])]
    seeded: Option<f64>,
}

/// Which benchmarks are run, and how.
#[derive(Args, Debug)]
pub(crate) struct Choice {
    /// Benchmark executables; all if none is named
    #[arg(long, value_name = "NAME")]
    pub(crate) bench: Vec<String>,
    /// Runs benchmarks whose name contains this
    #[arg(long, value_name = "WORD")]
    pub(crate) filter: Option<String>,
    /// Keeps builds here, a folder for each commit and compiler, for the next time
    #[arg(long, value_name = "DIR")]
    pub(crate) target_dir: Option<PathBuf>,
    /// Takes this for the peak, in GF/s, and does not sample it
    #[arg(long, hide = true, value_name = "GFLOPS")]
    peak: Option<f64>,
    /// Options for criterion
    #[arg(last = true, value_name = "CRITERION")]
    options: Vec<String>,
}

const HELP: &str = "Examples:
  perfgate run main . --bench steps --filter linear
  perfgate run HEAD~1 HEAD --pairs 5 --target-dir builds
  perfgate run main . --bench losses -- --measurement-time 1

Each revision is checked out into a temporary folder and built once. Every
benchmark is run A B A B ... with nothing between. A time is criterion's median,
divided by the time of a multiply-add at the peak sampled right before and after
the run, so that a machine that changes its speed does not show.

A benchmark is slower if B is slower in every pair, the mean change passes the
threshold, and its interval (Student's t over the pairs, 95 %) excludes 0.

Exit codes: 0 nothing is slower, 2 invalid command line or a build or run that
fails, 3 a benchmark is slower, 130 interrupted.";

/// Exit code where a benchmark is slower or a counter differs.
pub(crate) const WORSE: i32 = 3;

fn pairs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(pairs) if pairs >= FEWEST_PAIRS => Ok(pairs),
        _ => Err(format!("expected a number from {FEWEST_PAIRS} on: the interval needs them")),
    }
}

fn threshold(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(percent) if (0.0..1000.0).contains(&percent) => Ok(percent),
        _ => Err("expected a number of percent from 0 on".to_string()),
    }
}

impl Choice {
    pub(crate) fn runner(&self, interrupt: &Interrupt) -> Runner {
        Runner { options: self.options.clone(), peak: self.peak, interrupt: interrupt.clone() }
    }

    /// The benchmark executables of a revision that are chosen.
    fn benches<'a>(&self, revision: &'a Revision) -> BTreeSet<&'a str> {
        let names = revision.benches.iter().map(String::as_str);
        names.filter(|name| self.bench.is_empty() || self.bench.iter().any(|bench| bench == name)).collect()
    }

    fn takes(&self, id: &str) -> bool {
        self.filter.as_ref().is_none_or(|word| id.contains(word.as_str()))
    }

    /// Names of benchmarks that are chosen, by executable.
    ///
    /// # Errors
    /// An executable that fails.
    pub(crate) fn ids(
        &self,
        runner: &Runner,
        executables: &BTreeMap<String, Executable>,
    ) -> anyhow::Result<BTreeSet<Id>> {
        let mut ids = BTreeSet::new();
        for (bench, executable) in executables {
            let listed = runner.list(executable)?.into_iter().filter(|id| self.takes(id));
            ids.extend(listed.map(|id| (bench.clone(), id)));
        }
        Ok(ids)
    }
}

/// A benchmark: its executable and its name in it.
type Id = (String, String);

/// One of the two that are compared.
struct Side {
    name: String,
    executables: BTreeMap<String, Executable>,
}

/// Everything about one benchmark.
#[derive(Serialize)]
struct Row {
    bench: String,
    id: String,
    a: Vec<Measured>,
    b: Vec<Measured>,
    #[serde(flatten)]
    judgement: Judgement,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    a: String,
    b: String,
    threshold: f64,
    rows: Vec<Row>,
    /// Benchmarks that only one of the two has.
    only_a: Vec<String>,
    only_b: Vec<String>,
}

/// Compares and prints.
///
/// # Errors
/// What cannot be built or run.
pub(crate) fn command(args: &RunArgs, interrupt: &Interrupt) -> anyhow::Result<i32> {
    if let Some(percent) = args.seeded {
        let side = |name: &str, percent| -> anyhow::Result<Side> {
            let executable = crate::seeded::executable(percent)?;
            Ok(Side { name: name.to_string(), executables: [("seeded".to_string(), executable)].into() })
        };
        let sides = [side("this program", 0.0)?, side("this program with a delay", percent)?];
        return compare(args, interrupt, &sides, [vec![], vec![]]);
    }
    // Removes what it made when this function ends.
    let mut worktrees = Worktrees::new(args.choice.target_dir.clone(), interrupt.clone())?;
    let named = |name: &Option<String>| name.clone().context("two revisions are needed");
    let a = worktrees.revision(&named(&args.a)?, "a")?;
    let b = worktrees.revision(&named(&args.b)?, "b")?;
    let (in_a, in_b) = (args.choice.benches(&a), args.choice.benches(&b));
    if let Some(name) =
        args.choice.bench.iter().map(String::as_str).find(|name| !in_a.contains(name) && !in_b.contains(name))
    {
        bail!("no benchmark {name} in either revision; the second has {}", b.benches.join(", "));
    }
    let common: Vec<&str> = in_a.intersection(&in_b).copied().collect();
    let only = [in_a.difference(&in_b), in_b.difference(&in_a)]
        .map(|names| names.map(|name| format!("{name} (all of it)")).collect());
    let built = |revision: &Revision| -> anyhow::Result<Side> {
        screen::info(&format!("building {}: {}", revision.name(), common.join(", ")));
        Ok(Side { name: revision.name(), executables: worktrees.build(revision, &common)? })
    };
    compare(args, interrupt, &[built(&a)?, built(&b)?], only)
}

/// Runs the benchmarks that both sides have in turn. `only` has executables of one side alone.
fn compare(
    args: &RunArgs,
    interrupt: &Interrupt,
    sides: &[Side; 2],
    only: [Vec<String>; 2],
) -> anyhow::Result<i32> {
    let runner = args.choice.runner(interrupt);
    let [a, b] = sides;
    let ids_a = args.choice.ids(&runner, &a.executables)?;
    let ids_b = args.choice.ids(&runner, &b.executables)?;
    let [mut only_a, mut only_b] = only;
    only_a.extend(ids_a.difference(&ids_b).map(named));
    only_b.extend(ids_b.difference(&ids_a).map(named));
    let common: Vec<&Id> = ids_a.intersection(&ids_b).collect();
    // Nothing that was compared must not look like nothing that is slower.
    if common.is_empty() {
        let alone = |side: &str, names: &[String]| match names {
            [] => String::new(),
            names => format!("; only {side} has {}", names.join(", ")),
        };
        bail!("both have no such benchmark{}{}", alone("A", &only_a), alone("B", &only_b));
    }
    let threshold = args.threshold / 100.0;
    let mut report = Report { a: a.name.clone(), b: b.name.clone(), threshold, rows: vec![], only_a, only_b };
    if !args.json {
        screen::out(&format!(
            "A is {}, B is {}. Benchmarks: {}, pairs: {}, threshold: {} %.\n\n",
            a.name,
            b.name,
            common.len(),
            args.pairs,
            args.threshold
        ))?;
    }
    for id in common {
        let mut measured = [vec![], vec![]];
        for _ in 0..args.pairs {
            for (side, measured) in sides.iter().zip(&mut measured) {
                measured.push(runner.measure(&side.executables[&id.0], &id.1)?);
            }
        }
        let [a, b] = measured;
        let costs: Vec<(f64, f64)> = a.iter().zip(&b).map(|(a, b)| (a.cost(), b.cost())).collect();
        let judgement = judge(&costs, threshold);
        let row = Row { bench: id.0.clone(), id: id.1.clone(), a, b, judgement };
        if !args.json {
            screen::out(&text(&row))?;
        }
        report.rows.push(row);
    }
    let slower: Vec<&Row> =
        report.rows.iter().filter(|row| row.judgement.verdict == Verdict::Slower).collect();
    let code = if slower.is_empty() { exit::DONE } else { WORSE };
    if args.json {
        screen::json(&(serde_json::to_string_pretty(&report)? + "\n"))?;
        return Ok(code);
    }
    for (side, names) in [("A", &report.only_a), ("B", &report.only_b)] {
        for name in names {
            screen::out(&format!("only {side} has {name}: not compared\n"))?;
        }
    }
    let names: String = slower.iter().map(|row| format!("\n  {}: {}", row.bench, row.id)).collect();
    screen::out(&match slower.len() {
        0 => format!("No benchmark is slower by {} %.\n", args.threshold),
        count => format!("{count} of {} benchmarks slower:{names}\n", report.rows.len()),
    })?;
    Ok(code)
}

fn named((bench, id): &Id) -> String {
    format!("{bench}: {id}")
}

fn text(row: &Row) -> String {
    let seconds = |runs: &[Measured]| time(median(&runs.iter().map(|run| run.seconds).collect::<Vec<f64>>()));
    let percent = |share: f64| format!("{:+.1} %", 100.0 * share);
    let judged = &row.judgement;
    let pairs: Vec<String> = judged.changes.iter().map(|change| percent(*change)).collect();
    let verdict = match judged.verdict {
        Verdict::Slower => "SLOWER",
        Verdict::Faster => "faster",
        Verdict::Unchanged => "unchanged",
    };
    let (low, high) = judged.interval;
    format!(
        "{}: {}\n    A {}, B {}; at equal peaks {}\n    mean {}, 95 % from {} to {}: {verdict}\n",
        row.bench,
        row.id,
        seconds(&row.a),
        seconds(&row.b),
        pairs.join(", "),
        percent(judged.mean),
        percent(low),
        percent(high)
    )
}

/// A time with its unit.
fn time(seconds: f64) -> String {
    match seconds {
        s if s >= 1.0 => format!("{s:.3} s"),
        s if s >= 1e-3 => format!("{:.3} ms", s * 1e3),
        s if s >= 1e-6 => format!("{:.2} us", s * 1e6),
        s => format!("{:.1} ns", s * 1e9),
    }
}

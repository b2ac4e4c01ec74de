//! Reproduces the missing-label benchmarks on precomputed features.

mod classes;
mod cli;
mod diff;
mod list;
mod losses;

mod quick;
mod report;
mod show;
mod signals;
mod specs;
mod study;
mod sweep;
mod verdicts;
mod verify;
mod view;

use anyhow::Context;
use clap::Parser;
use cli::{Cli, Command, ConfigCommand, RunArgs};
use lacuna::cli::{exit, screen};
use lacuna_formats::FormatError;
use lacuna_harness::{
    ClassTask, Finished, FirstError, HarnessError, Plan, Progress, Report, RunOptions, ScoreFolder, Spec,
    Store, TensorBoard,
};
use lacuna_source::SourceError;
use signals::Signals;
use std::path::Path;
use std::time::Duration;

fn main() {
    lacuna_kernels::cpu::check_or_exit();
    let cli = Cli::parse();
    if let Err(error) = lacuna::cli::limits_are_errors() {
        exit::finish(Err(error));
    }
    exit::finish(match cli.command {
        None => run(Some("spml-linear"), RunArgs::default()),
        Some(Command::List) => list::text().and_then(|text| screen::out(&text)).map(|()| exit::DONE),
        Some(Command::Show { name, variant }) => show::command(&name, variant.as_deref()),
        Some(Command::Losses(args)) => losses::command(&args),
        Some(Command::Mask(args)) => lacuna::cli::mask::run(&args).map(|()| exit::DONE),
        Some(Command::Config { command: ConfigCommand::Check { what } }) => check(&what),
        Some(Command::Verify { names, args }) => verify(&names, &args),
        Some(Command::Run { name, args }) => run(name.as_deref(), *args),
        Some(Command::Sweep(args)) => sweep::command(&args),
        Some(Command::Study(args)) => study::command(&args),
        Some(Command::Report(args)) => report::command(&args),
        Some(Command::Diff(args)) => diff::command(&args),
        Some(Command::Verdicts { records }) => verdicts::command(&records),
        Some(Command::Collect { folder, json }) => classes::collect(folder, json),
    })
}

/// Runs a benchmark, or some of its classes.
fn run(name: Option<&str>, mut args: RunArgs) -> anyhow::Result<i32> {
    screen::set_quiet(args.work.quiet);
    if args.quick {
        return quick::command(name, &args);
    }
    let task = args.take_class_task()?;
    let plan = planned(name, &args, task)?;
    match task {
        Some(task) => classes::train(&plan, task, &args),
        None => run_all(&plan, &args, false),
    }
}

/// The benchmark of a name or a file, checked with its data.
fn planned(name: Option<&str>, args: &RunArgs, task: Option<ClassTask>) -> anyhow::Result<Plan> {
    let spec = match (name, &args.spec) {
        (_, Some(file)) => read_spec(file)?,
        (Some(name), None) => specs::find_variant(name, args.variant.as_deref())?,
        (None, None) => unreachable!("clap asks for one of them"),
    };
    let overrides = args.overrides()?;
    let plan = match task {
        Some(task) => Plan::for_classes(&spec, &overrides, task),
        None => Plan::new(&spec, &overrides),
    };
    let plan = match plan {
        Err(error) if args.spec.is_some() && names_no_file(&error) => {
            return Err(error).context(
                "the paths of a specification are relative to the folder in which it was run; give the new paths \
                 with --data, --labels, ...",
            );
        }
        plan => plan?,
    };
    Ok(plan)
}

/// Runs everything, or joins classes that were trained, keeps every run when it ends, and shows the table.
fn run_all(plan: &Plan, args: &RunArgs, joining: bool) -> anyhow::Result<i32> {
    let spec = plan.spec();
    let jobs = jobs(args.work.jobs);
    // From here on a signal leaves a tidy folder.
    let signals = Signals::new()?;
    // The folder first: better no run than a run whose results cannot be kept.
    let store = match &args.out {
        Some(folder) => {
            let read: Vec<_> = plan.data().files.iter().chain(&args.spec).cloned().collect();
            Store::at(folder, plan.spec(), args.force, &read)?
        }
        None => {
            let name = folder_name(&spec.name, &plan.data().name);
            Store::fresh(Path::new("runs"), &name, plan.spec())?
        }
    };
    if args.resume && store.kept().is_empty() && !store.has_checkpoints() {
        screen::info(&format!(
            "note: {} has no results to resume; all runs start from the beginning",
            store.folder().display()
        ));
    }
    let events = match args.work.tensorboard.as_deref().map(TensorBoard::at).transpose() {
        Ok(events) => events,
        Err(error) => {
            store.close();
            return Err(error).context("--tensorboard");
        }
    };
    let progress = view::Progress::new(plan, &store, jobs);
    if args.work.save_models {
        note_headless(&plan.rows_without_head());
    }
    // The first thing that could not be kept; the runs go on, and the table is shown.
    let lost = FirstError::default();
    let checkpoints = store.checkpoints();
    let every = Duration::from_secs_f64(args.work.checkpoint_every);
    let models = store.models();
    let classes = store.classes();
    if let Some(events) = &events {
        // Runs that are trained again for their heads write events like others.
        let headless = plan.rows_without_head();
        let is_trained = |run: &Finished, id: &str| {
            args.work.save_models
                && !headless.contains(&run.loss.as_str())
                && !models.join(id).join("head.json").exists()
        };
        let finished = store.kept().iter().filter_map(|run| Some((run.result.finished()?, &run.id)));
        let silent = finished
            .filter(|(run, id)| !is_trained(run, id) && !events.has(&run.loss, run.seed, None, id))
            .count();
        if silent > 0 {
            progress.show(Progress::Note(format!(
                "--tensorboard: runs with a record and no events here, which are not trained again: {silent} of {}; another --out \
                 trains them",
                plan.runs()
            )));
        }
    }
    let scores = kept_scores(plan, &store, args)?;
    if let Err(error) = store.write_data_label(&plan.data_label()) {
        store.close();
        return Err(error.into());
    }
    let options = RunOptions {
        jobs,
        scores: scores.as_ref(),
        stop: &signals.stop,
        checkpoints: Some((&checkpoints, every)),
        models: args.work.save_models.then_some(models.as_path()),
        kept: store.kept(),
        classes: joining.then_some(classes.as_path()),
    };
    let report = plan.run(options, &|event| {
        if let Progress::Run(run) = &event {
            lost.ok(store.append(run));
        }
        if let Some(note) = events.as_ref().and_then(|events| events.write(None, &event)) {
            progress.show(Progress::Note(note));
        }
        progress.show(event);
    });
    progress.finish();
    if let Some(events) = events {
        events.close();
    }
    let report = match report {
        Ok(report) => report,
        Err(error) => {
            store.close();
            return Err(error.into());
        }
    };
    let folder = store.folder().to_path_buf();
    let mut lost = lost.into_inner();
    let kept = report.has_results() && lost.is_none();
    if report.has_results()
        && let Err(error) = store.write_table(&report)
    {
        lost.get_or_insert(error);
    }
    let shown = print(&report, args.json, kept.then_some(folder.as_path()));
    let begun = store.has_checkpoints();
    store.close();
    if let Some(error) = lost {
        return Err(error).context("results could not be stored");
    }
    shown?;
    if report.interrupted {
        let (done, all) = (report.runs.len(), plan.runs());
        screen::err(&match kept || begun {
            true => format!(
                "interrupted: {done} of {all} runs are kept{}; `repro run --spec {1}/spec.toml --out {1}` resumes the others",
                if begun { ", and the state of others at the end of their last epoch" } else { "" },
                folder.display()
            ),
            false => "interrupted: no run has finished".to_string(),
        });
        return Ok(signals.code());
    }
    if !report.has_results() {
        screen::err("every run failed: no results are kept");
    }
    Ok(if report.has_failures() { exit::FOUND } else { exit::DONE })
}

/// Where the scores of the runs are kept: always if they are asked for, else if they are small.
fn kept_scores(plan: &Plan, store: &Store, args: &RunArgs) -> anyhow::Result<Option<ScoreFolder>> {
    const SMALL: u64 = 64 << 20;
    let bytes = plan.score_bytes();
    if bytes > SMALL && !args.work.save_scores {
        screen::info(&format!(
            "note: the scores of the test rows, {} MB, are not kept, so reports test no difference; --save-scores keeps them",
            bytes / 1_000_000
        ));
        return Ok(None);
    }
    let scores = store.scores();
    scores.keep_labels(plan.test_truth())?;
    Ok(Some(scores))
}

/// Says of which rows no head can be saved.
fn note_headless(rows: &[&str]) {
    if !rows.is_empty() {
        screen::err(&format!(
            "note: --save-models: {}: the procedure mime predicts with layers of its own, which no model file holds: no head is saved",
            rows.join(", ")
        ));
    }
}

/// Whether an error is a missing file.
fn names_no_file(error: &HarnessError) -> bool {
    let format = match error {
        HarnessError::Format(error) | HarnessError::Source(SourceError::Format(error)) => error,
        _ => return false,
    };
    matches!(format, FormatError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
}

/// Prints the table, or JSON.
fn print(report: &Report, json: bool, folder: Option<&Path>) -> anyhow::Result<()> {
    let place = folder.map(|folder| format!("results: {}", folder.display()));
    if json {
        for line in &report.losses {
            screen::json(&format!("{}\n", serde_json::to_string(line).context("a report turns into JSON")?))?;
        }
        place.iter().for_each(|place| screen::info(place));
        return Ok(());
    }
    if !report.has_results() && !report.has_failures() {
        return Ok(());
    }
    let place = place.map_or_else(String::new, |place| format!("{place}\n"));
    screen::out(&format!("{}\n{place}", view::table(report)))
}

/// A specification from a file.
fn read_spec(path: &Path) -> anyhow::Result<Spec> {
    const LARGEST: u64 = 1 << 20;
    let name = || path.display().to_string();
    let metadata = std::fs::metadata(path).with_context(name)?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        anyhow::bail!("{}: a specification must be a regular file of at most 1 MiB", path.display());
    }
    Spec::parse(&std::fs::read_to_string(path).with_context(name)?).with_context(name)
}

/// Runs at the same time: as many as were asked for, and no more than there are cores.
fn jobs(asked: Option<usize>) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    asked.map_or(cores, |asked| asked.min(cores))
}

/// `benchmark-data`, of characters that every file system takes and of bounded length.
fn folder_name(benchmark: &str, data: &str) -> String {
    const LONGEST: usize = 40;
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let data: String = data.chars().map(plain).collect();
    let short = match data.get(..LONGEST) {
        Some(start) if data.len() > LONGEST => start,
        _ => &data,
    };
    format!("{benchmark}-{short}")
}

/// `1 run`, `2 runs`.
fn count(n: usize, one: &str) -> String {
    if n == 1 { format!("{n} {one}") } else { format!("{n} {one}s") }
}

/// Runs benchmarks and compares their numbers with the references.
fn verify(names: &[String], args: &RunArgs) -> anyhow::Result<i32> {
    screen::set_quiet(args.work.quiet);
    let names: Vec<String> = match names {
        [] => specs::all()?
            .into_iter()
            .filter(|spec| !spec.published.is_empty())
            .map(|spec| spec.name)
            .collect(),
        names => names.to_vec(),
    };
    let kept = [
        ("--out", args.out.is_some()),
        ("--save-models", args.work.save_models),
        ("--json", args.json),
        ("--tensorboard", args.work.tensorboard.is_some()),
        ("--spec", args.spec.is_some()),
    ];
    if let Some((option, _)) = kept.iter().find(|(_, given)| *given) {
        anyhow::bail!("{option}: repro verify keeps no results; repro run does");
    }
    let signals = Signals::new()?;
    let (mut outside, mut compared) = (0, 0);
    for name in &names {
        let spec = specs::find_variant(name, args.variant.as_deref())?;
        let overrides = args.overrides()?;
        let plan = Plan::new(&spec, &overrides).with_context(|| name.clone())?;
        if plan.spec().published.is_empty() {
            screen::err(&format!("{name}: no reference numbers for this data under these settings"));
            continue;
        }
        let options = RunOptions { stop: &signals.stop, ..RunOptions::jobs(jobs(args.work.jobs)) };
        let bar = view::Progress::bar(&plan);
        let report = plan.run(options, &|event| bar.show(event))?;
        bar.finish();
        if report.interrupted {
            return Ok(signals.code());
        }
        let lines = verify::compare(&report);
        screen::out(&verify::table(&report, &lines))?;
        outside += lines.iter().filter(|line| !line.holds()).count();
        compared += lines.len();
    }
    if compared == 0 {
        anyhow::bail!("no benchmark has reference numbers for this data under these settings");
    }
    Ok(if outside == 0 { exit::DONE } else { exit::FOUND })
}

/// Reads a specification and checks it without its data.
fn check(what: &str) -> anyhow::Result<i32> {
    let path = Path::new(what);
    let (spec, name) = match path.exists() {
        true => (read_spec(path)?, path.display().to_string()),
        false => (specs::find(what)?, what.to_string()),
    };
    spec.check().with_context(|| name.clone())?;
    let rows = spec.losses.len();
    let phases = spec.training.phases()?.len();
    let points = match &spec.sweep {
        Some(sweep) => format!(", {}", count(sweep.points()?.len(), "point")),
        None => String::new(),
    };
    screen::out(&format!(
        "{name}: {} on {}, {}, {}, {}{points}: every key and name is known\n",
        spec.name,
        spec.data.given(),
        count(rows, "row"),
        count(phases, "phase"),
        count(spec.training.seeds as usize, "seed")
    ))?;
    Ok(exit::DONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_strange_names_of_data_become_folders() {
        assert_eq!(folder_name("spml-linear", "ucmerced"), "spml-linear-ucmerced");
        let name = folder_name("b", &"x/\u{1b}é".repeat(100));
        assert!(name.len() <= 42 && name.starts_with("b-x___"), "{name}");
    }

    #[test]
    fn jobs_are_capped_at_the_cores() {
        let cores = jobs(None);
        assert_eq!((jobs(Some(1)), jobs(Some(99_999_999))), (1, cores));
    }
}

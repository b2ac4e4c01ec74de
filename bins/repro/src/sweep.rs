//! `repro sweep`: every point of a sweep, by as many processes as there are.

use crate::cli::{SweepArgs, SweepCommand};
use crate::signals::Signals;
use crate::{count, folder_name, jobs, note_headless, read_spec, view};
use anyhow::Context;
use lacuna::cli::exit;
use lacuna::cli::screen::{self, wrapped};
use lacuna_formats::shown;
use lacuna_harness::{
    Collected, HarnessError, Holder, Progress, Sweep, SweepFolder, SweepOptions, SweepPlan, SweepRun,
    TensorBoard, collect, status,
};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Runs a sweep, or looks at one.
pub(crate) fn command(args: &SweepArgs) -> anyhow::Result<i32> {
    match (&args.command, &args.file) {
        (Some(SweepCommand::Status { folder, stalled, json }), _) => {
            show_status(folder, Duration::from_secs_f64(*stalled), *json)
        }
        (Some(SweepCommand::Collect { folder, json }), _) => {
            let folder = SweepFolder::open(folder)?;
            let collected = collect(&folder)?;
            show(&collected, &folder.plan()?, folder.path(), *json)
        }
        (None, Some(file)) => run(file, args),
        (None, None) => unreachable!("clap asks for one of them"),
    }
}

fn run(file: &Path, args: &SweepArgs) -> anyhow::Result<i32> {
    screen::set_quiet(args.work.quiet);
    let task = args.task()?;
    let spec = read_spec(file)?;
    let sweep = Sweep::new(&spec, &args.overrides()?).map_err(|error| match error {
        HarnessError::Setting(problem) if problem.starts_with("sweep") => {
            HarnessError::Setting(format!("{}: {problem}", file.display()))
        }
        error => error,
    })?;
    let first = sweep.first();
    let out = args.out.clone().unwrap_or_else(|| {
        let name = folder_name(&spec.name, &first.data().name);
        PathBuf::from("runs").join(format!("{name}-sweep"))
    });
    let signals = Signals::new()?;
    let folder = SweepFolder::at(&out, sweep.plan(), sweep.spec())?;
    let events =
        args.work.tensorboard.as_deref().map(TensorBoard::at).transpose().context("--tensorboard")?;
    let jobs = jobs(args.work.jobs);
    let runs = sweep.runs_of(task);
    let of_task = task.map_or_else(String::new, |(task, tasks)| {
        format!(", of which task {task} of {tasks} has {}", runs.len())
    });
    screen::info(&format!(
        "{}: {} points, {} runs{of_task}, {} at a time; results: {}",
        shown(&first.data().name),
        sweep.plan().points.len(),
        sweep.runs_of(None).len(),
        jobs.min(runs.len().max(1)),
        out.display()
    ));
    screen::info(&format!("  Of the first point, {}:", sweep.plan().points[0]));
    for line in first.conventions() {
        screen::info(&wrapped(&format!("  {line}"), 4));
    }
    for note in first.notes() {
        screen::err(&format!("note: {note}"));
    }
    view::findings(first);
    if args.work.save_models {
        note_headless(&sweep.rows_without_head());
    }
    let (mut left, mut headless, mut silent) = (Vec::new(), 0, 0);
    for run in &runs {
        let record = if args.fresh { None } else { folder.record(&run.id)? };
        match record.map(|record| record.result.finished().is_some()) {
            None => left.push(*run),
            Some(true) => {
                let point = sweep.plan().points[run.point].to_string();
                let has = |events: &TensorBoard| events.has(&run.row, run.seed, Some(&point), &run.id);
                silent += usize::from(events.as_ref().is_some_and(|events| !has(events)));
                let has_model = !sweep.has_head(run) || sweep.has_model(&folder, run);
                headless += usize::from(args.work.save_models && !has_model);
            }
            Some(false) => {}
        }
    }
    for (option, count, what) in
        [("--save-models", headless, "head"), ("--tensorboard", silent, "events here")]
    {
        if count > 0 {
            screen::err(&format!(
                "note: {option}: {count} of {} runs have a record and no {what}, and are skipped; --fresh trains them again",
                runs.len()
            ));
        }
    }
    let progress = view::Progress::of(sweep.epochs(&left));
    let options = SweepOptions {
        jobs,
        task,
        fresh: args.fresh,
        stop: &signals.stop,
        checkpoint_every: Duration::from_secs_f64(args.work.checkpoint_every),
        save_models: args.work.save_models,
        stalled_after: Duration::from_secs_f64(args.stalled),
    };
    let outcome = sweep.run(&folder, options, &|run, event| {
        let point = run.map(|run| sweep.plan().points[run.point].to_string());
        if let Some(note) = events.as_ref().and_then(|events| events.write(point.as_deref(), &event)) {
            progress.show(Progress::Note(note));
        }
        progress.show_at(point.as_deref(), event);
    });
    progress.finish();
    if let Some(events) = events {
        events.close();
    }
    let outcome = outcome?;
    let others = outcome.runs.saturating_sub(outcome.kept + outcome.ran);
    let took = match outcome.taken_over {
        0 => String::new(),
        taken => format!(", {taken} of them taken over"),
    };
    if outcome.interrupted {
        screen::err(&format!(
            "interrupted: {} of {} runs were there, {} were run here{took}; the same command continues",
            outcome.kept, outcome.runs, outcome.ran
        ));
        return Ok(signals.code());
    }
    screen::info(&format!(
        "{}: {} were there, {} were run here{took}, {others} by other processes",
        count(outcome.runs, "run"),
        outcome.kept,
        outcome.ran
    ));
    if task.is_some() {
        return Ok(if outcome.failed > 0 { exit::FOUND } else { exit::DONE });
    }
    show(&collect(&folder)?, sweep.plan(), folder.path(), args.json)
}

/// Prints the results of a sweep.
fn show(collected: &Collected, plan: &SweepPlan, folder: &Path, json: bool) -> anyhow::Result<i32> {
    if json {
        for row in &collected.rows {
            screen::json(&format!("{}\n", serde_json::to_string(row)?))?;
        }
    } else {
        let (header, cells) = collected.cells(plan);
        let numbers = (0..header.len()).filter(|column| header[*column] != "row");
        let title = format!("{} on {}: {} points", plan.name, shown(&plan.data), plan.points.len());
        let mut text = format!("{title}\n{}\n", view::grid(header.clone(), cells, numbers));
        for line in &collected.conventions {
            text += &format!("{}\n", wrapped(line, 2));
        }
        screen::out(&format!("{text}results: {}\n", folder.display()))?;
    }
    if collected.missing > 0 {
        screen::err(&format!("{} of {} runs have no record yet", collected.missing, collected.runs));
    }
    collected.failed.iter().for_each(|failed| screen::err(&format!("failed: {failed}")));
    let whole = collected.missing == 0 && collected.failed.is_empty();
    Ok(if whole { exit::DONE } else { exit::FOUND })
}

/// Prints how far a sweep is.
fn show_status(folder: &Path, stalled_after: Duration, json: bool) -> anyhow::Result<i32> {
    let folder = SweepFolder::open(folder)?;
    let (plan, status) = (folder.plan()?, status(&folder, stalled_after)?);
    let stalled = status.claimed.iter().filter(|(_, holder)| holder.stalled).count();
    let running = status.claimed.len() - stalled;
    if status.unreadable {
        screen::err("note: claims cannot be read: runs that a process is at are among the waiting ones");
    }
    if json {
        let shown = |claims: &[(SweepRun, Holder)]| -> Vec<_> {
            let one = |(run, holder): &(SweepRun, Holder)| {
                serde_json::json!({
                    "id": run.id, "row": run.row, "seed": run.seed, "point": plan.points[run.point],
                    "process": holder.process, "silent": holder.silent.as_secs_f64(), "stalled": holder.stalled,
                })
            };
            claims.iter().map(one).collect()
        };
        let line = serde_json::json!({
            "runs": status.runs, "finished": status.finished, "failed": status.failed, "running": running,
            "stalled": stalled, "waiting": status.waiting, "claimed": shown(&status.claimed), "again": shown(&status.again),
        });
        screen::json(&format!("{line}\n"))?;
        return Ok(exit::DONE);
    }
    let mut text = format!(
        "{}: {} points, {} runs: {} finished, {} failed, {running} running, {stalled} stalled, {} waiting{}\n",
        folder.path().display(),
        plan.points.len(),
        status.runs,
        status.finished,
        status.failed,
        status.waiting,
        match status.again.len() {
            0 => String::new(),
            again => format!("; {again} of those with a record running again"),
        }
    );
    let claimed = status.claimed.iter().map(|claim| ("running", claim));
    let again = status.again.iter().map(|claim| ("running again", claim));
    for (word, (run, holder)) in claimed.chain(again) {
        text += &format!(
            "{}: {}, seed {}, {}: {}, last sign of life {:.0} s ago\n",
            if holder.stalled { "stalled" } else { word },
            run.row,
            run.seed,
            plan.points[run.point],
            holder.process,
            holder.silent.as_secs_f64()
        );
    }
    screen::out(&text)?;
    Ok(exit::DONE)
}

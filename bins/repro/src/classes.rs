//! `repro run --classes I/N` and `repro collect`: classes that are trained by several tasks.

use crate::cli::{RunArgs, WorkArgs};
use crate::signals::Signals;
use crate::{count, jobs, planned, run_all, view};
use lacuna::cli::exit;
use lacuna::cli::screen;
use lacuna_formats::shown;
use lacuna_harness::{ClassTask, Plan, RunOptions, Store};
use std::path::PathBuf;
use std::time::Duration;

/// Trains the classes of one task.
pub(crate) fn train(plan: &Plan, task: ClassTask, args: &RunArgs) -> anyhow::Result<i32> {
    let out = args.out.as_ref().expect("clap asks for it");
    for (option, given) in [
        ("--save-models", args.work.save_models),
        ("--json", args.json),
        ("--tensorboard", args.work.tensorboard.is_some()),
        ("--force", args.force),
        ("--resume", args.resume),
    ] {
        anyhow::ensure!(
            !given,
            "{option}: a task that trains some of the classes has no table and no head of its own"
        );
    }
    // What cannot be trained so is refused before anything is written.
    plan.check_classes(task)?;
    let signals = Signals::new()?;
    let folder = Store::for_task(out, plan.spec(), task)?;
    let classes = task.classes(plan.data().classes());
    screen::info(&format!(
        "{}: {} of {} of {} classes, from number {} on; results: {}",
        shown(&plan.data().name),
        count(plan.runs(), "run"),
        classes.len(),
        plan.data().classes(),
        classes.start,
        out.display()
    ));
    plan.notes().iter().for_each(|note| screen::err(&format!("note: {note}")));
    let bar = view::Progress::bar(plan);
    let every = Duration::from_secs_f64(args.work.checkpoint_every);
    let checkpoints = folder.classes().to_path_buf();
    let options = RunOptions {
        stop: &signals.stop,
        checkpoints: Some((&checkpoints, every)),
        ..RunOptions::jobs(jobs(args.work.jobs))
    };
    let (trained, whole) = plan.train_classes(task, folder.classes(), options, &|event| bar.show(event))?;
    bar.finish();
    if !whole {
        screen::err(&format!("interrupted: {} trained; the same command goes on", count(trained, "run")));
        return Ok(signals.code());
    }
    screen::info(&format!(
        "{}, {trained} of them trained now; `repro collect {}` joins the classes of all {} tasks",
        count(plan.runs(), "run"),
        out.display(),
        task.tasks
    ));
    Ok(exit::DONE)
}

/// Joins the classes of all tasks.
pub(crate) fn collect(folder: PathBuf, json: bool) -> anyhow::Result<i32> {
    let spec = folder.join("spec.toml");
    let args = RunArgs {
        spec: Some(spec),
        out: Some(folder),
        work: WorkArgs { save_models: true, ..WorkArgs::default() },
        json,
        ..RunArgs::default()
    };
    run_all(&planned(None, &args, None)?, &args, true)
}

//! `repro run --classes I/N` and `repro collect`: classes that are trained by several tasks.

use crate::cli::{RunArgs, WorkArgs};
use crate::signals::Signals;
use crate::{count, jobs, planned, run_all, view};
use lacuna::cli::exit;
use lacuna::cli::screen;
use lacuna_formats::shown;
use lacuna_harness::{ClassTask, Plan, RunOptions, Store};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Trains the classes of one task.
pub(crate) fn train(plan: &Plan, task: ClassTask, args: &RunArgs) -> anyhow::Result<i32> {
    let out = args.out.as_ref().expect("clap asks for it");
    let own = "a task that trains some of the classes has no table and no head of its own; `repro collect` makes both";
    let force = "tasks share the folder of --out, and one of them would discard what the others have trained: name another folder, or \
                 remove this one";
    for (option, given, why) in [
        ("--save-models", args.work.save_models, own),
        ("--json", args.json, own),
        (
            "--tensorboard",
            args.work.tensorboard.is_some(),
            "a task that trains some of the classes has no metrics",
        ),
        ("--force", args.force, force),
        ("--resume", args.resume, "a task always continues with the existing results: leave the option out"),
    ] {
        anyhow::ensure!(!given, "{option}: {why}");
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
    let plan = planned(None, &args, None)?;
    let code = run_all(&plan, &args, true)?;
    let folder = args.out.as_ref().expect("it was just given");
    let ids = plan.spec().run_ids()?;
    let is_kept = |id: &String| folder.join("models").join(id).join("head.json").exists();
    let (files, bytes) = size_of(&folder.join("classes"));
    if code == exit::DONE && files > 0 && ids.iter().all(is_kept) {
        screen::info(&format!(
            "{}: {} of {:.1} MB, which no result and no head needs any more; without them, `repro collect` makes no head again",
            folder.join("classes").display(),
            count(files, "file"),
            bytes as f64 / 1e6
        ));
    }
    Ok(code)
}

/// Files of a folder and the folders in it, and their bytes.
fn size_of(folder: &Path) -> (usize, u64) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.fold((0, 0), |(files, bytes), entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => {
            let below = size_of(&entry.path());
            (files + below.0, bytes + below.1)
        }
        Ok(metadata) if metadata.is_file() => (files + 1, bytes + metadata.len()),
        _ => (files, bytes),
    })
}

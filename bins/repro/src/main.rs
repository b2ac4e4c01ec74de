//! Reproduces the missing-label benchmarks on precomputed features.

mod cli;
mod list;
mod losses;
mod specs;
mod view;

use anyhow::Context;
use clap::Parser;
use cli::{Cli, Command, RunArgs};
use lacuna::cli::{exit, screen};
use lacuna_formats::FormatError;
use lacuna_harness::{HarnessError, Plan, Progress, Report, RunOptions, Spec, Store};
use lacuna_source::SourceError;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

fn main() {
    lacuna_kernels::cpu::check_or_exit();
    let cli = Cli::parse();
    exit::finish(match cli.command {
        None => run(Some("spml-linear"), &RunArgs::default()),
        Some(Command::List) => list::text().and_then(|text| screen::out(&text)).map(|()| exit::DONE),
        Some(Command::Losses(args)) => {
            losses::text(&args).and_then(|text| screen::out(&text)).map(|()| exit::DONE)
        }
        Some(Command::Mask(args)) => lacuna::cli::mask::run(&args).map(|()| exit::DONE),
        Some(Command::Run { name, args }) => run(name.as_deref(), &args),
    })
}

/// Runs a benchmark, keeps every run when it ends, and shows the table.
fn run(name: Option<&str>, args: &RunArgs) -> anyhow::Result<i32> {
    let spec = match (name, &args.spec) {
        (_, Some(file)) => read_spec(file)?,
        (Some(name), None) => specs::find(name)?,
        (None, None) => unreachable!("clap asks for one of them"),
    };
    let plan = match Plan::new(&spec, &args.overrides()?) {
        Err(error) if args.spec.is_some() && names_no_file(&error) => {
            return Err(error).context(
                "the paths of a specification are meant in the folder in which it was run; --data, --labels, ... say where \
                 the files are now",
            );
        }
        plan => plan?,
    };
    let jobs = jobs(args.jobs);
    // From here on a signal leaves a tidy folder.
    let stop = stop_on_signals()?;
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
    let progress = view::Progress::new(&plan, &store, jobs);
    // The first thing that could not be kept; the runs go on, and the table is shown.
    let lost: Mutex<Option<HarnessError>> = Mutex::new(None);
    let options = RunOptions { jobs, stop: &stop, kept: store.kept() };
    let report = plan.run(options, &|event| {
        if let Progress::Run(run) = &event
            && let Err(error) = store.append(run)
        {
            lost.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get_or_insert(error);
        }
        progress.show(event);
    });
    progress.finish();
    let report = match report {
        Ok(report) => report,
        Err(error) => {
            store.close();
            return Err(error.into());
        }
    };
    let folder = store.folder().to_path_buf();
    let mut lost = lost.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    let kept = report.has_results() && lost.is_none();
    if report.has_results()
        && let Err(error) = store.write_table(&report)
    {
        lost.get_or_insert(error);
    }
    let shown = show(&report, args.json, kept.then_some(folder.as_path()));
    store.close();
    if let Some(error) = lost {
        return Err(error).context("results could not be stored");
    }
    shown?;
    if report.interrupted {
        let (done, all) = (report.runs.len(), plan.runs());
        screen::err(&match kept {
            true => format!(
                "interrupted: {done} of {all} runs are kept; `repro run --spec {0}/spec.toml --out {0}` runs the others",
                folder.display()
            ),
            false => "interrupted: no run had ended".to_string(),
        });
        return Ok(exit::INTERRUPTED);
    }
    if !report.has_results() {
        screen::err("every run failed: nothing is kept");
    }
    Ok(if report.has_failures() { exit::FOUND } else { exit::DONE })
}

/// Whether an error says that a file is not there.
fn names_no_file(error: &HarnessError) -> bool {
    let format = match error {
        HarnessError::Format(error) | HarnessError::Source(SourceError::Format(error)) => error,
        _ => return false,
    };
    matches!(format, FormatError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
}

/// Prints the table, or JSON.
fn show(report: &Report, json: bool, folder: Option<&Path>) -> anyhow::Result<()> {
    let place = folder.map(|folder| format!("results: {}", folder.display()));
    if json {
        for line in &report.losses {
            screen::json(&format!("{}\n", serde_json::to_string(line).context("a report turns into JSON")?))?;
        }
        place.iter().for_each(|place| screen::err(place));
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
        anyhow::bail!("{}: a specification is an ordinary file of at most 1 MiB", path.display());
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

/// A flag that the first Ctrl-C (SIGTERM, a terminal that is closed) sets; the second one ends the process at once.
fn stop_on_signals() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    #[cfg(unix)]
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        // In this order: the first signal finds the flag unset and sets it.
        signal_hook::flag::register_conditional_shutdown(signal, exit::INTERRUPTED, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    debug_assert!(!stop.load(Ordering::Relaxed));
    Ok(stop)
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

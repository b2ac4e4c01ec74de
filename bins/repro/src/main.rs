//! Reproduces the missing-label benchmarks on precomputed features.

mod cli;
mod list;
mod losses;
mod specs;
mod view;

use anyhow::Context;
use clap::Parser;
use cli::{Cli, Command, RunArgs};
use lacuna_formats::FormatError;
use lacuna_harness::{HarnessError, Plan, Report, Store};
use std::io::{ErrorKind, Write};
use std::path::Path;

fn main() {
    lacuna_kernels::cpu::check_or_exit();
    let cli = Cli::parse();
    let outcome = match cli.command {
        None => run("spml-linear", &RunArgs::default()),
        Some(Command::List) => list::text().and_then(|text| out(&text)),
        Some(Command::Losses(args)) => losses::text(&args).and_then(|text| out(&text)),
        Some(Command::Mask(args)) => lacuna_cli::mask::run(&args),
        Some(Command::Run { name, args }) => run(&name, &args),
    };
    if let Err(error) = outcome {
        // Every error says in its own sentence what its cause said.
        eprintln!("error: {}{}", error, advice(&error));
        std::process::exit(2);
    }
}

/// Runs a benchmark, shows it and keeps it.
fn run(name: &str, args: &RunArgs) -> anyhow::Result<()> {
    let spec = specs::find(name)?;
    let plan = Plan::new(&spec, &args.overrides()?)?;
    // The folder first: better no run than a run whose results cannot be kept.
    let store = match &args.out {
        Some(folder) => Store::at(folder)?,
        None => Store::fresh(Path::new("runs"), &format!("{}-{}", spec.name, plan.data().name))?,
    };
    let jobs = match args.jobs {
        Some(jobs) => jobs,
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let progress = view::Progress::new(&plan, jobs);
    let report = plan.run(jobs, &|event| progress.show(event));
    progress.finish();
    let report = match report {
        Ok(report) => report,
        Err(error) => {
            store.discard();
            return Err(error.into());
        }
    };
    let folder = store.folder().to_path_buf();
    if let Err(error) = store.write(&report) {
        store.discard();
        return Err(error.into());
    }
    show(&report, args.json, &folder)
}

fn show(report: &Report, json: bool, folder: &Path) -> anyhow::Result<()> {
    if json {
        for line in &report.losses {
            out(&format!("{}\n", serde_json::to_string(line).context("a report turns into JSON")?))?;
        }
        eprintln!("results: {}", folder.display());
        Ok(())
    } else {
        out(&format!("{}\nresults: {}\n", view::table(report), folder.display()))
    }
}

/// Writes to standard output; a reader that has gone away (`| head`) is no error.
fn out(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("standard output"),
        _ => Ok(()),
    }
}

/// The option that mends an error, where there is one.
fn advice(error: &anyhow::Error) -> &'static str {
    match error.downcast_ref::<HarnessError>() {
        Some(HarnessError::Format(FormatError::Ambiguous { .. })) => " (--features NAME)",
        Some(HarnessError::Format(FormatError::Label { path, value, .. }))
            if *value == -1.0 && path.to_string_lossy().ends_with("_obs.npy") =>
        {
            " (--label-convention spml, binary-an or csl)"
        }
        _ => "",
    }
}

//! Reproduces the missing-label benchmarks on precomputed features.

mod cli;
mod list;
mod specs;
mod view;

use anyhow::Context;
use clap::Parser;
use cli::{Cli, Command, RunArgs};
use lacuna_harness::{Plan, Report, Store};
use std::path::Path;

fn main() {
    lacuna_kernels::cpu::check_or_exit();
    let cli = Cli::parse();
    let outcome = match cli.command {
        None => run("spml-linear", &RunArgs::default()),
        Some(Command::List) => list::print(),
        Some(Command::Run { name, args }) => run(&name, &args),
    };
    if let Err(error) = outcome {
        eprintln!("error: {error:#}");
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
    store.write(&report)?;
    show(&report, args.json, store.folder())
}

fn show(report: &Report, json: bool, folder: &Path) -> anyhow::Result<()> {
    if json {
        for line in &report.losses {
            println!("{}", serde_json::to_string(line).context("a report turns into JSON")?);
        }
        eprintln!("results: {}", folder.display());
    } else {
        println!("{}", view::table(report));
        println!("results: {}", folder.display());
    }
    Ok(())
}

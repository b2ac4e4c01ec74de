//! Guards the speed of the project: compares two revisions, compares exact counters with committed ones, keeps a history.
#![forbid(unsafe_code)]

mod counts;
mod gate;
mod history;
mod interrupt;
mod plot;
mod revisions;
mod run;
mod seeded;
mod verdict;
mod work;

use clap::{Parser, Subcommand};
use interrupt::{Interrupt, Interrupted};
use lacuna::cli::{exit, screen};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;

/// Counts what is allocated.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Guards the speed of lacuna: two revisions in turn, exact counters, and a history
#[derive(Parser)]
#[command(name = "perfgate", version, max_term_width = screen::WIDTH, after_help = HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const HELP: &str = "Examples:
  perfgate run main .       is the working tree slower than main?
  perfgate counts           allocations, nodes and instructions as committed?
  perfgate record           a line of benches/history.jsonl for HEAD
  perfgate plot             history.svg

It is run inside the repository, by `cargo run --release --bin perfgate --`.

Exit codes: 0 done, 2 invalid command line or something that fails, 3 a
benchmark is slower or a counter differs, 130 interrupted.";

#[derive(Subcommand)]
enum Command {
    Run(gate::RunArgs),
    Counts(counts::CountsArgs),
    Record(history::RecordArgs),
    Plot(plot::PlotArgs),
    /// What `counts` runs under callgrind
    #[command(hide = true)]
    Work {
        name: String,
        steps: usize,
    },
}

fn main() {
    lacuna_kernels::cpu::check_or_exit();
    if let Some(percent) = seeded::asked() {
        return seeded::main(percent);
    }
    let outcome = command(Cli::parse().command);
    if outcome.as_ref().is_err_and(|error| error.is::<Interrupted>()) {
        screen::err("interrupted");
        std::process::exit(exit::INTERRUPTED);
    }
    exit::finish(outcome)
}

fn command(command: Command) -> anyhow::Result<i32> {
    let interrupt = Interrupt::new()?;
    match command {
        Command::Run(args) => gate::command(&args, &interrupt),
        Command::Counts(args) => counts::command(&args, ALLOCATOR, &interrupt),
        Command::Record(args) => history::command(&args, &interrupt),
        Command::Plot(args) => plot::command(&args),
        Command::Work { name, steps } => counts::work(&name, steps).map(|()| exit::DONE),
    }
}

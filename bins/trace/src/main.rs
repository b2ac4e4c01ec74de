//! The program `trace`: one training step of the tape, shown in five ways.

mod cell;
mod cli;
mod dot;
mod examples;
mod grad;
mod graph;
mod html;
mod observe;
mod output;
mod profile;
mod source;
mod step;

use clap::Parser;
use cli::{Cli, Command};
use lacuna::cli::exit;

fn main() {
    lacuna_kernels::cpu::check_or_exit();
    let cli = Cli::parse();
    exit::finish(match cli.command {
        Command::Step(args) => step::command(&args),
        Command::Dot(args) => dot::command(&args),
        Command::Profile(args) => profile::command(&args),
        Command::Grad(args) => grad::command(&args),
        Command::Html(args) => html::command(&args),
    })
}

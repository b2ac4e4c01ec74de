//! Checks data sets and draws masks.

use clap::{Parser, Subcommand};
use lacuna::cli::screen::WIDTH;
use lacuna::cli::{audit, doctor, exit, make, mask};

/// Version and instruction level.
fn version() -> &'static str {
    Box::leak(format!("{} {}", env!("CARGO_PKG_VERSION"), lacuna_kernels::cpu::simd_level()).into_boxed_str())
}

/// Looks after data sets for multi-label learning with missing labels
#[derive(Parser)]
#[command(name = "lacuna", version = version(), max_term_width = WIDTH, after_help = format!("{EXAMPLES}\n\n{}", exit::codes("doctor found errors in the data")))]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  lacuna doctor features/                   statistics and problems of the data
  lacuna doctor --data x.npy --labels y.csv --match row
  lacuna doctor scene/ --json
  lacuna mask features/ --out features/     the published single-positive mask
  lacuna make coco-like --train-rows 2000 --out coco/";

#[derive(Subcommand)]
enum Command {
    /// Ranks labels that are probably missing, and certifies a list of them
    Audit(audit::AuditArgs),
    /// Examines a data set and reports its problems
    Doctor(doctor::DoctorArgs),
    /// Hides labels by a protocol and writes the observed labels
    Mask(mask::MaskArgs),
    /// Writes an embedded synthetic set as a folder
    Make(make::MakeArgs),
}

fn main() {
    lacuna_kernels::cpu::check_or_exit();
    exit::finish(match Cli::parse().command {
        Command::Audit(args) => audit::run(&args).map(|()| exit::DONE),
        Command::Doctor(args) => doctor::run(&args),
        Command::Mask(args) => mask::run(&args).map(|()| exit::DONE),
        Command::Make(args) => make::run(&args).map(|()| exit::DONE),
    })
}

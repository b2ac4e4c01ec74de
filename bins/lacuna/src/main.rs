//! Looks after data sets: what is wrong with one, and masks for it.

use clap::{Parser, Subcommand};
use lacuna_cli::{doctor, make, mask};

/// Version and instruction level.
fn version() -> &'static str {
    Box::leak(format!("{} {}", env!("CARGO_PKG_VERSION"), lacuna_kernels::cpu::simd_level()).into_boxed_str())
}

/// Looks after data sets for multi-label learning with missing labels
#[derive(Parser)]
#[command(name = "lacuna", version = version(), after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  lacuna doctor features/            what the data set is, and what is wrong with it
  lacuna doctor scene/ --json
  lacuna mask features/              the published single-positive mask, byte for byte
  lacuna make coco-like --train-rows 2000 --out coco/

Exit codes: 0 done, 1 the doctor found errors, 2 something in the command line or the files has to be mended.";

#[derive(Subcommand)]
enum Command {
    /// Looks at a data set and says what is wrong with it
    Doctor(doctor::DoctorArgs),
    /// Hides labels as a protocol says and writes what is left
    Mask(mask::MaskArgs),
    /// Writes an embedded synthetic set as a folder
    Make(make::MakeArgs),
}

fn main() {
    lacuna_kernels::cpu::check_or_exit();
    let outcome = match Cli::parse().command {
        Command::Doctor(args) => doctor::run(&args),
        Command::Mask(args) => mask::run(&args).map(|()| false),
        Command::Make(args) => make::run(&args).map(|()| false),
    };
    match outcome {
        Ok(false) => {}
        Ok(true) => std::process::exit(1),
        Err(error) => {
            let advice = if error.to_string().contains("say which one this file follows") {
                " (--label-convention spml, binary-an or csl)"
            } else {
                ""
            };
            eprintln!("error: {error}{advice}");
            std::process::exit(2);
        }
    }
}

//! The program: its commands, completions and manual pages.

use super::screen::WIDTH;
use super::{
    audit, calibrate, compare, convert, doctor, eval, exit, export, make, mask, predict, screen, thresholds,
    train,
};
use anyhow::{Context, bail};
use clap::{Args, Command, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use lacuna_formats::write_atomic;
use std::path::PathBuf;

/// Version and instruction level.
fn version() -> &'static str {
    Box::leak(format!("{} {}", env!("CARGO_PKG_VERSION"), lacuna_kernels::cpu::running()).into_boxed_str())
}

/// Trains, uses and checks heads on features with incomplete labels, and looks after data sets
#[derive(Parser)]
#[command(name = "lacuna", version = version(), max_term_width = WIDTH, after_help = format!("{EXAMPLES}\n\n{}", exit::codes("doctor found errors in the data")))]
struct Cli {
    #[command(subcommand)]
    command: Commands,
}

const EXAMPLES: &str = "Examples:
  lacuna train --features clip.npy --names names.txt --labels tags.csv \\
    --unlisted unknown
  lacuna audit --features clip.npy --names names.txt --labels tags.csv \\
    --unlisted unknown
  lacuna predict --model head --features new.npy --out p.csv
  lacuna doctor features/                 statistics and problems of the data
  lacuna mask features/ --out features/   the published single-positive mask
  lacuna make coco-like --train-rows 2000 --out coco/";

#[derive(Subcommand)]
enum Commands {
    /// Trains a head on features and labels, of which some may be unknown
    Train(Box<train::TrainArgs>),
    /// Ranks labels that are probably missing, and certifies a list of them
    Audit(Box<audit::AuditArgs>),
    /// Predicts rows with a trained head
    Predict(Box<predict::PredictArgs>),
    /// Measures a head by labels, of which only the known cells count
    Eval(Box<eval::EvalArgs>),
    /// Chooses a threshold for each class, and saves them in the head
    Thresholds(Box<thresholds::ThresholdsArgs>),
    /// Calibrates the probabilities of a head, and saves them in it
    Calibrate(Box<calibrate::CalibrateArgs>),
    /// Writes a head as ONNX
    Export(export::ExportArgs),
    /// Compares losses and procedures on held-out rows
    Compare(Box<compare::CompareArgs>),
    /// Writes features, labels or both in another format
    Convert(Box<convert::ConvertArgs>),
    /// Examines a data set and reports its problems
    Doctor(Box<doctor::DoctorArgs>),
    /// Hides labels by a protocol and writes the observed labels
    Mask(Box<mask::MaskArgs>),
    /// Writes an embedded synthetic set as a folder
    Make(make::MakeArgs),
    /// Prints completions for a shell
    Completions(CompletionsArgs),
    /// Writes manual pages into a folder
    Man(ManArgs),
}

/// Prints completions for a shell
#[derive(Args)]
#[command(after_help = "Examples:
  lacuna completions bash > ~/.local/share/bash-completion/completions/lacuna
  lacuna completions zsh > ~/.zfunc/_lacuna
  lacuna completions fish > ~/.config/fish/completions/lacuna.fish

Exit codes: 0 done, 2 invalid command line.")]
struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Writes manual pages into a folder, one for the program and one for each command
#[derive(Args)]
#[command(after_help = "Examples:
  lacuna man ~/.local/share/man/man1

Exit codes: 0 done, 2 invalid command line, or pages that could not be
written.")]
struct ManArgs {
    /// Folder; created if it does not exist. Pages in it are replaced
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// The program, from its command line to its exit code.
pub fn main() -> ! {
    let cli = Cli::parse();
    if let Err(error) = super::limits_are_errors() {
        exit::finish(Err(error));
    }
    exit::finish(match cli.command {
        Commands::Train(args) => train::run(&args).map(|()| exit::DONE),
        Commands::Audit(args) => audit::run(&args).map(|()| exit::DONE),
        Commands::Predict(args) => predict::run(&args).map(|()| exit::DONE),
        Commands::Eval(args) => eval::run(&args).map(|()| exit::DONE),
        Commands::Thresholds(args) => thresholds::run(&args).map(|()| exit::DONE),
        Commands::Calibrate(args) => calibrate::run(&args).map(|()| exit::DONE),
        Commands::Export(args) => export::run(&args).map(|()| exit::DONE),
        Commands::Compare(args) => compare::run(&args).map(|()| exit::DONE),
        Commands::Convert(args) => convert::run(&args).map(|()| exit::DONE),
        Commands::Doctor(args) => doctor::run(&args),
        Commands::Mask(args) => mask::run(&args).map(|()| exit::DONE),
        Commands::Make(args) => make::run(&args).map(|()| exit::DONE),
        Commands::Completions(args) => completions(args.shell).map(|()| exit::DONE),
        Commands::Man(args) => man(&args.folder).map(|()| exit::DONE),
    })
}

/// The command line, for what describes it.
pub fn command() -> Command {
    Cli::command()
}

fn completions(shell: Shell) -> anyhow::Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command(), "lacuna", &mut text);
    screen::out(&String::from_utf8(text)?)
}

fn man(folder: &PathBuf) -> anyhow::Result<()> {
    if folder.is_file() {
        bail!("{}: it is a file, and pages need a folder", folder.display());
    }
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let program = command();
    let mut pages = vec![("lacuna".to_string(), program.clone())];
    for sub in program.get_subcommands() {
        let name: &'static str = Box::leak(format!("lacuna-{}", sub.get_name()).into_boxed_str());
        pages.push((name.to_string(), sub.clone().name(name)));
    }
    let count = pages.len();
    for (name, page) in pages {
        let path = folder.join(format!("{name}.1"));
        let mut text = Vec::new();
        clap_mangen::Man::new(page.version(version())).render(&mut text)?;
        write_atomic(lacuna_formats::Destination::replacing(&path), |file| file.write_all(&text))
            .with_context(|| path.display().to_string())?;
    }
    screen::out(&format!("{}: {count} pages\n", folder.display()))
}

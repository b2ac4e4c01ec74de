//! `repro losses`: metadata and plots of every loss.

#[cfg(test)]
mod guide;
mod plot;
mod probe;
mod race;
mod svg;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use lacuna::cli::screen::{self, wrapped};
use lacuna::cli::{Outputs, exit};
use lacuna_formats::write_atomic;
use lacuna_losses::{LOSSES, LossInfo, LossRow, Options, find};
use lacuna_train::procedure_for;
use probe::Probe;
use std::fmt::Write as _;
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct LossesArgs {
    #[command(subcommand)]
    command: Option<LossesCommand>,
}

#[derive(Subcommand)]
enum LossesCommand {
    /// Shows one loss: formula, source, parameters, and a plot of value and slope against the logit
    Show(ShowArgs),
    Race(race::RaceArgs),
}

#[derive(Args)]
struct ShowArgs {
    /// Name of the loss, e.g. hill
    name: String,
    /// Sets a parameter, e.g. gamma=3; may be given several times
    #[arg(long, value_name = "PARAM=VALUE")]
    set: Vec<String>,
    /// Epoch, counted from 0, for losses that change with it
    #[arg(long, value_name = "N", default_value_t = 5)]
    epoch: usize,
    /// Writes the plot to a file as well
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Replaces the file of --svg if it exists
    #[arg(long, requires = "svg")]
    force: bool,
}

/// Prints what is asked for; writes the pictures that are wanted.
pub(crate) fn command(args: &LossesArgs) -> anyhow::Result<i32> {
    let text = match &args.command {
        None => list()?,
        Some(LossesCommand::Show(args)) => show(args)?,
        Some(LossesCommand::Race(args)) => return race::command(args),
    };
    screen::out(&text).map(|()| exit::DONE)
}

fn list() -> anyhow::Result<String> {
    let mut out = String::new();
    for row in LOSSES {
        let info = row.info;
        writeln!(out, "{}", wrapped(&format!("{:<26} {}", info.name, heading(info)), 29))?;
        writeln!(out, "{}", wrapped(&format!("{:<26} {}", "", info.paper), 29))?;
        for line in parameters(info) {
            writeln!(out, "{}", wrapped(&format!("{:<26}   {line}", ""), 31))?;
        }
    }
    let more =
        "`repro losses show NAME` has formula and plot; `repro losses race` trains several side by side.";
    writeln!(out, "\n{}", wrapped(&format!("{} losses; {more}", LOSSES.len()), 2))?;
    Ok(out)
}

/// Title, year, and what the loss assumes about labels.
fn heading(info: &LossInfo) -> String {
    let mark = if info.experimental { "; experimental" } else { "" };
    format!("{} ({}); {}{mark}", info.title, info.year, info.labels)
}

fn parameters(info: &LossInfo) -> Vec<String> {
    let line = |p: &lacuna_losses::ParamInfo| {
        let default = match p.default {
            None => "from the data".to_string(),
            Some(d) if d != 0.0 && d.abs() < 1e-4 => format!("{d:e}"),
            Some(d) => d.to_string(),
        };
        format!("{} = {default}, in {}", p.name, p.range)
    };
    info.params.iter().map(line).collect()
}

fn show(args: &ShowArgs) -> anyhow::Result<String> {
    let row: &'static LossRow = find(&args.name)?;
    let info = row.info;
    let mut options = Options::default();
    for set in &args.set {
        let form = || format!("--set {set}: expected PARAM=VALUE");
        let (name, value) = set.split_once('=').with_context(form)?;
        let Ok(number) = value.trim().parse() else { bail!("--set {set}: invalid number `{value}`") };
        options = options.set(name.trim(), number);
    }
    let probe = Probe::of(row, &options, args.epoch)?;
    let mut out = String::new();
    writeln!(out, "{}", wrapped(&format!("{}: {}", info.name, heading(info)), 2))?;
    writeln!(out, "{}\n", wrapped(info.paper, 2))?;
    writeln!(out, "{}\n", wrapped(&format!("  {}", info.formula), 4))?;
    for (line, p) in parameters(info).iter().zip(info.params) {
        writeln!(out, "{}\n{}", wrapped(&format!("  {line}"), 4), wrapped(&format!("      {}", p.doc), 6))?;
    }
    let procedure = procedure_for(info.name, row.takes);
    let own = format!(
        "trained by the procedure {procedure}, with which tasks cannot train some of the classes (--classes I/N)"
    );
    let classes = match (row.by_column, procedure) {
        (true, "plain") => {
            "by column: the gradient at a class looks at no other, so tasks may train some of the classes (--classes I/N)"
        }
        (false, "plain") => "not by column: the gradient at a class looks at others",
        _ => &own,
    };
    writeln!(out, "\n{}", wrapped(&format!("  {classes}"), 4))?;
    writeln!(out, "\n{}", plot::panels(&probe))?;
    if let Some(path) = &args.svg {
        let picture = svg::picture(&format!("{} ({}, {})", info.title, info.name, info.year), &probe)?;
        let outputs = Outputs::new(args.force, Vec::new());
        write_atomic(outputs.to(path)?, |file| file.write_all(picture.as_bytes()))
            .with_context(|| path.display().to_string())?;
        writeln!(out, "\nwritten: {}", path.display())?;
    }
    Ok(out)
}

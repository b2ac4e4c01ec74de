//! `repro losses`: what the losses are, and what they look like.

mod curve;
mod svg;
mod text;

use crate::cli::parameter;
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use comfy_table::{ContentArrangement, Table, presets};
use curve::Plot;
use lacuna_formats::write_atomic;
use lacuna_losses::{
    BRANCH_LOSSES, CLASS_LOSSES, LOSSES, LossInfo, LossRow, Options, ParamInfo, Reduction, find,
};
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::PathBuf;

/// Columns of the list where there is no terminal that says how many it has.
const WIDTH: u16 = 150;

#[derive(Args)]
pub(crate) struct LossesArgs {
    #[command(subcommand)]
    command: Option<Which>,
}

#[derive(Subcommand)]
enum Which {
    /// Formula, source, parameters and a plot of value and slope against the logit
    Show(ShowArgs),
}

#[derive(Args)]
struct ShowArgs {
    /// Name of the loss, e.g. hill
    name: String,
    /// Sets a parameter, e.g. hill.lambda=2; may be given several times
    #[arg(long, value_name = "LOSS.PARAM=VALUE")]
    set: Vec<String>,
    /// Epoch the plot is of, counted from 0: some methods change in the course of the training
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    epoch: u32,
    /// Writes the plot as SVG as well, replacing the file if it exists
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// What the command prints.
pub(crate) fn run(args: &LossesArgs) -> anyhow::Result<String> {
    match &args.command {
        None => list(),
        Some(Which::Show(args)) => show(args),
    }
}

/// Every row of the three tables.
fn list() -> anyhow::Result<String> {
    let mut out = String::new();
    for (title, rows) in [
        ("Losses", LOSSES),
        ("Losses that are built from the class frequencies of the training set", CLASS_LOSSES),
        ("Losses over several matrices of logits, of several heads or of mixed rows", BRANCH_LOSSES),
    ] {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Dynamic);
        if !std::io::stdout().is_terminal() {
            table.set_width(WIDTH);
        }
        table.set_header(["name", "loss and paper", "year", "labels", "parameters"]);
        for row in rows {
            let info = row.info;
            table.add_row([
                info.name.to_owned(),
                format!("{}{}. {}", info.title, mark(info), info.paper),
                info.year.to_string(),
                info.labels.to_string(),
                parameters(info),
            ]);
        }
        writeln!(out, "{title}:\n{table}\n")?;
    }
    writeln!(
        out,
        "experimental: derived from a paper's text or by us; there are no published numbers to compare with.\n\
         `repro losses show NAME` has the formula and a plot; `--set NAME.PARAM=VALUE` sets a parameter."
    )?;
    Ok(out)
}

fn mark(info: &LossInfo) -> &'static str {
    if info.experimental { " (experimental)" } else { "" }
}

/// `lambda = 1.5 in [0, inf)`, a line for each.
fn parameters(info: &LossInfo) -> String {
    let line = |p: &ParamInfo| format!("{} = {} in {}", p.name, default(p), p.range);
    info.params.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn default(param: &ParamInfo) -> String {
    param.default.map_or("from the data".to_owned(), |d| d.to_string())
}

fn show(args: &ShowArgs) -> anyhow::Result<String> {
    let row = find(&args.name)?;
    let options = options(row, &args.set)?;
    let plot = Plot::new(row, &options, args.epoch as usize)?;
    let mut out = describe(row, &options)?;
    out.push_str(&text::draw(&plot));
    if let Some(path) = &args.svg {
        let picture = svg::draw(&plot);
        write_atomic(path, |file| file.write_all(picture.as_bytes()))
            .with_context(|| format!("{}", path.display()))?;
        writeln!(out, "\nwritten: {}", path.display())?;
    }
    Ok(out)
}

/// The parameters given, over those of the plot's training set.
fn options(row: &LossRow, set: &[String]) -> anyhow::Result<Options> {
    let mut options = Options::default().reduce(Reduction::Sum);
    for text in set {
        let (loss, param, value) = parameter(text)?;
        if loss != row.info.name {
            bail!("--set {text}: the loss that is shown is {}", row.info.name);
        }
        options = options.set(&param, value);
    }
    Ok(options)
}

fn describe(row: &LossRow, options: &Options) -> anyhow::Result<String> {
    let info = row.info;
    let mut out = String::new();
    writeln!(out, "{}: {}{}\n", info.name, info.title, mark(info))?;
    let mut field = |title: &str, text: &str| {
        for (i, line) in text::wrap(text, 86).iter().enumerate() {
            let _ = writeln!(out, "  {:<10} {line}", if i == 0 { title } else { "" });
        }
    };
    field("formula", info.formula);
    field("paper", &format!("{}, {}", info.paper, info.year));
    field("labels", &info.labels.to_string());
    field("reduction", &row.reduction.to_string());
    for p in info.params {
        let given = options.params.get(p.name);
        let value = given.map_or(default(p), |x| format!("{x} (default {})", default(p)));
        field("parameter", &format!("{} = {value} in {}: {}", p.name, p.range, p.doc));
    }
    writeln!(out, "\n  z logit, p = sigma(z), n = 1 - p, lp = -ln p, ln = -ln n\n")?;
    Ok(out)
}

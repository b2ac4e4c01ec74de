//! The command line.

use crate::examples::EXAMPLES;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Shows one training step of the tape: as a table, a graph, a profile, a comparison of gradients, or an interactive page.
#[derive(Debug, Parser)]
#[command(name = "trace", version, max_term_width = 100, after_help = examples())]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

fn examples() -> String {
    let lines: Vec<String> = EXAMPLES.iter().map(|e| format!("  {:<12} {}", e.name, e.title)).collect();
    format!(
        "Examples that are built in:\n{}\n\nTry:\n  trace grad seven-nodes --set w=0.5\n  trace step \
         bins/repro/specs/spml-linear.toml --row hill\n  trace html --out tape.html\n\n{}",
        lines.join("\n"),
        lacuna::cli::exit::codes("gradients do not agree")
    )
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// One real training step as a table: node, operation, inputs, shape, bytes, time, size of the gradient
    Step(StepArgs),
    /// The recorded graph, for Graphviz or as SVG: leaves are boxes, g is the gradient, a number at an edge says which input it is
    Dot(DotArgs),
    /// One real training step as a trace for Perfetto and chrome://tracing
    Profile(ProfileArgs),
    /// The gradient of each cell by differences, by dual numbers and by the tape
    Grad(GradArgs),
    /// An interactive page that needs no network: change values, step forwards and backwards, break the backward pass, answer questions
    Html(HtmlArgs),
}

#[derive(Debug, Args)]
pub(crate) struct WhatArgs {
    /// Name of a built-in example, or a specification (TOML), of which one training step is taken
    #[arg(value_name = "EXAMPLE|SPEC")]
    pub(crate) what: String,
    /// Row of the specification, a loss [default: the first]
    #[arg(long, value_name = "NAME")]
    pub(crate) row: Option<String>,
    /// Of a specification: training steps before the one that is shown
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) after: usize,
}

#[derive(Debug, Args)]
pub(crate) struct StepArgs {
    #[command(flatten)]
    pub(crate) what: WhatArgs,
    /// Prints JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ProfileArgs {
    #[command(flatten)]
    pub(crate) what: WhatArgs,
    /// File to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Replaces an existing file
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DotArgs {
    /// Name of a built-in example
    pub(crate) example: String,
    /// A value of a leaf: `w=0.5`, `w[0,1]=2`
    #[arg(long = "set", value_name = "CELL=VALUE")]
    pub(crate) set: Vec<String>,
    /// File to write; one that ends in .svg is drawn [default: standard output, as DOT]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Replaces an existing file
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GradArgs {
    /// Name of a built-in example
    pub(crate) example: String,
    /// Only this node: a name, or a position on the tape [default: every leaf with a gradient]
    pub(crate) node: Option<String>,
    /// A value of a leaf: `w=0.5`, `w[0,1]=2`
    #[arg(long = "set", value_name = "CELL=VALUE")]
    pub(crate) set: Vec<String>,
    /// Prints JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct HtmlArgs {
    /// File to write
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Replaces an existing file
    #[arg(long)]
    pub(crate) force: bool,
}

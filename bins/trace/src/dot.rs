//! `trace dot`: the graph with values and gradients in its nodes.

use crate::cli::DotArgs;
use crate::graph::Graph;
use crate::output::write;
use crate::{cell::Setting, examples};
use anyhow::anyhow;
use lacuna::cli::{exit, screen};
use lacuna_engine::NodeView;
use layout::backends::svg::SVGWriter;
use layout::gv::{DotParser, GraphBuilder};
use std::fmt::Write as _;

pub(crate) fn command(args: &DotArgs) -> anyhow::Result<i32> {
    let settings = args.set.iter().map(|set| Setting::parse(set)).collect::<Result<Vec<_>, _>>()?;
    let dot = dot(&examples::find(&args.example)?.graph(&settings)?);
    match &args.out {
        None => screen::out(&dot)?,
        Some(path) => {
            let drawn = path.extension().is_some_and(|extension| extension == "svg");
            let text = if drawn { svg(&dot)? } else { dot };
            write(path, args.force, &text)?;
        }
    }
    Ok(exit::DONE)
}

/// The first numbers of a value, so that a node stays small.
fn numbers(values: &[f32]) -> String {
    const MOST: usize = 4;
    let shown: Vec<String> = values.iter().take(MOST).map(|x| format!("{x:.4}")).collect();
    let rest = if values.len() > MOST { format!(" and {} more", values.len() - MOST) } else { String::new() };
    format!("{}{rest}", shown.join(" "))
}

/// Text inside quotes of the DOT language.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

fn label(graph: &Graph, node: &NodeView<'_>) -> String {
    let title = match graph.name(node) {
        Some(name) => format!("{name} ({})", node.op),
        None => node.call(),
    };
    let grad =
        node.grad.as_ref().map_or_else(|| "no gradient".to_string(), |grad| format!("g {}", numbers(grad)));
    // A line break of the DOT language.
    [format!("{} {title} {}", node.index, node.shape), numbers(node.value), grad]
        .map(|line| quoted(&line))
        .join("\\n")
}

pub(crate) fn dot(graph: &Graph) -> String {
    let mut out = String::from("digraph tape {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n");
    for node in graph.tape.nodes() {
        let shape = if node.inputs.is_empty() { "box" } else { "ellipse" };
        let style = if node.needs_grad { "" } else { ", style=dashed" };
        let _ = writeln!(out, "  n{} [label=\"{}\", shape={shape}{style}];", node.index, label(graph, &node));
        for (place, input) in node.inputs.iter().enumerate() {
            let which = if node.inputs.len() > 1 { format!(" [label=\"{place}\"]") } else { String::new() };
            let _ = writeln!(out, "  n{input} -> n{}{which};", node.index);
        }
    }
    out + "}\n"
}

/// The drawing of a graph, without Graphviz.
fn svg(dot: &str) -> anyhow::Result<String> {
    let mut parser = DotParser::new(dot);
    let parsed = parser.process().map_err(|error| anyhow!("the graph cannot be drawn: {error}"))?;
    let mut builder = GraphBuilder::new();
    builder.visit_graph(&parsed);
    let mut writer = SVGWriter::new();
    builder.get().do_it(false, false, false, &mut writer);
    Ok(writer.finalize())
}

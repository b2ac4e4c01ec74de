//! `trace html`: one page that needs no network.

use crate::cell::number;
use crate::cli::HtmlArgs;
use crate::examples::{EXAMPLES, Example};
use crate::graph::Graph;
use crate::output::write;
use crate::source;
use lacuna::cli::exit;
use lacuna_engine::NodeView;
use lacuna_losses::Label;
use serde_json::{Map, Value, json};

/// The files of the page's script, in their order.
static SCRIPTS: &[&str] = include!(concat!(env!("OUT_DIR"), "/scripts.rs"));

pub(crate) fn command(args: &HtmlArgs) -> anyhow::Result<i32> {
    write(&args.out, args.force, &page()?)?;
    Ok(exit::DONE)
}

fn page() -> anyhow::Result<String> {
    let examples = EXAMPLES.iter().map(example).collect::<anyhow::Result<Vec<_>>>()?;
    let data = json!({ "version": 1, "made_with": "trace html", "examples": examples });
    // No text of the data can end the element that it stands in.
    let data = serde_json::to_string(&data)?.replace('<', "\\u003c");
    Ok(include_str!("../page/page.html")
        .replacen("/*STYLE*/", include_str!("../page/page.css"), 1)
        .replacen("/*SCRIPT*/", &SCRIPTS.concat(), 1)
        .replacen("/*DATA*/", &data, 1))
}

fn example(example: &Example) -> anyhow::Result<Value> {
    let graph = example.graph(&[])?;
    let loss = graph.tape.node_of(graph.loss).index;
    let nodes: Vec<Value> = graph.tape.nodes().map(|node| as_json(&graph, &node)).collect();
    Ok(json!({
        "name": example.name, "title": example.title, "about": example.about, "loss": loss, "nodes": nodes,
    }))
}

fn as_json(graph: &Graph, node: &NodeView<'_>) -> Value {
    let mut json = json!({
        "id": node.index, "op": node.op, "inputs": node.inputs, "shape": node.shape.sizes(),
        "name": graph.name(node).unwrap_or_default(), "scope": node.scope, "needs_grad": node.needs_grad,
        "constants": constants(graph, node), "value": node.value.iter().map(|x| number(*x)).collect::<Vec<_>>(),
        "doc": node.doc, "derivative": node.derivative,
    });
    // Leaves are put on the tape and not computed.
    let source = if node.inputs.is_empty() { None } else { source::of(node.op) };
    if let Some(source) = source {
        let part = |lines: source::Lines| json!({ "line": lines.line, "text": lines.text });
        json["source"] = json!({ "file": source.file, "forward": part(source.forward), "backward": part(source.backward) });
    }
    json
}

/// Constants under the names that the page knows.
fn constants(graph: &Graph, node: &NodeView<'_>) -> Value {
    let of = |name: &str| node.constants.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let pair = |name: &str| {
        let [height, width] = ["height", "width"].map(|axis| of(&format!("{name} {axis}")));
        Some(json!([height?, width?]))
    };
    let mut constants = Map::new();
    if let (true, Some(fused)) = (node.var == graph.loss, &graph.fused) {
        let label = |label: &Label| match label {
            Label::Positive => json!(1),
            Label::Negative => json!(0),
            Label::Unknown => Value::Null,
        };
        constants.insert("loss".into(), json!(fused.row));
        constants.insert("reduction".into(), json!(fused.reduction.to_string()));
        constants.insert("labels".into(), fused.labels.iter().map(label).collect());
        for (name, value) in &fused.params {
            constants.insert((*name).into(), json!(value));
        }
        return Value::Object(constants);
    }
    for (ours, page) in [("kernel", "size"), ("stride", "stride"), ("padding", "padding")] {
        if let Some(pair) = pair(ours) {
            constants.insert(page.into(), pair);
        }
    }
    for (name, value) in &node.constants {
        let name = match *name {
            "offset" => "by",
            "count padding" => "count_padding",
            name if name.ends_with(" height") || name.ends_with(" width") => continue,
            name => name,
        };
        // Constants are kept in f32: what was written is the shortest number that gives it.
        constants.insert(name.into(), json!(number(*value as f32)));
    }
    Value::Object(constants)
}

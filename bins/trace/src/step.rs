//! `trace step`: one training step as a table.

use crate::cli::StepArgs;
use crate::observe::{self, Row, Step};
use lacuna::cli::{exit, screen};
use serde_json::json;
use std::time::Duration;

pub(crate) fn command(args: &StepArgs) -> anyhow::Result<i32> {
    let step = observe::step(&args.what)?;
    if args.json {
        screen::json(&serde_json::to_string_pretty(&as_json(&step))?)?;
    } else {
        screen::out(&text(&step))?;
    }
    Ok(exit::DONE)
}

fn us(duration: Option<Duration>) -> String {
    duration.map_or_else(|| "-".to_string(), |duration| format!("{:.1}", duration.as_secs_f64() * 1e6))
}

fn bytes(bytes: usize) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// The table, its columns as wide as their widest entry.
fn text(step: &Step) -> String {
    let header = [
        "#",
        "operation",
        "name or scope",
        "inputs",
        "shape",
        "size",
        "forward us",
        "backward us",
        "|gradient|",
    ];
    let cells = |row: &Row| {
        let inputs: Vec<String> = row.inputs.iter().map(usize::to_string).collect();
        [
            row.index.to_string(),
            row.call.clone(),
            row.name.clone(),
            inputs.join(", "),
            row.shape.clone(),
            bytes(row.bytes),
            us(row.forward),
            us(row.backward),
            row.norm.map_or_else(|| "-".to_string(), |norm| format!("{norm:.3e}")),
        ]
    };
    let mut table = vec![header.map(String::from)];
    table.extend(step.rows.iter().map(cells));
    let widths: Vec<usize> = (0..header.len())
        .map(|col| table.iter().map(|row| row[col].chars().count()).max().unwrap_or(0))
        .collect();
    let mut out = format!("{}, loss {} in f32\n\n", step.title, step.loss);
    for row in &table {
        let line: Vec<String> = row
            .iter()
            .enumerate()
            .map(|(col, cell)| match col {
                1..=4 => format!("{cell:<width$}", width = widths[col]),
                _ => format!("{cell:>width$}", width = widths[col]),
            })
            .collect();
        out += line.join("  ").trim_end();
        out.push('\n');
    }
    let total = |backward: bool| -> Duration {
        step.events
            .iter()
            .filter(|event| event.backward == backward)
            .map(|event| event.end - event.start)
            .sum()
    };
    out + &format!(
        "\nforward {} us, backward {} us; a node has the time that passed since the node before it, and parameters of a specification have none\n\
         operation: param is trained, variable has a gradient and is not trained, input is data; shape [] is one number\n\
         size: of the value, in f32; -: no gradient is computed; |gradient|: the root of the sum of its squares\n",
        us(Some(total(false))),
        us(Some(total(true)))
    )
}

fn as_json(step: &Step) -> serde_json::Value {
    let seconds = |duration: Option<Duration>| duration.map(|duration| duration.as_secs_f64());
    let nodes: Vec<_> = step
        .rows
        .iter()
        .map(|row| {
            json!({
                "node": row.index, "operation": row.call, "name": row.name, "inputs": row.inputs, "shape": row.shape,
                "bytes": row.bytes, "forward_seconds": seconds(row.forward), "backward_seconds": seconds(row.backward),
                "gradient_norm": row.norm,
            })
        })
        .collect();
    json!({ "title": step.title, "loss": step.loss, "nodes": nodes })
}

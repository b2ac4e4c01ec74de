//! `trace grad`: the gradient of each cell by differences, by dual numbers and by the tape.

use crate::cli::GradArgs;
use crate::graph::{Graph, Slopes};
use crate::{cell::Setting, examples};
use anyhow::bail;
use lacuna::cli::{exit, screen};
use lacuna_engine::{NodeView, diagnose};
use serde_json::json;

/// What the columns are.
const FOOTNOTE: &str = "\ndifferences and dual numbers in f64, the tape in f32; they agree where they differ by less than 1e-3 of themselves\n\
                        plus 1e-5 of the largest of the node, or plus 1e-5 where all are below 1\n";

/// The gradient of the tape is computed in f32: relative to itself, and to the largest of its node.
const TOLERANCE: [f64; 2] = [1e-3, 1e-5];

pub(crate) fn command(args: &GradArgs) -> anyhow::Result<i32> {
    let settings = args.set.iter().map(|set| Setting::parse(set)).collect::<Result<Vec<_>, _>>()?;
    let graph = examples::find(&args.example)?.graph(&settings)?;
    let compared: Vec<Compared> =
        nodes(&graph, args.node.as_deref())?.iter().map(|node| Compared::of(&graph, node)).collect();
    if args.json {
        let nodes: Vec<_> = compared.iter().map(Compared::json).collect();
        screen::json(&serde_json::to_string_pretty(&json!({ "loss": graph.value(), "nodes": nodes }))?)?;
    } else {
        let mut text = format!("{}: loss {:.12} in f64\n", args.example, graph.value());
        let places = compared.iter().flat_map(|node| &node.places);
        let width = places.map(|place| place.chars().count()).max().unwrap_or(0).max(4);
        text += &heading(width);
        text += &compared.iter().map(|node| node.text(width)).collect::<Vec<_>>().join("\n");
        text += FOOTNOTE;
        screen::out(&text)?;
    }
    Ok(if compared.iter().all(|node| node.wrong.is_none()) { exit::DONE } else { exit::FOUND })
}

/// The node that is asked for, by name or position, or every leaf with a gradient.
fn nodes<'a>(graph: &'a Graph, asked: Option<&str>) -> anyhow::Result<Vec<NodeView<'a>>> {
    let all: Vec<NodeView<'a>> = graph.tape.nodes().collect();
    let Some(asked) = asked else {
        return Ok(all.into_iter().filter(|node| node.inputs.is_empty() && node.needs_grad).collect());
    };
    let found =
        all.iter().position(|node| graph.name(node) == Some(asked) || node.index.to_string() == asked);
    let Some(found) = found else {
        let names: Vec<&str> = all.iter().filter_map(|node| graph.name(node)).collect();
        bail!("no node is {asked}; there are 0 to {} and {}", all.len() - 1, names.join(", "));
    };
    let node = all.into_iter().nth(found).expect("a position of the list");
    if !node.needs_grad {
        bail!("{} is data: no gradient is computed for it", graph.name(&node).unwrap_or(asked));
    }
    Ok(vec![node])
}

/// What stands above the columns.
fn heading(width: usize) -> String {
    format!(
        "\n{:<width$}  {:>12}  {:>16}  {:>16}  {:>16}  {:>13}\n",
        "cell", "value", "differences", "dual numbers", "tape", "|tape - dual|"
    )
}

/// The gradients of a node.
struct Compared {
    title: String,
    places: Vec<String>,
    values: Vec<f32>,
    slopes: Vec<Slopes>,
    wrong: Option<String>,
}

impl Compared {
    fn of(graph: &Graph, node: &NodeView<'_>) -> Self {
        let title = graph.name(node).map_or_else(|| node.title(), String::from);
        let slopes: Vec<Slopes> = (0..node.shape.len()).map(|element| graph.slopes(node, element)).collect();
        let (tape, dual): (Vec<f64>, Vec<f64>) = slopes.iter().map(|s| (s.tape, s.dual)).unzip();
        let largest = dual.iter().fold(0.0, |m: f64, d| m.max(d.abs()));
        let close =
            |a: f64, b: f64| (a - b).abs() <= TOLERANCE[0] * b.abs() + TOLERANCE[1] * largest.max(1.0);
        let agree = slopes.iter().all(|s| close(s.tape, s.dual) && close(s.numeric, s.dual));
        let wrong = (!agree).then(|| match diagnose(&tape, &dual) {
            Some(diagnosis) => diagnosis.to_string(),
            None => lacuna_engine::Diagnosis::Kink.to_string(),
        });
        let places =
            (0..slopes.len()).map(|element| format!("{title}{}", node.shape.place(element))).collect();
        Self { title, places, values: node.value.to_vec(), slopes, wrong }
    }

    /// A line for each cell.
    fn text(&self, width: usize) -> String {
        let mut text = String::new();
        for ((place, value), s) in self.places.iter().zip(&self.values).zip(&self.slopes) {
            text += &format!(
                "{place:<width$}  {value:>12.6}  {:>16.10}  {:>16.10}  {:>16.10}  {:>13.1e}\n",
                s.numeric,
                s.dual,
                s.tape,
                (s.tape - s.dual).abs()
            );
        }
        match &self.wrong {
            None => text,
            Some(wrong) => text + &format!("{}: {wrong}\n", self.title),
        }
    }

    fn json(&self) -> serde_json::Value {
        let cells = self.places.iter().zip(&self.values).zip(&self.slopes).map(|((place, value), s)| {
            json!({ "cell": place, "value": value, "numeric": s.numeric, "dual": s.dual, "tape": s.tape })
        });
        json!({ "node": self.title, "cells": cells.collect::<Vec<_>>(), "diagnosis": self.wrong })
    }
}

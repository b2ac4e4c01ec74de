//! Small graphs to look at, a file for each.

mod linear_hill;
mod seven_nodes;
mod three_uses;
mod tiny_cnn;
mod xor;

use crate::cell::Setting;
use crate::graph::{Graph, Leaves};
use anyhow::bail;
use lacuna_engine::{Observer, Var};

/// A graph to look at.
pub(crate) struct Example {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) about: &'static str,
    /// Records it and returns its loss.
    pub(crate) record: fn(&mut Leaves<'_>) -> Var,
}

/// Every example.
pub(crate) const EXAMPLES: [Example; 5] =
    [seven_nodes::EXAMPLE, three_uses::EXAMPLE, linear_hill::EXAMPLE, xor::EXAMPLE, tiny_cnn::EXAMPLE];

impl Example {
    /// Records the example with values that the user has set, and differentiates it.
    pub(crate) fn graph(&self, settings: &[Setting]) -> anyhow::Result<Graph> {
        self.graph_observed(settings, None)
    }

    /// The same, with an observer that sees every node.
    pub(crate) fn graph_observed(
        &self,
        settings: &[Setting],
        observer: Option<Box<dyn Observer>>,
    ) -> anyhow::Result<Graph> {
        let mut leaves = Leaves::new(settings);
        leaves.tape.observe(observer);
        let loss = (self.record)(&mut leaves);
        leaves.graph(loss)
    }
}

/// The example of a name.
pub(crate) fn find(name: &str) -> anyhow::Result<&'static Example> {
    match EXAMPLES.iter().find(|example| example.name == name) {
        Some(example) => Ok(example),
        None => {
            let names = EXAMPLES.iter().map(|example| example.name).collect::<Vec<_>>().join(", ");
            bail!("no example is named {name}; there are {names}")
        }
    }
}

//! The tape as a table, and as a graph for Graphviz.

use super::Tape;
use std::fmt::Write as _;

impl Tape {
    /// The recorded nodes as a table: position, operation, inputs, shape, scope.
    pub fn table(&self) -> String {
        let mut out = String::from("  #  op            inputs        shape           grad  scope\n");
        for (i, node) in self.nodes[..self.len].iter().enumerate() {
            let inputs: Vec<String> = node.op.inputs().iter().map(|x| x.index().to_string()).collect();
            let scope =
                self.names.get(i).map_or(self.scopes[usize::from(node.scope)].as_str(), String::as_str);
            let grad = match (node.needs_grad, node.has_grad) {
                (false, _) => "-",
                (true, false) => "no",
                (true, true) => "yes",
            };
            let _ = writeln!(
                out,
                "{i:>3}  {:<12}  {:<12}  {:<14}  {grad:<4}  {scope}",
                node.op.name(),
                inputs.join(", "),
                node.shape.to_string(),
            );
        }
        out
    }

    /// The recorded graph in Graphviz's DOT language; boxes are leaves.
    pub fn dot(&self) -> String {
        let mut out = String::from("digraph tape {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n");
        for (i, node) in self.nodes[..self.len].iter().enumerate() {
            let name = self.names.get(i).map_or(node.op.name(), String::as_str).replace('"', "\\\"");
            let shape = if node.op.is_leaf() { "box" } else { "ellipse" };
            let style = if node.needs_grad { "" } else { ", style=dashed" };
            let _ = writeln!(out, "  n{i} [label=\"{name}\\n{}\", shape={shape}{style}];", node.shape);
            for x in node.op.inputs().iter() {
                let _ = writeln!(out, "  n{} -> n{i};", x.index());
            }
        }
        out.push_str("}\n");
        out
    }
}

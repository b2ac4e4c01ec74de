//! Looking at a recorded tape: its nodes one by one, with names for their elements.

use super::{Tape, Var};
use crate::Shape;
use crate::ops::LeafKind;

/// A node of a recorded tape, as [`Tape::nodes`] shows it.
#[derive(Clone, Debug)]
pub struct NodeView<'a> {
    /// Its handle.
    pub var: Var,
    /// Position on the tape.
    pub index: usize,
    /// Name of the operation; of leaves what they are: `param`, `state`, `input`, `variable`.
    pub op: &'static str,
    /// One line on what it computes.
    pub doc: &'static str,
    /// Its backward pass in one line.
    pub derivative: &'static str,
    /// Positions of the values that it reads.
    pub inputs: Vec<usize>,
    /// The operation's constants by name.
    pub constants: Vec<(&'static str, f64)>,
    /// Shape of its value.
    pub shape: Shape,
    /// Name of a parameter or of state.
    pub name: Option<&'a str>,
    /// Scope it was recorded in; empty outside any.
    pub scope: &'a str,
    /// Whether a gradient can reach it.
    pub needs_grad: bool,
    /// Its value.
    pub value: &'a [f32],
    /// The gradient that the last sweep left, rows that nobody wrote as zeros; `None` where no path reached it.
    pub grad: Option<Vec<f32>>,
}

impl NodeView<'_> {
    /// What a person calls it: its name, else operation and position, `matmul (node 3)`.
    pub fn title(&self) -> String {
        self.name.map_or_else(|| format!("{} (node {})", self.op, self.index), String::from)
    }

    /// An element by its place: `w[2,3]`; a single number without one.
    pub fn element(&self, element: usize) -> String {
        format!("{}{}", self.title(), self.shape.place(element))
    }

    /// The operation with its constants: `clamp(low -1, high 1)`.
    pub fn call(&self) -> String {
        let constants: Vec<String> =
            self.constants.iter().map(|(name, value)| format!("{name} {value}")).collect();
        if constants.is_empty() {
            self.op.to_string()
        } else {
            format!("{}({})", self.op, constants.join(", "))
        }
    }
}

impl Tape {
    /// The recorded nodes in order.
    ///
    /// ```
    /// use lacuna_engine::{Tape, Tensor};
    /// let mut tape = Tape::new();
    /// let w = tape.param("w", Tensor::new([2, 2], vec![1.0, -2.0, 3.0, 0.5]));
    /// tape.seal();
    /// let y = tape.clamp(w, -1.0, 1.0);
    /// let nodes: Vec<_> = tape.nodes().collect();
    /// assert_eq!((nodes[0].op, nodes[0].element(2)), ("param", "w[1,0]".to_string()));
    /// assert_eq!(nodes[1].call(), "clamp(low -1, high 1)");
    /// assert_eq!((nodes[1].inputs.as_slice(), nodes[1].value), (&[0][..], &[1.0, -1.0, 1.0, 0.5][..]));
    /// ```
    pub fn nodes(&self) -> impl Iterator<Item = NodeView<'_>> + '_ {
        (0..self.len).map(|index| self.node(index))
    }

    fn node(&self, index: usize) -> NodeView<'_> {
        let node = &self.nodes[index];
        let var = self.var_at(index);
        let op = node.op.leaf_kind().map_or(node.op.name(), LeafKind::name);
        NodeView {
            var,
            index,
            op,
            doc: node.op.doc(),
            derivative: node.op.derivative(),
            inputs: node.op.inputs().iter().map(|id| id.index()).collect(),
            constants: node.op.constants(),
            shape: node.shape,
            name: self.names.get(index).map(String::as_str),
            scope: &self.scopes[usize::from(node.scope)],
            needs_grad: node.needs_grad,
            value: self.values[index].get(),
            grad: self.dense_grad(var),
        }
    }

    /// The node of a handle.
    #[track_caller]
    pub fn node_of(&self, var: Var) -> NodeView<'_> {
        self.node(self.id(var, "node_of").index())
    }
}

//! Running a recorded graph again, in another arithmetic.
//!
//! The tape is data, so the same graph can be evaluated with the operations' references: in f64 for
//! differences, in dual numbers for derivatives. Nothing of the fast kernels takes part.

use super::{Node, NodeId, Tape, Var};
use crate::{Real, Shape};

/// A graph evaluated by [`Tape::replay`]: the values of all nodes in another arithmetic.
pub struct Replay<R> {
    values: Vec<Vec<R>>,
}

impl<R: Real> Replay<R> {
    /// The value a node takes.
    pub fn value(&self, tape: &Tape, var: Var) -> &[R] {
        &self.values[tape.id(var, "replay").index()]
    }
}

/// What a reference implementation is given.
pub(crate) struct Reference<'a, R> {
    tape: &'a Tape,
    values: &'a [Vec<R>],
    index: usize,
}

impl<R: Real> Reference<'_, R> {
    /// The value of an input in this arithmetic.
    pub(crate) fn x(&self, id: NodeId) -> &[R] {
        &self.values[id.index()]
    }

    /// Shape of an input.
    pub(crate) fn shape_of(&self, id: NodeId) -> Shape {
        self.tape.nodes[id.index()].shape
    }

    /// The value of an input when the graph was recorded.
    pub(crate) fn recorded(&self, id: NodeId) -> &[f32] {
        self.tape.values[id.index()].get()
    }

    /// This node's own recorded value.
    pub(crate) fn recorded_output(&self) -> &[f32] {
        self.tape.values[self.index].get()
    }

    fn node(&self) -> &Node {
        &self.tape.nodes[self.index]
    }

    /// Shape of this node's value.
    pub(crate) fn shape(&self) -> Shape {
        self.node().shape
    }

    /// What the forward pass kept.
    pub(crate) fn saved(&self) -> &[f32] {
        self.tape.saved[self.index].get()
    }

    /// The row numbers the operation keeps.
    pub(crate) fn indices(&self) -> &[u32] {
        &self.tape.indices[self.index]
    }
}

/// A fused loss as it was recorded.
pub(crate) struct SweptLoss<'a> {
    pub(crate) var: Var,
    /// Operation, position and scope.
    pub(crate) name: String,
    pub(crate) value: f32,
    /// What each input is called.
    pub(crate) titles: Vec<String>,
    /// Shape of each input.
    pub(crate) shapes: Vec<Shape>,
    /// Values and derivatives of each input.
    pub(crate) inputs: Vec<(&'a [f32], &'a [f32])>,
}

impl Tape {
    /// Evaluates the recorded graph again with the references, in the arithmetic `R`.
    ///
    /// `leaf(var, element, value)` gives the leaves their numbers, from their recorded f32 values: shift one
    /// element of an f64 for a difference, or make it a dual variable for a derivative.
    pub fn replay<R: Real>(&self, leaf: impl FnMut(Var, usize, f64) -> R) -> Replay<R> {
        self.replay_with(leaf, |_, _| {})
    }

    /// As [`replay`](Self::replay); `adjust` may change the value of any node before others read it, which gives the derivative with
    /// respect to values that were computed.
    ///
    /// ```
    /// use lacuna_engine::{Dual, Tape};
    /// let mut tape = Tape::new();
    /// tape.seal();
    /// let x = tape.variable([1], &[3.0]);
    /// let y = tape.mul(x, x);
    /// let z = tape.mul(y, y);
    /// let duals = tape.replay_with(|_, _, x| Dual::new(x, 0.0), |var, value: &mut [Dual]| {
    ///     if var == y {
    ///         value[0] = Dual::new(value[0].value(), 1.0);
    ///     }
    /// });
    /// assert_eq!(duals.value(&tape, z)[0].derivative(), 2.0 * 9.0);
    /// ```
    pub fn replay_with<R: Real>(
        &self,
        mut leaf: impl FnMut(Var, usize, f64) -> R,
        mut adjust: impl FnMut(Var, &mut [R]),
    ) -> Replay<R> {
        let mut values: Vec<Vec<R>> = Vec::with_capacity(self.len);
        for index in 0..self.len {
            let (node, var) = (&self.nodes[index], self.var_at(index));
            let mut value: Vec<R> = if node.op.is_leaf() {
                let recorded = self.values[index].get();
                recorded.iter().enumerate().map(|(e, x)| leaf(var, e, f64::from(*x))).collect()
            } else {
                node.op.reference(&Reference { tape: self, values: &values, index })
            };
            assert_eq!(value.len(), node.shape.len(), "the reference of {} has another size", node.op.name());
            adjust(var, &mut value);
            values.push(value);
        }
        Replay { values }
    }

    /// The handle of a position.
    pub(crate) fn var_at(&self, index: usize) -> Var {
        let prefix = index < self.sealed.unwrap_or(self.len);
        Var { index: index as u32, stamp: if prefix { self.prefix_stamp } else { self.stamp } }
    }

    /// Every leaf that has a gradient wanted: parameters and variables.
    pub(crate) fn differentiable_leaves(&self) -> impl Iterator<Item = Var> + '_ {
        (0..self.len)
            .filter(|i| self.nodes[*i].op.is_leaf() && self.nodes[*i].needs_grad)
            .map(|i| self.var_at(i))
    }

    /// Every fused loss that the last sweep passed.
    pub(crate) fn swept_fused_losses(&self) -> Vec<SweptLoss<'_>> {
        let swept = (0..self.len).filter(|i| self.nodes[*i].op.is_fused_loss() && self.nodes[*i].has_grad);
        let loss = |index: usize| {
            let node = &self.nodes[index];
            let scope = &self.scopes[usize::from(node.scope)];
            let scope = if scope.is_empty() { String::new() } else { format!(" in {scope}") };
            let mut saved = self.saved[index].get();
            let ids = node.op.inputs();
            let inputs = ids.iter().map(|id| {
                let x = self.values[id.index()].get();
                let (slope, rest) = saved.split_at(x.len());
                saved = rest;
                (x, slope)
            });
            SweptLoss {
                var: self.var_at(index),
                name: format!("{} (node {index}{scope})", node.op.name()),
                value: self.values[index].get()[0],
                titles: ids.iter().map(|id| self.node_of(self.var_at(id.index())).title()).collect(),
                shapes: ids.iter().map(|id| self.nodes[id.index()].shape).collect(),
                inputs: inputs.collect(),
            }
        };
        swept.map(loss).collect()
    }

    /// A gradient with rows that were not written as zeros, `None` where no path reached it.
    pub(crate) fn dense_grad(&self, var: Var) -> Option<Vec<f32>> {
        let i = self.id(var, "grad").index();
        let mut grad = self.nodes[i].has_grad.then(|| self.grads[i].get().to_vec())?;
        if self.row_marks[i].in_use() {
            let cols = grad.len() / self.nodes[i].shape.sizes()[0];
            for (row, values) in grad.chunks_exact_mut(cols).enumerate() {
                if !self.row_marks[i].list().contains(&(row as u32)) {
                    values.fill(0.0);
                }
            }
        }
        Some(grad)
    }
}

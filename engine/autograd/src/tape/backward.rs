//! The sweep from a loss back to the parameters.
//!
//! Every node turns the gradient that has arrived at it into gradients of its inputs. The first to write an
//! input's gradient *sets* it, later ones *add*, so nothing has to be cleared beforehand.

use super::{Buffer, Differentiated, Node, NodeId, Tape, Values, Var};
use crate::Shape;
use lacuna_kernels::{Exec, Write};

impl Tape {
    /// Computes the gradient of a scalar with respect to everything it was computed from.
    ///
    /// # Panics
    /// If `loss` has more than one element; see [`backward_from`](Self::backward_from).
    #[track_caller]
    pub fn backward(&mut self, loss: Var) {
        let shape = self.shape(loss);
        assert_eq!(shape.len(), 1, "backward starts from one number, not from {shape}; see backward_from");
        self.backward_from(loss, &[1.0]);
    }

    /// Computes the gradient of `sum(seed * var)`: a vector-Jacobian product.
    ///
    /// # Panics
    /// If `seed` does not have as many elements as `var`.
    #[track_caller]
    pub fn backward_from(&mut self, var: Var, seed: &[f32]) {
        let last = self.id(var, "backward").index();
        let shape = self.nodes[last].shape;
        assert_eq!(seed.len(), shape.len(), "the seed of a {shape} has {} elements", shape.len());
        // Nodes of a step are recorded without a gradient, so a first sweep only has to forget those of the prefix.
        let prefix = self.sealed.unwrap_or(self.len);
        let old = if self.swept { self.len } else { prefix };
        self.nodes[..old].iter_mut().for_each(|node| node.has_grad = false);
        self.row_marks[..prefix].iter_mut().for_each(RowMarks::clear);
        self.swept = true;
        if !self.nodes[last].needs_grad {
            return;
        }
        self.grads[last].resize(seed.len()).copy_from_slice(seed);
        self.nodes[last].has_grad = true;

        for i in (0..=last).rev() {
            let (nodes, here) = self.nodes.split_at_mut(i);
            let node = &here[0];
            if !node.has_grad {
                continue;
            }
            let (grads, rest) = self.grads.split_at_mut(i);
            node.op.backward(&mut Backward {
                exec: self.exec,
                g: rest[0].get(),
                y: self.values[i].get(),
                saved: self.saved[i].get(),
                indices: &self.indices[i],
                buffers: &self.values[..i],
                nodes,
                grads,
                row_marks: &mut self.row_marks[..i],
                scratch: &mut self.scratch,
            });
            if let Some(observer) = &mut self.observer {
                observer.differentiated(&Differentiated {
                    index: i,
                    op: node.op.name(),
                    scope: &self.scopes[usize::from(node.scope)],
                    shape: node.shape,
                    grad: self.grads[i].get(),
                });
            }
        }
    }
}

/// What an operation is given to differentiate itself.
pub(crate) struct Backward<'a> {
    pub(crate) exec: Exec,
    /// Gradient of the loss with respect to this node's value.
    pub(crate) g: &'a [f32],
    /// This node's value.
    pub(crate) y: &'a [f32],
    pub(crate) saved: &'a [f32],
    pub(crate) indices: &'a [u32],
    buffers: &'a [Buffer],
    nodes: &'a mut [Node],
    grads: &'a mut [Buffer],
    row_marks: &'a mut [RowMarks],
    scratch: &'a mut Buffer,
}

impl<'a> Backward<'a> {
    /// The values of the inputs.
    #[inline]
    pub(crate) fn x(&self, id: NodeId) -> &'a [f32] {
        self.buffers[id.index()].get()
    }

    /// Shape of an input.
    #[inline]
    pub(crate) fn shape_of(&self, id: NodeId) -> Shape {
        Values { nodes: self.nodes, buffers: self.buffers }.shape(id)
    }

    /// Whether anybody wants this input's gradient. If not, do not compute it.
    #[inline]
    pub(crate) fn wants(&self, id: NodeId) -> bool {
        self.nodes[id.index()].needs_grad
    }

    /// Lends the gradient of an input to `write`, with the word whether to set or to add. Does nothing for
    /// an input that needs no gradient.
    #[inline]
    pub(crate) fn give(&mut self, id: NodeId, write: impl FnOnce(Write, &mut [f32])) {
        let i = id.index();
        if self.wants(id) {
            let how = self.open(i);
            write(how, self.grads[i].get_mut());
        }
    }

    /// As [`give`](Self::give), for operations that write only parts: the rest is cleared by the first
    /// writer, and everybody adds.
    pub(crate) fn scatter(&mut self, id: NodeId, add: impl FnOnce(&mut [f32])) {
        self.give(id, |write, dst| {
            if write == Write::Set {
                dst.fill(0.0);
            }
            add(dst);
        });
    }

    /// Lends a scratch buffer of `len` elements beside an input's gradient.
    pub(crate) fn give_with_scratch(
        &mut self,
        id: NodeId,
        len: usize,
        write: impl FnOnce(Write, &mut [f32], &mut [f32]),
    ) {
        let i = id.index();
        if self.wants(id) {
            let how = self.open(i);
            write(how, self.grads[i].get_mut(), self.scratch.resize(len));
        }
    }

    /// The scratch buffer, for numbers that several inputs' gradients share. To be given back.
    pub(crate) fn take_scratch(&mut self) -> Buffer {
        std::mem::take(self.scratch)
    }

    /// Takes the scratch buffer back.
    pub(crate) fn return_scratch(&mut self, scratch: Buffer) {
        *self.scratch = scratch;
    }

    /// Makes a gradient ready for a writer of all its elements.
    #[inline]
    fn open(&mut self, i: usize) -> Write {
        let len = self.nodes[i].shape.len();
        if !self.nodes[i].has_grad {
            self.nodes[i].has_grad = true;
            self.grads[i].resize(len);
            return Write::Set;
        }
        // Some rows were written by gather_rows; the others hold old numbers.
        if self.row_marks[i].in_use() {
            let cols = len / self.row_marks[i].rows();
            for (row, dst) in self.grads[i].get_mut().chunks_exact_mut(cols).enumerate() {
                if !self.row_marks[i].is_marked(row) {
                    dst.fill(0.0);
                }
            }
            self.row_marks[i].clear();
        }
        Write::Add
    }

    /// Lends the gradient of a matrix of which only some rows will be written. A parameter that nobody
    /// wrote before keeps only those rows; anything else is cleared and filled like any gradient.
    pub(crate) fn give_rows(&mut self, id: NodeId, write: impl FnOnce(RowTarget<'_>)) {
        let i = id.index();
        if !self.wants(id) {
            return;
        }
        let (rows, cols) = self.nodes[i].shape.matrix("gather_rows");
        let fresh = !self.nodes[i].has_grad;
        if self.nodes[i].op.is_param() && (fresh || self.row_marks[i].in_use()) {
            if fresh {
                self.nodes[i].has_grad = true;
                self.grads[i].resize(rows * cols);
                self.row_marks[i].start(rows);
            }
            write(RowTarget { grad: self.grads[i].get_mut(), cols, marks: Some(&mut self.row_marks[i]) });
        } else {
            self.scatter(id, |grad| write(RowTarget { grad, cols, marks: None }));
        }
    }
}

/// The gradient of a matrix that is written row by row.
pub(crate) struct RowTarget<'a> {
    grad: &'a mut [f32],
    cols: usize,
    marks: Option<&'a mut RowMarks>,
}

impl RowTarget<'_> {
    /// One row, and whether to set it (first time) or to add to it.
    pub(crate) fn row(&mut self, row: usize) -> (Write, &mut [f32]) {
        let first = self.marks.as_mut().is_some_and(|m| m.mark(row));
        let write = if first { Write::Set } else { Write::Add };
        (write, &mut self.grad[row * self.cols..(row + 1) * self.cols])
    }
}

/// Which rows of a parameter's gradient hold numbers of this step.
#[derive(Default)]
pub(crate) struct RowMarks {
    /// Pass in which a row was last marked, per row.
    marked_in: Vec<u64>,
    pass: u64,
    /// The rows marked in this pass, in order of their first use.
    list: Vec<u32>,
    active: bool,
}

impl RowMarks {
    fn start(&mut self, rows: usize) {
        self.marked_in.resize(rows, 0);
        self.list.reserve(rows);
        self.list.clear();
        self.pass += 1;
        self.active = true;
    }

    fn clear(&mut self) {
        self.active = false;
    }

    fn rows(&self) -> usize {
        self.marked_in.len()
    }

    fn is_marked(&self, row: usize) -> bool {
        self.marked_in[row] == self.pass
    }

    /// Marks a row; true if it was not marked yet.
    fn mark(&mut self, row: usize) -> bool {
        if self.is_marked(row) {
            return false;
        }
        self.marked_in[row] = self.pass;
        self.list.push(row as u32);
        true
    }

    /// Whether the gradient holds single rows only.
    pub(crate) fn in_use(&self) -> bool {
        self.active
    }

    /// The rows that hold numbers.
    pub(crate) fn list(&self) -> &[u32] {
        &self.list
    }
}

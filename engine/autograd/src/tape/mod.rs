//! The tape: a list of operations, written as they are computed and read backwards to differentiate.
//!
//! Start here. A [`Var`] is a position on the tape. Recording an operation computes its value at once,
//! appends a [`Node`] and returns the new position; inputs therefore always stand before outputs, and one
//! walk from the end to the start ([`Tape::backward`]) meets every node after all nodes that used it.
//!
//! Storage is parallel lists indexed by position: nodes, values, gradients, and what operations keep for the backward pass. They are kept
//! apart so that the borrow checker lets an operation read its inputs' values while it writes its own
//! value or its inputs' gradients; that is all it takes for `x * x` to be right.
//!
//! Parameters and state come first and stay ([`Tape::seal`]); everything behind them is dropped by
//! [`Tape::reset`] and recorded anew in each step, into the buffers of the step before.

mod backward;
mod buffer;
mod dump;
mod entries;
mod inspect;
mod observe;
mod replay;

pub(crate) use backward::Backward;
pub(crate) use buffer::Buffer;
pub use entries::{Entry, EntryKind, EntryMut, Grad};
pub use inspect::NodeView;
pub use observe::{Differentiated, FirstNonFinite, NonFinite, Observer, Recorded};
pub use replay::Replay;
pub(crate) use replay::{Reference, SweptLoss};

use crate::ops::{Leaf, LeafKind, Op};
use crate::{Exec, Shape, Tensor};
use backward::RowMarks;
use std::sync::atomic::{AtomicU64, Ordering};

/// A position on a tape: what operations take and return. Copy it freely.
///
/// It carries the stamp of the tape's current step. Used after [`Tape::reset`] or on another tape it is
/// refused with a message, never read as some other value. Parameters keep theirs for the tape's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Var {
    index: u32,
    stamp: u64,
}

/// A position without its stamp: what a node stores, after the stamp has been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeId(u32);

impl NodeId {
    /// The first position, where a list has to hold something.
    pub(crate) const FIRST: NodeId = NodeId(0);

    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// One recorded operation: what it was and what came out, without the numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) op: Op,
    pub(crate) shape: Shape,
    /// Decided when recording: some parameter or variable is upstream.
    pub(crate) needs_grad: bool,
    /// A gradient was written in the current backward pass.
    pub(crate) has_grad: bool,
    pub(crate) scope: u16,
}

/// Stamps of all tapes and steps of the process; 0 is never given out.
static STAMPS: AtomicU64 = AtomicU64::new(1);

fn next_stamp() -> u64 {
    STAMPS.fetch_add(1, Ordering::Relaxed)
}

/// A reverse-mode tape.
///
/// ```
/// use lacuna_engine::{Tape, Tensor};
///
/// let mut tape = Tape::new();
/// let w = tape.param("w", Tensor::new([2, 1], vec![1.0, -2.0]));
/// tape.seal();
///
/// // One step: y = x w, loss = sum of y^2.
/// tape.reset();
/// let x = tape.input([1, 2], &[3.0, 4.0]);
/// let y = tape.matmul(x, w);
/// let squared = tape.mul(y, y);
/// let loss = tape.sum(squared);
/// tape.backward(loss);
///
/// assert_eq!(tape.value(loss), [25.0]); // (3 - 8)^2
/// assert_eq!(tape.grad(w), Some(&[-30.0, -40.0][..])); // 2 y x
/// assert_eq!(tape.grad(x), None); // inputs are data: no gradient is computed for them
/// ```
pub struct Tape {
    pub(crate) nodes: Vec<Node>,
    pub(crate) values: Vec<Buffer>,
    pub(crate) grads: Vec<Buffer>,
    pub(crate) saved: Vec<Buffer>,
    /// Row numbers and places an operation keeps: `gather_rows`, `max_pool2d`, `cross_entropy`.
    pub(crate) indices: Vec<Vec<u32>>,
    /// Which rows of a parameter's gradient are in use, for parameters read by `gather_rows`.
    pub(crate) row_marks: Vec<RowMarks>,
    /// A buffer for one product of gradients before it is added to a sum.
    scratch: Buffer,
    /// Nodes of the current step, prefix included; the lists above keep their longest length.
    len: usize,
    /// Length of the prefix, once sealed.
    sealed: Option<usize>,
    /// Whether the current step has been differentiated.
    swept: bool,
    /// Nodes whose changes of state have been applied.
    committed: usize,
    names: Vec<String>,
    /// Stamp of the prefix, for the life of the tape.
    prefix_stamp: u64,
    /// Stamp of the current step.
    stamp: u64,
    /// Scope names; 0 is the root.
    scopes: Vec<String>,
    scope: u16,
    exec: Exec,
    observer: Option<Box<dyn Observer>>,
}

impl Default for Tape {
    fn default() -> Self {
        Self::new()
    }
}

impl Tape {
    /// An empty tape that computes on the calling thread.
    pub fn new() -> Self {
        Self::with_exec(Exec::Serial)
    }

    /// An empty tape that computes where `exec` says. The bits of the results do not depend on it.
    pub fn with_exec(exec: Exec) -> Self {
        Self {
            nodes: Vec::new(),
            values: Vec::new(),
            grads: Vec::new(),
            saved: Vec::new(),
            indices: Vec::new(),
            row_marks: Vec::new(),
            scratch: Buffer::default(),
            len: 0,
            sealed: None,
            swept: false,
            committed: 0,
            names: Vec::new(),
            prefix_stamp: next_stamp(),
            stamp: next_stamp(),
            scopes: vec![String::new()],
            scope: 0,
            exec,
            observer: None,
        }
    }

    /// A parameter: a value that is trained, with a name that is unique on the tape.
    ///
    /// # Panics
    /// After [`seal`](Self::seal), or if the name is taken.
    #[track_caller]
    pub fn param(&mut self, name: &str, value: Tensor) -> Var {
        self.prefix(name, value, LeafKind::Param)
    }

    /// State: a value that is kept from step to step and saved with the parameters, but not trained.
    ///
    /// # Panics
    /// After [`seal`](Self::seal), or if the name is taken.
    #[track_caller]
    pub fn state(&mut self, name: &str, value: Tensor) -> Var {
        self.prefix(name, value, LeafKind::State)
    }

    #[track_caller]
    fn prefix(&mut self, name: &str, value: Tensor, kind: LeafKind) -> Var {
        assert!(self.sealed.is_none(), "`{name}` comes too late: the tape is sealed");
        assert!(!self.names.iter().any(|n| n == name), "the tape already has an entry named `{name}`");
        self.names.push(name.to_string());
        self.leaf(kind, value.shape(), |dst| dst.copy_from_slice(value.data()))
    }

    /// Ends the list of parameters and state. Everything recorded from here on is one step.
    ///
    /// # Panics
    /// If the tape is sealed already.
    #[track_caller]
    pub fn seal(&mut self) {
        assert!(self.sealed.is_none(), "the tape is sealed already");
        self.sealed = Some(self.len);
        self.committed = self.len;
    }

    /// Forgets the current step and starts the next one. Buffers are kept; handles of the old step die.
    ///
    /// # Panics
    /// If the tape is not sealed.
    #[track_caller]
    pub fn reset(&mut self) {
        self.len =
            self.sealed.expect("seal the tape before the first step: everything recorded would be lost");
        self.stamp = next_stamp();
        self.swept = false;
        self.committed = self.len;
    }

    /// Applies what this step's operations want to change in the tape's state: the running statistics of
    /// `batch_norm`. Call it once a training step, before or after the optimiser.
    ///
    /// An operation never writes an input while it is recorded, so a step that is thrown away leaves no
    /// trace. What has been applied is not applied again by a second call.
    pub fn commit_state(&mut self) {
        for i in self.committed..self.len {
            let saved = self.saved[i].get();
            self.nodes[i].op.commit(saved, &mut |state, update| update(self.values[state.index()].get_mut()));
        }
        self.committed = self.len;
    }

    /// Data, copied from a slice. No gradient is computed for it.
    #[track_caller]
    pub fn input(&mut self, shape: impl Into<Shape>, data: &[f32]) -> Var {
        let shape = shape.into();
        assert_eq!(data.len(), shape.len(), "an input of shape {shape} has {} elements", shape.len());
        self.leaf(LeafKind::Input, shape, |dst| dst.copy_from_slice(data))
    }

    /// Data, written in place: one pass may gather rows, widen f16 or mix. `fill` gets the recycled
    /// buffer of the last step and has to write every element.
    #[track_caller]
    pub fn input_with(&mut self, shape: impl Into<Shape>, fill: impl FnOnce(&mut [f32])) -> Var {
        self.leaf(LeafKind::Input, shape.into(), fill)
    }

    /// Data that may be the same as in the last step: `contents` is a number for what `fill` would write. Where this place of the tape
    /// has had an input of the same shape with the same number since, `fill` is not called: a method that goes over all rows in
    /// each of its steps copies them once.
    #[track_caller]
    pub fn input_kept(
        &mut self,
        shape: impl Into<Shape>,
        contents: u64,
        fill: impl FnOnce(&mut [f32]),
    ) -> Var {
        let shape = shape.into();
        let leaf = Leaf { kind: LeafKind::Input, contents: Some(contents) };
        let kept = self.nodes.get(self.len).is_some_and(|node| {
            node.shape == shape && matches!(&node.op, Op::Leaf(before) if *before == leaf)
        });
        let index = self.push(Op::Leaf(leaf), shape, false);
        if !kept {
            fill(self.values[index].resize(shape.len()));
        }
        self.recorded(index)
    }

    /// Data for which a gradient is wanted, for gradient checks and for looking at a loss.
    #[track_caller]
    pub fn variable(&mut self, shape: impl Into<Shape>, data: &[f32]) -> Var {
        let shape = shape.into();
        assert_eq!(data.len(), shape.len(), "a variable of shape {shape} has {} elements", shape.len());
        self.leaf(LeafKind::Variable, shape, |dst| dst.copy_from_slice(data))
    }

    #[track_caller]
    fn leaf(&mut self, kind: LeafKind, shape: Shape, fill: impl FnOnce(&mut [f32])) -> Var {
        let index = self.push(Op::Leaf(Leaf { kind, contents: None }), shape, kind.needs_grad());
        fill(self.values[index].resize(shape.len()));
        self.recorded(index)
    }

    /// The elements of a value, row by row.
    #[track_caller]
    pub fn value(&self, var: Var) -> &[f32] {
        self.values[self.id(var, "value").index()].get()
    }

    /// The shape of a value.
    #[track_caller]
    #[inline]
    pub fn shape(&self, var: Var) -> Shape {
        self.nodes[self.id(var, "shape").index()].shape
    }

    /// The gradient the last [`backward`](Self::backward) left for a value; `None` where no path from the
    /// loss reached it.
    ///
    /// # Panics
    /// For a parameter whose gradient holds single rows; read that through [`entries`](Self::entries).
    #[track_caller]
    pub fn grad(&self, var: Var) -> Option<&[f32]> {
        let i = self.id(var, "grad").index();
        assert!(!self.row_marks[i].in_use(), "this gradient holds single rows: read it through `entries`");
        self.nodes[i].has_grad.then(|| self.grads[i].get())
    }

    /// Names everything that `record` records, for dumps, timings and error messages. Scopes nest.
    pub fn scope<T>(&mut self, name: &str, record: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.scope;
        let parent = &self.scopes[usize::from(outer)];
        let is_it = |s: &String| {
            if parent.is_empty() {
                s == name
            } else {
                s.strip_prefix(parent.as_str()).and_then(|s| s.strip_prefix('/')) == Some(name)
            }
        };
        let known = match self.scopes.iter().position(is_it) {
            Some(known) => known,
            None => {
                let full = if parent.is_empty() { name.to_string() } else { format!("{parent}/{name}") };
                self.scopes.push(full);
                self.scopes.len() - 1
            }
        };
        self.scope = u16::try_from(known).expect("fewer than 65,536 scope names");
        let result = record(self);
        self.scope = outer;
        result
    }

    /// Hands every recorded and differentiated node to `observer` from now on; `None` ends it.
    pub fn observe(&mut self, observer: Option<Box<dyn Observer>>) -> Option<Box<dyn Observer>> {
        std::mem::replace(&mut self.observer, observer)
    }

    /// Where this tape computes.
    pub fn exec(&self) -> Exec {
        self.exec
    }

    /// Number of values on the tape, parameters included.
    pub fn node_count(&self) -> usize {
        self.len
    }

    // ---- what operations use -------------------------------------------------------------------

    /// Checks a handle: of this tape, and of this step or of the prefix.
    #[track_caller]
    #[inline]
    pub(crate) fn id(&self, var: Var, op: &str) -> NodeId {
        let prefix = (var.index as usize) < self.sealed.unwrap_or(self.len);
        let expected = if prefix { self.prefix_stamp } else { self.stamp };
        if var.stamp != expected || var.index as usize >= self.len {
            self.refuse(var, op, expected);
        }
        NodeId(var.index)
    }

    #[cold]
    #[track_caller]
    fn refuse(&self, var: Var, op: &str, expected: u64) -> ! {
        panic!(
            "{op}: this value is of an earlier step or of another tape (its stamp is {}, the tape's are {} for \
             parameters and {} for the current step, and position {} wants {expected}); record it again after reset",
            var.stamp, self.prefix_stamp, self.stamp, var.index
        );
    }

    /// Appends a node; its value is still that of the last step.
    #[track_caller]
    #[inline]
    fn push(&mut self, op: Op, shape: Shape, needs_grad: bool) -> usize {
        assert!(
            self.sealed.is_some() || op.is_prefix(),
            "{}: seal the tape before recording a step; only parameters and state come before",
            op.name()
        );
        let node = Node { op, shape, needs_grad, has_grad: false, scope: self.scope };
        let index = self.len;
        if index == self.nodes.len() {
            self.nodes.push(node);
            self.values.push(Buffer::default());
            self.grads.push(Buffer::default());
            self.saved.push(Buffer::default());
            self.indices.push(Vec::new());
            self.row_marks.push(RowMarks::default());
        } else {
            self.nodes[index] = node;
        }
        self.len += 1;
        index
    }

    /// Appends an operation and computes its value.
    #[track_caller]
    #[inline]
    pub(crate) fn record(&mut self, op: Op, shape: Shape) -> Var {
        self.record_with(op, shape, |_, _| {})
    }

    /// Appends an operation whose saved area or row numbers are filled by `prepare` first.
    #[track_caller]
    #[inline]
    pub(crate) fn record_with(
        &mut self,
        op: Op,
        shape: Shape,
        prepare: impl FnOnce(&mut Buffer, &mut Vec<u32>),
    ) -> Var {
        let needs_grad = op.passes_gradient() && op.inputs().iter().any(|i| self.nodes[i.index()].needs_grad);
        let index = self.push(op, shape, needs_grad);
        prepare(&mut self.saved[index], &mut self.indices[index]);
        let (before, rest) = self.values.split_at_mut(index);
        op.forward(Forward {
            exec: self.exec,
            values: Values { nodes: &self.nodes[..index], buffers: before },
            out: rest[0].resize(shape.len()),
            saved: &mut self.saved[index],
            indices: &mut self.indices[index],
        });
        self.recorded(index)
    }

    /// The saved area that the next node will have, for operations that fill it before they are recorded.
    pub(crate) fn take_saved(&mut self) -> Buffer {
        self.saved.get_mut(self.len).map(std::mem::take).unwrap_or_default()
    }

    /// Tells the observer and hands out the position.
    #[inline]
    fn recorded(&mut self, index: usize) -> Var {
        if let Some(observer) = &mut self.observer {
            let node = &self.nodes[index];
            observer.recorded(&Recorded {
                index,
                op: node.op.name(),
                scope: &self.scopes[usize::from(node.scope)],
                shape: node.shape,
                value: self.values[index].get(),
            });
        }
        let stamp = if self.sealed.is_none() { self.prefix_stamp } else { self.stamp };
        Var { index: u32::try_from(index).expect("fewer than 2^32 nodes"), stamp }
    }
}

/// The values recorded so far, as an operation reads them.
#[derive(Clone, Copy)]
pub(crate) struct Values<'a> {
    nodes: &'a [Node],
    buffers: &'a [Buffer],
}

impl<'a> Values<'a> {
    #[inline]
    pub(crate) fn of(self, id: NodeId) -> &'a [f32] {
        self.buffers[id.index()].get()
    }

    #[inline]
    pub(crate) fn shape(self, id: NodeId) -> Shape {
        self.nodes[id.index()].shape
    }
}

/// What an operation is given to compute its value: everything before it, and its own output.
pub(crate) struct Forward<'a> {
    pub(crate) exec: Exec,
    pub(crate) values: Values<'a>,
    /// The recycled output buffer: every element has to be written.
    pub(crate) out: &'a mut [f32],
    /// Numbers kept for the backward pass.
    pub(crate) saved: &'a mut Buffer,
    pub(crate) indices: &'a mut Vec<u32>,
}

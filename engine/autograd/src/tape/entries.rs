//! Parameters and state by name: what optimisers, averages and checkpoints work on.

use super::{Tape, Var};
use crate::Shape;
use crate::ops::{LeafKind, Op};

/// Trained or merely kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// Trained.
    Param,
    /// Kept from step to step and saved, but not trained (running statistics).
    State,
}

/// The gradient of a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Grad<'a> {
    /// Every element, in the parameter's shape.
    Dense(&'a [f32]),
    /// Single rows of a matrix; all others are 0, and their places in `data` hold nothing of use.
    Rows {
        /// The rows that have a gradient, each once.
        rows: &'a [u32],
        /// A buffer in the parameter's shape.
        data: &'a [f32],
    },
}

/// A parameter or a piece of state, to be read.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its name.
    pub name: &'a str,
    /// Trained or kept.
    pub kind: EntryKind,
    /// Its shape.
    pub shape: Shape,
    /// Its elements.
    pub value: &'a [f32],
    /// Its gradient, if the last backward pass reached it.
    pub grad: Option<Grad<'a>>,
}

/// A parameter or a piece of state, to be updated.
#[derive(Debug)]
pub struct EntryMut<'a> {
    /// Its name.
    pub name: &'a str,
    /// Trained or kept.
    pub kind: EntryKind,
    /// Its shape.
    pub shape: Shape,
    /// Its elements.
    pub value: &'a mut [f32],
    /// Its gradient, if the last backward pass reached it.
    pub grad: Option<Grad<'a>>,
}

impl Tape {
    fn prefix_len(&self) -> usize {
        self.sealed.unwrap_or(self.len)
    }

    /// Parameters and state, in the order in which they were made.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..self.prefix_len()).map(|i| Entry {
            name: &self.names[i],
            kind: self.kind(i),
            shape: self.nodes[i].shape,
            value: self.values[i].get(),
            grad: self.entry_grad(i),
        })
    }

    /// The name of a parameter or piece of state; `None` for any other value.
    #[track_caller]
    pub fn entry_name(&self, var: Var) -> Option<&str> {
        self.names.get(self.id(var, "entry_name").index()).map(String::as_str)
    }

    fn kind(&self, i: usize) -> EntryKind {
        match self.nodes[i].op {
            Op::Leaf(leaf) if leaf.kind == LeafKind::Param => EntryKind::Param,
            _ => EntryKind::State,
        }
    }

    fn entry_grad(&self, i: usize) -> Option<Grad<'_>> {
        let data = self.grads[i].get();
        self.nodes[i].has_grad.then(|| match self.row_marks[i].in_use() {
            true => Grad::Rows { rows: self.row_marks[i].list(), data },
            false => Grad::Dense(data),
        })
    }

    /// Calls `update` for every parameter and piece of state, with its position, value and gradient.
    pub fn update_entries(&mut self, mut update: impl FnMut(usize, EntryMut<'_>)) {
        for i in 0..self.prefix_len() {
            self.update_at(i, &mut update);
        }
    }

    /// Calls `update` for one parameter or piece of state, with its position, value and gradient.
    ///
    /// # Panics
    /// For any other value.
    #[track_caller]
    pub fn update_entry<T>(&mut self, var: Var, update: impl FnOnce(usize, EntryMut<'_>) -> T) -> T {
        let i = self.id(var, "update_entry").index();
        assert!(i < self.prefix_len(), "update_entry: neither a parameter nor state");
        self.update_at(i, update)
    }

    fn update_at<T>(&mut self, i: usize, update: impl FnOnce(usize, EntryMut<'_>) -> T) -> T {
        // The value is taken out for the moment, so that the rest of the tape can be read beside it.
        let mut value = std::mem::take(&mut self.values[i]);
        let updated = update(
            i,
            EntryMut {
                name: &self.names[i],
                kind: self.kind(i),
                shape: self.nodes[i].shape,
                value: value.get_mut(),
                grad: self.entry_grad(i),
            },
        );
        self.values[i] = value;
        updated
    }

    /// Multiplies the gradient of every parameter with `factor`.
    pub fn scale_gradients(&mut self, factor: f32) {
        for i in 0..self.prefix_len() {
            if !self.nodes[i].has_grad {
                continue;
            }
            let columns = self.nodes[i].shape.sizes().last().copied().unwrap_or(1);
            let grad = self.grads[i].get_mut();
            match self.row_marks[i].in_use() {
                true => {
                    for &row in self.row_marks[i].list() {
                        let start = row as usize * columns;
                        grad[start..start + columns].iter_mut().for_each(|g| *g *= factor);
                    }
                }
                false => grad.iter_mut().for_each(|g| *g *= factor),
            }
        }
    }
}

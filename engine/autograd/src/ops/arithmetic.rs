//! Addition, subtraction, multiplication, division, the larger and the smaller of two, with broadcasting.
//!
//! The two operands have one shape, or one of them is a number `[1]`, a row `[C]` / `[1, C]` or a column
//! `[B, 1]` against `[B, C]`. A broadcast operand stands in many places of the result, so its gradient is
//! the sum over those places.

use super::{Inputs, Operation};
use crate::ops::Op;
use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{Real, Shape, Tape, Var};
use lacuna_kernels::{Exec, Write, f32x8, map, reduce};

/// How an operand lies against the result `[rows, cols]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    Full,
    Number,
    Row,
    Column,
}

/// Layout of both operands, and the shape of the result.
#[inline]
fn broadcast(a: Shape, b: Shape) -> Option<(Layout, Layout, Shape)> {
    if a == b { Some((Layout::Full, Layout::Full, a)) } else { broadcast_unequal(a, b) }
}

fn broadcast_unequal(a: Shape, b: Shape) -> Option<(Layout, Layout, Shape)> {
    let against = |small: Shape, full: Shape| {
        if small.len() == 1 {
            return Some(Layout::Number);
        }
        match (small.sizes(), full.sizes()) {
            ([c] | [1, c], [_, cols]) if c == cols => Some(Layout::Row),
            ([r, 1], [rows, _]) if r == rows => Some(Layout::Column),
            _ => None,
        }
    };
    match (against(a, b), against(b, a)) {
        (_, Some(layout)) => Some((Layout::Full, layout, a)),
        (Some(layout), None) => Some((layout, Layout::Full, b)),
        (None, None) => None,
    }
}

/// One operand over one row of the result.
#[derive(Clone, Copy)]
enum Operand<'a> {
    Slice(&'a [f32]),
    Splat(f32x8),
}

/// `[rows, cols]` as the loops see the result: one long row where nothing is broadcast by row or column.
fn loop_sizes(a: Layout, b: Layout, out: Shape) -> (usize, usize) {
    let by_row = |l| matches!(l, Layout::Row | Layout::Column);
    if by_row(a) || by_row(b) { out.matrix("broadcasting") } else { (1, out.len()) }
}

fn operand(layout: Layout, x: &[f32], row: usize, cols: usize) -> Operand<'_> {
    match layout {
        Layout::Full => Operand::Slice(&x[row * cols..(row + 1) * cols]),
        Layout::Row => Operand::Slice(x),
        Layout::Number => Operand::Splat(f32x8::splat(x[0])),
        Layout::Column => Operand::Splat(f32x8::splat(x[row])),
    }
}

/// Both operands of an operation, and the shape of its result.
#[derive(Clone, Copy)]
struct Operands<'a> {
    la: Layout,
    a: &'a [f32],
    lb: Layout,
    b: &'a [f32],
    shape: Shape,
}

/// out = f(a, b) over the broadcast shape.
#[inline]
fn sweep(
    exec: Exec,
    Operands { la, a, lb, b, shape }: Operands<'_>,
    out: &mut [f32],
    f: impl Fn(f32x8, f32x8) -> f32x8 + Sync,
) {
    if (la, lb) == (Layout::Full, Layout::Full) {
        return map::binary(exec, Write::Set, a, b, out, f);
    }
    let (_, cols) = loop_sizes(la, lb, shape);
    for (row, out) in out.chunks_exact_mut(cols.max(1)).enumerate() {
        match (operand(la, a, row, cols), operand(lb, b, row, cols)) {
            (Operand::Slice(a), Operand::Slice(b)) => map::binary(exec, Write::Set, a, b, out, &f),
            (Operand::Slice(a), Operand::Splat(b)) => map::unary(exec, Write::Set, a, out, |a| f(a, b)),
            (Operand::Splat(a), Operand::Slice(b)) => map::unary(exec, Write::Set, b, out, |b| f(a, b)),
            (Operand::Splat(_), Operand::Splat(_)) => unreachable!("one operand has the shape of the result"),
        }
    }
}

/// Hands g * slope(a, b) to an operand, summed over the places where the operand stood.
#[inline]
fn give(
    t: &mut Backward<'_>,
    id: NodeId,
    layout: Layout,
    operands: Operands<'_>,
    slope: impl Fn(f32x8, f32x8) -> f32x8 + Sync,
) {
    let (exec, g) = (t.exec, t.g);
    if layout == Layout::Full {
        t.give(id, |write, dx| sweep_with_gradient(exec, write, g, operands, dx, slope));
    } else {
        t.give_with_scratch(id, g.len(), |write, dx, full| {
            sweep_with_gradient(exec, Write::Set, g, operands, full, slope);
            fold(exec, write, layout, full, operands.shape, dx);
        });
    }
}

/// out = g * slope(a, b), or added, over the broadcast shape.
#[inline]
fn sweep_with_gradient(
    exec: Exec,
    write: Write,
    g: &[f32],
    Operands { la, a, lb, b, shape }: Operands<'_>,
    out: &mut [f32],
    slope: impl Fn(f32x8, f32x8) -> f32x8 + Sync,
) {
    if (la, lb) == (Layout::Full, Layout::Full) {
        return map::ternary(exec, write, [g, a, b], out, |g, a, b| g * slope(a, b));
    }
    let (_, cols) = loop_sizes(la, lb, shape);
    let rows = g.chunks_exact(cols.max(1)).zip(out.chunks_exact_mut(cols.max(1)));
    for (row, (g, out)) in rows.enumerate() {
        match (operand(la, a, row, cols), operand(lb, b, row, cols)) {
            (Operand::Slice(a), Operand::Slice(b)) => {
                map::ternary(exec, write, [g, a, b], out, |g, a, b| g * slope(a, b));
            }
            (Operand::Slice(a), Operand::Splat(b)) => {
                map::binary(exec, write, g, a, out, |g, a| g * slope(a, b));
            }
            (Operand::Splat(a), Operand::Slice(b)) => {
                map::binary(exec, write, g, b, out, |g, b| g * slope(a, b));
            }
            (Operand::Splat(_), Operand::Splat(_)) => unreachable!("one operand has the shape of the result"),
        }
    }
}

/// Sums a gradient of the result's shape over the places where the operand stood.
fn fold(exec: Exec, write: Write, layout: Layout, full: &[f32], shape: Shape, out: &mut [f32]) {
    match layout {
        Layout::Full => map::unary(exec, write, full, out, |g| g),
        Layout::Row => reduce::columns(write, full, out),
        Layout::Column => reduce::rows(write, full, shape.matrix("broadcasting").1, out),
        // The bias of one class: a column is summed in one order, however many stand beside it.
        Layout::Number if matches!(shape.sizes(), [_, 1]) => reduce::columns(write, full, out),
        Layout::Number => {
            let s = reduce::sum(exec, full) as f32;
            out[0] = if write == Write::Set { s } else { out[0] + s };
        }
    }
}

/// Places of an operand's element for element `e` of the result.
fn place(layout: Layout, e: usize, shape: Shape) -> usize {
    match layout {
        Layout::Full => e,
        Layout::Number => 0,
        Layout::Row => e % shape.matrix("broadcasting").1,
        Layout::Column => e / shape.matrix("broadcasting").1,
    }
}

macro_rules! arithmetic {
    (
        $(#[$doc:meta])* $op:ident, $method:ident, $doc_line:literal,
        derivative: $derivative:literal,
        forward: $f:expr, da: $da:expr, db: $db:expr, reference: $reference:expr, domain: $domain:ident
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $op {
            a: NodeId,
            b: NodeId,
            la: Layout,
            lb: Layout,
        }

        impl Tape {
            $(#[$doc])*
            ///
            /// Shapes are equal, or one is `[1]`, `[C]`, `[1, C]` or `[B, 1]` against `[B, C]`.
            ///
            /// # Panics
            /// If the shapes fit in none of these ways.
            #[track_caller]
            pub fn $method(&mut self, a: Var, b: Var) -> Var {
                let (left, right) = (self.shape(a), self.shape(b));
                let Some((la, lb, shape)) = broadcast(left, right) else {
                    panic!("{}: {left} and {right} do not broadcast against each other", $op::NAME);
                };
                let op = $op { a: self.id(a, $op::NAME), b: self.id(b, $op::NAME), la, lb };
                self.record(Op::$op(op), shape)
            }
        }

        impl Operation for $op {
            const NAME: &'static str = stringify!($method);
            const DOC: &'static str = $doc_line;
            const DERIVATIVE: &'static str = $derivative;

            fn inputs(&self) -> Inputs {
                Inputs::new([self.a, self.b])
            }

            fn forward(&self, f: Forward<'_>) {
                let Self { a, b, la, lb } = *self;
                let full = if la == Layout::Full { a } else { b };
                let operands = Operands {
                    la,
                    a: f.values.of(a),
                    lb,
                    b: f.values.of(b),
                    shape: f.values.shape(full),
                };
                sweep(f.exec, operands, f.out, $f);
            }

            fn backward(&self, t: &mut Backward<'_>) {
                let Self { a, b, la, lb } = *self;
                let full = if la == Layout::Full { a } else { b };
                let operands = Operands { la, a: t.x(a), lb, b: t.x(b), shape: t.shape_of(full) };
                give(t, a, la, operands, $da);
                give(t, b, lb, operands, $db);
            }

            fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
                let (la, lb, shape) = (self.la, self.lb, r.shape());
                let (a, b) = (r.x(self.a), r.x(self.b));
                let f: fn(R, R) -> R = $reference;
                (0..shape.len()).map(|e| f(a[place(la, e, shape)], b[place(lb, e, shape)])).collect()
            }

            #[cfg(test)]
            fn cases() -> Vec<crate::gradcheck::Case> {
                use crate::gradcheck::{Case, Domain};
                let shapes: [[&[usize]; 2]; 13] = [
                    [&[1, 1], &[1, 1]],
                    [&[1, 9], &[1, 9]],
                    [&[3, 5], &[3, 5]],
                    [&[2, 3, 2, 2], &[2, 3, 2, 2]],
                    [&[4, 17], &[17]],
                    [&[4, 17], &[1, 17]],
                    [&[17], &[4, 17]],
                    [&[5, 8], &[5, 1]],
                    [&[5, 1], &[5, 8]],
                    [&[3, 6], &[1]],
                    [&[1], &[3, 6]],
                    [&[], &[3, 2]],
                    [&[21, 20], &[21, 20]],
                ];
                let domain = Domain::$domain;
                let mut cases: Vec<Case> = shapes
                    .iter()
                    .map(|s| Case::new(s, |t, x| t.$method(x[0], x[1])).on(domain))
                    .collect();
                cases.extend(
                    (1..=17).map(|n| Case::new(&[&[1, n], &[1, n]], |t, x| t.$method(x[0], x[1])).on(domain)),
                );
                cases.push(Case::new(&[&[2, 7]], |t, x| t.$method(x[0], x[0])).on(domain));
                cases
            }
        }
    };
}

arithmetic! {
    /// a + b.
    Add, add, "a + b, broadcast",
    derivative: "da = g, db = g",
    forward: |a, b| a + b,
    da: |_, _| f32x8::splat(1.0), db: |_, _| f32x8::splat(1.0),
    reference: |a, b| a + b, domain: Any
}

arithmetic! {
    /// a - b.
    Sub, sub, "a - b, broadcast",
    derivative: "da = g, db = -g",
    forward: |a, b| a - b,
    da: |_, _| f32x8::splat(1.0), db: |_, _| f32x8::splat(-1.0),
    reference: |a, b| a - b, domain: Any
}

arithmetic! {
    /// a b, element by element.
    Mul, mul, "a b, element by element, broadcast",
    derivative: "da = g b, db = g a",
    forward: |a, b| a * b,
    da: |_, b| b, db: |a, _| a,
    reference: |a, b| a * b, domain: Any
}

arithmetic! {
    /// a / b, element by element.
    Div, div, "a / b, element by element, broadcast",
    derivative: "da = g / b, db = -g a / b^2",
    forward: |a, b| a / b,
    da: |_, b| f32x8::splat(1.0) / b, db: |a, b| -(a / b) / b,
    reference: |a, b| a / b, domain: Positive
}

/// 1 where `won`, 1/2 for equals, 0 elsewhere, NaN beside a NaN.
#[inline]
fn share(won: f32x8, a: f32x8, b: f32x8) -> f32x8 {
    let c = f32x8::splat;
    let share = won.select(c(1.0), a.simd_eq(b).select(c(0.5), c(0.0)));
    (a.is_nan() | b.is_nan()).select(c(f32::NAN), share)
}

arithmetic! {
    /// The larger of a and b, element by element. Equals share the gradient; NaN on either side gives NaN.
    Max, max, "the larger of a and b, broadcast",
    derivative: "da = g where a > b, db = g where b > a, half each for equals",
    // fast_max returns its second operand when one is NaN
    forward: |a, b| a.is_nan().select(a, a.fast_max(b)),
    da: |a, b| share(a.simd_gt(b), a, b), db: |a, b| share(b.simd_gt(a), a, b),
    reference: |a, b| if a == b { (a + b) * R::of(0.5) } else { a.max(b) }, domain: Distinct
}

arithmetic! {
    /// The smaller of a and b, element by element. Equals share the gradient; NaN on either side gives NaN.
    Min, min, "the smaller of a and b, broadcast",
    derivative: "da = g where a < b, db = g where b < a, half each for equals",
    forward: |a, b| a.is_nan().select(a, a.fast_min(b)),
    da: |a, b| share(a.simd_lt(b), a, b), db: |a, b| share(b.simd_lt(a), a, b),
    reference: |a, b| if a == b { (a + b) * R::of(0.5) } else { a.min(b) }, domain: Distinct
}

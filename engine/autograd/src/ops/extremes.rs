//! Every pointwise operation at the ends of the numbers: finite where mathematics is finite, its limits at
//! +-inf, and NaN exactly where the input is NaN or outside the domain. Forward and backward.

use crate::{Dual, Real, Tape, Var};

const FINITE: [f32; 13] =
    [0.0, 1e-30, -1e-30, 20.0, -20.0, 88.0, -88.0, 104.0, -104.0, 1e4, -1e4, 3e38, -3e38];
pub(crate) const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// The ends of one operation; an operation may have rows in its own file, by [`Operation::extremes`](super::Operation::extremes).
pub(crate) struct Row {
    name: &'static str,
    build: fn(&mut Tape, Var) -> Var,
    /// The function in dual numbers: value and slope at finite numbers.
    exact: fn(Dual) -> Dual,
    /// Value and slope at -inf and at +inf.
    limits: [(f64, f64); 2],
    /// Value and slope at 0 where the dual numbers have none.
    at_zero: Option<(f64, f64)>,
    /// Slope at NaN: a constant for the linear ones, which read no x on the way back.
    at_nan: f64,
}

impl Row {
    /// How it is recorded, what it is in dual numbers, and its value and slope at -inf and at +inf; NaN at NaN.
    pub(crate) fn new(
        name: &'static str,
        build: fn(&mut Tape, Var) -> Var,
        exact: fn(Dual) -> Dual,
        limits: [(f64, f64); 2],
    ) -> Self {
        Self { name, build, exact, limits, at_zero: None, at_nan: NAN }
    }
}

fn c(x: f64) -> Dual {
    Dual::of(x)
}

/// x Phi(x) without the cancellation of 1 + erf, whose remnants far to the left are multiplied with x.
fn gelu(x: Dual) -> Dual {
    if x.value() < -12.0 { c(0.0) } else { x * (c(1.0) + (x * c(0.5f64.sqrt())).erf()) * c(0.5) }
}

fn gelu_tanh(x: Dual) -> Dual {
    let u = (x + x * x * x * c(0.044715)) * c((2.0 / std::f64::consts::PI).sqrt());
    if x.value() < -20.0 { c(0.0) } else { x * (u * c(2.0)).sigmoid() }
}

fn rows() -> Vec<Row> {
    let row = Row::new;
    let mut rows = vec![
        row("neg", |t, x| t.neg(x), |x| -x, [(INF, -1.0), (-INF, -1.0)]),
        row("scale", |t, x| t.scale(x, -0.5), |x| x * c(-0.5), [(INF, -0.5), (-INF, -0.5)]),
        row("shift", |t, x| t.shift(x, 2.0), |x| x + c(2.0), [(-INF, 1.0), (INF, 1.0)]),
        row("relu", |t, x| t.relu(x), |x| c(0.0).max(x), [(0.0, 0.0), (INF, 1.0)]),
        row("gelu", |t, x| t.gelu(x), gelu, [(0.0, 0.0), (INF, 1.0)]),
        row("gelu_tanh", |t, x| t.gelu_tanh(x), gelu_tanh, [(0.0, 0.0), (INF, 1.0)]),
        row("sigmoid", |t, x| t.sigmoid(x), |x| x.sigmoid(), [(0.0, 0.0), (1.0, 0.0)]),
        row("tanh", |t, x| t.tanh(x), |x| x.tanh(), [(-1.0, 0.0), (1.0, 0.0)]),
        row("softplus", |t, x| t.softplus(x), |x| x.softplus(), [(0.0, 0.0), (INF, 1.0)]),
        row("log_sigmoid", |t, x| t.log_sigmoid(x), |x| x.log_sigmoid(), [(-INF, 1.0), (0.0, 0.0)]),
        row("exp", |t, x| t.exp(x), |x| x.exp(), [(0.0, 0.0), (INF, INF)]),
        row("expm1", |t, x| t.expm1(x), |x| x.exp_m1(), [(-1.0, 0.0), (INF, INF)]),
        row("abs", |t, x| t.abs(x), |x| x.abs(), [(INF, -1.0), (INF, 1.0)]),
        row(
            "clamp",
            |t, x| t.clamp(x, -1.0, 30.0),
            |x| x.max(c(-1.0)).min(c(30.0)),
            [(-1.0, 0.0), (30.0, 0.0)],
        ),
        row("pow 2", |t, x| t.pow(x, 2.0), |x| x.powf(2.0), [(INF, -INF), (INF, INF)]),
        row("pow 3", |t, x| t.pow(x, 3.0), |x| x.powf(3.0), [(-INF, INF), (INF, INF)]),
        row("pow 1", |t, x| t.pow(x, 1.0), |x| x.powf(1.0), [(-INF, 1.0), (INF, 1.0)]),
    ];
    for linear in &mut rows[..3] {
        linear.at_nan = linear.limits[0].1;
    }
    rows.push(Row {
        at_zero: Some((INF, -INF)),
        ..row("pow -1", |t, x| t.pow(x, -1.0), |x| x.powf(-1.0), [(0.0, 0.0), (0.0, 0.0)])
    });
    // Functions of positive numbers: NaN below 0.
    rows.push(Row {
        at_zero: Some((-INF, INF)),
        ..row("ln", |t, x| t.ln(x), |x| x.ln(), [(NAN, NAN), (INF, 0.0)])
    });
    rows.push(row("log1p", |t, x| t.log1p(x), |x| x.ln_1p(), [(NAN, NAN), (INF, 0.0)]));
    rows.push(Row {
        at_zero: Some((0.0, INF)),
        ..row("sqrt", |t, x| t.sqrt(x), |x| x.sqrt(), [(NAN, NAN), (INF, 0.0)])
    });
    rows.extend(crate::OPS.iter().flat_map(|op| (op.extremes)()));
    rows
}

/// Equal up to f32's range and the kernels' error bounds.
fn agrees(fast: f32, exact: f64) -> bool {
    if exact.is_nan() || fast.is_nan() {
        return exact.is_nan() && fast.is_nan();
    }
    let in_f32 = exact as f32;
    if in_f32.is_infinite() || fast.is_infinite() {
        return fast == in_f32;
    }
    (f64::from(fast) - exact).abs() <= 1e-5 * exact.abs() + 1e-6
}

#[test]
fn pointwise_operations_have_their_values_and_limits() {
    for row in rows() {
        let mut inputs: Vec<(f32, f64, f64)> = FINITE
            .iter()
            .map(|x| match row.at_zero {
                Some((value, slope)) if *x == 0.0 => (*x, value, slope),
                _ => {
                    let y = (row.exact)(Dual::variable(f64::from(*x)));
                    (*x, y.value(), y.derivative())
                }
            })
            .collect();
        let [low, high] = row.limits;
        inputs.extend([
            (f32::NEG_INFINITY, low.0, low.1),
            (f32::INFINITY, high.0, high.1),
            (f32::NAN, NAN, row.at_nan),
        ]);
        let mut tape = Tape::new();
        tape.seal();
        let x: Vec<f32> = inputs.iter().map(|i| i.0).collect();
        let x = tape.variable([inputs.len()], &x);
        let y = (row.build)(&mut tape, x);
        tape.backward_from(y, &vec![1.0; inputs.len()]);
        let results = tape.value(y).iter().zip(tape.grad(x).unwrap());
        for ((at, value, slope), (y, dx)) in inputs.iter().zip(results) {
            assert!(agrees(*y, *value), "{}({at}) = {y}, not {value}", row.name);
            // Outside the domain there is no slope to agree on.
            let outside = value.is_nan() && !at.is_nan();
            assert!(outside || agrees(*dx, *slope), "{}'({at}) = {dx}, not {slope}", row.name);
        }
    }
}

#[test]
fn the_larger_and_the_smaller_pass_nan_on_from_either_side() {
    let numbers = [0.0, -1e4, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
    let pairs: Vec<(f32, f32)> = numbers.iter().flat_map(|a| numbers.iter().map(move |b| (*a, *b))).collect();
    let mut tape = Tape::new();
    tape.seal();
    let (left, right): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
    let (a, b) = (tape.variable([pairs.len()], &left), tape.variable([pairs.len()], &right));
    for larger in [true, false] {
        let y = if larger { tape.max(a, b) } else { tape.min(a, b) };
        tape.backward_from(y, &vec![1.0; pairs.len()]);
        for (i, (l, r)) in pairs.iter().enumerate() {
            let (y, da, db) = (tape.value(y)[i], tape.grad(a).unwrap()[i], tape.grad(b).unwrap()[i]);
            if l.is_nan() || r.is_nan() {
                assert!(y.is_nan() && da.is_nan() && db.is_nan(), "{l}, {r}: {y}, {da}, {db}");
                continue;
            }
            let first = if larger { l > r } else { l < r };
            let (expected, share) = match (l == r, first) {
                (true, _) => (*l, (0.5, 0.5)),
                (_, true) => (*l, (1.0, 0.0)),
                _ => (*r, (0.0, 1.0)),
            };
            assert_eq!((y, (da, db)), (expected, share), "{l}, {r}");
        }
    }
}

#[test]
fn what_is_not_selected_does_not_matter() {
    let mut tape = Tape::new();
    tape.seal();
    let condition = tape.input([4], &[1.0, -1.0, 0.0, f32::INFINITY]);
    let a = tape.variable([4], &[1.0, f32::NAN, f32::INFINITY, 2.0]);
    let b = tape.variable([4], &[f32::NAN, 3.0, 4.0, f32::NEG_INFINITY]);
    let y = tape.select(condition, a, b);
    assert_eq!(tape.value(y), [1.0, 3.0, 4.0, 2.0]);
    tape.backward_from(y, &[1.0, 2.0, 3.0, 4.0]);
    assert_eq!(tape.grad(a), Some(&[1.0, 0.0, 0.0, 4.0][..]));
    assert_eq!(tape.grad(b), Some(&[0.0, 2.0, 3.0, 0.0][..]));
}

/// A function of two variables: how it is recorded, and what it is in dual numbers.
type Binary = (&'static str, fn(&mut Tape, Var, Var) -> Var, fn(Dual, Dual) -> Dual);

const BINARY: [Binary; 4] = [
    ("add", |t, a, b| t.add(a, b), |a, b| a + b),
    ("sub", |t, a, b| t.sub(a, b), |a, b| a - b),
    ("mul", |t, a, b| t.mul(a, b), |a, b| a * b),
    ("div", |t, a, b| t.div(a, b), |a, b| a / b),
];

#[test]
fn arithmetic_has_its_values_and_slopes_at_every_pair_of_extremes() {
    let numbers: Vec<f32> = FINITE.into_iter().chain([f32::INFINITY, f32::NEG_INFINITY, f32::NAN]).collect();
    let pairs: Vec<(f32, f32)> = numbers.iter().flat_map(|a| numbers.iter().map(move |b| (*a, *b))).collect();
    let (left, right): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
    for (name, build, exact) in BINARY {
        let mut tape = Tape::new();
        tape.seal();
        let (a, b) = (tape.variable([pairs.len()], &left), tape.variable([pairs.len()], &right));
        let y = build(&mut tape, a, b);
        tape.backward_from(y, &vec![1.0; pairs.len()]);
        for (i, (l, r)) in pairs.iter().enumerate() {
            let (x, z) = (f64::from(*l), f64::from(*r));
            let by_left = exact(Dual::variable(x), Dual::of(z));
            let by_right = exact(Dual::of(x), Dual::variable(z));
            let (y, da, db) = (tape.value(y)[i], tape.grad(a).unwrap()[i], tape.grad(b).unwrap()[i]);
            assert!(agrees(y, by_left.value()), "{name}({l}, {r}) = {y}, not {}", by_left.value());
            // Slopes at finite numbers; what a dual number multiplies by infinity is nobody's business.
            if l.is_finite() && r.is_finite() && by_left.value().is_finite() {
                let (left, right) = (by_left.derivative(), by_right.derivative());
                assert!(agrees(da, left), "d {name}({l}, {r}) / da = {da}, not {left}");
                assert!(agrees(db, right), "d {name}({l}, {r}) / db = {db}, not {right}");
            }
        }
    }
}

/// An operation whose elements depend on one place of each input, as its cases show, has rows in a table above or in its own file. Of dropout
/// the limits are those of a product.
#[test]
fn no_pointwise_operation_is_left_out() {
    let has_rows = |name: &str| {
        rows().iter().any(|row| row.name.split(' ').next() == Some(name))
            || BINARY.iter().any(|row| row.0 == name)
            || ["max", "min", "select", "dropout"].contains(&name)
    };
    let mut found = 0;
    for op in crate::OPS {
        let told: Vec<bool> = (op.cases)().iter().filter_map(|case| case.acts_by_element(op.name)).collect();
        if !told.is_empty() && told.iter().all(|by_element| *by_element) {
            assert!(
                has_rows(op.name),
                "{0} acts element by element: its file gives its values and slopes at -inf and +inf in `fn extremes`, by a row like those of \
                 ops/extremes.rs",
                op.name
            );
            found += 1;
        }
    }
    assert!(found > 20, "{found} operations act element by element");
}

//! L-BFGS on functions with known minima, on a logistic regression, and resumed.

use lacuna_engine::{Tape, Tensor, Var};
use lacuna_nn::{
    Adam, AdamConfig, Cosine, Layer, Lbfgs, LbfgsConfig, LbfgsProgress, LbfgsState, Linear, Matches, Mode,
    Optimizer, OptimizerStateError, ParamGroup, Schedule,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use std::convert::Infallible;

fn values(tape: &Tape) -> Vec<f32> {
    tape.entries().flat_map(|e| e.value.to_vec()).collect()
}

/// Iterates until convergence; the progress of every iteration.
fn minimise(
    lbfgs: &mut Lbfgs,
    tape: &mut Tape,
    limit: usize,
    mut loss: impl FnMut(&mut Tape) -> Var,
) -> Vec<LbfgsProgress> {
    let mut all = Vec::new();
    for _ in 0..limit {
        let Ok(progress) = lbfgs.iterate(tape, |tape| Ok::<_, Infallible>(loss(tape)));
        all.push(progress);
        if progress.converged {
            break;
        }
    }
    all
}

/// 1/2 sum a (w - c)^2 with curvatures from 0.1 to 100.
fn quadratic(tape: &mut Tape, w: Var) -> Var {
    let n = tape.shape(w).len();
    let a: Vec<f32> = (0..n).map(|i| 0.05 * 10f32.powf(3.0 * i as f32 / (n - 1) as f32)).collect();
    let c: Vec<f32> = (0..n).map(|i| (i as f32).sin()).collect();
    let (a, c) = (tape.input([n], &a), tape.input([n], &c));
    let error = tape.sub(w, c);
    let square = tape.mul(error, error);
    let weighted = tape.mul(a, square);
    tape.sum(weighted)
}

#[test]
fn a_quadratic_is_minimised() {
    let mut tape = Tape::new();
    let w = tape.param("w", Tensor::zeros([20]));
    tape.seal();
    let mut lbfgs = Lbfgs::new(LbfgsConfig::default());
    // SciPy's L-BFGS-B (maxcor 10, gtol 1e-5) takes 113 iterations and 125 evaluations in f64.
    let all = minimise(&mut lbfgs, &mut tape, 150, |tape| quadratic(tape, w));
    let last = all.last().unwrap();
    assert!(last.converged && last.gradient_norm <= 1e-5, "{last:?} after {}", all.len());
    for (i, w) in tape.value(w).iter().enumerate() {
        assert!((w - (i as f32).sin()).abs() < 1e-4, "{i}: {w}");
    }
    assert!(all.windows(2).all(|p| p[1].value <= p[0].value + 1e-6), "the value never rises");
    let evaluations: usize = all.iter().map(|p| p.evaluations).sum();
    println!("quadratic: {} iterations, {evaluations} evaluations", all.len());
    assert!(4 * evaluations <= 5 * all.len(), "{evaluations} evaluations in {} iterations", all.len());
}

/// (1 - x)^2 + 100 (y - x^2)^2, whose minimum is at (1, 1).
fn rosenbrock(tape: &mut Tape, [x, y]: [Var; 2]) -> Var {
    let from_one = tape.shift(x, -1.0);
    let a = tape.mul(from_one, from_one);
    let square = tape.mul(x, x);
    let b = tape.sub(y, square);
    let b = tape.mul(b, b);
    let b = tape.scale(b, 100.0);
    tape.add(a, b)
}

/// The usual start of the Rosenbrock function, (-1.2, 1).
fn at_the_usual_start(tape: &mut Tape) -> [Var; 2] {
    let start = [tape.param("x", Tensor::filled([1], -1.2)), tape.param("y", Tensor::filled([1], 1.0))];
    tape.seal();
    start
}

#[test]
fn the_rosenbrock_function_is_minimised() {
    let mut tape = Tape::new();
    let start = at_the_usual_start(&mut tape);
    let mut lbfgs = Lbfgs::new(LbfgsConfig::default());
    let all = minimise(&mut lbfgs, &mut tape, 100, |tape| rosenbrock(tape, start));
    let last = all.last().unwrap();
    println!("Rosenbrock: {} iterations, {last:?}, at {:?}", all.len(), values(&tape));
    assert!(last.converged && last.value < 1e-8, "{last:?} after {}", all.len());
    assert!(values(&tape).iter().all(|w| (w - 1.0).abs() < 1e-3), "{:?}", values(&tape));
}

const ROWS: usize = 60;
const FEATURES: usize = 6;
const CLASSES: usize = 3;

struct Logistic {
    tape: Tape,
    head: Linear,
}

impl Logistic {
    fn new() -> Self {
        let mut tape = Tape::new();
        let head = Linear::new(&mut tape, "", FEATURES, CLASSES, &mut ChaCha8Rng::seed_from_u64(3));
        tape.seal();
        Self { tape, head }
    }

    /// Mean over rows of the sum over classes of softplus(z) - y z.
    fn loss(head: Linear, tape: &mut Tape) -> Var {
        let x: Vec<f32> = (0..ROWS * FEATURES).map(|i| (i as f32 * 0.77).sin() * 2.0).collect();
        let y: Vec<f32> = (0..ROWS * CLASSES).map(|i| f32::from(u8::from(i * i % 7 < 3))).collect();
        let (x, y) = (tape.input([ROWS, FEATURES], &x), tape.input([ROWS, CLASSES], &y));
        let z = head.forward(tape, x, Mode::Eval);
        let (softplus, yz) = (tape.softplus(z), tape.mul(y, z));
        let each = tape.sub(softplus, yz);
        let sum = tape.sum(each);
        tape.scale(sum, 1.0 / ROWS as f32)
    }
}

/// No penalty of the bias.
fn no_decay() -> Vec<ParamGroup> {
    vec![ParamGroup { matches: Matches::Bias, lr_factor: 1.0, weight_decay: Some(0.0) }]
}

#[test]
fn a_logistic_regression_reaches_the_minimum_that_adam_approaches() {
    let Logistic { mut tape, head } = Logistic::new();
    let config = LbfgsConfig { weight_decay: 0.01, groups: no_decay(), ..LbfgsConfig::default() };
    let mut lbfgs = Lbfgs::new(config);
    let all = minimise(&mut lbfgs, &mut tape, 100, |tape| Logistic::loss(head, tape));
    let last = all.last().unwrap();
    println!("logistic regression: {} iterations, {last:?}", all.len());
    assert!(last.converged && last.gradient_norm < 1e-5, "{last:?}");

    // The Euclidean norm of the gradient, computed apart from the optimiser.
    tape.reset();
    let loss = Logistic::loss(head, &mut tape);
    tape.backward(loss);
    let (g_w, g_b) = (tape.grad(head.weight).unwrap(), tape.grad(head.bias).unwrap());
    let with_decay = g_w.iter().zip(tape.value(head.weight)).map(|(g, w)| g + 0.01 * w);
    let norm = with_decay.chain(g_b.iter().copied()).map(|g| f64::from(g * g)).sum::<f64>().sqrt();
    assert!(norm < 2e-5, "{norm}");

    let mut other = Logistic::new();
    let mut adam = Adam::new(AdamConfig { weight_decay: 0.01, groups: no_decay(), ..AdamConfig::default() });
    let schedule = Cosine { lr: 0.02, total_steps: 6000 };
    for step in 0..6000 {
        other.tape.reset();
        let loss = Logistic::loss(other.head, &mut other.tape);
        other.tape.backward(loss);
        schedule.apply(step, &mut adam);
        adam.step(&mut other.tape);
    }
    for (a, b) in values(&tape).iter().zip(&values(&other.tape)) {
        assert!((a - b).abs() < 1e-3, "{a} and {b}");
    }
}

#[test]
fn groups_have_a_weight_decay_of_their_own() {
    let mut tape = Tape::new();
    let (w, b) = (tape.param("w", Tensor::zeros([1, 1])), tape.param("bias", Tensor::zeros([1])));
    let unused = tape.param("unused", Tensor::filled([2, 2], 5.0));
    tape.seal();
    let mut lbfgs =
        Lbfgs::new(LbfgsConfig { weight_decay: 1.0, groups: no_decay(), ..LbfgsConfig::default() });
    // 1/2 (w - 3)^2 + 1/2 w^2 + 1/2 (b - 3)^2
    let all = minimise(&mut lbfgs, &mut tape, 50, |tape| {
        let halves = [w, b].map(|w| {
            let error = tape.shift(w, -3.0);
            let square = tape.mul(error, error);
            let half = tape.scale(square, 0.5);
            tape.sum(half)
        });
        tape.add(halves[0], halves[1])
    });
    assert!(all.last().unwrap().converged);
    assert!((tape.value(w)[0] - 1.5).abs() < 1e-5 && (tape.value(b)[0] - 3.0).abs() < 1e-5);
    assert!((all.last().unwrap().value - 2.25).abs() < 1e-6, "the value includes the penalty");
    assert_eq!(tape.value(unused), [5.0; 4]);
}

#[test]
fn gradients_of_rows_are_used() {
    let mut tape = Tape::new();
    let table = tape.param("table", Tensor::zeros([4, 2]));
    tape.seal();
    let mut lbfgs = Lbfgs::new(LbfgsConfig::default());
    let all = minimise(&mut lbfgs, &mut tape, 50, |tape| {
        let rows = tape.gather_rows(table, &[3, 1]);
        let target = tape.input([2, 2], &[1.0, 2.0, 3.0, 4.0]);
        let error = tape.sub(rows, target);
        let square = tape.mul(error, error);
        tape.sum(square)
    });
    assert!(all.last().unwrap().converged);
    for (w, e) in tape.value(table).iter().zip([0.0, 0.0, 3.0, 4.0, 0.0, 0.0, 1.0, 2.0]) {
        assert!((w - e).abs() < 1e-5, "{w}, not {e}");
    }
}

#[test]
fn a_resumed_run_has_the_same_bits() {
    let config = || LbfgsConfig { weight_decay: 0.001, history: 4, ..LbfgsConfig::default() };
    let run = |lbfgs: &mut Lbfgs, problem: &mut Logistic| {
        let head = problem.head;
        let Ok(progress) =
            lbfgs.iterate(&mut problem.tape, |tape| Ok::<_, Infallible>(Logistic::loss(head, tape)));
        progress
    };
    let bits = |tape: &Tape| values(tape).into_iter().map(f32::to_bits).collect::<Vec<_>>();
    let (mut whole, mut lbfgs) = (Logistic::new(), Lbfgs::new(config()));
    let mut saved = vec![(0, values(&whole.tape), lbfgs.state())];
    let mut progress = Vec::new();
    for iteration in 1..=12 {
        progress.push(run(&mut lbfgs, &mut whole));
        saved.push((iteration, values(&whole.tape), lbfgs.state()));
    }
    assert_eq!(saved[12].2.slots[0].arrays.len(), 1 + 2 * 4, "the gradient and four pairs");
    for (from, weights, state) in saved {
        let (mut resumed, mut lbfgs) = (Logistic::new(), Lbfgs::new(config()));
        lbfgs.restore(&state, &resumed.tape).unwrap();
        let mut at = 0;
        resumed.tape.update_entries(|_, entry| {
            entry.value.copy_from_slice(&weights[at..at + entry.value.len()]);
            at += entry.value.len();
        });
        assert_eq!(lbfgs.state(), state);
        let rest: Vec<LbfgsProgress> = (from..12).map(|_| run(&mut lbfgs, &mut resumed)).collect();
        assert_eq!(rest, progress[from..], "resumed at {from}");
        assert_eq!(bits(&resumed.tape), bits(&whole.tape), "resumed at {from}");
    }
}

#[test]
fn a_state_that_does_not_fit_is_refused() {
    use OptimizerStateError as E;
    let mut problem = Logistic::new();
    let head = problem.head;
    let mut lbfgs = Lbfgs::new(LbfgsConfig::default());
    minimise(&mut lbfgs, &mut problem.tape, 3, |tape| Logistic::loss(head, tape));
    let good = lbfgs.state();
    // Iterations are counted on.
    let state = LbfgsState { iterations: u64::MAX, ..good.clone() };
    let steps = u64::MAX;
    assert_eq!(lbfgs.restore(&state, &problem.tape), Err(E::Steps { parameter: "weight".into(), steps }));
    let mut state = good.clone();
    state.slots.pop();
    assert_eq!(lbfgs.restore(&state, &problem.tape), Err(E::Missing { parameter: "bias".into() }));
    let mut state = good.clone();
    state.slots.push(state.slots[0].clone());
    assert_eq!(lbfgs.restore(&state, &problem.tape), Err(E::Duplicate { parameter: "weight".into() }));
    let mut state = good.clone();
    state.slots.push(state.slots[0].clone());
    state.slots[2].parameter = "other".into();
    assert_eq!(lbfgs.restore(&state, &problem.tape), Err(E::UnknownParameter { parameter: "other".into() }));
    let mut state = good.clone();
    state.slots[1].arrays[2].1.push(0.0);
    assert!(matches!(lbfgs.restore(&state, &problem.tape), Err(E::Size { .. })));
    let mut state = good.clone();
    state.value = None;
    assert!(matches!(lbfgs.restore(&state, &problem.tape), Err(E::Arrays { .. })));
    assert_eq!(lbfgs.state(), good);
    let mut shorter = Lbfgs::new(LbfgsConfig { history: 1, ..LbfgsConfig::default() });
    assert!(matches!(shorter.restore(&good, &problem.tape), Err(E::Arrays { .. })));
}

#[test]
fn an_error_of_the_loss_leaves_the_parameters() {
    let mut problem = Logistic::new();
    let head = problem.head;
    let mut lbfgs = Lbfgs::new(LbfgsConfig::default());
    minimise(&mut lbfgs, &mut problem.tape, 2, |tape| Logistic::loss(head, tape));
    let before = (values(&problem.tape), lbfgs.state());
    let error = lbfgs.iterate(&mut problem.tape, |_| Err("no data"));
    assert_eq!(error, Err("no data"));
    assert_eq!((values(&problem.tape), lbfgs.state()), before);
}

#[test]
fn a_loss_that_is_not_finite_moves_nothing() {
    let mut tape = Tape::new();
    let w = tape.param("w", Tensor::filled([1], -1.0));
    tape.seal();
    let mut lbfgs = Lbfgs::new(LbfgsConfig::default());
    let all = minimise(&mut lbfgs, &mut tape, 1, |tape| tape.ln(w));
    assert!(all[0].value.is_nan() && !all[0].converged);
    assert_eq!(tape.value(w), [-1.0]);
}

/// Parameters that were changed from outside are evaluated anew, and unchanged ones are not.
#[test]
fn the_objective_is_known_where_an_iteration_ended() {
    let mut tape = Tape::new();
    let w = tape.param("w", Tensor::zeros([20]));
    tape.seal();
    let mut lbfgs = Lbfgs::new(LbfgsConfig::default());
    let count = |lbfgs: &mut Lbfgs, tape: &mut Tape| {
        let mut calls = 0;
        let all = minimise(lbfgs, tape, 1, |tape| {
            calls += 1;
            quadratic(tape, w)
        });
        assert_eq!(all[0].evaluations, calls);
        calls
    };
    let _ = count(&mut lbfgs, &mut tape);
    let _ = count(&mut lbfgs, &mut tape);
    let next = count(&mut lbfgs, &mut tape);
    assert_eq!(next, 1, "one trial is enough");
    tape.update_entries(|_, entry| entry.value.fill(0.5));
    assert!(count(&mut lbfgs, &mut tape) >= 2);
}

#[test]
#[should_panic(expected = "L-BFGS on a tape with other parameters")]
fn another_tape_is_refused() {
    let mut problem = Logistic::new();
    let head = problem.head;
    let mut lbfgs = Lbfgs::new(LbfgsConfig::default());
    minimise(&mut lbfgs, &mut problem.tape, 1, |tape| Logistic::loss(head, tape));
    let mut other = Tape::new();
    let w = other.param("w", Tensor::zeros([1]));
    other.seal();
    minimise(&mut lbfgs, &mut other, 1, |tape| tape.exp(w));
}

/// A function that is infinite everywhere but at the start: the history is dropped first, then the search ends.
#[test]
fn a_search_without_result_leaves_the_parameters() {
    let mut tape = Tape::new();
    let w = tape.param("w", Tensor::zeros([20]));
    tape.seal();
    let mut lbfgs = Lbfgs::new(LbfgsConfig { max_evaluations: 8, ..LbfgsConfig::default() });
    minimise(&mut lbfgs, &mut tape, 5, |tape| quadratic(tape, w));
    let before = values(&tape);
    let blocked = |tape: &mut Tape| {
        let at_start = tape.value(w) == before;
        let loss = quadratic(tape, w);
        if at_start { loss } else { tape.scale(loss, f32::INFINITY) }
    };
    let all = minimise(&mut lbfgs, &mut tape, 10, blocked);
    assert_eq!(all.iter().map(|p| p.converged).collect::<Vec<_>>(), [false, true]);
    assert!(all.iter().all(|p| p.evaluations <= 8), "{all:?}");
    assert_eq!(values(&tape), before);
    assert!(lbfgs.state().slots[0].arrays.iter().all(|(name, _)| name == "gradient"));
}

/// Where the best trial was not the last one, the loss is evaluated there once more: one evaluation is kept for that. At the kink of
/// |x| no trial has a slope that a search would end with, so that each goes on to its limit.
#[test]
fn no_iteration_takes_more_evaluations_than_it_may() {
    let mut at_the_limit = 0;
    for max_evaluations in 3..12 {
        let mut tape = Tape::new();
        let [x, y] = at_the_usual_start(&mut tape);
        let mut lbfgs = Lbfgs::new(LbfgsConfig { max_evaluations, ..LbfgsConfig::default() });
        let all = minimise(&mut lbfgs, &mut tape, 20, |tape| {
            let (x, y) = (tape.abs(x), tape.abs(y));
            let y = tape.scale(y, 3.0);
            tape.add(x, y)
        });
        assert!(all.iter().all(|p| p.evaluations <= max_evaluations), "{max_evaluations}: {all:?}");
        at_the_limit += all.iter().filter(|p| p.evaluations == max_evaluations).count();
    }
    assert!(at_the_limit > 9, "searches that met their limit: {at_the_limit}");
}

//! What an answer has to fulfil. Each check says what is wrong, with the numbers.

use lacuna_engine::{Dual, GradCheck, Tape, Var, diagnose};
use lacuna_kernels::Write;

/// Holds a gradient against the right one.
fn gradient(what: &str, got: &[f64], expected: &[f64]) -> Result<(), String> {
    match diagnose(got, expected) {
        None => Ok(()),
        Some(why) => Err(format!("{what}: got {got:.5?}, expected {expected:.5?}\n       {why}")),
    }
}

/// What is wrong with each part of an exercise, not with the first alone.
fn all_of<const N: usize>(parts: [Result<(), String>; N]) -> Result<(), String> {
    let wrong: Vec<String> = parts.into_iter().filter_map(Result::err).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n       ")) }
}

/// Numbers between -2 and 2 that depend on their place alone.
fn numbers(n: usize, phase: f64) -> Vec<f64> {
    (0..n).map(|i| 2.0 * (i as f64 * 2.3 + phase).sin()).collect()
}

fn narrow(x: &[f64]) -> Vec<f32> {
    x.iter().map(|x| *x as f32).collect()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|x| f64::from(*x)).collect()
}

pub(crate) fn square(mul_backward: fn(&mut [f64], &[f64], usize, usize, f64)) -> Result<(), String> {
    let mut grads = [0.0, 1.0];
    mul_backward(&mut grads, &[3.0, 9.0], 0, 0, 1.0);
    gradient("x x at x = 3", &grads[..1], &[6.0])?;
    let mut grads = [0.0, 0.0, 2.0];
    mul_backward(&mut grads, &[3.0, -5.0, -15.0], 0, 1, 2.0);
    gradient("a b at 3 and -5 with g = 2", &grads[..2], &[-10.0, 6.0])?;
    let mut grads = [0.5, 1.0];
    mul_backward(&mut grads, &[3.0, 9.0], 0, 0, 1.0);
    gradient("x x at x = 3, where another operation has given x a part of 0.5", &grads[..1], &[6.5])
}

pub(crate) fn mish(
    forward: fn(&[f32], &mut [f32]),
    backward: fn(Write, &[f32], &[f32], &mut [f32]),
    reference: fn(f64) -> f64,
    dual: fn(Dual) -> Dual,
) -> Result<(), String> {
    // Computed with 30 digits from the formula.
    for (x, y) in [(1.0, 0.865_098_388_267_310_3), (-2.0, -0.252_501_482_695_708_56), (0.0, 0.0)] {
        if (reference(x) - y).abs() > 1e-12 {
            return Err(format!("the reference of {x} is {}, not {y}", reference(x)));
        }
    }
    let mut x = numbers(23, 0.4);
    x.extend([-100.0, -20.0, 20.0, 100.0]);
    let (x32, mut y) = (narrow(&x), vec![f32::NAN; x.len()]);
    forward(&x32, &mut y);
    for (x, y) in x32.iter().zip(&y) {
        let expected = reference(f64::from(*x));
        // False where y is NaN.
        let close = (f64::from(*y) - expected).abs() <= 1e-5 * expected.abs().max(1.0);
        if !close {
            return Err(format!("forward: mish({x}) is {y}, not {expected:.6}"));
        }
    }
    let g = numbers(x.len(), 1.9);
    let slopes: Vec<f64> = x32.iter().map(|x| dual(Dual::new(f64::from(*x), 1.0)).derivative()).collect();
    let right: Vec<f64> = g.iter().zip(&slopes).map(|(g, s)| g * s).collect();
    let mut dx = vec![f32::NAN; x.len()];
    backward(Write::Set, &narrow(&g), &x32, &mut dx);
    gradient("backward that sets", &wide(&dx), &right)?;
    let mut dx = vec![0.5; x.len()];
    backward(Write::Add, &narrow(&g), &x32, &mut dx);
    let added: Vec<f64> = right.iter().map(|d| d + 0.5).collect();
    gradient("backward that adds to 0.5", &wide(&dx), &added)
}

/// The derivative of sum(seed * f(x)) by differences.
fn differences(x: &[f64], seed: &[f64], f: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    let h = 1e-6;
    let along = |x: &[f64]| -> f64 { f(x).iter().zip(seed).map(|(y, s)| y * s).sum() };
    let slope = |e: usize| {
        let (mut low, mut high) = (x.to_vec(), x.to_vec());
        low[e] -= h;
        high[e] += h;
        (along(&high) - along(&low)) / (2.0 * h)
    };
    (0..x.len()).map(slope).collect()
}

pub(crate) fn three_bugs(
    add_row: fn(&[f64], usize, &mut [f64], &mut [f64]),
    softmax: fn(&[f64], &[f64], &mut [f64]),
    residual: fn(&[f64], &[f64], &mut [f64]),
) -> Result<(), String> {
    let (rows, cols) = (3, 4);
    let g = numbers(rows * cols, 0.2);
    let (mut dx, mut db) = (vec![f64::NAN; rows * cols], vec![f64::NAN; cols]);
    add_row(&g, cols, &mut dx, &mut db);
    let plus = |b: &[f64]| (0..rows * cols).map(|e| b[e % cols]).collect();
    let first = gradient("add_row: dx", &dx, &g)
        .and_then(|()| gradient("add_row: db", &db, &differences(&numbers(cols, 0.7), &g, plus)));

    let (x, g) = (numbers(5, 0.1), numbers(5, 3.0));
    let soft = |x: &[f64]| -> Vec<f64> {
        let sum: f64 = x.iter().map(|x| x.exp()).sum();
        x.iter().map(|x| x.exp() / sum).collect()
    };
    let mut dx = vec![f64::NAN; 5];
    softmax(&g, &soft(&x), &mut dx);
    let second = gradient("softmax: dx", &dx, &differences(&x, &g, soft));

    let mut dx = vec![f64::NAN; 5];
    residual(&g, &x, &mut dx);
    let both = |x: &[f64]| x.iter().map(|x| x + x.tanh()).collect();
    let third = gradient("residual: dx", &dx, &differences(&x, &g, both));

    all_of([first, second, third])
}

pub(crate) fn order(sum: fn(&[f32], usize) -> f32) -> Result<(), String> {
    let x = narrow(&numbers(10_001, 0.6).iter().map(|x| x + 3.0).collect::<Vec<f64>>());
    let right: f64 = wide(&x).iter().sum();
    let sums: Vec<f32> = (1..=8).map(|threads| sum(&x, threads)).collect();
    for (threads, s) in (1..).zip(&sums) {
        // False where the sum is NaN.
        let close = (f64::from(*s) / right - 1.0).abs() < 1e-5;
        if !close {
            return Err(format!("{threads} threads: {s} is too far from {right:.2}"));
        }
        if sum(&x, threads) != *s {
            return Err(format!("{threads} threads give another sum the second time"));
        }
    }
    if sums.iter().all(|s| s.to_bits() == sums[0].to_bits()) {
        return Err(format!("1 to 8 threads all give the same bits, those of {}", sums[0]));
    }
    Ok(())
}

pub(crate) fn hinge(
    fused: fn(&[f32], &[f32], &mut [f32]) -> f32,
    composed: fn(&mut Tape, Var, Var, usize) -> Var,
) -> Result<(), String> {
    // Away from the kink at y z = 1, where a difference would reach across it.
    let z: Vec<f32> = narrow(&numbers(24, 0.3))
        .iter()
        .map(|z| if (z.abs() - 1.0).abs() < 0.1 { z + 0.3 } else { *z })
        .collect();
    let y: Vec<f32> = (0..24).map(|i| [1.0, -1.0, 0.0][i % 3]).collect();
    let known = 16;
    // The loss by its formula, and its gradient by differences of that.
    let loss_of = |z: &[f64]| {
        let cells = z.iter().zip(&y).filter(|(_, y)| **y != 0.0);
        cells.map(|(z, y)| (1.0 - f64::from(*y) * z).max(0.0).powi(2)).sum::<f64>() / known as f64
    };
    let right = loss_of(&wide(&z));
    let slopes = differences(&wide(&z), &[1.0], |z| vec![loss_of(z)]);
    let close = |value: f32| (f64::from(value) - right).abs() <= 1e-5;

    let by_hand = || {
        let mut dz = vec![f32::NAN; 24];
        let value = fused(&z, &y, &mut dz);
        if !close(value) {
            return Err(format!("squared_hinge: the loss is {value}, not {right:.6}"));
        }
        if let Some(i) = (0..24).find(|&i| y[i] == 0.0 && dz[i] != 0.0) {
            return Err(format!("squared_hinge: the unknown cell {i} has the gradient {}", dz[i]));
        }
        gradient("squared_hinge: dz", &wide(&dz), &slopes)
    };
    let of_operations = || {
        let mut tape = Tape::new();
        tape.seal();
        let (zs, ys) = (tape.variable([4, 6], &z), tape.input([4, 6], &y));
        let loss = composed(&mut tape, zs, ys, known);
        if tape.shape(loss).len() != 1 || !close(tape.value(loss)[0]) {
            return Err(format!("composed: the loss is {:?}, not {right:.6}", tape.value(loss)));
        }
        GradCheck::default().run(&mut tape, loss).map_err(|e| format!("composed: {e}"))?;
        gradient("composed: dz", &wide(tape.grad(zs).ok_or("composed: z has no gradient")?), &slopes)
    };
    all_of([by_hand(), of_operations()])
}

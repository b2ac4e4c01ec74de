//! Forward mode beside reverse mode: n evaluations in dual numbers against one sweep, over the same list of operations.
//!
//! `cargo run --release -p lacuna-engine --example forward_reverse` prints the table; with the name of a file, the table between
//! `<!-- table: forward_reverse -->` and `<!-- end -->` is replaced.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example shows its numbers")]

use lacuna_engine::{Dual, Real};
use std::hint::black_box;
use std::time::Instant;

/// An operation on single numbers, by the positions of its inputs.
#[derive(Clone, Copy)]
enum Op {
    Leaf(f64),
    Add(usize, usize),
    Mul(usize, usize),
    Exp(usize),
    Ln(usize),
}

/// ln(1 + e^z) with z = sum of w_i x_i; the weights are the first n nodes.
fn graph(n: usize) -> Vec<Op> {
    let number = |i: usize, phase: f64| (i as f64 * 1.7 + phase).sin() / (n as f64).sqrt();
    let mut ops: Vec<Op> = (0..n).map(|i| Op::Leaf(number(i, 0.3))).collect();
    ops.extend((0..n).map(|i| Op::Leaf(number(i, 0.9))));
    ops.extend((0..n).map(|i| Op::Mul(i, n + i)));
    let mut z = 2 * n;
    for i in 1..n {
        ops.push(Op::Add(z, 2 * n + i));
        z = ops.len() - 1;
    }
    ops.push(Op::Exp(z));
    let e = ops.len() - 1;
    ops.push(Op::Leaf(1.0));
    ops.push(Op::Add(e, e + 1));
    ops.push(Op::Ln(e + 2));
    ops
}

/// The forward pass, in any arithmetic; `leaf` makes numbers of leaves.
fn evaluate<R: Real>(ops: &[Op], values: &mut Vec<R>, leaf: impl Fn(usize, f64) -> R) {
    values.clear();
    for (i, op) in ops.iter().enumerate() {
        let value = match *op {
            Op::Leaf(x) => leaf(i, x),
            Op::Add(a, b) => values[a] + values[b],
            Op::Mul(a, b) => values[a] * values[b],
            Op::Exp(x) => values[x].exp(),
            Op::Ln(x) => values[x].ln(),
        };
        values.push(value);
    }
}

/// The backward pass.
fn sweep(ops: &[Op], values: &[f64], grads: &mut Vec<f64>) {
    grads.clear();
    grads.resize(ops.len(), 0.0);
    grads[ops.len() - 1] = 1.0;
    for i in (0..ops.len()).rev() {
        let g = grads[i];
        match ops[i] {
            Op::Leaf(_) => {}
            Op::Add(a, b) => {
                grads[a] += g;
                grads[b] += g;
            }
            Op::Mul(a, b) => {
                grads[a] += g * values[b];
                grads[b] += g * values[a];
            }
            Op::Exp(x) => grads[x] += g * values[i],
            Op::Ln(x) => grads[x] += g / values[x],
        }
    }
}

/// All n slopes, by forward mode.
fn forward_mode(ops: &[Op], n: usize, values: &mut Vec<Dual>) -> Vec<f64> {
    let slope = |k: usize| {
        evaluate(ops, values, |i, x| Dual::new(x, f64::from(u8::from(i == k))));
        values.last().expect("a graph has nodes").derivative()
    };
    (0..n).map(slope).collect()
}

/// All n slopes, by reverse mode.
fn reverse_mode(ops: &[Op], n: usize, values: &mut Vec<f64>, grads: &mut Vec<f64>) -> Vec<f64> {
    evaluate(ops, values, |_, x| x);
    sweep(ops, values, grads);
    grads[..n].to_vec()
}

/// Seconds of one call, the best of several rounds.
fn seconds(mut call: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..7 {
        let (start, mut calls) = (Instant::now(), 0);
        while start.elapsed().as_secs_f64() < 0.02 {
            call();
            calls += 1;
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(calls));
    }
    best
}

fn table() -> String {
    let mut table = String::from(
        "| parameters n | one evaluation, us | n evaluations in dual numbers, us | one evaluation and one sweep, us | ratio |\n\
         |---|---|---|---|---|\n",
    );
    let (mut values, mut grads, mut duals) = (Vec::new(), Vec::new(), Vec::new());
    for n in [1, 10, 100, 1000] {
        let ops = graph(n);
        let once = seconds(|| evaluate(black_box(&ops), &mut values, |_, x| x));
        let forward = seconds(|| {
            black_box(forward_mode(black_box(&ops), n, &mut duals));
        });
        let reverse = seconds(|| {
            black_box(reverse_mode(black_box(&ops), n, &mut values, &mut grads));
        });
        let us = |s: f64| match s * 1e6 {
            us if us < 10.0 => format!("{us:.2}"),
            us if us < 100.0 => format!("{us:.1}"),
            us => format!("{us:.0}"),
        };
        table += &format!(
            "| {n} | {} | {} | {} | {:.1} |\n",
            us(once),
            us(forward),
            us(reverse),
            forward / reverse
        );
    }
    table
}

fn main() -> std::io::Result<()> {
    let table = table();
    print!("{table}");
    if let Some(path) = std::env::args().nth(1) {
        let text = std::fs::read_to_string(&path)?;
        let place = "<!-- table: forward_reverse -->\n";
        let start = text.find(place).expect("the page has a place for the table") + place.len();
        let end = start + text[start..].find("<!-- end -->").expect("the place ends");
        std::fs::write(&path, format!("{}{table}{}", &text[..start], &text[end..]))?;
    }
    Ok(())
}

#[test]
fn both_modes_give_the_same_slopes() {
    let (mut values, mut grads, mut duals) = (Vec::new(), Vec::new(), Vec::new());
    for n in [1, 7, 50] {
        let ops = graph(n);
        let forward = forward_mode(&ops, n, &mut duals);
        let reverse = reverse_mode(&ops, n, &mut values, &mut grads);
        for (f, r) in forward.iter().zip(&reverse) {
            assert!((f - r).abs() < 1e-14, "{f} and {r}");
        }
    }
}

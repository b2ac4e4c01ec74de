//! The three normalised classifiers of COMIC, whose derivatives reach features and weights.

use super::{Draws, OF_LARGEST, close};
use lacuna_engine::{Tape, Var};
use lacuna_losses::comic::{Branch, CausalClassifier, CausalConfig, Gradients};

/// Columns of x that belong to a group, and their length in each row `[rows, 1]`.
fn group(t: &mut Tape, x: Var, columns: std::ops::Range<usize>) -> (Var, Var) {
    let part = t.slice_columns(x, columns);
    let square = t.mul(part, part);
    let sum = t.sum_rows(square);
    (part, t.sqrt(sum))
}

/// tau / G sum over groups of (x^ + share (x^ e^) e^) w^T, w^ = w / (|w| + gamma).
fn logits(t: &mut Tape, [x, w, e]: [Var; 3], config: &CausalConfig, width: usize) -> Var {
    let wide = width / config.groups;
    let share = match config.branch {
        Branch::Head => -1.0,
        Branch::Tail => config.alpha,
        Branch::Balanced => 0.0,
    };
    let mut total = None;
    for start in (0..width).step_by(wide) {
        let columns = start..start + wide;
        let (x, long) = group(t, x, columns.clone());
        let x = t.div(x, long);
        let (e, long) = group(t, e, columns.clone());
        let e = t.div(e, long);
        let across = t.transpose(e);
        let cosine = t.matmul(x, across);
        let along = t.matmul(cosine, e);
        let along = t.scale(along, share as f32);
        let shown = t.add(x, along);
        let (w, long) = group(t, w, columns);
        let long = t.shift(long, config.gamma as f32);
        let w = t.div(w, long);
        let across = t.transpose(w);
        let z = t.matmul(shown, across);
        total = Some(total.map_or(z, |total| t.add(total, z)));
    }
    t.scale(total.expect("a group"), (config.tau / config.groups as f64) as f32)
}

#[test]
fn every_classifier_is_its_formula() {
    for branch in [Branch::Head, Branch::Tail, Branch::Balanced] {
        for (groups, width, rows, classes) in [(1, 5, 3, 4), (2, 6, 1, 7), (3, 30, 5, 1), (1, 64, 9, 11)] {
            let config = CausalConfig { groups, ..CausalConfig::published(branch) };
            let mut draws = Draws(width as u64);
            let mut numbers = |n: usize| (0..n).map(|_| 2.0 * draws.unit() - 1.0).collect::<Vec<f32>>();
            let (x, w, e, g) =
                (numbers(rows * width), numbers(classes * width), numbers(width), numbers(rows * classes));
            let classifier = CausalClassifier::new(config.clone(), width).unwrap();
            let (mut z, mut dx, mut dw) =
                (vec![f32::NAN; g.len()], vec![f32::NAN; x.len()], vec![f32::NAN; w.len()]);
            classifier.forward(&x, &w, &e, &mut z);
            classifier.backward(&x, &w, &e, &g, Gradients { features: &mut dx, weights: &mut dw });

            let mut tape = Tape::new();
            tape.seal();
            let features = tape.variable([rows, width], &x);
            let weights = tape.variable([classes, width], &w);
            let moving = tape.input([1, width], &e);
            let formula = logits(&mut tape, [features, weights, moving], &config, width);
            tape.backward_from(formula, &g);
            let pairs = [
                ("logit", &z, tape.value(formula)),
                ("gradient of feature", &dx, tape.grad(features).unwrap()),
                ("gradient of weight", &dw, tape.grad(weights).unwrap()),
            ];
            for (what, fast, exact) in pairs {
                let largest = exact.iter().fold(0.0f32, |m, x| m.max(x.abs()));
                for (i, (&fast, &exact)) in fast.iter().zip(exact).enumerate() {
                    close(fast, f64::from(exact), OF_LARGEST * f64::from(largest))
                        .unwrap_or_else(|e| panic!("{branch:?}, {groups} groups: {what} {i} {e}"));
                }
            }
        }
    }
}

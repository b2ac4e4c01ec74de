//! The cosine classifier against its formula in dual numbers, and at zero.

use lacuna_engine::{Dual, Real, Tape, Tensor, Var};
use lacuna_nn::cosine::reference::{CosineFormula, logit};
use lacuna_nn::{CosineClassifier, Layer, Mode, MovingVector};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

fn number(i: usize) -> f32 {
    ((i * 7919 + 13) % 101) as f32 / 50.0 - 1.0
}

fn numbers(from: usize, count: usize) -> Vec<f32> {
    (from..from + count).map(number).collect()
}

/// A classifier with weights `w`, `[D, C]`.
fn classifier(tape: &mut Tape, w: &[f32], width: usize, groups: usize) -> CosineClassifier {
    let weight = tape.param("weight", Tensor::new([width, w.len() / width], w.to_vec()));
    CosineClassifier { weight, groups, tau: 16.0, gamma: 1.0 / 32.0, alpha: 2.0 }
}

fn close(what: &str, found: &[f32], exact: &[f64]) {
    let largest = exact.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    for (i, (f, e)) in found.iter().zip(exact).enumerate() {
        assert!((f64::from(*f) - e).abs() <= 2e-5 * largest, "{what} {i}: {f}, not {e}");
    }
    assert_eq!(found.len(), exact.len());
}

#[test]
fn values_and_gradients_are_those_of_the_formula() {
    for share in [0.0f32, -1.0, 2.0] {
        for (groups, width, rows, classes) in [(1, 5, 3, 4), (2, 6, 1, 7), (3, 30, 5, 1), (1, 64, 9, 11)] {
            let what = format!("share {share}, {groups} groups");
            let (x, w) = (numbers(0, rows * width), numbers(1000, width * classes));
            let (e, g) = (numbers(2000, width), numbers(3000, rows * classes));
            let mut tape = Tape::new();
            let layer = classifier(&mut tape, &w, width, groups);
            tape.seal();
            let features = tape.variable([rows, width], &x);
            let z = if share == 0.0 {
                layer.forward(&mut tape, features, Mode::Train { seed: 0, step: 0 })
            } else {
                let e = tape.input([width], &e);
                layer.forward_along(&mut tape, features, e, share)
            };
            assert_eq!(tape.shape(z).sizes(), [rows, classes]);
            tape.backward_from(z, &g);

            let formula = CosineFormula { groups, tau: 16.0, gamma: 1.0 / 32.0, share: f64::from(share) };
            let e: Vec<f64> = e.iter().map(|&e| f64::from(e)).collect();
            let all: Vec<f64> = x.iter().chain(&w).map(|&x| f64::from(x)).collect();
            let logits = |all: &[Dual]| -> Vec<Dual> {
                let (x, w) = all.split_at(rows * width);
                let column =
                    |class: usize| -> Vec<Dual> { w[class..].iter().step_by(classes).copied().collect() };
                let columns: Vec<Vec<Dual>> = (0..classes).map(column).collect();
                let pairs = x.chunks(width).flat_map(|x| columns.iter().map(move |w| (x, w)));
                pairs.map(|(x, w)| logit(x, w, &e, &formula)).collect()
            };
            let mut duals: Vec<Dual> = all.iter().map(|&x| Dual::of(x)).collect();
            let exact: Vec<f64> = logits(&duals).iter().map(|z| z.value()).collect();
            close(&format!("{what}: logit"), tape.value(z), &exact);
            let slopes: Vec<f64> = (0..all.len())
                .map(|i| {
                    duals[i] = Dual::variable(all[i]);
                    let z = logits(&duals);
                    duals[i] = Dual::of(all[i]);
                    z.iter().zip(&g).map(|(z, &g)| z.derivative() * f64::from(g)).sum()
                })
                .collect();
            let (dx, dw) = slopes.split_at(rows * width);
            close(&format!("{what}: feature gradient"), tape.grad(features).unwrap(), dx);
            close(&format!("{what}: weight gradient"), tape.grad(layer.weight).unwrap(), dw);
        }
    }
}

#[test]
fn zero_stays_zero() {
    for (groups, share) in [(1, None), (1, Some(2.0)), (2, Some(-1.0)), (2, None)] {
        for gamma in [1.0 / 32.0, 0.0] {
            let mut tape = Tape::new();
            // The first class and the second half of the features of the second class are 0.
            let w = [0.0, 1.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0];
            let layer = CosineClassifier { gamma, ..classifier(&mut tape, &w, 4, groups) };
            tape.seal();
            let x = tape.variable([3, 4], &[0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 3.0, 4.0]);
            let e = tape.input([4], &[0.0; 4]);
            let z = match share {
                None => layer.forward(&mut tape, x, Mode::Eval),
                Some(share) => layer.forward_along(&mut tape, x, e, share),
            };
            tape.backward_from(z, &[1.0; 6]);
            let z = tape.value(z);
            let (dx, dw) = (tape.grad(x).unwrap(), tape.grad(layer.weight).unwrap());
            assert!(z.iter().chain(dx).chain(dw).all(|x| x.is_finite()), "{z:?} {dx:?} {dw:?}");
            assert_eq!((&z[..2], &dx[..4]), (&[0.0; 2][..], &[0.0; 4][..]));
        }
    }
}

/// A vector of zeros changes nothing: the first step of a branch is that of the balanced form.
#[test]
fn a_moving_vector_of_zeros_gives_the_balanced_form() {
    let mut tape = Tape::new();
    let layer = CosineClassifier::new(&mut tape, "tail", 6, 3, &mut ChaCha8Rng::seed_from_u64(1));
    tape.seal();
    let bits = |tape: &Tape, z: Var| tape.value(z).iter().map(|z| z.to_bits()).collect::<Vec<_>>();
    let x = tape.input([2, 6], &numbers(5, 12));
    let e = MovingVector::new(0.9, 6).record(&mut tape);
    let z = layer.forward_along(&mut tape, x, e, layer.alpha);
    let plain = layer.forward(&mut tape, x, Mode::Eval);
    assert_eq!(bits(&tape, z), bits(&tape, plain));
    let names: Vec<String> = layer.named_parameters(&tape).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["tail.weight"]);
    assert_eq!(tape.shape(layer.weight).sizes(), [6, 3]);
    assert_eq!((layer.groups, layer.tau, layer.gamma, layer.alpha), (1, 16.0, 1.0 / 32.0, 2.0));
}

#[test]
#[should_panic(expected = "4 groups do not divide 6 features")]
fn groups_divide_the_features() {
    let mut tape = Tape::new();
    let layer = CosineClassifier { groups: 4, ..classifier(&mut tape, &[1.0; 6], 6, 1) };
    tape.seal();
    let x = tape.input([1, 6], &[1.0; 6]);
    layer.forward(&mut tape, x, Mode::Eval);
}

//! Nested dropout: its distribution, its gradients, and its place in a perceptron.

use lacuna_engine::{GradCheck, Tape};
use lacuna_nn::{Layer, Mlp, MlpConfig, Mode, NestedDropout};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

/// Chi-squared against p(b) in proportion to decay^(b - 1).
#[test]
fn indices_have_their_distribution() {
    const ROWS: usize = 200_000;
    for (decay, units) in [(1.0, 7), (0.9, 12), (0.5, 5), (0.99, 40), (0.01, 3), (0.7, 1)] {
        let mut counts = vec![0; units];
        for step in 0..4 {
            let nested = NestedDropout { decay, layer: 3 };
            nested.indices(11, step, ROWS / 4, units).for_each(|b| counts[b - 1] += 1);
        }
        let weights: Vec<f64> = (0..units).map(|b| f64::from(decay).powi(b as i32)).collect();
        let total: f64 = weights.iter().sum();
        let (mut chi, mut cells) = (0.0, 0);
        for (count, weight) in counts.iter().zip(&weights) {
            let expected = ROWS as f64 * weight / total;
            // Below this the distribution of the statistic is another one.
            if expected >= 10.0 {
                chi += (f64::from(*count) - expected).powi(2) / expected;
                cells += 1;
            }
        }
        // Five standard deviations above the mean of chi-squared.
        let freedom = f64::from(cells);
        assert!(chi <= freedom + 5.0 * (2.0 * freedom).sqrt(), "{decay}, {units}: {chi}");
        assert_eq!(counts.iter().sum::<i32>(), ROWS as i32);
    }
}

#[test]
fn indices_depend_on_every_part_of_the_key() {
    let draw = |seed, step, layer| -> Vec<usize> {
        NestedDropout { decay: 1.0, layer }.indices(seed, step, 100, 1000).collect()
    };
    let base = draw(1, 2, 3);
    assert_eq!(base, draw(1, 2, 3));
    for other in [draw(2, 2, 3), draw(1, 3, 3), draw(1, 2, 4)] {
        let same = base.iter().zip(&other).filter(|(a, b)| a == b).count();
        assert!(same < 10, "{same} of 100 agree");
    }
    // The first rows of more rows are the same.
    let more: Vec<usize> = NestedDropout { decay: 1.0, layer: 3 }.indices(1, 2, 150, 1000).collect();
    assert_eq!(base, more[..100]);
}

#[test]
fn gradients_are_those_of_the_kept_units() {
    for (rows, units) in [(1, 1), (5, 3), (4, 17), (9, 8)] {
        let mut tape = Tape::new();
        tape.seal();
        let x: Vec<f32> = (0..rows * units).map(|i| ((i * 37 % 23) as f32 - 11.0) / 7.0).collect();
        let x = tape.variable([rows, units], &x);
        let nested = NestedDropout { decay: 0.8, layer: 0 };
        let y = nested.forward(&mut tape, x, Mode::Train { seed: 4, step: 9 });
        let squares = tape.mul(y, y);
        let loss = tape.sum(squares);
        GradCheck::default().run(&mut tape, loss).unwrap();
        let kept: Vec<usize> = nested.indices(4, 9, rows, units).collect();
        for (i, dx) in tape.grad(x).unwrap().iter().enumerate() {
            let exact = if i % units < kept[i / units] { 2.0 * tape.value(x)[i] } else { 0.0 };
            assert!((dx - exact).abs() < 1e-6, "{i}");
        }
    }
}

#[test]
fn a_perceptron_has_it_behind_its_last_hidden_layer() {
    let config = MlpConfig { hidden: vec![9, 6], nested_dropout: 0.6, ..MlpConfig::default() };
    let mut tape = Tape::new();
    let mlp = Mlp::with(&mut tape, 4, 3, &config, &mut ChaCha8Rng::seed_from_u64(2));
    tape.seal();
    let names: Vec<_> = tape.entries().map(|entry| entry.name.to_string()).collect();
    // Linear, ReLU, Linear, ReLU, nested dropout, Linear.
    assert_eq!(names, ["0.weight", "0.bias", "2.weight", "2.bias", "5.weight", "5.bias"]);
    let mut forward = |mode| {
        tape.reset();
        let x = tape.input_with([8, 4], |x| {
            x.iter_mut().enumerate().for_each(|(i, x)| *x = (i as f32 * 0.7).sin());
        });
        let z = mlp.forward(&mut tape, x, mode);
        let loss = tape.sum(z);
        tape.backward(loss);
        // The weights of the last layer that no row has used have no gradient.
        let last = tape.entries().nth(4).unwrap();
        let Some(lacuna_engine::Grad::Dense(grad)) = last.grad else { panic!("a dense gradient") };
        let unused = grad.chunks(3).rev().take_while(|row| row.iter().all(|g| *g == 0.0)).count();
        (tape.value(z).to_vec(), unused)
    };
    let (whole, _) = forward(Mode::Eval);
    assert_eq!(whole, forward(Mode::Eval).0);
    let (first, _) = forward(Mode::Train { seed: 1, step: 0 });
    assert_eq!(first, forward(Mode::Train { seed: 1, step: 0 }).0);
    assert_ne!(first, whole);
    assert_ne!(first, forward(Mode::Train { seed: 1, step: 1 }).0);
    let layer = NestedDropout { decay: 0.6, layer: (1 << 16) + 2 };
    let most = layer.indices(1, 0, 8, 6).max().unwrap();
    assert!(forward(Mode::Train { seed: 1, step: 0 }).1 >= 6 - most);
}

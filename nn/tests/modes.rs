//! Training and prediction: dropout and batch normalisation know the mode wherever they stand.

use lacuna_engine::{Tape, Var};
use lacuna_nn::{Activation, Layer, Linear, Mlp, MlpConfig, MlpInit, Mode, ModelEma, Sequential};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

const ROWS: usize = 12;
const INPUTS: usize = 7;

fn config() -> MlpConfig {
    MlpConfig {
        hidden: vec![16, 9],
        activation: Some(Activation::Relu),
        batch_norm: true,
        dropout: 0.4,
        nested_dropout: 0.0,
        init: MlpInit::Default,
    }
}

/// Linear, then a sequence that holds a perceptron with batch normalisation and dropout.
fn nested(tape: &mut Tape) -> Sequential {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let inner = Sequential::new("inner").then(Mlp::with(tape, INPUTS, 3, &config(), &mut rng));
    Sequential::new("outer").then_new(|name| Linear::new(tape, name, INPUTS, INPUTS, &mut rng)).then(inner)
}

fn forward(tape: &mut Tape, net: &dyn Layer, mode: Mode) -> (Var, Vec<f32>) {
    tape.reset();
    let x = tape.input_with([ROWS, INPUTS], |x| {
        x.iter_mut().enumerate().for_each(|(i, x)| *x = (i as f32 * 0.7).sin());
    });
    let z = net.forward(tape, x, mode);
    (z, tape.value(z).to_vec())
}

fn running(tape: &Tape) -> Vec<f32> {
    tape.entries().filter(|e| e.name.contains("running")).flat_map(|e| e.value.to_vec()).collect()
}

#[test]
fn nested_layers_are_told_the_mode() {
    let mut tape = Tape::new();
    let net = nested(&mut tape);
    tape.seal();
    let start = running(&tape);
    assert_eq!(start.len(), 2 * (16 + 9));

    let (_, first) = forward(&mut tape, &net, Mode::Eval);
    tape.commit_state();
    let (_, again) = forward(&mut tape, &net, Mode::Eval);
    tape.commit_state();
    assert_eq!(first, again, "prediction has no random masks");
    assert_eq!(running(&tape), start, "prediction moves no statistics");

    let train = |tape: &mut Tape, step| forward(tape, &net, Mode::Train { seed: 3, step }).1;
    let (zero, zero_again, one) = (train(&mut tape, 0), train(&mut tape, 0), train(&mut tape, 1));
    assert_eq!(zero, zero_again, "a step can be repeated");
    assert_ne!(zero, one, "masks differ between steps");
    assert_eq!(running(&tape), start, "not committed");
    tape.commit_state();
    let moved = running(&tape);
    assert!(moved.iter().zip(&start).all(|(a, b)| a != b), "every running statistic moves: {moved:?}");
}

#[test]
fn the_modules_of_a_perceptron_are_counted_as_in_pytorch() {
    let names = |config: &MlpConfig| {
        let mut tape = Tape::new();
        let mlp = Mlp::with(&mut tape, 4, 2, config, &mut ChaCha8Rng::seed_from_u64(0));
        mlp.named_parameters(&tape).into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(" ")
    };
    // Linear BatchNorm ReLU Dropout, twice, then Linear
    assert_eq!(
        names(&config()),
        "0.weight 0.bias 1.weight 1.bias 4.weight 4.bias 5.weight 5.bias 8.weight 8.bias"
    );
    let plain = MlpConfig { batch_norm: false, dropout: 0.0, ..config() };
    assert_eq!(names(&plain), "0.weight 0.bias 2.weight 2.bias 4.weight 4.bias");
    assert_eq!(
        names(&MlpConfig { activation: None, ..plain.clone() }),
        "0.weight 0.bias 1.weight 1.bias 2.weight 2.bias"
    );
    assert_eq!(names(&MlpConfig { hidden: vec![], ..config() }), "0.weight 0.bias");
}

/// Two equal dropout modules in a row of layers of equal width must not drop the same units.
#[test]
fn every_dropout_module_has_masks_of_its_own() {
    let mut tape = Tape::new();
    let config = MlpConfig { hidden: vec![64, 64], activation: None, batch_norm: false, ..config() };
    let mlp = Mlp::with(&mut tape, INPUTS, 3, &config, &mut ChaCha8Rng::seed_from_u64(0));
    tape.seal();
    // In a batch of one row, the weights that read a dropped unit have the gradient 0.
    let x = tape.input([1, INPUTS], &[1.0; INPUTS]);
    let z = mlp.forward(&mut tape, x, Mode::Train { seed: 1, step: 1 });
    tape.backward_from(z, &[1.0; 3]);
    let weights: Vec<Var> = mlp.parameters();
    let dropped = |weight: Var, columns: usize| -> Vec<bool> {
        let g = tape.grad(weight).unwrap();
        g.chunks_exact(columns).map(|row| row.iter().all(|g| *g == 0.0)).collect()
    };
    let (first, second) = (dropped(weights[2], 64), dropped(weights[4], 3));
    assert_eq!((first.len(), second.len()), (64, 64));
    assert!(first.iter().any(|d| *d) && second.iter().any(|d| *d));
    assert_ne!(first, second);
}

#[test]
fn initial_weights_of_the_distribution_balanced_head() {
    let mut tape = Tape::new();
    let config = MlpConfig {
        hidden: vec![400],
        activation: None,
        batch_norm: true,
        dropout: 0.5,
        nested_dropout: 0.0,
        init: MlpInit::DistributionBalanced,
    };
    Mlp::with(&mut tape, 300, 200, &config, &mut ChaCha8Rng::seed_from_u64(7));
    let value = |name: &str| tape.entries().find(|e| e.name == name).unwrap().value.to_vec();
    for (name, std) in [("0.weight", (2.0f32 / 400.0).sqrt()), ("3.weight", 0.01)] {
        let w = value(name);
        let n = w.len() as f32;
        let mean = w.iter().sum::<f32>() / n;
        let seen = (w.iter().map(|w| w * w).sum::<f32>() / n).sqrt();
        assert!(
            mean.abs() < 4.0 * std / n.sqrt() && (seen / std - 1.0).abs() < 0.02,
            "{name}: {mean} {seen}"
        );
    }
    assert!(value("0.bias").iter().chain(&value("3.bias")).all(|b| *b == 0.0));
}

#[test]
fn averages_include_running_statistics() {
    let mut tape = Tape::new();
    let net = nested(&mut tape);
    tape.seal();
    let mut ema = ModelEma::new(&tape, 0.75);
    let start = running(&tape);
    forward(&mut tape, &net, Mode::Train { seed: 0, step: 0 });
    tape.commit_state();
    let moved = running(&tape);
    ema.update(&tape);
    ema.swap(&mut tape);
    for ((average, start), moved) in running(&tape).iter().zip(&start).zip(&moved) {
        assert!((average - (0.75 * start + 0.25 * moved)).abs() < 1e-6, "{average}: {start} {moved}");
    }
    let (_, predicted) = forward(&mut tape, &net, Mode::Eval);
    ema.swap(&mut tape);
    assert_eq!(running(&tape), moved);
    assert_ne!(forward(&mut tape, &net, Mode::Eval).1, predicted, "predictions use the averaged statistics");
}

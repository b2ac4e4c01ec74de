//! The allocation budget: a steady training step allocates nothing.
//!
//! A program of its own without the test harness: the counter sees the whole process, and the harness's main thread allocates when the
//! machine lets it run, which may be while a step is counted.
#![allow(clippy::print_stdout, reason = "in place of the harness")]

use lacuna_engine::{ConvOptions, Exec, Tape, Tensor, Window};
use lacuna_nn::{
    Activation, Adam, AdamConfig, BatchNorm2d, Conv2d, CosineClassifier, Decay, Dropout, Flatten, Layer,
    Linear, Matches, MaxPool2d, Mlp, MlpConfig, MlpInit, Mode, ModelEma, MovingVector, Optimizer, ParamGroup,
    Schedule, Sequential, Sgd, SgdConfig, WarmupCosine, clip_grad_norm,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

const STEPS: usize = 1000;

/// Allocations in STEPS steps of `step`, after a warm-up in which buffers grow.
fn allocations(mut step: impl FnMut(usize)) -> usize {
    (0..20).for_each(&mut step);
    let region = Region::new(ALLOCATOR);
    (20..20 + STEPS).for_each(step);
    let change = region.change();
    change.allocations + change.reallocations
}

/// Trains `build`'s layer on batches of two alternating sizes.
fn train(exec: Exec, features: usize, layer: impl Fn(&mut Tape, &mut ChaCha8Rng) -> Box<dyn Layer>) -> usize {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut tape = Tape::with_exec(exec);
    let layer = layer(&mut tape, &mut rng);
    let table = tape.param("table", Tensor::zeros([500, 17]));
    tape.seal();
    let mut adam = Adam::new(AdamConfig::default());
    allocations(|step| {
        let batch = [16, 48][step % 2];
        tape.reset();
        let x = tape.input_with([batch, features], |x| {
            x.iter_mut().enumerate().for_each(|(i, x)| *x = ((i * 7 + step) % 13) as f32 * 0.1);
        });
        let z = tape.scope("head", |tape| layer.forward(tape, x, Mode::Train { seed: 0, step: step as u64 }));
        let rows: [u32; 16] = std::array::from_fn(|i| ((i * 31 + step * 16) % 500) as u32);
        adam.catch_up_rows(&mut tape, table, &rows);
        let u = tape.gather_rows(table, &rows);
        let (l, u) = (tape.softplus(z), tape.softplus(u));
        let (l, u) = (tape.mean(l), tape.mean(u));
        let sum = tape.add(l, u);
        let loss = tape.fused_loss(&[sum], |x, dx| -> Result<f32, std::convert::Infallible> {
            dx[0][0] = 1.0;
            Ok(x[0][0])
        });
        let Ok(loss) = loss;
        tape.backward(loss);
        adam.step(&mut tape);
    })
}

/// Trains a small convolutional network with everything a step of one has.
fn train_cnn(exec: Exec) -> usize {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut tape = Tape::with_exec(exec);
    let same = ConvOptions { padding: [1; 2], ..ConvOptions::default() };
    let net = Sequential::new("")
        .then_new(|name| Conv2d::new(&mut tape, name, [3, 8], [3, 3], same, &mut rng))
        .then_new(|name| BatchNorm2d::new(&mut tape, name, 8))
        .then(Activation::Relu)
        .then(MaxPool2d(Window::square(2, 2, 0)))
        .then_new(|name| Conv2d::new(&mut tape, name, [8, 16], [3, 3], same, &mut rng))
        .then(Activation::Relu)
        .then(MaxPool2d(Window::square(2, 2, 0)))
        .then(Flatten)
        .then(Dropout { p: 0.5, layer: 0 })
        .then_new(|name| Linear::new(&mut tape, name, 64, 5, &mut rng));
    tape.seal();
    let mut adam = Adam::new(AdamConfig::default());
    allocations(|step| {
        let batch = [6, 24][step % 2];
        tape.reset();
        let x = tape.input_with([batch, 3, 8, 8], |x| {
            x.iter_mut().enumerate().for_each(|(i, x)| *x = ((i * 7 + step) % 13) as f32 * 0.1);
        });
        let z = net.forward(&mut tape, x, Mode::Train { seed: 0, step: step as u64 });
        let loss = tape.cross_entropy(z, &[3; 24][..batch]);
        tape.backward(loss);
        tape.commit_state();
        adam.step(&mut tape);
    })
}

/// Trains a perceptron with batch normalisation and dropout by SGD with momentum, clipping, a schedule and an average.
fn train_regularised(exec: Exec) -> usize {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut tape = Tape::with_exec(exec);
    let config = MlpConfig {
        hidden: vec![96, 40],
        batch_norm: true,
        dropout: 0.3,
        init: MlpInit::DistributionBalanced,
        ..MlpConfig::default()
    };
    let net = Sequential::new("net").then(Mlp::with(&mut tape, 64, 17, &config, &mut rng));
    tape.seal();
    let no_decay = ParamGroup { matches: Matches::Bias, lr_factor: 1.0, weight_decay: Some(0.0) };
    let mut sgd = Sgd::new(SgdConfig {
        lr: 0.02,
        momentum: 0.9,
        nesterov: true,
        weight_decay: 1e-4,
        groups: vec![no_decay],
        ..SgdConfig::default()
    });
    let schedule = WarmupCosine { lr: 0.02, warmup_steps: 50, total_steps: 1020 };
    let mut ema = ModelEma::new(&tape, 0.999);
    allocations(|step| {
        let batch = [16, 48][step % 2];
        tape.reset();
        schedule.apply(step as u64, &mut sgd);
        schedule.apply_to_group(step as u64, 0, &mut sgd);
        let x = tape.input_with([batch, 64], |x| {
            x.iter_mut().enumerate().for_each(|(i, x)| *x = ((i * 7 + step) % 13) as f32 * 0.1);
        });
        let z = net.forward(&mut tape, x, Mode::Train { seed: 0, step: step as u64 });
        let loss = tape.softplus(z);
        let loss = tape.mean(loss);
        tape.backward(loss);
        clip_grad_norm(&mut tape, 0.1);
        sgd.step(&mut tape);
        tape.commit_state();
        ema.update(&tape);
        if step.is_multiple_of(100) {
            ema.swap(&mut tape);
            ema.swap(&mut tape);
        }
    })
}

/// Trains the head branch and the balanced branch of COMIC by AdamW.
fn train_cosine(exec: Exec) -> usize {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut tape = Tape::with_exec(exec);
    let mut classifier = |name: &str| CosineClassifier {
        groups: 2,
        ..CosineClassifier::new(&mut tape, name, 64, 17, &mut rng)
    };
    let (head, balanced) = (classifier("head"), classifier("balanced"));
    tape.seal();
    let mut moving = MovingVector::new(0.9, 64);
    let config = AdamConfig { weight_decay: 0.01, decay: Decay::Decoupled, ..AdamConfig::default() };
    let mut adam = Adam::new(config);
    allocations(|step| {
        let batch = [16, 48][step % 2];
        tape.reset();
        let x = tape.input_with([batch, 64], |x| {
            x.iter_mut().enumerate().for_each(|(i, x)| *x = ((i * 7 + step) % 13) as f32 * 0.1);
        });
        moving.update(tape.value(x));
        let e = moving.record(&mut tape);
        let a = head.forward_along(&mut tape, x, e, CosineClassifier::HEAD_SHARE);
        let b = balanced.forward(&mut tape, x, Mode::Train { seed: 0, step: step as u64 });
        let z = tape.add(a, b);
        let loss = tape.softplus(z);
        let loss = tape.mean(loss);
        tape.backward(loss);
        adam.step(&mut tape);
    })
}

fn a_steady_step_allocates_nothing() {
    let linear = |tape: &mut Tape, rng: &mut ChaCha8Rng| -> Box<dyn Layer> {
        Box::new(Linear::new(tape, "head", 320, 17, rng))
    };
    let mlp = |tape: &mut Tape, rng: &mut ChaCha8Rng| -> Box<dyn Layer> {
        Box::new(Mlp::new(tape, &[64, 160, 17], Activation::Relu, rng))
    };
    // matrixmultiply, which serves the portable build, allocates once for each product.
    let products = |per_step: usize| if cfg!(target_feature = "fma") { 0 } else { per_step * STEPS };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    // Which thread of the pool takes which task is chance, so both have to be warm: started, and with the scratch
    // of every shape. Otherwise the first task that a cold thread steals in the middle of the count shows.
    pool.broadcast(|_| {
        train(Exec::Serial, 320, linear);
        train(Exec::Serial, 64, mlp);
        train_cnn(Exec::Serial);
        train_regularised(Exec::Serial);
        train_cosine(Exec::Serial);
    });
    for exec in [Exec::Serial, Exec::Rayon] {
        let linear = pool.install(|| train(exec, 320, linear));
        let mlp = pool.install(|| train(exec, 64, mlp));
        let cnn = pool.install(|| train_cnn(exec));
        let regularised = pool.install(|| train_regularised(exec));
        let cosine = pool.install(|| train_cosine(exec));
        println!("{exec:?}: {linear} {mlp} {cnn} {regularised} {cosine} allocations in {STEPS} steps");
        // Three products forward; back, one of the first layer and two of each other.
        assert!(regularised <= products(8), "{exec:?}: regularised perceptron {regularised}");
        // Two branches of two groups, each with logits and a weight gradient; in one branch cos(x, e) e as well.
        assert!(cosine <= products(10), "{exec:?}: cosine classifier {cosine}");
        assert!(cnn <= products(3), "{exec:?}: convolutional network {cnn}");
        assert!(linear <= products(2) && mlp <= products(5), "{exec:?}: linear {linear}, mlp {mlp}");
        if cfg!(target_feature = "fma") {
            assert_eq!((linear, mlp, cnn, regularised, cosine), (0, 0, 0, 0, 0), "{exec:?}");
        }
    }
}

fn main() {
    // What is asked for is a list, or the tests that are left out of an ordinary run: there are none.
    if std::env::args().any(|argument| argument == "--list" || argument == "--ignored") {
        return;
    }
    a_steady_step_allocates_nothing();
    println!("test a_steady_step_allocates_nothing ... ok");
}

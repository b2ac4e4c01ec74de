//! The allocation budget: a steady training step allocates nothing.
//!
//! One test in a binary of its own, since the counter sees the whole process.

use lacuna_engine::{ConvOptions, Exec, Tape, Tensor, Window};
use lacuna_nn::{
    Activation, Adam, AdamConfig, BatchNorm2d, Conv2d, Dropout, Flatten, Layer, Linear, MaxPool2d, Mlp, Mode,
    Optimizer, Sequential,
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

#[test]
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
    });
    for exec in [Exec::Serial, Exec::Rayon] {
        let linear = pool.install(|| train(exec, 320, linear));
        let mlp = pool.install(|| train(exec, 64, mlp));
        let cnn = pool.install(|| train_cnn(exec));
        assert!(cnn <= products(3), "{exec:?}: convolutional network {cnn}");
        assert!(linear <= products(2) && mlp <= products(5), "{exec:?}: linear {linear}, mlp {mlp}");
        if cfg!(target_feature = "fma") {
            assert_eq!((linear, mlp, cnn), (0, 0, 0), "{exec:?}");
        }
    }
}

//! The allocation budget: a steady training step allocates nothing.
//!
//! One test in a binary of its own, since the counter sees the whole process.

use lacuna_engine::{Exec, Tape, Tensor};
use lacuna_nn::{Activation, Adam, AdamConfig, Layer, Linear, Mlp, Optimizer};
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
        let z = tape.scope("head", |tape| layer.forward(tape, x));
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
    for exec in [Exec::Serial, Exec::Rayon] {
        let linear = pool.install(|| train(exec, 320, linear));
        let mlp = pool.install(|| train(exec, 64, mlp));
        assert!(linear <= products(2) && mlp <= products(5), "{exec:?}: linear {linear}, mlp {mlp}");
        if cfg!(target_feature = "fma") {
            assert_eq!((linear, mlp), (0, 0), "{exec:?}");
        }
    }
}

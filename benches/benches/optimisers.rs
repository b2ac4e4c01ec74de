//! One step of Adam over the weights of a linear head, 2048 x 80, on one core: with ordinary gradients, and with gradients
//! whose squares lie beneath the smallest normal float, which must not cost more.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lacuna_engine::{Tape, Tensor};
use lacuna_nn::{Adam, AdamConfig, Optimizer};

const WEIGHTS: usize = 2048 * 80;

fn adam(c: &mut Criterion) {
    let mut group = c.benchmark_group("adam/2048x80");
    group.throughput(Throughput::Elements(WEIGHTS as u64));
    for (name, gradient) in [("ordinary", 1e-3), ("tiny", 1e-20)] {
        let mut tape = Tape::new();
        let w = tape.param("w", Tensor::filled([2048, 80], 0.5));
        tape.seal();
        tape.reset();
        // Recorded once: a step reads the gradient and leaves it.
        tape.backward_from(w, &vec![gradient; WEIGHTS]);
        let mut adam = Adam::new(AdamConfig::default());
        group.bench_function(name, |b| b.iter(|| adam.step(&mut tape)));
    }
    group.finish();
}

criterion_group!(benches, adam);
criterion_main!(benches);

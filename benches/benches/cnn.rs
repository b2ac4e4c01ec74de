//! A training step of a small convolutional network on one core: batch 64 of 3 x 32 x 32, two convolutions
//! with ReLU and max-pool, a linear head of 20 classes, Adam.
//!
//! The arithmetic is 2.07 GFLOP: 26 ms at a peak of 80 GF/s. Single kernels stand beside the step, so that a
//! slower step can be traced to one of them.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use lacuna_engine::{ConvOptions, Exec, Tape, Window};
use lacuna_kernels::Write;
use lacuna_kernels::conv::{ConvShape, backward_input, backward_weight, forward};
use lacuna_nn::{
    Activation, Adam, AdamConfig, Conv2d, Flatten, Layer, Linear, MaxPool2d, Mode, Optimizer, Sequential,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

const BATCH: usize = 64;

fn step(c: &mut Criterion) {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut tape = Tape::new();
    let same = ConvOptions { padding: [1; 2], ..ConvOptions::default() };
    let net = Sequential::new("")
        .then_new(|name| Conv2d::new(&mut tape, name, [3, 32], [3, 3], same, &mut rng))
        .then(Activation::Relu)
        .then(MaxPool2d(Window::square(2, 2, 0)))
        .then_new(|name| Conv2d::new(&mut tape, name, [32, 64], [3, 3], same, &mut rng))
        .then(Activation::Relu)
        .then(MaxPool2d(Window::square(2, 2, 0)))
        .then(Flatten)
        .then_new(|name| Linear::new(&mut tape, name, 64 * 8 * 8, 20, &mut rng));
    tape.seal();
    let mut adam = Adam::new(AdamConfig::default());
    let images = lacuna_nn::init::uniform([BATCH, 3, 32, 32], 1.0, &mut rng);
    let targets: Vec<u32> = (0..BATCH as u32).map(|i| i * 7 % 20).collect();
    let mut group = c.benchmark_group("cnn");
    group.throughput(Throughput::Elements(BATCH as u64));
    let mut number = 0;
    group.bench_function("step", |b| {
        b.iter(|| {
            tape.reset();
            let x = tape.input([BATCH, 3, 32, 32], images.data());
            let z = net.forward(&mut tape, x, Mode::Train { seed: 0, step: number });
            let loss = tape.cross_entropy(z, &targets);
            tape.backward(loss);
            adam.step(&mut tape);
            number += 1;
            tape.value(loss)[0]
        });
    });
    group.finish();
}

fn kernels(c: &mut Criterion) {
    let mut group = c.benchmark_group("conv");
    for (channels, outputs, size) in [(3, 32, 32), (32, 64, 16)] {
        let window = Window::square(3, 1, 1);
        let s = ConvShape { images: BATCH, channels, image: [size, size], outputs, window, groups: 1 };
        let rng = &mut ChaCha8Rng::seed_from_u64(0);
        let mut draw = |n: usize| lacuna_nn::init::uniform([n], 1.0, rng).into_data();
        let (x, y) = (draw(BATCH * channels * size * size), draw(BATCH * outputs * size * size));
        let (w, b) = (draw(outputs * channels * 9), draw(outputs));
        // one multiplication and one addition each
        group.throughput(Throughput::Elements((2 * y.len() * channels * 9) as u64));
        let name = |what: &str| format!("{what}/{channels}x{size}x{size}->{outputs}");
        group.bench_function(name("forward"), |bench| {
            let mut y = y.clone();
            bench.iter(|| forward(Exec::Serial, s, &x, &w, Some(&b), &mut y));
        });
        group.bench_function(name("weight"), |bench| {
            let mut dw = w.clone();
            bench.iter(|| backward_weight(Exec::Serial, Write::Set, s, &y, &x, &mut dw));
        });
        group.bench_function(name("input"), |bench| {
            bench.iter_batched_ref(
                || x.clone(),
                |dx| backward_input(Exec::Serial, Write::Set, s, &y, &w, dx),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, step, kernels);
criterion_main!(benches);

//! Small convolutional networks: they learn, keep their promises about bits, and know training from prediction.

use lacuna_engine::{ConvOptions, Exec, Tape, Var, Window};
use lacuna_nn::{
    Activation, Adam, AdamConfig, BatchNorm1d, BatchNorm2d, Conv2d, Dropout, Flatten, GlobalAvgPool, Layer,
    LayerNorm, Linear, MaxPool2d, Mode, Optimizer, Sequential,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

const SIZE: usize = 8;
const SAME: ConvOptions = ConvOptions { stride: [1; 2], padding: [1; 2], groups: 1 };

/// An image with a bright horizontal (class 0) or vertical (class 1) bar at a place that changes, and noise.
fn bars(step: usize, images: usize) -> (Vec<f32>, Vec<u32>) {
    let mut x = vec![0.0; images * SIZE * SIZE];
    let mut classes = Vec::new();
    for (n, image) in x.chunks_exact_mut(SIZE * SIZE).enumerate() {
        let h = (step * images + n).wrapping_mul(0x9e37_79b9) >> 7;
        let (class, at) = ((h % 2) as u32, h / 2 % SIZE);
        for (p, x) in image.iter_mut().enumerate() {
            let on_bar = if class == 0 { p / SIZE == at } else { p % SIZE == at };
            let noise = ((p * 31 + h) as f32).sin() * 0.3;
            *x = f32::from(u8::from(on_bar)) + noise;
        }
        classes.push(class);
    }
    (x, classes)
}

/// A convolution, normalisations of all kinds, pools and dropout.
fn network(tape: &mut Tape) -> Sequential {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    Sequential::new("net")
        .then_new(|name| Conv2d::without_bias(tape, name, [1, 8], [3, 3], SAME, &mut rng))
        .then_new(|name| BatchNorm2d::new(tape, name, 8))
        .then(Activation::Relu)
        .then(MaxPool2d(Window::square(2, 2, 0)))
        .then_new(|name| Conv2d::new(tape, name, [8, 12], [3, 3], SAME, &mut rng))
        .then(Activation::Relu)
        .then(MaxPool2d(Window::square(2, 2, 0)))
        .then(Flatten)
        .then_new(|name| Linear::new(tape, name, 48, 16, &mut rng))
        .then_new(|name| BatchNorm1d::new(tape, name, 16))
        .then(Activation::Gelu)
        .then(Dropout { p: 0.1, layer: 11 })
        .then_new(|name| LayerNorm::new(tape, name, 16))
        .then_new(|name| Linear::new(tape, name, 16, 2, &mut rng))
}

fn record(tape: &mut Tape, net: &Sequential, step: usize, images: usize, mode: Mode) -> (Var, Var, Vec<u32>) {
    let (x, classes) = bars(step, images);
    let x = tape.input([images, 1, SIZE, SIZE], &x);
    let z = net.forward(tape, x, mode);
    let loss = tape.cross_entropy(z, &classes);
    (z, loss, classes)
}

fn train(tape: &mut Tape, net: &Sequential, steps: usize) {
    let mut adam = Adam::new(AdamConfig { lr: 0.01, ..AdamConfig::default() });
    for step in 0..steps {
        tape.reset();
        let (_, loss, _) = record(tape, net, step, 16, Mode::Train { seed: 1, step: step as u64 });
        tape.backward(loss);
        tape.commit_state();
        adam.step(tape);
    }
}

#[test]
fn a_small_network_learns_bars() {
    let mut tape = Tape::new();
    let net = network(&mut tape);
    tape.seal();
    train(&mut tape, &net, 60);
    tape.reset();
    let (z, loss, classes) = record(&mut tape, &net, 1000, 100, Mode::Eval);
    let z = tape.value(z);
    let right = classes.iter().zip(z.chunks_exact(2)).filter(|(c, z)| (z[1] > z[0]) == (**c == 1)).count();
    assert!(right >= 95 && tape.value(loss)[0] < 0.3, "{right} of 100, loss {}", tape.value(loss)[0]);
}

#[test]
fn training_has_the_same_bits_for_any_number_of_threads() {
    let run = |exec| {
        let mut tape = Tape::with_exec(exec);
        let net = network(&mut tape);
        tape.seal();
        train(&mut tape, &net, 5);
        tape.entries().flat_map(|e| e.value.to_vec()).map(f32::to_bits).collect::<Vec<_>>()
    };
    let serial = run(Exec::Serial);
    for threads in [1, 2, 3, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| run(Exec::Rayon)), serial, "{threads} threads");
    }
}

/// Images large enough for every kernel to be cut into tasks.
#[test]
fn a_large_batch_has_the_same_bits_for_any_number_of_threads() {
    let run = |exec| {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut tape = Tape::with_exec(exec);
        let net = Sequential::new("")
            .then_new(|name| Conv2d::new(&mut tape, name, [3, 16], [3, 3], SAME, &mut rng))
            .then_new(|name| BatchNorm2d::new(&mut tape, name, 16))
            .then(Activation::Relu)
            .then(MaxPool2d(Window::square(2, 2, 0)))
            .then_new(|name| Conv2d::new(&mut tape, name, [16, 20], [3, 3], SAME, &mut rng))
            .then(Dropout { p: 0.2, layer: 5 })
            .then(GlobalAvgPool)
            .then_new(|name| Linear::new(&mut tape, name, 20, 4, &mut rng));
        tape.seal();
        tape.reset();
        let x = tape.input_with([24, 3, 16, 16], |x| {
            x.iter_mut().enumerate().for_each(|(i, x)| *x = (i as f32 * 0.37).sin());
        });
        let z = net.forward(&mut tape, x, Mode::Train { seed: 0, step: 0 });
        let loss = tape.cross_entropy(z, &[1; 24]);
        tape.backward(loss);
        let mut bits = vec![tape.value(loss)[0].to_bits()];
        for entry in tape.entries() {
            if let Some(lacuna_engine::Grad::Dense(g)) = entry.grad {
                bits.extend(g.iter().map(|g| g.to_bits()));
            }
        }
        bits
    };
    let serial = run(Exec::Serial);
    assert!(serial.len() > 3000, "every parameter has a gradient");
    for threads in [1, 2, 3, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| run(Exec::Rayon)), serial, "{threads} threads");
    }
}

#[test]
fn running_statistics_move_when_committed_and_only_then() {
    let mut tape = Tape::new();
    let norm = BatchNorm1d::new(&mut tape, "norm", 1);
    tape.seal();
    tape.reset();
    let x = tape.input([4, 1], &[1.0, 3.0, 5.0, 7.0]);
    let mode = Mode::Train { seed: 0, step: 0 };
    norm.forward(&mut tape, x, mode);
    let running = |tape: &Tape| (tape.value(norm.running.mean)[0], tape.value(norm.running.var)[0]);
    assert_eq!(running(&tape), (0.0, 1.0), "an operation writes no input");
    tape.reset();
    tape.commit_state();
    assert_eq!(running(&tape), (0.0, 1.0), "a step that was dropped leaves no trace");
    let x = tape.input([4, 1], &[1.0, 3.0, 5.0, 7.0]);
    norm.forward(&mut tape, x, mode);
    tape.commit_state();
    tape.commit_state();
    let (mean, var) = running(&tape);
    // mean 4, unbiased variance 20 / 3; once, although committed twice
    assert!((mean - 0.4).abs() < 1e-6 && (var - (0.9 + 2.0 / 3.0)).abs() < 1e-6, "{mean} {var}");
}

/// A ReLU before a maximum pool is one node, with the numbers of the two.
#[test]
fn relu_and_pool_in_sequence_are_one_node() {
    let run = |together: bool| {
        let mut tape = Tape::new();
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let conv = Conv2d::new(&mut tape, "conv", [1, 8], [3, 3], SAME, &mut rng);
        let parameters = conv.parameters();
        tape.seal();
        let x = tape.input([4, 1, SIZE, SIZE], &bars(0, 4).0);
        let pool = || MaxPool2d(Window::square(2, 2, 0));
        let y = match together {
            true => Sequential::new("").then(conv).then(Activation::Relu).then(pool()).forward(
                &mut tape,
                x,
                Mode::Eval,
            ),
            false => {
                let y = conv.forward(&mut tape, x, Mode::Eval);
                let y = Activation::Relu.forward(&mut tape, y, Mode::Eval);
                pool().forward(&mut tape, y, Mode::Eval)
            }
        };
        let g: Vec<f32> = (0..tape.value(y).len()).map(|i| (i as f32).sin()).collect();
        tape.backward_from(y, &g);
        let grads: Vec<f32> = parameters.iter().flat_map(|w| tape.grad(*w).unwrap().to_vec()).collect();
        (tape.value(y).to_vec(), grads, tape.node_count())
    };
    let ((y, grads, nodes), (y2, grads2, nodes2)) = (run(true), run(false));
    assert!(y.contains(&0.0), "a window without a positive element");
    assert_eq!(y, y2);
    assert_eq!(grads, grads2);
    assert_eq!(nodes + 1, nodes2);
}

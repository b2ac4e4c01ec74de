//! Optimiser steps against their scalar references and against numbers from PyTorch.

use lacuna_engine::{Exec, Tape, Tensor, Var};
use lacuna_nn::optim::reference::{AdamReference, SgdReference};
use lacuna_nn::{
    Activation, Adam, AdamConfig, Decay, Layer, Matches, Mlp, Mode, OneCycle, Optimizer, ParamGroup,
    Schedule, Sgd, SgdConfig, StepDecay,
};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

fn noise(n: usize, phase: f32) -> Vec<f32> {
    (0..n).map(|i| (i as f32 * 1.7 + phase).sin()).collect()
}

/// Gives the parameter exactly the gradient `g`.
fn with_gradient(tape: &mut Tape, w: lacuna_engine::Var, g: &[f32]) {
    tape.reset();
    let shape = tape.shape(w);
    let g = tape.input(shape, g);
    let product = tape.mul(w, g);
    let loss = tape.sum(product);
    tape.backward(loss);
}

fn close(fast: &[f32], exact: &[f64], what: &str) {
    for (i, (a, b)) in fast.iter().zip(exact).enumerate() {
        assert!((f64::from(*a) - b).abs() <= 2e-6 * (1.0 + b.abs()), "{what}, element {i}: {a} against {b}");
    }
}

#[test]
fn every_optimiser_agrees_with_its_reference() {
    const N: usize = 19;
    for decay in [Decay::L2, Decay::Decoupled] {
        for weight_decay in [0.0, 0.01] {
            let config = AdamConfig { lr: 0.01, weight_decay, decay, ..AdamConfig::default() };
            let reference = AdamReference::<f64>::new(
                0.01,
                (0.9, 0.999),
                1e-8,
                f64::from(weight_decay),
                decay == Decay::Decoupled,
            );
            let mut references = [reference; N];
            compare(
                Adam::new(config),
                |i, w, g| references[i].step(w, g),
                &format!("{decay:?} {weight_decay}"),
            );
        }
    }
    for (momentum, dampening, nesterov) in
        [(0.0, 0.0, false), (0.0, 0.5, false), (0.9, 0.0, false), (0.9, 0.0, true), (0.9, 0.25, false)]
    {
        let config =
            SgdConfig { lr: 0.1, momentum, dampening, nesterov, weight_decay: 0.001, ..SgdConfig::default() };
        let reference = SgdReference::<f64>::new(0.1, f64::from(momentum), nesterov, 0.001);
        let mut references = [reference.dampened(f64::from(dampening)); N];
        let what = format!("sgd {momentum} {dampening} {nesterov}");
        compare(Sgd::new(config), |i, w, g| references[i].step(w, g), &what);
    }

    fn compare(mut fast: impl Optimizer, mut exact: impl FnMut(usize, f64, f64) -> f64, what: &str) {
        let start = noise(N, 0.0);
        let mut tape = Tape::new();
        let w = tape.param("w", Tensor::new([N], start.clone()));
        tape.seal();
        let mut expected: Vec<f64> = start.iter().map(|w| f64::from(*w)).collect();
        for step in 0..30 {
            let g = noise(N, step as f32);
            with_gradient(&mut tape, w, &g);
            fast.step(&mut tape);
            for (i, w) in expected.iter_mut().enumerate() {
                *w = exact(i, *w, f64::from(g[i]));
            }
            close(tape.value(w), &expected, what);
        }
    }
}

#[test]
fn rows_without_a_gradient_move_as_if_it_were_zero() {
    const ROWS: usize = 6;
    const COLS: usize = 5;
    let start = noise(ROWS * COLS, 0.5);
    for weight_decay in [0.0, 0.01] {
        let optimisers: [fn(f32) -> Box<dyn Optimizer>; 3] = [
            |weight_decay| {
                let decay = Decay::Decoupled;
                Box::new(Adam::new(AdamConfig { lr: 0.05, weight_decay, decay, ..AdamConfig::default() }))
            },
            |weight_decay| {
                Box::new(Adam::new(AdamConfig {
                    lr: 0.05,
                    beta1: 0.5,
                    weight_decay,
                    ..AdamConfig::default()
                }))
            },
            |weight_decay| {
                Box::new(Sgd::new(SgdConfig { momentum: 0.5, weight_decay, ..SgdConfig::default() }))
            },
        ];
        for make in optimisers {
            let (mut sparse, mut dense) = (Tape::new(), Tape::new());
            let ws = sparse.param("w", Tensor::new([ROWS, COLS], start.clone()));
            let wd = dense.param("w", Tensor::new([ROWS, COLS], start.clone()));
            sparse.seal();
            dense.seal();
            let (mut for_sparse, mut for_dense) = (make(weight_decay), make(weight_decay));
            // Between steps 10 and 250 row 4 is left alone long enough for its moments to be flushed.
            // Every 37th step the sparse tape, too, has a dense gradient.
            for step in 0..260u32 {
                let rows = if (10..250).contains(&step) { [0u32, 1, 1] } else { [step % 6, 4, 4] };
                let g = noise(3 * COLS, step as f32);
                sparse.reset();
                match step % 37 {
                    5 => for_sparse.catch_up(&mut sparse),
                    _ => for_sparse.catch_up_rows(&mut sparse, ws, &rows),
                }
                let picked = sparse.gather_rows(ws, &rows);
                let weights = sparse.input([3, COLS], &g);
                let product = sparse.mul(picked, weights);
                let mut loss = sparse.sum(product);
                if step % 37 == 5 {
                    let none = sparse.scale(ws, 0.0);
                    let none = sparse.sum(none);
                    loss = sparse.add(loss, none);
                }
                sparse.backward(loss);
                for_sparse.step(&mut sparse);

                let mut full = vec![0.0; ROWS * COLS];
                for (row, g) in rows.iter().zip(g.chunks_exact(COLS)) {
                    for (f, g) in full[*row as usize * COLS..][..COLS].iter_mut().zip(g) {
                        *f += g;
                    }
                }
                with_gradient(&mut dense, wd, &full);
                for_dense.step(&mut dense);
            }
            for_sparse.catch_up(&mut sparse);
            for (i, (a, b)) in sparse.value(ws).iter().zip(dense.value(wd)).enumerate() {
                assert!((a - b).abs() <= 1e-5 * (1.0 + b.abs()), "element {i}: {a} against {b}");
            }
        }
    }
}

/// A table of rows with gradients of single rows beside the same table with all gradients, under one optimiser each.
struct Beside {
    sparse: (Tape, Var, Box<dyn Optimizer>),
    dense: (Tape, Var, Box<dyn Optimizer>),
    shape: [usize; 2],
}

impl Beside {
    fn new(shape: [usize; 2], make: &dyn Fn() -> Box<dyn Optimizer>) -> Self {
        let table = || {
            let mut tape = Tape::new();
            // Numbers of very different size, whose last digits come to rest at very different times; and 0.
            let size = |i: usize| [1.0, 1e-3, 50.0, 0.0, 1e-12][i % 5];
            let numbers = noise(shape[0] * shape[1], 0.5).into_iter().enumerate().map(|(i, x)| size(i) * x);
            let w = tape.param("table", Tensor::new(shape, numbers.collect()));
            tape.seal();
            (tape, w, make())
        };
        Self { sparse: table(), dense: table(), shape }
    }

    /// A step in which these rows, each named once, have this gradient; true if they were read with the same bits.
    fn step(&mut self, rows: &[u32], g: &[f32], lr: f32, momentum: Option<f32>) -> bool {
        let cols = self.shape[1];
        let (tape, w, optimizer) = &mut self.sparse;
        tape.reset();
        optimizer.catch_up_rows(tape, *w, rows);
        let read = tape.gather_rows(*w, rows);
        let of_dense = |row: &u32| &self.dense.0.value(self.dense.1)[*row as usize * cols..][..cols];
        let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        let same =
            tape.value(read).chunks_exact(cols).zip(rows).all(|(x, row)| bits(x) == bits(of_dense(row)));
        let weights = tape.input([rows.len(), cols], g);
        let product = tape.mul(read, weights);
        let loss = tape.sum(product);
        tape.backward(loss);
        let mut full = vec![0.0; self.shape[0] * cols];
        for (row, g) in rows.iter().zip(g.chunks_exact(cols)) {
            full[*row as usize * cols..][..cols].copy_from_slice(g);
        }
        with_gradient(&mut self.dense.0, self.dense.1, &full);
        for (tape, _, optimizer) in [&mut self.sparse, &mut self.dense] {
            optimizer.set_learning_rate(lr);
            if let Some(momentum) = momentum {
                optimizer.set_momentum(momentum);
            }
            optimizer.step(tape);
        }
        same
    }

    /// The numbers of both tables, and everything that was kept for them.
    fn all(&mut self) -> [Kept; 2] {
        let (tape, w, optimizer) = &mut self.sparse;
        optimizer.catch_up(tape);
        let sparse = (tape.value(*w).to_vec(), optimizer.state().remove(0).arrays);
        let (tape, w, optimizer) = &self.dense;
        [sparse, (tape.value(*w).to_vec(), optimizer.state().remove(0).arrays)]
    }
}

/// A table, and the arrays that an optimiser keeps for it.
type Kept = (Vec<f32>, Vec<(String, Vec<f32>)>);
type Make = Box<dyn Fn() -> Box<dyn Optimizer>>;

fn optimisers_of_rows() -> Vec<(String, Make)> {
    let mut all: Vec<(String, Make)> = Vec::new();
    for weight_decay in [0.0, 0.01] {
        for (beta1, beta2, decay) in [
            (0.9, 0.999, Decay::L2),
            (0.9, 0.999, Decay::Decoupled),
            (0.5, 0.9, Decay::L2),
            // Momentum outlives the second moment: updates grow.
            (0.9, 0.5, Decay::L2),
        ] {
            let config = AdamConfig { weight_decay, beta1, beta2, decay, ..AdamConfig::default() };
            let make: Make = Box::new(move || Box::new(Adam::new(config.clone())));
            all.push((format!("Adam {beta1} {beta2} {decay:?}, decay {weight_decay}"), make));
        }
        for (momentum, nesterov) in [(0.0, false), (0.9, false), (0.9, true)] {
            let config = SgdConfig { momentum, nesterov, weight_decay, ..SgdConfig::default() };
            let make: Make = Box::new(move || Box::new(Sgd::new(config.clone())));
            all.push((format!("SGD {momentum} {nesterov}, decay {weight_decay}"), make));
        }
    }
    all
}

/// Rows that are touched at random, some often, some after hundreds of steps, at rates and momenta that change, have the
/// bits of dense steps whenever they are read. Every row is touched before it has come to rest.
#[test]
fn rows_that_still_move_have_the_bits_of_dense_steps() {
    const SHAPE: [usize; 2] = [40, 27];
    for (name, make) in optimisers_of_rows() {
        let mut draws = ChaCha8Rng::seed_from_u64(5);
        let mut draw = |n: u32| draws.next_u32() % n;
        let mut beside = Beside::new(SHAPE, &*make);
        for step in 0..3000u32 {
            // A row of 40 at any time, or two of the first four; each row in every 63 steps at the latest.
            let mut rows = vec![step % 63, draw(4), draw(4), draw(40 * 10)];
            rows.retain(|row| *row < 40);
            rows.sort_unstable();
            rows.dedup();
            // Gradients of any size, and 0 in some columns.
            let scale = [1.0, 1e-4, 1e3, 1e-20][draw(4) as usize];
            let g: Vec<f32> = noise(rows.len() * SHAPE[1], step as f32)
                .iter()
                .map(|g| if draw(5) == 0 { 0.0 } else { g * scale })
                .collect();
            let lr = 0.01 * (1.0 + (step as f32 * 0.01).sin());
            let momentum =
                name.starts_with("Adam 0.9 0.999").then(|| 0.85 + 0.1 * (step % 100) as f32 / 100.0);
            assert!(beside.step(&rows, &g, lr, momentum), "{name}, step {step}: {rows:?}");
        }
        let [sparse, dense] = beside.all();
        assert!(sparse == dense, "{name}: the numbers at the end, moments and velocities included");
    }
}

/// Rows that sleep for thousands of steps: bit for bit those of dense steps for as long as they were never woken from rest,
/// moments included where they are not those of a row at rest. What a row at rest has forgotten of its second moment is a
/// power in place of a product, so that from then on the numbers agree to 1e-5.
#[test]
fn rows_that_slept_agree_with_dense_steps() {
    const SHAPE: [usize; 2] = [12, 19];
    for (name, make) in optimisers_of_rows() {
        let mut beside = Beside::new(SHAPE, &*make);
        let decays = !name.ends_with("decay 0");
        let row_zero = |step: u32| step < 30 || step.is_multiple_of(7);
        for step in 0..6000u32 {
            // Row 1 has one gradient, rows 2 to 11 have one every 1,000 to 4,000 steps, row 0 nearly always.
            let mut rows = vec![];
            if row_zero(step) {
                rows.push(0);
            }
            if step == 3 {
                rows.push(1);
            }
            rows.extend((2..12).filter(|row| step % (700 + 300 * row) == 10 * row));
            let g = noise(rows.len() * SHAPE[1], step as f32);
            let same = beside.step(&rows, &g, 0.01, None);
            let first = rows.iter().all(|row| *row < 2 || step < 1000);
            assert!(same || !(first || decays), "{name}, step {step}: {rows:?}");
        }
        let [(sparse, _), (dense, _)] = beside.all();
        let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        let exact = if decays { SHAPE[0] } else { 2 } * SHAPE[1];
        assert_eq!(bits(&sparse[..exact]), bits(&dense[..exact]), "{name}");
        for (i, (a, b)) in sparse.iter().zip(&dense).enumerate() {
            assert!((a - b).abs() <= 1e-5 * (1.0 + b.abs()), "{name}, element {i}: {a} against {b}");
        }
    }
}

/// A table of three rows after a step in which row 1 had a gradient, and one in which row 2 had one.
fn with_a_row_behind() -> (Tape, Var, Adam) {
    let mut tape = Tape::new();
    let table = tape.param("table", Tensor::zeros([3, 2]));
    tape.seal();
    let mut adam = Adam::new(AdamConfig::default());
    for row in [1, 2] {
        tape.reset();
        adam.catch_up_rows(&mut tape, table, &[row]);
        let read = tape.gather_rows(table, &[row]);
        let loss = tape.sum(read);
        tape.backward(loss);
        adam.step(&mut tape);
    }
    (tape, table, adam)
}

#[test]
#[should_panic(expected = "row 1 of `table` was read for a gradient and misses the steps after step 1")]
fn a_gradient_of_a_row_that_is_behind_is_refused() {
    let (mut tape, table, mut adam) = with_a_row_behind();
    tape.reset();
    let read = tape.gather_rows(table, &[0, 1]);
    let loss = tape.sum(read);
    tape.backward(loss);
    adam.step(&mut tape);
}

#[test]
#[should_panic(expected = "row 1 of `table` was read for a gradient and misses the steps after step 1")]
fn a_dense_gradient_of_a_table_that_is_behind_is_refused() {
    let (mut tape, table, mut adam) = with_a_row_behind();
    tape.reset();
    let loss = tape.sum(table);
    tape.backward(loss);
    adam.step(&mut tape);
}

#[test]
#[should_panic(expected = "row 1 of `table` misses the steps after step 1 of 2: call `catch_up` before")]
fn a_state_with_rows_behind_is_refused() {
    with_a_row_behind().2.state();
}

#[test]
fn groups_have_rates_of_their_own() {
    let mut tape = Tape::new();
    let (a, b) = (tape.param("head.w", Tensor::zeros([1])), tape.param("estimator", Tensor::zeros([1])));
    tape.seal();
    let groups = vec![ParamGroup {
        matches: Matches::Prefix("estimator".into()),
        lr_factor: 10.0,
        weight_decay: None,
    }];
    let mut adam = Adam::new(AdamConfig { lr: 0.001, groups, ..AdamConfig::default() });
    let step = |tape: &mut Tape, adam: &mut Adam| {
        tape.reset();
        let sum = tape.add(a, b);
        let loss = tape.sum(sum);
        tape.backward(loss);
        adam.step(tape);
        (tape.value(a)[0], tape.value(b)[0])
    };
    let (first_a, first_b) = step(&mut tape, &mut adam);
    assert!((first_a + 0.001).abs() < 1e-8 && (first_b + 0.01).abs() < 1e-7, "{first_a} {first_b}");
    adam.set_learning_rate(0.002);
    let (next_a, next_b) = step(&mut tape, &mut adam);
    assert!((next_a - first_a + 0.002).abs() < 1e-7 && (next_b - first_b + 0.02).abs() < 1e-6);
}

#[test]
fn a_parameter_without_gradient_stays_where_it_is() {
    let mut tape = Tape::new();
    let (used, unused) =
        (tape.param("used", Tensor::zeros([1])), tape.param("unused", Tensor::filled([1], 3.0)));
    tape.seal();
    let mut adam = Adam::new(AdamConfig { weight_decay: 0.1, ..AdamConfig::default() });
    tape.reset();
    let y = tape.exp(used);
    tape.backward(y);
    adam.step(&mut tape);
    assert_eq!(tape.value(unused), [3.0]);
    assert_ne!(tape.value(used), [0.0]);
}

/// Six steps of PyTorch's optimisers in f64 on a 3 x 4 matrix, as files of the golden set.
#[test]
fn golden_optimiser_files() {
    let folder = std::env::var_os("LACUNA_GOLDEN").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"),
        std::path::PathBuf::from,
    );
    let mut cases = 0;
    for entry in std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !(name.starts_with("optim_") && name.ends_with(".json")) {
            continue;
        }
        golden_case(&serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap(), &name);
        cases += 1;
    }
    println!("optimisers: {cases} cases from {}", folder.display());
    assert!(cases > 0, "no optimiser case in {}", folder.display());
}

fn golden_case(case: &serde_json::Value, name: &str) {
    let params = &case["params"];
    let number = |key: &str| params[key].as_f64().unwrap_or(0.0);
    let (lr, decay, momentum) = (number("lr"), number("weight_decay"), number("momentum"));
    let nesterov = params["nesterov"].as_bool().unwrap_or(false);
    let flat = |v: &serde_json::Value| -> Vec<f64> {
        v.as_array()
            .unwrap()
            .iter()
            .flat_map(|r| r.as_array().unwrap())
            .map(|x| x.as_f64().unwrap())
            .collect()
    };
    let start = flat(&case["inputs"]["weights"]);
    let n = start.len();
    let kind = params["kind"].as_str().unwrap();
    assert_eq!(number("dampening"), 0.0, "{name}");

    let mut tape = Tape::new();
    let w = tape.param("w", Tensor::new([n], start.iter().map(|w| *w as f32).collect()));
    tape.seal();
    let mut exact = start;
    type Step = Box<dyn FnMut(f64, f64) -> f64>;
    let (mut fast, mut steps): (Box<dyn Optimizer>, Vec<Step>) = match kind {
        "adam" | "adamw" => {
            let beta = |i: usize| params["betas"][i].as_f64().unwrap();
            let (betas, eps, decoupled) = ((beta(0), beta(1)), number("eps"), kind == "adamw");
            let config = AdamConfig {
                lr: lr as f32,
                beta1: betas.0 as f32,
                beta2: betas.1 as f32,
                eps: eps as f32,
                weight_decay: decay as f32,
                decay: if decoupled { Decay::Decoupled } else { Decay::L2 },
                groups: vec![],
            };
            let step = || {
                let mut r = AdamReference::<f64>::new(lr, betas, eps, decay, decoupled);
                Box::new(move |w, g| r.step(w, g)) as Step
            };
            (Box::new(Adam::new(config)), (0..n).map(|_| step()).collect())
        }
        "sgd" => {
            let config = SgdConfig {
                lr: lr as f32,
                momentum: momentum as f32,
                nesterov,
                weight_decay: decay as f32,
                ..SgdConfig::default()
            };
            let step = || {
                let mut r = SgdReference::<f64>::new(lr, momentum, nesterov, decay);
                Box::new(move |w, g| r.step(w, g)) as Step
            };
            (Box::new(Sgd::new(config)), (0..n).map(|_| step()).collect())
        }
        other => panic!("{name}: unknown optimiser {other}"),
    };
    let grads = case["inputs"]["grads"].as_array().unwrap();
    let after = case["outputs"]["weights_after_each_step"].as_array().unwrap();
    for (t, (g, expected)) in grads.iter().zip(after).enumerate() {
        let (g, expected) = (flat(g), flat(expected));
        with_gradient(&mut tape, w, &g.iter().map(|g| *g as f32).collect::<Vec<_>>());
        fast.step(&mut tape);
        for i in 0..n {
            exact[i] = steps[i](exact[i], g[i]);
            let e = expected[i];
            assert!((exact[i] - e).abs() <= 1e-10 * e.abs() + 1e-12, "{name}, step {t}: {} {e}", exact[i]);
            let f = f64::from(tape.value(w)[i]);
            assert!((f - e).abs() <= 2e-4 * e.abs() + 1e-5, "{name}, step {t}: {f} against {e}");
        }
    }
}

#[test]
fn training_has_the_same_bits_for_any_number_of_threads() {
    let run = |exec| {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let mut tape = Tape::with_exec(exec);
        let mlp = Mlp::new(&mut tape, &[96, 256, 20], Activation::Relu, &mut rng);
        tape.seal();
        let mut adam = Adam::new(AdamConfig::default());
        for step in 0..5u64 {
            tape.reset();
            let x = tape.input([128, 96], &noise(128 * 96, step as f32));
            let z = mlp.forward(&mut tape, x, Mode::Train { seed: 0, step });
            let loss = tape.softplus(z);
            let loss = tape.mean(loss);
            tape.backward(loss);
            adam.step(&mut tape);
        }
        tape.entries().flat_map(|e| e.value.to_vec()).map(f32::to_bits).collect::<Vec<_>>()
    };
    let serial = run(Exec::Serial);
    for threads in [1, 2, 3, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| run(Exec::Rayon)), serial, "{threads} threads");
    }
}

/// A NaN in a gradient shows in the weights, as it does in PyTorch, and is not taken for a number too small to count.
#[test]
fn nan_is_not_flushed() {
    let optimisers: [Box<dyn Optimizer>; 2] = [
        Box::new(Adam::new(AdamConfig::default())),
        Box::new(Sgd::new(SgdConfig { momentum: 0.9, ..SgdConfig::default() })),
    ];
    for mut optimiser in optimisers {
        let mut tape = Tape::new();
        let w = tape.param("w", Tensor::new([9], vec![1.0; 9]));
        tape.seal();
        tape.reset();
        let mut g = [1e-20; 9];
        (g[2], g[8]) = (f32::NAN, f32::NAN);
        tape.backward_from(w, &g);
        optimiser.step(&mut tape);
        let nan: Vec<bool> = tape.value(w).iter().map(|w| w.is_nan()).collect();
        assert_eq!(nan, [false, false, true, false, false, false, false, false, true]);
    }
}

/// SGD could ignore every schedule, Adam the cycled momentum, and a plain schedule could set a momentum, and no step showed it.
#[test]
fn the_next_step_uses_what_a_schedule_set() {
    const N: usize = 11;
    let schedules: [Box<dyn Schedule>; 2] =
        [Box::new(OneCycle::new(0.05, 20)), Box::new(StepDecay { lr: 0.05, step_size: 4, gamma: 0.5 })];
    for (schedule, cycles) in schedules.iter().zip([true, false]) {
        assert_eq!(schedule.momentum(3).is_some(), cycles);
        let adam = Adam::new(AdamConfig { lr: 9.0, ..AdamConfig::default() });
        let mut references = [AdamReference::<f64>::new(9.0, (0.9, 0.999), 1e-8, 0.0, false); N];
        follow(adam, &**schedule, |i, step, w, g| {
            references[i].lr = schedule.learning_rate(step);
            references[i].betas.0 = schedule.momentum(step).unwrap_or(references[i].betas.0);
            references[i].step(w, g)
        });
        let sgd = Sgd::new(SgdConfig { lr: 9.0, momentum: 0.9, ..SgdConfig::default() });
        let mut references = [SgdReference::<f64>::new(9.0, 0.9, false, 0.0); N];
        follow(sgd, &**schedule, |i, step, w, g| {
            references[i].lr = schedule.learning_rate(step);
            references[i].momentum = schedule.momentum(step).unwrap_or(references[i].momentum);
            references[i].step(w, g)
        });
    }

    fn follow(
        mut fast: impl Optimizer,
        schedule: &dyn Schedule,
        mut exact: impl FnMut(usize, u64, f64, f64) -> f64,
    ) {
        let start = noise(N, 0.3);
        let mut tape = Tape::new();
        let w = tape.param("w", Tensor::new([N], start.clone()));
        tape.seal();
        let mut expected: Vec<f64> = start.iter().map(|w| f64::from(*w)).collect();
        for step in 0..20 {
            let g = noise(N, step as f32 + 0.7);
            with_gradient(&mut tape, w, &g);
            schedule.apply(step, &mut fast);
            assert_eq!(fast.learning_rate(), schedule.learning_rate(step) as f32);
            fast.step(&mut tape);
            for (i, w) in expected.iter_mut().enumerate() {
                *w = exact(i, step, *w, f64::from(g[i]));
            }
            close(tape.value(w), &expected, &format!("step {step}"));
        }
    }
}

/// A dense step every 37 steps woke every row, so the wake-up of a row at rest by its own gradient never ran.
#[test]
fn a_row_at_rest_wakes_with_what_its_second_moment_has_become() {
    const SHAPE: [usize; 2] = [3, 9];
    let optimisers: [Make; 2] = [
        Box::new(|| Box::new(Adam::new(AdamConfig { beta1: 0.5, beta2: 0.99, ..AdamConfig::default() }))),
        Box::new(|| Box::new(Sgd::new(SgdConfig { momentum: 0.9, ..SgdConfig::default() }))),
    ];
    for make in optimisers {
        let mut beside = Beside::new(SHAPE, &*make);
        for step in 0..1300u32 {
            // Row 0 always, row 1 after 200 steps of sleep, row 2 after 600 steps of it, when its first moment is flushed.
            let mut rows = vec![0];
            rows.extend(step.is_multiple_of(200).then_some(1));
            rows.extend(step.is_multiple_of(600).then_some(2));
            let g = noise(rows.len() * SHAPE[1], step as f32);
            beside.step(&rows, &g, 0.01, None);
        }
        let [(sparse, kept), (dense, expected)] = beside.all();
        let pairs = kept.iter().zip(&expected).map(|((name, a), (_, b))| (name.as_str(), a, b));
        for (what, a, b) in pairs.chain([("w", &sparse, &dense)]) {
            let largest = b.iter().fold(0.0f32, |largest, b| largest.max(b.abs()));
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                let close = (a - b).abs() <= 1e-5 * b.abs() + 1e-9 * largest;
                assert!(close, "{what}, element {i}: {a} against {b}");
            }
        }
    }
}

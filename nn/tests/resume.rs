//! Optimisers that go on from a saved state, and learning rates of groups.

use lacuna_engine::{Shape, Tape, Tensor, Var};
use lacuna_nn::{
    Adam, AdamConfig, Constant, Decay, Matches, Optimizer, OptimizerStateError, ParamGroup, Schedule, Sgd,
    SgdConfig, SlotState, StepDecay,
};

const ROWS: usize = 9;
const COLS: usize = 5;

type Make = Box<dyn Fn() -> Box<dyn Optimizer>>;

/// Every optimiser, with and without weight decay and groups.
fn optimisers() -> Vec<(String, Make)> {
    let mut all: Vec<(String, Make)> = Vec::new();
    let group = |matches| ParamGroup { matches, lr_factor: 3.3, weight_decay: Some(0.0) };
    let groups = vec![group(Matches::Prefix("table".into())), group(Matches::Bias)];
    for weight_decay in [0.0, 0.01] {
        for groups in [vec![], groups.clone()] {
            let name = |what: &str| format!("{what}, decay {weight_decay}, {} groups", groups.len());
            for decay in [Decay::L2, Decay::Decoupled] {
                let groups = groups.clone();
                let config =
                    AdamConfig { lr: 0.01, beta1: 0.6, weight_decay, decay, groups, ..AdamConfig::default() };
                let make: Make = Box::new(move || Box::new(Adam::new(config.clone())));
                all.push((name(&format!("Adam {decay:?}")), make));
            }
            for (momentum, dampening, nesterov) in
                [(0.0, 0.0, false), (0.5, 0.0, false), (0.5, 0.3, false), (0.5, 0.0, true)]
            {
                let groups = groups.clone();
                let config = SgdConfig { lr: 0.01, momentum, dampening, nesterov, weight_decay, groups };
                let make: Make = Box::new(move || Box::new(Sgd::new(config.clone())));
                all.push((name(&format!("SGD {momentum} {dampening} {nesterov}")), make));
            }
        }
    }
    all
}

struct Problem {
    tape: Tape,
    weight: Var,
    bias: Var,
    table: Var,
}

impl Problem {
    fn new() -> Self {
        let mut tape = Tape::new();
        let numbers = |n: usize| (0..n).map(|i| (i as f32 * 1.3).sin()).collect::<Vec<f32>>();
        let weight = tape.param("weight", Tensor::new([1, COLS], numbers(COLS)));
        let bias = tape.param("bias", Tensor::new([COLS], numbers(COLS)));
        let table = tape.param("table", Tensor::new([ROWS, COLS], numbers(ROWS * COLS)));
        tape.param("unused", Tensor::zeros([2]));
        tape.seal();
        Self { tape, weight, bias, table }
    }

    fn with_values(values: &[Vec<f32>]) -> Self {
        let mut problem = Self::new();
        problem.tape.update_entries(|i, entry| entry.value.copy_from_slice(&values[i]));
        problem
    }

    fn values(&self) -> Vec<Vec<f32>> {
        self.tape.entries().map(|e| e.value.to_vec()).collect()
    }

    fn bits(&self) -> Vec<u32> {
        self.values().into_iter().flatten().map(f32::to_bits).collect()
    }

    /// Dense gradients of the weight and the bias, rows of the table, and every 37th step the whole table. Some rows
    /// are left alone long enough for their moments to become 0.
    fn step(&mut self, step: u64, optimizer: &mut dyn Optimizer) {
        let Self { tape, weight, bias, table } = self;
        tape.reset();
        let rows = if (10..200).contains(&step) { [0u32, 1, 1] } else { [step as u32 % 9, 4, 4] };
        match step % 37 {
            5 => optimizer.catch_up(tape),
            _ => optimizer.catch_up_rows(tape, *table, &rows),
        }
        let picked = tape.gather_rows(*table, &rows);
        let g: Vec<f32> = (0..3 * COLS).map(|i| (i as f32 * 1.7 + step as f32).sin()).collect();
        let g = tape.input([3, COLS], &g);
        let shifted = tape.add(g, *bias);
        let shifted = tape.mul(shifted, *weight);
        let product = tape.mul(picked, shifted);
        let bounded = tape.tanh(product);
        let mut loss = tape.sum(bounded);
        for w in [*weight, *bias] {
            let square = tape.mul(w, w);
            let sum = tape.sum(square);
            loss = tape.add(loss, sum);
        }
        if step % 37 == 5 {
            let square = tape.mul(*table, *table);
            let sum = tape.sum(square);
            loss = tape.add(loss, sum);
        }
        tape.backward(loss);
        optimizer.set_learning_rate(0.01 / (1.0 + 0.01 * step as f32));
        optimizer.step(tape);
    }
}

#[test]
fn a_restored_optimiser_goes_on_with_the_same_bits() {
    const END: u64 = 260;
    for (name, make) in optimisers() {
        // Left alone: rows are behind for as long as nobody reads them.
        let (mut whole, mut optimizer) = (Problem::new(), make());
        (0..END).for_each(|step| whole.step(step, &mut *optimizer));
        optimizer.catch_up(&mut whole.tape);
        // The same with its state saved on the way.
        let (mut stopped, mut optimizer) = (Problem::new(), make());
        let mut saved: Vec<(u64, Vec<Vec<f32>>, Vec<SlotState>)> = Vec::new();
        for step in 0..END {
            // Before any step, with all rows alive, with rows at rest, at a dense step and after it.
            if [0, 1, 7, 130, 190, 227, 228].contains(&step) {
                optimizer.catch_up(&mut stopped.tape);
                saved.push((step, stopped.values(), optimizer.state()));
            }
            stopped.step(step, &mut *optimizer);
        }
        optimizer.catch_up(&mut stopped.tape);
        assert_eq!(stopped.bits(), whole.bits(), "{name}, saved on the way");
        assert!(whole.values().iter().flatten().all(|w| w.is_finite()), "{name}");
        for (from, values, state) in saved {
            let (mut resumed, mut optimizer) = (Problem::with_values(&values), make());
            optimizer.restore(&state, &resumed.tape).unwrap();
            assert_eq!(optimizer.state(), state, "{name}, resumed at {from}");
            for step in from..END {
                resumed.step(step, &mut *optimizer);
            }
            optimizer.catch_up(&mut resumed.tape);
            assert_eq!(resumed.bits(), whole.bits(), "{name}, resumed at {from}");
        }
    }
}

#[test]
fn a_state_says_what_was_kept() {
    let mut adam = Adam::new(AdamConfig::default());
    let mut problem = Problem::new();
    assert_eq!(adam.state(), []);
    (0..79).for_each(|step| problem.step(step, &mut adam));
    adam.catch_up(&mut problem.tape);
    let state = adam.state();
    let names: Vec<&str> = state.iter().map(|slot| slot.parameter.as_str()).collect();
    assert_eq!(names, ["weight", "bias", "table"], "`unused` never had a gradient");
    assert!(state.iter().all(|slot| slot.steps == 79 && slot.arrays.len() == 2));
    assert!(state[0].rows.is_none() && state[1].rows.is_none());
    let rows = state[2].rows.as_ref().unwrap();
    assert_eq!((rows.touched[0], rows.updated[0]), (79, 79));
    assert_eq!(rows.alive.len(), ROWS);
}

#[test]
fn a_state_that_does_not_fit_is_refused_and_changes_nothing() {
    use OptimizerStateError as E;
    let mut problem = Problem::new();
    let mut adam = Adam::new(AdamConfig::default());
    (0..3).for_each(|step| problem.step(step, &mut adam));
    adam.catch_up(&mut problem.tape);
    let good = adam.state();
    let table = good.len() - 1;
    let mut refuse = |change: &dyn Fn(&mut Vec<SlotState>)| {
        let mut state = good.clone();
        change(&mut state);
        let error = adam.restore(&state, &problem.tape).unwrap_err();
        assert_eq!(adam.state(), good, "{error}");
        error
    };
    let unknown = |name: &str| E::UnknownParameter { parameter: name.into() };
    assert_eq!(refuse(&|s| s[0].parameter = "other".into()), unknown("other"));
    assert_eq!(refuse(&|s| s[0].parameter = "bias".into()), E::Duplicate { parameter: "bias".into() });
    // A saved state with the largest number was taken, and the next step was step 0.
    for steps in [u64::MAX, 1 << 40] {
        assert_eq!(refuse(&|s| s[0].steps = steps), E::Steps { parameter: "weight".into(), steps });
    }
    let error = refuse(&|s| s[0].arrays[1].1.push(0.0));
    assert_eq!(error.to_string(), "optimiser state of `weight`: `v` has 6 elements, the parameter has 5");
    let arrays = refuse(&|s| s[1].arrays.swap(0, 1));
    assert_eq!(
        arrays.to_string(),
        "optimiser state of `bias`: the arrays are [v, m], the optimiser keeps [m, v]"
    );
    assert!(matches!(refuse(&|s| s[1].arrays.truncate(1)), E::Arrays { .. }));
    let rows = refuse(&|s| s[table].rows.as_mut().unwrap().alive.truncate(3));
    assert_eq!(rows, E::Rows { parameter: "table".into(), expected: ROWS, found: [ROWS, ROWS, 3] });
    let late = refuse(&|s| s[table].rows.as_mut().unwrap().updated[2] = 4);
    assert_eq!(late, E::RowStep { parameter: "table".into(), row: 2 });
    let early = refuse(&|s| s[table].rows.as_mut().unwrap().touched[4] = 4);
    assert_eq!(early, E::RowStep { parameter: "table".into(), row: 4 });
    let behind = refuse(&|s| {
        let rows = s[table].rows.as_mut().unwrap();
        (rows.touched[4], rows.updated[4]) = (2, 2);
    });
    assert_eq!(behind, E::RowBehind { parameter: "table".into(), row: 4 });

    // The state of another optimiser is an error, not a start from zero.
    let sgd = Sgd::new(SgdConfig::default()).restore(&good, &problem.tape);
    assert!(matches!(sgd, Err(E::Arrays { .. })));
}

/// Gradients of 1 and no momentum: a step moves every element by its learning rate.
#[test]
fn every_group_has_a_schedule_of_its_own() {
    let mut tape = Tape::new();
    let vars = ["head.weight", "head.bias", "estimator"].map(|name| tape.param(name, Tensor::zeros([1, 1])));
    tape.seal();
    let group = |matches, lr_factor| ParamGroup { matches, lr_factor, weight_decay: None };
    let groups =
        vec![group(Matches::Prefix("estimator".into()), 4.0), group(Matches::Suffix(".bias".into()), 0.5)];
    let mut sgd = Sgd::new(SgdConfig { lr: 1.0, groups, ..SgdConfig::default() });
    let mut moves = |sgd: &mut Sgd| {
        tape.reset();
        let before = vars.map(|w| tape.value(w)[0]);
        let sum = vars[1..].iter().fold(vars[0], |sum, &w| tape.add(sum, w));
        tape.backward(sum);
        sgd.step(&mut tape);
        let after = vars.map(|w| tape.value(w)[0]);
        [0, 1, 2].map(|i| before[i] - after[i])
    };
    assert_eq!(moves(&mut sgd), [1.0, 0.5, 4.0]);
    sgd.set_learning_rate(2.0);
    assert_eq!(moves(&mut sgd), [2.0, 1.0, 8.0], "groups keep their factor");
    sgd.set_group_learning_rate(0, 0.25);
    assert_eq!(moves(&mut sgd), [2.0, 1.0, 0.25], "the rate itself");
    sgd.set_learning_rate(4.0);
    assert_eq!(moves(&mut sgd), [4.0, 2.0, 0.25]);
    assert_eq!(sgd.learning_rate(), 4.0);
    for step in 0..3 {
        Constant { lr: 1.0 }.apply(step, &mut sgd);
        StepDecay { lr: 8.0, step_size: 1, gamma: 0.5 }.apply_to_group(step, 1, &mut sgd);
        assert_eq!(moves(&mut sgd), [1.0, [8.0, 4.0, 2.0][step as usize], 0.25]);
    }
}

#[test]
#[should_panic(expected = "group 1 of an optimiser with 0 groups")]
fn a_group_that_is_not_there_has_no_rate() {
    Sgd::new(SgdConfig::default()).set_group_learning_rate(1, 0.1);
}

#[test]
fn the_first_group_decides_and_no_decay_lists_work() {
    let group = |matches, weight_decay| ParamGroup { matches, lr_factor: 1.0, weight_decay };
    let mut tape = Tape::new();
    let shapes: [(&str, &[usize]); 4] =
        [("0.weight", &[2, 2]), ("0.bias", &[2]), ("1.weight", &[2]), ("last.bias", &[1, 2])];
    let vars = shapes.map(|(name, shape)| tape.param(name, Tensor::filled(Shape::new(shape), 1.0)));
    tape.seal();
    let groups = vec![group(Matches::Prefix("last".into()), Some(0.5)), group(Matches::Bias, Some(0.0))];
    let mut sgd = Sgd::new(SgdConfig { lr: 1.0, weight_decay: 0.25, groups, ..SgdConfig::default() });
    tape.reset();
    // A gradient of 0 reaches every parameter, so weight decay alone moves them.
    let mut loss = None;
    for var in vars {
        let sum = tape.sum(var);
        let zero = tape.scale(sum, 0.0);
        loss = Some(loss.map_or(zero, |loss| tape.add(loss, zero)));
    }
    tape.backward(loss.unwrap());
    sgd.step(&mut tape);
    let values: Vec<f32> = tape.entries().map(|e| e.value[0]).collect();
    assert_eq!(values, [0.75, 1.0, 1.0, 0.5]);
}

//! Clipping, averages and schedules on a tape.

use lacuna_engine::{Tape, Tensor, Var};
use lacuna_nn::{ModelEma, clip_grad_norm};

fn tape() -> (Tape, Var, Var) {
    let mut tape = Tape::new();
    let w = tape.param("w", Tensor::new([2, 2], vec![3.0, 0.0, 0.0, 4.0]));
    let table = tape.param("table", Tensor::new([3, 2], vec![1.0; 6]));
    tape.seal();
    (tape, w, table)
}

fn gradients(tape: &Tape) -> Vec<f32> {
    tape.grad_of("w").to_vec()
}

trait GradOf {
    fn grad_of(&self, name: &str) -> &[f32];
}

impl GradOf for Tape {
    fn grad_of(&self, name: &str) -> &[f32] {
        use lacuna_engine::Grad;
        let entry = self.entries().find(|e| e.name == name).expect("an entry");
        match entry.grad.expect("a gradient") {
            Grad::Dense(g) => g,
            Grad::Rows { data, .. } => data,
        }
    }
}

#[test]
fn a_long_gradient_is_cut_to_length_and_a_short_one_left_alone() {
    let run = |max_norm: f64| {
        let (mut tape, w, table) = tape();
        let square = tape.mul(w, w);
        let a = tape.sum(square); // dw = 2 w: 6, 0, 0, 8
        let rows = tape.gather_rows(table, &[1, 1]);
        let b = tape.sum(rows); // row 1: 2, 2; the other rows hold nothing of use
        let loss = tape.add(a, b);
        tape.backward(loss);
        let norm = clip_grad_norm(&mut tape, max_norm);
        (norm, gradients(&tape), tape.grad_of("table")[2..4].to_vec())
    };
    let exact = 108f64.sqrt();
    let (norm, dw, row) = run(100.0);
    assert!((norm - exact).abs() < 1e-6);
    assert_eq!((dw, row), (vec![6.0, 0.0, 0.0, 8.0], vec![2.0, 2.0]));
    let (norm, dw, row) = run(1.0);
    assert!((norm - exact).abs() < 1e-6, "the norm before");
    let length = dw.iter().chain(&row).map(|g| f64::from(g * g)).sum::<f64>().sqrt();
    assert!((length - 1.0).abs() < 1e-6, "{length}");
}

#[test]
fn a_norm_that_is_no_number_changes_nothing() {
    let (mut tape, w, _) = tape();
    let large = tape.scale(w, f32::MAX);
    let square = tape.mul(large, large);
    let loss = tape.sum(square);
    tape.backward(loss);
    let before = gradients(&tape);
    assert!(!clip_grad_norm(&mut tape, 1.0).is_finite());
    let bits = |g: &[f32]| g.iter().map(|g| g.to_bits()).collect::<Vec<u32>>();
    assert_eq!(bits(&gradients(&tape)), bits(&before));
}

#[test]
fn averages_come_back_from_what_was_saved() {
    let (mut tape, _, _) = tape();
    let mut ema = ModelEma::new(&tape, 0.9);
    for step in 1..5 {
        tape.update_entries(|_, entry| entry.value.iter_mut().for_each(|w| *w += step as f32));
        ema.update(&tape);
    }
    let saved: Vec<(String, Vec<f32>)> =
        ema.averages().map(|(name, values)| (name.to_owned(), values.to_vec())).collect();
    let saved = || saved.iter().map(|(name, values)| (name.as_str(), values.as_slice()));
    let mut other = ModelEma::new(&tape, 0.9);
    assert_ne!(other, ema);
    other.restore(saved()).unwrap();
    assert_eq!(other, ema);
    assert!(other.restore(saved().take(1)).is_err());
    assert!(other.restore([("nobody", &[1.0f32][..])]).is_err());
    assert!(other.restore([("w", &[1.0f32][..])]).is_err());
    assert_eq!(other, ema, "a restore that fails changes nothing");
}

#[test]
fn what_is_not_averaged_is_left_alone() {
    let (mut tape, w, table) = tape();
    let mut ema = ModelEma::of(&tape, 0.75, |entry| entry.name != "w");
    assert_eq!(ema.averages().map(|(name, _)| name).collect::<Vec<_>>(), ["table"]);
    tape.update_entries(|_, entry| entry.value.fill(5.0));
    ema.update(&tape);
    ema.swap(&mut tape);
    assert_eq!((tape.value(w), tape.value(table)), (&[5.0; 4][..], &[2.0; 6][..]));
    assert!(ema.restore([("w", &[1.0f32; 4][..])]).unwrap_err().contains("no average of `w`"));
}

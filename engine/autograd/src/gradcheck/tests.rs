//! Every operation against its reference, and the check itself against wrong gradients.

use super::cases::OtherUse;
use super::*;
use crate::{Exec, OPS, Shape};
use rayon::prelude::*;

const OTHER_USES: [OtherUse; 3] = [OtherUse::None, OtherUse::Before, OtherUse::After];

/// Draws of an operation: 4,096, or what `LACUNA_CASES` says.
fn draws_of_an_operation() -> u64 {
    std::env::var("LACUNA_CASES").map_or(4_096, |cases| cases.parse().expect("LACUNA_CASES is a number"))
}

#[test]
fn every_operation_passes_with_at_least_4096_draws() {
    OPS.par_iter().for_each(|op| {
        let cases = (op.cases)();
        assert!(!cases.is_empty(), "{} has no cases", op.name);
        // Each is checked with three other uses of its leaves.
        let draws = draws_of_an_operation().div_ceil(3 * cases.len() as u64).max(2);
        for (c, case) in cases.iter().enumerate() {
            for (draw, other) in (0..draws).flat_map(|draw| OTHER_USES.map(|other| (draw, other))) {
                let (mut tape, loss) = case.record(Exec::Serial, draw + 1000 * c as u64, other);
                let check = GradCheck::default();
                let checked = match case.fused {
                    Some(fused) => check.run_with(&mut tape, loss, |_, x, dx| Ok::<_, String>(fused(x, dx))),
                    None => check.run(&mut tape, loss),
                };
                if let Err(error) = checked {
                    // What is behind the operation makes one number of its result: a sum with random weights.
                    panic!(
                        "{}, shapes {c}, random numbers {draw}, its inputs used once more: {other:?}: {error}\n\
                         the tape, where a sum with random weights follows the operation:\n{}",
                        op.name,
                        tape.table()
                    );
                }
            }
        }
    });
}

/// What every operation is checked on: at least five shapes, a single row among them, and a leaf so large that
/// it is checked along random directions.
#[test]
fn every_operation_is_checked_on_enough_shapes() {
    let most = GradCheck::default().most_elements;
    // a leaf computes nothing
    for op in OPS.iter().filter(|op| op.name != "leaf") {
        let cases = (op.cases)();
        let mut shapes: Vec<&[Shape]> = cases.iter().map(|case| case.shapes.as_slice()).collect();
        let any = |wanted: &dyn Fn(&Shape) -> bool| cases.iter().flat_map(|case| &case.shapes).any(wanted);
        assert!(any(&|shape| shape.sizes().first() == Some(&1)), "{}: no single row", op.name);
        assert!(any(&|shape| shape.len() > most), "{}: no leaf of more than {most} elements", op.name);
        shapes.sort_by_key(|shapes| format!("{shapes:?}"));
        shapes.dedup();
        assert!(shapes.len() >= 5, "{}: {} different shapes", op.name, shapes.len());
    }
}

#[test]
fn every_kernel_agrees_with_its_reference() {
    for op in OPS {
        for (c, case) in (op.cases)().iter().enumerate() {
            let (tape, _) = case.record(Exec::Serial, c as u64, OtherUse::None);
            let exact = tape.replay(|_, _, x| x);
            for index in 0..tape.node_count() {
                let var = tape.var_at(index);
                for (fast, exact) in tape.value(var).iter().zip(exact.value(&tape, var)) {
                    let bound = 1e-5 * exact.abs().max(1.0);
                    assert!(
                        (f64::from(*fast) - exact).abs() <= bound,
                        "{}: {fast} against {exact}\n{}",
                        op.name,
                        tape.table()
                    );
                }
            }
        }
    }
}

#[test]
fn threads_do_not_change_a_bit_of_any_operation() {
    let bits = |exec| -> Vec<u32> {
        let mut bits = Vec::new();
        for (c, case) in OPS.iter().flat_map(|op| (op.cases)()).enumerate() {
            let (mut tape, loss) = case.record(exec, 3, OTHER_USES[c % 3]);
            tape.backward(loss);
            bits.push(tape.value(loss)[0].to_bits());
            for leaf in tape.differentiable_leaves().collect::<Vec<_>>() {
                bits.extend(tape.dense_grad(leaf).into_iter().flatten().map(f32::to_bits));
            }
        }
        bits
    };
    let serial = bits(Exec::Serial);
    for threads in [1, 2, 3, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| bits(Exec::Rayon)), serial, "{threads} threads");
    }
}

#[test]
fn the_table_is_a_table() {
    let mut names: Vec<&str> = OPS.iter().map(|op| op.name).collect();
    assert!(OPS.iter().all(|op| !op.doc.is_empty()));
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all, "two operations share a name");
}

#[test]
fn a_wrong_gradient_is_found() {
    let mut tape = Tape::new();
    tape.seal();
    let x = tape.variable([2], &[1.0, 2.0]);
    let y = tape.exp(x);
    let loss = tape.sum(y);
    tape.backward(loss);
    let check = GradCheck::default();
    let right: Vec<f64> = tape.grad(x).unwrap().iter().map(|g| f64::from(*g)).collect();
    let second = |e| f64::from(u8::from(e == 1));
    let compare = |wrong: f64| {
        let grad = [right[0], wrong];
        check.compare(&tape, loss, Leaf { var: x, grad: &grad }, wrong, second, Some(1))
    };
    assert!(compare(right[1]).is_ok());
    for (wrong, diagnosis) in [
        (right[1] * 1.01, Diagnosis::Slope),
        (right[1] * 2.0, Diagnosis::Twice),
        (-right[1], Diagnosis::Sign),
        (0.0, Diagnosis::NotHandedOn),
        (f64::NAN, Diagnosis::NeverWritten),
    ] {
        let mismatch = compare(wrong).unwrap_err();
        assert_eq!((mismatch.element, mismatch.diagnosis), (Some(1), diagnosis));
        assert!((mismatch.dual - 2f64.exp()).abs() < 1e-12);
        let message = mismatch.to_string();
        assert!(
            message
                .starts_with("gradient of variable (node 0)[1] at the value 2, read by exp (node 1): got "),
            "{message}"
        );
        assert!(message.ends_with(diagnosis.info().meaning), "{message}");
    }
}

/// A parameter is called by its name, an operation with its constants.
#[test]
fn a_message_names_the_cell_and_who_reads_it() {
    let mut tape = Tape::new();
    let w = tape.param("w", crate::Tensor::new([3, 4], vec![0.5; 12]));
    tape.seal();
    let held = tape.clamp(w, -1.0, 1.0);
    let loss = tape.sum(held);
    tape.backward(loss);
    let element = |e: usize| f64::from(u8::from(e == 11));
    let leaf = Leaf { var: w, grad: &[3.0; 12] };
    let mismatch = GradCheck::default().compare(&tape, loss, leaf, 3.0, element, Some(11)).unwrap_err();
    let message = mismatch.to_string();
    assert!(
        message.starts_with(
            "gradient of w[2,3] at the value 0.5, read by clamp(low -1, high 1) (node 1): got 3, expected 1 by"
        ),
        "{message}"
    );
    assert!(message.contains("one ratio in all cells, 3.0000: the reduction"), "{message}");
}

/// max(x, 0) near its corner: the tape and dual numbers agree, and the difference reaches across.
#[test]
fn a_kink_is_called_one() {
    let mut tape = Tape::new();
    tape.seal();
    let x = tape.variable([1], &[1e-5]);
    let y = tape.relu(x);
    let loss = tape.sum(y);
    let Err(GradCheckError::Leaf(mismatch)) = GradCheck::default().run(&mut tape, loss) else {
        panic!("the corner is not noticed")
    };
    assert_eq!(mismatch.diagnosis, Diagnosis::Kink);
}

/// The sum of squares as a fused loss, with `slope` in place of 2.
fn squares(slope: f32, x: &[&[f32]], dx: &mut [&mut [f32]]) -> Result<f32, String> {
    x[0].iter().zip(&mut *dx[0]).for_each(|(x, dx)| *dx = slope * x);
    Ok(x[0].iter().map(|x| x * x).sum())
}

/// A graph with a fused loss in a scope, behind an operation.
fn with_fused_loss(slope: f32, x: &[f32]) -> (Tape, Var) {
    let mut tape = Tape::new();
    tape.seal();
    let x = tape.variable([1, x.len()], x);
    let doubled = tape.scale(x, 2.0);
    let loss = tape.scope("loss", |t| t.fused_loss(&[doubled], |x, dx| squares(slope, x, dx))).unwrap();
    (tape, loss)
}

#[test]
fn a_wrong_gradient_of_a_fused_loss_is_found() {
    let again = |_: Var, x: &[&[f32]], dx: &mut [&mut [f32]]| squares(2.0, x, dx);
    for x in [&[1.5, -0.5, 2.0][..], &[0.25; 1000]] {
        let (mut tape, loss) = with_fused_loss(2.0, x);
        let checked = GradCheck::default().run_with(&mut tape, loss, again).unwrap();
        assert_eq!(checked.leaves, 1);
        for slope in [99.0, 2.02, -2.0, 0.0, f32::NAN] {
            let (mut tape, loss) = with_fused_loss(slope, x);
            let error = GradCheck::default().run_with(&mut tape, loss, again).unwrap_err();
            let GradCheckError::FusedLoss(found) = &error else { panic!("{error}") };
            assert_eq!((found.op.as_str(), found.input), ("fused_loss (node 2 in loss)", 0));
            if x.len() == 3 {
                assert_eq!(found.element, Some(0));
                assert!((found.expected - 6.0).abs() < 1e-5, "{error}");
                assert_eq!(found.got.to_bits(), f64::from(slope * 3.0).to_bits(), "{error}");
            } else {
                assert_eq!(found.element, None);
            }
        }
    }
}

#[test]
fn a_fused_loss_that_cannot_be_evaluated_again_is_refused() {
    let (mut tape, loss) = with_fused_loss(2.0, &[1.0]);
    let error = GradCheck::default().run(&mut tape, loss).unwrap_err();
    assert_eq!(error, GradCheckError::Opaque { op: "fused_loss (node 2 in loss)".to_owned() });
    let failing = |_: Var, _: &[&[f32]], _: &mut [&mut [f32]]| Err("no labels");
    let error = GradCheck::default().run_with(&mut tape, loss, failing).unwrap_err();
    assert_eq!(error.to_string(), "fused_loss (node 2 in loss), evaluated again: no labels");
    let another = |_: Var, x: &[&[f32]], _: &mut [&mut [f32]]| Ok::<_, String>(x[0][0]);
    let error = GradCheck::default().run_with(&mut tape, loss, another).unwrap_err();
    assert!(matches!(error, GradCheckError::Evaluation { .. }), "{error}");
    // No gradient goes through it, so none can be wrong.
    let (mut tape, loss) = with_fused_loss(99.0, &[1.0]);
    let constant = tape.detach(loss);
    let x = tape.variable([1], &[3.0]);
    let product = tape.mul(x, constant);
    let sum = tape.sum(product);
    GradCheck::default().run(&mut tape, sum).unwrap();
}

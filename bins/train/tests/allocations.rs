//! A steady training step allocates nothing, whatever the procedure and the loss.
//!
//! A program of its own without the test harness: the counter sees the whole process, and the harness's main thread allocates when the
//! machine lets it run, which may be while a step is counted.
#![allow(clippy::print_stdout, reason = "in place of the harness")]

#[path = "train/data.rs"]
mod data;

use data::{Case, Known, Set, procedures};
use lacuna_losses::{LOSSES, LabelNeeds, LossRow, Takes};
use lacuna_train::{Head, LastBatch, MlpSpec, Run, Training};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

/// Allocations of each step of the third epoch of a phase: by then every buffer has its size.
fn allocations(case: &Case, phase: usize) -> Vec<usize> {
    let mut run = Run::new(case.set.data(), &case.training, &case.evaluation(), case.choice(), 0).unwrap();
    let before: usize = case.training.phases().unwrap()[..phase].iter().map(|phase| phase.epochs).sum();
    for _ in 0..before + 2 {
        run.epoch().unwrap();
    }
    run.begin_epoch().unwrap();
    let mut of_step = |step| {
        let region = Region::new(ALLOCATOR);
        run.step(step).unwrap();
        let change = region.change();
        change.allocations + change.reallocations
    };
    let steps = case.set.rows.len().div_ceil(case.training.batch);
    // The counts themselves go into memory that is there.
    let mut counts = Vec::with_capacity(steps);
    counts.extend((0..steps).map(&mut of_step));
    counts
}

/// In the portable build matrixmultiply, which serves it, allocates once for each product: `products` of a step, where
/// they are known.
fn assert_steady(case: &Case, phase: usize, products: Option<usize>) {
    let counts = allocations(case, phase);
    let what = format!("{} {}, {}, phase {}", case.name, case.loss, case.training.head, phase + 1);
    match products {
        _ if cfg!(target_feature = "fma") => {
            assert!(counts.iter().all(|count| *count == 0), "{what}: {counts:?}")
        }
        Some(products) => assert!(counts.iter().all(|count| *count == products), "{what}: {counts:?}"),
        None => assert!(counts.iter().all(|count| *count == counts[0]), "{what}: {counts:?}"),
    }
}

fn a_steady_step_allocates_nothing() {
    for case in procedures() {
        for phase in 0..case.training.phases().unwrap().len() {
            assert_steady(&case, phase, None);
        }
    }
    for row in LOSSES {
        let heads = match row.takes {
            Takes::Branches => vec![(Head::Cosine, None)],
            // Two products a layer, one without a gradient for the features.
            takes => {
                let passes = if matches!(takes, Takes::MixedRows | Takes::Background) { 2 } else { 1 };
                vec![
                    (Head::Linear, Some(2 * passes)),
                    (Head::Mlp(MlpSpec::plain(vec![64])), Some(5 * passes)),
                ]
            }
        };
        for (head, products) in heads {
            assert_steady(&of_loss(row, head), 0, products);
        }
    }
}

/// A loss over the labels that it needs, the last batch of an epoch smaller than the others.
fn of_loss(row: &'static LossRow, head: Head) -> Case {
    let known = match row.needs {
        LabelNeeds::SinglePositive => Known::Positive,
        _ => Known::All,
    };
    let training =
        Training { head, batch: 10, epochs: 4, last_batch: LastBatch::Keep, ..Training::default() };
    Case { name: "auto".to_string(), set: Set::new(known), training, loss: row.info.name }
}

fn main() {
    // What is asked for is a list, or the tests that are left out of an ordinary run: there are none.
    if std::env::args().any(|argument| argument == "--list" || argument == "--ignored") {
        return;
    }
    a_steady_step_allocates_nothing();
    println!("test a_steady_step_allocates_nothing ... ok");
}

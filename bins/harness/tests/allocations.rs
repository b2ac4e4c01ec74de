//! A steady training step allocates nothing, whatever the loss.
//!
//! One test in a binary of its own, since the counter sees the whole process.

use lacuna_harness::{Head, ProtocolSpec, RunSettings, SplitDataset, Trainer};
use lacuna_losses::{Context, LOSSES, LossRow, Options, Takes};
use lacuna_source::DataSource;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

#[test]
fn a_steady_step_allocates_nothing() {
    let trained = |row: &&LossRow| matches!(row.takes, Takes::Logits | Takes::Estimates);
    let rows: Vec<&'static LossRow> = LOSSES.iter().filter(trained).collect();
    let source = DataSource::embedded("voc-like");
    let data = SplitDataset::load(&source, &ProtocolSpec::default(), &rows).unwrap();
    let context =
        Context { classes: Some(data.classes()), expected_positives: Some(data.expected_positives) };
    for head in [Head::Linear, Head::Mlp(vec![64])] {
        // Two products a layer, one without a gradient for the features; matrixmultiply, which serves the
        // portable build, allocates once for each.
        let products = if head == Head::Linear { 2 } else { 5 };
        let per_step = if cfg!(target_feature = "fma") { 0 } else { products };
        for row in &rows {
            let options = Options { context, ..Options::default() };
            let labels = data.observed(row.needs).select(&data.split.train);
            // Losses over classes that exclude each other refuse rows with several positives.
            let statistics = row.statistics_of(labels.cells(), data.classes()).unwrap();
            let loss = match &statistics {
                Some(statistics) => row.build_for(&options, statistics).unwrap(),
                None => row.build(&options).unwrap(),
            };
            let settings = RunSettings { head: head.clone(), epochs: 1, batch: 16, lr: 1e-3, seed: 0 };
            let mut trainer = Trainer::new(&data, data.observed(row.needs), loss, settings);
            trainer.begin_epoch(0);
            (0..20).for_each(|batch| {
                trainer.step(0, batch).unwrap();
            });
            let region = Region::new(ALLOCATOR);
            const STEPS: usize = 200;
            for batch in 20..20 + STEPS {
                trainer.step(0, batch).unwrap();
            }
            let change = region.change();
            let count = change.allocations + change.reallocations;
            assert_eq!(count, per_step * STEPS, "{}, {head:?}", row.info.name);
        }
    }
}

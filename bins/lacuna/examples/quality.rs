//! Quality of the default training and of the audit on sets whose true labels are known: labels are hidden, a head is trained
//! on what is left, and both are judged by the truth. Means over masks 1200 to 1202, and over three draws of the folds.
//!
//! ```sh
//! cargo run --release -p lacuna --example quality -- ../shared/data/ucmerced ../shared/data/scene
//! ```
#![allow(clippy::print_stdout, reason = "a program")]

use lacuna::{AuditOptions, Features, Fit, ObservedLabels};
use lacuna_formats::{Limits, Table};
use lacuna_labels::TrueLabels;
use lacuna_metrics::{MapConvention, mean_average_precision};
use lacuna_protocols::{Setting, Subject, protocol};
use lacuna_source::DataSource;
use std::path::Path;
use std::time::Instant;

type AnyError = Box<dyn std::error::Error>;

const MASKS: [u64; 3] = [1200, 1201, 1202];
const FOLD_SEEDS: [u64; 3] = [0, 1, 2];

fn part(table: Table) -> Result<(Features, TrueLabels), AnyError> {
    let (path, limits) = (table.path.clone(), Limits::default());
    let features = table.features.ok_or("no features")?.into_dense(&path, &limits)?;
    let labels = table.labels.ok_or("no labels")?.to_observed(&path, &limits)?;
    Ok((features, labels.assume_negative()))
}

/// Labels with one positive of each row, or with half of the positives hidden.
fn hidden(truth: &TrueLabels, mask: &str, seed: u64) -> Result<ObservedLabels, AnyError> {
    let row =
        protocol(if mask == "single" { "single-positive" } else { "cell-drop" }).ok_or("no such protocol")?;
    let value = |setting: &Setting| if setting.name == "rate" { 0.5 } else { setting.default };
    let values: Vec<f64> = row.settings.iter().map(value).collect();
    Ok(row.apply(Subject { truth, features: None }, seed, &values)?.observed)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn main() -> Result<(), AnyError> {
    for path in std::env::args().skip(1) {
        let data = DataSource::named(Path::new(&path))?.open()?;
        let (x, truth) = part(data.train)?;
        let (tx, test) = part(data.test.ok_or("the set has no test rows")?)?;
        println!("{path}: {} rows, {} features, {} classes", x.rows(), x.columns(), truth.classes());
        let map = |fit: &Fit, y: &ObservedLabels| -> Result<(f64, Vec<String>), AnyError> {
            let model = fit.fit(&x, y)?;
            let z = model.predict(&tx)?;
            let map = mean_average_precision(z.logits(), &test, MapConvention::SPML)?.percent();
            Ok((map, model.notes().to_vec()))
        };
        let start = Instant::now();
        let (full, notes) = map(&Fit::new("auto"), &ObservedLabels::from(truth.clone()))?;
        println!(
            "  full: test mAP {full:.2} in {:.1} s; {}",
            start.elapsed().as_secs_f64(),
            notes.join("; ")
        );
        for mask in ["single", "half"] {
            let (mut maps, mut precisions, mut seconds) =
                (vec![], [vec![], vec![], vec![]], [vec![], vec![]]);
            for seed in MASKS {
                let y = hidden(&truth, mask, seed)?;
                let start = Instant::now();
                let (value, notes) = map(&Fit::new("auto"), &y)?;
                maps.push(value);
                seconds[0].push(start.elapsed().as_secs_f64());
                println!("  {mask} {seed}: test mAP {value:.2}; {}", notes[2..].join("; "));
                for seed in FOLD_SEEDS {
                    let start = Instant::now();
                    let audit = AuditOptions { seed, ..AuditOptions::default() }.run(&x, &y)?;
                    seconds[1].push(start.elapsed().as_secs_f64());
                    let is_hidden: Vec<bool> =
                        audit.iter().map(|c| truth.row(c.row_index)[c.class_index].is_positive()).collect();
                    let n = is_hidden.iter().filter(|hidden| **hidden).count();
                    for (part, of) in precisions.iter_mut().zip([n / 4, n / 2, n]) {
                        let right = is_hidden[..of].iter().filter(|hidden| **hidden).count();
                        part.push(100.0 * right as f64 / of.max(1) as f64);
                    }
                }
            }
            let [quarter, half, all] = precisions.map(|values| mean(&values));
            println!(
                "  {mask}: test mAP {:.2} in {:.1} s; audit at N/4, N/2, N: {quarter:.1} {half:.1} {all:.1} % in {:.1} s",
                mean(&maps),
                mean(&seconds[0]),
                mean(&seconds[1])
            );
        }
    }
    Ok(())
}

//! Quality of the default training and of the audit on sets whose true labels are known: labels are hidden or wrong ones added, a
//! head is trained on what is left, and both are judged by the truth. Means over masks 1200 to 1202, and over three draws of the
//! folds.
//!
//! ```sh
//! cargo run --release -p lacuna --example quality -- ../shared/data/ucmerced ../shared/data/scene
//! cargo run --release -p lacuna --example quality -- --corrected ../shared/data/ucmerced ../shared/data/scene
//! cargo run --release -p lacuna --example quality -- --files OUT single 1200 ../shared/data/ucmerced
//! ```
//!
//! The second trains again on labels that answers corrected. The third writes one audit as .npy files, which
//! `benches/peers/audit.py` reads.
#![allow(clippy::print_stdout, reason = "a program")]

mod corrected;
mod files;
mod sets;

use lacuna::{AuditOptions, Fit, Model, ObservedLabels};
use lacuna_metrics::{MapConvention, mean_average_precision};
use lacuna_source::DataSource;
use sets::{Kind, Rows};
use std::path::Path;
use std::time::Instant;

type AnyError = Box<dyn std::error::Error>;

const MASKS: [u64; 3] = [1200, 1201, 1202];
const FOLD_SEEDS: [u64; 3] = [0, 1, 2];

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn main() -> Result<(), AnyError> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let refs: Vec<&str> = args.iter().map(String::as_str).collect();
    if let ["--files", out, kind, mask, folder] = refs[..] {
        let (_, kind) = Kind::ALL.into_iter().find(|(name, _)| *name == kind).ok_or("no such kind")?;
        let rows = Rows::of(DataSource::named(Path::new(folder))?.open()?.train)?;
        let seconds = files::write(&rows, kind, mask.parse()?, Path::new(out))?;
        println!("{{\"seconds\": {seconds:.3}}}");
        return Ok(());
    }
    if let ["--corrected", folders @ ..] = &refs[..] {
        corrected::HEADER.iter().for_each(|line| println!("{line}"));
        return folders.iter().try_for_each(|folder| corrected::judge(folder));
    }
    refs.into_iter().try_for_each(judge)
}

/// Test mAP of a head.
fn test_map(model: &Model, test: &Rows, convention: MapConvention) -> Result<f64, AnyError> {
    let z = model.predict(&test.features)?;
    Ok(mean_average_precision(z.logits(), &test.truth, convention)?.percent())
}

/// Prints the figures of a set.
fn judge(folder: &str) -> Result<(), AnyError> {
    let data = DataSource::named(Path::new(folder))?.open()?;
    let (train, test) = (Rows::of(data.train)?, Rows::of(data.test.ok_or("the set has no test rows")?)?);
    let (count, features) = (train.features.rows(), train.features.columns());
    println!("{folder}: {count} rows, {features} features, {} classes", train.truth.classes());
    let map = |y: &ObservedLabels| -> Result<(f64, Vec<String>), AnyError> {
        let model = Fit::new("auto").fit(&train.features, y)?;
        Ok((test_map(&model, &test, MapConvention::SPML)?, model.notes().to_vec()))
    };
    let start = Instant::now();
    let (full, notes) = map(&ObservedLabels::from(train.truth.clone()))?;
    println!("  full: test mAP {full:.2} in {:.1} s; {}", start.elapsed().as_secs_f64(), notes.join("; "));
    for (name, kind) in Kind::ALL {
        let (mut maps, mut precisions, mut seconds) = (vec![], [vec![], vec![], vec![]], [vec![], vec![]]);
        for mask in MASKS {
            let (rows, given) = kind.give(&train, mask)?;
            if !kind.adds() {
                let start = Instant::now();
                let (value, notes) = map(&given)?;
                maps.push(value);
                seconds[0].push(start.elapsed().as_secs_f64());
                println!("  {name} {mask}: test mAP {value:.2}; {}", notes[2..].join("; "));
            }
            for seed in FOLD_SEEDS {
                let start = Instant::now();
                let audit = AuditOptions { seed, ..AuditOptions::default() }.run(&rows.features, &given)?;
                seconds[1].push(start.elapsed().as_secs_f64());
                let listed = if kind.adds() { audit.wrong(usize::MAX) } else { audit.top(usize::MAX) };
                let differs: Vec<bool> = listed
                    .iter()
                    .map(|c| rows.truth.get(c.row_index, c.class_index).is_positive() != kind.adds())
                    .collect();
                let n = differs.iter().filter(|differs| **differs).count();
                for (part, of) in precisions.iter_mut().zip([n / 4, n / 2, n]) {
                    let right = differs[..of].iter().filter(|differs| **differs).count();
                    part.push(100.0 * right as f64 / of.max(1) as f64);
                }
            }
        }
        let [quarter, half, all] = precisions.map(|values| mean(&values));
        if !kind.adds() {
            println!("  {name}: test mAP {:.2} in {:.1} s", mean(&maps), mean(&seconds[0]));
        }
        println!(
            "  {name}: audit at N/4, N/2, N: {quarter:.1} {half:.1} {all:.1} % in {:.1} s",
            mean(&seconds[1])
        );
    }
    Ok(())
}

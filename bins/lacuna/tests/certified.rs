//! Certified lists on rankings of real sets whose true labels are known: the answers are the truth.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the campaign prints its figures")]

use lacuna::certified::{Answer, Basis, Session, Settings};
use lacuna::{AuditOptions, Fit};
use lacuna_labels::TrueLabels;
use lacuna_protocols::{Subject, protocol};
use lacuna_source::DataSource;
use std::path::PathBuf;

fn folder() -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    let root = std::env::var_os("LACUNA_DATA").map_or_else(beside, PathBuf::from);
    if !root.is_dir() {
        eprintln!("skipped: there is no folder of data; set LACUNA_DATA");
    }
    root.is_dir().then_some(root)
}

/// `LACUNA_REPLAYS` replays (1,000) of 200 and of 100 answers for every set, mask and protocol: valid in at least 95 % less
/// three standard errors.
#[test]
#[ignore = "an hour"]
fn lists_of_real_sets_are_valid() {
    let Some(root) = folder() else { return };
    let count: u64 = std::env::var("LACUNA_REPLAYS").map_or(1_000, |text| text.parse().unwrap());
    for name in ["ucmerced", "movieposter", "scene", "openclipart"] {
        let table = DataSource::named(&root.join(name)).unwrap().open().unwrap().train;
        let limits = lacuna_formats::Limits::default();
        let labels = table.labels.as_ref().unwrap().to_observed(&table.path, &limits).unwrap();
        let truth = TrueLabels::try_from(labels.matrix().clone()).unwrap();
        let features = table.features.unwrap().into_dense(&table.path, &limits).unwrap();
        for (kind, by, values) in
            [("single", "single-positive", &[1.0, 0.0][..]), ("half", "cell-drop", &[0.5])]
        {
            for mask in 1200..=1202 {
                let subject = Subject { truth: &truth, features: None };
                let observed = protocol(by).unwrap().apply(subject, mask, values).unwrap().observed;
                let options = AuditOptions { fit: Fit::new("auto"), folds: 5, seed: 0 };
                let audit = options.run(&features, &observed).unwrap();
                let right: Vec<bool> = audit
                    .iter()
                    .map(|cell| truth.get(cell.row_index, cell.class_index).is_positive())
                    .collect();
                for answers in [200, 100] {
                    replays(&format!("{name} {kind} {mask}, {answers} answers"), &right, answers, count);
                }
            }
        }
    }
}

fn replays(name: &str, right: &[bool], answers: usize, count: u64) {
    let hidden = right.iter().filter(|right| **right).count();
    let cuts = [hidden / 4, hidden / 2, hidden];
    let precision = cuts.map(|cut| right[..cut].iter().filter(|right| **right).count() as f64 / cut as f64);
    let (mut valid, mut tested, mut found, mut off) = (0, 0, 0, [0.0; 3]);
    for seed in 0..count {
        let settings = Settings { seed, answers, ..Settings::default() };
        let mut session = Session::new(right.len(), settings).unwrap();
        while let Some(rank) = session.question() {
            session.answer(if right[rank] { Answer::Yes } else { Answer::No });
        }
        let certificate = session.certificate();
        let yes = certificate.list.iter().filter(|&&rank| right[rank]).count();
        let wrong = certificate.list.len() - yes;
        valid += u64::from(wrong as f64 <= 0.1 * certificate.list.len() as f64 + 1e-9);
        tested += u64::from(certificate.basis != Basis::Certain);
        found += yes;
        let estimates = session.estimates(&cuts);
        off.iter_mut()
            .zip(estimates.iter().zip(precision))
            .for_each(|(off, (e, p))| *off += (e.mean - p).abs());
    }
    let share = |number: u64| number as f64 / count as f64;
    println!(
        "{name}: hidden {hidden}, precision {precision:.3?}, valid {:.3}, tested {:.3}, found {:.3}, estimates off by {:.3?}",
        share(valid),
        share(tested),
        found as f64 / (count as usize * hidden) as f64,
        off.map(|off| off / count as f64)
    );
    let least = 0.95 - 3.0 * (0.05 * 0.95 / count as f64).sqrt();
    assert!(share(valid) >= least, "{name}: valid in {}", share(valid));
}

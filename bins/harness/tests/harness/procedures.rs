//! Whole procedures against an independent PyTorch program: a fast part of each block. `repro verify` runs all of it.

use crate::real_data;
use lacuna_harness::{Overrides, Plan, RunOptions, Spec};
use lacuna_source::DataSource;

/// Runs rows of a benchmark and holds them against the references of its specification.
fn verify(text: &str, data: DataSource, rows: &[&str]) {
    let spec = Spec::parse(text).unwrap();
    let losses = Some(rows.iter().map(ToString::to_string).collect());
    let plan = Plan::new(&spec, &Overrides { data: Some(data), losses, ..Overrides::default() }).unwrap();
    let report = plan.run(RunOptions::jobs(2), &|_| {}).unwrap();
    let mut compared = 0;
    for published in report.published.iter().filter(|p| rows.contains(&p.loss.as_str())) {
        let line = report.losses.iter().find(|line| line.loss == published.loss).unwrap();
        let ours = line.metrics.iter().find(|metric| metric.name == published.metric);
        let ours = ours.unwrap_or_else(|| panic!("{}: no {}", line.loss, published.metric));
        let (mean, tolerance) = (ours.mean.unwrap(), published.tolerance.unwrap());
        println!(
            "{:<12} {:<22} {:<18} ours {mean:.2} ± {:.2}, PyTorch {:.2}, tolerance {tolerance:.2}",
            spec.name,
            line.loss,
            published.metric,
            ours.std.unwrap(),
            published.value
        );
        assert!(
            (mean - published.value).abs() <= tolerance,
            "{} {}: {mean} against {} within {tolerance}",
            line.loss,
            published.metric,
            published.value
        );
        compared += 1;
    }
    assert!(compared >= rows.len(), "{}: {compared} references of {} rows", spec.name, rows.len());
}

macro_rules! spec {
    ($name:literal) => {
        include_str!(concat!("../../../repro/specs/", $name, ".toml"))
    };
}

#[test]
fn one_cycle_averages_and_selection() {
    let Some(folder) = real_data("ucmerced") else { return };
    let data = DataSource::named(&folder).unwrap();
    verify(spec!("hill-missing"), data, &["bce-complete", "asl", "hill", "splc"]);
}

#[test]
fn class_aware_sampling_and_the_head_with_batch_normalisation() {
    verify(spec!("db-longtail"), DataSource::embedded("voc-mlt-like"), &["erm", "rs", "db-focal"]);
}

#[test]
fn branches_and_their_parts() {
    let rows = ["bce", "mfm", "rlc+mfm", "full", "full-no-rlc"];
    verify(spec!("comic-plt"), DataSource::embedded("voc-mlt-like"), &rows);
}

#[test]
fn positive_unlabelled_losses_and_mixed_rows() {
    let Some(folder) = real_data("ucmerced") else { return };
    let data = DataSource::named(&folder).unwrap();
    let rows = ["bce-known-only@10", "pu-mlc-voc@10", "pu-mlc-voc+mixup@10", "pu-mlc-coco+mixup@30"];
    verify(spec!("pu-partial"), data, &rows);
}

#[test]
fn pseudo_labels_beside_labelled_rows() {
    let Some(folder) = real_data("ucmerced") else { return };
    let data = DataSource::named(&folder).unwrap();
    verify(spec!("cap-semi"), data, &["warm-up", "cap", "supervised-continued"]);
}

#[test]
fn labels_that_are_written_and_robust_losses() {
    let Some(folder) = real_data("ucmerced") else { return };
    let data = DataSource::named(&folder).unwrap();
    let rows = ["em.1@0.001", "em0.1+apl(beta 0.9)@0.001", "ll-r.2@0.001", "ll-cp.5@0.001"];
    verify(spec!("spml-relabel"), data.clone(), &rows);
    verify(spec!("gr-spml"), data, &["gr@0.001", "gr@0.0001"]);
}

#[test]
fn batch_normalisation_and_dropout_in_their_modes() {
    let Some(folder) = real_data("ucmerced") else { return };
    let data = DataSource::named(&folder).unwrap();
    verify(spec!("head-modes"), data, &["sgd-nesterov-cosine"]);
}

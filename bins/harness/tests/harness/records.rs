//! Records: what is stored repeats the run, and the numbers stay what they were.

use crate::{real_data, spec};
use lacuna_harness::{Overrides, Plan, RunOptions, RunRecord, Spec, results_digest};
use lacuna_source::DataSource;

fn quick(losses: &str) -> Overrides {
    Overrides {
        losses: Some(losses.split(',').map(String::from).collect()),
        epochs: Some(2),
        seeds: Some(2),
        batch: Some(64),
        ..Overrides::default()
    }
}

fn results(plan: &Plan) -> Vec<RunRecord> {
    plan.run(RunOptions::jobs(2), &|_| {}).unwrap().runs
}

#[test]
fn a_resolved_specification_repeats_the_run() {
    let params = vec![("splc".to_string(), "tau".to_string(), 0.7)];
    let plan = Plan::new(&spec(), &Overrides { params, ..quick("an,splc") }).unwrap();
    let text = plan.spec().to_toml().unwrap();
    assert!(text.contains("fingerprint = ") && text.contains("mask = \"drawn\""), "{text}");
    assert!(text.contains("tau = 0.7") && text.contains("ls_coef") == text.contains("an-ls"), "{text}");
    let stored = Spec::parse(&text).unwrap();
    let again = Plan::new(&stored, &Overrides::default()).unwrap();
    assert_eq!(again.spec(), plan.spec(), "resolving twice changes nothing");
    let (first, second) = (results(&plan), results(&again));
    assert_eq!(first.len(), 4);
    for (a, b) in first.iter().zip(&second) {
        assert_eq!((&a.id, &a.result), (&b.id, &b.result));
    }
    assert_eq!(first.iter().map(|run| run.id.clone()).collect::<Vec<_>>(), stored.run_ids().unwrap());
    let weights = |run: &RunRecord| run.result.finished().unwrap().weights.clone();
    assert_ne!(weights(&first[0]), weights(&first[1]), "two seeds end with two sets of weights");
}

#[test]
fn other_data_than_that_of_the_specification_is_refused() {
    let plan = Plan::new(&spec(), &quick("an")).unwrap();
    let mut stored = plan.spec().clone();
    let data = Some(DataSource::embedded("voc-mlt-like"));
    let error = Plan::new(&stored, &Overrides { data, ..Overrides::default() }).unwrap_err().to_string();
    assert!(error.contains("fingerprint") && error.contains("voc-mlt-like"), "{error}");
    stored.data.fingerprint = Some("0".repeat(64));
    let error = Plan::new(&stored, &Overrides::default()).unwrap_err().to_string();
    assert!(error.contains(&plan.data().fingerprint) && error.contains("not the same data"), "{error}");
}

#[test]
fn data_as_text_or_table_is_the_same() {
    let text = include_str!("../../../repro/specs/spml-linear.toml");
    let table = text
        .replace("data = \"openclipart\"\n\n", "")
        .replace("[protocol]", "[data]\nembedded = \"openclipart\"\n[protocol]");
    assert_eq!(Spec::parse(text).unwrap(), Spec::parse(&table).unwrap());
    let error = Spec::parse(&table.replace("embedded", "embeded")).unwrap_err().to_string();
    assert!(error.contains("embeded"), "{error}");
}

/// The digests stand for every metric, loss and weight of the runs, bit for bit. They hold for builds with AVX2 and FMA.
fn assert_digest(runs: &[RunRecord], expected: &str) {
    if cfg!(all(target_feature = "avx2", target_feature = "fma")) {
        assert_eq!(results_digest(runs), expected, "the results are not the stored ones");
    }
}

#[test]
fn results_on_the_embedded_set_are_the_stored_ones() {
    let plan = Plan::new(&spec(), &Overrides::default()).unwrap();
    assert_eq!(plan.data().fingerprint, "341d049e6074c1cca5ade4507a1e31e8efec9736ebd1bdc3899eec2be262918e");
    assert_digest(&results(&plan), "56be5bcc406e92179e0215498f3e8e9a59594d8f9e74e64d86ffe8c77b8b9dd9");
}

#[test]
fn results_on_real_features_are_the_stored_ones() {
    let Some(folder) = real_data("ucmerced") else { return };
    let overrides = Overrides { data: Some(DataSource::named(&folder).unwrap()), ..Overrides::default() };
    let plan = Plan::new(&spec(), &overrides).unwrap();
    assert_digest(&results(&plan), "c56e5e24cf827cba34cbacfc26dd6fd5fee16323c9da6329e17b3574899169cd");
}

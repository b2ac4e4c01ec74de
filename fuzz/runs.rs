//! Specifications, run folders, sweeps, records of studies.

use crate::{in_folder, put, two};
use lacuna_harness::{RunFolder, Spec, StudyRecord, SweepFolder, collect, status};
use std::time::Duration;

/// A specification, its rows, variants and points. Written and read again it is the same.
pub fn spec(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(spec) = Spec::parse(text) else { return };
    for loss in &spec.losses {
        let _ = spec.training_of(loss);
        let _ = spec.protocol_of(loss);
        let _ = spec.grid_of(loss);
    }
    let _ = spec.on("voc-like");
    spec.variant_names().for_each(|name| drop(spec.variant(name)));
    let _ = spec.columns();
    if let Some(sweep) = &spec.sweep
        && let Ok(points) = sweep.points()
    {
        points.iter().take(4).for_each(|point| drop(point.of(&spec)));
    }
    if spec.training.seeds < 8 {
        let _ = spec.run_ids();
    }
    let written = spec.to_toml().expect("what was read can be written");
    let again = Spec::parse(&written).expect("what was written can be read");
    // Text, because a number that is no number is not equal to itself.
    assert_eq!(again.to_toml().expect("it was written before"), written);
}

const SPEC: &str = include_str!("seeds/spec.toml");

/// Results of runs, then the label of their data.
pub fn run_folder(data: &[u8]) {
    in_folder(
        |folder| put(&folder.join("spec.toml"), SPEC.as_bytes()),
        |folder| {
            let (results, label) = two(data);
            put(&folder.join("results.jsonl"), results);
            put(&folder.join("data.json"), label);
            let Ok(folder) = RunFolder::read(folder) else { return };
            let _ = folder.rows();
            for run in folder.runs() {
                let text = serde_json::to_string(run).expect("what was read can be written");
                let again: lacuna_harness::RunRecord =
                    serde_json::from_str(&text).expect("what was written can be read");
                assert_eq!(serde_json::to_string(&again).expect("it was written before"), text);
            }
        },
    );
}

/// The record of a study. Written and read again it is the same.
pub fn study(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(record) = StudyRecord::parse(text) else { return };
    let written = record.to_lines();
    let again = StudyRecord::parse(&written).expect("what was written can be read");
    assert_eq!(again.to_lines(), written);
}

/// The plan of a sweep, then the record of the run `a`.
pub fn sweep(data: &[u8]) {
    in_folder(
        |folder| std::fs::create_dir(folder.join("results")).expect("a folder"),
        |folder| {
            let (plan, record) = two(data);
            put(&folder.join("plan.json"), plan);
            put(&folder.join("results/a.json"), record);
            let folder = SweepFolder::open(folder).expect("there is a plan");
            let Ok(plan) = folder.plan() else { return };
            let _ = folder.record("a");
            let _ = status(&folder, Duration::from_secs(600));
            if let Ok(collected) = collect(&folder) {
                let _ = collected.cells(&plan);
            }
        },
    );
}

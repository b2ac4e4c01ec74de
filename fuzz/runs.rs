//! Specifications, run folders, sweeps, records of studies.

use crate::{in_folder, put, two};
use lacuna_harness::{Progress, RunFolder, Spec, StudyRecord, SweepFolder, TensorBoard, collect, status};
use std::fs;
use std::path::Path;
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

/// The plan of a sweep, then the record of the run `a`, then its claim; without a record or a claim, there is no such file.
pub fn sweep(data: &[u8]) {
    in_folder(
        |folder| {
            ["results", "claims"].iter().for_each(|name| fs::create_dir(folder.join(name)).expect("a folder"))
        },
        |folder| {
            let (plan, rest) = two(data);
            let (record, claim) = two(rest);
            put(&folder.join("plan.json"), plan);
            for (name, bytes) in [("results/a.json", record), ("claims/a.0", claim)] {
                let _ = fs::remove_file(folder.join(name));
                if !bytes.is_empty() {
                    put(&folder.join(name), bytes);
                }
            }
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

/// The event file of a run that goes on: the next epoch is written beside it, whatever it has.
pub fn events(data: &[u8]) {
    let run = |folder: &Path| folder.join("an-seed0");
    in_folder(
        |folder| fs::create_dir(run(folder)).expect("a folder"),
        |folder| {
            put(&run(folder).join("events.out.tfevents.1.host.1.a"), data);
            let events = TensorBoard::at(folder).expect("a folder");
            assert!(events.has("an", 0, None, "a"));
            let epoch = Progress::Epoch {
                id: "a".into(),
                loss: "an".into(),
                seed: 0,
                epoch: 2,
                epoch_of_phase: 2,
                rows: 1,
                scalars: vec![("train/loss".into(), 0.5)],
            };
            assert_eq!(events.write(None, &epoch), None);
            fs::read_dir(run(folder)).expect("a folder").for_each(|file| {
                fs::remove_file(file.expect("a file").path()).expect("a file");
            });
        },
    );
}

//! Run folders as readers find them.

use crate::spec;
use lacuna_harness::{HarnessError, Overrides, Plan, Progress, RunFolder, RunOptions, RunResult, Store};
use std::fs;
use std::path::Path;

/// Two losses with two seeds of one epoch, in a folder.
fn ran(folder: &Path) -> Plan {
    let overrides = Overrides {
        losses: Some(vec!["bce-full".to_string(), "an".to_string()]),
        epochs: Some(1),
        seeds: Some(2),
        batch: Some(64),
        ..Overrides::default()
    };
    let plan = Plan::new(&spec(), &overrides).unwrap();
    let store = Store::at(folder, plan.spec(), false, &[]).unwrap();
    store.write_data_label(&plan.data_label()).unwrap();
    let scores = store.scores();
    scores.keep_labels(plan.test_truth()).unwrap();
    let options = RunOptions { scores: Some(&scores), ..RunOptions::jobs(1) };
    let keep = |event| {
        if let Progress::Run(run) = event {
            store.append(&run).unwrap();
        }
    };
    plan.run(options, &keep).unwrap();
    store.close();
    plan
}

#[test]
fn a_folder_is_read_back_without_its_data() {
    let dir = tempfile::tempdir().unwrap();
    let plan = ran(dir.path());
    let folder = RunFolder::read(dir.path()).unwrap();
    assert_eq!(folder.spec(), plan.spec());
    assert_eq!(folder.data(), Some(&plan.data_label()));
    let rows = folder.rows();
    assert_eq!(rows.iter().map(|row| row.loss.as_str()).collect::<Vec<_>>(), ["bce-full", "an"]);
    assert_eq!(rows[1].best_epochs, [1, 1]);
    let runs: Vec<_> = folder.finished_of("an").collect();
    let mean = runs.iter().map(|(_, run)| run.test_map().unwrap()).sum::<f64>() / 2.0;
    assert!((rows[1].test_map_mean.unwrap() - mean).abs() < 1e-12);
    for (id, run) in runs {
        let logits = folder.scores().read(id, lacuna_harness::ChosenOn::Clean).unwrap().unwrap();
        assert_eq!(logits.len(), plan.data().tested.len() * run.test_ap.len());
    }
    // A process may be writing its last line.
    let results = dir.path().join("results.jsonl");
    let text = fs::read_to_string(&results).unwrap();
    fs::write(&results, &text[..text.len() - 5]).unwrap();
    let cut = RunFolder::read(dir.path()).unwrap();
    assert_eq!((cut.runs().len(), cut.notes().len()), (3, 1));
    assert_eq!(fs::read_to_string(&results).unwrap().len(), text.len() - 5, "a reader repairs nothing");
}

#[test]
fn what_cannot_be_read_is_refused_with_path_and_advice() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |path: &Path| RunFolder::read(path).unwrap_err();
    let missing = refused(&dir.path().join("missing"));
    assert!(matches!(&missing, HarnessError::NoResults { .. }), "{missing}");
    assert!(missing.to_string().contains("missing: there is no such folder"), "{missing}");
    assert!(refused(dir.path()).to_string().contains("expected a folder of `repro run`"));
    let folder = dir.path().join("run");
    ran(&folder);
    let results = folder.join("results.jsonl");
    let text = fs::read_to_string(&results).unwrap();
    fs::write(&results, text.replacen("\"seed\"", "\"sed\"", 1)).unwrap();
    let error = refused(&folder);
    assert!(matches!(&error, HarnessError::Record { line: 1, .. }), "{error}");
    assert!(error.to_string().contains("without the line its run is repeated"), "{error}");
    fs::write(&results, &text).unwrap();
    fs::write(folder.join("data.json"), "{").unwrap();
    assert!(refused(&folder).to_string().contains("data.json"));
    fs::remove_file(folder.join("data.json")).unwrap();
    assert_eq!(RunFolder::read(&folder).unwrap().data(), None);
    fs::write(&results, "").unwrap();
    assert!(refused(&folder).to_string().contains("no run has finished"));
}

#[test]
fn the_data_label_counts_what_is_hidden() {
    let dir = tempfile::tempdir().unwrap();
    let plan = ran(dir.path());
    let label = plan.data_label();
    let (full, one) = (&label.labels[0], &label.labels[1]);
    assert_eq!((full.rows[0].as_str(), full.hidden), ("bce-full", 0));
    assert_eq!(label.seen(), Some(one));
    let all: usize = label.classes.iter().map(|class| class.train).sum();
    let kept: usize = one.positives.iter().sum();
    assert_eq!((kept, kept + one.hidden), (label.train_rows, all), "one positive of each row is kept");
    assert_eq!(one.rows_by_positives, [(1, label.train_rows)].into());
    assert_eq!(label.rows_by_positives.values().sum::<usize>(), label.train_rows);
    assert!(label.protocol.contains("one positive kept of each training row"), "{}", label.protocol);
    let tested = plan.test_truth().positives_per_class();
    assert!(label.classes.iter().map(|class| class.test).eq(tested));
    let folder = RunFolder::read(dir.path()).unwrap();
    assert!(folder.runs().iter().all(|run| matches!(run.result, RunResult::Finished(_))));
}

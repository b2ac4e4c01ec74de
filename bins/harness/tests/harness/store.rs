//! The unit that is kept is one finished run.

use crate::spec;
use lacuna_harness::{HarnessError, Overrides, Plan, Progress, RunOptions, RunRecord, Store};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

fn plan(losses: &str) -> Plan {
    let overrides = Overrides {
        losses: Some(losses.split(',').map(String::from).collect()),
        epochs: Some(1),
        seeds: Some(2),
        batch: Some(64),
        ..Overrides::default()
    };
    Plan::new(&spec(), &overrides).unwrap()
}

fn read(folder: &Path) -> Vec<RunRecord> {
    let text = fs::read_to_string(folder.join("results.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Runs a plan into a store; returns the number of runs that were made.
fn run(plan: &Plan, store: &Store) -> usize {
    let made = Mutex::new(0);
    let options = RunOptions { kept: store.kept(), ..RunOptions::jobs(1) };
    let report = plan
        .run(options, &|event| {
            if let Progress::Run(run) = event {
                store.append(&run).unwrap();
                *made.lock().unwrap() += 1;
            }
        })
        .unwrap();
    assert_eq!(report.runs.len(), plan.runs());
    store.write_table(&report).unwrap();
    made.into_inner().unwrap()
}

#[test]
fn every_run_is_kept_when_it_ends_and_the_folder_is_left_tidy() {
    let root = tempfile::tempdir().unwrap();
    let plan = plan("an,splc");
    let store = Store::fresh(&root.path().join("runs"), "x", plan.spec()).unwrap();
    let folder = store.folder().to_path_buf();
    assert_eq!(folder, root.path().join("runs/x-001"));
    assert_eq!(run(&plan, &store), 4);
    store.close();
    let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["results.jsonl", "spec.toml", "table.md"]);
    let table = fs::read_to_string(folder.join("table.md")).unwrap();
    assert!(table.contains("| an | 1 / 0 / 19 |") && table.contains("AP sklearn"), "{table}");
    // The same runs are continued: nothing is left to do, and nothing is stored twice.
    let store = Store::at(&folder, plan.spec(), false, &[]).unwrap();
    assert_eq!((store.kept().len(), run(&plan, &store)), (4, 0));
    store.close();
    assert_eq!(read(&folder).len(), 4);
}

#[test]
fn a_folder_of_other_runs_is_refused_unless_they_are_discarded() {
    let root = tempfile::tempdir().unwrap();
    let (first, second) = (plan("an"), plan("splc"));
    let store = Store::at(root.path(), first.spec(), false, &[]).unwrap();
    run(&first, &store);
    store.close();
    let before = fs::read(root.path().join("results.jsonl")).unwrap();
    let error = Store::at(root.path(), second.spec(), false, &[]).unwrap_err();
    assert!(
        matches!(error, HarnessError::OtherRun { .. }) && error.to_string().contains("--force"),
        "{error}"
    );
    assert_eq!(fs::read(root.path().join("results.jsonl")).unwrap(), before);
    let store = Store::at(root.path(), second.spec(), true, &[]).unwrap();
    assert!(store.kept().is_empty());
    run(&second, &store);
    store.close();
    assert!(read(root.path()).iter().all(|run| run.result.loss() == "splc"));
    // Results that nothing explains, and files of somebody else.
    for name in ["results.jsonl", "table.md"] {
        let other = tempfile::tempdir().unwrap();
        fs::write(other.path().join(name), "mine").unwrap();
        assert!(Store::at(other.path(), first.spec(), false, &[]).is_err());
        assert_eq!(fs::read_to_string(other.path().join(name)).unwrap(), "mine");
        assert_eq!(fs::read_dir(other.path()).unwrap().count(), 1, "nothing is left behind");
    }
}

#[test]
fn a_line_that_was_cut_is_dropped_aloud_and_its_run_repeated() {
    let root = tempfile::tempdir().unwrap();
    let plan = plan("an,splc");
    let store = Store::at(root.path(), plan.spec(), false, &[]).unwrap();
    run(&plan, &store);
    store.close();
    let path = root.path().join("results.jsonl");
    let whole = read(root.path());
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 7]).unwrap();
    let store = Store::at(root.path(), plan.spec(), false, &[]).unwrap();
    assert_eq!(store.kept().len(), 3);
    assert!(store.notes()[0].contains("the last line is truncated"), "{:?}", store.notes());
    assert_eq!(run(&plan, &store), 1);
    store.close();
    let again = read(root.path());
    let result = |run: &RunRecord| (run.id.clone(), run.result.clone());
    assert_eq!(again.iter().map(result).collect::<Vec<_>>(), whole.iter().map(result).collect::<Vec<_>>());
    // A line in the middle that is no record is not passed over.
    fs::write(&path, b"{}\n").unwrap();
    let error = Store::at(root.path(), plan.spec(), false, &[]).unwrap_err().to_string();
    assert!(error.contains("results.jsonl: line 1: invalid record"), "{error}");
}

#[test]
fn a_second_process_is_told_who_writes() {
    let root = tempfile::tempdir().unwrap();
    let plan = plan("an");
    let folder = root.path().join("out");
    let store = Store::at(&folder, plan.spec(), false, &[]).unwrap();
    let error = Store::at(&folder, plan.spec(), false, &[]).unwrap_err().to_string();
    assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
    store.close();
    assert!(!folder.exists(), "a store without a finished run leaves nothing");
}

#[test]
fn runs_that_are_stopped_are_dropped_and_those_that_ended_are_kept() {
    let root = tempfile::tempdir().unwrap();
    let plan = plan("an,splc");
    let store = Store::at(&root.path().join("out"), plan.spec(), false, &[]).unwrap();
    let stop = AtomicBool::new(false);
    let options = RunOptions { stop: &stop, ..RunOptions::jobs(1) };
    let report = plan
        .run(options, &|event| {
            if let Progress::Run(run) = event {
                store.append(&run).unwrap();
                stop.store(true, Ordering::Relaxed);
            }
        })
        .unwrap();
    assert!(report.interrupted && report.runs.len() == 1);
    store.close();
    assert_eq!(read(&root.path().join("out")).len(), 1);
    let page = report.markdown();
    assert!(page.contains("interrupted: some runs are missing") && page.contains("| not run |"), "{page}");
}

#[test]
fn a_stop_before_the_first_run_leaves_nothing_and_one_in_a_run_leaves_its_state() {
    let root = tempfile::tempdir().unwrap();
    let quick = Overrides { losses: Some(vec!["an".to_string()]), epochs: Some(3), ..Overrides::default() };
    let plan = Plan::new(&spec(), &Overrides { seeds: Some(1), batch: Some(64), ..quick }).unwrap();
    let folder = root.path().join("runs/out");
    let stopped_at = |epochs: usize| {
        let store = Store::at(&folder, plan.spec(), false, &[]).unwrap();
        let stop = AtomicBool::new(epochs == 0);
        let states = store.checkpoints();
        let checkpoints = Some((states.as_path(), std::time::Duration::from_secs(3600)));
        let options = RunOptions { stop: &stop, checkpoints, ..RunOptions::jobs(1) };
        let report = plan.run(options, &|event| {
            if matches!(event, Progress::Epoch { epoch, .. } if epoch == epochs) {
                stop.store(true, Ordering::Relaxed);
            }
        });
        assert!(report.unwrap().interrupted);
        store.close();
    };
    stopped_at(0);
    assert!(!root.path().join("runs").exists(), "nothing had begun");
    for epochs in [1, 2] {
        stopped_at(epochs);
        let id = &plan.spec().run_ids().unwrap()[0];
        let state = folder.join(format!("checkpoints/{id}/state-{epochs:06}.safetensors"));
        assert!(state.exists(), "the run goes on where it stood, epoch {epochs}");
    }
}

#[test]
fn temporary_files_of_killed_processes_are_swept() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join(".lacuna-abc.tmp"), "half").unwrap();
    fs::write(root.path().join("notes.tmp"), "mine").unwrap();
    let store = Store::at(root.path(), plan("an").spec(), false, &[]).unwrap();
    assert!(store.notes()[0].contains("1 temporary files"), "{:?}", store.notes());
    assert!(!root.path().join(".lacuna-abc.tmp").exists() && root.path().join("notes.tmp").exists());
    store.close();
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_is_found_before_the_first_run() {
    for place in ["/proc/lacuna", "/proc"] {
        let error = Store::at(Path::new(place), plan("an").spec(), false, &[]).unwrap_err();
        assert!(matches!(error, HarnessError::Write { .. }), "{error}");
    }
}

#[test]
fn a_folder_of_some_of_the_runs_is_continued() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("x");
    let small = plan("an");
    let store = Store::at(&folder, small.spec(), false, &[]).unwrap();
    assert_eq!(run(&small, &store), 2);
    store.close();
    // A row more.
    let larger = plan("splc,an");
    let store = Store::at(&folder, larger.spec(), false, &[]).unwrap();
    assert_eq!((store.kept().len(), run(&larger, &store)), (2, 2));
    store.close();
    let spec = fs::read_to_string(folder.join("spec.toml")).unwrap();
    assert_eq!(lacuna_harness::Spec::parse(&spec).unwrap().losses.len(), 2);
    assert_eq!(read(&folder).len(), 4);
    // But not a row less: its runs would be forgotten.
    let error = Store::at(&folder, small.spec(), false, &[]).unwrap_err();
    assert!(matches!(error, HarnessError::OtherRun { .. }), "{error}");
}

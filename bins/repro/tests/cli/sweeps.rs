//! Sweeps: several processes, killed ones, tasks.
#![cfg(unix)]

use crate::kept::{SmallDisk, command, signal, wait_for};
use crate::killed::Random;
use crate::real_data::real_data;
use crate::{done, records, write_set};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Child;

/// A folder with data and a sweep of 2 rows x 4 points x 2 seeds, of which the runs of `an` do not depend on `hill.lambda`.
fn folder(epochs: usize) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("data")).unwrap();
    write_set(&dir.path().join("data"));
    fs::write(dir.path().join("sweep.toml"), spec("data", epochs, 2, SMALL)).unwrap();
    dir
}

const SMALL: &str = "training.lr = [1e-3, 1e-2]\nhill.lambda = [1.0, 1.5]\n";
/// Runs of the small sweep: 2 rates x 2 seeds of `an`, 4 points x 2 seeds of `hill`.
const RUNS: usize = 4 + 8;

fn spec(data: &str, epochs: usize, seeds: usize, keys: &str) -> String {
    format!(
        "name = \"rates\"\ntitle = \"t\"\nsource = \"s\"\ndata = {{ path = {data:?} }}\n[training]\nepochs = {epochs}\nbatch = \
         8\nlr = 1e-3\nseeds = {seeds}\nreduction = \"mean\"\n[[losses]]\nname = \"an\"\n[[losses]]\nname = \
         \"hill\"\n[sweep.keys]\n{keys}"
    )
}

const SWEEP: [&str; 4] = ["sweep", "sweep.toml", "--out", "out"];

fn sweep<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&SWEEP[..], more].concat()
}

/// Results by identity.
fn results(out: &Path) -> BTreeMap<String, serde_json::Value> {
    let results = records(out).into_iter().map(|record| {
        let id = record["id"].as_str().unwrap().to_string();
        (id, record["result"].clone())
    });
    let found: Vec<_> = results.collect();
    let map: BTreeMap<_, _> = found.iter().cloned().collect();
    assert_eq!(map.len(), found.len(), "a run is there twice");
    map
}

/// The results of an undisturbed process.
fn undisturbed(dir: &Path) -> BTreeMap<String, serde_json::Value> {
    done(dir, &["sweep", "sweep.toml", "--out", "undisturbed", "--jobs", "1"]);
    results(&dir.join("undisturbed"))
}

/// `N were there, M were run here`.
fn counts(said: &str) -> (usize, usize) {
    let line = said.lines().find(|line| line.contains("were run here")).unwrap_or_else(|| panic!("{said}"));
    let before = |what: &str| {
        let (before, _) = line.split_once(what).unwrap();
        before.rsplit([' ', ':']).next().unwrap().parse().unwrap()
    };
    (before(" were there"), before(" were run here"))
}

/// The files that a sweep leaves when nothing is running; folders that processes share are not removed under them.
fn no_traces(out: &Path) {
    let files = |folder: &Path| -> Vec<String> {
        let entries = fs::read_dir(folder).into_iter().flatten();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let mut names = files(out);
    for shared in ["claims", "checkpoints"] {
        assert_eq!(files(&out.join(shared)), [""; 0], "{shared}");
        names.retain(|name| name != shared);
    }
    assert_eq!(names, ["plan.json", "results", "results.jsonl", "sweep.toml", "table.md"]);
}

#[test]
fn two_processes_on_one_folder_lose_nothing_and_store_nothing_twice() {
    let dir = folder(30);
    let expected = undisturbed(dir.path());
    assert_eq!(expected.len(), RUNS);
    for _ in 0..3 {
        let start = || command(dir.path(), &sweep(&["--jobs", "1"])).spawn().unwrap();
        let both = [start(), start()];
        let mut ran = 0;
        for child in both {
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(output.status.success(), "{said}");
            ran += counts(&said).1;
        }
        // Each run was trained once: whoever had it, the other one waited.
        assert_eq!(ran, RUNS);
        let out = dir.path().join("out");
        assert_eq!(results(&out), expected);
        no_traces(&out);
        fs::remove_dir_all(out).unwrap();
    }
}

#[test]
fn tasks_share_the_runs_and_collect_joins_them() {
    let dir = folder(3);
    let expected = undisturbed(dir.path());
    let out = dir.path().join("out");
    let mut ran = 0;
    for task in ["2", "0"] {
        let (text, said) = done(dir.path(), &sweep(&["--task", task, "--tasks", "3"]));
        assert!(text.is_empty(), "a task prints no table: {text}");
        ran += counts(&said).1;
    }
    assert_eq!(ran, 2 * RUNS / 3);
    let partial = command(dir.path(), &["sweep", "collect", "out"]).output().unwrap();
    assert_eq!(partial.status.code(), Some(1));
    let said = String::from_utf8(partial.stderr).unwrap();
    assert!(said.contains(&format!("{} of {RUNS} runs have no record yet", RUNS / 3)), "{said}");
    let (text, _) = done(dir.path(), &["sweep", "status", "out"]);
    assert!(
        text.contains(&format!("{ran} finished, 0 failed, 0 running, 0 stalled, {} waiting", RUNS / 3)),
        "{text}"
    );
    done(dir.path(), &sweep(&["--task", "1", "--tasks", "3"]));
    let (text, _) = done(dir.path(), &["sweep", "collect", "out"]);
    assert_eq!(results(&out), expected);
    // The row whose runs do not depend on a key has one line for all its values.
    assert_eq!(
        text.lines().filter(|line| line.starts_with("| an ") && line.contains(" any |")).count(),
        2,
        "{text}"
    );
    assert_eq!(text.matches(" best |").count(), 2, "{text}");
    let (json, _) = done(dir.path(), &["sweep", "collect", "out", "--json"]);
    assert_eq!(json.lines().count(), 2 + 4);

    // Everything is there: nothing is run again, unless it is asked for, and then the results are the same.
    let (_, said) = done(dir.path(), &sweep(&[]));
    assert_eq!(counts(&said), (RUNS, 0));
    let (_, said) = done(dir.path(), &sweep(&["--fresh"]));
    assert_eq!(counts(&said), (0, RUNS));
    assert!(!said.contains("differs"), "{said}");
    assert_eq!(results(&out), expected);
    // A record of another result is replaced, and the difference reported.
    let (id, _) = expected.iter().next().unwrap();
    let path = out.join(format!("results/{id}.json"));
    let text = fs::read_to_string(&path).unwrap();
    let changed = text.replacen("\"best_epoch\":", "\"best_epoch\":7", 1);
    assert_ne!(text, changed);
    fs::write(&path, changed).unwrap();
    let (_, said) = done(dir.path(), &sweep(&["--fresh"]));
    assert_eq!(said.matches("the result differs").count(), 1, "{said}");
    assert_eq!(results(&out), expected);
}

#[test]
fn runs_of_a_sweep_are_those_of_repro_run() {
    let dir = folder(3);
    let expected = undisturbed(dir.path());
    let text = fs::read_to_string(dir.path().join("sweep.toml")).unwrap();
    let (without, _) = text.split_once("[sweep.keys]").unwrap();
    fs::write(dir.path().join("one.toml"), without).unwrap();
    let args = [
        "run",
        "--spec",
        "one.toml",
        "--set",
        "training.lr=1e-2",
        "--set",
        "hill.lambda=1.5",
        "--out",
        "one",
    ];
    done(dir.path(), &args);
    let one = results(&dir.path().join("one"));
    assert_eq!(one.len(), 4);
    for (id, result) in one {
        assert_eq!(expected.get(&id), Some(&result));
    }
}

#[test]
fn a_stopped_sweep_gives_its_runs_back_and_goes_on() {
    let dir = folder(40);
    let expected = undisturbed(dir.path());
    let out = dir.path().join("out");
    fs::write(dir.path().join("sweep.toml"), spec("data", 99_999, 2, SMALL)).unwrap();
    let mut child = command(dir.path(), &sweep(&["--jobs", "2", "--checkpoint-every", "0"])).spawn().unwrap();
    let has = |name: &str| fs::read_dir(out.join(name)).is_ok_and(|mut entries| entries.next().is_some());
    wait_for(&mut child, "no run has state", || has("checkpoints"));
    let (status, _) = done(dir.path(), &["sweep", "status", "out"]);
    assert!(
        status.contains(" running, 0 stalled") && status.contains(&format!("process {}", child.id())),
        "{status}"
    );
    signal(&child, "-TERM");
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(99), "{said}");
    assert!(said.contains("the same command continues"), "{said}");
    assert!(has("checkpoints") && !has("claims"));
    let (status, _) = done(dir.path(), &["sweep", "status", "out"]);
    assert!(status.contains(&format!(" 0 running, 0 stalled, {RUNS} waiting")), "{status}");
    // Other runs in the same folder are refused.
    fs::write(dir.path().join("sweep.toml"), spec("data", 40, 2, SMALL)).unwrap();
    let other = command(dir.path(), &sweep(&[])).output().unwrap();
    assert_eq!(other.status.code(), Some(2));
    let error = String::from_utf8(other.stderr).unwrap();
    assert!(error.contains("out: it has the runs of another sweep (4 points and 16 runs there,"), "{error}");
    assert!(error.contains("training.epochs is 99999 there and 40 here; name another --out"), "{error}");
    fs::remove_dir_all(&out).unwrap();
    done(dir.path(), &sweep(&[]));
    assert_eq!(results(&out), expected);
}

#[test]
fn what_is_no_sweep_is_refused() {
    let dir = folder(3);
    let refused = |args: &[&str], text: &str| {
        let output = command(dir.path(), args).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(text), "{error}");
        assert!(!dir.path().join("out").exists(), "something was left behind");
    };
    refused(&["run", "--spec", "sweep.toml", "--out", "out"], "`repro sweep` runs it");
    refused(&sweep(&["--task", "3", "--tasks", "3"]), "tasks are counted from 0, so the last one is 2");
    refused(&sweep(&["--task", "3"]), "--tasks");
    refused(&sweep(&["--stalled", "1"]), "from 6 to 1e9");
    refused(&["sweep", "status", "out"], "there is no such folder");
    let keys = |keys: &str| fs::write(dir.path().join("sweep.toml"), spec("data", 3, 2, keys)).unwrap();
    keys("training.lt = [1e-3]\n");
    refused(&SWEEP, "did you mean `lr`?");
    refused(&["config", "check", "sweep.toml"], "did you mean `lr`?");
    keys("training.lr = [1e-3, -1.0]\n");
    refused(&SWEEP, "sweep.toml: sweep, training.lr=-1.0: ");
    keys("an.foo = [1.0]\n");
    refused(&SWEEP, "an has no parameter `foo`; it has ");
    keys("hill.lambda = [1.0]\n");
    refused(&sweep(&["--set", "hill.lambda=2"]), "sets hill.lambda, which the sweep has values for");
}

#[test]
fn runs_that_are_there_get_a_note_about_heads_and_events() {
    let dir = folder(2);
    let out = dir.path().join("out");
    // The data may be named on the command line alone.
    let text = spec("data", 2, 2, SMALL).replace("data = { path = \"data\" }\n", "");
    fs::write(dir.path().join("sweep.toml"), text).unwrap();
    let without = command(dir.path(), &SWEEP).output().unwrap();
    let error = String::from_utf8(without.stderr).unwrap();
    assert!(error.contains("rates: it names no data: --data names it"), "{error}");
    let sweep = |more: &[&str]| done(dir.path(), &[&SWEEP[..], &["--data", "data"], more].concat()).1;
    sweep(&[]);
    let options = ["--save-models", "--tensorboard", "new/events"];
    let said = sweep(&options);
    for (option, what) in [("--save-models", "head"), ("--tensorboard", "events here")] {
        let note = format!(
            "note: {option}: {RUNS} of {RUNS} runs have a record and no {what}, and are skipped; --fresh"
        );
        assert!(said.contains(&note), "{said}");
    }
    assert!(!out.join("models").exists() && !dir.path().join("new").exists());
    let said = sweep(&[&options[..], &["--fresh"]].concat());
    assert!(!said.contains("have a record and no"), "{said}");
    assert_eq!(fs::read_dir(out.join("models")).unwrap().count(), RUNS);
    assert!(!sweep(&options).contains("have a record and no"));
}

#[test]
fn whoever_may_read_a_sweep_sees_how_far_it_is() {
    let dir = folder(2);
    let Some(disk) = SmallDisk::of(&dir.path().join("small"), "4m") else {
        println!("skipped: no file system could be mounted");
        return;
    };
    let out = disk.0.join("out");
    done(dir.path(), &["sweep", "sweep.toml", "--out", "small/out"]);
    // Somebody is at a run that has a record.
    let (id, _) = results(&out).pop_first().unwrap();
    fs::write(out.join(format!("claims/{id}.0")), "").unwrap();
    let remounted = std::process::Command::new("mount").args(["-o", "remount,ro"]).arg(&disk.0).status();
    assert!(remounted.unwrap().success());
    let (text, _) = done(dir.path(), &["sweep", "status", "small/out"]);
    let counts = format!(
        "{RUNS} finished, 0 failed, 0 running, 0 stalled, 0 waiting; 1 of those with a record running again\n"
    );
    assert!(text.contains(&counts) && text.contains("\nrunning again: "), "{text}");
    let collected = command(dir.path(), &["sweep", "collect", "small/out"]).output().unwrap();
    let error = String::from_utf8(collected.stderr).unwrap();
    assert_eq!(collected.status.code(), Some(2), "{error}");
    assert!(
        error.contains("small/out: collect writes results.jsonl and table.md into this folder"),
        "{error}"
    );
}

#[test]
fn a_record_that_cannot_be_read_says_what_to_do() {
    let dir = folder(2);
    let out = dir.path().join("out");
    done(dir.path(), &SWEEP);
    let (id, _) = results(&out).pop_first().unwrap();
    let path = out.join(format!("results/{id}.json"));
    fs::write(&path, "{").unwrap();
    for args in [&["sweep", "status", "out"][..], &["sweep", "collect", "out"], &SWEEP] {
        let output = command(dir.path(), args).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(
            error.contains(&id) && error.contains("remove the file: `repro sweep` trains its run again"),
            "{error}"
        );
    }
    fs::remove_file(&path).unwrap();
    let (_, said) = done(dir.path(), &SWEEP);
    assert_eq!(counts(&said), (RUNS - 1, 1));
}

#[test]
fn the_example_is_a_sweep() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/sweep.toml");
    let dir = tempfile::tempdir().unwrap();
    let (text, _) = done(dir.path(), &["config", "check", example.to_str().unwrap()]);
    assert!(text.contains("12 points"), "{text}");
}

/// 64 runs on real features, whose process is killed five times.
#[test]
fn a_sweep_that_is_killed_five_times_ends_with_the_results_of_an_undisturbed_one() {
    let Some(data) = real_data("ucmerced") else { return };
    let dir = tempfile::tempdir().unwrap();
    let keys = "training.lr = [1e-4, 3e-4, 1e-3, 3e-3]\ntraining.batch = [8, 16, 32, 64]\n";
    let text = spec(data.to_str().unwrap(), 4, 2, keys);
    fs::write(dir.path().join("sweep.toml"), text).unwrap();
    let expected = undisturbed(dir.path());
    assert_eq!(expected.len(), 64);

    let out = dir.path().join("out");
    let ended = || fs::read_dir(out.join("results")).map_or(0, |entries| entries.count());
    let mut random = Random(20_261_127);
    let mut kills = 0;
    let mut left_behind = 0;
    for round in 0..5 {
        // Two processes for the second half, of which one is killed.
        let start =
            || command(dir.path(), &sweep(&["--jobs", "1", "--checkpoint-every", "0"])).spawn().unwrap();
        let mut child = start();
        let mut other: Option<Child> = (round >= 3).then(start);
        // So many further runs, then a moment within one.
        let until = ended() + random.below(8) as usize;
        wait_for(&mut child, "the sweep did not get on", || ended() >= until);
        let moment = std::time::Duration::from_micros(random.below(100_000));
        std::thread::sleep(moment);
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        if let Some(other) = &mut other {
            other.kill().unwrap();
            other.wait().unwrap();
        }
        left_behind += fs::read_dir(out.join("claims")).map_or(0, |entries| entries.count());
    }
    let (_, said) = done(dir.path(), &sweep(&[]));
    println!(
        "{kills} kills, {left_behind} files of claims were left behind; {}",
        said.lines().last().unwrap()
    );
    assert!(left_behind > 0 && said.contains("taken over"), "no kill came while a run was claimed: {said}");
    assert_eq!(results(&out), expected);
    no_traces(&out);
}

/// A process that sleeps for longer than --stalled loses its run, and notices when it wakes. Takes about fifteen seconds.
#[test]
#[ignore = "slow: waits until a process counts as stalled"]
fn a_process_that_slept_too_long_leaves_its_run_to_the_one_that_took_it_over() {
    let dir = folder(1);
    let keys = "hill.lambda = [1.0, 1.5]\n";
    let text = spec("data", 30_000, 1, keys)
        .replace("[[losses]]\nname = \"hill\"", "[[losses]]\nname = \"hill\"\nrow = \"h\"");
    fs::write(dir.path().join("sweep.toml"), text.replace("hill.lambda", "h.lambda")).unwrap();
    let expected = undisturbed(dir.path());
    let out = dir.path().join("out");
    let args = sweep(&["--jobs", "1", "--stalled", "6"]);
    let every_epoch = sweep(&["--jobs", "1", "--checkpoint-every", "0"]);
    let mut sleeper = command(dir.path(), &every_epoch).spawn().unwrap();
    let has_state = || fs::read_dir(out.join("checkpoints")).is_ok_and(|mut runs| runs.next().is_some());
    wait_for(&mut sleeper, "no run has state", has_state);
    signal(&sleeper, "-STOP");
    let mut other = command(dir.path(), &args).spawn().unwrap();
    let taken_over = || {
        let claims = fs::read_dir(out.join("claims")).into_iter().flatten().flatten();
        claims.into_iter().any(|claim| claim.file_name().to_string_lossy().ends_with(".1"))
    };
    wait_for(&mut other, "the run was not taken over", taken_over);
    signal(&sleeper, "-CONT");
    let said = |child: Child| {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        said
    };
    let (other, sleeper) = (said(other), said(sleeper));
    assert!(other.contains("1 of them taken over"), "{other}");
    assert!(sleeper.contains("was taken over by another process, and is stopped here"), "{sleeper}");
    assert_eq!(results(&out), expected);
    no_traces(&out);
}

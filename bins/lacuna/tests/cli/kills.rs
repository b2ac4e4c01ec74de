//! Every writer, killed at any moment: the old files or the new ones are there, each as a whole, and the same command makes the rest.
#![cfg(unix)]

use crate::killed::{Kills, life, loops, temporary};
use crate::refused_calls::{CALLS, Case, Files, MOST, can_be_refused};
use crate::{XY, data, lacuna, with};
use std::path::Path;

/// A command that writes.
struct Writer {
    args: Vec<&'static str>,
    outputs: &'static [&'static str],
    /// Arguments of a command that makes the files that are there before; without them there are none.
    old: Option<Vec<&'static str>>,
    input: &'static str,
}

const AUDIT: [&str; 7] = ["audit", "--features", "x.npy", "--labels", "tags.csv", "--names", "names.txt"];
const ANSWERS: &str = "y\nn\ny\ny\nn\ny\ny\ny\nn\ny\ny\nn\ny\ny\nn\ny\ny\ny\nn\ny\n";

fn writers() -> Vec<Writer> {
    let args = |parts: &[&[&'static str]]| parts.concat();
    let train = |more: &[&'static str]| with("train", &[&["--complete", "--val", "0.25"], more].concat());
    let predict = |more: &[&'static str]| args(&[&["predict", "--model", "m", "--features", "x.npy"], more]);
    let convert =
        |more: &[&'static str]| args(&[&["convert"], &XY, &["--names", "names.txt", "--match=row"], more]);
    let mask = |more: &[&'static str]| args(&[&["mask"], &XY, &["--protocol", "single-positive"], more]);
    let make = |more: &[&'static str]| {
        args(&[&["make", "voc-like", "--train-rows", "100", "--test-rows", "100"], more])
    };
    let audit = |more: &[&'static str]| args(&[&AUDIT, &["--unlisted", "unknown"], more]);
    let chosen = |command: &'static str| with(command, &["--model", "t", "--complete", "--force"]);
    let head = || Some(train(&["--out", "t", "--force"]));
    let new = |args: Vec<&'static str>, outputs| Writer { args, outputs, old: None, input: "" };
    let over = |args: Vec<&'static str>, outputs, old| Writer { args, outputs, old: Some(old), input: "" };
    let arrays = &["p.npy", "p.rows.npy", "p.classes.npy", "p.predicted.npy"];
    vec![
        new(train(&["--out", "h"]), &["h"]),
        over(train(&["--out", "h", "--force"]), &["h"], train(&["--out", "h", "--force", "--seed", "5"])),
        new(predict(&["--out", "p.csv"]), &["p.csv"]),
        over(
            predict(&["--out", "p.jsonl", "--force"]),
            &["p.jsonl"],
            predict(&["--out", "p.jsonl", "--force", "--top", "1"]),
        ),
        over(
            predict(&["--out", "p.npy", "--force"]),
            arrays,
            predict(&["--out", "p.npy", "--force", "--logits"]),
        ),
        new(convert(&["--out", "all.npz"]), &["all.npz"]),
        over(
            convert(&["--out", "all.safetensors", "--force"]),
            &["all.safetensors"],
            vec!["convert", "--features", "x.npy", "--out", "all.safetensors", "--force"],
        ),
        new(mask(&["--out", "mask.csv"]), &["mask.csv"]),
        over(
            mask(&["--out", "mask.npy", "--force"]),
            &["mask.npy"],
            mask(&["--out", "mask.npy", "--force", "--seed", "9"]),
        ),
        new(make(&["--out", "made"]), &["made"]),
        over(
            make(&["--out", "made", "--force"]),
            &["made"],
            make(&["--out", "made", "--force", "--seed", "9"]),
        ),
        over(
            vec!["convert", "spml", "--out", "set/", "--force"],
            &["set"],
            vec!["convert", "voc", "--out", "set/", "--force"],
        ),
        over(
            vec!["export", "--model", "m", "--onnx", "m.onnx", "--force"],
            &["m.onnx"],
            vec!["export", "--model", "h5", "--onnx", "m.onnx", "--force"],
        ),
        Writer { old: head(), ..new(chosen("thresholds"), &["t"]) },
        Writer { old: head(), ..new(chosen("calibrate"), &["t"]) },
        new(audit(&["--out", "list.html"]), &["list.html"]),
        over(
            audit(&["--out", "list.csv", "--force"]),
            &["list.csv"],
            audit(&["--out", "list.csv", "--force", "--top", "3"]),
        ),
        new(audit(&["--top", "9", "--apply", "new"]), &["new"]),
        over(
            audit(&["--top", "9", "--apply", "new", "--force"]),
            &["new"],
            audit(&["--top", "5", "--apply", "new", "--force"]),
        ),
        new(audit(&["--top", "9", "--retrain", "better"]), &["better"]),
        Writer {
            input: ANSWERS,
            ..new(
                audit(&[
                    "--ask",
                    "20",
                    "--stdin",
                    "--answers",
                    "a.jsonl",
                    "--out",
                    "list.json",
                    "--apply",
                    "new",
                ]),
                &["a.jsonl", "list.json", "new"],
            )
        },
    ]
}

/// A folder with data, and heads of two seeds.
fn folder() -> tempfile::TempDir {
    let folder = data();
    let path = folder.path();
    assert_eq!(lacuna(path, &with("train", &["--complete", "--out", "m"])).0, 0);
    assert_eq!(
        lacuna(path, &with("train", &["--complete", "--out", "h5", "--seed", "5", "--val", "0.3"])).0,
        0
    );
    // Folders that are written as others are renamed.
    for (set, seed) in [("spml", "1"), ("voc", "2")] {
        let make =
            ["make", "voc-like", "--train-rows", "100", "--test-rows", "100", "--seed", seed, "--out", set];
        assert_eq!(lacuna(path, &make).0, 0);
    }
    folder
}

/// A writer with what was there before, what an undisturbed one leaves, and a case of it.
struct Prepared<'a> {
    case: Case<'a>,
    old: Files,
    new: Files,
    /// What it leaves where the new files are there already.
    twice: Files,
}

fn prepared<'a>(program: &'a Path, folder: &'a Path, writer: &'a Writer) -> Prepared<'a> {
    let Writer { args, outputs, old, input } = writer;
    let case = Case { program, folder, args, outputs, input };
    case.put(&Files::new());
    let old = old.as_ref().map_or_else(Files::new, |args| {
        let (code, _, error) = lacuna(folder, args);
        assert_eq!(code, 0, "{args:?}: {error}");
        case.files()
    });
    let new = case.undisturbed(&old);
    assert_ne!(old, new, "{args:?}");
    // It reads what it replaces: given again it calibrates what is calibrated.
    let twice = if args[0] == "calibrate" { case.undisturbed(&new) } else { new.clone() };
    Prepared { case, old, new, twice }
}

impl Prepared<'_> {
    /// Asserts what a killed process may leave, and lets the same command make the rest.
    fn assert_goes_on(&self, left: &Files, how: &str) {
        let Self { case, old, new, twice } = self;
        let args = case.args;
        let stopped_halfway = has_record(left);
        let left = named(left.clone());
        for (name, bytes) in &left {
            let appended = name.ends_with("a.jsonl") && new[name].starts_with(bytes);
            let whole = [old, new].iter().any(|files| files.get(name) == Some(bytes));
            assert!(whole || appended, "{args:?}: {how}: {name} is neither the old file nor the new one");
        }
        // Files that belong together: all old ones, all new ones, or visibly not all.
        let together = |files: &Files| -> Files {
            files
                .iter()
                .filter(|(name, _)| name.contains('/') || case.outputs.len() == 4)
                .map(|(n, b)| (n.clone(), b.clone()))
                .collect()
        };
        let [is, was, will] = [&left, old, new].map(together);
        if is != was && is != will {
            let last = ["head.json", "labels.npy", "p.npy", "formatted_train_labels.npy"];
            let shows = is.keys().all(|name| !last.contains(&name.rsplit('/').next().unwrap_or_default()));
            assert!(shows, "{args:?}: {how}: old files beside new ones: {:?}", is.keys());
            assert!(old.is_empty() || stopped_halfway, "{args:?}: {how}: nothing tells how it was");
        }
        let new = if !stopped_halfway && is == will { twice } else { new };
        // The answers that are stored already are not given again.
        let stored =
            left.get("a.jsonl").map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count());
        let rest: String =
            case.input.lines().skip(stored.saturating_sub(1)).map(|line| format!("{line}\n")).collect();
        let again = Case { input: &rest, ..*case };
        let (code, error) = again.ended();
        if code == Some(0) {
            assert_eq!(&again.files(), new, "{args:?}: {how}");
        } else {
            // Without --force what was written is not replaced.
            assert!(
                code == Some(2) && !args.contains(&"--force") && !left.is_empty(),
                "{args:?}: {how}: {error}"
            );
            assert!(left.keys().any(|name| error.contains(name)), "{args:?}: {how}: {error}");
            let forced = [args, &["--force"]].concat();
            let (code, error) = Case { args: &forced, ..again }.ended();
            assert_eq!(code, Some(0), "{forced:?}: {how}: {error}");
            assert_eq!(&case.files(), new, "{forced:?}: {how}");
        }
        assert_eq!(temporary(case.folder), [""; 0], "{args:?}: {how}");
    }
}

/// Whether there is a record of files that were being replaced.
fn has_record(files: &Files) -> bool {
    files.keys().any(|name| name.ends_with(".undo"))
}

/// Files without the temporary ones.
fn named(files: Files) -> Files {
    let temporary = |name: &str| name.rsplit('/').next().is_some_and(|name| name.starts_with(".lacuna-"));
    files.into_iter().filter(|(name, _)| !temporary(name)).collect()
}

/// The outputs after a kill at the n-th call of a kind, for every kind and n, with the calls.
fn killed_at_calls(Prepared { case, old, .. }: &Prepared<'_>) -> Vec<(String, Files)> {
    let mut all = Vec::new();
    let removing = ["unlink", "unlinkat"];
    for call in CALLS.iter().map(|(call, ..)| *call).chain(removing) {
        for n in 1..=MOST {
            case.put(old);
            let (code, _, calls) = case.injected(call, "signal=SIGKILL", n);
            // The program made fewer calls of this kind, and ended by itself.
            if code.is_some() {
                break;
            }
            all.push((calls.last().cloned().unwrap_or_default(), case.files()));
            assert!(n < MOST, "{call}: more than {MOST} calls");
        }
    }
    all
}

/// Kills writers in turn at moments of their whole life.
fn kill_writers(rounds: usize) {
    let folder = folder();
    let program = assert_cmd::cargo::cargo_bin("lacuna");
    let writers = writers();
    let prepared: Vec<Prepared<'_>> =
        writers.iter().map(|writer| prepared(&program, folder.path(), writer)).collect();
    let mut lives: Vec<_> = prepared.iter().map(|p| life(&p.case, &p.old)).collect();
    let mut kills = Kills::new(0x5eed);
    for round in 0..rounds {
        let at = round % prepared.len();
        let Prepared { case, old, .. } = &prepared[at];
        case.put(old);
        // One that was faster than the signal is started again from the old files.
        while !kills.kill(case, &mut lives[at]) {
            case.put(old);
        }
        prepared[at].assert_goes_on(&case.files(), &format!("round {round}"));
        kills.resumed += 1;
        case.put(old);
    }
    println!("{}", kills.said(&format!("{} writers of lacuna", prepared.len())));
    assert_eq!((kills.killed, kills.resumed), (rounds, rounds));
}

#[test]
fn killed_writers_leave_the_old_files_or_the_new_ones() {
    kill_writers(20);
}

#[test]
#[ignore = "takes minutes: the slow set"]
fn killed_writers_leave_the_old_files_or_the_new_ones_many_times() {
    kill_writers(loops(500));
}

/// New labels were left beside the names of rows of an older set, and held-out rows of one head beside another. A calibration that was killed
/// between two renames left a head without its document, and could not be given again.
#[test]
fn whatever_call_a_writer_is_killed_at_the_old_files_or_the_new_ones_are_there() {
    if !can_be_refused() {
        println!("skipped: strace is not there or may not trace");
        return;
    }
    let folder = folder();
    let program = assert_cmd::cargo::cargo_bin("lacuna");
    let mut counts = Vec::new();
    // Several files that belong together, over older ones; files that are alone are tested where their n-th operation fails.
    let several = |writer: &&Writer| {
        let [first, ..] = writer.outputs else { return false };
        ["h", "p.npy", "made", "set", "new", "t"].contains(first) && writer.old.is_some()
    };
    for writer in writers().iter().filter(several) {
        let prepared = prepared(&program, folder.path(), writer);
        let mut left = killed_at_calls(&prepared);
        let kills = left.len();
        assert!(kills >= 8, "{:?}: {kills}", writer.args);
        // Many calls leave the same files.
        left.sort_by(|a, b| a.1.cmp(&b.1));
        let kept = |files: &Files| (named(files.clone()), has_record(files));
        left.dedup_by(|a, b| kept(&a.1) == kept(&b.1));
        for (call, files) in &left {
            prepared.case.put(files);
            prepared.assert_goes_on(files, call);
            if let [head @ ("h" | "t")] = writer.outputs {
                prepared.case.put(files);
                let (code, _, error) =
                    lacuna(folder.path(), &["predict", "--model", head, "--features", "x.npy", "--top", "1"]);
                assert_eq!(code, 0, "{:?}: {call}: {error}", writer.args);
                let is = named(prepared.case.files());
                assert!(is == prepared.old || is == prepared.new, "{:?}: {call}", writer.args);
            }
        }
        prepared.case.put(&Files::new());
        counts.push((writer.outputs[0], kills, left.len()));
    }
    println!("killed at calls: {counts:?}");
}

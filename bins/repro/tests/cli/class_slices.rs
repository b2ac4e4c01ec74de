//! Tasks that train some of the classes each, and the head that they have trained together.
#![cfg(unix)]

use crate::kept::{command, signal, wait_for};
use crate::{done, records, write_set};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Rows with every reduction, with numbers of the classes (logit-adjust), and with the number of classes itself (wan).
const LOSSES: &str = "[[losses]]\nname = \"an\"\n[[losses]]\nname = \"wan\"\n[[losses]]\nname = \"logit-adjust\"\n[[losses]]\nname = \
                      \"bce\"\n[losses.training]\nreduction = \"mean_known\"\n[[losses]]\nname = \"hill\"\n[losses.training]\nreduction = \
                      \"sum\"\noptimizer = { name = \"sgd\", momentum = 0.9, weight_decay = 1e-3 }\nsampler = { name \
                      = \"blocks\", block = 5, blocks = 3 }\n";

fn folder(spec: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("data")).unwrap();
    write_set(&dir.path().join("data"));
    fs::write(dir.path().join("spec.toml"), spec).unwrap();
    dir
}

fn spec(epochs: usize, evaluation: &str) -> String {
    format!(
        "name = \"slices\"\ntitle = \"t\"\nsource = \"s\"\ndata = {{ path = \"data\" }}\n[training]\nepochs = {epochs}\nbatch = 7\nlr \
         = 1e-2\nseeds = 2\nema = 0.9\nreduction = \"mean\"\n[evaluation]\n{evaluation}\n{LOSSES}"
    )
}

fn run<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["run", "--spec", "spec.toml", "--out", out], more].concat()
}

/// Everything that a run of all classes and one of slices have to have in common. A loss is a sum over classes, which is
/// rounded in another order.
fn same(one: &Path, joined: &Path) {
    let (one_records, joined_records) = (records(one), records(joined));
    assert_eq!(one_records.len(), 10);
    assert_eq!(one_records.len(), joined_records.len());
    for (one, joined) in one_records.iter().zip(&joined_records) {
        assert_eq!(one["id"], joined["id"]);
        let (mut a, mut b) = (one["result"].clone(), joined["result"].clone());
        let losses = |result: &mut serde_json::Value| -> Vec<f64> {
            let losses = result.as_object_mut().unwrap().remove("epoch_losses").unwrap();
            losses.as_array().unwrap().iter().map(|loss| loss.as_f64().unwrap()).collect()
        };
        for (a, b) in losses(&mut a).iter().zip(losses(&mut b)) {
            assert!((a - b).abs() < 1e-6 * a.abs(), "{a} {b}");
        }
        assert_eq!(a, b);
    }
    let models = |folder: &Path| {
        let mut files: Vec<_> =
            fs::read_dir(folder.join("models")).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        files.iter().map(|folder| fs::read(folder.join("head.safetensors")).unwrap()).collect::<Vec<_>>()
    };
    assert!(models(one) == models(joined), "the heads differ");
}

#[test]
fn slices_joined_are_the_head_of_one_run_bit_for_bit() {
    // The epoch with the best validation mAP, and the last one.
    for evaluation in ["also = [\"last\"]", "select = \"last\""] {
        let dir = folder(&spec(5, evaluation));
        done(dir.path(), &run("one", &["--save-models"]));
        for tasks in [1, 3, 4] {
            let out = format!("by{tasks}");
            // In any order.
            for task in (0..tasks).rev() {
                let classes = format!("{task}/{tasks}");
                done(dir.path(), &run(&out, &["--classes", &classes]));
            }
            done(dir.path(), &["collect", &out]);
            same(&dir.path().join("one"), &dir.path().join(&out));
        }
    }
}

#[test]
fn a_task_that_was_stopped_goes_on_with_the_same_bits() {
    let spec = spec(300, "select = \"last\"");
    let (dir, expected) = (folder(&spec), folder(&spec));
    for task in ["0/2", "1/2"] {
        done(expected.path(), &run("out", &["--classes", task]));
    }
    done(dir.path(), &run("out", &["--classes", "1/2"]));
    let args = run("out", &["--classes", "0/2", "--checkpoint-every", "0"]);
    let mut child = command(dir.path(), &args).spawn().unwrap();
    let state = dir.path().join("out/classes/0-of-2/checkpoints");
    let has_state = || {
        fs::read_dir(&state).is_ok_and(|mut runs| {
            runs.any(|run| fs::read_dir(run.unwrap().path()).is_ok_and(|mut files| files.next().is_some()))
        })
    };
    wait_for(&mut child, "no state was written", has_state);
    signal(&child, "-TERM");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(99), "{}", String::from_utf8_lossy(&output.stderr));
    // Not all classes are there.
    let refused = command(dir.path(), &["collect", "out"]).output().unwrap();
    let error = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{error}");
    assert!(error.contains("--classes 0/2 has not trained"), "{error}");
    // Killed without notice as well.
    let mut child = command(dir.path(), &args).spawn().unwrap();
    wait_for(&mut child, "no state was written", has_state);
    child.kill().unwrap();
    child.wait().unwrap();
    done(dir.path(), &run("out", &["--classes", "0/2"]));
    for dir in [&dir, &expected] {
        done(dir.path(), &["collect", "out"]);
    }
    same(&expected.path().join("out"), &dir.path().join("out"));
}

#[test]
fn what_looks_across_classes_is_refused() {
    let refused = |spec: &str, args: &[&str], text: &str| {
        let dir = folder(spec);
        let output = command(dir.path(), args).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(text), "{error}");
        assert!(!dir.path().join("out").exists(), "something was left behind");
    };
    let plain = spec(2, "");
    let with = |more: &'static str| run("out", &["--classes", "0/2", "--set", more]);
    let losses = |loss| ["run", "--spec", "spec.toml", "--out", "out", "--classes", "0/2", "--loss", loss];
    refused(&plain, &losses("epr"), "the gradient of epr at a class looks at other classes");
    refused(&plain, &losses("ll-ct"), "the gradient of ll-ct at a class looks at other classes");
    refused(&plain, &with("training.head={ mlp = [4] }"), "training.head: a linear head");
    refused(&plain, &with("training.clip=1.0"), "training.clip: the norm");
    refused(
        &plain,
        &with("training.sampler=class-aware"),
        "training.sampler: it looks at the labels of all classes",
    );
    refused(&plain, &with("evaluation.patience=3"), "evaluation.patience: a task does not know the metric");
    refused(&plain, &losses("smile"), "smile is trained by the procedure smile");
    refused(&plain, &losses("presence-an-full"), "takes the logits of the rows and of background rows");
    refused(
        &plain,
        &run("out", &["--classes", "0/2", "--resume"]),
        "always continues with the existing results",
    );
    refused(&plain, &run("out", &["--classes", "2/2"]), "the last of 2 is 1/2");
    refused(&plain, &run("out", &["--classes", "0/9"]), "there are 4 classes, and so at most 4 tasks");
    refused(&plain, &["run", "--spec", "spec.toml", "--classes", "0/2"], "name it with --out");
    refused(&plain, &["collect", "out"], "out");
    // Columns of a table have no number in front of a slash and one behind it.
    refused(
        &plain,
        &["run", "--spec", "spec.toml", "--out", "out", "--classes", "a/b,c"],
        "--classes has no meaning",
    );
}

#[test]
fn a_folder_of_other_runs_is_left_alone_and_the_advice_is_not_refused() {
    let dir = folder(&spec(2, ""));
    done(dir.path(), &run("out", &["--classes", "0/2"]));
    let error = |args: &[&str]| {
        let output = command(dir.path(), args).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let other = error(&run("out", &["--classes", "1/2", "--epochs", "3"]));
    assert!(other.contains("training.epochs is 2 there and 3 here; name another folder"), "{other}");
    assert!(!other.contains("--force") && !dir.path().join("out/classes/1-of-2").exists(), "{other}");
    let force = error(&run("out", &["--classes", "1/2", "--force"]));
    assert!(force.contains("would discard what the others have trained"), "{force}");
}

#[test]
fn weights_of_tasks_may_be_removed_when_they_are_joined() {
    let dir = folder(&spec(2, ""));
    done(dir.path(), &run("out", &["--classes", "0/1"]));
    let (table, said) = done(dir.path(), &["collect", "out"]);
    // Ten runs of two epochs, and the lock of the task.
    assert!(
        said.contains("out/classes: ") && said.contains("which no result and no head needs any more"),
        "{said}"
    );
    fs::remove_dir_all(dir.path().join("out/classes")).unwrap();
    let (again, said) = done(dir.path(), &["collect", "out"]);
    let rows = |table: &str| {
        table.lines().filter(|line| line.starts_with('|')).map(String::from).collect::<Vec<_>>()
    };
    assert_eq!(rows(&table), rows(&again));
    assert!(!said.contains("out/classes"), "{said}");
}

/// 100,000 classes in a file of lists: a task makes only its own dense.
#[test]
fn tasks_train_100_000_classes() {
    let dir = tempfile::tempdir().unwrap();
    // A file of so many rows is large enough for so many classes without names.
    let (rows, classes) = (2400, 100_000);
    for (part, rows) in [("train", rows), ("test", 40)] {
        let mut text = format!("{rows} 40 {classes}\n");
        for row in 0..rows {
            let mut labels: Vec<usize> = (0..3).map(|i| (row * 7919 + i * 33_331) % classes).collect();
            labels.sort_unstable();
            let labels: Vec<String> = labels.iter().map(usize::to_string).collect();
            let features: Vec<String> =
                (0..40).map(|i| format!("{i}:{:.4}", ((row * 40 + i) as f64 * 0.37).sin())).collect();
            writeln!(text, "{} {}", labels.join(","), features.join(" ")).unwrap();
        }
        fs::write(dir.path().join(format!("{part}.libsvm")), text).unwrap();
    }
    let spec = "name = \"many\"\ntitle = \"t\"\nsource = \"s\"\ndata = { path = \"train.libsvm\", test = \"test.libsvm\", unlisted = \
                \"negative\" }\n[protocol]\nname = \"none\"\nvalidation = \"none\"\n[training]\nepochs = 2\nbatch = 30\nlr = 1e-2\nseeds = \
                1\nreduction = \"mean\"\n[[losses]]\nname = \"bce\"\n";
    fs::write(dir.path().join("spec.toml"), spec).unwrap();
    done(dir.path(), &run("one", &["--save-models"]));
    for task in ["0/3", "1/3", "2/3"] {
        done(dir.path(), &run("out", &["--classes", task]));
    }
    done(dir.path(), &["collect", "out"]);
    let [one, joined] = ["one", "out"].map(|out| records(&dir.path().join(out)));
    assert_eq!(one[0]["result"]["weights"], joined[0]["result"]["weights"]);
    assert_eq!(one[0]["result"]["metrics"], joined[0]["result"]["metrics"]);
}

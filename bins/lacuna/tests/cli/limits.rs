//! Limits that the system sets: each ends a command with a word, exit code 2 and the old files.
#![cfg(target_os = "linux")]

use crate::lacuna;
use std::path::Path;

/// Runs a command under limits of the shell.
fn under(folder: &Path, limits: &str, args: &[&str]) -> (Option<i32>, String) {
    let program = assert_cmd::cargo::cargo_bin("lacuna");
    let mut command = std::process::Command::new("bash");
    let command = command.args(["-c", &format!("{limits}; exec \"$0\" \"$@\"")]).arg(program).args(args);
    let output = command.current_dir(folder).env_remove("RUST_BACKTRACE").output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// `ulimit -f` ended commands by a signal, without a word, and left the temporary file.
#[test]
fn a_limit_on_the_size_of_files_is_an_error_with_path_and_cause() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::create_dir(path.join("s")).unwrap();
    std::fs::write(path.join("s/classes.txt"), "old").unwrap();
    let make = ["make", "voc-like", "--train-rows", "500", "--test-rows", "100", "--force", "--out", "s"];
    let (code, error) = under(path, "ulimit -f 4", &make);
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("s/") && error.contains("File too large"), "{error}");
    let left: Vec<_> =
        std::fs::read_dir(path.join("s")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["classes.txt"]);
    assert_eq!(std::fs::read_to_string(path.join("s/classes.txt")).unwrap(), "old");
}

/// An allocation beyond `ulimit -v` ended commands by SIGABRT, and threads that could not be started by a panic.
#[test]
fn memory_beyond_a_limit_is_an_error_and_leaves_the_old_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let make = ["make", "voc-like", "--train-rows", "20000", "--test-rows", "100", "--out", "set"];
    assert_eq!(lacuna(path, &make).0, 0);
    let train = |more: &[&'static str]| {
        [
            &[
                "train",
                "set",
                "--label-convention",
                "binary-an",
                "--epochs",
                "1",
                "--head",
                "mlp:8",
                "--force",
            ],
            more,
        ]
        .concat()
    };
    assert_eq!(lacuna(path, &train(&["--out", "h"])).0, 0);
    let weights = || std::fs::read(path.join("h/head.safetensors")).unwrap();
    let new = weights();
    assert_eq!(lacuna(path, &train(&["--out", "h", "--seed", "1"])).0, 0);
    let (old, args) = (weights(), train(&["--out", "h"]));
    let mut codes = std::collections::BTreeMap::new();
    for megabytes in (30..400).step_by(15) {
        let (code, error) = under(path, &format!("ulimit -v {}", megabytes * 1024), &args);
        *codes.entry(code).or_insert(0) += 1;
        match code {
            Some(0) => {
                assert_eq!(weights(), new, "{megabytes} MB");
                assert_eq!(lacuna(path, &train(&["--out", "h", "--seed", "1"])).0, 0);
            }
            Some(2) => {
                assert!(error.contains("memory") && !error.contains("panicked"), "{megabytes} MB: {error}");
                assert_eq!(weights(), old, "{megabytes} MB");
            }
            _ => panic!("{megabytes} MB: {code:?}: {error}"),
        }
    }
    println!("exit codes under ceilings of 30 to 400 MB: {codes:?}");
    assert!(codes.len() == 2, "{codes:?}");
}

//! The commands of the pages, `lacuna` and `repro` together, in the order in which they stand.

use crate::repro;
use assert_cmd::Command;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Arguments of a line, where `'...'` holds words together; nothing behind a `#`.
fn words(line: &str) -> Vec<String> {
    let line = line.split(" # ").next().unwrap();
    let mut words = Vec::new();
    for (i, part) in line.split('\'').enumerate() {
        if i % 2 == 1 {
            match words.last_mut() {
                Some(word) if !line.contains(&format!(" '{part}")) => *word = format!("{word}{part}"),
                _ => words.push(part.to_string()),
            }
        } else {
            words.extend(part.split_whitespace().map(String::from));
        }
    }
    words
}

/// The lines of both programs in a page.
fn commands(page: &str) -> Vec<String> {
    let page = fs::read_to_string(root().join(page)).unwrap();
    let blocks = page.split("```sh\n").skip(1).map(|rest| rest.split_once("```").unwrap().0);
    let lines = blocks.collect::<String>().replace("\\\n", " ");
    let of_ours = |line: &&str| line.starts_with("lacuna ") || line.starts_with("repro ");
    lines.lines().filter(of_ours).map(String::from).collect()
}

/// `repro verify` is a campaign of its own; CONTRIBUTING has it.
fn follow(page: &str) -> usize {
    let folder = tempfile::tempdir().unwrap();
    // The pages begin with a folder in a checkout, from which they name files of the project.
    let inside = folder.path().join("try");
    fs::create_dir(&inside).unwrap();
    fs::create_dir(folder.path().join("bins")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(root().join("bins/repro"), folder.path().join("bins/repro")).unwrap();
    let mut ran = 0;
    for line in commands(page).iter().filter(|line| !line.starts_with("repro verify")) {
        let arguments = words(line);
        let mut command = match arguments[0].as_str() {
            "repro" => repro(&inside),
            other => Command::cargo_bin(other).expect("cargo test -p lacuna -p lacuna-repro builds both"),
        };
        let output = command.current_dir(&inside).args(&arguments[1..]).output().unwrap();
        let expected = i32::from(line.contains("# exit code 1"));
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(expected), "{page}: {line}\n{error}");
        ran += 1;
    }
    ran
}

#[test]
#[cfg(unix)]
#[ignore = "half a minute on two cores: every command of the pages, in order"]
fn every_command_of_the_pages_works_in_its_order() {
    for (page, least) in [("README.md", 10), ("docs/data.md", 10), ("docs/repro.md", 25)] {
        let ran = follow(page);
        println!("{page}: {ran} commands");
        assert!(ran >= least, "{page}: {ran} commands");
    }
}

#[test]
fn lines_are_read_as_a_shell_reads_them() {
    assert_eq!(
        words("repro run a --set k='{ mlp = [128] }' -q   # why"),
        ["repro", "run", "a", "--set", "k={ mlp = [128] }", "-q"]
    );
    assert_eq!(words("repro run a --set 'k=[1, 2]'"), ["repro", "run", "a", "--set", "k=[1, 2]"]);
}

//! Two revisions of a small repository that has a benchmark without dependencies, checked out, built and compared.

use super::{ended, perfgate, run};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

const MANIFEST: &str = r#"
[package]
name = "lacuna-benches"
version = "0.0.0"
edition = "2024"
[workspace]
[[bench]]
name = "tiny"
harness = false
"#;

/// A benchmark that answers as criterion does, with a time that stands in it.
fn tiny(nanoseconds: u32) -> String {
    r#"
fn main() {
    if std::env::args().any(|arg| arg == "--list") {
        println!("tiny/one: benchmark");
        return;
    }
    if let Some(marker) = std::env::var_os("TINY_WAITS") {
        std::fs::write(marker, "").unwrap();
        std::thread::sleep(std::time::Duration::from_secs(3600));
    }
    let home = std::env::var("CRITERION_HOME").unwrap();
    let folder = std::path::Path::new(&home).join("tiny/one/new");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("benchmark.json"), r"{"full_id":"tiny/one"}").unwrap();
    std::fs::write(folder.join("estimates.json"), r"{"median":{"point_estimate":NANOSECONDS}}").unwrap();
}
"#
    .replace("r\"{", "r#\"{")
    .replace("}\")", "}\"#)")
    .replace("NANOSECONDS", &format!("{nanoseconds}.0"))
}

/// The repository, and an empty folder for temporary files.
struct Repository {
    folder: TempDir,
    temporary: TempDir,
}

impl Repository {
    fn new() -> Self {
        let this = Self { folder: tempfile::tempdir().unwrap(), temporary: tempfile::tempdir().unwrap() };
        this.git(&["init", "--quiet", "--initial-branch", "main"]);
        this.write("Cargo.toml", MANIFEST);
        this.write("src/lib.rs", "");
        this.write(".gitignore", "/target\n/Cargo.lock\n");
        this.write("benches/tiny.rs", &tiny(1000));
        this.commit("first");
        this
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn git(&self, arguments: &[&str]) -> String {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]);
        let (code, text, error) = run(git.args(arguments).current_dir(self.folder.path()));
        assert_eq!(code, Some(0), "{arguments:?}: {error}");
        text
    }

    fn commit(&self, tag: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", tag]);
        self.git(&["tag", tag]);
    }

    fn perfgate(&self) -> Command {
        let mut command = perfgate();
        command.current_dir(self.folder.path()).env("TMPDIR", self.temporary.path());
        command
    }

    fn compare(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let outcome = run(self.perfgate().args(["run", "--peak", "100"]).args(arguments));
        self.is_clean();
        outcome
    }

    /// Nothing of a run is left: neither worktrees nor temporary files.
    fn is_clean(&self) {
        assert_eq!(self.git(&["worktree", "list"]).lines().count(), 1);
        let left: Vec<_> = fs::read_dir(self.temporary.path()).unwrap().map(|e| e.unwrap().path()).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn revisions_are_built_compared_and_removed() {
    let repository = Repository::new();
    repository.write("benches/tiny.rs", &tiny(1300));
    repository.commit("slower");
    let (code, text, error) = repository.compare(&["first", "slower"]);
    assert_eq!(code, Some(3), "{text}{error}");
    assert!(text.contains("tiny: tiny/one\n    A 1.00 us, B 1.30 us; at equal peaks +30.0 %"), "{text}");
    let (code, text, _) = repository.compare(&["first", "first"]);
    assert_eq!(code, Some(0), "{text}");

    // The working tree as it is, with changes that are not committed.
    repository.write("benches/tiny.rs", &tiny(990));
    let (code, text, error) = repository.compare(&["slower", "."]);
    assert_eq!(code, Some(0), "{text}{error}");
    assert!(text.contains("B is the working tree") && text.contains("-23.8 %: faster"), "{text}");
    assert_eq!(repository.git(&["status", "--short"]), " M benches/tiny.rs\n", "the tree is as it was");
}

#[test]
fn kept_builds_are_taken_again() {
    let repository = Repository::new();
    let kept = tempfile::tempdir().unwrap();
    let arguments = ["first", "first", "--target-dir", kept.path().to_str().unwrap()];
    let (code, _, error) = repository.compare(&arguments);
    assert_eq!(code, Some(0), "{error}");
    let (code, _, error) = repository.compare(&arguments);
    assert_eq!(code, Some(0), "{error}");
    assert!(!error.contains("Compiling"), "{error}");
}

#[test]
fn benches_of_one_revision_are_named() {
    let repository = Repository::new();
    repository.write("Cargo.toml", &format!("{MANIFEST}[[bench]]\nname = \"more\"\nharness = false\n"));
    repository.write("benches/more.rs", &tiny(5));
    repository.commit("more");
    let (code, text, error) = repository.compare(&["first", "more"]);
    assert_eq!(code, Some(0), "{error}");
    assert!(text.contains("only B has more (all of it): not compared"), "{text}");
    let (code, _, error) = repository.compare(&["first", "more", "--bench", "none"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("no benchmark none in either revision; the second has"), "{error}");
}

#[test]
fn what_does_not_build_or_run_is_exit_2() {
    let repository = Repository::new();
    repository.write("benches/tiny.rs", "fn main() { nothing() }");
    repository.commit("broken");
    let (code, _, error) = repository.compare(&["first", "broken"]);
    assert_eq!(code, Some(2));
    let commit = repository.git(&["rev-parse", "--short=12", "broken"]);
    assert!(error.contains(&format!("{} does not build", commit.trim())), "{error}");
    repository.write("benches/tiny.rs", "fn main() { panic!(\"out of order\") }");
    repository.commit("panics");
    let (code, _, error) = repository.compare(&["first", "panics"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("out of order"), "{error}");
    let (code, _, error) = repository.compare(&["first", "no-such-revision"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("no-such-revision: no revision of"), "{error}");
}

/// Waits for a benchmark to begin and stops the program.
#[cfg(unix)]
#[test]
fn a_signal_leaves_nothing_behind() {
    let repository = Repository::new();
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("begun");
    let mut child = repository
        .perfgate()
        .args(["run", "first", "first", "--peak", "100"])
        .env("TINY_WAITS", &marker)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for(&marker, || child.try_wait().unwrap().is_none());
    // Twice in a row, as `timeout` does; the program may be gone by the second time.
    let id = child.id().to_string();
    let script = format!("kill -TERM {id} && {{ kill -TERM {id} 2> /dev/null; true; }}");
    assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
    let (code, _, error) = ended(child.wait_with_output().unwrap());
    assert_eq!(code, Some(130), "{error}");
    assert!(error.ends_with("interrupted\n"), "{error}");
    repository.is_clean();
}

#[cfg(unix)]
fn wait_for(path: &Path, mut alive: impl FnMut() -> bool) {
    while !path.exists() {
        assert!(alive(), "the program ended before its first benchmark");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

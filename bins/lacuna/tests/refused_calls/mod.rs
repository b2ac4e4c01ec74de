//! Programs whose system calls are refused: strace lets the n-th call of a kind fail, or kills the program at it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The calls that write, and what the system answers.
pub(crate) const CALLS: [(&str, &str, &str); 9] = [
    ("write", "ENOSPC", "No space left on device"),
    ("fsync", "EIO", "Input/output error"),
    ("fdatasync", "EIO", "Input/output error"),
    ("ftruncate", "EIO", "Input/output error"),
    ("rename", "EIO", "Input/output error"),
    ("renameat", "EIO", "Input/output error"),
    ("renameat2", "EIO", "Input/output error"),
    ("linkat", "EIO", "Input/output error"),
    ("mkdir", "EROFS", "Read-only file system"),
];
/// More calls of a kind than any of these programs makes in a thread.
pub(crate) const MOST: usize = 200;

/// Files below a folder, by their paths in it.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// A command, and what it writes.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) program: &'a Path,
    pub(crate) folder: &'a Path,
    pub(crate) args: &'a [&'a str],
    /// Files and folders that it writes.
    pub(crate) outputs: &'a [&'a str],
    /// Standard input.
    pub(crate) input: &'a str,
}

/// A refused call of a case: what the program answered, and what it left.
pub(crate) struct Refused {
    /// The calls as strace prints them, one a line; of several those about files.
    pub(crate) call: String,
    /// Whether it was about a file of the folder; else it was about what the program prints.
    pub(crate) file: bool,
    pub(crate) code: Option<i32>,
    pub(crate) error: String,
    pub(crate) left: Files,
}

/// Whether strace is there and may trace.
pub(crate) fn can_be_refused() -> bool {
    let mut strace = Command::new("strace");
    let traced = strace.args(["-qq", "-e", "trace=fsync", "true"]).stderr(Stdio::null()).status();
    traced.is_ok_and(|status| status.success())
}

impl Case<'_> {
    /// Calls of this kind, the n-th one refused in every thread, for every n.
    ///
    /// Before each, the outputs are as in `before`.
    pub(crate) fn refused(&self, before: &Files) -> Vec<Refused> {
        let mut all = Vec::new();
        for (call, code, _) in CALLS {
            for n in 1..=MOST {
                self.put(before);
                match self.refuse(call, code, n) {
                    Some(refused) => all.push(refused),
                    None => break,
                }
                assert!(n < MOST, "{call}: more than {MOST} calls");
            }
        }
        self.put(before);
        all
    }

    /// Runs the command with the n-th call of a kind disturbed in every thread: exit code, standard error, lines of the trace.
    pub(crate) fn injected(&self, call: &str, how: &str, n: usize) -> (Option<i32>, String, Vec<String>) {
        let trace = tempfile::tempdir().unwrap();
        let log = trace.path().join("log");
        let mut command = Command::new("strace");
        command.args(["-f", "-y", "-qq", "-e", "signal=none", "-o"]).arg(&log);
        command.args(["-e", &format!("trace={call}"), "-e", &format!("inject={call}:{how}:when={n}")]);
        let (code, error) = self.run(command.arg(self.program));
        let log = String::from_utf8_lossy(&fs::read(&log).unwrap()).into_owned();
        (code, error, log.lines().map(String::from).collect())
    }

    fn refuse(&self, call: &str, code: &str, n: usize) -> Option<Refused> {
        let (code, error, log) = self.injected(call, &format!("error={code}"), n);
        let injected: Vec<&str> =
            log.iter().map(String::as_str).filter(|line| line.contains("(INJECTED)")).collect();
        let first = *injected.first()?;
        // Calls on descriptors have their path in <>; names are arguments of the others.
        let printed = |line: &&&str| line.contains("<pipe:") || line.contains("(1<") || line.contains("(2<");
        let about_files: Vec<&str> = injected.iter().filter(|line| !printed(line)).copied().collect();
        let file = !about_files.is_empty();
        let call = if file { about_files.join("\n") } else { first.to_string() };
        Some(Refused { call, file, code, error, left: self.files() })
    }

    /// Runs the command undisturbed.
    pub(crate) fn undisturbed(&self, before: &Files) -> Files {
        self.put(before);
        let (code, error) = self.ended();
        assert_eq!(code, Some(0), "{:?}: {error}", self.args);
        self.files()
    }

    /// Runs the command to its end: exit code and standard error.
    pub(crate) fn ended(&self) -> (Option<i32>, String) {
        self.run(&mut Command::new(self.program))
    }

    fn run(&self, command: &mut Command) -> (Option<i32>, String) {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = self.started(command).wait_with_output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Starts the command, or a program that starts it, and hands it its input.
    pub(crate) fn started(&self, command: &mut Command) -> Child {
        let mut child =
            command.current_dir(self.folder).args(self.args).stdin(Stdio::piped()).spawn().unwrap();
        // A program that ends early reads no more.
        let _ = child.stdin.take().unwrap().write_all(self.input.as_bytes());
        child
    }

    /// The outputs as they are.
    pub(crate) fn files(&self) -> Files {
        let mut found = Files::new();
        self.outputs.iter().for_each(|output| gather(&self.folder.join(output), output, &mut found));
        found
    }

    /// Makes the outputs these files.
    pub(crate) fn put(&self, files: &Files) {
        for output in self.outputs {
            let path = self.folder.join(output);
            let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        }
        for (name, bytes) in files {
            let path = self.folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
}

impl Refused {
    /// Fails unless the program said which file it is about and what the system answered, and ended with 2.
    pub(crate) fn assert_said(&self, case: &Case<'_>) {
        let Self { call, code, error, .. } = self;
        assert!(!error.contains("panicked"), "{call}: {error}");
        if !self.file {
            // What cannot be printed on standard error is nobody's to know.
            return;
        }
        if call.contains(" linkat(") && *code == Some(0) {
            // Where a file cannot have a second name it is copied.
            return;
        }
        assert_eq!(*code, Some(2), "{:?}: {call}: {error}", case.args);
        // In the words of the system, or of the kind of error where the system's would name a temporary folder.
        let read_only = std::io::ErrorKind::ReadOnlyFilesystem.to_string();
        let cause = CALLS.iter().any(|(_, _, cause)| error.contains(cause)) || error.contains(&read_only);
        let named = case.outputs.iter().any(|output| error.contains(output));
        assert!(cause && named, "{:?}: {call}: {error}", case.args);
    }
}

fn gather(path: &Path, name: &str, found: &mut Files) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            let entry = entry.unwrap();
            gather(&entry.path(), &format!("{name}/{}", entry.file_name().to_string_lossy()), found);
        }
    } else if let Ok(bytes) = fs::read(path) {
        found.insert(name.to_string(), bytes);
    }
}

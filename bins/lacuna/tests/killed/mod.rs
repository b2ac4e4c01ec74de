//! Programs that are killed with SIGKILL at moments drawn from all of their life.

use crate::refused_calls::{Case, Files};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Knuth's linear congruential generator of 64 bits.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below this one.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Loops of a test of kills: `LACUNA_KILLS`, or else this many.
pub(crate) fn loops(usual: usize) -> usize {
    std::env::var("LACUNA_KILLS").map_or(usual, |text| text.parse().expect("a number of loops"))
}

/// Kills of a test, counted.
pub(crate) struct Kills {
    random: Random,
    /// Processes that the signal ended; others had ended before it came.
    pub(crate) killed: usize,
    /// Of them those that had changed something on the disk.
    writing: usize,
    /// Folders in which the command was given again and ended with the bytes of an undisturbed one.
    pub(crate) resumed: usize,
}

/// How long an undisturbed process takes.
pub(crate) fn life(case: &Case<'_>, before: &Files) -> Duration {
    let start = Instant::now();
    case.undisturbed(before);
    start.elapsed()
}

impl Kills {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: Random(seed), killed: 0, writing: 0, resumed: 0 }
    }

    /// A number below this one.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.random.below(bound)
    }

    /// Starts the command with the outputs as they are and kills it: every other time at a moment of its whole life, else a moment after
    /// it has first changed something in its folder. Whether the signal ended it; `life` becomes shorter where it had ended before.
    pub(crate) fn kill(&mut self, case: &Case<'_>, life: &mut Duration) -> bool {
        let before = seen(case);
        let mut command = Command::new(case.program);
        let start = Instant::now();
        let mut child = case.started(command.stdout(Stdio::null()).stderr(Stdio::null()));
        let mut moment = life.mul_f64(self.below(1_100) as f64 / 1_000.0);
        if self.below(2) == 0 {
            while seen(case) == before && child.try_wait().unwrap().is_none() {
                std::thread::yield_now();
            }
            // Most writers are at their end by then; what trains has all of its life before it.
            let bound = [50, 500, 5_000, life.as_micros() as u64][self.below(4) as usize];
            moment = start.elapsed() + Duration::from_micros(self.below(bound.max(1)));
        }
        while start.elapsed() < moment {
            if child.try_wait().unwrap().is_some() {
                *life = start.elapsed().min(*life);
                break;
            }
            std::thread::sleep((moment - start.elapsed().min(moment)).min(Duration::from_millis(2)));
        }
        let _ = child.kill();
        let killed = child.wait().unwrap().signal() == Some(9);
        self.killed += usize::from(killed);
        self.writing += usize::from(killed && seen(case) != before);
        killed
    }

    /// What was counted, in the words of the page of reliability.
    pub(crate) fn said(&self, what: &str) -> String {
        let Self { killed, writing, resumed, .. } = self;
        format!(
            "kills: {what}: {killed}, {writing} of them while it was writing; resumed to the same bytes: {resumed}"
        )
    }
}

/// Names, lengths and times of the files that a command may change, temporary ones included.
fn seen(case: &Case<'_>) -> BTreeSet<(String, u64, Option<std::time::SystemTime>)> {
    let mut found = BTreeSet::new();
    let mut folders = vec![case.folder.to_path_buf()];
    folders.extend(case.outputs.iter().map(|output| case.folder.join(output)));
    while let Some(folder) = folders.pop() {
        // Files come and go meanwhile.
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() && folder != case.folder {
                folders.push(entry.path());
            }
            let length = if metadata.is_dir() { 0 } else { metadata.len() };
            found.insert((entry.path().display().to_string(), length, metadata.modified().ok()));
        }
    }
    found
}

/// The temporary files of writers below a folder.
pub(crate) fn temporary(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(".lacuna-") {
            found.push(entry.path().display().to_string());
        } else if entry.path().is_dir() {
            found.extend(temporary(&entry.path()));
        }
    }
    found
}

//! Claims: which process runs which run of a sweep, on storage that several machines share.
//!
//! A claim is a file `ID.N` that is created with `O_EXCL`: of all processes that try, one succeeds. Its holder sets the
//! file's time of modification again and again while it lives. A claim whose time stands still is stalled, and whoever
//! creates `ID.(N+1)` takes the run over; again one succeeds. Nothing is renamed or rewritten, so there is no moment at
//! which a new claim could be taken for the old one. A holder that was only slow sees the newer claim and stops.
//!
//! Clocks of machines differ, so ages are differences between times that the file server gave: that of the claim, and that
//! of a file which the observer has just written to. A holder on this machine whose process has ended needs no waiting.

use crate::HarnessError;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

/// How often a holder touches its claims.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(2);

/// How long a claim may say nothing. Its holder writes into it right after it has made it; one that was killed between the two was waited
/// for as long as one that has stalled.
const UNSAID: Duration = Duration::from_secs(6);

/// Longest text of a claim that is read.
const LONGEST: u64 = 4096;

/// The folder of the claims of a sweep, as one process sees it.
#[derive(Debug)]
pub(crate) struct Claims {
    folder: PathBuf,
    /// A file without a name, whose time says what time it is on the storage. None where nothing may be written: the time is then
    /// that of this machine.
    clock: Option<Mutex<File>>,
    stalled_after: Duration,
}

/// A run that this process has claimed.
#[derive(Debug)]
pub(crate) struct Claim {
    folder: PathBuf,
    id: String,
    number: u32,
    file: File,
}

/// The newest claim of a run that another process holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Holder {
    /// Process id and host.
    pub process: String,
    /// Time since it last touched its claim.
    pub silent: Duration,
    /// Whether it is known to have ended, or has been silent for too long.
    pub stalled: bool,
    number: u32,
}

/// What became of an attempt to claim a run.
#[derive(Debug)]
pub(crate) enum Claimed {
    /// This process has it now; whether another one had it before.
    Ours(Claim, bool),
    /// Another process has it.
    Theirs,
}

impl Claims {
    /// The claims of a folder, which is made if it does not exist.
    pub(crate) fn new(folder: PathBuf, stalled_after: Duration) -> Result<Self, HarnessError> {
        fs::create_dir_all(&folder).map_err(|source| HarnessError::Write { path: folder.clone(), source })?;
        let clock = tempfile::tempfile_in(&folder).map_err(|error| {
            // Without the name of the temporary file, which nobody knows.
            HarnessError::Write { path: folder.clone(), source: io::Error::from(error.kind()) }
        })?;
        Ok(Self { folder, clock: Some(Mutex::new(clock)), stalled_after })
    }

    /// The claims of a folder for somebody who claims nothing, and may be allowed to write nothing. `None` where there is no such
    /// folder, or it cannot be read.
    pub(crate) fn reading(folder: PathBuf, stalled_after: Duration) -> Option<Self> {
        fs::read_dir(&folder).ok()?;
        let clock = tempfile::tempfile_in(&folder).ok().map(Mutex::new);
        Some(Self { folder, clock, stalled_after })
    }

    /// Claims a run that nobody has, or whose holder has stalled.
    pub(crate) fn claim(&self, id: &str) -> Result<Claimed, HarnessError> {
        let number = match self.holder(id)? {
            Some(holder) if !holder.stalled => return Ok(Claimed::Theirs),
            Some(holder) => holder.number + 1,
            None => 0,
        };
        let path = path_of(&self.folder, id, number);
        let refuse = |source| HarnessError::Write { path: path.clone(), source };
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                file.write_all(Process::this().line().as_bytes()).map_err(refuse)?;
                file.sync_all().map_err(refuse)?;
                let claim = Claim { folder: self.folder.clone(), id: id.to_string(), number, file };
                Ok(Claimed::Ours(claim, number > 0))
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(Claimed::Theirs),
            Err(error) => Err(refuse(error)),
        }
    }

    /// The holder of a run, if it is claimed.
    pub(crate) fn holder(&self, id: &str) -> Result<Option<Holder>, HarnessError> {
        let Some(number) = newest(&self.folder, id).map_err(|e| self.failed(e))? else { return Ok(None) };
        let path = path_of(&self.folder, id, number);
        // Opened and not only asked for its time: over a network, opening is what brings the newest time.
        let mut text = String::new();
        let read = File::open(&path).and_then(|file| {
            let modified = file.metadata()?.modified()?;
            file.take(LONGEST).read_to_string(&mut text)?;
            Ok(modified)
        });
        let modified = match read {
            Ok(modified) => modified,
            // Its run has just ended.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(HarnessError::Write { path, source }),
        };
        let silent = self.now()?.duration_since(modified).unwrap_or_default();
        let holder = Process::parse(&text);
        let ended = holder.as_ref().is_some_and(Process::has_ended);
        let patience = if text.is_empty() { self.stalled_after.min(UNSAID) } else { self.stalled_after };
        let stalled = ended || silent >= patience;
        let process = holder.map_or_else(|| "unknown process".to_string(), |holder| holder.to_string());
        Ok(Some(Holder { process, silent, stalled, number }))
    }

    /// Removes the claims of a run that has ended, unless their holder is about to do it.
    pub(crate) fn clear(&self, id: &str) -> Result<(), HarnessError> {
        if let Some(Holder { stalled: true, number, .. }) = self.holder(id)? {
            remove(&self.folder, id, number);
        }
        Ok(())
    }

    /// The time of the storage.
    fn now(&self) -> Result<SystemTime, HarnessError> {
        let Some(clock) = &self.clock else { return Ok(SystemTime::now()) };
        let mut clock = clock.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut touch = || -> io::Result<SystemTime> {
            clock.write_all(b".")?;
            clock.sync_all()?;
            clock.metadata()?.modified()
        };
        touch().map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> HarnessError {
        HarnessError::Write { path: self.folder.clone(), source }
    }
}

impl Claim {
    /// Identity of the run.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Says that the holder lives. False if another process has taken the run over.
    pub(crate) fn beat(&mut self) -> bool {
        // The time is the server's: writing sets it, where setting a time would take this machine's clock.
        let mut write = || -> io::Result<()> {
            self.file.write_all(b".")?;
            self.file.sync_data()
        };
        // A beat that cannot be written is made up for by the next one.
        let _ = write();
        newest(&self.folder, &self.id).is_ok_and(|newest| newest == Some(self.number))
    }

    /// Gives the run back: it has ended, or others may have it.
    pub(crate) fn release(self) {
        remove(&self.folder, &self.id, self.number);
    }
}

/// Removes the claims of a run up to this one: the newest last, so that nobody finds an old one alone and takes it for stalled.
fn remove(folder: &Path, id: &str, newest: u32) {
    for number in 0..=newest {
        let _ = fs::remove_file(path_of(folder, id, number));
    }
}

fn path_of(folder: &Path, id: &str, number: u32) -> PathBuf {
    folder.join(format!("{id}.{number}"))
}

/// The number of the newest claim of a run.
fn newest(folder: &Path, id: &str) -> io::Result<Option<u32>> {
    let mut newest = None;
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(id)?.strip_prefix('.')?.parse().ok());
        newest = newest.max(number);
    }
    Ok(newest)
}

fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String =
        name.trim().chars().filter(|c| c.is_ascii_alphanumeric() || "-.".contains(*c)).collect();
    if name.is_empty() { "host".to_string() } else { name }
}

/// A process as a claim names it.
#[derive(Clone, Debug, PartialEq)]
struct Process {
    pid: u32,
    host: String,
    /// What tells the process from a later one with the same number: start of the machine, namespace of process numbers,
    /// start of the process. Empty where the system does not say.
    birth: String,
}

impl Process {
    fn this() -> Self {
        let pid = std::process::id();
        Self { pid, host: host(), birth: birth(pid).unwrap_or_default() }
    }

    /// `process 17 on node3 BIRTH`, then a point for each heartbeat.
    fn line(&self) -> String {
        format!("process {} on {} {}\n", self.pid, self.host, self.birth)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.lines().next()?.split(' ');
        let (Some("process"), Some(pid), Some("on"), Some(host)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return None;
        };
        let birth = words.next().unwrap_or_default();
        Some(Self { pid: pid.parse().ok()?, host: host.to_string(), birth: birth.to_string() })
    }

    /// Whether the process was one of this machine and has ended. Of other machines nothing is known.
    fn has_ended(&self) -> bool {
        let Some(here) = birth(std::process::id()) else { return false };
        let machine = |birth: &str| birth.rsplit_once('/').map(|(machine, _)| machine.to_string());
        self.host == host()
            && !self.birth.is_empty()
            && machine(&self.birth) == machine(&here)
            && birth(self.pid).as_deref() != Some(&self.birth)
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.pid, self.host)
    }
}

/// `BOOT/NAMESPACE/START` of a process that lives; `None` where it does not, or the system has no /proc.
fn birth(pid: u32) -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may have spaces; state is the first field after it, the start the 20th.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    let start = fields.nth(18)?;
    let namespace: String = namespace.to_str()?.chars().filter(char::is_ascii_digit).collect();
    Some(format!("{}/{namespace}/{start}", boot.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    const LONG: Duration = Duration::from_secs(3600);

    fn claims(folder: &Path, stalled_after: Duration) -> Claims {
        Claims::new(folder.join("claims"), stalled_after).unwrap()
    }

    fn ours(claimed: Claimed) -> (Claim, bool) {
        match claimed {
            Claimed::Ours(claim, taken_over) => (claim, taken_over),
            Claimed::Theirs => panic!("another process has it"),
        }
    }

    /// A process that was killed between the two steps of its claim was waited for as long as a stalled one, a minute.
    #[test]
    fn a_claim_that_says_nothing_is_soon_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let claims = claims(folder.path(), LONG);
        for (id, text) in [("empty", ""), ("elsewhere", "1 another-machine 2 3 4\n")] {
            let path = folder.path().join("claims").join(format!("{id}.0"));
            fs::write(&path, text).unwrap();
            assert!(
                matches!(claims.claim(id).unwrap(), Claimed::Theirs),
                "{id}: it may be about to be written"
            );
            let before = SystemTime::now() - UNSAID - HEARTBEAT;
            File::options().write(true).open(&path).unwrap().set_modified(before).unwrap();
            let taken = matches!(claims.claim(id).unwrap(), Claimed::Ours(_, true));
            assert_eq!(taken, text.is_empty(), "{id}");
        }
    }

    #[test]
    fn one_of_many_gets_a_run_and_one_of_many_takes_it_over() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..50 {
            let id = format!("run{round}");
            for again in [false, true] {
                let barrier = Barrier::new(4);
                let one = || {
                    let claims = claims(folder.path(), LONG);
                    barrier.wait();
                    claims.claim(&id).unwrap()
                };
                let claimed: Vec<Claimed> = std::thread::scope(|scope| {
                    let threads: Vec<_> = (0..4).map(|_| scope.spawn(one)).collect();
                    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
                });
                let mut ours = claimed.into_iter().filter_map(|claimed| match claimed {
                    Claimed::Ours(claim, taken_over) => Some((claim, taken_over)),
                    Claimed::Theirs => None,
                });
                let (claim, taken_over) = ours.next().expect("one gets it");
                assert!(ours.next().is_none(), "two got it");
                assert_eq!(taken_over, again);
                // The holder falls silent, without an end that others could see.
                claim.file.set_modified(SystemTime::now() - 2 * LONG).unwrap();
            }
        }
    }

    #[test]
    fn a_claim_keeps_others_out_until_it_is_released() {
        let folder = tempfile::tempdir().unwrap();
        let claims = claims(folder.path(), LONG);
        let (mut claim, taken_over) = ours(claims.claim("a").unwrap());
        assert!(!taken_over && claim.beat());
        assert!(matches!(claims.claim("a").unwrap(), Claimed::Theirs));
        let holder = claims.holder("a").unwrap().unwrap();
        assert_eq!(holder.process, format!("process {} on {}", std::process::id(), host()));
        assert!(!holder.stalled && holder.silent < LONG);
        // An identity that begins like another one is another one.
        let (other, _) = ours(claims.claim("ab").unwrap());
        other.release();
        claim.release();
        assert_eq!(claims.holder("a").unwrap(), None);
        assert!(!ours(claims.claim("a").unwrap()).1);
    }

    #[test]
    fn a_holder_that_was_slow_notices_that_its_run_was_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let (mut slow, _) = ours(claims(folder.path(), LONG).claim("a").unwrap());
        let (mut next, taken_over) = ours(claims(folder.path(), Duration::ZERO).claim("a").unwrap());
        assert!(taken_over && !slow.beat() && next.beat());
        // The slow one gives back what it has; the run stays with the other.
        slow.release();
        assert!(next.beat());
        assert!(matches!(claims(folder.path(), LONG).claim("a").unwrap(), Claimed::Theirs));
        next.release();
        assert_eq!(claims(folder.path(), LONG).holder("a").unwrap(), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_of_this_machine_that_has_ended_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let claims = claims(folder.path(), LONG);
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let alive = Process { pid: child.id(), host: host(), birth: birth(child.id()).unwrap() };
        fs::write(path_of(&claims.folder, "a", 0), alive.line()).unwrap();
        assert!(matches!(claims.claim("a").unwrap(), Claimed::Theirs));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(claims.holder("a").unwrap().unwrap().stalled);
        assert!(ours(claims.claim("a").unwrap()).1);
        // The same number on another machine says nothing.
        let far = Process { host: "elsewhere".to_string(), ..alive };
        fs::write(path_of(&claims.folder, "b", 0), far.line()).unwrap();
        assert!(matches!(claims.claim("b").unwrap(), Claimed::Theirs));
        // Nor does a claim that was torn: only its age does.
        fs::write(path_of(&claims.folder, "c", 0), "proc").unwrap();
        assert!(matches!(claims.claim("c").unwrap(), Claimed::Theirs));
    }
}

//! The file of answers: a line of JSON that says what they are about, then a line for each answer, forced to the disk before
//! the next question is asked.

use crate::certified::{Answer, Session, Settings};
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The first line.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
struct Header {
    lacuna: String,
    version: u32,
    fingerprint: String,
    fdr: f64,
    confidence: f64,
    answers: usize,
    seed: u64,
}

/// A line after the first.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Line {
    /// An answer; the rank is counted from 1, as in every list.
    Answer { rank: usize, row: String, class: String, answer: String },
    /// The answer before is taken back.
    Undo { undo: bool },
}

const KIND: &str = "audit answers";

/// An open file of answers, locked.
#[derive(Debug)]
pub(super) struct Answers {
    path: PathBuf,
    file: File,
}

/// The word of an answer in files.
pub(super) fn word(answer: Answer) -> &'static str {
    match answer {
        Answer::Yes => "yes",
        Answer::No => "no",
        Answer::Skip => "skip",
    }
}

/// The answer that a person wrote.
pub(super) fn parsed(text: &str) -> Option<Answer> {
    match text.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" | "1" => Some(Answer::Yes),
        "n" | "no" | "0" => Some(Answer::No),
        "s" | "skip" | "?" => Some(Answer::Skip),
        _ => None,
    }
}

impl Answers {
    /// Opens the file, or makes it; the answers that it has: ranks counted from 0.
    ///
    /// # Errors
    /// A file of other data or settings, or with a line that cannot be read, or that another program holds.
    pub(super) fn open(
        path: &Path,
        settings: &Settings,
        fingerprint: &str,
        note: impl Fn(&str),
    ) -> anyhow::Result<(Self, Vec<(usize, Answer)>)> {
        let shown = path.display();
        let named = || format!("{shown}");
        if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            bail!("{shown}: not a regular file: name another one with --answers FILE");
        }
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path).with_context(named)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("{shown}: another program is asking with this file"),
            Err(TryLockError::Error(error)) => note(&format!("{shown} cannot be locked: {error}")),
        }
        let mut bytes = Vec::new();
        (&mut file).take(1 << 26).read_to_end(&mut bytes).with_context(named)?;
        let header = Header {
            lacuna: KIND.to_string(),
            version: 1,
            fingerprint: fingerprint.to_string(),
            fdr: settings.fdr,
            confidence: settings.confidence,
            answers: settings.answers,
            seed: settings.seed,
        };
        // What is after the last line end was not written as a whole.
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let first = bytes.iter().position(|byte| *byte == b'\n');
        if first.is_none() && !bytes.is_empty() && !starts_as(&header, &bytes)? {
            bail!("{shown}: not a file of answers: name another one with --answers FILE");
        }
        if whole < bytes.len() {
            note(&format!("{shown}: the last line was not written as a whole and is dropped"));
            file.set_len(whole as u64).with_context(named)?;
        }
        let text = std::str::from_utf8(&bytes[..whole])
            .with_context(|| format!("{shown}: not a file of answers: it is not UTF-8"))?;
        let mut lines = text.lines().enumerate();
        let mut found: Vec<(usize, Answer)> = Vec::new();
        if let Some((_, line)) = lines.next() {
            check(&header, line).map_err(|problem| anyhow::anyhow!("{shown}: {problem}"))?;
        }
        for (i, line) in lines {
            let place = || format!("{shown}, line {}", i + 1);
            let line: Line =
                serde_json::from_str(line).with_context(|| format!("{}: not an answer", place()))?;
            match line {
                Line::Answer { rank, answer, .. } => {
                    let Some(answer) = parsed(&answer) else {
                        bail!("{}: the answer is neither yes, no nor skip", place());
                    };
                    let Some(rank) = rank.checked_sub(1) else {
                        bail!("{}: ranks are counted from 1", place());
                    };
                    found.push((rank, answer));
                }
                Line::Undo { undo } => {
                    if !undo || found.pop().is_none() {
                        bail!("{}: there is no answer to take back", place());
                    }
                }
            }
        }
        let mut answers = Self { path: path.to_path_buf(), file };
        answers.file.seek(SeekFrom::Start(whole as u64)).with_context(named)?;
        if whole == 0 {
            answers.append(&header)?;
        }
        Ok((answers, found))
    }

    /// Stores the last answer of a session.
    pub(super) fn push(&mut self, session: &Session, row: &str, class: &str) -> anyhow::Result<()> {
        let &(rank, answer) = session.answers().last().context("there is an answer to store")?;
        let (row, class, answer) = (row.to_string(), class.to_string(), word(answer).to_string());
        self.append(&Line::Answer { rank: rank + 1, row, class, answer })
    }

    /// Stores that the last answer is taken back.
    pub(super) fn undo(&mut self) -> anyhow::Result<()> {
        self.append(&Line::Undo { undo: true })
    }

    fn append(&mut self, line: &impl Serialize) -> anyhow::Result<()> {
        let text = serde_json::to_string(line)? + "\n";
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        written.with_context(|| self.path.display().to_string())
    }
}

/// Whether bytes without a line end are the beginning of the header.
fn starts_as(header: &Header, bytes: &[u8]) -> anyhow::Result<bool> {
    let line = serde_json::to_string(header)?;
    let word = line.as_bytes();
    let kind = format!("{{\"lacuna\":\"{KIND}\"");
    Ok(word.starts_with(bytes) || bytes.starts_with(kind.as_bytes()))
}

/// What of the stored header is another than it has to be.
fn check(expected: &Header, line: &str) -> Result<(), String> {
    let found: Header = serde_json::from_str(line)
        .ok()
        .filter(|found: &Header| found.lacuna == KIND)
        .ok_or("not a file of answers: name another one with --answers FILE")?;
    let differs = |option: &str, was: String, is: String| {
        Err(format!(
            "the answers were given with {option} {was}, and this is {is}: use the same options, or --answers FILE for new answers"
        ))
    };
    if found.version != expected.version {
        return differs("version", found.version.to_string(), expected.version.to_string());
    }
    if found.answers != expected.answers {
        return differs("--ask", found.answers.to_string(), expected.answers.to_string());
    }
    if found.fdr.to_bits() != expected.fdr.to_bits() {
        return differs("--fdr", found.fdr.to_string(), expected.fdr.to_string());
    }
    if found.confidence.to_bits() != expected.confidence.to_bits() {
        return differs("--confidence", found.confidence.to_string(), expected.confidence.to_string());
    }
    if found.seed != expected.seed {
        return differs("--seed", found.seed.to_string(), expected.seed.to_string());
    }
    match found.fingerprint == expected.fingerprint {
        true => Ok(()),
        false => Err("the answers are about another ranking: data or options of the audit differ. Use the same ones, or \
                      --answers FILE for new answers"
            .to_string()),
    }
}

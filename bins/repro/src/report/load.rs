//! What a folder holds.

use crate::specs;
use crate::study::RECORD;
use anyhow::Context;
use lacuna_harness::{DataLabel, HarnessError, RunFolder, Spec, StudyRecord};
use std::path::{Path, PathBuf};

/// Largest record of a study that is read.
const LARGEST: u64 = 1 << 28;

/// The results of a folder.
#[derive(Debug)]
pub(super) enum Loaded {
    /// Those of `repro run`.
    Run(Box<RunFolder>),
    /// Those of `repro study`.
    Study(Box<StudyFolder>),
}

/// The results of a study.
#[derive(Debug)]
pub(super) struct StudyFolder {
    pub(super) path: PathBuf,
    pub(super) record: StudyRecord,
    /// The benchmark of this name that the program has: published numbers, and who claims what.
    pub(super) spec: Spec,
    /// The data of the first mask.
    pub(super) data: Option<DataLabel>,
}

impl Loaded {
    /// The files that were read.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        match self {
            Loaded::Run(folder) => folder.files(),
            Loaded::Study(study) => vec![study.path.join(RECORD)],
        }
    }
}

/// Reads a run folder or the folder of a study.
pub(super) fn folder(path: &Path) -> anyhow::Result<Loaded> {
    let file = path.join(RECORD);
    if std::fs::symlink_metadata(&file).is_err() {
        crate::study::refuse_unfinished(path)?;
        return Ok(Loaded::Run(Box::new(RunFolder::read(path)?)));
    }
    let refused = |problem: String| HarnessError::NoResults { folder: file.clone(), problem };
    let metadata = std::fs::metadata(&file).with_context(|| file.display().to_string())?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return Err(refused("expected a regular file of at most 256 MiB".to_string()).into());
    }
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let again = "; `repro study` with this folder writes it again";
    let record = StudyRecord::parse(&text).map_err(|problem| refused(problem + again))?;
    let spec = specs::find(&record.head.benchmark).with_context(|| file.display().to_string())?;
    let mask = record.head.masks.first().map(|mask| path.join(format!("mask-{mask}")));
    let first = mask.filter(|mask| mask.is_dir()).map(|mask| RunFolder::read(&mask)).transpose()?;
    let data = first.and_then(|folder| folder.data().cloned());
    Ok(Loaded::Study(Box::new(StudyFolder { path: path.into(), record, spec, data })))
}

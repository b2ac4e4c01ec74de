//! Checkpoints: the complete state of a run in one file.
//!
//! A checkpoint is taken between epochs. Random draws depend on the seed, the epoch and the step alone, so no generator has
//! to be saved; samplers whose cycles live on carry their state. The file is a `.safetensors` file:
//!
//! | tensor | what |
//! |---|---|
//! | `entry/NAME` | parameters and state on the tape |
//! | `ema/NAME`, `best/I`, `best-averaged/I` | averages, and weights of the best epochs; `best-observed...` by observed labels |
//! | `optimizer/NAME/...` | moments, steps and the bookkeeping of row updates |
//! | `procedure/N/NAME`, `feed/N/NAME` | state of losses, relabelling and samplers, f64 |
//! | `history/...` | loss and validation metric of every epoch |
//!
//! The metadata have the position of the run, its settings and data, and the checksum of everything else.

use crate::optimizers::Stepper;
use crate::phase::{Best, Choice};
use crate::run::Place;
use crate::{Data, EpochRecord, Evaluation, LossChoice, Run, StateError, TrainError, Training};
use lacuna_formats::{
    Destination, FormatError, Limits, NpyArray, NpyData, SafetensorsFile, sweep_temporary_files,
    write_safetensors,
};
use lacuna_losses::StateEntry;
use lacuna_nn::{LbfgsState, RowsState, SlotState};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Version of the layout above.
const VERSION: &str = "2";

/// A run between two epochs.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    tensors: BTreeMap<String, Values>,
    metadata: BTreeMap<String, String>,
}

/// Numbers of one tensor.
#[derive(Clone, Debug, PartialEq)]
enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
    U64(Vec<u64>),
}

impl Values {
    fn array(&self) -> Result<NpyArray, FormatError> {
        let (len, data) = match self {
            Values::F32(values) => (values.len(), NpyData::F32(values.clone())),
            Values::F64(values) => (values.len(), NpyData::F64(values.clone())),
            Values::U64(values) => (values.len(), NpyData::U64(values.clone())),
        };
        Ok(NpyArray::new(vec![len], data).expect("one axis of as many numbers"))
    }

    fn hash(&self, hasher: &mut blake3::Hasher) {
        let bytes: Vec<u8> = match self {
            Values::F32(values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Values::F64(values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Values::U64(values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
        };
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(&bytes);
    }
}

/// The best epochs of a run, with their names in the metadata and among the tensors.
fn bests<'r>(run: &'r Run<'_>) -> [(&'static str, &'static str, &'r Best); 4] {
    [
        ("best", "best", &run.best.model),
        ("best_averaged", "best-averaged", &run.best.averaged),
        ("best_observed", "best-observed", &run.best_observed.model),
        ("best_observed_averaged", "best-observed-averaged", &run.best_observed.averaged),
    ]
}

impl Checkpoint {
    pub(crate) fn of(run: &Run<'_>) -> Self {
        let mut tensors = BTreeMap::new();
        let mut put = |name: String, values: Values| drop(tensors.insert(name, values));
        for entry in run.current.tape.entries() {
            put(format!("entry/{}", entry.name), Values::F32(entry.value.to_vec()));
        }
        if let Some(ema) = &run.current.ema {
            for (name, values) in ema.averages() {
                put(format!("ema/{name}"), Values::F32(values.to_vec()));
            }
        }
        for (_, what, best) in bests(run) {
            for (i, weights) in best.weights.iter().enumerate() {
                put(format!("{what}/{i}"), Values::F32(weights.clone()));
            }
        }
        let slots = match &run.current.stepper {
            Stepper::Batches(optimizer) => optimizer.state(),
            Stepper::Whole(lbfgs) => {
                let state = lbfgs.state();
                put("lbfgs/iterations".to_string(), Values::U64(vec![state.iterations]));
                put("lbfgs/value".to_string(), Values::F64(state.value.into_iter().collect()));
                state.slots
            }
        };
        for slot in slots {
            let name = |part: &str| format!("optimizer/{}/{part}", slot.parameter);
            put(name("steps"), Values::U64(vec![slot.steps]));
            for (i, (array, values)) in slot.arrays.into_iter().enumerate() {
                put(format!("optimizer/{}/array/{i:04}/{array}", slot.parameter), Values::F32(values));
            }
            if let Some(RowsState { touched, updated, alive }) = slot.rows {
                let alive = alive.into_iter().map(u64::from).collect();
                for (part, values) in [("touched", touched), ("updated", updated), ("alive", alive)] {
                    put(format!("optimizer/{}/{part}", slot.parameter), Values::U64(values));
                }
            }
        }
        // Numbered, because losses define the order of their state.
        for (number, StateEntry { name, values }) in run.current.procedure.state().into_iter().enumerate() {
            put(format!("procedure/{number:04}/{name}"), Values::F64(values));
        }
        for (i, source) in run.current.sources.iter().enumerate() {
            for (number, StateEntry { name, values }) in source.state(i).into_iter().enumerate() {
                put(format!("feed/{number:04}/{name}"), Values::F64(values));
            }
        }
        let of = |value: &dyn Fn(&EpochRecord) -> f64| Values::F64(run.history.iter().map(value).collect());
        put("history/phase".to_string(), of(&|record| record.phase as f64));
        put("history/epoch".to_string(), of(&|record| record.epoch as f64));
        put("history/loss".to_string(), of(&|record| record.loss));
        put("history/val".to_string(), of(&|record| record.val.unwrap_or(f64::NAN)));
        put("history/val-averaged".to_string(), of(&|record| record.val_averaged.unwrap_or(f64::NAN)));
        put("history/hidden".to_string(), of(&|record| record.hidden.unwrap_or(f64::NAN)));
        let bits = |value: f64| format!("{:016x}", value.to_bits());
        let metadata = [
            ("format", "lacuna-training-state".to_string()),
            ("version", VERSION.to_string()),
            ("phase", run.at.phase.to_string()),
            ("epoch", run.at.epoch.to_string()),
            ("step", run.at.step.to_string()),
            ("seed", run.seed.to_string()),
            ("settings", settings_digest(&run.phases, &run.loss)),
            ("converged", run.converged.to_string()),
        ];
        let metadata = metadata.map(|(key, value)| (key.to_string(), value));
        let of_bests = bests(run).into_iter().flat_map(|(what, _, best)| {
            [(format!("{what}_epoch"), best.epoch.to_string()), (format!("{what}_value"), bits(best.value))]
        });
        Self { tensors, metadata: metadata.into_iter().chain(of_bests).collect() }
    }

    /// The weights of a run at the end of an epoch, and their averages, without what a continued run needs.
    pub(crate) fn weights_of(run: &Run<'_>) -> Self {
        let Self { mut tensors, metadata } = Self::of(run);
        tensors.retain(|name, _| ["entry/", "ema/", "history/"].iter().any(|kept| name.starts_with(kept)));
        Self { tensors, metadata }
    }

    /// The numbers of a tensor in f32, `None` where it has no such tensor.
    pub(crate) fn numbers(&self, name: &str) -> Option<&[f32]> {
        match self.tensors.get(name) {
            Some(Values::F32(values)) => Some(values),
            _ => None,
        }
    }

    /// Losses of all epochs.
    pub(crate) fn losses(&self) -> &[f64] {
        match self.tensors.get("history/loss") {
            Some(Values::F64(values)) => values,
            _ => &[],
        }
    }

    /// Epochs of all phases that are over.
    pub fn epochs_done(&self) -> usize {
        match self.tensors.get("history/loss") {
            Some(Values::F64(values)) => values.len(),
            _ => 0,
        }
    }

    /// The same checkpoint with a further fact that has to be the same when the run is resumed: the fingerprint of the
    /// data, the identity of the run.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.metadata.insert(format!("run.{key}"), value.to_string());
        self
    }

    /// A fact that was saved with [`with`](Self::with).
    pub fn fact(&self, key: &str) -> Option<&str> {
        self.metadata.get(&format!("run.{key}")).map(String::as_str)
    }

    /// BLAKE3 of all tensors and metadata but the checksum itself.
    fn checksum(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut text = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        for (key, value) in self.metadata.iter().filter(|(key, _)| *key != "checksum") {
            text(key);
            text(value);
        }
        for name in self.tensors.keys() {
            text(name);
        }
        self.tensors.values().for_each(|values| values.hash(&mut hasher));
        hasher.finalize().to_hex().to_string()
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// [`TrainError::Format`].
    pub fn write<'p>(&self, destination: impl Into<Destination<'p>>) -> Result<(), TrainError> {
        let arrays: Vec<(&str, NpyArray)> = self
            .tensors
            .iter()
            .map(|(name, values)| Ok((name.as_str(), values.array()?)))
            .collect::<Result<_, FormatError>>()?;
        let arrays: Vec<(&str, &NpyArray)> = arrays.iter().map(|(name, array)| (*name, array)).collect();
        let checksum = self.checksum();
        let mut metadata: Vec<(&str, &str)> =
            self.metadata.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        metadata.push(("checksum", &checksum));
        Ok(write_safetensors(destination, &arrays, &metadata)?)
    }

    /// Reads a file and verifies its checksum.
    ///
    /// # Errors
    /// [`TrainError::Format`], [`StateError::Damaged`].
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let damaged = |problem: String| StateError::Damaged { path: path.display().to_string(), problem };
        let mut file = SafetensorsFile::open_within(path, &Limits::default())?;
        let mut metadata = file.metadata().clone();
        if metadata.get("format").map(String::as_str) != Some("lacuna-training-state") {
            return Err(damaged("it is not a saved state of training".to_string()).into());
        }
        if metadata.get("version").map(String::as_str) != Some(VERSION) {
            return Err(damaged("it was saved by another version of the program".to_string()).into());
        }
        let checksum = metadata.remove("checksum");
        let names: Vec<String> = file.names().map(str::to_string).collect();
        let mut tensors = BTreeMap::new();
        for name in names {
            let values = match file.read(&name)?.into_data() {
                NpyData::F32(values) => Values::F32(values),
                NpyData::F64(values) => Values::F64(values),
                NpyData::U64(values) => Values::U64(values),
                _ => return Err(damaged(format!("`{name}` has a type that is not saved")).into()),
            };
            tensors.insert(name, values);
        }
        let checkpoint = Self { tensors, metadata };
        if !cfg!(fuzzing) && checksum != Some(checkpoint.checksum()) {
            return Err(damaged("checksum mismatch: the file is damaged".to_string()).into());
        }
        Ok(checkpoint)
    }

    fn number<T: std::str::FromStr>(&self, key: &str) -> Result<T, StateError> {
        let text = self.metadata.get(key).ok_or_else(|| StateError::Missing(key.to_string()))?;
        let unfit = || StateError::Unfit { name: key.to_string(), problem: format!("is `{text}`") };
        text.parse().map_err(|_| unfit())
    }

    fn value(&self, key: &str) -> Result<f64, StateError> {
        let text = self.metadata.get(key).ok_or_else(|| StateError::Missing(key.to_string()))?;
        let unfit = |_| StateError::Unfit { name: key.to_string(), problem: format!("is `{text}`") };
        Ok(f64::from_bits(u64::from_str_radix(text, 16).map_err(unfit)?))
    }

    fn f32s(&self, name: &str) -> Result<&[f32], StateError> {
        match self.tensors.get(name) {
            Some(Values::F32(values)) => Ok(values),
            _ => Err(StateError::Missing(name.to_string())),
        }
    }

    fn f64s(&self, name: &str) -> Result<&[f64], StateError> {
        match self.tensors.get(name) {
            Some(Values::F64(values)) => Ok(values),
            _ => Err(StateError::Missing(name.to_string())),
        }
    }

    fn u64s(&self, name: &str) -> Option<&[u64]> {
        match self.tensors.get(name) {
            Some(Values::U64(values)) => Some(values),
            _ => None,
        }
    }

    /// Numbered state entries whose names start with this, without prefix and number, in the order of the numbers.
    fn entries(&self, prefix: &str) -> Vec<StateEntry> {
        let of = |(name, values): (&String, &Values)| match (numbered(name, prefix), values) {
            (Some(name), Values::F64(values)) => {
                Some(StateEntry { name: name.to_string(), values: values.clone() })
            }
            _ => None,
        };
        self.tensors.iter().filter_map(of).collect()
    }

    fn best(&self, what: &str, prefix: &str) -> Result<Best, StateError> {
        let (epoch, value) = (self.number(&format!("{what}_epoch"))?, self.value(&format!("{what}_value"))?);
        let weights = (0..).map_while(|i| self.f32s(&format!("{prefix}/{i}")).ok().map(<[f32]>::to_vec));
        Ok(Best { epoch, value, weights: weights.collect() })
    }

    /// Slots of an optimiser for these parameters.
    fn slots(&self, parameters: &[String]) -> Vec<SlotState> {
        let of = |parameter: &String| {
            let steps = *self.u64s(&format!("optimizer/{parameter}/steps"))?.first()?;
            let prefix = format!("optimizer/{parameter}/array/");
            let arrays = self.tensors.iter().filter_map(|(name, values)| match values {
                Values::F32(values) => Some((numbered(name, &prefix)?.to_string(), values.clone())),
                _ => None,
            });
            let part = |part: &str| self.u64s(&format!("optimizer/{parameter}/{part}")).map(<[u64]>::to_vec);
            let rows =
                part("touched").zip(part("updated")).zip(part("alive")).map(|((touched, updated), alive)| {
                    RowsState { touched, updated, alive: alive.into_iter().map(|alive| alive != 0).collect() }
                });
            Some(SlotState { parameter: parameter.clone(), steps, arrays: arrays.collect(), rows })
        };
        parameters.iter().filter_map(of).collect()
    }

    fn history(&self) -> Result<Vec<EpochRecord>, StateError> {
        let [phase, epoch, loss, val, averaged, hidden] =
            ["phase", "epoch", "loss", "val", "val-averaged", "hidden"]
                .map(|what| self.f64s(&format!("history/{what}")));
        let (phase, epoch, loss, val, averaged, hidden) = (phase?, epoch?, loss?, val?, averaged?, hidden?);
        if [epoch.len(), loss.len(), val.len(), averaged.len(), hidden.len()]
            .iter()
            .any(|len| *len != phase.len())
        {
            let problem = "has columns of different length".to_string();
            return Err(StateError::Unfit { name: "history".to_string(), problem });
        }
        let some = |value: f64| (!value.is_nan()).then_some(value);
        let record = |i: usize| EpochRecord {
            phase: phase[i] as usize,
            epoch: epoch[i] as usize,
            loss: loss[i],
            val: some(val[i]),
            val_averaged: some(averaged[i]),
            hidden: some(hidden[i]),
        };
        Ok((0..phase.len()).map(record).collect())
    }
}

/// `prefixNNNN/name` without prefix and number.
fn numbered<'n>(name: &'n str, prefix: &str) -> Option<&'n str> {
    name.strip_prefix(prefix)?.split_once('/').map(|(_, name)| name)
}

/// A digest of everything in the settings that decides the bits of a run.
fn settings_digest(phases: &[Training], loss: &LossChoice) -> String {
    let phases: Vec<Training> = phases.iter().map(|phase| Training { seeds: 0, ..phase.clone() }).collect();
    let phases = serde_json::to_vec(&phases).expect("settings turn into JSON");
    let loss = format!("{} {:?}", loss.row.info.name, loss.options);
    let mut hasher = blake3::Hasher::new();
    hasher.update(&phases).update(loss.as_bytes());
    hasher.finalize().to_hex().to_string()
}

impl<'a> Run<'a> {
    /// Goes on from a checkpoint of the same settings, loss and seed over the same data: the bits are those of a run that
    /// was never interrupted.
    ///
    /// # Errors
    /// As for [`Run::new`]; [`StateError`] where the checkpoint is of another run.
    pub fn resume(
        data: Data<'a>,
        training: &Training,
        evaluation: &Evaluation,
        loss: LossChoice,
        seed: u64,
        from: &Checkpoint,
    ) -> Result<Self, TrainError> {
        let place =
            Place { phase: from.number("phase")?, epoch: from.number("epoch")?, step: from.number("step")? };
        let mut run = Self::at_phase(data, training, evaluation, loss, seed, place.phase, true)?;
        let other = |what| StateError::OtherRun { path: "the saved state".to_string(), what };
        if from.number::<u64>("seed")? != seed {
            return Err(other("the seed").into());
        }
        if from.metadata.get("settings") != Some(&settings_digest(&run.phases, &run.loss)) {
            return Err(other("a setting").into());
        }
        let current = &mut run.current;
        let mut problem = None;
        current.tape.update_entries(|_, entry| match from.f32s(&format!("entry/{}", entry.name)) {
            Ok(values) if values.len() == entry.value.len() => entry.value.copy_from_slice(values),
            Ok(_) => {
                let (name, problem_is) = (entry.name.to_string(), "has another size".to_string());
                problem = Some(StateError::Unfit { name, problem: problem_is });
            }
            Err(error) => problem = Some(error),
        });
        if let Some(problem) = problem {
            return Err(problem.into());
        }
        if let Some(ema) = &mut current.ema {
            let averages = from.tensors.iter().filter_map(|(name, values)| match values {
                Values::F32(values) => Some((name.strip_prefix("ema/")?, values.as_slice())),
                _ => None,
            });
            let unfit = |problem: String| StateError::Unfit { name: "ema".to_string(), problem };
            ema.restore(averages).map_err(|problem| unfit(format!("does not fit: {problem}")))?;
        }
        let parameters: Vec<String> = current.tape.entries().map(|entry| entry.name.to_string()).collect();
        match &mut current.stepper {
            Stepper::Batches(optimizer) => {
                let unfit = |problem: String| StateError::Unfit { name: "optimizer".to_string(), problem };
                optimizer
                    .restore(&from.slots(&parameters), &current.tape)
                    .map_err(|error| unfit(format!("does not fit: {error}")))?;
            }
            Stepper::Whole(lbfgs) => {
                let iterations = from.u64s("lbfgs/iterations").and_then(|values| values.first());
                let state = LbfgsState {
                    iterations: *iterations
                        .ok_or_else(|| StateError::Missing("lbfgs/iterations".to_string()))?,
                    value: from.f64s("lbfgs/value")?.first().copied(),
                    slots: from.slots(&parameters),
                };
                let unfit = |problem: String| StateError::Unfit { name: "lbfgs".to_string(), problem };
                lbfgs
                    .restore(&state, &current.tape)
                    .map_err(|error| unfit(format!("does not fit: {error}")))?;
            }
        }
        current.procedure.restore(&from.entries("procedure/"))?;
        let feeds = from.entries("feed/");
        for (i, source) in current.sources.iter_mut().enumerate() {
            source.restore(i, &feeds)?;
        }
        let best = |what: &str, prefix: &str| from.best(what, prefix);
        run.best = Choice { model: best("best", "best")?, averaged: best("best_averaged", "best-averaged")? };
        run.best_observed = Choice {
            model: best("best_observed", "best-observed")?,
            averaged: best("best_observed_averaged", "best-observed-averaged")?,
        };
        run.history = from.history()?;
        run.converged = from.number("converged")?;
        run.at = place;
        fits(&run)?;
        Ok(run)
    }
}

/// Whether the place of a run that was read and its best epochs are those of such a run. A checksum says that a file is as it was
/// written, not who wrote it.
fn fits(run: &Run<'_>) -> Result<(), StateError> {
    let unfit = |name: &str, problem: &str| {
        Err(StateError::Unfit { name: name.to_string(), problem: problem.to_string() })
    };
    if run.at.epoch > run.phases[run.at.phase].epochs || run.at.epoch > run.history.len() {
        return unfit("epoch", "is beyond the epochs of the run");
    }
    // Numbers of steps are multiplied, and become floats.
    if run.at.step >= 1 << 40 {
        return unfit("step", "is beyond the steps of a run");
    }
    let sizes: Vec<usize> = run.current.weights().iter().map(Vec::len).collect();
    for (name, _, best) in bests(run) {
        if best.epoch > run.at.epoch {
            return unfit(name, "is an epoch that has not been");
        }
        // Before the first epoch that counts there are none; those of a later one are written over them.
        let none = best.epoch == 0 && best.weights.is_empty();
        if !none && !best.weights.iter().map(Vec::len).eq(sizes.iter().copied()) {
            return unfit(name, "has weights of another size");
        }
    }
    Ok(())
}

/// The checkpoints of one run in a folder: the last two are kept.
///
/// A file is written beside its name, forced to the disk and renamed, and the folder is forced to the disk, so that at any
/// moment the newest whole one or the one before can be read.
#[derive(Clone, Debug)]
pub struct CheckpointFolder {
    folder: PathBuf,
}

/// How many files are kept.
const KEPT: usize = 2;

impl CheckpointFolder {
    /// The folder, made when the first checkpoint is written.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Its files, the oldest first.
    fn files(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return vec![] };
        let name = |path: &PathBuf| {
            path.file_name().is_some_and(|name| {
                let name = name.to_string_lossy();
                name.starts_with("state-") && name.ends_with(".safetensors")
            })
        };
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(name).collect();
        files.sort();
        files
    }

    /// Writes a checkpoint and removes all but the last two.
    ///
    /// # Errors
    /// [`TrainError::Write`] or [`TrainError::Format`]; the files that are there stay.
    pub fn write(&self, checkpoint: &Checkpoint) -> Result<PathBuf, TrainError> {
        let failed = |source| TrainError::Write { path: self.folder.display().to_string(), source };
        fs::create_dir_all(&self.folder).map_err(failed)?;
        let path = self.folder.join(format!("state-{:06}.safetensors", checkpoint.epochs_done()));
        checkpoint.write(Destination::replacing(&path))?;
        let files = self.files();
        for old in files.iter().rev().skip(KEPT) {
            // A checkpoint that cannot be removed is harmless.
            let _ = fs::remove_file(old);
        }
        Ok(path)
    }

    /// The newest checkpoint that can be read, with a sentence about each newer one that cannot; `None` where there is
    /// none.
    pub fn newest(&self) -> (Option<Checkpoint>, Vec<String>) {
        sweep_temporary_files(&self.folder);
        let mut notes = Vec::new();
        for path in self.files().iter().rev() {
            match Checkpoint::read(path) {
                Ok(checkpoint) => return (Some(checkpoint), notes),
                Err(error) => notes.push(error.to_string()),
            }
        }
        (None, notes)
    }

    /// Removes the files, and the folder where it is empty then: the run is over.
    pub fn clear(&self) {
        for file in self.files() {
            let _ = fs::remove_file(file);
        }
        let _ = fs::remove_dir(&self.folder);
    }
}

#[cfg(test)]
mod tests;

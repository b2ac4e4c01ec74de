//! A head of the corrected labels, and what it gains over one of the given labels.

use crate::certified::{Change, apply};
use crate::cli::labelled::Labelled;
use crate::cli::{Watched, screen};
use crate::{Fit, Gain};
use serde::Serialize;
use std::path::Path;

/// The files of a head.
pub(super) const FILES: [&str; 2] = ["head.safetensors", "head.json"];

/// Resamples of the test rows.
const RESAMPLES: usize = 2_000;

/// What retraining did, in the layout of the JSON output.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    out: String,
    loss: String,
    /// Changes that nobody answered for.
    unanswered: usize,
    gain: Option<Measured>,
}

/// Test mAP of both heads.
#[derive(Clone, Copy, Debug, Serialize)]
struct Measured {
    before: f64,
    after: f64,
    difference: f64,
    low: f64,
    high: f64,
    rows: usize,
    classes: usize,
    assuming_negative: bool,
}

impl From<Gain> for Measured {
    fn from(gain: Gain) -> Self {
        let Gain { before, after, difference, low, high, rows, classes, assuming_negative } = gain;
        Self { before, after, difference, low, high, rows, classes, assuming_negative }
    }
}

/// Trains both heads, measures them where there are test rows, and saves that of the corrected labels.
pub(super) fn run(
    fit: &Fit,
    (rows, test): (&Labelled, Option<&Labelled>),
    changes: &[Change],
    folder: &Path,
    replace: bool,
) -> anyhow::Result<Outcome> {
    if !changes.is_empty() && changes.iter().all(|change| !change.answered) {
        screen::err(
            "warning: nobody answered for the labels that were added, and nobody knows how many of them are wrong: the head may be \
             worse than before",
        );
    }
    let corrected = apply(&rows.observed, changes);
    let watched = Watched::new();
    let both =
        watched.hook().into_iter().fold(fit.clone(), Fit::on_progress).retrain(rows, rows, &corrected)?;
    watched.end();
    let gain = test.map(|test| both.gain(test, test, RESAMPLES)).transpose()?;
    match replace {
        true => both.corrected.save_replacing(folder)?,
        false => both.corrected.save(folder)?,
    }
    Ok(Outcome {
        out: folder.display().to_string(),
        loss: both.corrected.trained_with().loss.clone(),
        unanswered: changes.iter().filter(|change| !change.answered).count(),
        gain: gain.map(Measured::from),
    })
}

impl Outcome {
    /// What is printed.
    pub(super) fn sentences(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        match self.gain {
            Some(Measured { before, after, difference, low, high, rows, classes, assuming_negative }) => {
                sentences.push(format!(
                    "test mAP {before:.1} with the given labels, {after:.1} with the corrected ones: {difference:+.1} ({low:+.1} to \
                     {high:+.1}, 95 % by paired bootstrap of {rows} test rows; AP sklearn, {classes} classes with a positive)"
                ));
                if assuming_negative {
                    sentences.push(
                        "the test labels have no known negative: unknown cells counted as negatives, so both numbers are too low"
                            .to_string(),
                    );
                }
            }
            None => sentences.push(
                "nothing was measured: there are no test rows (--test FILE --test-labels FILE)".to_string(),
            ),
        }
        sentences.push(format!(
            "written: {} (head.safetensors, head.json), loss {} as for the given labels",
            self.out, self.loss
        ));
        sentences
    }
}

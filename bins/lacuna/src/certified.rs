//! Certified lists of missing labels: an [`Audit`] whose cells are asked about.
//!
//! [`Review`] joins the two: questions about cells of an audit by their rank, and the list that the answers certify. The
//! statistics are those of [`lacuna_certify`]; `docs/audit.md` proves them.
//!
//! ```
//! use lacuna::certified::{Answer, Review, Settings, apply};
//! use lacuna::{Features, Label, LabelMatrix, ObservedLabels};
//!
//! // The class is the sign of the feature; the labels of every third row were lost.
//! let x: Vec<f32> = (0..300).map(|i| if i % 2 == 0 { -1.0 } else { 1.0 } * (1.0 + i as f32 / 300.0)).collect();
//! let label = |row: usize| if row % 2 == 1 && row % 3 > 0 { Label::Positive } else { Label::Unknown };
//! let y = ObservedLabels::from(LabelMatrix::new(300, 1, (0..300).map(label).collect())?);
//! let audit = lacuna::audit(&Features::new(300, 1, x)?, &y)?;
//!
//! let mut review = Review::new(&audit, Settings { answers: 60, ..Settings::default() })?;
//! while let Some(cell) = review.question() {
//!     // Somebody looks at the picture.
//!     let answer = if cell.row_index % 2 == 1 { Answer::Yes } else { Answer::No };
//!     review.answer(answer);
//! }
//! let certificate = review.certificate();
//! assert!(certificate.share() <= 0.1);
//! let changes = review.changes(&certificate);
//! let corrected = apply(&y, &changes);
//! assert!(corrected.positives() > y.positives());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use lacuna_certify::{Answer, Basis, Certificate, CertifyError, Estimate, Round, Session, Settings};

use crate::{Audit, Candidate, Label, LabelMatrix, ObservedLabels};
use std::collections::BTreeMap;

/// Questions about the cells of an audit, and the list that the answers certify.
#[derive(Clone, Debug)]
pub struct Review<'a> {
    audit: &'a Audit,
    session: Session,
}

/// A cell whose label is to be changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The cell, with the label that was given.
    pub cell: Candidate,
    /// Its rank in the audit, counted from 0.
    pub rank: usize,
    /// The new label.
    pub label: Label,
    /// Whether somebody answered a question about it.
    pub answered: bool,
}

impl<'a> Review<'a> {
    /// A review without answers.
    ///
    /// # Errors
    /// Settings out of range; an audit without cells.
    pub fn new(audit: &'a Audit, settings: Settings) -> Result<Self, CertifyError> {
        Self::replay(audit, settings, [])
    }

    /// A review that goes on after stored answers: rank, counted from 0, and answer.
    ///
    /// # Errors
    /// As for [`Review::new`]; [`CertifyError::OtherCell`] where an answer is not about the cell that is asked.
    pub fn replay(
        audit: &'a Audit,
        settings: Settings,
        answers: impl IntoIterator<Item = (usize, Answer)>,
    ) -> Result<Self, CertifyError> {
        Ok(Self { session: Session::replay(audit.len(), settings, answers)?, audit })
    }

    /// The cell of this rank.
    ///
    /// # Panics
    /// If the audit has fewer cells.
    #[track_caller]
    pub fn cell(&self, rank: usize) -> Candidate {
        self.audit.get(rank).expect("ranks are below the number of cells")
    }

    /// The session with its answers.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The next question, `None` where all are answered.
    pub fn question(&self) -> Option<Candidate> {
        self.session.question().map(|rank| self.cell(rank))
    }

    /// The open questions of this round, with their ranks.
    pub fn questions(&self) -> impl ExactSizeIterator<Item = (usize, Candidate)> {
        self.session.questions().iter().map(|&rank| (rank, self.cell(rank)))
    }

    /// Answers the next question.
    ///
    /// # Panics
    /// Where all questions are answered.
    #[track_caller]
    pub fn answer(&mut self, answer: Answer) {
        self.session.answer(answer);
    }

    /// Takes the last answer back; the cell that it was about.
    pub fn undo(&mut self) -> Option<Candidate> {
        self.session.undo().map(|rank| self.cell(rank))
    }

    /// The longest list that the answers certify.
    pub fn certificate(&self) -> Certificate {
        self.session.certificate()
    }

    /// BLAKE3, in hexadecimal, of what questions and answers depend on: the cells in their order, with their names, and the
    /// settings. Answers that were given under another fingerprint are about other cells.
    pub fn fingerprint(&self) -> String {
        let mut hash = blake3::Hasher::new();
        let settings = self.session.settings();
        hash.update(b"lacuna review 1");
        for number in [settings.fdr.to_bits(), settings.confidence.to_bits()] {
            hash.update(&number.to_le_bytes());
        }
        for number in [settings.answers as u64, settings.seed, self.audit.len() as u64] {
            hash.update(&number.to_le_bytes());
        }
        for rank in 0..self.audit.len() {
            let (row, class) = self.audit.place(rank);
            for number in [row as u64, class as u64] {
                hash.update(&number.to_le_bytes());
            }
        }
        for name in self.audit.row_names().iter().flat_map(|names| names.iter()).chain(self.audit.classes()) {
            hash.update(&(name.len() as u64).to_le_bytes());
            hash.update(name.as_bytes());
        }
        hash.finalize().to_hex().to_string()
    }

    /// The labels that follow from a certificate: entries of the list are positive, cells that were answered with no are negative.
    /// Cells that have that label already are left out. In the order of ranks.
    pub fn changes(&self, certificate: &Certificate) -> Vec<Change> {
        let mut changed: BTreeMap<usize, (Label, bool)> =
            certificate.list.iter().map(|&rank| (rank, (Label::Positive, false))).collect();
        for &(rank, answer) in self.session.answers() {
            match answer {
                Answer::No => drop(changed.insert(rank, (Label::Negative, true))),
                Answer::Yes | Answer::Skip => {
                    changed.entry(rank).and_modify(|(_, answered)| *answered = true);
                }
            }
        }
        let change = |(rank, (label, answered))| {
            let cell = self.cell(rank);
            (cell.label != label).then_some(Change { cell, rank, label, answered })
        };
        changed.into_iter().filter_map(change).collect()
    }
}

/// The first `n` cells of an audit as positives. Nothing is known about how many of them are wrong.
pub fn top_changes(audit: &Audit, n: usize) -> Vec<Change> {
    let change = |(rank, cell)| Change { cell, rank, label: Label::Positive, answered: false };
    audit.top(n).into_iter().enumerate().map(change).collect()
}

/// Labels with changes: those that were given to the audit, in their own order and with all of their rows.
///
/// # Panics
/// For a cell outside the labels.
#[track_caller]
pub fn apply(observed: &ObservedLabels, changes: &[Change]) -> ObservedLabels {
    let mut labels: LabelMatrix = observed.matrix().clone();
    changes
        .iter()
        .for_each(|change| labels.set(change.cell.label_row, change.cell.class_index, change.label));
    labels.into()
}

//! The lines of a list.

use crate::certified::{Answer, Certificate, Session};
use crate::{Audit, Candidate};
use serde::Serialize;

/// A line of a list.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Entry {
    /// Counted from 1.
    pub rank: usize,
    /// Name of the row.
    pub row: String,
    /// Name of the class.
    pub class: String,
    /// Larger is more suspicious. No probability.
    pub score: f32,
    /// Estimated from answers; `None` without them.
    pub probability: Option<f64>,
    /// Why the cell is suspicious.
    pub reason: String,
}

impl Entry {
    fn new(rank: usize, cell: &Candidate, probability: Option<f64>) -> Self {
        let (row, class) = (cell.row.clone(), cell.class.clone());
        Self { rank: rank + 1, row, class, score: cell.score, probability, reason: cell.reason.clone() }
    }

    /// The first cells of an audit.
    pub fn top(cells: &[Candidate], n: usize) -> Vec<Self> {
        cells.iter().take(n).enumerate().map(|(rank, cell)| Self::new(rank, cell, None)).collect()
    }

    /// The entries of a certificate of an audit, at most `n`.
    ///
    /// # Panics
    /// For a session about fewer or more cells than the audit has.
    pub fn certified(audit: &Audit, session: &Session, certificate: &Certificate, n: usize) -> Vec<Self> {
        let probabilities = session.probabilities();
        let cell = |rank| audit.get(rank).expect("ranks are below the number of cells");
        let of = |&rank: &usize| Self::new(rank, &cell(rank), Some(probabilities[rank]));
        certificate.list.iter().take(n).map(of).collect()
    }
}

/// How many answers there are of each kind: yes, no, skip.
pub(super) fn counts(session: &Session) -> [usize; 3] {
    let of = |wanted| session.answers().iter().filter(|(_, answer)| *answer == wanted).count();
    [of(Answer::Yes), of(Answer::No), of(Answer::Skip)]
}

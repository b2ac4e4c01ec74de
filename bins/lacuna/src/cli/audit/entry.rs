//! The lines of a list.

use crate::Candidate;
use crate::certified::{Answer, Certificate, Review};
use serde::Serialize;

/// A line of a list.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub(super) struct Entry {
    /// Counted from 1.
    pub(super) rank: usize,
    pub(super) row: String,
    pub(super) class: String,
    /// Larger is more suspicious. No probability.
    pub(super) score: f32,
    /// Estimated from answers; `None` without them.
    pub(super) probability: Option<f64>,
    /// Why the cell is suspicious.
    pub(super) reason: String,
}

impl Entry {
    fn new(rank: usize, cell: &Candidate, probability: Option<f64>) -> Self {
        let (row, class) = (cell.row.clone(), cell.class.clone());
        Self { rank: rank + 1, row, class, score: cell.score, probability, reason: cell.reason.clone() }
    }

    /// The first cells of an audit.
    pub(super) fn top(cells: &[Candidate], n: usize) -> Vec<Self> {
        cells.iter().take(n).enumerate().map(|(rank, cell)| Self::new(rank, cell, None)).collect()
    }

    /// The entries of a certificate, at most `n`.
    pub(super) fn certified(review: &Review<'_>, certificate: &Certificate, n: usize) -> Vec<Self> {
        let probabilities = review.session().probabilities();
        let of = |&rank: &usize| Self::new(rank, &review.cell(rank), Some(probabilities[rank]));
        certificate.list.iter().take(n).map(of).collect()
    }
}

/// How many answers there are of each kind: yes, no, skip.
pub(super) fn counts(review: &Review<'_>) -> [usize; 3] {
    let of = |wanted| review.session().answers().iter().filter(|(_, answer)| *answer == wanted).count();
    [of(Answer::Yes), of(Answer::No), of(Answer::Skip)]
}

//! Votes of the nearest rows.

use super::angles;
use crate::fit::negatives_stand_for_all;
use crate::sources::Joined;
use crate::{TrainError, Transform};
use lacuna_engine::Exec;
use lacuna_labels::Label;
use lacuna_nn::NeighbourGraph;

/// Most multiplications of the search for neighbours, which takes about half a minute on two cores.
const MOST: f64 = 2e12;

/// For every cell, how many of the nearest rows are labelled positive, and how many count.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Votes {
    /// Positive and counted neighbours, `[rows, classes]`; none where there was no search.
    pub(super) cells: Vec<[u8; 2]>,
    /// Neighbours of a row; 0 without a search.
    pub(super) neighbours: usize,
    /// Share of positives among the rows that count for a class, at least one of them.
    pub(super) shares: Vec<f64>,
}

impl Votes {
    /// Votes of the `k` nearest rows, by the angle between standardised features.
    pub(super) fn of(joined: &Joined<'_>, k: usize, notes: &mut Vec<String>) -> Result<Self, TrainError> {
        let (features, observed) = (&*joined.features, &*joined.observed);
        let (rows, columns, classes) = (features.rows(), features.columns(), observed.classes());
        let counts = |class: usize| {
            let count = |of: Label| {
                observed.cells()[class..].iter().step_by(classes).filter(|label| **label == of).count()
            };
            [count(Label::Positive), count(Label::Negative)]
        };
        let counts: Vec<[usize; 2]> = (0..classes).map(counts).collect();
        // Where the known negatives of a class stand for all, unknown cells do not count.
        let known: Vec<bool> = counts.iter().map(|counts| negatives_stand_for_all(*counts, rows)).collect();
        let share = |([positives, negatives], known): (&[usize; 2], &bool)| {
            let counted = if *known { positives + negatives } else { rows };
            (*positives).max(1) as f64 / counted.max(1) as f64
        };
        let shares = counts.iter().zip(&known).map(share).collect();
        let mut votes = Self { cells: vec![], neighbours: 0, shares };
        let k = k.min(rows.saturating_sub(1));
        if k == 0 {
            return Ok(votes);
        }
        if rows as f64 * rows as f64 * columns as f64 > MOST {
            notes.push(format!("{rows} rows are too many to search for the nearest of each: cells are ranked by the models alone"));
            return Ok(votes);
        }
        let all: Vec<u32> = (0..rows as u32).collect();
        let standardised = Transform::fit(&angles(), features, &all)?.try_apply(features)?;
        let unit = Transform { l2: true, ..Transform::default() }.apply_in_place(standardised)?;
        let graph = NeighbourGraph::nearest(unit.values(), rows, columns, k, Exec::Rayon)
            .map_err(|error| TrainError::Setting(format!("nearest rows: {error}")))?;
        votes.neighbours = k;
        votes.cells = Vec::with_capacity(rows * classes);
        let mut counts = vec![[0_u8; 2]; classes];
        for row in 0..rows {
            counts.fill([0; 2]);
            for neighbour in graph.neighbours(row) {
                let labels = observed.row(*neighbour as usize);
                for ((counts, label), known) in counts.iter_mut().zip(labels).zip(&known) {
                    counts[0] += u8::from(*label == Label::Positive);
                    counts[1] += u8::from(!known || *label != Label::Unknown);
                }
            }
            votes.cells.extend_from_slice(&counts);
        }
        Ok(votes)
    }

    /// Positive and counted neighbours of a cell.
    pub(super) fn counts(&self, cell: usize) -> [u8; 2] {
        self.cells.get(cell).copied().unwrap_or_default()
    }

    /// ln((positive + 0.3) / (counted + 1)).
    pub(super) fn ln(&self, cell: usize) -> f64 {
        let [positive, counted] = self.counts(cell).map(f64::from);
        ((positive + 0.3) / (counted + 1.0)).ln()
    }
}

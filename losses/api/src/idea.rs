//! What a loss does about missing labels, and what it assumes.

use std::fmt;

/// What a method does about labels that are missing, wrong or rare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Idea {
    /// Says what an unknown cell is, and nothing else.
    Baseline,
    /// Gives cells other weights.
    Reweight,
    /// Writes labels into unknown cells.
    Relabel,
    /// Has slopes that a wrong label cannot dominate.
    Robust,
    /// Treats unknown cells as a mixture of positives and negatives with known shares.
    PositiveUnlabelled,
    /// Is a smooth form of a metric.
    Metric,
    /// Has presences alone, and background to compare with.
    PresenceOnly,
    /// Corrects for classes that are rare.
    Imbalance,
    /// Compares two views of a row, or mixtures of rows.
    Views,
}

impl Idea {
    /// All of them, in the order of pages and lists.
    pub const ALL: [Idea; 9] = [
        Idea::Baseline,
        Idea::Reweight,
        Idea::Relabel,
        Idea::Robust,
        Idea::PositiveUnlabelled,
        Idea::Metric,
        Idea::PresenceOnly,
        Idea::Imbalance,
        Idea::Views,
    ];

    /// One sentence on it.
    pub fn sentence(self) -> &'static str {
        match self {
            Idea::Baseline => {
                "The label of an unknown cell is declared: negative, positive in part, or left out."
            }
            Idea::Reweight => "Cells that are likely to be wrong, or easy, count less.",
            Idea::Relabel => "Predictions become labels of unknown cells, for good or for a step.",
            Idea::Robust => "The slope of a cell falls where its label and a confident prediction disagree.",
            Idea::PositiveUnlabelled => {
                "Unknown cells are a mixture of positives and negatives, and its share of positives is given or estimated."
            }
            Idea::Metric => "A metric of the batch is made differentiable and maximised.",
            Idea::PresenceOnly => {
                "Only presences are observed; rows of background or other classes stand for absences."
            }
            Idea::Imbalance => {
                "Frequencies of classes move logits or weights, so that rare classes are learnt too."
            }
            Idea::Views => "Predictions for two views, or for mixtures of rows, are held against each other.",
        }
    }
}

impl fmt::Display for Idea {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Idea::Baseline => "baselines",
            Idea::Reweight => "reweighting",
            Idea::Relabel => "relabelling",
            Idea::Robust => "robust losses",
            Idea::PositiveUnlabelled => "positive-unlabelled risks",
            Idea::Metric => "metrics as losses",
            Idea::PresenceOnly => "presence-only data",
            Idea::Imbalance => "long tails",
            Idea::Views => "views and mixtures",
        })
    }
}

/// Idea and assumption of some rows of a crate.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Names of rows; none for all that are not named elsewhere in the crate.
    pub rows: &'static [&'static str],
    /// What the method does about labels.
    pub idea: Idea,
    /// What has to hold for the method to be right, in one sentence.
    pub assumes: &'static str,
}

impl About {
    /// Idea and assumption of the rows of these names.
    pub const fn of(rows: &'static [&'static str], idea: Idea, assumes: &'static str) -> Self {
        Self { rows, idea, assumes }
    }

    /// Idea and assumption of all rows that are not named.
    pub const fn others(idea: Idea, assumes: &'static str) -> Self {
        Self { rows: &[], idea, assumes }
    }
}

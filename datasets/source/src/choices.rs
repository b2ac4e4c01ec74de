//! The choices that a format leaves open, by the names that command lines and specifications use.

use lacuna_formats::{LabelConvention, MissingFeatures, NameMatch};
use lacuna_labels::Label;
use serde::{Deserialize, Serialize};

/// How rows of features and rows of labels find each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Match {
    /// By name: the names are the same.
    Name,
    /// By name: equal after the last slash.
    FileName,
    /// By name: the same file name without its extension.
    Stem,
    /// By position: row i belongs to row i, whatever the names are.
    Row,
}

/// What the numbers of observed labels mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Convention {
    /// 1 positive, 0 unknown, -1 observed negative.
    Spml,
    /// 1 positive, 0 unknown; the file has no -1.
    BinaryAn,
    /// 1 positive, 0 observed negative, -1 unknown.
    Csl,
}

/// What a class is that the list of a row does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unlisted {
    /// The list has the observed positives only; nothing is known of the rest.
    Unknown,
    /// The list is complete.
    Negative,
}

/// Handling of missing features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// The mean of its column over the rows that have it.
    Mean,
    /// 0.
    Zero,
    /// Its row is left out.
    DropRows,
}

impl From<Missing> for MissingFeatures {
    fn from(choice: Missing) -> Self {
        match choice {
            Missing::Mean => MissingFeatures::Mean,
            Missing::Zero => MissingFeatures::Zero,
            Missing::DropRows => MissingFeatures::DropRows,
        }
    }
}

impl From<Match> for NameMatch {
    fn from(choice: Match) -> Self {
        match choice {
            Match::Name => NameMatch::Exact,
            Match::FileName => NameMatch::FileName,
            Match::Stem => NameMatch::Stem,
            Match::Row => NameMatch::Row,
        }
    }
}

impl From<Convention> for LabelConvention {
    fn from(choice: Convention) -> Self {
        match choice {
            Convention::Spml => LabelConvention::Spml,
            Convention::BinaryAn => LabelConvention::BinaryAn,
            Convention::Csl => LabelConvention::Csl,
        }
    }
}

impl From<Unlisted> for Label {
    fn from(choice: Unlisted) -> Self {
        match choice {
            Unlisted::Unknown => Label::Unknown,
            Unlisted::Negative => Label::Negative,
        }
    }
}

//! What the numbers of a label file mean.

use crate::shown;
use lacuna_labels::Label;
use std::fmt;
use std::str::FromStr;

/// What the numbers of a file of observed labels mean, for files in which -1 occurs.
///
/// The same three numbers are in use with two meanings, so a reader that guesses is wrong for half
/// of its users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LabelConvention {
    /// 1 positive, 0 unknown, -1 observed negative: the single-positive papers, PU-MLC.
    Spml,
    /// 1 positive, 0 unobserved (which these papers then take as negative); -1 does not occur.
    BinaryAn,
    /// 1 positive, 0 observed negative, -1 unknown: class-aware selective loss, Open Images.
    Csl,
}

/// A name that is none of the choices.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no label convention {name:?}; there are spml, binary-an and csl")]
pub struct UnknownConvention {
    /// The name.
    pub name: String,
}

impl LabelConvention {
    /// Every convention.
    pub const ALL: [Self; 3] = [Self::Spml, Self::BinaryAn, Self::Csl];
}

impl FromStr for LabelConvention {
    type Err = UnknownConvention;

    fn from_str(name: &str) -> Result<Self, UnknownConvention> {
        let found = Self::ALL.into_iter().find(|convention| convention.to_string() == name);
        found.ok_or_else(|| UnknownConvention { name: name.into() })
    }
}

impl fmt::Display for LabelConvention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            LabelConvention::Spml => "spml",
            LabelConvention::BinaryAn => "binary-an",
            LabelConvention::Csl => "csl",
        })
    }
}

impl LabelConvention {
    /// What stands in a cell of text under a convention. A blank cell is unknown under every one; without one, 0 is a
    /// negative, because blanks are there for what is unknown, and -1 is refused.
    pub(crate) fn read(convention: Option<Self>, cell: &str) -> Result<Label, String> {
        use LabelConvention::{BinaryAn, Csl, Spml};
        match (cell, convention) {
            ("", _) => Ok(Label::Unknown),
            ("1" | "1.0", _) => Ok(Label::Positive),
            ("0" | "0.0", None | Some(Csl)) => Ok(Label::Negative),
            ("0" | "0.0", Some(Spml | BinaryAn)) => Ok(Label::Unknown),
            ("-1" | "-1.0", Some(Spml)) => Ok(Label::Negative),
            ("-1" | "-1.0", Some(Csl)) => Ok(Label::Unknown),
            ("-1" | "-1.0", Some(BinaryAn)) => Err("with the convention binary-an labels are 0 or 1".into()),
            ("-1" | "-1.0", None) => Err(MINUS_ONE.into()),
            _ => Err(format!("`{}` is no label: 1, 0, -1 or nothing", shown(cell))),
        }
    }
}

/// Why -1 is refused where nobody said what it means.
pub(crate) const MINUS_ONE: &str = "-1 means 'observed negative' in one convention (spml) and 'unknown' in another \
     (csl): say which one this file follows";

/// Why a number that is none is refused among labels.
pub(crate) const NOT_A_NUMBER: &str = "labels are -1, 0 or 1: write unknown labels as -1, and say with a label convention (csl) that -1 is unknown";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_under_each_convention() {
        use Label::{Negative as N, Positive as P, Unknown as U};
        let read = |convention, cell| LabelConvention::read(convention, cell);
        for convention in [None, Some(LabelConvention::Spml), Some(LabelConvention::BinaryAn)] {
            assert_eq!((read(convention, "1"), read(convention, "")), (Ok(P), Ok(U)));
            assert!(read(convention, "2").is_err() && read(convention, "yes").is_err());
        }
        assert_eq!([read(None, "0"), read(Some(LabelConvention::Csl), "-1")], [Ok(N), Ok(U)]);
        assert_eq!(
            [read(Some(LabelConvention::Spml), "0"), read(Some(LabelConvention::Spml), "-1")],
            [Ok(U), Ok(N)]
        );
        assert!(read(None, "-1").unwrap_err().contains("say which one"));
        assert!(read(Some(LabelConvention::BinaryAn), "-1").is_err());
    }
}

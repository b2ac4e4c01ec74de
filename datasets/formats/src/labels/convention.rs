//! What the numbers and words of a label file mean.

use crate::error::Problem;
use crate::{ReadOptions, shown};
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
    /// 1 positive, 0 unknown (which these papers then take as negative); the file has no -1.
    BinaryAn,
    /// 1 positive, 0 observed negative, -1 unknown: class-aware selective loss, Open Images.
    Csl,
}

/// A name that is not one of the choices.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown label convention {name:?}: expected spml, binary-an or csl")]
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
    /// The label in a cell of text under a convention. A blank cell and the words for a missing value are unknown under
    /// every one; without one, 0 is a negative, because blanks are there for what is unknown, and -1 is refused. The
    /// spelling does not matter, see [`number_in`]: `0.0`, `false` and `no` mean what 0 means.
    pub(crate) fn read(convention: Option<Self>, cell: &str) -> Result<Label, Problem> {
        CellReader { convention, positive_above: None, blank: Label::Unknown }.text(cell)
    }

    /// What a number means under a convention, as [`LabelConvention::read`].
    pub(crate) fn of_number(convention: Option<Self>, number: f64) -> Result<Label, Problem> {
        use LabelConvention::{BinaryAn, Csl, Spml};
        match (number, convention) {
            (1.0, _) => Ok(Label::Positive),
            (0.0, None | Some(Csl)) => Ok(Label::Negative),
            (0.0, Some(Spml | BinaryAn)) => Ok(Label::Unknown),
            (-1.0, Some(Spml)) => Ok(Label::Negative),
            (-1.0, Some(Csl)) => Ok(Label::Unknown),
            (-1.0, Some(BinaryAn)) => Err("with the convention binary-an labels are 0 or 1".into()),
            (-1.0, None) => Err(Problem::minus_one()),
            (value, _) if 0.0 < value && value < 1.0 => Err(format!(
                "{value} is between 0 and 1: if it is a confidence, pass --positive-above P, the threshold above which \
                 a label is positive, and beside it --complete if the others are negatives, --label-convention binary-an if \
                 they are unknown"
            ).into()),
            (value, _) => Err(invalid(&value.to_string())),
        }
    }
}

/// Reads cells as the options say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CellReader {
    convention: Option<LabelConvention>,
    positive_above: Option<f64>,
    /// What a blank cell is.
    blank: Label,
}

impl CellReader {
    /// A blank cell is unknown.
    pub(crate) fn new(options: &ReadOptions) -> Self {
        let ReadOptions { convention, positive_above, .. } = *options;
        Self { convention, positive_above, blank: Label::Unknown }
    }

    /// A blank cell is what the options say of classes that are not listed.
    pub(crate) fn of_table(options: &ReadOptions) -> Self {
        Self { blank: options.unlisted.unwrap_or(Label::Unknown), ..Self::new(options) }
    }

    /// The label in a cell of text.
    pub(crate) fn text(&self, cell: &str) -> Result<Label, Problem> {
        match cell.trim() {
            "" => Ok(self.blank),
            cell => match number_in(cell) {
                Some(Some(number)) => self.number(number).map_err(|problem| match number.abs() > 1.0 {
                    // As it is spelled.
                    true if self.positive_above.is_none() => invalid(cell),
                    _ => problem,
                }),
                Some(None) => Ok(Label::Unknown),
                None => Err(invalid(cell)),
            },
        }
    }

    /// The label of a number.
    pub(crate) fn number(&self, number: f64) -> Result<Label, Problem> {
        let Some(above) = self.positive_above else {
            return LabelConvention::of_number(self.convention, number);
        };
        if !(0.0..1.0).contains(&above) {
            return Err(format!("--positive-above is {above}: expected a number from 0 to below 1").into());
        }
        if self.convention == Some(LabelConvention::Spml) {
            return Err("confidences have no -1, which is the negative of the convention spml: beside --positive-above, \
                        --complete says that smaller confidences are negatives, --label-convention binary-an that they are \
                        unknown"
                .into());
        }
        match number {
            0.0..=1.0 if number > above => Ok(Label::Positive),
            0.0..=1.0 if self.convention == Some(LabelConvention::BinaryAn) => Ok(Label::Unknown),
            0.0..=1.0 => Ok(Label::Negative),
            _ => Err(format!(
                "invalid confidence {number}: with --positive-above, expected a number from 0 to 1"
            )
            .into()),
        }
    }
}

fn invalid(cell: &str) -> Problem {
    let text = format!(
        "invalid label `{}`: expected 1, 0, -1, true, false, yes, no, or an empty cell for unknown",
        shown(cell)
    );
    text.into()
}

/// The number in a cell, in any spelling: `1`, `1.0`, `+1`, `1e0`, `true`, `yes`; `Some(None)` where
/// it is a missing value: an empty cell, `nan`, `NA`, `N/A`, `null`, `None`, `?`. Capital letters do not matter.
pub(crate) fn number_in(cell: &str) -> Option<Option<f64>> {
    let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(cell));
    match cell {
        "1" => Some(Some(1.0)),
        "0" => Some(Some(0.0)),
        _ if is(&["", "nan", "na", "n/a", "#n/a", "<na>", "null", "none", "?"]) => Some(None),
        _ if is(&["true", "yes"]) => Some(Some(1.0)),
        _ if is(&["false", "no"]) => Some(Some(0.0)),
        _ => cell.parse().ok().filter(|number: &f64| number.is_finite()).map(Some),
    }
}

/// Whether the number of a cell is that of a label.
pub(crate) fn is_label(number: Option<f64>) -> bool {
    number.is_none_or(|number| [-1.0, 0.0, 1.0].contains(&number))
}

/// Whether a cell that holds names says that there is none, in the words that pandas reads as a missing value. Other
/// spellings, such as `none`, are names.
pub(crate) fn is_missing_name(cell: &str) -> bool {
    matches!(
        cell,
        "" | "nan"
            | "NaN"
            | "-nan"
            | "-NaN"
            | "NA"
            | "#NA"
            | "N/A"
            | "n/a"
            | "#N/A"
            | "<NA>"
            | "null"
            | "NULL"
            | "None"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use Label::{Negative as N, Positive as P, Unknown as U};

    #[test]
    fn cells_under_each_convention() {
        let read = |convention, cell| LabelConvention::read(convention, cell);
        for convention in [None, Some(LabelConvention::Spml), Some(LabelConvention::BinaryAn)] {
            assert_eq!((read(convention, "1"), read(convention, "")), (Ok(P), Ok(U)));
            assert!(read(convention, "2").is_err() && read(convention, "maybe").is_err());
        }
        assert_eq!([read(None, "0"), read(Some(LabelConvention::Csl), "-1")], [Ok(N), Ok(U)]);
        assert_eq!(
            [read(Some(LabelConvention::Spml), "0"), read(Some(LabelConvention::Spml), "-1")],
            [Ok(U), Ok(N)]
        );
        assert_eq!(read(None, "-1"), Err(Problem::minus_one()));
        assert!(matches!(read(None, "-1"), Err(Problem::MissingConvention(_))));
        assert!(read(Some(LabelConvention::BinaryAn), "-1").is_err());
    }

    #[test]
    fn every_spelling_means_the_same_under_every_convention() {
        let conventions = [None].into_iter().chain(LabelConvention::ALL.map(Some));
        for convention in conventions {
            for (number, spellings) in [
                (
                    "1",
                    &["1.0", "1.", "1.000e+00", "+1", "+1.0", "1e0", " 1 ", "True", "TRUE", "true", "Yes"][..],
                ),
                ("0", &["0.0", "0.", "0.000e+00", "-0.0", "+0", "False", "FALSE", "false", "no", "NO"]),
                ("-1", &["-1.0", "-1.", "-1.000e+00", "-1e0"]),
                (
                    "",
                    &[
                        "nan", "NaN", "NAN", "NA", "na", "N/A", "n/a", "null", "NULL", "None", "<NA>", "?",
                        "  ",
                    ],
                ),
            ] {
                let expected = LabelConvention::read(convention, number);
                for spelling in spellings {
                    assert_eq!(
                        LabelConvention::read(convention, spelling),
                        expected,
                        "{convention:?} {spelling}"
                    );
                }
            }
            for wrong in ["2", "-2", "inf", "-inf", "1 0", "x", "1,0", "--1", "0x1", "68"] {
                let error = LabelConvention::read(convention, wrong).unwrap_err().into_text();
                assert!(error.starts_with(&format!("invalid label `{wrong}`")), "{error}");
            }
        }
    }

    #[test]
    fn confidences_need_the_option() {
        let options =
            |positive_above, convention| ReadOptions { positive_above, convention, ..Default::default() };
        let read = |options: &ReadOptions, cell| CellReader::new(options).text(cell);
        let half = options(Some(0.5), None);
        let cells = ["0.73", "0.5", "0.500001", "0", "1", "", "nan", "5e-1", "True"];
        assert_eq!(cells.map(|cell| read(&half, cell).unwrap()), [P, N, P, N, P, U, U, N, P]);
        for outside in ["-1", "1.01", "2", "-0.1"] {
            assert!(
                read(&half, outside).unwrap_err().into_text().contains("invalid confidence"),
                "{outside}"
            );
        }
        assert!(read(&options(None, None), "0.73").unwrap_err().into_text().contains("--positive-above P"));
        for wrong in [1.0, -0.1, f64::NAN] {
            assert!(
                read(&options(Some(wrong), None), "0.3")
                    .unwrap_err()
                    .into_text()
                    .contains("--positive-above is")
            );
        }
        let both = options(Some(0.5), Some(LabelConvention::Spml));
        assert!(read(&both, "0.3").unwrap_err().into_text().contains("--label-convention binary-an"));
        let unknown = options(Some(0.5), Some(LabelConvention::BinaryAn));
        assert_eq!((read(&unknown, "0.3"), read(&unknown, "0.6")), (Ok(U), Ok(P)));
        assert_eq!(read(&options(Some(0.5), None), "0.3"), Ok(N));
        assert_eq!(read(&options(Some(0.0), Some(LabelConvention::Csl)), "0.001"), Ok(P));
    }
}

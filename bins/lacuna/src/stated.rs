//! What a file of labels leaves open: whether a cell that is not positive was looked at.
//!
//! A benchmark takes 0 for "absent". In the files that people have, it often means "nobody said so". Training on the second
//! as if it were the first is the error that this project is about, so that programs ask.

use lacuna_labels::{Label, ObservedLabels};
use std::fmt;

/// How a file says which cells are positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Numbers, a matrix: 0 may be a negative, or a cell that nobody looked at.
    Matrix,
    /// Lists, or a table with blank cells.
    Lists,
    /// Lists of a format whose lists are complete by convention: COCO, LIBSVM, TFRecord.
    CompleteLists,
}

/// What has to be asked before labels are used as knowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Cells are 1 and 0: is 0 a negative, or unknown?
    Zeros {
        /// Whether no row has more than one positive, which is what incomplete labels look like.
        single: bool,
    },
    /// Positives are listed: is the rest negative, or unknown?
    Unlisted,
}

impl Question {
    /// What these labels leave open; `None` where the file tells negatives from unknown cells, or where the convention of its
    /// format does and nothing speaks against it.
    ///
    /// ```
    /// use lacuna::stated::{Question, Written};
    /// use lacuna::{Label, LabelMatrix, ObservedLabels};
    ///
    /// let (n, u, p) = (Label::Negative, Label::Unknown, Label::Positive);
    /// let of = |cells| ObservedLabels::from(LabelMatrix::new(2, 2, cells).unwrap());
    /// assert_eq!(Question::of(&of(vec![p, n, n, u]), Written::Matrix), None);
    /// let zeros = Question::of(&of(vec![p, n, n, p]), Written::Matrix);
    /// assert_eq!(zeros, Some(Question::Zeros { single: true }));
    /// assert_eq!(Question::of(&of(vec![p, u, p, p]), Written::Lists), Some(Question::Unlisted));
    /// ```
    pub fn of(labels: &ObservedLabels, written: Written) -> Option<Self> {
        let has = |wanted: Label| labels.cells().contains(&wanted);
        let classes = labels.classes().max(1);
        let rows = labels.cells().chunks(classes);
        let single = rows.map(|row| row.iter().filter(|label| label.is_positive()).count()).max() <= Some(1);
        match (has(Label::Negative), has(Label::Unknown)) {
            (true, true) | (false, false) => None,
            // An array has its unknown cells written down, as NaN or by a convention.
            (false, true) if written == Written::Matrix => None,
            (false, true) => Some(Self::Unlisted),
            // A list that names one class a row is complete for classes that exclude each other, and incomplete else.
            (true, false) if written == Written::CompleteLists => {
                (single && classes > 2).then_some(Self::Unlisted)
            }
            (true, false) => Some(Self::Zeros { single }),
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zeros { single } => {
                let looks = if *single {
                    "no row has more than one positive, which is what incomplete labels look like; "
                } else {
                    ""
                };
                write!(
                    f,
                    "its labels are 1 and 0, and it does not say whether 0 is \"absent\" or \"not looked at\": {looks}\
                     --complete if every class was looked at in every row, --label-convention binary-an if 0 is unknown"
                )
            }
            Self::Unlisted => write!(
                f,
                "it lists positives, and does not say whether a class that is not listed is absent or was not looked at: \
                 --unlisted unknown if only what was seen is listed, --unlisted negative (or --complete) if the lists are \
                 complete"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_labels::LabelMatrix;

    #[test]
    fn every_kind_of_file_is_asked_what_it_leaves_open() {
        let (n, u, p) = (Label::Negative, Label::Unknown, Label::Positive);
        let of = |cells: [Label; 6], written| {
            Question::of(&LabelMatrix::new(2, 3, cells.to_vec()).unwrap().into(), written)
        };
        let (matrix, lists, complete) = (Written::Matrix, Written::Lists, Written::CompleteLists);
        let zeros = |single| Some(Question::Zeros { single });
        for (cells, written, expected) in [
            ([p, p, n, n, n, p], matrix, zeros(false)),
            ([p, n, n, n, n, p], matrix, zeros(true)),
            // Lists that were read as complete, because somebody said so, are a matrix.
            ([p, p, n, n, n, p], lists, zeros(false)),
            ([p, p, u, u, u, p], lists, Some(Question::Unlisted)),
            ([p, p, u, u, n, p], lists, None),
            ([p, p, n, n, n, p], complete, None),
            ([p, n, n, n, n, p], complete, Some(Question::Unlisted)),
            ([p, p, p, p, p, p], matrix, None),
            ([p, u, u, u, u, p], matrix, None),
            ([p, u, u, u, u, p], complete, Some(Question::Unlisted)),
        ] {
            assert_eq!(of(cells, written), expected, "{cells:?} {written:?}");
        }
    }
}

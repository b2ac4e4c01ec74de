//! What a certificate is to say, and refusals.

use std::fmt;

/// What a certificate is to say, and how many answers it may cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Largest share of wrong entries of the list, between 0 and 1.
    pub fdr: f64,
    /// Probability with which the share is kept to, between 0 and 1.
    pub confidence: f64,
    /// Number of answers, at least [`Settings::FEWEST`].
    pub answers: usize,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for Settings {
    /// At most 10 % wrong with 95 % confidence, 200 answers, seed 0.
    fn default() -> Self {
        Self { fdr: 0.1, confidence: 0.95, answers: 200, seed: 0 }
    }
}

impl Settings {
    /// The smallest number of answers.
    pub const FEWEST: usize = 20;
    /// The largest number of answers: tables of probabilities grow with it.
    pub const MOST: usize = 5_000;

    /// Whether every value is in its range.
    ///
    /// # Errors
    /// [`CertifyError::Share`], [`CertifyError::Answers`].
    pub fn check(&self) -> Result<(), CertifyError> {
        let inside = |name, value: f64| match value > 0.0 && value < 1.0 {
            true => Ok(()),
            false => Err(CertifyError::Share { name, value }),
        };
        inside("fdr", self.fdr)?;
        inside("confidence", self.confidence)?;
        match (Self::FEWEST..=Self::MOST).contains(&self.answers) {
            true => Ok(()),
            false => Err(CertifyError::Answers(self.answers)),
        }
    }
}

/// Why nothing can be certified.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CertifyError {
    /// A share that is not between 0 and 1.
    Share {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// A number of answers out of range.
    Answers(usize),
    /// There is no cell.
    NoCells,
    /// A stored answer is about another cell than the one that is asked at its place.
    OtherCell {
        /// Number of the answer, counted from 0.
        index: usize,
        /// The rank that it is about, counted from 0.
        rank: usize,
        /// The rank that is asked, if any is.
        asked: Option<usize>,
    },
}

impl fmt::Display for CertifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share { name, value } => {
                write!(f, "invalid {name} {value}: expected a number between 0 and 1")
            }
            Self::Answers(answers) => write!(
                f,
                "invalid number of answers {answers}: expected {} to {}",
                Settings::FEWEST,
                Settings::MOST
            ),
            Self::NoCells => write!(f, "there is no cell to ask about: every label is positive"),
            Self::OtherCell { index, rank, asked: Some(asked) } => write!(
                f,
                "answer {} is about rank {}, and rank {} is asked there: it is of another session",
                index + 1,
                rank + 1,
                asked + 1
            ),
            Self::OtherCell { index, rank, asked: None } => write!(
                f,
                "answer {} is about rank {}, and no answer is needed there: it is of another session",
                index + 1,
                rank + 1
            ),
        }
    }
}

impl std::error::Error for CertifyError {}

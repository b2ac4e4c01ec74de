//! What a ratio without a whole counts.

use crate::UnknownName;
use std::fmt;
use std::str::FromStr;

/// What a class or a row counts in a mean where its value is not defined: an F1 of nothing predicted and nothing
/// there, an AUROC without negatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Undefined {
    /// 0, as scikit-learn does.
    Zero,
    /// 1: nothing was there and nothing was said.
    One,
    /// It is left out. Not a number where everything is left out.
    Skip,
    /// Not a number, and so is the mean.
    Nan,
}

impl Undefined {
    /// Every choice.
    pub const ALL: [Self; 4] = [Self::Zero, Self::One, Self::Skip, Self::Nan];

    /// The value to show for one class.
    pub fn or(self, value: Option<f64>) -> f64 {
        value.unwrap_or(match self {
            Undefined::Zero => 0.0,
            Undefined::One => 1.0,
            Undefined::Skip | Undefined::Nan => f64::NAN,
        })
    }

    /// The mean of values, some of which are not defined.
    ///
    /// ```
    /// use lacuna_metrics::Undefined;
    ///
    /// let values = [Some(0.5), None];
    /// assert_eq!(Undefined::Zero.mean(values), 0.25);
    /// assert_eq!(Undefined::One.mean(values), 0.75);
    /// assert_eq!(Undefined::Skip.mean(values), 0.5);
    /// assert!(Undefined::Nan.mean(values).is_nan());
    /// ```
    pub fn mean(self, values: impl IntoIterator<Item = Option<f64>>) -> f64 {
        let (mut sum, mut count) = (0.0, 0_usize);
        for value in values {
            if value.is_some() || self != Undefined::Skip {
                sum += self.or(value);
                count += 1;
            }
        }
        sum / count as f64
    }
}

impl FromStr for Undefined {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|choice| choice.to_string() == name);
        found.ok_or_else(|| UnknownName::new("policy for what is not defined", name, &Self::ALL))
    }
}

impl fmt::Display for Undefined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Undefined::Zero => "zero",
            Undefined::One => "one",
            Undefined::Skip => "skip",
            Undefined::Nan => "nan",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_shown() {
        assert!(Undefined::ALL.iter().all(|choice| choice.to_string().parse() == Ok(*choice)));
        assert!("half".parse::<Undefined>().unwrap_err().to_string().contains("zero, one, skip, nan"));
        assert!(Undefined::Skip.mean([None, None]).is_nan());
    }
}

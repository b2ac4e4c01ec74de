//! The conventions two values must share to be comparable.

use crate::error::UnknownName;
use std::fmt;
use std::str::FromStr;

/// How the average precision of one class is computed.
///
/// With `P` positives, precision `p(k)` and recall `r(k)` among the first `k` rows of the ranking:
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ApFlavour {
    /// `sum (r(k) - r(k')) p(k)` over the distinct scores, `k` rows down to this score, `k'` to the one before.
    ///
    /// Rows of equal score are taken together, so their order does not matter. scikit-learn's
    /// `average_precision_score`; the single-positive papers, GR loss, large-loss methods.
    Sklearn,
    /// `sum p(k) / (P + 1e-8)` over the ranks `k` of the positives.
    ///
    /// The asymmetric loss code, which Hill, PU-MLC and COMIC took over. There the order of equal
    /// scores is that of an unstable sort; here the later row comes first (a stable ascending sort,
    /// reversed). Without ties it equals [`ApFlavour::Sklearn`] up to the 1e-8.
    Asl,
    /// `sum max { p(k) : r(k) >= t } / 11` over the levels of recall `t = 0, 0.1, ..., 1`.
    ///
    /// VOC 2007; of equal scores the earlier row comes first. Recall is compared with the levels exactly, where
    /// common code loses the level 0.3 to rounding.
    Voc07,
    /// `sum max { p(k') : k' >= k } / P` over the ranks `k` of the positives: the area under the
    /// precision made monotone.
    ///
    /// VOC 2010 and later; of equal scores the earlier row comes first (a stable descending sort), as in
    /// the PU-MLC code.
    Voc12,
}

/// What a class without positives counts in the mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EmptyClass {
    /// It counts as 0.
    Zero,
    /// It is left out; its own value is not a number.
    Skip,
    /// It is not a number, and so is the mean.
    Nan,
}

/// Everything two values of mAP must have in common to be comparable.
///
/// ```
/// use lacuna_metrics::{ApFlavour, EmptyClass, MapConvention};
///
/// let convention = MapConvention { flavour: ApFlavour::Asl, empty_class: EmptyClass::Skip };
/// assert_eq!(convention.to_string(), "AP asl, empty class skip");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MapConvention {
    /// How the value of a class is computed.
    pub flavour: ApFlavour,
    /// What a class without positives counts.
    pub empty_class: EmptyClass,
}

impl MapConvention {
    /// The tables of the single-positive papers.
    pub const SPML: Self = Self { flavour: ApFlavour::Sklearn, empty_class: EmptyClass::Zero };
    /// The tables of ASL, Hill, SPLC, PU-MLC and COMIC.
    pub const ASL: Self = Self { flavour: ApFlavour::Asl, empty_class: EmptyClass::Zero };
}

impl ApFlavour {
    /// Every flavour.
    pub const ALL: [Self; 4] = [Self::Sklearn, Self::Asl, Self::Voc07, Self::Voc12];
}

impl EmptyClass {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Zero, Self::Skip, Self::Nan];
}

impl FromStr for ApFlavour {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|flavour| flavour.to_string() == name);
        found.ok_or_else(|| UnknownName::new("AP flavour", name, &Self::ALL))
    }
}

impl FromStr for EmptyClass {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|policy| policy.to_string() == name);
        found.ok_or_else(|| UnknownName::new("policy for empty classes", name, &Self::ALL))
    }
}

impl fmt::Display for ApFlavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            ApFlavour::Sklearn => "sklearn",
            ApFlavour::Asl => "asl",
            ApFlavour::Voc07 => "voc07",
            ApFlavour::Voc12 => "voc12",
        })
    }
}

impl fmt::Display for EmptyClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            EmptyClass::Zero => "zero",
            EmptyClass::Skip => "skip",
            EmptyClass::Nan => "nan",
        })
    }
}

impl fmt::Display for MapConvention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("AP {}, empty class {}", self.flavour, self.empty_class))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_shown() {
        assert!(ApFlavour::ALL.iter().all(|flavour| flavour.to_string().parse() == Ok(*flavour)));
        assert!(EmptyClass::ALL.iter().all(|policy| policy.to_string().parse() == Ok(*policy)));
        let error = "coco".parse::<ApFlavour>().unwrap_err().to_string();
        assert_eq!(error, "unknown AP flavour \"coco\": expected one of sklearn, asl, voc07, voc12");
    }

    #[test]
    fn conventions_are_shown_as_tables_print_them() {
        assert_eq!(MapConvention::SPML.to_string(), "AP sklearn, empty class zero");
        assert_eq!(MapConvention::ASL.to_string(), "AP asl, empty class zero");
        assert_eq!(format!("{:>8}|{:<8}|", ApFlavour::Sklearn, EmptyClass::Nan), " sklearn|nan     |");
    }
}

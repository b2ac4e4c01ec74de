//! Why a gradient is wrong: what the pattern of wrong numbers says about the code that wrote them.
//!
//! Gradient checks of operations, of losses and of golden files end their messages with it.

use std::fmt;

/// How much a right gradient may differ, relative to itself ...
const RELATIVE: f64 = 1e-3;
/// ... and to the largest of its array.
const OF_LARGEST: f64 = 1e-5;
/// How much ratios that count as one may differ.
const SAME_RATIO: f64 = 1e-2;

/// What a pattern of wrong gradients says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Diagnosis {
    /// NaN where a number is expected.
    NeverWritten,
    /// 0 where something else is expected.
    NotHandedOn,
    /// The negative of what is expected.
    Sign,
    /// Twice what is expected.
    Twice,
    /// Half of what is expected.
    Half,
    /// Something where 0 is expected, and nothing else wrong.
    NotMasked,
    /// The same multiple of what is expected in several places.
    Reduction(f64),
    /// Dual numbers agree with the gradient, differences do not.
    Kink,
    /// Nothing of this: the slope is wrong.
    Slope,
}

/// A row of [`DIAGNOSES`].
#[derive(Clone, Copy, Debug)]
pub struct DiagnosisInfo {
    /// Its name in programs.
    pub key: &'static str,
    /// The pattern, in a few words.
    pub pattern: &'static str,
    /// What it says.
    pub meaning: &'static str,
}

/// Every diagnosis; a ratio is what was got over what was expected. The page of `trace html` has the same table.
pub const DIAGNOSES: [DiagnosisInfo; 9] = [
    DiagnosisInfo {
        key: "kink",
        pattern: "dual and tape agree, the difference does not",
        meaning: "a kink within 2h: the difference steps over it",
    },
    DiagnosisInfo { key: "unwritten", pattern: "NaN", meaning: "an element was never written" },
    DiagnosisInfo { key: "nothing", pattern: "ratio 0", meaning: "the gradient is not handed on" },
    DiagnosisInfo { key: "sign", pattern: "ratio -1", meaning: "the sign is wrong" },
    DiagnosisInfo { key: "twice", pattern: "ratio 2", meaning: "counted twice, or a factor 1/2 forgotten" },
    DiagnosisInfo {
        key: "half",
        pattern: "ratio 1/2",
        meaning: "a factor 2 forgotten, a mean of two, or one of two uses not counted",
    },
    DiagnosisInfo {
        key: "unmasked",
        pattern: "0 expected in all wrong cells",
        meaning: "what makes it 0 there, a mask, a weight or the flat part of a function, is not in the slope",
    },
    DiagnosisInfo {
        key: "reduction",
        pattern: "one ratio in all cells",
        meaning: "the reduction: a mean in place of a sum, or a sum in place of a mean",
    },
    DiagnosisInfo {
        key: "slope",
        pattern: "any other ratio, or one that differs from cell to cell",
        meaning: "the slope is wrong, or one of several uses overwrites another",
    },
];

impl Diagnosis {
    /// Its row of the table.
    pub fn info(self) -> DiagnosisInfo {
        DIAGNOSES[match self {
            Diagnosis::Kink => 0,
            Diagnosis::NeverWritten => 1,
            Diagnosis::NotHandedOn => 2,
            Diagnosis::Sign => 3,
            Diagnosis::Twice => 4,
            Diagnosis::Half => 5,
            Diagnosis::NotMasked => 6,
            Diagnosis::Reduction(_) => 7,
            Diagnosis::Slope => 8,
        }]
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DiagnosisInfo { pattern, meaning, .. } = self.info();
        match self {
            Diagnosis::Reduction(ratio) => write!(f, "{pattern}, {ratio:.4}: {meaning}"),
            _ => write!(f, "{pattern}: {meaning}"),
        }
    }
}

/// The ratio of a wrong gradient as the end of a message: one cell has no pattern, but its ratio may be known. Empty where the expected
/// gradient is 0.
///
/// ```
/// use lacuna_kernels::diagnosis::ratio;
///
/// assert_eq!((ratio(3.0, 2.0), ratio(3.0, 0.0)), (", ratio 1.5000".to_string(), String::new()));
/// ```
pub fn ratio(got: f64, expected: f64) -> String {
    if expected == 0.0 { String::new() } else { format!(", ratio {:.4}", got / expected) }
}

/// Why `got` is not `expected`; `None` where it is.
///
/// Both are the gradient of one array. Elements that agree are not looked at.
///
/// ```
/// use lacuna_kernels::diagnosis::{Diagnosis, diagnose};
///
/// assert_eq!(diagnose(&[2.0, -6.0], &[2.0, 6.0]), Some(Diagnosis::Sign));
/// assert_eq!(diagnose(&[1.0, 3.0], &[3.0, 9.0]), Some(Diagnosis::Reduction(1.0 / 3.0)));
/// assert_eq!(diagnose(&[2.0, 6.0], &[2.0, 6.0]), None);
/// ```
///
/// # Panics
/// If the lengths differ.
pub fn diagnose(got: &[f64], expected: &[f64]) -> Option<Diagnosis> {
    assert_eq!(
        got.len(),
        expected.len(),
        "a gradient of {} elements and one of {}",
        got.len(),
        expected.len()
    );
    let wrong: Vec<(f64, f64)> = wrong_elements(got, expected).map(|i| (got[i], expected[i])).collect();
    let &(first, of) = wrong.first()?;
    if wrong.iter().any(|(g, e)| g.is_nan() && !e.is_nan()) {
        return Some(Diagnosis::NeverWritten);
    }
    if wrong.iter().all(|(g, _)| *g == 0.0) {
        return Some(Diagnosis::NotHandedOn);
    }
    if wrong.iter().all(|(_, e)| *e == 0.0) {
        return Some(Diagnosis::NotMasked);
    }
    let ratio = first / of;
    let constant =
        ratio.is_finite() && wrong.iter().all(|(g, e)| (g / e - ratio).abs() <= SAME_RATIO * ratio.abs());
    let near = |r: f64| (ratio - r).abs() <= SAME_RATIO * r.abs();
    Some(match constant {
        true if near(-1.0) => Diagnosis::Sign,
        true if near(2.0) => Diagnosis::Twice,
        true if near(0.5) => Diagnosis::Half,
        true if wrong.len() > 1 => Diagnosis::Reduction(ratio),
        _ => Diagnosis::Slope,
    })
}

/// The elements that do not agree, as [`diagnose`] sees it.
pub fn wrong_elements<'a>(got: &'a [f64], expected: &'a [f64]) -> impl Iterator<Item = usize> + 'a {
    let largest = expected.iter().fold(0.0, |m: f64, e| m.max(e.abs()));
    // A comparison with NaN is false.
    let agrees = move |g: f64, e: f64| (g - e).abs() <= RELATIVE * e.abs() + OF_LARGEST * largest;
    (0..got.len()).filter(move |&i| !agrees(got[i], expected[i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_told() {
        let expected = [0.5, -2.0, 3.0];
        let times = |r: f64| expected.map(|e| e * r);
        let cases = [
            (times(1.0), None),
            ([0.5, f64::NAN, 3.0], Some(Diagnosis::NeverWritten)),
            ([0.5, 0.0, 0.0], Some(Diagnosis::NotHandedOn)),
            (times(-1.0), Some(Diagnosis::Sign)),
            ([0.5, 2.0, 3.0], Some(Diagnosis::Sign)),
            (times(2.0), Some(Diagnosis::Twice)),
            (times(0.5), Some(Diagnosis::Half)),
            ([0.5, -1.0, 3.0], Some(Diagnosis::Half)),
            (times(3.0), Some(Diagnosis::Reduction(3.0))),
            ([0.5, -2.0, 9.0], Some(Diagnosis::Slope)),
            ([0.6, -2.5, 3.9], Some(Diagnosis::Slope)),
        ];
        for (got, diagnosis) in cases {
            assert_eq!(diagnose(&got, &expected), diagnosis, "{got:?}");
        }
    }

    #[test]
    fn a_place_without_a_gradient_has_no_ratio() {
        assert_eq!(diagnose(&[1.0, 1.0, 3.0], &[0.0, 0.0, 3.0]), Some(Diagnosis::NotMasked));
        assert_eq!(diagnose(&[1.0, 1.0, 3.0], &[0.0, 0.5, 3.0]), Some(Diagnosis::Slope));
    }

    #[test]
    fn the_message_has_pattern_and_meaning() {
        let text = Diagnosis::Reduction(1.0 / 3.0).to_string();
        assert!(text.starts_with("one ratio in all cells, 0.3333: the reduction"), "{text}");
    }
}

//! Class priors from scores: the best bin estimate.

use lacuna_loss_api::{Interval, LossError, TrainPass};

/// Parameters of [`bbe_prior`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BbeConfig {
    /// Probability in (0, 1) that the band fails.
    pub delta: f64,
    /// What the bound is multiplied with beyond 1, at least 0.
    pub gamma: f64,
    /// The bound has ln(numerator / delta); at least 1. 4 in the last commit of the authors' code, 1 before it.
    pub log_numerator: f64,
}

impl Default for BbeConfig {
    /// 0.1, 0.01 and 4: acmi-lab/PU_learning@5e5e350dc058.
    fn default() -> Self {
        Self { delta: 0.1, gamma: 0.01, log_numerator: 4.0 }
    }
}

/// The share of positives among unlabelled rows, with its band. Nothing is clamped: a prior above 1 and a lower end below 0
/// occur.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BbePrior {
    /// The estimate.
    pub prior: f64,
    /// Estimate minus bound.
    pub lower: f64,
    /// Estimate plus bound.
    pub upper: f64,
    /// Thresholds that were compared. With 0 the scores say nothing and the other numbers are 0.
    pub candidates: usize,
}

/// Estimates which share of the unlabelled rows is positive, from scores that a classifier gives unlabelled rows and
/// observed positives.
///
/// At every distinct unlabelled score v but the smallest, with i = #(unlabelled >= v) - 1 > 1 and j = #(positives >= v) > 1:
/// ```text
/// t(v) = (i / n_u) / (j / n_p)
/// bound(v) = (sqrt(ln(4 / delta) / 2 n_p) + sqrt(ln(4 / delta) / 2 n_u)) (1 + gamma) / (j / n_p)
/// ```
/// The prior is t at the first v, from the largest down, whose t + bound is smallest. Only the order of the scores matters,
/// so logits serve as well as probabilities. Where the top scores hold positives alone, t is the prior; where they do not,
/// it is an upper bound. **Scores should be out of sample**: a model that has memorised its training rows ranks every observed
/// positive first, and the estimate falls to the observed share.
///
/// Garg, Wu, Smola, Balakrishnan and Lipton, Mixture Proportion Estimation and PU Learning, NeurIPS 2021;
/// acmi-lab/PU_learning@5e5e350dc058, estimator.py (`BBE_estimator`).
///
/// ```
/// use lacuna_pu::{BbeConfig, bbe_prior};
///
/// // Half of the unlabelled rows score as the positives do.
/// let high = (0..2000).map(|i| 0.5 + f64::from(i) / 4000.0);
/// let unlabelled: Vec<f64> = high.clone().chain((0..2000).map(|i| f64::from(i) / 8000.0)).collect();
/// let positives: Vec<f64> = high.collect();
/// let found = bbe_prior(&unlabelled, &positives, BbeConfig::default())?;
/// assert!((found.prior - 0.5).abs() < 0.001 && found.lower < 0.5 && 0.5 < found.upper);
/// # Ok::<(), lacuna_loss_api::LossError>(())
/// ```
///
/// # Errors
/// [`LossError::Unsupported`] naming the first score that is NaN or infinite, or a parameter that is out of its range.
pub fn bbe_prior(unlabelled: &[f64], positives: &[f64], config: BbeConfig) -> Result<BbePrior, LossError> {
    let BbeConfig { delta, gamma, log_numerator } = config;
    for (name, value, range) in [
        ("delta", delta, Interval::open(0.0, 1.0)),
        ("gamma", gamma, Interval::at_least(0.0)),
        ("log_numerator", log_numerator, Interval::at_least(1.0)),
    ] {
        if !range.contains(value) {
            let parameter = format!("class prior: {name} = {value} is outside its range {range}");
            return Err(LossError::Unsupported(parameter));
        }
    }
    let (unlabelled, positives) =
        (descending("unlabelled row", unlabelled)?, descending("positive", positives)?);
    let (n_u, n_p) = (unlabelled.len() as f64, positives.len() as f64);
    let deviation = |n: f64| ((log_numerator / delta).ln() / 2.0 / n).sqrt();
    let spread = (deviation(n_p) + deviation(n_u)) * (1.0 + gamma);
    let mut best = BbePrior::default();
    let (mut above, mut positives_above) = (0, 0);
    while above < unlabelled.len() {
        let v = unlabelled[above];
        above += unlabelled[above..].iter().take_while(|score| **score == v).count();
        positives_above += positives[positives_above..].iter().take_while(|score| **score >= v).count();
        if above == unlabelled.len() {
            break;
        }
        let (i, j) = (above - 1, positives_above);
        if i > 1 && j > 1 {
            let share = j as f64 / n_p;
            let (prior, bound) = ((i as f64 / n_u) / share, spread / share);
            if best.candidates == 0 || prior + bound < best.upper {
                best = BbePrior { prior, lower: prior - bound, upper: prior + bound, ..best };
            }
            best.candidates += 1;
        }
    }
    Ok(best)
}

/// The scores from the largest down.
fn descending(what: &str, scores: &[f64]) -> Result<Vec<f64>, LossError> {
    if let Some(at) = scores.iter().position(|score| !score.is_finite()) {
        let score = scores[at];
        return Err(LossError::Unsupported(format!("class prior: the score of {what} {at} is {score}")));
    }
    let mut sorted = scores.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    Ok(sorted)
}

/// [`bbe_prior`] of every class, with all rows as the unlabelled ones: the share of all rows that is positive.
///
/// # Errors
/// [`LossError::Shape`], and those of [`bbe_prior`].
pub fn class_priors(pass: &TrainPass<'_>, config: BbeConfig) -> Result<Vec<BbePrior>, LossError> {
    pass.check()?;
    let mut scores = Vec::with_capacity(pass.rows);
    let mut positives = Vec::new();
    (0..pass.classes)
        .map(|class| {
            scores.clear();
            positives.clear();
            for row in 0..pass.rows {
                let cell = row * pass.classes + class;
                let score = f64::from(pass.logits[cell]);
                scores.push(score);
                if pass.labels[cell].is_positive() {
                    positives.push(score);
                }
            }
            bbe_prior(&scores, &positives, config)
        })
        .collect()
}

/// Expected number of positives of a row: the sum of the class priors, each clamped to [0, 1].
///
/// It is the parameter `expected_positives` of EPR, ROLE and `imprecise` where no count of true labels is at hand.
///
/// ```
/// use lacuna_pu::{BbePrior, expected_positives};
///
/// let prior = |prior| BbePrior { prior, candidates: 9, ..BbePrior::default() };
/// assert_eq!(expected_positives(&[prior(0.5), prior(0.25), prior(1.2)]), 1.75);
/// ```
pub fn expected_positives(priors: &[BbePrior]) -> f64 {
    priors.iter().map(|prior| prior.prior.clamp(0.0, 1.0)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_compare_is_no_estimate() {
        let none = BbePrior::default();
        for (unlabelled, positives) in
            [(vec![], vec![]), (vec![0.1, 0.2], vec![]), (vec![], vec![0.3]), (vec![0.5; 9], vec![0.5; 4])]
        {
            assert_eq!(bbe_prior(&unlabelled, &positives, BbeConfig::default()), Ok(none));
        }
    }

    #[test]
    fn scores_and_parameters_are_checked() {
        let error = bbe_prior(&[0.1, f64::NAN], &[0.2], BbeConfig::default()).unwrap_err().to_string();
        assert!(error.contains("unlabelled row 1 is NaN"), "{error}");
        let error = bbe_prior(&[0.1], &[f64::INFINITY], BbeConfig::default()).unwrap_err().to_string();
        assert!(error.contains("positive 0 is inf"), "{error}");
        for config in [
            BbeConfig { delta: 0.0, ..Default::default() },
            BbeConfig { gamma: -1.0, ..Default::default() },
            BbeConfig { log_numerator: f64::NAN, ..Default::default() },
        ] {
            assert!(bbe_prior(&[0.1], &[0.2], config).is_err(), "{config:?}");
        }
    }
}

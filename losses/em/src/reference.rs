//! The formulas, scalar. z logit, p = sigma(z), L_e(x) = -ln(x + e).

use lacuna_loss_api::Real;

/// What an entry is trained on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// An observed positive.
    Positive,
    /// An observed negative.
    Negative,
    /// Nobody looked and nothing was guessed.
    Unknown,
    /// A pseudo-negative with the soft target s in [0, 1].
    Pseudo(f64),
}

/// L_e(p) = -ln(sigma(z) + e); softplus(-z) for e = 0.
pub fn guarded_log<R: Real>(z: R, e: f64) -> R {
    if e == 0.0 { (-z).softplus() } else { -(z.sigmoid() + R::of(e)).ln() }
}

/// One entry: cross-entropy on observed labels, -alpha H(p) on unknown cells with H(p) = p L_e(p) + n L_e(n),
/// and beta (s L_e(p) + (1 - s) L_e(n)) on pseudo-negatives.
pub fn em<R: Real>(z: R, target: Target, alpha: f64, beta: f64, e: f64) -> R {
    let (lp, ln) = (guarded_log(z, e), guarded_log(-z, e));
    match target {
        Target::Positive => lp,
        Target::Negative => ln,
        Target::Unknown => R::of(-alpha) * (z.sigmoid() * lp + (-z).sigmoid() * ln),
        Target::Pseudo(s) => R::of(beta) * (R::of(s) * lp + R::of(1.0 - s) * ln),
    }
}

/// How many cells of a class become pseudo-negatives after an epoch: trunc(share * unknown / rounds).
pub fn quota(share: f64, unknown: usize, rounds: usize) -> usize {
    (share * unknown as f64 / rounds as f64) as usize
}

/// The rows, among those that are `open`, with the `count` lowest scores; of equal scores the first rows.
pub fn lowest_open(open: &[bool], scores: &[f64], count: usize) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..scores.len()).filter(|&row| open[row]).collect();
    rows.sort_by(|&a, &b| scores[a].total_cmp(&scores[b])); // stable: ties stay in order of rows
    rows.truncate(count);
    rows
}

//! The formulas, scalar. z logit, p = sigma(z), L_e(x) = -ln(x + e).

use crate::Kind;
use lacuna_loss_api::{Label, Real};

/// L_e(p) = -ln(sigma(z) + e); softplus(-z) for e = 0.
pub fn guarded_log<R: Real>(z: R, e: f64) -> R {
    if e == 0.0 { (-z).softplus() } else { -(z.sigmoid() + R::of(e)).ln() }
}

/// One entry of a [`GuardedBce`](crate::GuardedBce) with C classes.
pub fn guarded_bce<R: Real>(z: R, label: Label, kind: Kind, classes: usize, e: f64) -> R {
    // L_e(p) and L_e(1 - p); 1 - sigma(z) is sigma(-z).
    let (lp, ln) = (guarded_log(z, e), guarded_log(-z, e));
    let smooth = |target: f64| R::of(target) * lp + R::of(1.0 - target) * ln;
    match (kind, label) {
        (Kind::AnLs { ls_coef } | Kind::BceLsFull { ls_coef }, Label::Positive) => smooth(1.0 - ls_coef),
        (_, Label::Positive) => lp,
        (Kind::Iu | Kind::Iun | Kind::BceFull | Kind::BceLsFull { .. }, Label::Unknown) => R::zero(),
        (Kind::Iu | Kind::Iun | Kind::BceFull, Label::Negative) => ln,
        (Kind::BceLsFull { ls_coef }, Label::Negative) => smooth(ls_coef),
        (Kind::An, Label::Negative | Label::Unknown) => ln,
        (Kind::AnLs { ls_coef }, Label::Negative | Label::Unknown) => smooth(ls_coef),
        (Kind::Wan, Label::Negative | Label::Unknown) => ln / R::of(classes as f64 - 1.0),
    }
}

/// R = ((1/B) sum p - k)^2 / C^2, the distance of the expected number of positives from k.
pub fn positives_regulariser<R: Real>(z: &[R], rows: usize, classes: usize, k: f64) -> R {
    let mean = R::sum(z.iter().map(|z| z.sigmoid())) / R::of(rows as f64);
    let gap = (mean - R::of(k)) / R::of(classes as f64);
    gap * gap
}

/// EPR: L_e(p) on positives, L_e(1 - p) on observed negatives, divided by B C; plus R.
pub fn epr<R: Real>(z: &[R], labels: &[Label], rows: usize, classes: usize, k: f64, e: f64) -> R {
    let observed = R::sum(z.iter().zip(labels).map(|(&z, &l)| guarded_bce(z, l, Kind::Iu, classes, e)));
    observed / R::of((rows * classes) as f64) + positives_regulariser(z, rows, classes, k)
}

/// PR of one row: for every positive, the sum over the rest of max(0, 1 - p_positive + p_rest).
pub fn pairwise_rank_row<R: Real>(z: &[R], labels: &[Label]) -> R {
    let positives = || z.iter().zip(labels).filter(|(_, l)| l.is_positive()).map(|(z, _)| z.sigmoid());
    let rest = || z.iter().zip(labels).filter(|(_, l)| !l.is_positive()).map(|(z, _)| z.sigmoid());
    R::sum(positives().flat_map(|p| rest().map(move |r| R::zero().max(R::one() - p + r))))
}

/// ROLE: classifier logits z, estimator logits u; `p` and `q` are their probabilities as constants.
///
/// L = 1/(2BC) [sum over observed (L_e(p_y) + L_e(q_y)) + sum ce(q, z) + sum ce(p, u)] + (R(z) + R(u)) / 2
/// with ce(t, z) = t L_e(sigma(z)) + (1 - t) L_e(1 - sigma(z)). No derivative flows through the targets of
/// either cross-entropy, which is why they are numbers here.
#[expect(clippy::too_many_arguments, reason = "detached inputs are arguments of their own")]
pub fn role<R: Real>(
    z: &[R],
    u: &[R],
    p: &[f64],
    q: &[f64],
    labels: &[Label],
    (rows, classes): (usize, usize),
    k: f64,
    e: f64,
) -> R {
    let ce = |t: f64, z: R| R::of(t) * guarded_log(z, e) + R::of(1.0 - t) * guarded_log(-z, e);
    let entry = |i: usize| {
        let (z, u, label) = (z[i], u[i], labels[i]);
        let observed =
            guarded_bce(z, label, Kind::Iu, classes, e) + guarded_bce(u, label, Kind::Iu, classes, e);
        observed + ce(q[i], z) + ce(p[i], u)
    };
    let entries = R::sum((0..z.len()).map(entry)) / R::of(2.0 * (rows * classes) as f64);
    let regularisers =
        positives_regulariser(z, rows, classes, k) + positives_regulariser(u, rows, classes, k);
    entries + regularisers / R::of(2.0)
}

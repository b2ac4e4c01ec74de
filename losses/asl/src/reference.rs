//! The formula, scalar. z logit, p = sigma(z), n = sigma(-z).

use crate::AslConfig;
use lacuna_loss_api::{Label, Real};

/// One entry. `held` is the logit that the focusing weight sees: z itself, or z as a constant where the weight
/// takes no part in the derivative.
///
/// Positive: n^g+ (-ln max(p, e)). The rest, with pm = min(n + clip, 1): (1 - pm)^g- (-ln max(pm, e)).
pub fn asl<R: Real>(z: R, held: R, label: Label, config: &AslConfig) -> R {
    let AslConfig { gamma_pos, gamma_neg, clip, eps, .. } = *config;
    let guarded = |x: R| -x.max(R::of(eps)).ln();
    if label.is_positive() {
        return (-held).sigmoid().powf(gamma_pos) * guarded(z.sigmoid());
    }
    // 1 - pm = max(p - clip, 0).
    let weight = (held.sigmoid() - R::of(clip)).max(R::zero()).powf(gamma_neg);
    let shifted = (-z).sigmoid() + R::of(clip);
    if shifted > R::one() { R::zero() } else { weight * guarded(shifted) }
}

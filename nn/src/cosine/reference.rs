//! The formula of [`CosineClassifier`](super::CosineClassifier) for one logit, scalar, in any arithmetic.

use lacuna_kernels::Real;

/// The constants of the formula.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CosineFormula {
    /// Groups G, which divide D.
    pub groups: usize,
    /// Scale tau.
    pub tau: f64,
    /// Added to the length of a weight vector.
    pub gamma: f64,
    /// Factor of cos(x, e) e^: 0 balanced, -1 head, alpha tail.
    pub share: f64,
}

/// The logit of one feature vector x `[D]` and one weight vector w `[D]`; e `[D]` is a constant. x or e that is 0 stays 0; the
/// derivative at w = 0 is not computed.
///
/// ```
/// use lacuna_nn::cosine::reference::{CosineFormula, logit};
/// let formula = CosineFormula { groups: 1, tau: 2.0, gamma: 5.0, share: 0.0 };
/// assert_eq!(logit(&[0.6, 0.8], &[3.0, 4.0], &[0.0, 0.0], &formula), 1.0); // 2 * 5 / (5 + 5)
/// ```
pub fn logit<R: Real>(x: &[R], w: &[R], e: &[f64], formula: &CosineFormula) -> R {
    let wide = x.len() / formula.groups;
    let norm = |x: &[R]| R::sum(x.iter().map(|&x| x * x)).sqrt();
    let group = |((x, w), e): ((&[R], &[R]), &[f64])| {
        if x.iter().all(|x| x.value() == 0.0) || w.iter().all(|w| w.value() == 0.0) {
            return R::zero();
        }
        let length = e.iter().map(|e| e * e).sum::<f64>().sqrt();
        let e: Vec<f64> = e.iter().map(|e| if length > 0.0 { e / length } else { 0.0 }).collect();
        let (by_x, by_w) = (norm(x), norm(w) + R::of(formula.gamma));
        let cosine = R::sum(x.iter().zip(&e).map(|(&x, &e)| x * R::of(e))) / by_x;
        let moved = |(&x, &e): (&R, &f64)| x / by_x + R::of(formula.share * e) * cosine;
        R::sum(x.iter().zip(&e).zip(w).map(|(xe, &w)| moved(xe) * w)) / by_w
    };
    let groups = x.chunks(wide).zip(w.chunks(wide)).zip(e.chunks(wide));
    R::of(formula.tau / formula.groups as f64) * R::sum(groups.map(group))
}

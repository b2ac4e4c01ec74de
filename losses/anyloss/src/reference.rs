//! The formula, scalar.

use crate::{AnyLossConfig, Metric};
use lacuna_loss_api::{Label, Real};

/// x = L (sigma(z) - threshold): h = sigma(x) is a step from 0 to 1 with a slope.
pub fn amplify<R: Real>(z: R, amplification: f64, threshold: f64) -> R {
    R::of(amplification) * (z.sigmoid() - R::of(threshold))
}

/// 1 - the metric of some cells, or `None` where it is undefined: eps is 0 and F-beta has no positive, or G-mean or
/// balanced accuracy lack one of the two kinds.
///
/// `x` are those of [`amplify`]. With TP and FN the sums of h and 1 - h over positives, FP and TN those over the rest, S positives of n:
/// accuracy (TP + TN) / n; F-beta (1 + b^2) TP / (b^2 S + TP + FP + eps); G-mean sqrt(TP TN / (S (n - S) + eps));
/// balanced accuracy ((n - S) TP + S TN) / (2 S (n - S) + eps). The value is written as what is wrong, the
/// derivative is that of the metric: each of the two forms loses digits of the other where the metric is near 1 or 0.
pub fn shortfall<R: Real>(x: &[R], labels: &[Label], config: &AnyLossConfig) -> Option<R> {
    let n = x.len() as f64;
    let s = labels.iter().filter(|l| l.is_positive()).count() as f64;
    let sum = |positive: bool, of: &dyn Fn(R) -> R| {
        let cells = x.iter().zip(labels).filter(|(_, l)| l.is_positive() == positive);
        R::sum(cells.map(|(&x, _)| of(x)))
    };
    let right = |x: R| x.sigmoid();
    let wrong = |x: R| (-x).sigmoid();
    let (tp, missed) = (sum(true, &right), sum(true, &wrong));
    let (fp, tn) = (sum(false, &right), sum(false, &wrong));
    let eps = config.eps;
    if !config.metric.is_defined(s, n, eps) {
        return None;
    }
    let (short, metric) = match config.metric {
        Metric::Accuracy => ((missed + fp) / R::of(n), (tp + tn) / R::of(n)),
        Metric::FBeta { beta } => {
            let b2 = beta * beta;
            let all = R::of(b2 * s + eps) + tp + fp;
            ((R::of(b2) * missed + fp + R::of(eps)) / all, R::of(1.0 + b2) * tp / all)
        }
        Metric::GMean { root } => {
            let all = R::of(s * (n - s) + eps);
            let short = (R::of(s) * fp + R::of(n - s) * missed - missed * fp + R::of(eps)) / all;
            let product = tp * tn / all;
            // 1 - sqrt(q) = (1 - q) / (1 + sqrt(q)).
            if root { (short / (R::one() + product.sqrt()), product.sqrt()) } else { (short, product) }
        }
        Metric::BalancedAccuracy => {
            let all = R::of(2.0 * s * (n - s) + eps);
            let short = (R::of(n - s) * missed + R::of(s) * fp + R::of(eps)) / all;
            (short, (R::of(n - s) * tp + R::of(s) * tn) / all)
        }
    };
    Some(short.detach() + (metric.detach() - metric))
}

/// What is missing to 1 of the metric of all cells, or in the mean of the classes that have one; 0 where there is none.
pub fn any_loss<R: Real>(z: &[R], labels: &[Label], classes: usize, config: &AnyLossConfig) -> R {
    let x: Vec<R> = z.iter().map(|&z| amplify(z, config.amplification, config.threshold)).collect();
    let losses: Vec<R> = if config.micro {
        shortfall(&x, labels, config).into_iter().collect()
    } else {
        let class = |class: usize| {
            let x: Vec<R> = x[class..].iter().step_by(classes).copied().collect();
            let labels: Vec<Label> = labels[class..].iter().step_by(classes).copied().collect();
            shortfall(&x, &labels, config)
        };
        (0..classes).filter_map(class).collect()
    };
    let count = losses.len().max(1) as f64;
    R::sum(losses.into_iter()) / R::of(count)
}

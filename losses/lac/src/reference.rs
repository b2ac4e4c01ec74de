//! The formulas, scalar. z logit, lp = softplus(-z), ln = softplus(z).

use lacuna_loss_api::{Label, Real};

/// BCE of a logit: lp on a positive target, ln on a negative one.
pub fn bce<R: Real>(z: R, positive: bool) -> R {
    if positive { (-z).softplus() } else { z.softplus() }
}

/// The pseudo-label of a cell from q: `Some(true)` for q >= tau, `Some(false)` for q < 1 - tau, else `None`.
///
/// q = sigma(z) of the weak view, 1 more on an observed positive; an observed negative is always negative.
pub fn pseudo_label(z: f64, label: Label, tau: f64) -> Option<bool> {
    let q = match label {
        Label::Positive => Real::sigmoid(z) + 1.0,
        Label::Negative => 0.0,
        Label::Unknown => Real::sigmoid(z),
    };
    (q >= tau || q < 1.0 - tau).then_some(q >= tau)
}

/// Mean over the cells with a pseudo-label of the BCE of the strong logits; 0 without such cells. The pseudo-labels are
/// constants.
pub fn plc<R: Real>(strong: &[R], pseudo: &[Option<bool>]) -> R {
    let selected = pseudo.iter().flatten().count();
    let cells = strong.iter().zip(pseudo).filter_map(|(&z, pseudo)| Some(bce(z, (*pseudo)?)));
    R::sum(cells) / R::of(selected.max(1) as f64)
}

/// Mean BCE of the weak logits, whatever is not positive a negative, plus lambda times [`plc`].
pub fn plc_total<R: Real>(
    weak: &[R],
    strong: &[R],
    labels: &[Label],
    pseudo: &[Option<bool>],
    lambda: f64,
) -> R {
    let observed = R::sum(weak.iter().zip(labels).map(|(&z, label)| bce(z, label.is_positive())));
    observed / R::of(weak.len() as f64) + R::of(lambda) * plc(strong, pseudo)
}

/// Supervised contrastive loss of features `[cells, views, dimension]` with a class for each cell, 0 for an empty slot.
///
/// With s_ij = f_i f_j / T over all views of all cells that are not empty, and P(i) the others of the same class:
/// L = mean over i of -(1/|P(i)|) sum_{j in P(i)} (s_ij - ln sum_{k != i} e^s_ik). An i without P(i) is no anchor.
pub fn contrastive<R: Real>(
    features: &[R],
    labels: &[u32],
    views: usize,
    dimension: usize,
    temperature: f64,
) -> R {
    let all: Vec<(&[R], u32)> = features
        .chunks(dimension)
        .enumerate()
        .map(|(i, f)| (f, labels[i / views]))
        .filter(|(_, label)| *label > 0)
        .collect();
    let dot = |a: &[R], b: &[R]| R::sum(a.iter().zip(b).map(|(&a, &b)| a * b)) / R::of(temperature);
    let mut anchors = 0;
    let mut total = R::zero();
    for (i, (f, label)) in all.iter().enumerate() {
        let others: Vec<(R, bool)> =
            (0..all.len()).filter(|k| *k != i).map(|k| (dot(f, all[k].0), all[k].1 == *label)).collect();
        let positives = others.iter().filter(|(_, same)| *same).count();
        if positives == 0 {
            continue;
        }
        anchors += 1;
        let largest = others.iter().map(|(s, _)| s.value()).fold(f64::NEG_INFINITY, f64::max);
        let sum = R::sum(others.iter().map(|(s, _)| (*s - R::of(largest)).exp()));
        let normaliser = sum.ln() + R::of(largest);
        let of_positives = R::sum(others.iter().filter(|(_, same)| *same).map(|(s, _)| *s - normaliser));
        total += -of_positives / R::of(positives as f64);
    }
    total / R::of(f64::from(anchors.max(1)))
}

//! The formula, scalar. z logit.

use lacuna_loss_api::{Label, Real};

/// max(0, 1 - s z)^2 with s = 1 for a positive and -1 for an observed negative; 0 for an unknown cell.
pub fn squared_hinge<R: Real>(z: R, label: Label) -> R {
    let margin = match label {
        Label::Positive => z,
        Label::Negative => -z,
        Label::Unknown => return R::zero(),
    };
    let slack = R::zero().max(R::one() - margin);
    slack * slack
}

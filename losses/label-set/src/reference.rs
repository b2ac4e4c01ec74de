//! The formula, scalar.

use lacuna_loss_api::{Label, Real};

/// The cross-entropy of a known label; 0 for an unknown one.
pub fn bce<R: Real>(z: R, label: Label) -> R {
    match label {
        Label::Positive => (-z).softplus(),
        Label::Negative => z.softplus(),
        Label::Unknown => R::zero(),
    }
}

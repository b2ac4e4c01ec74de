//! The formulas, scalar.

use crate::Form;
use lacuna_loss_api::{Label, Real};

/// tau ln pi or tau logit pi.
pub fn offset(prior: f64, tau: f64, form: Form) -> f64 {
    match form {
        Form::LogPrior => tau * prior.ln(),
        Form::LogitPrior => tau * (prior / (1.0 - prior)).ln(),
    }
}

/// Cross-entropy at z + offset.
pub fn logit_adjust<R: Real>(z: R, label: Label, offset: f64) -> R {
    let x = z + R::of(offset);
    if label.is_positive() { (-x).softplus() } else { x.softplus() }
}

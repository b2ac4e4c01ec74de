//! Losses of presence-only data, in which a row is a place and says which species was seen there: the assume-negative losses of
//! SINR (Cole et al., ICML 2023), with background rows drawn from the input space, and the full weighted loss (Zbinden et
//! al., 2024). See [`AnFull`], [`AnSlds`], [`AnSsdl`] and [`FullWeighted`].

mod full;
mod pairs;
pub mod reference;
mod table;
mod weighted;

pub use full::AnFull;
pub use pairs::{AnSlds, AnSsdl, OtherClass, other_class};
pub use table::{ABOUT, ROWS};
pub use weighted::{ClassWeighting, FullWeighted, FullWeightedConfig, class_weights};

use lacuna_loss_api::guarded::BothLogs;
use lacuna_loss_api::pointwise::Entry;
use lacuna_loss_api::{Interval, LossError, LossGrad, LossInfo, ParamInfo, Reduction, f32x8};

pub(crate) const SINR: &str = "Cole, Van Horn, Lange and others, Spatial Implicit Neural Representations for Global-Scale Species Mapping, ICML";

const ENTROPY: ParamInfo = ParamInfo {
    name: "entropy",
    default: Some(0.0),
    range: Interval { low: 0.0, high: 1.0, open: false, whole: true },
    doc: "1 maximises the entropy of assumed negatives in place of their L_e(n): the forms `_me` of the authors' code",
};

const LOG_EPSILON: ParamInfo = ParamInfo {
    name: "log_epsilon",
    default: Some(1e-5),
    range: Interval::closed(0.0, 0.5),
    doc: "guard e of every logarithm, -ln(p + e); 0 is the stable form. 1e-5 in the authors' code",
};

/// Parameters of the losses of SINR.
#[derive(Clone, Debug, PartialEq)]
pub struct PresenceConfig {
    /// [`AnFull`]: weight >= 0 of the positives.
    pub pos_weight: f64,
    /// Whether the entropy of assumed negatives is maximised.
    pub entropy: bool,
    /// Guard e of the logarithms, in [0, 0.5]; 0 is the stable form.
    pub log_epsilon: f64,
    /// How the entries become one number.
    pub reduction: Reduction,
}

impl Default for PresenceConfig {
    /// The published parameters: 2048, no entropy, 1e-5, mean.
    fn default() -> Self {
        Self { pos_weight: 2048.0, entropy: false, log_epsilon: 1e-5, reduction: Reduction::Mean }
    }
}

impl PresenceConfig {
    fn check(self, info: &'static LossInfo) -> Result<Self, LossError> {
        if info.param("pos_weight").is_some() {
            info.check("pos_weight", self.pos_weight)?;
        }
        info.check("log_epsilon", self.log_epsilon)?;
        Ok(self)
    }
}

/// -ln(n + e), or minus the entropy, with its slope.
#[inline]
fn absent<const GUARDED: bool>(z: f32x8, guard: f32x8, entropy: bool) -> Entry {
    let l = BothLogs::at::<GUARDED>(z, guard);
    let (zero, one) = (f32x8::splat(0.0), f32x8::splat(1.0));
    if !entropy {
        return Entry::new(l.ln, l.slope(zero, one));
    }
    // d/dz -(p L_e(p) + n L_e(n)) = -p n [L_e(p) - L_e(n)] - p n e (n - p) / ((p + e)(n + e)), and slope(-1, 1) is
    // p n (1 + 2 e) / ((p + e)(n + e)).
    let of_guard = l.slope(-one, one) * (guard / (one + guard + guard)) * (l.n - l.p);
    Entry::new(-(l.p * l.lp + l.n * l.ln), -(l.p * l.n * (l.lp - l.ln) + of_guard))
}

/// -ln(p + e) with its slope.
#[inline]
fn present<const GUARDED: bool>(z: f32x8, guard: f32x8) -> Entry {
    let l = BothLogs::at::<GUARDED>(z, guard);
    Entry::new(l.lp, l.slope(f32x8::splat(1.0), f32x8::splat(0.0)))
}

/// The buffers of both logit matrices, if derivatives are wanted.
fn both<'a>(grad: LossGrad<'a, '_>) -> (Option<&'a mut [f32]>, Option<&'a mut [f32]>) {
    match grad {
        LossGrad::Into([first, second]) => (Some(&mut **first), Some(&mut **second)),
        _ => (None, None),
    }
}

//! Losses for training sets with one observed positive a row (Cole et al., "Multi-Label Learning from
//! Single Positive Labels", CVPR 2021).
//!
//! | type | methods | an unknown cell is |
//! |---|---|---|
//! | [`GuardedBce`] | AN, AN-LS, WAN | a negative |
//! | [`GuardedBce`] | IU, IUN, BCE and BCE-LS on clean labels | not counted |
//! | [`Epr`] | expected positive regularisation | counted in the expected number of positives |
//! | [`PairwiseRank`] | pairwise ranking | to be ranked below the positives |
//! | [`Role`] | regularised online label estimation | estimated by a second logit matrix |
//!
//! All but the ranking loss take logarithms of probabilities with a guard, -ln(p + e) with e = 1e-5, as the
//! authors' code does: it caps an entry at 11.5 and is part of the method. e = 0 gives the stable form.
//!
//! ```
//! use lacuna_loss_api::{Label, LossGrad, LossInput, MultiLabelLoss};
//! use lacuna_spml::{GuardedBce, GuardedConfig, Kind};
//!
//! let z = [2.0, -1.0, 0.5];
//! let labels = [Label::Positive, Label::Unknown, Label::Unknown];
//! let logits = [&z[..]];
//! let mut dz = [0.0; 3];
//! let mut loss = GuardedBce::new(Kind::AnLs { ls_coef: 0.1 }, GuardedConfig::default())?;
//! let value = loss.evaluate(&LossInput::new(&logits, 1, 3, &labels), LossGrad::Into(&mut [&mut dz]))?;
//! assert!((value - 0.55474).abs() < 1e-4);
//! assert!(dz[0] < 0.0 && dz[2] > 0.0); // up with the positive, down with the rest
//! # Ok::<(), lacuna_loss_api::LossError>(())
//! ```

mod epr;
mod guarded;
mod pairwise;
pub mod reference;
mod role;
mod table;

pub use epr::{Epr, ExpectedPositivesConfig};
pub use guarded::{GuardedBce, GuardedConfig, Kind};
pub use pairwise::PairwiseRank;
pub use role::{ESTIMATOR_LR_FACTOR, Role, estimator_init};
pub use table::{ABOUT, ROWS};

use lacuna_loss_api::{Interval, ParamInfo};

/// Paper of every method here.
const PAPER: &str = "Cole, Mac Aodha, Lorieul, Perona, Morris and Jojic, Multi-Label Learning from Single \
                     Positive Labels, CVPR";

/// The guard of every logarithm.
const LOG_EPSILON: ParamInfo = ParamInfo {
    name: "log_epsilon",
    default: Some(1e-5),
    range: Interval::closed(0.0, 0.5),
    doc: "guard e of every logarithm, -ln(p + e); 0 is the stable form. 1e-5 in the authors' code",
};

/// The expected number of positives of a row.
const EXPECTED_POSITIVES: ParamInfo = ParamInfo {
    name: "expected_positives",
    default: None,
    range: Interval::at_least(0.0),
    doc: "expected number k of positives of a row, a statistic of the data: 1.5 for VOC 2012, 2.9 for COCO \
          2014, 1.9 for NUS-WIDE, 31.4 for CUB in the authors' code",
};

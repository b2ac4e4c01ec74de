//! Losses for labels that lost positives: Hill, focal margin, and self-paced loss correction (Zhang et al.,
//! "Simple and Robust Loss Design for Multi-Label Learning with Missing Labels", arXiv 2112.07368, 2021).
//!
//! Unknown is read as negative. Where such a cell is confidently predicted positive, [`Hill`] flattens the slope and
//! [`Splc`] turns the label round. [`FocalMargin`] is what SPLC does before it starts to correct.
//!
//! ```
//! use lacuna_hill::{Hill, HillConfig};
//! use lacuna_loss_api::{Label, LossGrad, LossInput, MultiLabelLoss};
//!
//! let z = [-3.0, 0.0, 3.0];
//! let labels = [Label::Unknown; 3];
//! let logits = [&z[..]];
//! let mut dz = [0.0; 3];
//! let mut loss = Hill::new(HillConfig::default())?;
//! loss.evaluate(&LossInput::new(&logits, 1, 3, &labels), LossGrad::Into(&mut [&mut dz]))?;
//! assert!(dz[1] > dz[0] && dz[1] > dz[2]); // over the hill
//! # Ok::<(), lacuna_loss_api::LossError>(())
//! ```

mod focal_margin;
mod hill;
pub mod reference;
mod splc;
mod table;

pub use focal_margin::{FocalMargin, FocalMarginConfig};
pub use hill::{Hill, HillConfig};
pub use splc::{Splc, SplcConfig};
pub use table::{ABOUT, ROWS};

use lacuna_loss_api::{Interval, ParamInfo};

const PAPER: &str = "Zhang, Cheng, Huang, Wen, Feng, Li and Guo, Simple and Robust Loss Design for Multi-Label \
                     Learning with Missing Labels, arXiv 2112.07368";

const MARGIN: ParamInfo = ParamInfo {
    name: "margin",
    default: Some(1.0),
    range: Interval::ANY,
    doc: "margin m that positives are shifted down by. 1 in the authors' code; the paper recommends 0.5 to 1",
};

const GAMMA: ParamInfo = ParamInfo {
    name: "gamma",
    default: Some(2.0),
    range: Interval::at_least(0.0),
    doc: "focusing exponent. 2 in the authors' code",
};

//! Every loss of the project behind one table.
//!
//! [`LOSSES`] has a row for each loss that a command line can name. A row says what the loss is
//! ([`LossInfo`]), which labels a benchmark has to hand it ([`LabelNeeds`]), and builds it from named numbers
//! ([`Options`]). [`CLASS_LOSSES`] are those that are built from the class frequencies of a training set as well.
//! [`BRANCH_LOSSES`] take the logits of several heads, or of mixed rows.
//! The crates themselves are here too, for those who want a typed configuration: [`bce`],
//! [`spml`], [`hill`].
//!
//! ```
//! use lacuna_losses::{Options, find};
//!
//! let row = find("hill")?;
//! assert_eq!(row.info.param("lambda").unwrap().default, Some(1.5));
//! let loss = row.build(&Options::default().set("gamma", 3.0))?;
//! assert_eq!(loss.info().name, "hill");
//!
//! assert_eq!(find("hil").unwrap_err().to_string(), "there is no loss `hil`; did you mean `hill`?");
//! let typo = row.build(&Options::default().set("gama", 3.0)).err().unwrap();
//! assert_eq!(typo.to_string(), "hill has no parameter `gama`; did you mean `gamma`?");
//! # Ok::<(), lacuna_losses::LossError>(())
//! ```

mod options;
mod table;

pub use lacuna_anyloss as anyloss;
pub use lacuna_asl as asl;
pub use lacuna_bce as bce;
pub use lacuna_cap as cap;
pub use lacuna_class_balanced as class_balanced;
pub use lacuna_comic as comic;
pub use lacuna_csl as csl;
pub use lacuna_distribution_balanced as distribution_balanced;
pub use lacuna_em as em;
pub use lacuna_focal as focal;
pub use lacuna_gr as gr;
pub use lacuna_hill as hill;
pub use lacuna_imprecise as imprecise;
pub use lacuna_label_set as label_set;
pub use lacuna_large_loss as large_loss;
pub use lacuna_logit_adjust as logit_adjust;
pub use lacuna_loss_api::*;
pub use lacuna_propensity as propensity;
pub use lacuna_pu as pu;
pub use lacuna_pu_mlc as pu_mlc;
pub use lacuna_spml as spml;
pub use options::{Context, Options};
pub use table::{BRANCH_LOSSES, CLASS_LOSSES, LOSSES, LabelNeeds, LossRow, Statistics, all, find};

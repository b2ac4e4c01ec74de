//! Every loss of the project behind one table. Start with [`find`], which takes a loss by name.
//!
//! [`LOSSES`] has a row for each loss that a command line can name. A row says what the loss is ([`LossInfo`]), which
//! labels it has to be handed ([`LabelNeeds`]), which statistics of a training set it is built from ([`Statistics`]) and
//! what it is evaluated on ([`Takes`]); it builds the loss from named numbers ([`Options`]).
//! The crates themselves are here too, for those who want a typed configuration: [`bce`],
//! [`spml`], [`hill`] and the others.
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
//!
//! Some losses are built from the class frequencies of a training set; a row says from which, and counts them:
//!
//! ```
//! use lacuna_losses::{Label, find};
//!
//! let labels = [Label::Positive, Label::Unknown]; // one row of two classes
//! assert_eq!(find("hill")?.statistics_of(&labels, 2)?, None);
//! let counts = find("ldam-bce")?.statistics_of(&labels, 2)?.unwrap();
//! // The second class has no positive and is counted as the rarest that has some.
//! assert_eq!((counts.positives(), counts.co_occurrence()), (&[1.0, 1.0][..], None));
//! # Ok::<(), lacuna_losses::LossError>(())
//! ```
//!
//! `lacuna_loss_api` has the trait that every loss implements. The next crate is `lacuna_train`: the training loop.

mod table;

// CAP and MIME make labels for other losses, L2B weights of rows; they have no row.
pub use lacuna_cap as cap;
pub use lacuna_l2b as l2b;
pub use lacuna_loss_api::*;
pub use lacuna_mime as mime;
pub use table::crates::*;
pub use table::{LOSSES, find};

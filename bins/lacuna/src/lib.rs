//! Multi-label learning with missing labels: read features and labels, train a head, predict, find labels that are probably
//! missing, and save the head for PyTorch. No true labels are needed. Start with these lines:
//!
//! ```
//! use lacuna::{Head, Label};
//! # // Two classes by the signs of two features; what is not listed was not looked at.
//! # let folder = tempfile::tempdir()?;
//! # std::env::set_current_dir(folder.path())?;
//! # let x: Vec<f32> = (0..200).map(|i| (i as f32 * 0.7).sin()).collect();
//! # let mut tags = "image,labels\n".to_string();
//! # for (row, x) in x.chunks(2).enumerate() {
//! #     let named = [("cat", x[0] > 0.0), ("dog", x[1] > 0.0)].into_iter().filter(|(_, is)| *is && row % 5 != 0);
//! #     let named: Vec<&str> = named.map(|(name, _)| name).collect();
//! #     tags += &format!("{row}.jpg,\"[{}]\"\n", named.iter().map(|n| format!("'{n}'")).collect::<Vec<_>>().join(", "));
//! # }
//! # std::fs::write("tags.csv", tags)?;
//! # let x = lacuna_formats::NpyData::F32(x);
//! # lacuna_formats::NpyArray::new(vec![100, 2], x)?.save("clip.npy")?;
//!
//! let x = lacuna::read::features("clip.npy")?;                    // any format
//! let y = lacuna::read::labels("tags.csv")?.unlisted(Label::Unknown);
//! let model = lacuna::Fit::new("auto").head(Head::Linear).seed(0).fit(&x, &y)?;
//! let p = model.predict(&x)?;                                     // probabilities, rows x classes
//! for m in lacuna::audit(&x, &y)?.top(100) { println!("{} {} {:.2}", m.row, m.class, m.score); }
//! model.save("head/")?;
//!
//! # assert_eq!((p.rows(), p.classes()), (100, 2));
//! # assert_eq!(model.classes(), ["cat", "dog"]);
//! # assert_eq!(lacuna::Model::load("head/")?.predict(&x)?, p);
//! # // The labels of every fifth row were lost: they are among the first that are found.
//! # let top = lacuna::audit(&x, &y)?.top(10);
//! # let lost = top.iter().filter(|m| m.row_index % 5 == 0 && x.features().row(m.row_index)[m.class_index] > 0.0);
//! # assert!(lost.count() >= 8, "{top:?}");
//! # assert!(top[0].row.ends_with(".jpg"));
//! # use lacuna::FeatureSource;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`read`]: files in every format, with names of rows and classes, and with unknown cells.
//! - [`Fit`]: training on them, or on [`Features`] and [`ObservedLabels`] from anywhere else; [`Fit::explain`] and
//!   [`Model::notes`] say what was chosen and why.
//! - [`Model`]: predictions, `head.safetensors` for `torch.nn`, and back.
//! - [`JudgedRows`]: predictions beside labels ([`Model::judge`]): metrics over known cells, thresholds, calibration.
//! - [`compare()`]: losses and procedures side by side. [`convert`] and [`write`](mod@write): files of data and predictions.
//! - [`audit()`]: cells that are unknown or negative and probably positive, and how many such cells each class has.
//! - [`listing`]: that list for people, also as a page.
//! - [`certified`]: a list of them whose share of wrong entries is bounded, from a few hundred answers; [`Fit::retrain`]: what the corrected
//!   labels are worth.
//! - [`Fit::on_progress`], [`AuditOptions::on_progress`]: how far the work is, and a way to stop it.
//!
//! # Outside the workspace
//!
//! ```toml
//! [dependencies]
//! lacuna = { path = "...", default-features = false }
//! ```
//!
//! Without default features there is no command line and none of its dependencies. A crate does not inherit the compiler
//! flags of this workspace: without flags the portable kernels are compiled, which are correct and slower. For machines
//! with AVX2 and FMA, put this into `.cargo/config.toml` of your crate:
//!
//! ```toml
//! [build]
//! rustflags = ["-C", "target-cpu=x86-64-v3"]
//! ```
//!
//! # The program
//!
//! The feature `cli`, on by default, has the program `lacuna` and its commands.
//!
//! `lacuna_train` has the procedures and the training loop below this crate; `docs/README.md` lists the guides.

pub mod certified;
#[cfg(feature = "cli")]
pub mod cli;
pub mod convert;
pub mod listing;
pub mod plot;
pub mod read;
pub mod stated;
mod visible;
pub mod write;

pub use lacuna_formats::FormatError;
pub use lacuna_labels::{FeatureError, Features, Label, LabelError, LabelMatrix, ObservedLabels};
pub use lacuna_train::{
    Audit, AuditOptions, Calibrated, Calibration, CalibrationScores, Candidate, ChosenThresholds,
    ClassReport, ClassThreshold, CnnSpec, CompareOptions, Compared, Comparison, Contestant, EvalReport,
    FeatureSource, Fingerprints, Fit, Gain, Goal, Head, HiddenPositives, Input, JudgedRows, LabelSource,
    MlpSpec, Model, ModelError, Named, NamedMetric, Predictions, Progress, Retrained, Stage, Table,
    TrainError, TrainedWith, Transform, Weights, audit, compare, hold_out, minimises,
};

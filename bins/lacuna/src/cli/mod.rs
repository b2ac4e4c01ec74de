//! The commands of the program `lacuna`, for it and for `repro`, which has `mask` as well, and what both programs share:
//! the data arguments, where they may write, how they print and how they end. Behind the feature `cli`.

pub mod audit;
pub mod calibrate;
pub mod compare;
pub mod convert;
mod data;
pub mod doctor;
pub mod eval;
pub mod exit;
pub mod export;
mod head;
mod labelled;
mod limits;
pub mod make;
pub mod mask;
mod outputs;
pub mod predict;
pub mod program;
pub mod screen;
pub mod thresholds;
pub mod train;
mod working;

pub use data::{By, DataArgs, Gap, Input, Numbers, Rest};
pub use head::{FitArgs, HeadArgs, PrintArgs, SavedArgs};
pub use labelled::{Labelled, LabelledInput, Opened};
pub use limits::limits_are_errors;
pub use outputs::Outputs;
pub use working::{Watched, Working};

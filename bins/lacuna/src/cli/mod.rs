//! The commands of the program `lacuna`, for it and for `repro`, which has `mask` as well, and what both programs share:
//! the data arguments, where they may write, how they print and how they end. Behind the feature `cli`.

pub mod audit;
mod data;
pub mod doctor;
pub mod exit;
pub mod make;
pub mod mask;
mod outputs;
pub mod screen;

pub use data::{By, DataArgs, Gap, Input, Numbers, Rest};
pub use outputs::Outputs;

//! Procedures, optimisers and checkpoints over small sets.
#![allow(clippy::print_stdout, reason = "a test says what it counted")]

mod data;
mod learning;
mod on_disk;
mod page;
mod resume;
mod slices;
mod steps;
mod unchanged;

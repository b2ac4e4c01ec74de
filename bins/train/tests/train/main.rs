//! Procedures, optimisers and checkpoints over small sets.

mod data;
mod learning;
mod resume;
mod steps;
mod unchanged;

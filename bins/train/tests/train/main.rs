//! Procedures, optimisers and checkpoints over small sets.

mod data;
mod learning;
mod on_disk;
mod resume;
mod steps;
mod unchanged;

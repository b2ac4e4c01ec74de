//! Reproduces the missing-label benchmarks.
fn main() {}

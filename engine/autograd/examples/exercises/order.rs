//! Exercise: break determinism.
//!
//! The engine promises the same bits for any number of threads. This sum keeps the promise, being serial. In f32 (a + b) + c is not
//! a + (b + c): write a sum whose order depends on the number of threads, right to five digits for every number of them.

/// The sum of `x`, computed as `threads` threads would. No thread has to be started: what counts is the order of the additions.
pub(crate) fn sum(x: &[f32], threads: usize) -> f32 {
    // Change it.
    let _ = threads;
    x.iter().sum()
}

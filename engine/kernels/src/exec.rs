//! Who does the work: one thread, or the current rayon pool.

/// How a kernel may spread its work.
///
/// The result has the same bits either way and for any number of threads: parallel work writes disjoint
/// blocks whose size depends on the shape alone, and sums are folded in index order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exec {
    /// The calling thread only. Right for a grid of runs that is itself spread over the cores.
    #[default]
    Serial,
    /// The current rayon pool. Put `install` around a whole run or epoch, never around a step: entering
    /// a pool from outside costs about 29 us and an allocation, from inside about 1 us and none.
    Rayon,
}

/// Elements of an elementwise map that one task takes. A serial map of 16 k floats costs about 3 us,
/// which is what a split has to beat; smaller maps are never split.
pub(crate) const MAP_BLOCK: usize = 16 * 1024;

/// Floating-point operations of a product that one task takes at least (about 15 us).
pub(crate) const GEMM_BLOCK_FLOP: usize = 1 << 20;

/// Whether a kernel replaces what stands in its output or adds to it.
///
/// The first writer of a gradient sets, later ones add, so no pass that clears gradients is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// out = result
    Set,
    /// out = out + result
    Add,
}

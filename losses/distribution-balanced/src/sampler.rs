//! The class-aware sampler's epoch.

/// Images of an epoch of the class-aware sampler: trunc(max n_c * C / reduce).
///
/// The sampler goes through a reshuffled list of classes and draws a few images in a row (3 in the authors' code)
/// from the reshuffled list of each; `reduce` is 4 in the authors' code.
///
/// wutong16/DistributionBalancedLoss@14460d0acda6, mllt/datasets/loader/sampler.py (`ClassAwareSampler`).
///
/// ```
/// assert_eq!(lacuna_distribution_balanced::class_aware_epoch(&[775, 9, 4], 4), 581);
/// ```
///
/// # Panics
/// If `reduce` is 0.
pub fn class_aware_epoch(class_counts: &[usize], reduce: usize) -> usize {
    class_counts.iter().max().copied().unwrap_or_default() * class_counts.len() / reduce
}

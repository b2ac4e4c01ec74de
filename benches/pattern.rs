//! Numbers without a visible order, which no branch predictor learns and which any language writes down in three lines: what the
//! benchmarks and the peers compute with.

/// Number `i` of series `salt`, uniform in [-1/2, 1/2), a multiple of 2^-24.
///
/// The finaliser of MurmurHash3 on 32 bits (`h ^= h >> 16`, `h *= 0x85ebca6b`, `h ^= h >> 13`, `h *= 0xc2b2ae35`,
/// `h ^= h >> 16`) of `i + salt * 0x9e3779b9`; its upper 24 bits.
pub fn pattern(i: usize, salt: u32) -> f32 {
    let mut h = (i as u32).wrapping_add(salt.wrapping_mul(0x9e37_79b9));
    h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    h ^= h >> 16;
    (h >> 8) as f32 / (1 << 24) as f32 - 0.5
}

/// The first `len` numbers of a series.
pub fn series(len: usize, salt: u32) -> Vec<f32> {
    (0..len).map(|i| pattern(i, salt)).collect()
}

/// Logits in (-6, 2), as a trained head gives them.
pub fn logits(len: usize, salt: u32) -> Vec<f32> {
    (0..len).map(|i| 8.0 * pattern(i, salt) - 2.0).collect()
}

/// Whether cell `i` of a matrix of labels is positive: `share` of the cells are.
pub fn is_positive(i: usize, share: f32) -> bool {
    pattern(i, LABELS) + 0.5 < share
}

/// Series of features, logits and left factors.
pub const INPUT: u32 = 1;
/// Series of labels.
pub const LABELS: u32 = 2;
/// Series of the first parameter of a network; the next ones have the next series.
pub const PARAMETERS: u32 = 16;

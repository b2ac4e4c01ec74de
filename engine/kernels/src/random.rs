//! Random bits as a function of where they are used: no state, so any thread may draw any of them.
//!
//! The hash is Philox4x32-10 (J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers:
//! as easy as 1, 2, 3", SC 2011). Its bits are fixed for all time and pinned by the authors' known answers.

use crate::exec::MAP_BLOCK;
use crate::{Exec, Write};
use rayon::prelude::*;

/// What a mask belongs to: the run's seed, the training step and the layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MaskKey {
    /// Seed of the run.
    pub seed: u64,
    /// Training step.
    pub step: u64,
    /// Number of the layer, so that two layers of one step differ.
    pub layer: u32,
}

/// Philox4x32-10: four random words for a counter and a key.
///
/// ```
/// use lacuna_kernels::random::philox4x32;
/// assert_eq!(philox4x32([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
/// ```
#[inline]
pub fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let (mut c, mut k) = (counter, key);
    for _ in 0..10 {
        let (a, b) = (u64::from(c[0]) * 0xd251_1f53, u64::from(c[2]) * 0xcd9e_8d57);
        c = [(b >> 32) as u32 ^ c[1] ^ k[0], b as u32, (a >> 32) as u32 ^ c[3] ^ k[1], a as u32];
        k = [k[0].wrapping_add(0x9e37_79b9), k[1].wrapping_add(0xbb67_ae85)];
    }
    c
}

/// The words of elements `4 block..4 block + 4` under a key.
///
/// Counter: block (32 bits), layer, step (64 bits). Key: seed.
#[inline]
fn words(key: MaskKey, block: u32) -> [u32; 4] {
    let halves = |x: u64| [x as u32, (x >> 32) as u32];
    let [low, high] = halves(key.step);
    philox4x32([block, key.layer, low, high], halves(key.seed))
}

/// Number `i` of a sequence that is uniform in [0, 1), as a function of the key and of i: 32 bits of it.
///
/// It shares its bits with the mask of a dropout of the same key, so that the two need keys of their own.
///
/// # Panics
/// For i of 2^34 and more.
pub fn uniform(key: MaskKey, i: u64) -> f64 {
    let block = u32::try_from(i / 4).expect("a sequence has at most 2^34 numbers");
    f64::from(words(key, block)[(i % 4) as usize]) / 4_294_967_296.0
}

/// A dropout mask: 0 with probability `p`, else 1 / (1 - p). Element i depends on (key, i) alone.
///
/// # Panics
/// If `p` is not in [0, 1), or for more than 2^34 elements.
pub fn dropout_mask(exec: Exec, key: MaskKey, p: f32, mask: &mut [f32]) {
    assert!((0.0..1.0).contains(&p), "a dropout probability is in [0, 1), not {p}");
    assert!(mask.len() <= 1 << 34, "a mask has at most 2^34 elements");
    // A word is below the threshold with probability p to 32 bits.
    let (threshold, kept) = ((f64::from(p) * 4_294_967_296.0) as u32, 1.0 / (1.0 - p));
    let fill = |first: usize, mask: &mut [f32]| {
        for (block, mask) in mask.chunks_mut(4).enumerate() {
            let words = words(key, (first / 4 + block) as u32);
            for (mask, word) in mask.iter_mut().zip(words) {
                *mask = if word < threshold { 0.0 } else { kept };
            }
        }
    };
    if exec == Exec::Rayon && mask.len() >= 2 * MAP_BLOCK {
        mask.par_chunks_mut(MAP_BLOCK).enumerate().for_each(|(i, mask)| fill(i * MAP_BLOCK, mask));
    } else {
        fill(0, mask);
    }
}

/// out = mask x, or added; 0 where the mask is 0, whatever x is.
///
/// # Panics
/// If the slices differ in length.
pub fn apply_mask(exec: Exec, write: Write, x: &[f32], mask: &[f32], out: &mut [f32]) {
    crate::map::binary(exec, write, x, mask, out, |x, m| (x * m) & m.simd_gt(crate::f32x8::splat(0.0)));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `kat_vectors` of the authors' Random123 library.
    #[test]
    fn philox_gives_its_known_answers() {
        let ones = u32::MAX;
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        for (counter, key, words) in [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([ones; 4], [ones; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (pi, [0xa409_3822, 0x299f_31d0], [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]),
        ] {
            assert_eq!(philox4x32(counter, key), words);
        }
    }

    #[test]
    fn masks_are_pinned() {
        let key = MaskKey { seed: 7, step: 3, layer: 2 };
        let mut mask = [0.0; 16];
        dropout_mask(Exec::Serial, key, 0.5, &mut mask);
        let kept: Vec<u8> = mask.iter().map(|m| u8::from(*m == 2.0)).collect();
        assert_eq!(kept, PINNED, "masks of earlier runs would change");
        assert!(mask.iter().all(|m| *m == 0.0 || *m == 2.0));
    }

    #[test]
    fn uniform_numbers_are_those_of_the_masks() {
        let key = MaskKey { seed: 9, step: 1 << 33, layer: 4 };
        for p in [0.1, 0.5, 0.75] {
            let mut mask = [0.0; 103];
            dropout_mask(Exec::Serial, key, p, &mut mask);
            for (i, mask) in mask.iter().enumerate() {
                assert_eq!(uniform(key, i as u64) < f64::from(p), *mask == 0.0, "{i}");
            }
        }
    }

    const PINNED: [u8; 16] = [1, 1, 0, 1, 1, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 1];

    #[test]
    fn masks_keep_the_right_share_and_differ_by_every_part_of_the_key() {
        let draw = |seed, step, layer, p| {
            let mut mask = vec![0.0; 100_000];
            dropout_mask(Exec::Rayon, MaskKey { seed, step, layer }, p, &mut mask);
            mask
        };
        for p in [0.0, 0.1, 0.5, 0.9] {
            let mask = draw(1, 2, 3, p);
            let dropped = mask.iter().filter(|m| **m == 0.0).count() as f32 / 100_000.0;
            assert!((dropped - p).abs() < 0.005, "{dropped} of {p}");
            let mean = mask.iter().sum::<f32>() / 100_000.0;
            assert!((mean - 1.0).abs() < 0.05, "{mean}");
        }
        let base = draw(1, 2, 3, 0.5);
        for other in
            [draw(2, 2, 3, 0.5), draw(1, 3, 3, 0.5), draw(1, 2, 4, 0.5), draw(1, 2 + (1 << 32), 3, 0.5)]
        {
            let same = base.iter().zip(&other).filter(|(a, b)| a == b).count();
            assert!((45_000..55_000).contains(&same), "{same} of 100,000 agree");
        }
        assert_eq!(base, draw(1, 2, 3, 0.5));
        let mut serial = vec![0.0; 100_000];
        dropout_mask(Exec::Serial, MaskKey { seed: 1, step: 2, layer: 3 }, 0.5, &mut serial);
        assert_eq!(base, serial);
    }
}

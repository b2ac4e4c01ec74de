//! The rate of multiplications and additions that no kernel can pass: chains of fused multiply-adds in registers.

use crate::cpu::Level;
use crate::f32x8;
use std::hint::black_box;

/// Independent chains: enough to cover the latency of the multipliers, and they fit into the registers.
const CHAINS: usize = 12;

/// Runs chains of fused multiply-adds with the vectors of `level`, `steps` of each, and returns how many multiplications and
/// additions that were. A benchmark divides them by the time they took. Where the program was not compiled for fused
/// multiply-adds it is a multiplication and an addition each.
pub fn multiply_adds(level: Level, steps: usize) -> f64 {
    #[cfg(all(target_feature = "fma", target_arch = "x86_64"))]
    assert!(level == Level::Built || is_x86_feature_detected!("avx512f"), "this processor has no AVX-512");
    let lanes = match level {
        #[cfg(all(target_feature = "fma", target_arch = "x86_64"))]
        Level::Avx512 | Level::Avx512InHalves => {
            // SAFETY: asserted above.
            unsafe { sixteen(steps) };
            16
        }
        _ => {
            eight(steps);
            8
        }
    };
    (2 * lanes * CHAINS * steps) as f64
}

fn eight(steps: usize) {
    let (x, y) = (black_box(f32x8::splat(0.999)), black_box(f32x8::splat(0.001)));
    let mut chains = [f32x8::splat(1.0); CHAINS];
    for _ in 0..steps {
        for chain in &mut chains {
            *chain = chain.mul_add(x, y);
        }
    }
    black_box(chains);
}

#[cfg(all(target_feature = "fma", target_arch = "x86_64"))]
#[target_feature(enable = "avx512f")]
unsafe fn sixteen(steps: usize) {
    use crate::vector::{F32x16, Vector};
    // SAFETY: the caller promises AVX-512F.
    unsafe {
        let (x, y) = (F32x16::splat(black_box(0.999)), F32x16::splat(black_box(0.001)));
        let mut chains = [F32x16::splat(1.0); CHAINS];
        for _ in 0..steps {
            for chain in &mut chains {
                *chain = chain.mul_add(x, y);
            }
        }
        let mut out = [0.0f32; 16];
        for chain in chains {
            chain.store(out.as_mut_ptr());
            black_box(&out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_it_computes() {
        assert_eq!(multiply_adds(Level::Built, 10), 1920.0);
        let wide = crate::cpu::level();
        assert_eq!(multiply_adds(wide, 10), if wide == Level::Built { 1920.0 } else { 3840.0 });
    }
}

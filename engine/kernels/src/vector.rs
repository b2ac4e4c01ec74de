//! The vectors of the register tiles: eight floats, or sixteen where the processor has them.
//!
//! The build is for AVX2, and `wide` fixes its instructions when it is compiled. The tiles of [`gemm`](crate::gemm) and
//! [`conv`](crate::conv) are generic over [`Vector`] instead and are compiled twice; [`cpu::level`](crate::cpu::level) says once per process which of them run. This is the only module with `std::arch` vectors.
//!
//! A lane is a chain of operations of its own, the same for every width, so the bits of a result do not depend on it.
//!
//! The methods are `#[inline(always)]` and have no `#[target_feature]` of their own: they become part of the tile that calls them,
//! which has the feature. Called from elsewhere they would be slow, not wrong, as long as the processor has the instructions.

use crate::f32x8;

/// Floats that are added and multiplied side by side.
///
/// # Safety
/// Implementations read and write exactly `LANES` floats at the pointers they get.
pub(crate) unsafe trait Vector: Copy {
    /// Floats of a vector.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        allow(dead_code, reason = "products of other processors are not blocked here")
    )]
    const LANES: usize;

    /// The same number in all lanes.
    ///
    /// # Safety
    /// The processor has the instructions of this vector; so for every method.
    unsafe fn splat(x: f32) -> Self;

    /// The floats at `p`, which need not be aligned.
    ///
    /// # Safety
    /// `p` must be valid for reading `LANES` floats.
    unsafe fn load(p: *const f32) -> Self;

    /// Writes the floats to `p`, which need not be aligned.
    ///
    /// # Safety
    /// `p` must be valid for writing `LANES` floats.
    unsafe fn store(self, p: *mut f32);

    /// self x + sum, rounded once.
    ///
    /// # Safety
    /// As for [`Vector::splat`].
    unsafe fn mul_add(self, x: Self, sum: Self) -> Self;

    /// self + x.
    ///
    /// # Safety
    /// As for [`Vector::splat`].
    unsafe fn add(self, x: Self) -> Self;
}

// SAFETY: `[f32; 8]` is eight floats.
unsafe impl Vector for f32x8 {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        f32x8::splat(x)
    }

    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller promises eight readable floats, and the read is unaligned.
        f32x8::new(unsafe { p.cast::<[f32; 8]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: the caller promises eight writable floats, and the write is unaligned.
        unsafe { p.cast::<[f32; 8]>().write_unaligned(self.to_array()) }
    }

    #[inline(always)]
    unsafe fn mul_add(self, x: Self, sum: Self) -> Self {
        f32x8::mul_add(self, x, sum)
    }

    #[inline(always)]
    unsafe fn add(self, x: Self) -> Self {
        self + x
    }
}

// SAFETY: `[f32; 16]` is two times eight floats.
unsafe impl Vector for [f32x8; 2] {
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        [f32x8::splat(x); 2]
    }

    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller promises sixteen readable floats.
        unsafe { [f32x8::load(p), f32x8::load(p.add(8))] }
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: the caller promises sixteen writable floats.
        unsafe {
            self[0].store(p);
            self[1].store(p.add(8));
        }
    }

    #[inline(always)]
    unsafe fn mul_add(self, x: Self, sum: Self) -> Self {
        [f32x8::mul_add(self[0], x[0], sum[0]), f32x8::mul_add(self[1], x[1], sum[1])]
    }

    #[inline(always)]
    unsafe fn add(self, x: Self) -> Self {
        [self[0] + x[0], self[1] + x[1]]
    }
}

#[cfg(all(target_arch = "x86_64", target_feature = "fma"))]
pub(crate) use wide512::F32x16;

#[cfg(all(target_arch = "x86_64", target_feature = "fma"))]
mod wide512 {
    use super::Vector;
    use std::arch::x86_64::{
        __m512, _mm512_add_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_storeu_ps,
    };

    /// Sixteen floats in a register of AVX-512.
    #[derive(Clone, Copy)]
    pub(crate) struct F32x16(__m512);

    // SAFETY: the instructions load and store sixteen floats. The caller promises that the processor has AVX-512F.
    unsafe impl Vector for F32x16 {
        const LANES: usize = 16;

        #[inline(always)]
        unsafe fn splat(x: f32) -> Self {
            // SAFETY: the processor has AVX-512F.
            Self(unsafe { _mm512_set1_ps(x) })
        }

        #[inline(always)]
        unsafe fn load(p: *const f32) -> Self {
            // SAFETY: as above, and sixteen floats are readable.
            Self(unsafe { _mm512_loadu_ps(p) })
        }

        #[inline(always)]
        unsafe fn store(self, p: *mut f32) {
            // SAFETY: as above, and sixteen floats are writable.
            unsafe { _mm512_storeu_ps(p, self.0) }
        }

        #[inline(always)]
        unsafe fn mul_add(self, x: Self, sum: Self) -> Self {
            // SAFETY: the processor has AVX-512F.
            Self(unsafe { _mm512_fmadd_ps(self.0, x.0, sum.0) })
        }

        #[inline(always)]
        unsafe fn add(self, x: Self) -> Self {
            // SAFETY: the processor has AVX-512F.
            Self(unsafe { _mm512_add_ps(self.0, x.0) })
        }
    }
}

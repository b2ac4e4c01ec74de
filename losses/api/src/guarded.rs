//! Logarithms of probabilities with a guard, -ln(p + e) and -ln(1 - p + e), of which several papers need both.

use lacuna_kernels::{f32x8, math};

/// Both guarded logarithms of a logit, x = p + e and y = n + e.
#[derive(Clone, Copy)]
pub struct BothLogs {
    /// sigma(z).
    pub p: f32x8,
    /// sigma(-z).
    pub n: f32x8,
    /// -ln x.
    pub lp: f32x8,
    /// -ln y.
    pub ln: f32x8,
    x: f32x8,
    y: f32x8,
    /// p n / (x y).
    ratio: f32x8,
}

impl BothLogs {
    /// The logarithms at a logit; `GUARDED` is whether `guard` > 0.
    ///
    /// With E = e^-|z| and D = 1 + E, the larger of x and y is (1 + e D) / D and the smaller (E + e D) / D.
    /// So one division serves all quotients, and only the smaller one takes a logarithm of wide range.
    #[inline(always)]
    pub fn at<const GUARDED: bool>(z: f32x8, guard: f32x8) -> Self {
        Self::continued::<GUARDED>(z, Self::begin(z), guard)
    }

    /// E: where a loop begins all cells of a block before it continues the first, the long chain of operations of one cell does
    /// not hold up the others.
    #[inline(always)]
    pub fn begin(z: f32x8) -> f32x8 {
        math::exp_sat(-z.abs())
    }

    /// [`at`](Self::at) from what [`begin`](Self::begin) found.
    #[inline(always)]
    pub fn continued<const GUARDED: bool>(z: f32x8, e: f32x8, guard: f32x8) -> Self {
        let (right, ln_d) = (z.simd_ge(f32x8::splat(0.0)), math::ln_1p_unit(e));
        if !GUARDED {
            let large = f32x8::splat(1.0) / (f32x8::splat(1.0) + e);
            let small = e * large;
            let (p, n) = (right.select(large, small), right.select(small, large));
            let zero = f32x8::splat(0.0);
            let (lp, ln) = (zero.fast_max(-z) + ln_d, zero.fast_max(z) + ln_d);
            return Self { p, n, lp, ln, x: p, y: n, ratio: f32x8::splat(1.0) };
        }
        let one = f32x8::splat(1.0);
        let d = one + e;
        let g = guard * d;
        let v = (one + g) * (e + g);
        let inverse = one / (d * v);
        let (large, ratio) = (v * inverse, e * (d * inverse));
        let small = e * large;
        // e is a normal number, since exp_sat saturates at one.
        let (log_large, log_small) = (ln_d - math::ln_1p_unit(g), ln_d - math::ln_normal(e + g));
        let (p, n) = (right.select(large, small), right.select(small, large));
        let (lp, ln) = (right.select(log_large, log_small), right.select(log_small, log_large));
        Self { p, n, lp, ln, x: p + guard, y: n + guard, ratio }
    }

    /// The derivative of a Lp + b Ln: p n (-a / x + b / y).
    #[inline(always)]
    pub fn slope(&self, a: f32x8, b: f32x8) -> f32x8 {
        self.ratio * (b * self.x - a * self.y)
    }
}

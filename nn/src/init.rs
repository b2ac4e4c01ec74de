//! First values of parameters.

use lacuna_engine::{Shape, Tensor};
use rand::Rng;

/// Numbers uniform in [-bound, bound), drawn in the order of the elements.
///
/// A draw is the top 24 bits of a 32-bit word, k 2^-23 bound - bound: exact in f32 and fixed for all time,
/// whatever a library's own distribution may do.
///
/// ```
/// use lacuna_nn::init::uniform;
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// let w = uniform([64, 20], 0.125, &mut ChaCha8Rng::seed_from_u64(1));
/// assert!(w.data().iter().all(|w| (-0.125..0.125).contains(w)));
/// ```
pub fn uniform(shape: impl Into<Shape>, bound: f32, rng: &mut impl Rng) -> Tensor {
    let shape = shape.into();
    let draw = |_| {
        let k = rng.next_u32() >> 8;
        (k as f32 / (1 << 23) as f32 - 1.0) * bound
    };
    Tensor::new(shape, (0..shape.len()).map(draw).collect())
}

/// 1 / sqrt(d): the bound of PyTorch's default `nn.Linear`, for weight and bias alike.
pub fn default_bound(features: usize) -> f32 {
    1.0 / (features as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

    #[test]
    fn draws_are_spread_and_repeatable() {
        let draw = |seed| uniform([100, 100], 0.5, &mut ChaCha8Rng::seed_from_u64(seed));
        let w = draw(3);
        let mean: f32 = w.data().iter().sum::<f32>() / 10_000.0;
        let var: f32 = w.data().iter().map(|w| w * w).sum::<f32>() / 10_000.0;
        assert!(mean.abs() < 0.01, "{mean}");
        assert!((var - 1.0 / 12.0).abs() < 0.003, "{var}");
        assert_eq!(w, draw(3));
        assert_ne!(w, draw(4));
    }
}

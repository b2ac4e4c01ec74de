//! The stream of Python's `random` module, which some published masks were drawn from.

use crate::NumpyLegacy;

/// The stream of `random.seed(seed)` of CPython, bit for bit.
///
/// MT19937 like [`NumpyLegacy`], seeded by an array of the 32-bit words of the seed, lowest first.
///
/// ```
/// use lacuna_protocols::PythonRandom;
///
/// // random.seed(10); random.random(); random.choice(range(7))
/// let mut random = PythonRandom::new(10);
/// assert_eq!(random.random(), 0.5714025946899135);
/// assert_eq!(PythonRandom::new(0).random(), 0.8444218515250481);
/// ```
///
/// Source: `Modules/_randommodule.c` and `Lib/random.py` of CPython 3.
#[derive(Clone, Debug)]
pub struct PythonRandom {
    generator: NumpyLegacy,
}

impl PythonRandom {
    /// The stream of `random.seed(seed)`.
    pub fn new(seed: u64) -> Self {
        let words = [seed as u32, (seed >> 32) as u32];
        let used = if words[1] == 0 { &words[..1] } else { &words[..] };
        Self { generator: NumpyLegacy::by_array(used) }
    }

    /// A double in `[0, 1)`: `random()`.
    pub fn random(&mut self) -> f64 {
        self.generator.random_sample()
    }

    /// The highest `bits` of the next 32: `getrandbits(bits)`.
    fn bits(&mut self, bits: u32) -> u32 {
        self.generator.next_u32() >> (32 - bits)
    }

    /// A number below `n`: the place that `choice` takes in a sequence of `n`. As many bits as `n` has are drawn until they fit.
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn choice(&mut self, n: u32) -> usize {
        assert!(n > 0, "there is not a number below 0");
        let bits = u32::BITS - n.leading_zeros();
        loop {
            let drawn = self.bits(bits);
            if drawn < n {
                return drawn as usize;
            }
        }
    }

    /// A place drawn with these weights: that of `choices(range(n), weights)[0]`. One double is drawn, and the first place is
    /// taken whose cumulative weight is above its share of the total, else the last place. The caller has checked that weights
    /// are at least 0 and that their total is positive and finite.
    pub(crate) fn choices(&mut self, weights: &[f64]) -> usize {
        let drawn = self.random() * weights.iter().sum::<f64>();
        let mut cumulative = 0.0;
        let above = weights.iter().position(|weight| {
            cumulative += weight;
            cumulative > drawn
        });
        above.unwrap_or(weights.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Every expected number below was printed by CPython 3.11.

    #[test]
    fn seeds_doubles_bits_and_choices() {
        for (seed, doubles, bits, choices) in [
            (
                0,
                [0.8444218515250481, 0.7579544029403025, 0.420571580830845],
                [0, 30, 2_195_908_194],
                [3, 3, 6, 6, 2, 3, 2, 4],
            ),
            (
                1234,
                [0.9664535356921388, 0.4407325991753527, 0.007491470058587191],
                [1, 30, 4_034_129_617],
                [6, 4, 0, 5, 5, 0, 0, 6],
            ),
            (
                (1 << 40) + 5,
                [0.5043802970418443, 0.2686044399723282, 0.9257865475671585],
                [1, 24, 3_513_130_008],
                [6, 6, 6, 0, 1, 0, 6, 6],
            ),
        ] {
            let mut random = PythonRandom::new(seed);
            assert_eq!([random.random(), random.random(), random.random()], doubles, "{seed}");
            assert_eq!([1, 5, 32].map(|n| random.bits(n)), bits, "{seed}");
            assert_eq!([7; 8].map(|n| random.choice(n)), choices, "{seed}");
        }
    }

    #[test]
    fn weighted_choices_in_a_row() {
        let mut random = PythonRandom::new(12_345);
        let weights = [0.3, 0.0, 1.7, 2.5, 0.01];
        let sum: usize = (0..20_000).map(|i| i * random.choices(&weights)).sum();
        assert_eq!((sum, random.random()), (481_979_058, 0.9281059107701505));
    }
}

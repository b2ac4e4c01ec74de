//! The project's own seeded stream of random numbers.

use rand::TryRng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::convert::Infallible;

/// A stream of random numbers that depends on a seed, a purpose and a number, and on nothing else.
///
/// ChaCha with 8 rounds gives the bits. Everything between the caller and those bits is written
/// here and pinned by tests: the key derivation, the uniform numbers, the bounded integers, the
/// shuffle, the normal and the gamma distribution. A stored result therefore survives updates of
/// the libraries, whose algorithms may change between versions.
///
/// Two streams with different purposes are independent even when they share the seed, so drawing one
/// number more for one purpose does not move the others.
///
/// A `Stream` is also a [`rand::Rng`] and can be passed where one is expected.
///
/// ```
/// use lacuna_protocols::Stream;
///
/// let mut weights = Stream::new(7, "initial weights");
/// let w = weights.uniform(-0.1, 0.1);
/// assert!((-0.1..0.1).contains(&w));
///
/// // One stream an epoch: epoch 3 can be drawn without drawing epochs 0 to 2.
/// let order = Stream::numbered(7, "row order", 3).permutation(5);
/// assert_eq!(order.len(), 5);
/// ```
///
/// Key: with `mix` the finaliser of splitmix64 and `hash` FNV-1a over the purpose's UTF-8 bytes,
/// `s = mix(seed) ^ hash(purpose)`; key word `i` (of four, little-endian) is
/// `mix(s + (i + 1) * 0x9e3779b97f4a7c15)`. The number is ChaCha's 64-bit stream identifier.
#[derive(Clone, Debug)]
pub struct Stream {
    chacha: ChaCha8Rng,
    /// The second normal of a pair, until it is asked for.
    spare_normal: Option<f64>,
}

impl Stream {
    /// The stream of a seed and a purpose; the same as number 0.
    pub fn new(seed: u64, purpose: &str) -> Self {
        Self::numbered(seed, purpose, 0)
    }

    /// Stream `number` of a seed and a purpose: one an epoch, a layer, a row.
    pub fn numbered(seed: u64, purpose: &str, number: u64) -> Self {
        let state = mix(seed) ^ fnv1a(purpose.as_bytes());
        let mut key = [0; 32];
        for (i, word) in key.chunks_exact_mut(8).enumerate() {
            let step = (i as u64 + 1).wrapping_mul(GOLDEN_GAMMA);
            word.copy_from_slice(&mix(state.wrapping_add(step)).to_le_bytes());
        }
        let mut chacha = ChaCha8Rng::from_seed(key);
        chacha.set_stream(number);
        Self { chacha, spare_normal: None }
    }

    /// The next 32 bits.
    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        rand::Rng::next_u32(&mut self.chacha)
    }

    /// The next 64 bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        rand::Rng::next_u64(&mut self.chacha)
    }

    /// Uniform in `[0, 1)`, a multiple of 2^-24.
    #[inline]
    pub fn uniform_f32(&mut self) -> f32 {
        (self.next_u32() >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// Uniform in `[0, 1)`, a multiple of 2^-53.
    #[inline]
    pub fn uniform_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Uniform in `[low, high)`.
    ///
    /// # Panics
    /// Unless `low < high` and both are finite.
    #[inline]
    #[track_caller]
    pub fn uniform(&mut self, low: f32, high: f32) -> f32 {
        let width = high - low;
        assert!(low < high && width.is_finite(), "no uniform numbers in [{low}, {high})");
        loop {
            // The sum may round up to `high`; drawing again keeps the interval half-open.
            let value = low + width * self.uniform_f32();
            if value < high {
                return value;
            }
        }
    }

    /// Uniform in `0..n`, without bias.
    ///
    /// Lemire's multiplication: the high word of `x * n` for 64 random bits `x`, drawn again in the
    /// `2^64 mod n` cases that would favour some numbers.
    ///
    /// # Panics
    /// If `n` is 0.
    ///
    /// Source: Lemire, "Fast random integer generation in an interval", TOMACS 2019.
    #[inline]
    #[track_caller]
    pub fn below(&mut self, n: usize) -> usize {
        assert!(n > 0, "there is not a number below 0");
        let n = n as u64;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(n);
            let low = product as u64;
            // The division is only needed where the low word could be too small.
            if low >= n || low >= n.wrapping_neg() % n {
                return (product >> 64) as usize;
            }
        }
    }

    /// Shuffles in place (Fisher-Yates, from the end).
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for i in (1..values.len()).rev() {
            values.swap(i, self.below(i + 1));
        }
    }

    /// The numbers `0..n` in random order.
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        self.shuffle(&mut order);
        order
    }

    /// A resample of the bootstrap: how often each of `n` rows is drawn in `n` draws with replacement.
    pub fn resample(&mut self, n: usize) -> Vec<u32> {
        let mut weights = vec![0; n];
        (0..n).for_each(|_| weights[self.below(n)] += 1);
        weights
    }

    /// Standard normal, mean 0 and variance 1.
    ///
    /// Marsaglia's polar method. How many bits a number costs depends on exact arithmetic alone; only
    /// its last digits depend on the platform's logarithm.
    #[inline]
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare_normal.take() {
            return spare;
        }
        loop {
            let u = 2.0 * self.uniform_f64() - 1.0;
            let v = 2.0 * self.uniform_f64() - 1.0;
            let s = u * u + v * v;
            if s > 0.0 && s < 1.0 {
                let scale = (-2.0 * s.ln() / s).sqrt();
                self.spare_normal = Some(v * scale);
                return u * scale;
            }
        }
    }

    /// Gamma with the given shape and scale 1: mean and variance are `shape`.
    ///
    /// # Panics
    /// Unless `shape` is positive and finite.
    ///
    /// Source: Marsaglia and Tsang, "A simple method for generating gamma variables", TOMS 2000.
    #[track_caller]
    pub fn gamma(&mut self, shape: f64) -> f64 {
        assert!(shape > 0.0 && shape.is_finite(), "no gamma distribution of shape {shape}");
        if shape < 1.0 {
            // Gamma(a) = Gamma(a + 1) * U^(1/a)
            let u = 1.0 - self.uniform_f64();
            return self.gamma(shape + 1.0) * u.powf(1.0 / shape);
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            // 1 - U, so that the logarithm is finite.
            let u = 1.0 - self.uniform_f64();
            if v > 0.0 && u.ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    #[inline]
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.chacha.try_next_u32()
    }

    #[inline]
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.chacha.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.chacha.try_fill_bytes(bytes)
    }
}

const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of splitmix64: a bijection in which every input bit reaches every output bit.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_the_key_are_the_published_functions() {
        // First output of splitmix64 with seed 0, and FNV-1a of "foobar".
        assert_eq!(mix(GOLDEN_GAMMA), 0xe220_a839_7b1d_cdaf);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    // The words below were also computed by an independent implementation of the derivation above.
    #[test]
    fn known_words() {
        let words = |mut stream: Stream| [stream.next_u64(), stream.next_u64()];
        assert_eq!(words(Stream::new(1200, "known answers")), [0x005f_b5dc_486e_3f85, 0xb7f3_a6ac_61cf_8352]);
        assert_eq!(
            words(Stream::numbered(1200, "known answers", 3)),
            [0x20ba_8bc4_bd64_b45f, 0xf0cd_e9d0_2680_6ea2]
        );
    }

    #[test]
    fn known_numbers() {
        let mut stream = Stream::new(7, "known answers");
        assert_eq!(stream.uniform_f32(), 0.395_332_4);
        assert_eq!(stream.uniform_f64(), 0.030_289_941_163_057_61);
        assert_eq!(stream.uniform(-2.0, 3.0), -0.613_759_9);
        let integers = [10, 10, 10, 1_000_000_007, usize::MAX].map(|n| stream.below(n));
        assert_eq!(integers, [5, 7, 3, 515_187_726, 1_150_953_920_095_570_466]);
        assert_eq!(stream.permutation(10), [9, 7, 3, 6, 5, 1, 4, 2, 0, 8]);
        // These take the platform's logarithm, so the last digits are left open.
        let drawn = [stream.normal(), stream.normal(), stream.normal(), stream.gamma(1.5), stream.gamma(0.5)];
        let expected = [
            -0.131_705_628_995_150_1,
            1.051_695_994_054_659_5,
            -0.473_079_674_779_851_13,
            1.664_227_734_921_497_1,
            0.034_624_702_831_103_85,
        ];
        for (drawn, expected) in drawn.into_iter().zip(expected) {
            assert!((drawn - expected).abs() < 1e-12, "{drawn} against {expected}");
        }
    }

    #[test]
    fn purposes_numbers_and_seeds_give_different_streams() {
        let streams = [
            Stream::new(1, "a"),
            Stream::new(1, "b"),
            Stream::new(2, "a"),
            Stream::numbered(1, "a", 1),
            Stream::numbered(1, "a", u64::MAX),
        ];
        let mut first: Vec<u64> = streams.into_iter().map(|mut stream| stream.next_u64()).collect();
        first.sort_unstable();
        first.dedup();
        assert_eq!(first.len(), 5);
        assert_eq!(Stream::new(1, "a").next_u64(), Stream::numbered(1, "a", 0).next_u64());
    }

    #[test]
    fn a_stream_is_a_generator_of_rand() {
        fn word(generator: &mut impl rand::Rng) -> u64 {
            generator.next_u64()
        }
        assert_eq!(word(&mut Stream::new(3, "x")), Stream::new(3, "x").next_u64());
    }

    #[test]
    fn small_ranges_are_hit_evenly() {
        let mut stream = Stream::new(11, "below");
        let mut counts = [0_i32; 7];
        for _ in 0..70_000 {
            counts[stream.below(7)] += 1;
        }
        // Five standard deviations of a count of 10,000.
        assert!(counts.iter().all(|count| (count - 10_000).abs() < 463), "{counts:?}");
        assert_eq!(stream.below(1), 0);
    }

    #[test]
    fn uniform_numbers_stay_below_their_end() {
        let mut stream = Stream::new(12, "uniform");
        // The only two floats of this interval are its ends, so every second sum rounds up.
        let high = 1.0 + f32::EPSILON;
        assert!((0..1_000).all(|_| stream.uniform(1.0, high) == 1.0));
        assert!((0..1_000).all(|_| (0.0..1.0).contains(&stream.uniform_f64())));
    }

    #[test]
    fn moments_of_the_distributions() {
        const N: usize = 200_000;
        let moments = |mut draw: Box<dyn FnMut() -> f64>| {
            let numbers: Vec<f64> = (0..N).map(|_| draw()).collect();
            let mean = numbers.iter().sum::<f64>() / N as f64;
            (mean, numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / N as f64)
        };
        let mut normal = Stream::new(13, "normal");
        let (mean, variance) = moments(Box::new(move || normal.normal()));
        assert!(mean.abs() < 0.012 && (variance - 1.0).abs() < 0.016, "{mean} {variance}");
        for shape in [0.5, 1.5, 9.0] {
            let mut gamma = Stream::new(14, "gamma");
            let (mean, variance) = moments(Box::new(move || gamma.gamma(shape)));
            // Five standard errors of the mean; the variance's are larger (excess kurtosis 6 / shape).
            let error = 5.0 * (shape / N as f64).sqrt();
            assert!((mean - shape).abs() < error, "shape {shape}: mean {mean}");
            let error = 5.0 * shape * ((2.0 + 6.0 / shape) / N as f64).sqrt();
            assert!((variance - shape).abs() < error, "shape {shape}: variance {variance}");
        }
    }

    #[test]
    fn permutations_are_permutations() {
        let mut order = Stream::new(15, "permutation").permutation(1_000);
        assert!(!order.is_sorted());
        order.sort_unstable();
        assert!(order.into_iter().eq(0..1_000));
    }
}

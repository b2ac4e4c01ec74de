//! NumPy's `RandomState` stream, which the published masks and splits were drawn from.

/// The stream of `numpy.random.RandomState(seed)`, bit for bit.
///
/// MT19937 seeded by Knuth's recurrence, doubles of 53 bits, bounded integers by masked rejection and
/// a Fisher-Yates shuffle that walks downwards. NumPy froze this stream in 2019 (NEP 19), so what was
/// drawn from it once can be drawn again for good.
///
/// ```
/// use lacuna_protocols::NumpyLegacy;
///
/// // RandomState(0).random_sample()
/// assert_eq!(NumpyLegacy::new(0).random_sample(), 0.5488135039273248);
/// // RandomState(1200).permutation(17)
/// let order = NumpyLegacy::new(1200).permutation(17);
/// assert_eq!(order, [16, 15, 11, 4, 12, 9, 14, 6, 3, 13, 10, 1, 8, 5, 2, 0, 7]);
/// ```
///
/// Source: Matsumoto and Nishimura, "Mersenne Twister", 1998; `numpy/random/mtrand.pyx`.
#[derive(Clone)]
pub struct NumpyLegacy {
    key: [u32; WORDS],
    /// Next word of `key` to hand out; `WORDS` when a new block is due.
    position: usize,
}

/// Words of the state, and the distance of the word that is mixed in.
const WORDS: usize = 624;
const DISTANCE: usize = 397;

impl NumpyLegacy {
    /// The stream of `RandomState(seed)`.
    pub fn new(seed: u32) -> Self {
        let mut key = [0; WORDS];
        key[0] = seed;
        for i in 1..WORDS {
            let last = key[i - 1];
            key[i] = 1_812_433_253_u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(i as u32);
        }
        Self { key, position: WORDS }
    }

    /// The generator seeded by an array of words, the reference's `init_by_array`: what Python seeds by.
    pub(crate) fn by_array(words: &[u32]) -> Self {
        let mut generator = Self::new(19_650_218);
        let key = &mut generator.key;
        let before = |key: &[u32; WORDS], i: usize| key[i - 1] ^ (key[i - 1] >> 30);
        let mut i = 1;
        let mut step = |key: &mut [u32; WORDS], multiplier: u32, add: &dyn Fn(usize) -> u32| {
            key[i] = (key[i] ^ before(key, i).wrapping_mul(multiplier)).wrapping_add(add(i));
            i += 1;
            if i == WORDS {
                key[0] = key[WORDS - 1];
                i = 1;
            }
        };
        for k in 0..WORDS.max(words.len()) {
            let j = k % words.len();
            step(key, 1_664_525, &|_| words[j].wrapping_add(j as u32));
        }
        for _ in 1..WORDS {
            step(key, 1_566_083_941, &|i| (i as u32).wrapping_neg());
        }
        key[0] = 0x8000_0000;
        generator
    }

    /// The next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.position == WORDS {
            self.refill();
        }
        let mut y = self.key[self.position];
        self.position += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// A double in `[0, 1)` with 53 random bits: `random_sample()`, also called `random()` and `rand()`.
    pub fn random_sample(&mut self) -> f64 {
        let high = f64::from(self.next_u32() >> 5);
        let low = f64::from(self.next_u32() >> 6);
        (high * 67_108_864.0 + low) / 9_007_199_254_740_992.0
    }

    /// An integer in `[0, max]`, **`max` included**: draws as many bits as `max` has until they fit.
    pub fn interval(&mut self, max: u64) -> u64 {
        if max == 0 {
            return 0;
        }
        let mask = u64::MAX >> max.leading_zeros();
        loop {
            let bits = if max <= u64::from(u32::MAX) {
                u64::from(self.next_u32())
            } else {
                // The high word is drawn first.
                (u64::from(self.next_u32()) << 32) | u64::from(self.next_u32())
            };
            if bits & mask <= max {
                return bits & mask;
            }
        }
    }

    /// Shuffles in place: `shuffle(values)`.
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for i in (1..values.len()).rev() {
            let j = self.interval(i as u64) as usize;
            values.swap(i, j);
        }
    }

    /// The numbers `0..n` in random order: `permutation(n)`.
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        self.shuffle(&mut order);
        order
    }

    fn refill(&mut self) {
        for i in 0..WORDS {
            let y = (self.key[i] & 0x8000_0000) | (self.key[(i + 1) % WORDS] & 0x7fff_ffff);
            let twist = if y & 1 == 1 { 0x9908_b0df } else { 0 };
            self.key[i] = self.key[(i + DISTANCE) % WORDS] ^ (y >> 1) ^ twist;
        }
        self.position = 0;
    }
}

impl std::fmt::Debug for NumpyLegacy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NumpyLegacy").field("position", &self.position).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Every expected number below was printed by NumPy.

    #[test]
    fn the_generator_is_the_reference_mt19937() {
        // The ten thousandth word of the reference implementation with its default seed 5489.
        let mut rng = NumpyLegacy::new(5489);
        let word = (0..10_000).map(|_| rng.next_u32()).last();
        assert_eq!(word, Some(4_123_659_995));
    }

    #[test]
    fn doubles() {
        let mut rng = NumpyLegacy::new(1200);
        let drawn = [rng.random_sample(), rng.random_sample(), rng.random_sample()];
        assert_eq!(drawn, [0.561_953_681_388_361, 0.962_367_947_916_974_7, 0.673_662_347_252_125]);
    }

    #[test]
    fn permutations_in_a_row() {
        let mut rng = NumpyLegacy::new(1200);
        assert_eq!(rng.permutation(17), [16, 15, 11, 4, 12, 9, 14, 6, 3, 13, 10, 1, 8, 5, 2, 0, 7]);
        assert_eq!(rng.permutation(5), [3, 2, 0, 1, 4]);
    }

    #[test]
    fn shuffles_of_short_lists_draw_only_what_they_need() {
        let mut rng = NumpyLegacy::new(999);
        let shuffled: Vec<Vec<usize>> = [1, 2, 3, 5, 8]
            .into_iter()
            .map(|n| {
                let mut list: Vec<usize> = (10..10 + n).collect();
                rng.shuffle(&mut list);
                list
            })
            .collect();
        assert_eq!(
            shuffled,
            [
                vec![10],
                vec![11, 10],
                vec![12, 11, 10],
                vec![13, 12, 14, 10, 11],
                vec![12, 14, 15, 16, 10, 13, 11, 17]
            ]
        );
    }

    #[test]
    fn wide_intervals_take_two_words_high_word_first() {
        // max = 2^40 - 1 needs no rejection: the low 8 bits of the first word, then the second.
        let mut words = NumpyLegacy::new(7);
        let (first, second) = (words.next_u32(), words.next_u32());
        let expected = (u64::from(first & 0xff) << 32) | u64::from(second);
        assert_eq!(NumpyLegacy::new(7).interval((1 << 40) - 1), expected);
        // An empty interval costs no draw.
        let mut rng = NumpyLegacy::new(7);
        assert_eq!(rng.interval(0), 0);
        assert_eq!(rng.next_u32(), first);
    }
}

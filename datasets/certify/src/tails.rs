//! Hypergeometric probabilities, in logarithms.
//!
//! Of M cells D are wrong; n different ones are drawn, and F of these are wrong:
//! P(F = f) = C(D, f) C(M - D, n - f) / C(M, n).

/// Logarithms of factorials.
#[derive(Clone, Debug)]
pub(crate) struct Factorials(Vec<f64>);

impl Factorials {
    /// Of the numbers up to `most`.
    pub(crate) fn new(most: usize) -> Self {
        let mut logs = Vec::with_capacity(most + 1);
        // Neumaier's sum: one rounding in the end, whatever the number of terms.
        let (mut sum, mut lost) = (0.0_f64, 0.0);
        logs.push(0.0);
        for k in 1..=most {
            let term = (k as f64).ln();
            let next = sum + term;
            lost += if sum >= term { (sum - next) + term } else { (term - next) + sum };
            sum = next;
            logs.push(sum + lost);
        }
        Self(logs)
    }

    fn choose(&self, n: usize, k: usize) -> f64 {
        self.0[n] - self.0[k] - self.0[n - k]
    }

    /// P(F = f), 0 where f is impossible.
    pub(crate) fn pmf(&self, f: usize, population: usize, wrong: usize, drawn: usize) -> f64 {
        if f > wrong || f > drawn || drawn - f > population - wrong {
            return 0.0;
        }
        let log = self.choose(wrong, f) + self.choose(population - wrong, drawn - f)
            - self.choose(population, drawn);
        log.exp()
    }

    /// P(F <= f) for every f from 0 to `most`.
    pub(crate) fn cdf(&self, most: usize, population: usize, wrong: usize, drawn: usize) -> Vec<f64> {
        let mut sum = 0.0;
        (0..=most)
            .map(|f| {
                sum += self.pmf(f, population, wrong, drawn);
                if f >= drawn.min(wrong) { 1.0 } else { sum.min(1.0) }
            })
            .collect()
    }

    /// P(F <= f).
    pub(crate) fn tail(&self, f: usize, population: usize, wrong: usize, drawn: usize) -> f64 {
        if f >= drawn.min(wrong) {
            return 1.0;
        }
        (0..=f).map(|f| self.pmf(f, population, wrong, drawn)).sum::<f64>().min(1.0)
    }

    /// The largest D with P(F <= f) > `level`: an upper bound of D that fails with probability `level` at most.
    pub(crate) fn upper(&self, f: usize, population: usize, drawn: usize, level: f64) -> usize {
        // P(F <= f) falls with D; with D = f it is 1.
        let (mut inside, mut outside) = (f, population - (drawn - f) + 1);
        while outside - inside > 1 {
            let middle = inside.midpoint(outside);
            match self.tail(f, population, middle, drawn) > level {
                true => inside = middle,
                false => outside = middle,
            }
        }
        inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Binomial coefficients as exact integers.
    fn choose(n: u128, k: u128) -> u128 {
        if k > n { 0 } else { (0..k).fold(1, |c, i| c * (n - i) / (i + 1)) }
    }

    #[test]
    fn probabilities_are_those_of_exact_integers() {
        let logs = Factorials::new(60);
        for (population, drawn) in [(1, 1), (7, 3), (20, 20), (41, 9), (60, 25)] {
            for wrong in 0..=population {
                let mut exact = 0;
                for f in 0..=drawn {
                    let (p, d, n, k) = (population as u128, wrong as u128, drawn as u128, f as u128);
                    let term = if k > d || n - k > p - d { 0 } else { choose(d, k) * choose(p - d, n - k) };
                    exact += term;
                    let all = choose(p, n) as f64;
                    assert!((logs.pmf(f, population, wrong, drawn) - term as f64 / all).abs() < 1e-12);
                    assert!((logs.tail(f, population, wrong, drawn) - exact as f64 / all).abs() < 1e-12);
                    let cdf = logs.cdf(f, population, wrong, drawn);
                    assert!((cdf[f] - exact as f64 / all).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn the_bound_is_the_first_that_counting_finds_and_fails_rarely_enough() {
        let logs = Factorials::new(50);
        for level in [0.05, 0.02, 0.3] {
            for (population, drawn) in [(50, 20), (30, 30), (12, 5)] {
                let bounds: Vec<usize> =
                    (0..=drawn).map(|f| logs.upper(f, population, drawn, level)).collect();
                for (f, bound) in bounds.iter().enumerate() {
                    let possible = f..=population - (drawn - f);
                    let counted = possible.filter(|&d| logs.tail(f, population, d, drawn) > level).max();
                    assert_eq!(Some(*bound), counted, "{population} {drawn} {f}");
                }
                assert!(bounds.windows(2).all(|pair| pair[1] > pair[0]));
                for wrong in 0..=population {
                    let possible = (0..=drawn).filter(|&f| bounds[f] < wrong);
                    let fails: f64 = possible.map(|f| logs.pmf(f, population, wrong, drawn)).sum();
                    assert!(fails <= level + 1e-12, "{population} {drawn} {wrong}: {fails}");
                }
            }
        }
    }

    #[test]
    fn large_factorials_keep_their_digits() {
        // ln(200000!) by Stirling's series.
        let n = 200_000.0_f64;
        let series = n * n.ln() - n + 0.5 * (2.0 * std::f64::consts::PI * n).ln() + 1.0 / (12.0 * n);
        assert!((Factorials::new(200_000).0[200_000] / series - 1.0).abs() < 1e-14);
    }
}

//! The last steps and changes of the gradient, and the product of the inverse Hessian they approximate.

use std::collections::VecDeque;

/// One step and the change of the gradient over it.
pub(super) struct Pair {
    /// Change of the parameters.
    pub(super) s: Vec<f32>,
    /// Change of the gradient.
    pub(super) y: Vec<f32>,
    /// y . s
    ys: f64,
}

/// The last pairs, oldest first.
pub(super) struct History {
    capacity: usize,
    pairs: VecDeque<Pair>,
    /// Kept from call to call.
    factors: Vec<f64>,
}

/// A pair with y . s below this times y . y says nothing about the curvature.
const FLAT: f64 = f64::EPSILON;

impl History {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, pairs: VecDeque::new(), factors: Vec::new() }
    }

    pub(super) fn pairs(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.iter()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.pairs.clear();
    }

    /// Appends the pair that `fill(s, y)` writes, unless the curvature along it is not positive. The oldest pair goes
    /// where there are too many.
    pub(super) fn push(&mut self, len: usize, fill: impl FnOnce(&mut [f32], &mut [f32])) {
        let oldest = if self.pairs.len() == self.capacity { self.pairs.pop_front() } else { None };
        let mut pair = oldest.unwrap_or_else(|| Pair { s: vec![0.0; len], y: vec![0.0; len], ys: 0.0 });
        fill(&mut pair.s, &mut pair.y);
        pair.ys = dot(&pair.y, &pair.s);
        if self.capacity > 0 && pair.ys > FLAT * dot(&pair.y, &pair.y) {
            self.pairs.push_back(pair);
        }
    }

    /// d = -H g by the two-loop recursion (Nocedal and Wright, algorithm 7.4), with H0 = (y . s) / (y . y) of the last
    /// pair (equation 7.20); -g without any pair.
    pub(super) fn direction(&mut self, g: &[f32], d: &mut Vec<f64>) {
        let Self { pairs, factors, .. } = self;
        d.clear();
        d.extend(g.iter().map(|g| -f64::from(*g)));
        let Some(last) = pairs.back() else { return };
        factors.clear();
        for pair in pairs.iter().rev() {
            let factor = dot(&pair.s, d) / pair.ys;
            add(d, -factor, &pair.y);
            factors.push(factor);
        }
        let scale = last.ys / dot(&last.y, &last.y);
        d.iter_mut().for_each(|d| *d *= scale);
        for (pair, factor) in pairs.iter().zip(factors.iter().rev()) {
            let back = dot(&pair.y, d) / pair.ys;
            add(d, factor - back, &pair.s);
        }
    }
}

/// The inner product in f64, in eight sums.
pub(super) fn dot<A: Copy + Into<f64>, B: Copy + Into<f64>>(a: &[A], b: &[B]) -> f64 {
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    let mut lanes = [0.0f64; 8];
    for (a, b) in a8.iter().zip(b8) {
        for (sum, (&a, &b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *sum += a.into() * b.into();
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(&a, &b)| a.into() * b.into()).sum();
    lanes.iter().sum::<f64>() + rest
}

/// d += k x.
fn add(d: &mut [f64], k: f64, x: &[f32]) {
    for (d, x) in d.iter_mut().zip(x) {
        *d += k * f64::from(*x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After n independent steps along a quadratic in n dimensions, H is the exact inverse on their span.
    #[test]
    fn the_secant_equation_holds() {
        let mut history = History::new(3);
        let curvature = [2.0f32, 0.5, 8.0];
        for s in [[1.0f32, 0.0, 0.5], [0.0, 2.0, 1.0], [0.5, -1.0, 1.0]] {
            history.push(3, |to_s, y| {
                to_s.copy_from_slice(&s);
                y.iter_mut().zip(s.iter().zip(curvature)).for_each(|(y, (s, c))| *y = s * c);
            });
        }
        let last = history.pairs().last().unwrap();
        let (s, y) = (last.s.clone(), last.y.clone());
        let mut d = Vec::new();
        history.direction(&y, &mut d);
        for (d, s) in d.iter().zip(&s) {
            assert!((d + f64::from(*s)).abs() < 1e-12, "H y = s: {d} {s}");
        }
    }

    #[test]
    fn pairs_are_dropped_when_old_or_of_negative_curvature() {
        let mut history = History::new(2);
        for k in [1.0, 2.0, -1.0, 3.0] {
            history.push(1, |s, y| (s[0], y[0]) = (k, k * k));
        }
        let kept: Vec<f32> = history.pairs().map(|pair| pair.s[0]).collect();
        assert_eq!(kept, [2.0, 3.0]);
        // Without curvature H would be infinite.
        history.push(1, |s, y| (s[0], y[0]) = (1.0, 0.0));
        assert_eq!(history.pairs().last().unwrap().s, [3.0]);
        let mut none = History::new(0);
        none.push(1, |s, y| (s[0], y[0]) = (1.0, 1.0));
        assert!(none.is_empty());
    }
}

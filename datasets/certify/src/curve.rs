//! The share of right cells as a function of the rank: a posterior on a grid.
//!
//! P(right | rank r) = sigmoid(a - b ln((r + r0) / (n + r0) * 1000)), with a normal prior of a, an exponential one of b,
//! and r0, which flattens the curve among the first ranks, one of three. The model chooses what is tested and gives estimates;
//! no certificate rests on it.

/// A point of the grid.
#[derive(Clone, Copy, Debug)]
struct Point {
    a: f64,
    b: f64,
    offset: f64,
    /// Posterior probability.
    weight: f64,
}

/// A posterior of curves.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    cells: f64,
    points: Vec<Point>,
}

impl Point {
    fn right(&self, rank: f64, cells: f64) -> f64 {
        let x = (1000.0 * (rank + self.offset) / (cells + self.offset)).ln();
        1.0 / (1.0 + (self.b * x - self.a).exp())
    }
}

/// Ends of the pieces into which ranks are cut for sums: every rank at the beginning, then pieces of 4 % of the rank.
fn pieces(until: usize) -> impl Iterator<Item = (f64, f64)> {
    let mut start = 0_usize;
    std::iter::from_fn(move || {
        let end = (start + 1 + start / 25).min(until);
        let piece = (0.5 * (start + end - 1) as f64 + 1.0, (end - start) as f64);
        (start < until).then(|| {
            start = end;
            piece
        })
    })
}

impl Curve {
    /// The posterior after answers: rank, counted from 0, and whether the cell is right.
    pub(crate) fn new(cells: usize, answers: &[(usize, bool)]) -> Self {
        let n = cells as f64;
        let mut points = Vec::new();
        for offset in [0.0, n / 1000.0, n / 100.0] {
            for i in 0..=40 {
                for j in 0..=24 {
                    let (middle, b) = (f64::from(i) / 40.0 * 16.0 - 6.0, f64::from(j) / 24.0 * 3.0);
                    // `middle` is the logit at a thousandth of the ranks times 20.
                    let a = middle + b * 20.0_f64.ln();
                    let prior = -0.5 * (middle / 4.0).powi(2) - b / 1.5;
                    let point = Point { a, b, offset, weight: 0.0 };
                    let likelihood: f64 = answers
                        .iter()
                        .map(|&(rank, right)| {
                            let p = point.right(rank as f64 + 1.0, n).clamp(1e-9, 1.0 - 1e-9);
                            if right { p.ln() } else { (1.0 - p).ln() }
                        })
                        .sum();
                    points.push(Point { weight: prior + likelihood, ..point });
                }
            }
        }
        let best = points.iter().map(|point| point.weight).fold(f64::MIN, f64::max);
        points.iter_mut().for_each(|point| point.weight = (point.weight - best).exp());
        points.retain(|point| point.weight > 1e-2);
        let sum: f64 = points.iter().map(|point| point.weight).sum();
        points.iter_mut().for_each(|point| point.weight /= sum);
        Self { cells: n, points }
    }

    /// For every curve its probability and the expected number of wrong cells among the first `ends[i]` ones.
    pub(crate) fn wrong(&self, ends: &[usize]) -> Vec<(f64, Vec<f64>)> {
        self.points
            .iter()
            .map(|point| {
                let (mut sum, mut done, mut of_ends) = (0.0, 0.0, Vec::with_capacity(ends.len()));
                let mut pieces = pieces(self.cells as usize).peekable();
                for &end in ends {
                    while let Some(&(middle, width)) = pieces.peek()
                        && done + width <= end as f64
                    {
                        sum += width * (1.0 - point.right(middle, self.cells));
                        done += width;
                        pieces.next();
                    }
                    let rest = (end as f64 - done) * (1.0 - point.right(end as f64, self.cells));
                    of_ends.push(sum + rest);
                }
                (point.weight, of_ends)
            })
            .collect()
    }

    /// Posterior mean of the probability that the cell at a rank, counted from 0, is right.
    pub(crate) fn probability(&self, rank: usize) -> f64 {
        self.points.iter().map(|point| point.weight * point.right(rank as f64 + 1.0, self.cells)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_posterior_finds_a_curve_and_the_sums_are_those_of_single_ranks() {
        let cells = 5_000;
        let truth = Point { a: 7.0, b: 1.4, offset: 5.0, weight: 1.0 };
        // Every 25th cell, right or wrong in the share of the truth.
        let mut owed = 0.0;
        let answers: Vec<(usize, bool)> = (0..cells)
            .step_by(5)
            .map(|rank| {
                owed += truth.right(rank as f64 + 1.0, cells as f64);
                let right = owed >= 0.5;
                owed -= f64::from(u8::from(right));
                (rank, right)
            })
            .collect();
        let curve = Curve::new(cells, &answers);
        for rank in [200, 1_000, 4_000] {
            let p = truth.right(rank as f64 + 1.0, cells as f64);
            assert!((curve.probability(rank) - p).abs() < 0.05, "{rank}: {} {p}", curve.probability(rank));
        }
        let ends = [1, 7, 130, 1_000, 5_000];
        let sums = curve.wrong(&ends);
        for (i, end) in ends.into_iter().enumerate() {
            let single: f64 = (0..end).map(|rank| 1.0 - curve.probability(rank)).sum();
            let by_pieces: f64 = sums.iter().map(|(weight, wrong)| weight * wrong[i]).sum();
            assert!((by_pieces - single).abs() < 0.02 * single + 1e-9, "{end}: {by_pieces} {single}");
        }
    }
}

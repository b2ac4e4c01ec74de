//! The k-th largest of many numbers.

/// Finds it in one pass that keeps the largest candidates seen so far; the buffer is kept between calls.
///
/// Of a batch of 82 thousand a method asks for the 164th largest: sorting out candidates below a bound that rises
/// takes a comparison for nearly all entries, where partitioning the whole batch moves each of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Top {
    candidates: Vec<f32>,
}

impl Top {
    /// The k-th largest (k >= 1) of some finite numbers, or `None` if there are fewer than k.
    pub(crate) fn kth_largest(&mut self, k: usize, values: impl Iterator<Item = f32>) -> Option<f32> {
        let candidates = &mut self.candidates;
        candidates.clear();
        let capacity = 2 * k + 64;
        candidates.reserve(capacity);
        // The k-th largest so far, once there are k: numbers up to it cannot change the answer.
        let mut bound = f32::NEG_INFINITY;
        for x in values {
            if x > bound {
                if candidates.len() == capacity {
                    bound = keep(candidates, k);
                }
                candidates.push(x);
            }
        }
        (candidates.len() >= k).then(|| keep(candidates, k))
    }
}

/// Drops all but the k largest and gives the smallest of them.
fn keep(candidates: &mut Vec<f32>, k: usize) -> f32 {
    let (_, &mut kth, _) = candidates.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
    candidates.truncate(k);
    kth
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_finds_the_list_full_counts() {
        for k in [1, 2, 5] {
            let full = (0..2 * k + 64).map(|i| i as f32);
            for last in [-1.0, 0.5, 1000.0] {
                let mut sorted: Vec<f32> = full.clone().chain([last]).collect();
                let found = Top::default().kth_largest(k, sorted.clone().into_iter());
                sorted.sort_by(|a, b| b.total_cmp(a));
                assert_eq!(found, Some(sorted[k - 1]), "{k} {last}");
            }
        }
    }

    #[test]
    fn agrees_with_sorting() {
        let mut top = Top::default();
        for n in [1usize, 2, 63, 64, 65, 200, 1000] {
            // 37 values, so that there are ties.
            for values in [
                (0..n).map(|i| ((i * i * 31 + i * 7) % 37) as f32 - 18.0).collect::<Vec<f32>>(),
                (0..n).map(|i| i as f32).collect(),
                (0..n).map(|i| -(i as f32)).collect(),
                vec![0.5; n],
            ] {
                let mut sorted = values.clone();
                sorted.sort_by(|a, b| b.total_cmp(a));
                for k in [1, 2, 3, n / 2, n - 1, n].into_iter().filter(|&k| k >= 1 && k <= n) {
                    assert_eq!(top.kth_largest(k, values.iter().copied()), Some(sorted[k - 1]), "{n} {k}");
                }
                assert_eq!(top.kth_largest(n + 1, values.iter().copied()), None);
            }
        }
    }
}

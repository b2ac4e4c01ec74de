//! The entries with the k largest logits.

/// Finds them in one pass that keeps the best candidates seen so far; the buffer is kept between calls.
///
/// A method asks for a few per cent of a batch: nearly all entries are told apart by one comparison with a bound that
/// rises, where sorting or partitioning the batch would move each of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Top {
    candidates: Vec<(f32, u32)>,
}

impl Top {
    /// The places of the k largest of some finite numbers, in no order; of equal numbers those of the first places.
    pub(crate) fn largest(
        &mut self,
        k: usize,
        values: impl Iterator<Item = (u32, f32)>,
    ) -> impl Iterator<Item = usize> {
        let candidates = &mut self.candidates;
        candidates.clear();
        let capacity = 2 * k + 64;
        candidates.reserve(capacity);
        let mut bound = f32::NEG_INFINITY;
        if k > 0 {
            for (place, x) in values {
                // Places rise, so a number equal to the k-th largest so far comes too late.
                if x > bound || bound == f32::NEG_INFINITY {
                    if candidates.len() == capacity {
                        bound = keep(candidates, k);
                        if x <= bound {
                            continue;
                        }
                    }
                    candidates.push((x, place));
                }
            }
            if candidates.len() > k {
                keep(candidates, k);
            }
        }
        candidates.iter().map(|&(_, place)| place as usize)
    }
}

/// Drops all but the first k in the order of falling numbers and rising places; gives the smallest number left.
fn keep(candidates: &mut Vec<(f32, u32)>, k: usize) -> f32 {
    let order = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    let (_, &mut kth, _) = candidates.select_nth_unstable_by(k - 1, order);
    candidates.truncate(k);
    kth.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_stable_sort() {
        let mut top = Top::default();
        for n in [0usize, 1, 2, 63, 65, 200, 1000] {
            // 37 values, so that there are ties.
            for values in [
                (0..n).map(|i| ((i * i * 31 + i * 7) % 37) as f32 - 18.0).collect::<Vec<f32>>(),
                (0..n).map(|i| i as f32).collect(),
                (0..n).map(|i| -(i as f32)).collect(),
                vec![0.5; n],
            ] {
                let mut sorted: Vec<usize> = (0..n).collect();
                sorted.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
                for k in [0, 1, 2, n / 2, n, n + 3] {
                    let places = (0u32..).zip(values.iter().copied());
                    let mut found: Vec<usize> = top.largest(k, places).collect();
                    found.sort_unstable();
                    let mut expected = sorted[..k.min(n)].to_vec();
                    expected.sort_unstable();
                    assert_eq!(found, expected, "{n} {k}");
                }
            }
        }
    }
}

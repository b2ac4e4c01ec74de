//! The classes that a step reads.

use crate::TrainSet;
use lacuna_protocols::Stream;
use std::ops::Range;

/// The classes of a step.
pub(super) struct Classes {
    /// Number C of all.
    pub(super) all: usize,
    /// The most that are drawn, m.
    most: usize,
    /// Positive classes of all samples, and where those of each begin.
    positives: Vec<u32>,
    starts: Vec<usize>,
    /// The classes of the step: first the positive ones, then those that were drawn, both in ascending order.
    pub(super) chosen: Vec<u32>,
    /// How many are positive.
    pub(super) positive: usize,
    /// Number of the choice in which a class was last chosen.
    seen: Vec<u64>,
    number: u64,
    /// Memory for the classes that are not positive, where most classes are chosen.
    rest: Vec<u32>,
}

impl Classes {
    pub(super) fn new(train: &TrainSet<'_>, most: usize) -> Self {
        let (mut positives, mut starts) = (Vec::new(), vec![0]);
        for id in 0..train.len() as u32 {
            let labels = train.labels_of(id).iter().zip(0u32..);
            positives.extend(labels.filter(|(label, _)| label.is_positive()).map(|(_, class)| class));
            starts.push(positives.len());
        }
        let all = train.classes();
        Self {
            all,
            most,
            positives,
            starts,
            chosen: Vec::with_capacity(all),
            positive: 0,
            seen: vec![0; all],
            number: 0,
            rest: Vec::with_capacity(all),
        }
    }

    /// Takes a class that was not chosen yet.
    fn choose(&mut self, class: u32) -> bool {
        let new = std::mem::replace(&mut self.seen[class as usize], self.number) != self.number;
        if new {
            self.chosen.push(class);
        }
        new
    }

    /// The positive classes of these samples, and a sample of the others from `stream`.
    pub(super) fn draw(&mut self, ids: &[u32], stream: &mut Stream) {
        self.number += 1;
        self.chosen.clear();
        for id in ids {
            for i in self.starts[*id as usize]..self.starts[*id as usize + 1] {
                self.choose(self.positives[i]);
            }
        }
        self.positive = self.chosen.len();
        let count = self.most.min(self.others());
        if 2 * (self.positive + count) <= self.all {
            // Every second draw at least is a class that was not chosen yet.
            let mut left = count;
            while left > 0 {
                left -= usize::from(self.choose(stream.below(self.all) as u32));
            }
        } else {
            self.rest.clear();
            let (seen, number) = (&self.seen, self.number);
            self.rest.extend((0..self.all as u32).filter(|class| seen[*class as usize] != number));
            for i in 0..count {
                let at = i + stream.below(self.rest.len() - i);
                self.rest.swap(i, at);
                self.choose(self.rest[i]);
            }
        }
        self.chosen[..self.positive].sort_unstable();
        self.chosen[self.positive..].sort_unstable();
    }

    /// How many classes are not positive in the batch.
    fn others(&self) -> usize {
        self.all - self.positive
    }

    /// Places of the positive classes and of those that were drawn, each with what their loss counts for.
    pub(super) fn blocks(&self) -> [(Range<usize>, f32); 2] {
        let drawn = self.chosen.len() - self.positive;
        [
            (0..self.positive, 1.0),
            (self.positive..self.chosen.len(), self.others() as f32 / drawn.max(1) as f32),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Every sample comes up as often as any other, whether classes are drawn one by one or from a list of the rest.
    #[test]
    fn samples_are_uniform() {
        for (positives, all, most) in [(1, 7usize, 2usize), (3, 7, 2), (0, 5, 4)] {
            let mut classes = Classes {
                all,
                most,
                positives: (0..positives).collect(),
                starts: vec![0, positives as usize],
                chosen: vec![],
                positive: 0,
                seen: vec![0; all],
                number: 0,
                rest: vec![],
            };
            let mut counts = BTreeMap::new();
            const DRAWS: u64 = 30_000;
            for step in 0..DRAWS {
                classes.draw(&[0], &mut Stream::numbered(1, "sampled classes", step));
                assert_eq!(classes.chosen[..classes.positive], classes.positives);
                let drawn = classes.chosen[classes.positive..].to_vec();
                assert!(drawn.len() == most && drawn.is_sorted_by(|a, b| a < b), "{drawn:?}");
                *counts.entry(drawn).or_insert(0.0) += 1.0;
            }
            let others = all - positives as usize;
            let samples = (0..most).fold(1, |n, i| n * (others - i) / (i + 1));
            assert_eq!(counts.len(), samples, "{counts:?}");
            let expected = DRAWS as f64 / samples as f64;
            for (drawn, count) in &counts {
                // Five standard deviations.
                assert!(
                    (count - expected).abs() < 5.0 * expected.sqrt(),
                    "{drawn:?}: {count}, not {expected}"
                );
            }
        }
    }
}

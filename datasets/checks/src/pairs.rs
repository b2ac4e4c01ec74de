//! Pairs of classes that are positive in the same row.

use crate::labels::Labels;

/// Classes up to which pairs are counted in a table, which then takes 4 MiB.
const TABLE_CLASSES: usize = 1 << 10;

/// Sum over rows of positives^2 up to which pairs are counted in a table: about a second.
const TABLE_PAIRS: u64 = 1_000_000_000;

/// Sum over rows of positives^2 up to which pairs are listed one by one: 80 MB, whatever the number of classes.
const LISTED_PAIRS: u64 = 20_000_000;

/// Two classes, the smaller number first, and the number of rows in which both are positive.
pub(crate) type Pair = (u32, u32, usize);

/// The `most` pairs that occur most often; of equally frequent ones those with the smallest classes. `None` where there
/// are too many to count, for rows of which `squares` is the sum of positives^2.
pub(crate) fn most_frequent(labels: Labels<'_>, squares: u64, most: usize) -> Option<Vec<Pair>> {
    let classes = labels.classes();
    let mut top = Top { most, pairs: Vec::new() };
    if classes <= TABLE_CLASSES && squares <= TABLE_PAIRS {
        let mut counts = vec![0_u32; classes * classes];
        labels.for_each(|_, row| {
            for (i, &a) in row.positives.iter().enumerate() {
                let of_a = &mut counts[a as usize * classes..][..classes];
                row.positives[i + 1..].iter().for_each(|&b| of_a[b as usize] += 1);
            }
        });
        for (pair, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            top.push(((pair / classes) as u32, (pair % classes) as u32, count as usize));
        }
    } else if squares <= LISTED_PAIRS {
        let mut pairs = Vec::new();
        labels.for_each(|_, row| {
            for (i, &a) in row.positives.iter().enumerate() {
                pairs.extend(row.positives[i + 1..].iter().map(|&b| (a, b)));
            }
        });
        pairs.sort_unstable();
        pairs.chunk_by(|a, b| a == b).for_each(|equal| top.push((equal[0].0, equal[0].1, equal.len())));
    } else {
        return None;
    }
    Some(top.pairs)
}

/// The most frequent pairs of those that were pushed, in increasing order of the classes.
struct Top {
    most: usize,
    pairs: Vec<Pair>,
}

impl Top {
    fn push(&mut self, pair: Pair) {
        let at = self.pairs.partition_point(|other| other.2 >= pair.2);
        if at < self.most {
            self.pairs.insert(at, pair);
            self.pairs.truncate(self.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_formats::{LabelLists, Strings};
    use lacuna_labels::Label;

    /// Lists over `classes` classes with these positives.
    fn lists(classes: usize, rows: &[&[usize]]) -> LabelLists {
        let names: Strings = (0..classes).map(|class| format!("c{class}")).collect();
        let mut lists = LabelLists::new(names, Label::Negative);
        for row in rows {
            row.iter().for_each(|&class| lists.push(class, Label::Positive));
            lists.end_row();
        }
        lists
    }

    #[test]
    fn a_table_and_a_list_count_the_same_pairs() {
        let rows: [&[usize]; 5] = [&[0, 3, 2], &[3, 0], &[2, 3], &[1], &[0, 3, 2, 1]];
        let expected = vec![(0, 3, 3), (2, 3, 3), (0, 2, 2), (0, 1, 1)];
        for classes in [4, TABLE_CLASSES + 1] {
            let lists = lists(classes, &rows);
            assert_eq!(most_frequent(Labels::Lists(&lists), 34, 4).as_ref(), Some(&expected), "{classes}");
        }
    }

    #[test]
    fn too_many_pairs_are_not_counted() {
        let lists = lists(TABLE_CLASSES + 1, &[&[0, 1]]);
        assert_eq!(most_frequent(Labels::Lists(&lists), LISTED_PAIRS + 1, 4), None);
        assert_eq!(most_frequent(Labels::Lists(&lists), LISTED_PAIRS, 4), Some(vec![(0, 1, 1)]));
    }
}

//! Means over frequent, medium and rare classes.

use crate::{MapConvention, MapResult, UnknownName};
use std::str::FromStr;

/// Classes divided by how many **training** rows have them.
///
/// The default is that of the long-tail papers: head from 100 rows on, medium from 20 on, tail below. COMIC calls
/// them many, medium and few.
///
/// ```
/// use lacuna_metrics::ClassGroups;
///
/// let groups = ClassGroups::default();
/// let found = groups.means(&[0.4, 0.6, 0.9], &[775, 25, 4]);
/// assert_eq!((found.total, found.head, found.medium, found.tail), (1.9 / 3.0, 0.4, 0.6, 0.9));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassGroups {
    /// Rows from which on a class belongs to the head.
    pub head_from: usize,
    /// Rows below which a class belongs to the tail.
    pub tail_below: usize,
}

impl Default for ClassGroups {
    fn default() -> Self {
        Self { head_from: 100, tail_below: 20 }
    }
}

/// One of the three groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// Frequent classes.
    Head,
    /// Those in between.
    Medium,
    /// Rare classes.
    Tail,
}

/// Means over the classes of each group; not a number for a group without classes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupMeans {
    /// All classes.
    pub total: f64,
    /// Classes of the head.
    pub head: f64,
    /// Classes in between.
    pub medium: f64,
    /// Classes of the tail.
    pub tail: f64,
    /// How many classes head, medium and tail have.
    pub classes: [usize; 3],
}

impl ClassGroups {
    /// The group of a class with this many training rows.
    pub fn group(self, rows: usize) -> Group {
        match rows {
            _ if rows >= self.head_from => Group::Head,
            _ if rows < self.tail_below => Group::Tail,
            _ => Group::Medium,
        }
    }

    /// Means of one value a class over the groups. Values that are not numbers are counted as such.
    ///
    /// # Panics
    /// Unless there is one count for each value.
    #[track_caller]
    pub fn means(self, values: &[f64], train_counts: &[usize]) -> GroupMeans {
        self.means_where(values, train_counts, |_| true)
    }

    /// Means of the average precisions of a result over the groups, with its own policy for empty classes.
    ///
    /// # Panics
    /// Unless there is one count for each class.
    #[track_caller]
    pub fn of_map(self, result: &MapResult, train_counts: &[usize]) -> GroupMeans {
        let MapConvention { empty_class, .. } = result.convention;
        let skips = empty_class == crate::EmptyClass::Skip;
        self.means_where(&result.per_class, train_counts, |value| !(skips && value.is_nan()))
    }

    #[track_caller]
    fn means_where(self, values: &[f64], train_counts: &[usize], counts: impl Fn(f64) -> bool) -> GroupMeans {
        assert_eq!(values.len(), train_counts.len(), "one training count for each class");
        let mean = |wanted: Option<Group>| {
            let of_group = values.iter().zip(train_counts);
            let of_group = of_group.filter(|(_, rows)| wanted.is_none_or(|g| self.group(**rows) == g));
            let (mut sum, mut count) = (0.0, 0_usize);
            for (&value, _) in of_group.filter(|(value, _)| counts(**value)) {
                sum += value;
                count += 1;
            }
            sum / count as f64
        };
        let size = |g| train_counts.iter().filter(|rows| self.group(**rows) == g).count();
        GroupMeans {
            total: mean(None),
            head: mean(Some(Group::Head)),
            medium: mean(Some(Group::Medium)),
            tail: mean(Some(Group::Tail)),
            classes: [size(Group::Head), size(Group::Medium), size(Group::Tail)],
        }
    }
}

impl FromStr for Group {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        match name {
            "head" | "many" => Ok(Group::Head),
            "medium" | "middle" => Ok(Group::Medium),
            "tail" | "few" => Ok(Group::Tail),
            _ => Err(UnknownName::new("group of classes", name, &["head", "medium", "tail"])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ApFlavour, EmptyClass, mean_average_precision};
    use lacuna_labels::TrueLabels;

    #[test]
    fn bounds_belong_where_the_papers_put_them() {
        let groups = ClassGroups::default();
        for (rows, group) in [
            (100, Group::Head),
            (99, Group::Medium),
            (20, Group::Medium),
            (19, Group::Tail),
            (0, Group::Tail),
        ] {
            assert_eq!(groups.group(rows), group, "{rows}");
        }
        assert_eq!("many".parse(), Ok(Group::Head));
        assert!("body".parse::<Group>().is_err());
        let found = groups.means(&[0.5], &[3]);
        assert!(found.head.is_nan() && found.medium.is_nan());
        assert_eq!((found.tail, found.classes), (0.5, [0, 0, 1]));
    }

    #[test]
    fn skipped_classes_leave_their_group() {
        let truth = TrueLabels::from_fn(2, 2, |row, class| class == 0 && row == 0);
        for (empty_class, head) in [(EmptyClass::Skip, 1.0), (EmptyClass::Zero, 0.5)] {
            let convention = MapConvention { flavour: ApFlavour::Sklearn, empty_class };
            let result = mean_average_precision(&[0.9_f32, 0.1, 0.2, 0.3], &truth, convention).unwrap();
            assert_eq!(ClassGroups::default().of_map(&result, &[200, 300]).head, head);
        }
    }
}

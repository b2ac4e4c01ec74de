//! The table of sets: adding one is a file and a row here.

use crate::{SyntheticSet, coco_like, shapes, voc_like, voc_mlt_like};

/// How large a set shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetSize {
    /// Training rows; of a long-tailed set, rows of the pool they are chosen from.
    pub train: usize,
    /// Test rows.
    pub test: usize,
    /// Features of a row; pictures have a fixed size.
    pub columns: usize,
}

/// One row of [`SETS`].
#[derive(Clone, Copy, Debug)]
pub struct SetEntry {
    /// Name in specs and tables.
    pub name: &'static str,
    /// One sentence, with the size.
    pub doc: &'static str,
    /// What a table of results on this set has to say beside its numbers.
    pub caveat: &'static str,
    /// Channels, height and width of a row that is a picture.
    pub image: Option<[usize; 3]>,
    /// The size it has unless another is asked for.
    pub size: SetSize,
    build: fn(u64, SetSize) -> SyntheticSet,
}

impl SetEntry {
    /// Makes the set; the same seed gives the same set.
    pub fn build(&self, seed: u64) -> SyntheticSet {
        self.build_sized(seed, self.size)
    }

    /// Makes the set in another size; counts of classes grow with the rows.
    ///
    /// # Panics
    /// Unless there is a row to train on, one to test on, and a feature.
    pub fn build_sized(&self, seed: u64, size: SetSize) -> SyntheticSet {
        assert!(size.train > 0 && size.test > 0 && size.columns > 0, "an empty set: {size:?}");
        (self.build)(seed, size)
    }
}

/// Every set of this crate.
pub const SETS: &[SetEntry] = &[
    SetEntry {
        name: "voc-like",
        doc: "5,717 + 5,823 rows, 20 classes with the label counts of VOC 2012, 256 features.",
        caveat: "ROLE and AN-LS do well on voc-like and lose on real UC Merced features: \
                 no evidence about real data.",
        image: None,
        size: voc_like::SIZE,
        build: voc_like::voc_like_sized,
    },
    SetEntry {
        name: "shapes",
        doc: "8,000 + 2,000 pictures of 3 x 32 x 32 pixels, 20 classes: ten shapes and ten digits.",
        caveat: "Drawn shapes and digits on noise: no evidence about photographs.",
        image: Some([3, 32, 32]),
        size: shapes::SIZE,
        build: shapes::shapes_sized,
    },
    SetEntry {
        name: "voc-mlt-like",
        doc: "About 1,500 + 5,952 rows, 20 classes with a long tail cut out of VOC's label counts, 256 features.",
        caveat: "Tuned Adam on a linear head reverses the order of the recipe's methods: no evidence about real data.",
        image: None,
        size: voc_mlt_like::SIZE,
        build: voc_mlt_like::voc_mlt_like_sized,
    },
    SetEntry {
        name: "coco-like",
        doc: "8,000 + 4,000 rows, 80 classes of falling frequency, 2.9 labels a row, 256 features.",
        caveat: "Drawn features: no evidence about real data.",
        image: None,
        size: coco_like::SIZE,
        build: coco_like::coco_like_sized,
    },
    SetEntry {
        name: "coco-mlt-like",
        doc: "About 3,200 + 5,000 rows, 80 classes with a long tail, 256 features.",
        caveat: "Drawn features: no evidence about real data.",
        image: None,
        size: coco_like::MLT_SIZE,
        build: coco_like::coco_mlt_like_sized,
    },
];

/// The row of [`SETS`] called `name`.
pub fn synthetic_set(name: &str) -> Option<&'static SetEntry> {
    SETS.iter().find(|set| set.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_row_is_documented() {
        for (i, row) in SETS.iter().enumerate() {
            assert!(SETS[..i].iter().all(|other| other.name != row.name), "{} twice", row.name);
            assert!(row.doc.ends_with('.') && row.caveat.ends_with('.'), "{}", row.name);
            assert_eq!(synthetic_set(row.name).map(|found| found.doc), Some(row.doc));
        }
        assert!(synthetic_set("imagenet").is_none());
    }

    #[test]
    fn every_set_is_whole() {
        for row in SETS {
            // Another seed than the documented one: a set is whole with any.
            let set = row.build(1);
            for part in [&set.train, &set.test] {
                let rows = part.rows();
                assert_eq!(part.truth.rows(), rows, "{}", row.name);
                assert_eq!(part.truth.classes(), part.classes.len(), "{}", row.name);
                let mut names = part.names.clone().expect("rows have names");
                names.sort_unstable();
                names.dedup();
                assert_eq!(names.len(), rows, "{}", row.name);
                assert!((0..rows).all(|r| part.truth.row(r).iter().any(|label| label.is_positive())));
            }
            assert_eq!(set.train.classes, set.test.classes, "{}", row.name);
            assert_eq!(set.train.features.columns(), set.test.features.columns(), "{}", row.name);
            assert_ne!(set.train.features.row(0), set.test.features.row(0), "{}", row.name);
        }
    }
}

//! A real set that comes with the program: features and labels of 1,866 drawings of the Open Clip Art Library, in 0.8 MB.
//!
//! The README of this crate says how it was made, under which licence, and how complete its labels are.
//!
//! ```
//! let set = lacuna_openclipart::openclipart();
//! assert_eq!((set.train.rows(), set.test.rows()), (1400, 466));
//! assert_eq!((set.train.features.columns(), set.train.classes.len()), (1280, 34));
//! assert_eq!(set.train.classes[0], "animal");
//! ```

use lacuna_formats::{Limits, NpyData, NpzArchive};
use lacuna_labels::{FeatureSet, Features, Label, LabelMatrix, ObservedLabels, TrueLabels};
use std::io::Cursor;
use std::path::Path;

const ARRAYS: &[u8] = include_bytes!("../data/openclipart.npz");
const CLASSES: &str = include_str!("../data/classes.txt");

/// What a table of results on this set has to say beside its numbers.
pub const CAVEAT: &str = "Labels follow from folders and keywords, and nobody looked at single drawings; with 5 to 84 positives of \
                          a class among the test rows, gaps under 1.5 points say little.";

/// Rows to train and to test on.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenClipart {
    /// 1,400 rows.
    pub train: FeatureSet,
    /// 466 rows.
    pub test: FeatureSet,
}

/// The set with all of its labels: those that the folder of a drawing implies, and those that a keyword does.
pub fn openclipart() -> OpenClipart {
    let Arrays { features, all, .. } = Arrays::read();
    parts(features, all, None)
}

/// The set with labels that are missing as they were in the wild: those of the training rows that a contributor's keywords imply
/// are observed positives, nothing else is known, and all labels are the truth.
///
/// ```
/// let set = lacuna_openclipart::openclipart_keywords();
/// let observed = set.train.observed.unwrap();
/// let count = |cells: &[lacuna_labels::Label]| cells.iter().filter(|label| label.is_positive()).count();
/// let (seen, true_labels) = (count(observed.cells()), count(set.train.truth.cells()));
/// assert!((0.92..0.95).contains(&(seen as f64 / true_labels as f64)));
/// ```
pub fn openclipart_keywords() -> OpenClipart {
    let Arrays { features, all, keywords } = Arrays::read();
    parts(features, all, Some(keywords))
}

/// Everything in the file, train rows first.
struct Arrays {
    features: Features,
    all: Bits,
    keywords: Bits,
}

/// Rows that train.
const TRAIN: usize = 1400;

impl Arrays {
    fn read() -> Self {
        let path = Path::new("openclipart.npz");
        let mut archive = NpzArchive::of(Cursor::new(ARRAYS), path, &Limits::default())
            .expect("the embedded archive is whole");
        let mut read = |name: &str| {
            let array = archive.read(name).expect("the embedded archive has its arrays");
            let NpyData::U8(bytes) = array.data() else { panic!("{name} has bytes") };
            (array.shape()[0], array.shape()[1], bytes.clone())
        };
        let (rows, pairs, codes) = read("features_u4");
        // Two codes of 4 bits in a byte, the low one first; a code k stands for 6 (k / 15)^2.
        let value = |code: u8| 6.0 * (f32::from(code) / 15.0).powi(2);
        let values = codes.iter().flat_map(|byte| [value(byte & 15), value(byte >> 4)]).collect();
        let features = Features::new(rows, 2 * pairs, values).expect("codes are finite");
        let mut bits = |name: &str| {
            let (_, width, bytes) = read(name);
            Bits { width, bytes }
        };
        Self { features, all: bits("labels_bits"), keywords: bits("keyword_labels_bits") }
    }
}

/// Rows of bits, the first in the most significant bit of a byte.
struct Bits {
    width: usize,
    bytes: Vec<u8>,
}

impl Bits {
    fn get(&self, row: usize, column: usize) -> bool {
        self.bytes[row * self.width + column / 8] >> (7 - column % 8) & 1 == 1
    }
}

fn parts(features: Features, all: Bits, keywords: Option<Bits>) -> OpenClipart {
    let classes: Vec<String> = CLASSES.lines().map(str::to_string).collect();
    let part = |rows: std::ops::Range<usize>, keywords: Option<&Bits>| {
        let observed = keywords.map(|bits| {
            let cell = |i: usize| match bits.get(rows.start + i / classes.len(), i % classes.len()) {
                true => Label::Positive,
                false => Label::Unknown,
            };
            let cells = (0..rows.len() * classes.len()).map(cell).collect();
            let matrix = LabelMatrix::new(rows.len(), classes.len(), cells);
            ObservedLabels::from(matrix.expect("a cell for each row and class"))
        });
        FeatureSet {
            features: features.select(&rows.clone().collect::<Vec<_>>()),
            truth: TrueLabels::from_fn(rows.len(), classes.len(), |row, class| {
                all.get(rows.start + row, class)
            }),
            observed,
            names: None,
            classes: classes.clone(),
        }
    };
    let rows = features.rows();
    OpenClipart { train: part(0..TRAIN, keywords.as_ref()), test: part(TRAIN..rows, None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails unless the README says so, in whatever lines.
    fn says(sentence: &str) {
        let page = include_str!("../README.md").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(page.contains(sentence), "the README does not say: {sentence}");
    }

    #[test]
    fn the_set_is_what_its_page_says() {
        let OpenClipart { train, test } = openclipart();
        let of_test = test.truth.positives_per_class();
        let counts: Vec<usize> =
            std::iter::zip(train.truth.positives_per_class(), of_test.clone()).map(|(a, b)| a + b).collect();
        let of_class =
            |count: &usize| &train.classes[counts.iter().position(|found| found == count).unwrap()];
        let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
        let (rows, classes) = (train.rows() + test.rows(), counts.len());
        let labels = counts.iter().sum::<usize>() as f64 / rows as f64;
        says(&format!(
            "{classes}; {labels:.3} labels a row, {:.1} % of the cells; from {least} rows ({}) to {most} ({})",
            100.0 * labels / classes as f64,
            of_class(least),
            of_class(most)
        ));
        let (few, many) = (of_test.iter().min().unwrap(), of_test.iter().max().unwrap());
        says(&format!("A class has {few} to {many} positives among the test rows"));
        assert!(CAVEAT.contains(&format!("{few} to {many} positives")));
        let megabytes = ARRAYS.len() as f64 / 1e6;
        says(&format!("`data/openclipart.npz`, {megabytes:.2} MB"));
        // What would be true if folders and keywords missed labels independently of each other.
        let (folders, keywords, both, together) = (2_253.0, 2_718.0, 2_050.0, 2_921.0);
        assert_eq!(folders + keywords - both, together);
        let expected: f64 = folders * keywords / both;
        says(&format!(
            "2,{:.0} would be true and {:.0} % of them",
            expected - 2_000.0,
            100.0 * together / expected
        ));
        // Every code is a value of the grid.
        let grid: Vec<f32> = (0..16).map(|code| 6.0 * (code as f32 / 15.0).powi(2)).collect();
        assert!(train.features.values().iter().all(|x| grid.contains(x)));
    }

    #[test]
    fn keywords_are_some_of_the_labels() {
        let (set, all) = (openclipart_keywords(), openclipart());
        assert_eq!((&set.train.truth, &set.test), (&all.train.truth, &all.test));
        let observed = set.train.observed.unwrap();
        for (seen, truth) in observed.cells().iter().zip(set.train.truth.cells()) {
            assert!(!seen.is_positive() || truth.is_positive());
            assert!(*seen != Label::Negative);
        }
        let count = |cells: &[Label]| cells.iter().filter(|label| label.is_positive()).count() as f64;
        let none = (0..TRAIN).filter(|&row| !observed.row(row).contains(&Label::Positive)).count();
        says(&format!(
            "Keywords alone give {:.1} % of the labels of the training rows, and none at all in {:.1} % of these rows",
            100.0 * count(observed.cells())
                / set.train.truth.positives_per_class().iter().sum::<usize>() as f64,
            100.0 * none as f64 / TRAIN as f64
        ));
    }
}

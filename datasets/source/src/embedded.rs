//! The sets that come with the program.

use lacuna_labels::FeatureSet;
use lacuna_openclipart::{CAVEAT, OpenClipart, openclipart, openclipart_keywords};
use lacuna_synthetic::{DEFAULT_SEED, SETS, SetEntry};

/// A set that comes with the program.
#[derive(Clone, Copy, Debug)]
pub struct EmbeddedSet {
    /// Name in specifications and tables.
    pub name: &'static str,
    /// One sentence, with the size.
    pub doc: &'static str,
    /// What a table of results on this set has to say beside its numbers.
    pub caveat: &'static str,
    /// Channels, height and width of a row that is a picture.
    pub image: Option<[usize; 3]>,
    build: Build,
}

#[derive(Clone, Copy, Debug)]
enum Build {
    Synthetic(&'static SetEntry),
    Drawings(fn() -> OpenClipart),
}

const DRAWINGS: [EmbeddedSet; 2] = [
    EmbeddedSet {
        name: "openclipart",
        doc: "1,400 + 466 rows of real drawings, 34 classes, 1,280 features of an ImageNet network in 4 bits.",
        caveat: CAVEAT,
        image: None,
        build: Build::Drawings(openclipart),
    },
    EmbeddedSet {
        name: "openclipart-keywords",
        doc: "The same, with the labels that contributors' keywords imply as observed positives.",
        caveat: CAVEAT,
        image: None,
        build: Build::Drawings(openclipart_keywords),
    },
];

impl EmbeddedSet {
    /// Makes the rows to train and to test on; the same every time.
    pub fn build(&self) -> (FeatureSet, FeatureSet) {
        match self.build {
            Build::Synthetic(entry) => {
                let set = entry.build(DEFAULT_SEED);
                (set.train, set.test)
            }
            Build::Drawings(build) => {
                let set = build();
                (set.train, set.test)
            }
        }
    }

    /// Whether its features were drawn from a formula, and are no evidence about real data.
    pub fn is_synthetic(&self) -> bool {
        matches!(self.build, Build::Synthetic(_))
    }
}

/// Every set that comes with the program, the real ones first.
pub fn embedded_sets() -> impl Iterator<Item = EmbeddedSet> {
    let synthetic = SETS.iter().map(|entry| EmbeddedSet {
        name: entry.name,
        doc: entry.doc,
        caveat: entry.caveat,
        image: entry.image,
        build: Build::Synthetic(entry),
    });
    DRAWINGS.into_iter().chain(synthetic)
}

/// The set of this name.
///
/// ```
/// let set = lacuna_source::embedded_set("openclipart").unwrap();
/// assert_eq!(set.build().0.rows(), 1400);
/// ```
pub fn embedded_set(name: &str) -> Option<EmbeddedSet> {
    embedded_sets().find(|set| set.name == name)
}

//! The table of protocols: adding one is a file and a row here.

use crate::biased_positive::frequency_weights;
use crate::{
    CellDrop, FalsePositives, FixedPerClass, GeometricLongTail, InstanceDrop, KeepShare, KeptWeights,
    KnownCells, LabelledShare, LongTail, PUBLISHED_SEED, PartialLongTail, PropensityDrop, ProtocolError,
    PythonRandom, RandomDrop, RandomPerSample, SemiSupervised, SinglePositive, biased_positive,
    class_mean_evidence,
};
use lacuna_labels::{Features, ObservedLabels, TrueLabels};

/// What a protocol does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Hides labels.
    Mask,
    /// Changes labels.
    Noise,
    /// Divides rows.
    Split,
    /// Leaves rows out, and may hide labels of the others.
    Select,
}

/// A setting of a protocol.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// Its value unless it is set.
    pub default: f64,
    /// What it is.
    pub doc: &'static str,
}

/// What a protocol is applied to.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// True labels.
    pub truth: &'a TrueLabels,
    /// Features of the same rows, where there are some.
    pub features: Option<&'a Features>,
}

/// What a protocol made.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Rows that are left, ascending; all of them for a mask.
    pub rows: Vec<usize>,
    /// Labels of these rows.
    pub observed: ObservedLabels,
    /// The order in which batches that are never shuffled visit these rows, where the protocol has one: places in `rows`.
    pub order: Option<Vec<usize>>,
}

/// Makes an outcome from a subject, a seed and the settings in their order.
type Apply = fn(Subject<'_>, u64, &[f64]) -> Result<Outcome, ProtocolError>;

/// One row of [`PROTOCOLS`].
#[derive(Clone, Copy)]
pub struct Protocol {
    /// Name in specs and tables.
    pub name: &'static str,
    /// What it does.
    pub role: Role,
    /// One sentence.
    pub doc: &'static str,
    /// The paper or the code it follows.
    pub source: &'static str,
    /// What can be set.
    pub settings: &'static [Setting],
    /// The seed unless another is given: the published one where there is one.
    pub seed: u64,
    apply: Option<Apply>,
}

impl std::fmt::Debug for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Protocol").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Protocol {
    /// Whether it makes labels rather than a split.
    pub fn makes_labels(&self) -> bool {
        self.apply.is_some()
    }

    /// Applies the protocol; `values` are the settings in the order of [`Protocol::settings`].
    ///
    /// ```
    /// use lacuna_labels::TrueLabels;
    /// use lacuna_protocols::{Subject, protocol};
    ///
    /// let truth = TrueLabels::from_fn(20, 4, |row, class| class <= row % 4);
    /// let row = protocol("single-positive").expect("it is in the table");
    /// let defaults: Vec<f64> = row.settings.iter().map(|setting| setting.default).collect();
    /// let outcome = row.apply(Subject { truth: &truth, features: None }, row.seed, &defaults)?;
    /// assert_eq!(outcome.observed.positives(), 20);
    /// # Ok::<(), lacuna_protocols::ProtocolError>(())
    /// ```
    ///
    /// # Errors
    /// [`ProtocolError::NoLabels`] for a split, else what the protocol refuses.
    ///
    /// # Panics
    /// Unless there is a value for each setting.
    pub fn apply(&self, subject: Subject<'_>, seed: u64, values: &[f64]) -> Result<Outcome, ProtocolError> {
        assert_eq!(values.len(), self.settings.len(), "a value for each setting of {}", self.name);
        let apply = self.apply.ok_or(ProtocolError::NoLabels { name: self.name })?;
        apply(subject, seed, values)
    }
}

/// All rows, with these labels.
fn all(observed: ObservedLabels) -> Result<Outcome, ProtocolError> {
    Ok(Outcome { rows: (0..observed.rows()).collect(), observed, order: None })
}

/// A seed of NumPy's generator.
fn narrow(seed: u64) -> Result<u32, ProtocolError> {
    u32::try_from(seed).map_err(|_| ProtocolError::Setting {
        what: "seed",
        value: seed as f64,
        wanted: "below 2^32 for NumPy's generator",
    })
}

/// A count.
fn whole(what: &'static str, value: f64) -> Result<usize, ProtocolError> {
    match value {
        _ if value >= 0.0 && value <= f64::from(u32::MAX) && value.fract() == 0.0 => Ok(value as usize),
        _ => Err(ProtocolError::Setting { what, value, wanted: "a whole number from 0 on" }),
    }
}

const RATE: Setting = Setting { name: "rate", default: 0.4, doc: "probability that a positive is lost" };
const MAX: Setting =
    Setting { name: "max", default: 800.0, doc: "rows of the commonest class (VOC 800, COCO 1200)" };

/// Every protocol of this crate.
pub const PROTOCOLS: &[Protocol] = &[
    Protocol {
        name: "single-positive",
        role: Role::Mask,
        doc: "Of every row a fixed number of positives (1) and negatives (0) is observed, the rest unknown.",
        source: "Cole et al., CVPR 2021, preproc/generate_observed_labels.py, seed 1200",
        settings: &[
            Setting { name: "positives", default: 1.0, doc: "observed positives of a row" },
            Setting { name: "negatives", default: 0.0, doc: "observed negatives of a row" },
        ],
        seed: PUBLISHED_SEED as u64,
        apply: Some(|subject, seed, values| {
            let (positives, negatives) = (whole("positives", values[0])?, whole("negatives", values[1])?);
            all(SinglePositive { positives, negatives, seed: narrow(seed)? }.apply(subject.truth))
        }),
    },
    Protocol {
        name: "known-cells",
        role: Role::Mask,
        doc: "Every cell is observed with the same probability, whatever its label.",
        source: "PU-MLC code, numpy.random.seed(0) and numpy.random.random(shape)",
        settings: &[Setting { name: "known", default: 0.5, doc: "probability that a cell is known" }],
        seed: 0,
        apply: Some(|subject, seed, values| {
            all(KnownCells { known: values[0], seed: narrow(seed)? }.apply(subject.truth)?)
        }),
    },
    Protocol {
        name: "keep-share",
        role: Role::Mask,
        doc: "Of k positives floor(k / divisor) + 1 stay: divisor 2 is called 75 % left, 5 is called 40 % left.",
        source: "Zhang et al., arXiv 2112.07368, the published COCO lists",
        settings: &[Setting { name: "divisor", default: 2.0, doc: "2 for 75 % left, 5 for 40 % left" }],
        seed: 0,
        apply: Some(|subject, seed, values| {
            all(KeepShare { divisor: whole("divisor", values[0])?, seed }.apply(subject.truth)?)
        }),
    },
    Protocol {
        name: "random-drop",
        role: Role::Mask,
        doc: "Every positive is lost with the same probability, but never all of a row.",
        source: "uniform missing labels; the settings of COMIC (40 %) among others",
        settings: &[RATE],
        seed: 0,
        apply: Some(|subject, seed, values| all(RandomDrop { rate: values[0], seed }.apply(subject.truth)?)),
    },
    Protocol {
        name: "cell-drop",
        role: Role::Mask,
        doc: "As random-drop, with one draw of NumPy's generator for each cell.",
        source: "numpy.random.RandomState(seed).random_sample((rows, classes))",
        settings: &[RATE],
        seed: PUBLISHED_SEED as u64,
        apply: Some(|subject, seed, values| {
            all(CellDrop { rate: values[0], seed: narrow(seed)? }.apply(subject.truth)?)
        }),
    },
    Protocol {
        name: "propensity-drop",
        role: Role::Mask,
        doc: "Positives stay with the propensity of their class: rare classes lose more.",
        source: "Jain, Prabhu and Varma, KDD 2016",
        settings: &[
            Setting { name: "a", default: 0.55, doc: "exponent of the propensity model" },
            Setting { name: "b", default: 1.5, doc: "offset of the propensity model" },
            Setting { name: "keep_one", default: 0.0, doc: "1: a row keeps at least one positive" },
        ],
        seed: 0,
        apply: Some(|subject, seed, values| {
            let keep_one = values[2] != 0.0;
            all(PropensityDrop { a: values[0], b: values[1], keep_one, seed }.apply(subject.truth)?)
        }),
    },
    Protocol {
        name: "rps",
        role: Role::Mask,
        doc: "Random per sample: every label, positive or negative, becomes unknown with the same probability.",
        source: "Ben-Baruch et al., CVPR 2022",
        settings: &[Setting { name: "rate", default: 0.5, doc: "probability that a label is hidden" }],
        seed: 0,
        apply: Some(|subject, seed, values| {
            all(RandomPerSample { rate: values[0], seed }.apply(subject.truth)?)
        }),
    },
    Protocol {
        name: "fpc",
        role: Role::Mask,
        doc: "Fixed per class: every class keeps N positives and N negatives.",
        source: "Ben-Baruch et al., CVPR 2022",
        settings: &[Setting { name: "labels", default: 1000.0, doc: "positives, and negatives, of a class" }],
        seed: 0,
        apply: Some(|subject, seed, values| {
            all(FixedPerClass { labels: whole("labels", values[0])?, seed }.apply(subject.truth))
        }),
    },
    Protocol {
        name: "semi-supervised",
        role: Role::Mask,
        doc: "A share of the rows is labelled completely, nothing is known of the others.",
        source: "the setting of Xie et al. (CAP), NeurIPS 2023",
        settings: &[Setting { name: "labelled", default: 0.1, doc: "share of labelled rows" }],
        seed: 0,
        apply: Some(|subject, seed, values| {
            all(SemiSupervised { labelled: values[0], seed }.apply(subject.truth)?)
        }),
    },
    Protocol {
        name: "labelled-share",
        role: Role::Mask,
        doc: "As semi-supervised, with the first rows of NumPy's permutation labelled, which is also the order of the rows.",
        source: "milkxie/SSMLL-CAP@b7dd8075d61b",
        settings: &[Setting { name: "labelled", default: 0.1, doc: "share of labelled rows" }],
        seed: 1,
        apply: Some(|subject, seed, values| {
            let share = LabelledShare { labelled: values[0], seed: narrow(seed)? };
            let (order, observed) = share.apply(subject.truth)?;
            Ok(Outcome { order: Some(order), ..all(observed)? })
        }),
    },
    Protocol {
        name: "instance-drop",
        role: Role::Mask,
        doc: "Of every row the positives that look least like their class are lost; needs features, draws nothing.",
        source: "our own: instance-dependent missing labels",
        settings: &[RATE],
        seed: 0,
        apply: Some(|subject, _, values| {
            let features = subject.features.ok_or(ProtocolError::NoFeatures)?;
            let evidence = class_mean_evidence(features, subject.truth);
            all(InstanceDrop { rate: values[0] }.apply(subject.truth, &evidence)?)
        }),
    },
    Protocol {
        name: "biased-positive",
        role: Role::Mask,
        doc: "Experimental: one positive of every row is observed, drawn with a power of the frequency of its class as weight.",
        source: "Arroyo, Perona and Cole, 2023, for the draw; their weights by size and location of objects are lacuna mask --weights",
        settings: &[Setting {
            name: "exponent",
            default: 1.0,
            doc: "of the number of positives of a class: 1 keeps frequent classes, -1 rare ones, 0 any",
        }],
        seed: 10,
        apply: Some(|subject, seed, values| {
            let exponent = values[0];
            if !exponent.is_finite() {
                let wanted = "a finite number";
                return Err(ProtocolError::Setting { what: "exponent", value: exponent, wanted });
            }
            let weights = frequency_weights(subject.truth, exponent);
            let random = &mut PythonRandom::new(seed);
            all(biased_positive(random, subject.truth, KeptWeights::Classes(&weights))?)
        }),
    },
    Protocol {
        name: "false-positives",
        role: Role::Noise,
        doc: "Adds false positives, 5 for every 100 true ones, and hides nothing.",
        source: "our own: label noise beside missing labels",
        settings: &[Setting { name: "rate", default: 0.05, doc: "false positives for each true one" }],
        seed: 0,
        apply: Some(|subject, seed, values| {
            all(FalsePositives { rate: values[0], seed }.apply(subject.truth)?)
        }),
    },
    Protocol {
        name: "long-tail",
        role: Role::Select,
        doc: "Rows whose class counts fall like a Pareto density; their labels stay complete.",
        source: "Wu et al., ECCV 2020, tools/create_longtail_dataset.py",
        settings: &[MAX, Setting { name: "min", default: 1.0, doc: "rows that are added to every target" }],
        seed: 0,
        apply: Some(|subject, seed, values| {
            let (max, min) = (whole("max", values[0])?, whole("min", values[1])?);
            let rows = LongTail { max, min, seed, ..LongTail::default() }.select(subject.truth)?;
            let observed = subject.truth.select(&rows).into();
            Ok(Outcome { rows, observed, order: None })
        }),
    },
    Protocol {
        name: "partial-long-tail",
        role: Role::Select,
        doc: "A long-tailed set whose positives are lost at random, with at least one kept.",
        source: "Zhang et al. (COMIC), ICCV 2023",
        settings: &[
            MAX,
            Setting { name: "missing", default: 0.4, doc: "probability that a positive is lost" },
        ],
        seed: 0,
        apply: Some(|subject, seed, values| {
            let long_tail = LongTail { max: whole("max", values[0])?, seed, ..LongTail::default() };
            let (rows, observed) = PartialLongTail { long_tail, missing: values[1] }.apply(subject.truth)?;
            Ok(Outcome { rows, observed, order: None })
        }),
    },
    Protocol {
        name: "geometric-long-tail",
        role: Role::Select,
        doc: "Rows whose class counts are bounded by a geometric series, whose positives are then lost as by cell-drop.",
        source: "our own rule on NumPy's generator, after the long tails of Wu et al. and COMIC",
        settings: &[
            Setting { name: "max", default: 600.0, doc: "most positives of the commonest class" },
            Setting { name: "min", default: 6.0, doc: "most positives of the rarest class" },
            Setting { name: "missing", default: 0.0, doc: "probability that a positive is then lost" },
        ],
        seed: 0,
        apply: Some(|subject, seed, values| {
            let (max, min) = (whole("max", values[0])?, whole("min", values[1])?);
            let tail = GeometricLongTail { max, min, missing: values[2], seed: narrow(seed)? };
            let (rows, observed) = tail.apply(subject.truth)?;
            Ok(Outcome { rows, observed, order: None })
        }),
    },
    Protocol {
        name: "holdout",
        role: Role::Split,
        doc: "A share of the training rows (20 %) validates, drawn without looking at labels.",
        source: "Cole et al., CVPR 2021, datasets.py, seed 1200",
        settings: &[],
        seed: PUBLISHED_SEED as u64,
        apply: None,
    },
    Protocol {
        name: "stratified",
        role: Role::Split,
        doc: "Splits and folds that keep the share of every class, by iterative stratification.",
        source: "Sechidis, Tsoumakas and Vlahavas, ECML PKDD 2011",
        settings: &[],
        seed: 0,
        apply: None,
    },
];

/// The row of [`PROTOCOLS`] called `name`.
pub fn protocol(name: &str) -> Option<&'static Protocol> {
    PROTOCOLS.iter().find(|protocol| protocol.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MissingnessSummary, Stream};

    #[test]
    fn names_are_unique_and_every_row_is_documented() {
        for (i, row) in PROTOCOLS.iter().enumerate() {
            assert!(PROTOCOLS[..i].iter().all(|other| other.name != row.name), "{} twice", row.name);
            assert!(row.name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", row.name);
            assert!(row.doc.ends_with('.') && !row.source.is_empty(), "{}", row.name);
            assert_eq!(protocol(row.name).map(|found| found.doc), Some(row.doc));
            assert_eq!(row.makes_labels(), row.role != Role::Split);
        }
        assert!(protocol("no such protocol").is_none());
    }

    #[test]
    fn every_row_keeps_its_promise_for_every_seed() {
        let mut stream = Stream::new(9, "protocols");
        let truth = TrueLabels::from_fn(300, 7, |_, class| class == 0 || stream.uniform_f64() < 0.3);
        let values = (0..300 * 4).map(|_| stream.uniform_f32()).collect();
        let features = Features::new(300, 4, values).unwrap();
        let subject = Subject { truth: &truth, features: Some(&features) };
        for row in PROTOCOLS.iter().filter(|row| row.makes_labels()) {
            let defaults: Vec<f64> = row.settings.iter().map(|setting| setting.default).collect();
            let apply = |seed| row.apply(subject, seed, &defaults).unwrap();
            let found = apply(3);
            assert_eq!(found, apply(3), "{}: the same seed", row.name);
            if row.name != "instance-drop" && row.name != "fpc" {
                let other = apply(4);
                assert!(
                    found != other,
                    "{}: another seed gives the same; where that is meant, name it in this condition",
                    row.name
                );
            }
            assert!(found.rows.is_sorted() && found.rows.len() == found.observed.rows());
            assert_eq!(
                row.role == Role::Mask,
                found.rows.len() == 300 && row.role != Role::Noise,
                "{}",
                row.name
            );
            let of_rows = truth.select(&found.rows);
            let summary = MissingnessSummary::of(&of_rows, &found.observed);
            assert_eq!(summary.false_positives > 0, row.role == Role::Noise, "{}", row.name);
            for (seen, real) in found.observed.cells().iter().zip(of_rows.cells()) {
                let hides = !seen.is_known() || seen == real;
                assert!(hides || row.role == Role::Noise, "{} changes a label", row.name);
            }
            let may_empty =
                ["known-cells", "propensity-drop", "rps", "fpc", "semi-supervised", "labelled-share"];
            if !may_empty.contains(&row.name) {
                let emptied = summary.rows_emptied;
                assert_eq!(
                    emptied, 0,
                    "{}: rows without a positive; where that is meant, name it in `may_empty`",
                    row.name
                );
            }
        }
        let split = protocol("holdout").unwrap().apply(subject, 0, &[]).unwrap_err();
        assert!(split.to_string().contains("holdout"), "{split}");
        let instance = protocol("instance-drop").unwrap();
        let without = Subject { truth: &truth, features: None };
        assert_eq!(instance.apply(without, 0, &[0.4]), Err(ProtocolError::NoFeatures));
    }
}

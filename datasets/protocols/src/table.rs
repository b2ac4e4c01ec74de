//! The table of protocols: adding one is a file and a row here.

/// What a protocol does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Hides labels.
    Mask,
    /// Divides rows.
    Split,
}

/// One row of [`PROTOCOLS`].
#[derive(Clone, Copy, Debug)]
pub struct Protocol {
    /// Name in specs and tables.
    pub name: &'static str,
    /// What it does.
    pub role: Role,
    /// One sentence.
    pub doc: &'static str,
    /// The paper or the code it follows.
    pub source: &'static str,
}

/// Every protocol of this crate.
pub const PROTOCOLS: &[Protocol] = &[
    Protocol {
        name: "single-positive",
        role: Role::Mask,
        doc: "Of every row a fixed number of positives (1) and negatives (0) is observed, the rest unknown.",
        source: "Cole et al., CVPR 2021, preproc/generate_observed_labels.py, seed 1200",
    },
    Protocol {
        name: "known-cells",
        role: Role::Mask,
        doc: "Every cell is observed with the same probability, whatever its label.",
        source: "PU-MLC code, numpy.random.seed(0) and numpy.random.random(shape)",
    },
    Protocol {
        name: "holdout",
        role: Role::Split,
        doc: "A share of the training rows (20 %) validates, drawn without looking at labels.",
        source: "Cole et al., CVPR 2021, datasets.py, seed 1200",
    },
];

/// The row of [`PROTOCOLS`] called `name`.
pub fn protocol(name: &str) -> Option<&'static Protocol> {
    PROTOCOLS.iter().find(|protocol| protocol.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_row_is_documented() {
        for (i, row) in PROTOCOLS.iter().enumerate() {
            assert!(PROTOCOLS[..i].iter().all(|other| other.name != row.name), "{} twice", row.name);
            assert!(row.name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", row.name);
            assert!(row.doc.ends_with('.') && !row.source.is_empty(), "{}", row.name);
            assert_eq!(protocol(row.name).map(|found| found.doc), Some(row.doc));
        }
        assert!(protocol("no such protocol").is_none());
    }
}

//! The table of formats: adding one is a file and a row here.

/// One row of [`FORMATS`].
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// Name in options and tables.
    pub name: &'static str,
    /// Endings of its files, without the dot; empty for a folder.
    pub extensions: &'static [&'static str],
    /// Whether it can be read.
    pub reads: bool,
    /// Whether it can be written.
    pub writes: bool,
    /// One sentence.
    pub doc: &'static str,
}

/// Every format of this crate.
pub const FORMATS: &[Format] = &[
    Format {
        name: "npy",
        extensions: &["npy"],
        reads: true,
        writes: true,
        doc: "One NumPy array a file: features, labels or names.",
    },
    Format {
        name: "spml",
        extensions: &[],
        reads: true,
        writes: true,
        doc: "The folder of .npy files of the single-positive papers; written are observed labels.",
    },
];

/// The row of [`FORMATS`] called `name`.
pub fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_row_is_documented() {
        for (i, row) in FORMATS.iter().enumerate() {
            assert!(FORMATS[..i].iter().all(|other| other.name != row.name), "{} twice", row.name);
            assert!(row.doc.ends_with('.') && (row.reads || row.writes), "{}", row.name);
            assert!(row.extensions.iter().all(|e| !e.is_empty() && !e.starts_with('.')), "{}", row.name);
            assert_eq!(format(row.name).map(|found| found.doc), Some(row.doc));
        }
        assert!(format("xls").is_none());
    }
}

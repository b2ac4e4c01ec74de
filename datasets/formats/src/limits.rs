//! How much a file may ask for.

/// Bounds that a reader checks before it allocates. The defaults are far above real files and far below what
/// a machine cannot bear; every refusal names the bound.
///
/// ```
/// use lacuna_formats::Limits;
///
/// let limits = Limits { line: 64 << 20, ..Limits::default() };
/// assert_eq!(limits.ratio, 200);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a line of text, and of a record that quotes several lines.
    pub line: u64,
    /// Bytes of a string, a number or a name inside JSON.
    pub token: u64,
    /// Levels of nesting inside JSON.
    pub depth: u32,
    /// Bytes of a document that is read as a whole: the header of a `.safetensors` file, an XML list of labels, a list of class names.
    pub header: u64,
    /// Tensors of a `.safetensors` file, entries of an `.npz` file.
    pub entries: u64,
    /// Inflated bytes for each compressed byte of an entry of an `.npz` file.
    pub ratio: u64,
    /// Inflated bytes of an entry of an `.npz` file up to which its ratio does not matter.
    pub any_ratio: u64,
    /// Inflated bytes of all entries of an `.npz` file together.
    pub declared: u64,
    /// Cells of a matrix of labels or features that is made dense from lists.
    pub cells: u64,
    /// Bytes from which on a `<f4` array of features is mapped into memory instead of being read.
    pub map_from: u64,
    /// Bytes of a mapped array that are in memory at a time, in pieces of 64 KiB; what was read before is given back to the
    /// system, which reads it again when it is needed.
    pub resident: u64,
}

impl Limits {
    /// Classes that a file of so many bytes may have without naming them: names are made up for each, and a large number in a
    /// small file must not make many.
    pub(crate) fn unnamed(&self, bytes: u64) -> u64 {
        self.entries.max(bytes / 8)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line: 16 << 20,
            token: 1 << 20,
            depth: 100,
            header: 16 << 20,
            entries: 65_536,
            ratio: 200,
            any_ratio: 64 << 20,
            declared: 64 << 30,
            cells: 4 << 30,
            map_from: 1 << 30,
            resident: 128 << 20,
        }
    }
}

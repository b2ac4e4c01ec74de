//! Writing labels as CSV and TSV.

use crate::text::delimited::push_name;
use crate::{Destination, FormatError, LabelSheet, shown, write_atomic};
use lacuna_labels::Label;
use std::io::{self, Write};
use std::path::Path;

/// How labels are laid out in a CSV file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CsvLayout {
    /// A row a line, a column a class: `id,cat,dog` and `a.jpg,1,0`.
    Wide,
    /// A label a line: `id,label` or `id,label,value`.
    Long,
}

/// Writes labels as CSV, or as TSV where the file is called so; whole or not at all.
///
/// 1 is a positive, 0 a negative and blank unknown; reading needs no convention. A long file lists positives and
/// negatives, and rows of which nothing is known with an empty label. A name that a spreadsheet would take for a formula,
/// because it starts with `=`, `+`, `-`, `@`, a tab or a carriage return, or with one of these after any number of `'`,
/// gets a `'` in front; our reader takes it off again.
///
/// ```
/// use lacuna_formats::{CsvLayout, LabelSheet, Strings, write_labels_csv};
/// use lacuna_labels::{Label, LabelMatrix};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("labels.csv");
/// let (names, classes) = (Strings::from(vec!["a.jpg"]), Strings::from(vec!["cat", "dog"]));
/// let labels = LabelMatrix::new(1, 2, vec![Label::Positive, Label::Unknown])?;
/// write_labels_csv(&path, LabelSheet { names: &names, classes: &classes, labels: &labels }, CsvLayout::Wide)?;
/// assert_eq!(std::fs::read_to_string(&path)?, "id,cat,dog\na.jpg,1,\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`FormatError::Unwritable`] where names are missing or duplicated, [`FormatError::Exists`] where there is a file already, [`FormatError::Io`].
pub fn write_labels_csv<'a>(
    destination: impl Into<Destination<'a>>,
    sheet: LabelSheet<'_>,
    layout: CsvLayout,
) -> Result<(), FormatError> {
    let destination = destination.into();
    let write = labels_csv_writer(destination.path(), sheet, layout)?;
    write_atomic(destination, write).map_err(FormatError::writing(destination.path()))
}

/// What [`write_labels_csv`] writes, for [`write_atomic_all`](crate::write_atomic_all); `path` is the file that an error names, and its
/// ending says what separates the cells.
///
/// # Errors
/// [`FormatError::Unwritable`].
pub fn labels_csv_writer<'a>(
    path: &Path,
    sheet: LabelSheet<'a>,
    layout: CsvLayout,
) -> Result<impl FnOnce(&mut dyn Write) -> io::Result<()> + use<'a>, FormatError> {
    sheet.check(path)?;
    let delimiter = if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("tsv")) { '\t' } else { ',' };
    let LabelSheet { names, classes, labels } = sheet;
    if let Some(name) =
        names.iter().chain(classes.iter()).find(|name| name.trim() != *name || name.is_empty())
    {
        let problem = format!(
            "the name `{}` is empty or starts or ends with a blank, which is lost in CSV",
            shown(name)
        );
        return Err(FormatError::Unwritable { path: path.into(), problem });
    }
    if let Some(name) = names.iter().chain(classes.iter()).find(|name| name.contains("\r\n")) {
        let problem =
            format!("the name `{}` has a line end of two characters, of which CSV loses one", shown(name));
        return Err(FormatError::Unwritable { path: path.into(), problem });
    }
    let mut line = String::new();
    Ok(move |file: &mut dyn Write| {
        line.push_str("id");
        match layout {
            CsvLayout::Wide => classes.iter().for_each(|class| {
                line.push(delimiter);
                push_name(&mut line, class, delimiter);
            }),
            CsvLayout::Long => {
                for word in ["label", "value"] {
                    line.push(delimiter);
                    line.push_str(word);
                }
            }
        }
        line.push('\n');
        file.write_all(line.as_bytes())?;
        for (row, name) in names.iter().enumerate() {
            line.clear();
            match layout {
                CsvLayout::Wide => {
                    push_name(&mut line, name, delimiter);
                    for label in labels.row(row) {
                        line.push(delimiter);
                        line.push_str(match label {
                            Label::Positive => "1",
                            Label::Negative => "0",
                            Label::Unknown => "",
                        });
                    }
                    line.push('\n');
                }
                CsvLayout::Long => {
                    let known = labels.row(row).iter().enumerate().filter(|(_, label)| label.is_known());
                    for (class, label) in known {
                        push_name(&mut line, name, delimiter);
                        line.push(delimiter);
                        push_name(&mut line, &classes[class], delimiter);
                        line.push(delimiter);
                        line.push_str(if label.is_positive() { "1\n" } else { "0\n" });
                    }
                    if line.is_empty() {
                        push_name(&mut line, name, delimiter);
                        line.extend([delimiter, delimiter, '\n']);
                    }
                }
            }
            file.write_all(line.as_bytes())?;
        }
        Ok(())
    })
}

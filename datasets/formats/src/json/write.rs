//! Writing labels as JSON.

use crate::{Destination, FormatError, LabelSheet, write_atomic};
use lacuna_labels::Label;

/// Writes labels as JSON, one object a line, whole or not at all: `id`, the positives as `labels`, the negatives as `absent`.
///
/// # Errors
/// [`FormatError::Unwritable`] where names are missing or duplicated, [`FormatError::Exists`] where there is a file already, [`FormatError::Io`].
pub fn write_labels_jsonl<'a>(
    destination: impl Into<Destination<'a>>,
    sheet: LabelSheet<'_>,
) -> Result<(), FormatError> {
    let destination = destination.into();
    let path = destination.path();
    sheet.check(path)?;
    let LabelSheet { names, classes, labels } = sheet;
    let quoted = |text: &str| serde_json::to_string(text).expect("text turns into JSON");
    let written = write_atomic(destination, |file| {
        for (row, name) in names.iter().enumerate() {
            let list = |wanted: Label| {
                let of_label = labels.row(row).iter().enumerate().filter(|(_, label)| **label == wanted);
                let of_label: Vec<String> = of_label.map(|(class, _)| quoted(&classes[class])).collect();
                of_label.join(",")
            };
            let (positives, absent) = (list(Label::Positive), list(Label::Negative));
            writeln!(file, "{{\"id\":{},\"labels\":[{positives}],\"absent\":[{absent}]}}", quoted(name))?;
        }
        Ok(())
    });
    written.map_err(FormatError::writing(path))
}

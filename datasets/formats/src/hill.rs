//! The label lists of the Hill and SPLC code: `filename,ids`.

use crate::input::open_buffered;
use crate::labels::names::numbered_classes;
use crate::labels::names::unique;
use crate::shown;
use crate::text::lines::Lines;
use crate::{
    Content, Destination, FormatError, LabelLists, LabelSheet, ReadOptions, Strings, Table, write_atomic,
};
use lacuna_labels::Label;
use std::io::BufRead;
use std::path::Path;

/// Largest class number that is read: a file with a larger one is something else.
const MOST: u32 = 1 << 24;

/// Reads `COCO_train2014_000000000009.jpg,45 0 12`: a name, a comma, maybe a blank, class numbers from 0 separated by
/// blanks. Every row has at least one, and none twice.
///
/// A class that is not listed is unknown unless [`ReadOptions::unlisted`] says otherwise: in the full lists it is
/// negative. The number of classes is one more than the largest number; [`ReadOptions::classes`] names them.
///
/// # Errors
/// [`FormatError::Text`] with line and column.
pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<Content, FormatError> {
    parse(open_buffered(path)?, path, options).map(Content::from)
}

pub(crate) fn parse(reader: impl BufRead, path: &Path, options: &ReadOptions) -> Result<Table, FormatError> {
    let mut lines = Lines::new(reader, path, &options.limits);
    let mut names = Strings::new();
    let mut lists = LabelLists::new(Strings::new(), options.unlisted.unwrap_or(Label::Unknown));
    let mut classes = 0;
    let mut of_row: Vec<u32> = Vec::new();
    while let Some((number, line)) = lines.next()? {
        let problem = (|| {
            let comma = line.find(',').ok_or((1, "missing comma: expected `name,ids`, the name of a row and the numbers of its classes (names alone are for \
                     --names; names of classes for a CSV with the columns `id` and `label`)"
                        .to_string()))?;
            let (name, ids) = (line[..comma].trim(), &line[comma + 1..]);
            if name.is_empty() {
                return Err((1, "the row has no name".into()));
            }
            of_row.clear();
            for id in ids.split_ascii_whitespace() {
                let column = id.as_ptr() as usize - line.as_ptr() as usize + 1;
                let plain = id.bytes().all(|byte| byte.is_ascii_digit());
                let class = id.parse::<u32>().ok().filter(|&class| plain && class < MOST);
                let class = class.ok_or_else(|| (column, format!("invalid class number `{}`", shown(id))))?;
                if let Some(known) = &options.classes
                    && class as usize >= known.len()
                {
                    return Err((
                        column,
                        format!("class {class} is out of range: {} classes are named", known.len()),
                    ));
                }
                classes = classes.max(class + 1);
                of_row.push(class);
                lists.push(class as usize, Label::Positive);
            }
            of_row.sort_unstable();
            if let Some(pair) = of_row.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err((comma + 2, format!("duplicate class {}", pair[0])));
            }
            if of_row.is_empty() {
                return Err((comma + 2, "the row has no label".into()));
            }
            if names.push(name) { Ok(()) } else { Err((1, "the names take more than 4 GiB".into())) }
        })();
        problem.map_err(|(column, problem)| FormatError::text(path, number, column as u64, problem))?;
        lists.end_row();
    }
    if names.is_empty() {
        return Err(FormatError::Empty { path: path.into(), what: "rows" });
    }
    unique(path, &names)?;
    let limit = options.limits.unnamed(std::fs::metadata(path).map_or(0, |file| file.len()));
    let counted = || match classes as u64 <= limit {
        true => numbered_classes(path, classes as usize),
        false => Err(FormatError::Limit {
            path: path.into(),
            what: "classes without names",
            found: classes.into(),
            limit,
        }),
    };
    lists.classes = options.classes.clone().map_or_else(counted, Ok)?;
    Ok(Table { absolute: options.classes.is_none(), ..Table::of_lists(path, Some(names), lists) }
        .noted(lines.note()))
}

/// Writes the positives of every row as a label list, whole or not at all. What is not positive is not listed, so
/// negatives and unknown cells are the same in the file.
///
/// ```
/// use lacuna_formats::{LabelSheet, Strings, write_label_list};
/// use lacuna_labels::{Label, LabelMatrix};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("list.txt");
/// let (names, classes) = (Strings::from(vec!["a.jpg"]), Strings::from(vec!["cat", "dog", "cow"]));
/// let labels = LabelMatrix::new(1, 3, vec![Label::Positive, Label::Unknown, Label::Positive])?;
/// write_label_list(&path, LabelSheet { names: &names, classes: &classes, labels: &labels })?;
/// assert_eq!(std::fs::read_to_string(&path)?, "a.jpg,0 2\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`FormatError::Unwritable`] for a name with a comma or a line's end and for a row without a positive,
/// [`FormatError::Exists`] where there is a file already, [`FormatError::Io`].
pub fn write_label_list<'a>(
    destination: impl Into<Destination<'a>>,
    sheet: LabelSheet<'_>,
) -> Result<(), FormatError> {
    let destination = destination.into();
    let path = destination.path();
    sheet.check(path)?;
    let LabelSheet { names, labels, .. } = sheet;
    let refuse = |problem| Err(FormatError::Unwritable { path: path.into(), problem });
    for (row, name) in names.iter().enumerate() {
        if name.contains([',', '\n', '\r']) || name.trim() != name || name.is_empty() {
            return refuse(format!(
                "the name `{}` of row {row} (counted from 0) does not fit into a label list",
                shown(name)
            ));
        }
        if !labels.row(row).iter().any(|label| label.is_positive()) {
            return refuse(format!(
                "row {row} (counted from 0) has no positive, and a label list has one in every row"
            ));
        }
    }
    let written = write_atomic(destination, |file| {
        for (row, name) in names.iter().enumerate() {
            write!(file, "{name},")?;
            let positives = labels.row(row).iter().enumerate().filter(|(_, label)| label.is_positive());
            for (i, (class, _)) in positives.enumerate() {
                write!(file, "{}{class}", if i == 0 { "" } else { " " })?;
            }
            writeln!(file)?;
        }
        Ok(())
    });
    written.map_err(FormatError::writing(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str, options: &ReadOptions) -> Result<Table, String> {
        parse(text.as_bytes(), Path::new("x.txt"), options).map_err(|error| error.to_string())
    }

    #[test]
    fn lines_with_and_without_a_blank_and_a_last_end() {
        let table = read_text("a.jpg,3 0\nb.jpg, 1", &ReadOptions::default()).unwrap();
        let labels = table.labels.unwrap().to_observed(Path::new("x"), &Default::default()).unwrap();
        assert_eq!((labels.rows(), labels.classes(), labels.positives()), (2, 4, 3));
        assert_eq!(labels.get(1, 0), Label::Unknown);
        assert_eq!(&table.classes[3], "class 3");
        let negative = ReadOptions { unlisted: Some(Label::Negative), ..ReadOptions::default() };
        let table = read_text("a,1\n", &negative).unwrap();
        assert!(table.into_set(&Default::default()).is_err(), "there are no features");
    }

    #[test]
    fn mistakes_have_a_line_and_a_column() {
        let error = |text: &str| read_text(text, &ReadOptions::default()).unwrap_err();
        let text = error("a,1\nb\n");
        assert!(text.starts_with("x.txt: line 2, column 1: missing comma: expected `name,ids`"), "{text}");
        assert!(text.contains("--names"), "{text}");
        assert_eq!(error("a,1 x\n"), "x.txt: line 1, column 5: invalid class number `x`");
        assert_eq!(error("a,1 -2\n"), "x.txt: line 1, column 5: invalid class number `-2`");
        assert!(error("a,1 99999999999\n").contains("invalid class number"));
        assert!(error("a,1 1\n").contains("duplicate class 1"));
        assert!(error("a,\n").contains("the row has no label"));
        assert!(error("\n").contains("missing comma"));
        assert!(error("a,1\na,2\n").contains("row 0 and row 1 (counted from 0)"));
        assert!(error("a,9999999\n").contains("classes without names"));
        let named = ReadOptions { classes: Some(vec!["x"].into()), ..ReadOptions::default() };
        assert!(read_text("a,1\n", &named).unwrap_err().contains("out of range: 1 classes are named"));
    }
}

//! LIBSVM with several labels, and the text of the extreme-classification repository.

use crate::arrays::range::not_finite;
use crate::input::open_buffered;
use crate::labels::names::numbered_classes;
use crate::shown;
use crate::text::lines::Lines;
use crate::{Content, FeatureTable, FormatError, LabelLists, ReadOptions, SparseFeatures, Strings, Table};
use lacuna_labels::Label;
use std::io::BufRead;
use std::path::Path;

/// Reads rows `3,7 0:0.5 12:1`: labels by comma, then columns and values.
///
/// A first line of three numbers, `rows columns labels`, is the header of the extreme-classification repository; then
/// everything is checked against it, and a file that was cut is noticed. Without it there are as many columns and labels
/// as the largest numbers ask for. Labels are counted from 0, columns as well unless [`ReadOptions::one_based`] says
/// otherwise. A row may have no label (it then starts with a blank) or no feature. A label that is not listed is
/// negative unless [`ReadOptions::unlisted`] says otherwise.
///
/// # Errors
/// [`FormatError::Text`] with line and column.
pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<Content, FormatError> {
    parse(open_buffered(path)?, path, options).map(Content::from)
}

/// Largest number of a label or column that is read.
const MOST: u64 = 1 << 30;

type Problem = (usize, String);

pub(crate) fn parse(reader: impl BufRead, path: &Path, options: &ReadOptions) -> Result<Table, FormatError> {
    let mut lines = Lines::new(reader, path, &options.limits);
    let mut declared: Option<[u64; 3]> = None;
    let mut features = SparseFeatures::new(0);
    let mut lists = LabelLists::new(Strings::new(), options.unlisted.unwrap_or(Label::Negative));
    let mut labels = 0;
    let mut of_row = Vec::new();
    while let Some((at_line, line)) = lines.next()? {
        let outcome = (|| -> Result<(), Problem> {
            if line.trim().is_empty() && !line.starts_with(' ') {
                return Err((0, "the line is empty: a row without a label starts with a blank".into()));
            }
            of_row.clear();
            let (of_labels, rest) = line.split_at(line.find([' ', '\t']).unwrap_or(line.len()));
            // `label:` would be a feature in front.
            for label in of_labels.split(',').filter(|_| !of_labels.is_empty()) {
                let at = offset(line, label);
                let [.., most] = declared.unwrap_or([0, 0, MOST]);
                let number = number(label).filter(|&number| number < most);
                of_row.push(
                    number.ok_or_else(|| (at, format!("`{}` is no label below {most}", shown(label))))?,
                );
            }
            of_row.sort_unstable();
            if let Some(pair) = of_row.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err((0, format!("label {} is listed twice", pair[0])));
            }
            for &label in &of_row {
                labels = labels.max(label + 1);
                lists.push(label as usize, Label::Positive);
            }
            for entry in rest.split_ascii_whitespace() {
                let at = offset(line, entry);
                let form = || (at, format!("`{}` is not `column:value`", shown(entry)));
                let (column, text) = entry.split_once(':').ok_or_else(form)?;
                let most = declared.map_or(MOST, |declared| declared[1]);
                let column = number(column).ok_or_else(form)?;
                let column = match options.one_based {
                    true => column.checked_sub(1).ok_or((at, "columns are counted from 1".to_string()))?,
                    false => column,
                };
                if column >= most {
                    return Err((at, format!("column {column} is not below {most}")));
                }
                let value: f32 = text.parse().map_err(|_| form())?;
                if !value.is_finite() {
                    return Err((at, not_finite(text, lists.rows(), column as usize)));
                }
                features.push(column as usize, value);
            }
            match features.end_row() {
                Some(column) => Err((0, format!("column {column} has two values"))),
                None => Ok(()),
            }
        })();
        // The three numbers of a header look like no row: there is no colon.
        if at_line == 1
            && let Some(header) = header(line)
        {
            declared = Some(header);
            (features, lists, labels) =
                (SparseFeatures::new(0), LabelLists::new(Strings::new(), lists.unlisted), 0);
            continue;
        }
        outcome.map_err(|(at, problem)| FormatError::text(path, at_line, at as u64 + 1, problem))?;
        lists.end_row();
    }
    if let Some([rows, columns, classes]) = declared {
        if rows != lists.rows() as u64 {
            let problem =
                format!("the header announces {rows} rows and there are {}: the file was cut", lists.rows());
            return Err(FormatError::text(path, lines.number(), 1, problem));
        }
        labels = classes;
        features.widen(columns as usize);
    }
    if lists.rows() == 0 {
        return Err(FormatError::Empty { path: path.into(), what: "rows" });
    }
    lists.classes = match &options.classes {
        Some(classes) if classes.len() as u64 >= labels => classes.clone(),
        Some(classes) => {
            let problem = format!("there are {labels} labels, and {} were named", classes.len());
            return Err(FormatError::text(path, 1, 1, problem));
        }
        None => {
            // Names are made up for every label, and a large number in a small file must not make many.
            let allowed = options.limits.entries.max(lists.rows() as u64);
            FormatError::within(path, "labels without names", labels, allowed)?;
            numbered_classes(path, labels as usize)?
        }
    };
    let table =
        Table { features: Some(FeatureTable::Sparse(features)), ..Table::of_lists(path, None, lists) };
    Ok(table.noted(lines.note()))
}

fn offset(line: &str, part: &str) -> usize {
    part.as_ptr() as usize - line.as_ptr() as usize
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `rows columns labels`.
fn header(line: &str) -> Option<[u64; 3]> {
    let mut words = line.split_ascii_whitespace().map(|word| number(word).filter(|&n| n <= MOST));
    let header = [words.next()??, words.next()??, words.next()??];
    words.next().is_none().then_some(header)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    fn read_text(text: &str, options: &ReadOptions) -> Result<Table, String> {
        parse(text.as_bytes(), Path::new("x.txt"), options).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_with_a_header() {
        let text = "3 5 4\n0,3 0:0.5 4:1\n 1:2\n2\n";
        let table = read_text(text, &ReadOptions::default()).unwrap();
        let features = table.features.unwrap().into_dense(Path::new("x"), &Limits::default()).unwrap();
        assert_eq!(features.row(0), [0.5, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!(features.row(1)[1], 2.0);
        let labels = table.labels.unwrap().to_observed(Path::new("x"), &Limits::default()).unwrap();
        assert_eq!((labels.rows(), labels.positives_per_class()), (3, vec![1, 0, 1, 1]));
        for length in 0..text.len() - 1 {
            // A label may lose digits, a value as well, and a header of one number is a label; rows may not be lost.
            if text[..length].matches('\n').count() < 3 && length > 2 {
                assert!(read_text(&text[..length], &ReadOptions::default()).is_err(), "{length}");
            }
        }
    }

    #[test]
    fn rows_without_a_header() {
        let table = read_text("1,0 1:1\n0 3:2.5\n", &ReadOptions::default()).unwrap();
        assert_eq!(table.features.as_ref().unwrap().columns(), 4);
        let one_based = ReadOptions { one_based: true, ..ReadOptions::default() };
        let table = read_text("1,0 1:1\n0 3:2.5\n", &one_based).unwrap();
        assert_eq!((table.features.unwrap().columns(), table.classes.len()), (3, 2));
        assert!(read_text("1 0:1\n", &one_based).unwrap_err().contains("columns are counted from 1"));
    }

    #[test]
    fn mistakes_have_a_line_and_a_column() {
        let error = |text: &str| read_text(text, &ReadOptions::default()).unwrap_err();
        assert_eq!(error("1 5 2\n0,2 1:1\n"), "x.txt: line 2, column 3: `2` is no label below 2");
        assert_eq!(error("1 5 2\n0 5:1\n"), "x.txt: line 2, column 3: column 5 is not below 5");
        assert_eq!(
            error("2 5 2\n0 4:1\n"),
            "x.txt: line 2, column 1: the header announces 2 rows and there are 1: the file was cut"
        );
        assert_eq!(error("0 1:1 1:2\n"), "x.txt: line 1, column 1: column 1 has two values");
        assert_eq!(error("0 1:x\n"), "x.txt: line 1, column 3: `1:x` is not `column:value`");
        assert_eq!(error("0 1:inf\n"), "x.txt: line 1, column 3: `inf` is no finite number");
        assert_eq!(
            error("0 1:1\n0 1:1 7:-1e300\n"),
            "x.txt: line 2, column 7: row 1, column 7 (counted from 0) is -1e300, which is beyond the range of 32-bit \
             floats; scale the column"
        );
        assert!(error("0,0 1:1\n").contains("label 0 is listed twice"));
        assert!(error("0 1:1\n\n").contains("line 2, column 1: the line is empty"));
        assert!(error("1073741823 1:1\n").contains("labels without names"));
        assert!(error("9999999999 1:1\n").contains("is no label below"));
        assert!(error("").contains("there are no rows"));
        assert!(error("1000000000 1000000000 1000000000\n0 1:1\n").contains("the file was cut"));
    }
}

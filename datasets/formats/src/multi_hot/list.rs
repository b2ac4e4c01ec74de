//! A line a row: a name, then a label for each class.

use crate::chunks::Chunks;
use crate::error::printed;
use crate::input::open_buffered;
use crate::labels::convention::{CellReader, is_label, number_in};
use crate::labels::names::{numbered_classes, unique};
use crate::memory::reserved;
use crate::text::lines::Lines;
use crate::{FormatError, LabelTable, ReadOptions, Strings, Table, shown};
use lacuna_labels::{Label, LabelMatrix};
use std::io::{BufRead, Read};
use std::path::Path;

/// Bytes that are looked at.
const FIRST: u64 = 1 << 16;

/// Reads lines of a name and a label for each class, with blanks between them.
///
/// Two lines may come first: the number of rows, then the names of the classes, as in CelebA's
/// `list_attr_celeba.txt`. Or one line has the names, with or without one for the column of names. Without names,
/// [`ReadOptions::classes`] names the classes. Of classes with names, [`ReadOptions::class_columns`] chooses some and
/// [`ReadOptions::ignored_columns`] leaves some out.
///
/// Labels are read as cells of CSV are. Where classes have names, nothing says what -1 means and 0 never occurs, -1 is a
/// negative, as in CelebA, and a note says so.
///
/// # Errors
/// [`FormatError::Text`] with line and column; also where there are not as many rows as the first line says.
pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<Table, FormatError> {
    parse(open_buffered(path)?, path, options)
}

/// The words of a line, and the bytes in front of each.
fn words(line: &str) -> impl Iterator<Item = (usize, &str)> + Clone {
    line.split_whitespace().map(|word| (word.as_ptr() as usize - line.as_ptr() as usize, word))
}

/// Whether all words after the first are labels.
fn is_row(line: &str) -> bool {
    words(line).nth(1).is_some() && words(line).skip(1).all(|(_, word)| number_in(word).is_some())
}

/// The number of rows, where it is all that a line has.
fn row_count(line: &str) -> Option<u64> {
    let line = line.trim();
    line.bytes().all(|byte| byte.is_ascii_digit()).then(|| line.parse().ok())?
}

/// Whether a file begins like a list: with a row, or with names of classes and a row, maybe after a number of rows. A line
/// with a comma belongs to another format.
pub(crate) fn recognises(path: &Path) -> bool {
    let mut first = Vec::new();
    let read = open_buffered(path).map(|reader| reader.take(FIRST).read_to_end(&mut first));
    if !matches!(read, Ok(Ok(_))) {
        return false;
    }
    let text = String::from_utf8_lossy(&first);
    let mut lines = text.trim_start_matches('\u{feff}').lines().filter(|line| !line.trim().is_empty());
    let Some(line) = lines.next() else { return false };
    if row_count(line).is_some() {
        return true;
    }
    if line.contains(',') {
        return false;
    }
    // Names of so many classes that no row is in sight.
    let long = first.len() as u64 == FIRST && lines.clone().next().is_none() && words(line).nth(1).is_some();
    long || is_row(line)
        || lines.next().is_some_and(|next| {
            let (names, cells) = (words(line).count(), words(next).count());
            is_row(next) && (cells == names || cells == names + 1)
        })
}

/// What the classes of a list are.
struct Header {
    /// Their names, where the file has them.
    names: Option<Strings>,
    /// Whether the first name may be that of the column of names.
    open: bool,
}

fn parse(reader: impl BufRead, path: &Path, options: &ReadOptions) -> Result<Table, FormatError> {
    let mut lines = Lines::new(reader, path, &options.limits);
    let mut expected = None;
    let mut header = None;
    let mut columns: Option<Columns> = None;
    let reader = CellReader::new(options);
    // -1 is a negative where 0 does not occur, which is only known at the end.
    let may_be_signs = options.convention.is_none() && options.positive_above.is_none();
    let (mut minus, mut zero) = (None, false);
    let mut names = Strings::new();
    let mut cells = Chunks::default();
    while let Some((number, line)) = lines.next_filled()? {
        let refuse = |at: usize, problem: String| FormatError::text(path, number, at as u64 + 1, problem);
        if expected.is_none() && header.is_none() && names.is_empty() && row_count(line).is_some() {
            expected = row_count(line);
            continue;
        }
        let columns = match &mut columns {
            Some(columns) => columns,
            None if header.is_none() && (expected.is_some() || !is_row(line)) => {
                let mut classes = Strings::new();
                if !words(line).all(|(_, word)| classes.push(word)) {
                    return Err(refuse(0, "the names take more than 4 GiB".into()));
                }
                header = Some(Header { names: Some(classes), open: expected.is_none() });
                continue;
            }
            None => {
                let header = header.get_or_insert(Header { names: None, open: false });
                let found = Columns::of(header, words(line).count() - 1, path, options);
                columns.insert(found.map_err(|error| match error {
                    Problem::Here(problem) => refuse(0, problem),
                    Problem::Other(error) => error,
                })?)
            }
        };
        let mut words = words(line);
        let (_, name) = words.next().expect("the line is not blank");
        if !names.push(name) {
            return Err(refuse(0, "the names take more than 4 GiB".into()));
        }
        let count = words.clone().count();
        if count != columns.count {
            let at = words.clone().nth(columns.count).map_or(line.trim_end().len(), |(at, _)| at);
            let problem = format!("the row has {count} labels, expected {}", columns.count);
            return Err(refuse(at, problem));
        }
        let mut cell = |(at, word): (usize, &str)| {
            let label = match number_in(word) {
                Some(Some(-1.0)) if may_be_signs && columns.named => {
                    minus.get_or_insert((number, at));
                    Ok(Label::Negative)
                }
                Some(Some(0.0)) => {
                    zero = true;
                    reader.text(word)
                }
                _ => reader.text(word),
            };
            cells.push(label.map_err(|problem| FormatError::text(path, number, at as u64 + 1, problem))?);
            Ok(())
        };
        match &columns.chosen {
            None => words.try_for_each(&mut cell)?,
            Some(_) if u32::try_from(line.len()).is_err() => {
                return Err(refuse(0, "the line is longer than 4 GiB".into()));
            }
            Some(chosen) => {
                columns.places.clear();
                columns.places.extend(words.map(|(at, _)| at as u32));
                for &class in chosen {
                    let at = columns.places[class as usize] as usize;
                    let word = line[at..].split_whitespace().next().expect("a word is there");
                    cell((at, word))?;
                }
            }
        }
        if let (Some((line, at)), true) = (minus, zero) {
            return Err(FormatError::text(path, line, at as u64 + 1, crate::error::Problem::minus_one()));
        }
    }
    if let Some(expected) = expected.filter(|expected| *expected != names.len() as u64) {
        let problem = format!("the first line announces {expected} rows, found {}", names.len());
        return Err(FormatError::text(path, lines.number().max(1), 1, problem));
    }
    let Some(columns) = columns else { return Err(FormatError::Empty { path: path.into(), what: "rows" }) };
    if names.iter().all(|name| number_in(name).is_some_and(is_label)) {
        let problem =
            "the first word of every line is a label, expected the name of the row: put names in front";
        return Err(FormatError::text(path, 1, 1, problem));
    }
    unique(path, &names)?;
    let cells = cells.into_vec().map_err(|bytes| FormatError::memory(path, "the labels", bytes))?;
    let classes = columns.classes;
    let matrix = LabelMatrix::new(names.len(), classes.len(), cells).expect("a label for each class");
    let labels = Some(LabelTable::Dense(matrix.into()));
    let signs = "-1 is read as a negative, because 0 does not occur; --label-convention says otherwise";
    let note = minus.map(|_| format!("{}: {signs}", printed(path)));
    let table = Table { path: path.into(), names: Some(names), labels, classes, ..Table::default() };
    Ok(table.noted(note).noted(lines.note()))
}

/// The labels of a row.
struct Columns {
    /// How many there are.
    count: usize,
    /// Which ones are read, in this order; all by default.
    chosen: Option<Vec<u32>>,
    /// Names of those that are read.
    classes: Strings,
    /// Whether the file names them.
    named: bool,
    /// Where the labels of the row at hand start.
    places: Vec<u32>,
}

/// What is wrong with the classes: something in the line at hand, or else.
enum Problem {
    Here(String),
    Other(FormatError),
}

impl Columns {
    /// `count` is the number of labels of the first row.
    fn of(header: &mut Header, count: usize, path: &Path, options: &ReadOptions) -> Result<Self, Problem> {
        let here = |problem: String| Err(Problem::Here(problem));
        let Some(names) = header.names.take() else {
            if options.class_columns.is_some() || !options.ignored_columns.is_empty() {
                return here(
                    "the classes have no names, so that --classes and --ignore-columns cannot name any"
                        .into(),
                );
            }
            let classes = match &options.classes {
                Some(given) if given.len() != count => {
                    return here(format!(
                        "the row has {count} labels, but {} classes are named",
                        given.len()
                    ));
                }
                Some(given) => given.clone(),
                None => numbered_classes(path, count).map_err(Problem::Other)?,
            };
            return Ok(Self { count, chosen: None, classes, named: false, places: Vec::new() });
        };
        // The column of names may have a name as well.
        let skipped = usize::from(header.open && names.len() == count + 1);
        if names.len() - skipped != count {
            return here(format!(
                "the row has {count} labels, expected {} as there are names of classes",
                names.len()
            ));
        }
        let names = if skipped > 0 { names.iter().skip(skipped).collect() } else { names };
        if let Some((later, earlier)) = names.duplicate() {
            let name = shown(&names[later]);
            return here(format!("classes {earlier} and {later} (counted from 0) are both called `{name}`"));
        }
        if options.class_columns.is_none() && options.ignored_columns.is_empty() {
            return Ok(Self { count, chosen: None, classes: names, named: true, places: Vec::new() });
        }
        let find = |name: &String, option: &str| {
            let place = names.iter().position(|other| other == name);
            place.ok_or_else(|| {
                let list: Vec<String> =
                    names.iter().take(20).map(|name| format!("`{}`", shown(name))).collect();
                let more = if names.len() > 20 { ", ..." } else { "" };
                Problem::Here(format!(
                    "{option} names the missing class `{}`: there are {}{more}",
                    shown(name),
                    list.join(", ")
                ))
            })
        };
        let memory = |bytes| Problem::Other(FormatError::memory(path, "the classes", bytes));
        let mut chosen: Vec<u32> = reserved(count).map_err(memory)?;
        match &options.class_columns {
            Some(columns) => {
                for name in columns {
                    let place = find(name, "--classes")? as u32;
                    if !chosen.contains(&place) {
                        chosen.push(place);
                    }
                }
            }
            None => chosen.extend(0..count as u32),
        }
        for name in &options.ignored_columns {
            let place = find(name, "--ignore-columns")? as u32;
            chosen.retain(|&class| class != place);
        }
        if chosen.is_empty() {
            return here("no class is left: name the classes with --classes A,B".into());
        }
        let classes = chosen.iter().map(|&class| &names[class as usize]).collect();
        let places = reserved(count).map_err(memory)?;
        Ok(Self { count, chosen: Some(chosen), classes, named: true, places })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LabelConvention;
    use Label::{Negative as N, Positive as P, Unknown as U};

    type Read = (Vec<String>, Vec<String>, Vec<Label>, Vec<String>);

    fn read_text(text: &str, options: &ReadOptions) -> Result<Read, String> {
        let path = Path::new("x.txt");
        let table = parse(text.as_bytes(), path, options).map_err(|error| error.to_string())?;
        let labels = table.labels.unwrap().to_observed(path, &options.limits).unwrap();
        Ok((table.names.unwrap().to_vec(), table.classes.to_vec(), labels.cells().to_vec(), table.notes))
    }

    #[test]
    fn signs_are_labels_where_classes_have_names_and_0_does_not_occur() {
        let celeba = "2\nSmiling Young  Male \n000001.jpg -1  1 -1\n000002.jpg  1 -1  1\n";
        let (names, classes, labels, notes) = read_text(celeba, &ReadOptions::default()).unwrap();
        assert_eq!(
            (names, classes),
            (
                vec!["000001.jpg".to_string(), "000002.jpg".into()],
                vec!["Smiling".to_string(), "Young".into(), "Male".into()],
            )
        );
        assert_eq!(labels, [N, P, N, P, N, P]);
        assert!(
            notes[0].starts_with("x.txt: -1 is read as a negative, because 0 does not occur"),
            "{notes:?}"
        );
        let csl = ReadOptions { convention: Some(LabelConvention::Csl), ..Default::default() };
        assert_eq!(read_text(celeba, &csl).unwrap().2, [U, P, U, P, U, P]);
        let chosen =
            ReadOptions { class_columns: Some(vec!["Male".into(), "Young".into()]), ..Default::default() };
        assert_eq!(read_text(celeba, &chosen).unwrap().2, [N, P, P, N]);
        let left = ReadOptions { ignored_columns: vec!["Young".into()], ..Default::default() };
        assert_eq!(read_text(celeba, &left).unwrap().2, [N, N, P, P]);
        let wrong = ReadOptions { ignored_columns: vec!["Old".into()], ..Default::default() };
        assert!(read_text(celeba, &wrong).unwrap_err().contains("there are `Smiling`, `Young`, `Male`"));
        let error = |text| read_text(text, &ReadOptions::default()).unwrap_err();
        assert!(error("2\na b\nx -1 1\ny 1 0\n").starts_with("x.txt: line 3, column 3: -1 means"));
        assert!(error("x -1 1\ny 1 -1\n").starts_with("x.txt: line 1, column 3: -1 means"));
    }

    #[test]
    fn lines_with_and_without_names_of_classes() {
        let plain = "a.jpg 0 1 1 0\n\nb.jpg\t1\t0\tnan\t1";
        let (_, classes, labels, notes) = read_text(plain, &ReadOptions::default()).unwrap();
        assert_eq!(classes, ["class 0", "class 1", "class 2", "class 3"]);
        assert_eq!((labels, notes.len()), (vec![N, P, P, N, P, N, U, P], 1));
        for header in ["cat dog", "image cat dog", "2\ncat dog"] {
            let text = format!("{header}\na 1 0\nb 0 1\n");
            let (_, classes, labels, _) = read_text(&text, &ReadOptions::default()).unwrap();
            assert_eq!((classes, labels), (vec!["cat".to_string(), "dog".into()], vec![P, N, N, P]));
        }
        let named = ReadOptions { classes: Some(vec!["x", "y"].into()), ..Default::default() };
        assert_eq!(read_text("a 1 0\n", &named).unwrap().1, ["x", "y"]);
        assert!(read_text("a 1 0 1\n", &named).unwrap_err().contains("2 classes are named"));
    }

    #[test]
    fn mistakes_have_a_line_and_a_column() {
        let error = |text| read_text(text, &ReadOptions::default()).unwrap_err();
        assert_eq!(error("a 1 0\nb 1 0 1\n"), "x.txt: line 2, column 7: the row has 3 labels, expected 2");
        assert!(error("a 1 0\nb 1\n").starts_with("x.txt: line 2, column 4: the row has 1 labels"));
        assert!(error("a 1 0\nb 1 x\n").starts_with("x.txt: line 2, column 5: invalid label `x`"));
        assert!(error("a 1 0\nb 1 0.4\n").contains("--positive-above P"));
        assert!(
            error("3\ncat\na 1\nb 0\n")
                .contains("line 4, column 1: the first line announces 3 rows, found 2")
        );
        assert!(
            error("cat dog cow\na 1\n")
                .contains("the row has 1 labels, expected 3 as there are names of classes")
        );
        assert!(error("cat cat\na 1 1\n").contains("both called `cat`"));
        assert!(error("a 1\na 0\n").contains("row 0 and row 1 (counted from 0)"));
        for empty in ["", "0\n", "0\ncat\n", "cat dog\n"] {
            assert!(error(empty).contains("there are no rows"), "{empty}");
        }
    }
}

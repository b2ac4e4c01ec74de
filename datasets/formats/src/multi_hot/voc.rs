//! A file a class: the lists of PASCAL VOC.

use crate::error::{Problem, printed};
use crate::input::open_buffered;
use crate::labels::convention::{CellReader, LabelConvention};
use crate::labels::lists::{BadEntries, Entries};
use crate::text::lines::Lines;
use crate::text::strings::Interner;
use crate::{Content, FormatError, LabelLists, ReadOptions, Strings, Table, shown};
use lacuna_labels::Label;
use std::collections::BTreeMap;
use std::fs;
use std::io::BufRead;
use std::path::{Path, PathBuf};

/// What the names of lists end with.
const PARTS: [&str; 4] = ["train", "val", "trainval", "test"];

/// Reads a folder `ImageSets/Main`, or one that has it: files `<class>_train.txt`, `_val`, `_trainval` and `_test` of lines
/// `2008_000002 -1`, where 1 is a positive, -1 a negative and 0 a difficult object, whose label is unknown.
///
/// With lists `_test` those are the test rows, and `_trainval` or else `_train` those to train on. Else `_train` and
/// `_val` are the two parts. Else there is one part, `_trainval` where there is one. Classes are in the order of their names,
/// or in that of [`ReadOptions::classes`] or [`ReadOptions::class_columns`]; [`ReadOptions::ignored_columns`] are left out. A
/// row that the list of a class does not have is unknown there unless [`ReadOptions::unlisted`] says otherwise.
///
/// # Errors
/// [`FormatError::Text`] with line and column, [`FormatError::Missing`] for a class without a list of a part.
pub(crate) fn read(folder: &Path, options: &ReadOptions) -> Result<Content, FormatError> {
    let folder = inner(folder);
    let lists = class_lists(&folder)?;
    let has = |part: &str| lists.contains_key(part);
    let (train, test) = if has("test") {
        (["trainval", "train", "val"].into_iter().find(|part| has(part)), Some("test"))
    } else if has("train") && has("val") {
        (Some("train"), Some("val"))
    } else {
        (["trainval", "train", "val"].into_iter().find(|part| has(part)), None)
    };
    // Test rows without training rows are the rows.
    let (train, test) = match train {
        Some(train) => (train, test),
        None if has("test") => ("test", None),
        None => return Err(FormatError::Missing { path: folder.join("<class>_train.txt"), layout: LAYOUT }),
    };
    let classes = classes(&folder, &lists, options)?;
    let read = |part: &str| {
        let files: Result<Vec<&PathBuf>, FormatError> = classes
            .iter()
            .map(|class| {
                lists[part].get(class).ok_or_else(|| FormatError::Missing {
                    path: folder.join(format!("{class}_{part}.txt")),
                    layout: LAYOUT,
                })
            })
            .collect();
        self::part(&folder, &files?, &classes, options)
    };
    let mut content = Content { train: read(train)?, test: test.map(read).transpose()? };
    let parts = match test {
        Some(test) => {
            format!("training rows are from the lists `_{train}`, test rows from `_{test}`")
        }
        None => format!("rows are from the lists `_{train}`"),
    };
    content.train.notes.insert(0, format!("{}: {parts}", printed(&folder)));
    Ok(content)
}

const LAYOUT: &str =
    "A folder ImageSets/Main has a list <class>_train.txt (or _val, _trainval, _test) for every class";

/// The folder with the lists.
fn inner(folder: &Path) -> PathBuf {
    let inner = folder.join("ImageSets").join("Main");
    if inner.is_dir() { inner } else { folder.into() }
}

/// Whether a folder has lists of classes.
pub(crate) fn recognises(folder: &Path) -> bool {
    class_lists(&inner(folder)).is_ok_and(|lists| !lists.is_empty())
}

/// The class and the part that the name of a list has.
fn class_and_part(file: &Path) -> Option<(&str, &'static str)> {
    let stem = file.file_name()?.to_str()?.strip_suffix(".txt")?;
    let (class, part) = stem.rsplit_once('_').filter(|(class, _)| !class.is_empty())?;
    Some((class, PARTS.into_iter().find(|known| *known == part)?))
}

/// Whether the name of a file is that of a list.
pub(crate) fn is_class_list(file: &Path) -> bool {
    class_and_part(file).is_some()
}

/// The files of each class, by part.
type ClassLists = BTreeMap<&'static str, BTreeMap<String, PathBuf>>;

fn class_lists(folder: &Path) -> Result<ClassLists, FormatError> {
    let mut lists = ClassLists::new();
    for entry in fs::read_dir(folder).map_err(FormatError::io(folder))? {
        let file = entry.map_err(FormatError::io(folder))?.path();
        if let Some((class, part)) = class_and_part(&file) {
            let class = class.to_string();
            lists.entry(part).or_default().insert(class, file);
        }
    }
    Ok(lists)
}

fn classes(folder: &Path, lists: &ClassLists, options: &ReadOptions) -> Result<Vec<String>, FormatError> {
    let mut all: Vec<String> = lists.values().flat_map(BTreeMap::keys).cloned().collect();
    all.sort();
    all.dedup();
    let ignored = &options.ignored_columns;
    let chosen = options.class_columns.clone().or_else(|| options.classes.as_ref().map(Strings::to_vec));
    let wanted = ignored.iter().chain(chosen.iter().flatten());
    if let Some(missing) = wanted.into_iter().find(|class| !all.contains(class)) {
        let list: Vec<String> = all.iter().take(20).map(|class| format!("`{}`", shown(class))).collect();
        let more = if all.len() > 20 { ", ..." } else { "" };
        let problem =
            format!("there is no list of class `{}`: there are {}{more}", shown(missing), list.join(", "));
        return Err(FormatError::Unwritable { path: folder.into(), problem });
    }
    let mut classes = chosen.unwrap_or(all);
    classes.retain(|class| !ignored.contains(class));
    if classes.is_empty() {
        return Err(FormatError::Empty { path: folder.into(), what: "classes" });
    }
    Ok(classes)
}

/// Reads one list for each class.
fn part(
    folder: &Path,
    files: &[&PathBuf],
    classes: &[String],
    options: &ReadOptions,
) -> Result<Table, FormatError> {
    // 0 is a difficult object.
    let convention =
        options.convention.or(Some(LabelConvention::Spml).filter(|_| options.positive_above.is_none()));
    let cells = CellReader::new(&ReadOptions { convention, ..options.clone() });
    let mut rows = Interner::new(Strings::new());
    let mut entries = Entries::default();
    let mut notes = Vec::new();
    for (class, file) in files.iter().enumerate() {
        let class = u32::try_from(class).expect("files of one folder");
        notes.extend(list(open_buffered(file)?, file, options, |name, word| {
            let row = rows.number(name).ok_or("the names take more than 4 GiB")?;
            match entries.push(row, class, cells.text(word)?) {
                true => Ok(()),
                false => Err("there are more labels than can be listed".into()),
            }
        })?);
    }
    let names = rows.into_strings();
    if names.is_empty() {
        return Err(FormatError::Empty { path: folder.into(), what: "rows" });
    }
    let listed = entries.len();
    let all = names.len().saturating_mul(classes.len());
    let unlisted = options.unlisted.unwrap_or(Label::Unknown);
    let lists = match LabelLists::of_entries(entries, names.len(), classes.iter().collect(), unlisted) {
        Ok(lists) => lists,
        Err(BadEntries::Memory(bytes)) => return Err(FormatError::memory(folder, "the labels", bytes)),
        Err(BadEntries::TwoLabels { row, class, .. }) => {
            return Err(twice(files[class], options, &names[row])?);
        }
    };
    if listed < all {
        notes.push(format!(
            "{}: {} of {all} labels are in no list and are {}",
            printed(folder),
            all - listed,
            match unlisted {
                Label::Positive => "positive",
                Label::Negative => "negative",
                Label::Unknown => "unknown",
            }
        ));
    }
    Ok(Table { notes, ..Table::of_lists(folder, Some(names), lists) })
}

/// Iterates over the lines of a list; returns a note about its end.
fn list(
    reader: impl BufRead,
    file: &Path,
    options: &ReadOptions,
    mut each: impl FnMut(&str, &str) -> Result<(), Problem>,
) -> Result<Option<String>, FormatError> {
    let mut lines = Lines::new(reader, file, &options.limits);
    while let Some((number, line)) = lines.next_filled()? {
        let mut words = line.split_whitespace();
        let (Some(name), Some(word), None) = (words.next(), words.next(), words.next()) else {
            let problem = "a line of a class has the name of a row and a label, such as `2008_000002 -1`";
            return Err(FormatError::text(file, number, 1, problem));
        };
        let column = (word.as_ptr() as usize - line.as_ptr() as usize) as u64 + 1;
        each(name, word).map_err(|problem| FormatError::text(file, number, column, problem))?;
    }
    Ok(lines.note())
}

/// The error for a row that has two different labels in a list: the list is read once more to find them.
fn twice(file: &Path, options: &ReadOptions, row: &str) -> Result<FormatError, FormatError> {
    let mut lines = Lines::new(open_buffered(file)?, file, &options.limits);
    let mut found = Vec::new();
    while let Some((number, line)) = lines.next_filled()? {
        if line.split_whitespace().next() == Some(row) && found.len() < 20 {
            found.push(number);
        }
    }
    let on: Vec<String> = found.iter().map(u64::to_string).collect();
    let problem =
        format!("`{}` has different labels, on lines {}: keep one of them", shown(row), on.join(", "));
    Ok(FormatError::text(file, found.last().copied().unwrap_or(1), 1, problem))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Label::{Negative as N, Positive as P, Unknown as U};

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let main = folder.path().join("ImageSets/Main");
        fs::create_dir_all(&main).unwrap();
        files.iter().for_each(|(name, text)| fs::write(main.join(name), text).unwrap());
        folder
    }

    fn labels(table: &Table) -> (Vec<String>, Vec<Label>) {
        let labels = table.labels.as_ref().unwrap().to_observed(&table.path, &Default::default()).unwrap();
        (table.names.as_ref().unwrap().to_vec(), labels.cells().to_vec())
    }

    #[test]
    fn lists_of_pascal_voc() {
        let folder = folder(&[
            ("dog_train.txt", "2008_1 -1\n2008_2  1\n"),
            ("cat_train.txt", "2008_1  1\n2008_2  0\n"),
            ("dog_val.txt", "2008_3  1\n"),
            ("cat_val.txt", "2008_3 -1\n"),
            ("dog_trainval.txt", "2008_1 -1\n2008_2  1\n2008_3  1\n"),
            ("cat_trainval.txt", "2008_1  1\n2008_2  0\n2008_3 -1\n"),
            ("train.txt", "2008_1\n"),
        ]);
        assert!(recognises(folder.path()) && recognises(&inner(folder.path())));
        let content = read(folder.path(), &ReadOptions::default()).unwrap();
        assert_eq!(content.train.classes.to_vec(), ["cat", "dog"]);
        assert_eq!(labels(&content.train), (vec!["2008_1".into(), "2008_2".into()], vec![P, N, U, P]));
        assert_eq!(labels(&content.test.unwrap()), (vec!["2008_3".into()], vec![N, P]));
        assert!(content.train.notes[0].contains("from the lists `_train`, test rows from `_val`"));
        for file in ["dog_val.txt", "cat_val.txt", "dog_train.txt", "cat_train.txt"] {
            fs::remove_file(inner(folder.path()).join(file)).unwrap();
        }
        let content = read(folder.path(), &ReadOptions::default()).unwrap();
        assert_eq!((content.train.rows(), content.test.is_none()), (3, true));
        let chosen = ReadOptions { class_columns: Some(vec!["dog".into()]), ..Default::default() };
        assert_eq!(labels(&read(folder.path(), &chosen).unwrap().train).1, [N, P, P]);
        let missing = ReadOptions { ignored_columns: vec!["cow".into()], ..Default::default() };
        let error = read(folder.path(), &missing).unwrap_err().to_string();
        assert!(error.contains("no list of class `cow`: there are `cat`, `dog`"), "{error}");
    }

    #[test]
    fn lists_that_do_not_belong_together() {
        let error = |files| read(folder(files).path(), &ReadOptions::default()).unwrap_err().to_string();
        assert!(
            error(&[("a_train.txt", "x 1\n"), ("a_val.txt", "y 1\n"), ("b_train.txt", "x 1\n")])
                .contains("b_val.txt: missing file")
        );
        assert!(
            error(&[("a_train.txt", "x 1\ny 0\nx -1\n")])
                .contains("line 3, column 1: `x` has different labels, on lines 1, 3")
        );
        assert!(error(&[("a_train.txt", "x 1 1\n")]).contains("such as `2008_000002 -1`"));
        assert!(error(&[("a_train.txt", "x  2\n")]).contains("line 1, column 4: invalid label `2`"));
        assert!(error(&[("a_train.txt", "\n")]).contains("there are no rows"));
        assert!(error(&[("train.txt", "x\n")]).contains("missing file. A folder ImageSets/Main"));
        let missing = folder(&[("a_train.txt", "x 1\n"), ("b_train.txt", "y 1\nx -1\n")]);
        let table = read(missing.path(), &ReadOptions::default()).unwrap().train;
        assert_eq!(labels(&table), (vec!["x".into(), "y".into()], vec![P, N, U, P]));
        assert!(table.notes[1].contains("1 of 4 labels are in no list and are unknown"), "{:?}", table.notes);
    }
}

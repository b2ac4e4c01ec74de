//! ARFF with several labels: Mulan (an XML list beside the file), MEKA (`-C n` in the name of the relation) and KEEL
//! (`@outputs`).

mod beside;
mod cursor;
mod header;
mod missing;
mod nominal;
mod rows;
mod spelling;
mod xml;

use crate::error::printed;
use crate::input::{open_buffered, read_bounded};
use crate::text::lines::Lines;
use crate::{Content, FormatError, ReadOptions, Table};
use beside::Beside;
use header::{Header, Labels};
use std::fs;
use std::io::BufRead;
use std::path::{Path, PathBuf};

/// Reads an ARFF file, dense or sparse. Its labels are, in this order of precedence:
///
/// 1. the first `n` or, for a negative `n`, the last attributes of a relation called `name: -C n` (MEKA),
/// 2. those that the XML file beside it names (Mulan): the one with the same stem, else with the longest stem that the
///    file's begins with (`scene-train.arff`, `scene.xml`), else with the most words in common at the start,
/// 3. those that `@outputs` names, or `@inputs` does not name (KEEL),
/// 4. those that the only XML file in the folder names.
///
/// The classes are in the order of the attributes. A label is one of two values: 0 and 1, false and true, no and yes, n
/// and y, f and t (in any case), or -1 and 1, where -1 is absent; `?` is unknown. [`ReadOptions::convention`] says
/// otherwise for 0 and -1. Features are numbers; a nominal feature whose values are numbers is read as those, any other
/// as the position of its value in the list ([`Table::nominal`]). [`ReadOptions::missing_features`] says what becomes
/// of a feature that is `?`. Strings, dates and relational attributes are refused; weights are read and not used.
///
/// # Errors
/// [`FormatError::Text`] with line and column, [`FormatError::Missing`] where the labels are not declared,
/// [`FormatError::Array`] where several XML files fit.
pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<Content, FormatError> {
    if path.is_dir() {
        return read_folder(path, options);
    }
    let mut lines = Lines::new(open_buffered(path)?, path, &options.limits);
    let header = Header::read(&mut lines, options)?;
    let (labels, note) = labels(&header, path, options)?;
    Ok(table(&mut lines, &header, &labels, options)?.noted(note).into())
}

/// `*train*.arff` and `*test*.arff` of a folder.
fn read_folder(folder: &Path, options: &ReadOptions) -> Result<Content, FormatError> {
    let files = with_extension(folder, "arff")?;
    let only = |word: &str| {
        let named: Vec<&PathBuf> = files.iter().filter(|file| stem(file).contains(word)).collect();
        match named[..] {
            [one] => Ok(one.clone()),
            _ => {
                let found = files.iter().map(|file| stem(file)).collect();
                let problem =
                    format!("expected one file whose name contains `{word}`, found {}", named.len());
                Err(FormatError::Array { path: folder.into(), problem, found })
            }
        }
    };
    let train = read(&only("train")?, options)?.train;
    let test = read(&only("test")?, options)?.train;
    let mismatch = |what, count: usize, other_count: usize| match count == other_count {
        true => Ok(()),
        false => Err(FormatError::Mismatch {
            what,
            path: train.path.clone(),
            count,
            other: test.path.clone(),
            other_count,
        }),
    };
    let columns = |table: &Table| table.features.as_ref().map_or(0, |features| features.columns());
    mismatch("columns", columns(&train), columns(&test))?;
    mismatch("classes", train.classes.len(), test.classes.len())?;
    Ok(Content { train, test: Some(test) })
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase()
}

fn with_extension(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, FormatError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(FormatError::io(folder))? {
        let file = entry.map_err(FormatError::io(folder))?.path();
        if file.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension)) {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// The labels of a file, and notes about the choice.
fn labels(
    header: &Header,
    path: &Path,
    options: &ReadOptions,
) -> Result<(Labels, Option<String>), FormatError> {
    let of_xml = |xml: &Path| {
        let text = read_bounded(xml, "bytes of XML", options.limits.header)?;
        header.named(&xml::labels(&text, xml)?, path, xml)
    };
    let found = beside::find(path)?;
    if let Some(count) = header.meka {
        let labels = header.first_or_last(count, path)?;
        // An XML file that says something else is not used, and that is said.
        let note = match &found {
            Beside::Named(xml) if of_xml(xml).map_or(true, |other| other.class != labels.class) => {
                let xml = printed(xml);
                Some(format!(
                    "{}: `-C {count}` says which attributes are labels, and {xml} is not used",
                    printed(path)
                ))
            }
            _ => None,
        };
        return Ok((labels, note));
    }
    if let Beside::Named(xml) = &found {
        return Ok((of_xml(xml)?, None));
    }
    if let Some(labels) = header.keel(path)? {
        return Ok((labels, None));
    }
    match found {
        Beside::Named(xml) | Beside::Only(xml) => Ok((of_xml(&xml)?, None)),
        Beside::Several(files) => Err(FormatError::Array {
            path: path.into(),
            problem: format!(
                "several XML files may list its labels: call the one that does {}.xml",
                crate::shown(&path.file_stem().unwrap_or_default().to_string_lossy())
            ),
            found: files.iter().map(|file| stem(file) + ".xml").collect(),
        }),
        Beside::Nothing => Err(nothing_says(path)),
    }
}

fn nothing_says(path: &Path) -> FormatError {
    let layout = "The labels are not declared: put Mulan's XML file beside it, `-C n` (MEKA) into the name of \
                  the relation, or `@outputs` (KEEL) into the header";
    FormatError::Missing { path: path.with_extension("xml"), layout }
}

fn table(
    lines: &mut Lines<'_, impl BufRead>,
    header: &Header,
    labels: &Labels,
    options: &ReadOptions,
) -> Result<Table, FormatError> {
    let path = lines.path();
    let weights =
        header.weights.then(|| format!("{}: the weights of attributes are not used", printed(path)));
    let table = rows::read(lines, header, labels, path, options)?;
    Ok(table.noted(weights).noted(lines.note()))
}

/// Reads text; the labels are those of the relation's `-C`, else those of a list.
#[cfg(test)]
fn parse(
    reader: impl BufRead,
    path: &Path,
    list: Option<(&Path, &crate::Strings)>,
    options: &ReadOptions,
) -> Result<Table, FormatError> {
    let mut lines = Lines::new(reader, path, &options.limits);
    let header = Header::read(&mut lines, options)?;
    let labels = match (header.meka, list) {
        (Some(count), _) => header.first_or_last(count, path)?,
        (None, Some((xml, names))) => header.named(names, path, xml)?,
        (None, None) => header.keel(path)?.ok_or_else(|| nothing_says(path))?,
    };
    table(&mut lines, &header, &labels, options)
}

#[cfg(test)]
mod tests;

//! ARFF with several labels: Mulan (an XML list beside the file) and MEKA (`-C n` in the name of the relation).

mod header;
mod rows;
mod xml;

use crate::input::{open_buffered, read_bounded};
use crate::{Content, FormatError, ReadOptions, Strings, Table};
use header::Header;
use std::fs;
use std::io::BufRead;
use std::path::{Path, PathBuf};

/// Reads an ARFF file, dense or sparse. Its labels are the attributes that the XML file beside it names (Mulan), or
/// the first `n` or, for a negative `n`, the last attributes of a relation called `name: -C n` (MEKA).
///
/// The XML file is the one with the same stem up to a dash (`scene-train.arff`, `scene.xml`), else the only one in the
/// folder. Labels are 0 or 1. Features are numbers; a nominal feature whose values are numbers is read as those, any other as
/// the position of its value in the list. Missing values (`?`), strings and dates are refused.
///
/// # Errors
/// [`FormatError::Text`] with line and column, [`FormatError::Missing`] where nothing says which attributes are labels.
pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<Content, FormatError> {
    if path.is_dir() {
        return read_folder(path, options);
    }
    let file = open_buffered(path)?;
    let xml = xml_beside(path)?;
    parse_with(file, path, xml.as_deref(), options).map(Content::from)
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
                    format!("one file whose name contains `{word}` is needed, and there are {}", named.len());
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

fn xml_beside(path: &Path) -> Result<Option<PathBuf>, FormatError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut files = with_extension(folder, "xml")?;
    let arff = stem(path);
    let start = arff.split(['-', '_']).next().unwrap_or_default().to_string();
    let same = |wanted: &str| files.iter().position(|file| stem(file) == wanted);
    Ok(match same(&arff).or_else(|| same(&start)) {
        Some(i) => Some(files.swap_remove(i)),
        None if files.len() == 1 => files.pop(),
        None => None,
    })
}

pub(crate) fn parse_with(
    reader: impl BufRead,
    path: &Path,
    xml: Option<&Path>,
    options: &ReadOptions,
) -> Result<Table, FormatError> {
    let names = match xml {
        None => None,
        Some(xml) => {
            let text = read_bounded(xml, "bytes of XML", options.limits.header)?;
            Some((xml, xml::labels(&text, xml)?))
        }
    };
    parse(reader, path, names.as_ref().map(|(xml, names)| (*xml, names)), options)
}

pub(crate) fn parse(
    reader: impl BufRead,
    path: &Path,
    labels: Option<(&Path, &Strings)>,
    options: &ReadOptions,
) -> Result<Table, FormatError> {
    let mut lines = crate::text::lines::Lines::new(reader, path, &options.limits);
    let header = Header::read(&mut lines, options)?;
    let labels = match (labels, header.meka) {
        (Some((xml, names)), _) => header.named(names, path, xml)?,
        (None, Some(count)) => header.first_or_last(count, path)?,
        (None, None) => {
            let layout = "Nothing says which attributes are labels: put Mulan's XML file beside it, or `-C n` (MEKA) \
                          into the name of the relation";
            return Err(FormatError::Missing { path: path.with_extension("xml"), layout });
        }
    };
    Ok(rows::read(&mut lines, &header, &labels, path)?.noted(lines.note()))
}

#[cfg(test)]
mod tests;

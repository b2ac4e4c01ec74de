//! Which XML file belongs to an ARFF file.

use super::{stem, with_extension};
use crate::FormatError;
use crate::destination::folder_of;
use std::path::{Path, PathBuf};

/// The XML file beside an ARFF file.
#[derive(Debug, PartialEq)]
pub(super) enum Beside {
    /// Its name begins as that of the ARFF file does.
    Named(PathBuf),
    /// It is the only one in the folder.
    Only(PathBuf),
    /// Several fit equally well.
    Several(Vec<PathBuf>),
    /// There is none.
    Nothing,
}

/// Chooses by name: the same stem, else the longest stem that the ARFF file's begins with (`emotions.xml` for
/// `emotions-train.arff`), else the most words in common at the start, else the only file there is.
pub(super) fn find(path: &Path) -> Result<Beside, FormatError> {
    let folder = folder_of(path);
    let mut files = with_extension(folder, "xml")?;
    if let Some(i) = files.iter().position(|file| file.file_stem() == path.file_stem()) {
        return Ok(Beside::Named(files.swap_remove(i)));
    }
    let arff = stem(path);
    let score = |file: &PathBuf| score(&arff, &stem(file));
    let best = files.iter().map(score).max().unwrap_or_default();
    if best == (0, 0) {
        return Ok(match files.len() {
            0 => Beside::Nothing,
            1 => Beside::Only(files.remove(0)),
            _ => Beside::Several(files),
        });
    }
    files.retain(|file| score(file) == best);
    Ok(match files.len() {
        1 => Beside::Named(files.remove(0)),
        _ => Beside::Several(files),
    })
}

/// Bytes of a stem that the other begins with, then bytes of the words that both begin with.
fn score(arff: &str, xml: &str) -> (usize, usize) {
    let is_part = |c: char| "-_. ".contains(c);
    let starts = arff.strip_prefix(xml).is_some_and(|rest| rest.is_empty() || rest.starts_with(is_part));
    let words = arff.split(is_part).zip(xml.split(is_part));
    let common = words.take_while(|(a, b)| a == b).map(|(a, _)| a.len() + 1).sum();
    (if starts { xml.len() } else { 0 }, common)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_longest_stem_names_the_xml_file() {
        let choose = |arff: &str, files: &[&str]| {
            let folder = tempfile::tempdir().unwrap();
            files.iter().for_each(|file| fs::write(folder.path().join(file), "").unwrap());
            let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
            match find(&folder.path().join(arff)).unwrap() {
                Beside::Named(path) => name(&path),
                Beside::Only(path) => format!("only {}", name(&path)),
                Beside::Several(paths) => paths.iter().map(name).collect::<Vec<_>>().join(" or "),
                Beside::Nothing => "nothing".into(),
            }
        };
        for (arff, files, expected) in [
            ("emotions-train.arff", &["emotions.xml", "scene.xml"][..], "emotions.xml"),
            ("emotions-train.arff", &["emotions.xml", "emotions-train.xml"], "emotions-train.xml"),
            ("rcv1-subset1-train.arff", &["rcv1.xml", "rcv1-subset1.xml"], "rcv1-subset1.xml"),
            ("Corel5k-train-sparse.arff", &["corel5k.xml"], "corel5k.xml"),
            ("emotions-train.arff", &["emotions-labels.xml", "scene-labels.xml"], "emotions-labels.xml"),
            ("a-b-train.arff", &["a-labels.xml", "a-b-labels.xml"], "a-b-labels.xml"),
            ("a-train.arff", &["a.xml", "a-train-old.xml"], "a.xml"),
            ("a-train.arff", &["a-x.xml", "a-y.xml"], "a-x.xml or a-y.xml"),
            ("emotions.arff", &["emotion.xml"], "only emotion.xml"),
            ("emotions.arff", &["x.xml", "y.xml"], "x.xml or y.xml"),
            ("emotions.arff", &["x.txt"], "nothing"),
        ] {
            assert_eq!(choose(arff, files), expected, "{arff} {files:?}");
        }
    }
}

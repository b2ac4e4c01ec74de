//! Files that are read: only ordinary ones are opened, and small ones are read as a whole within a bound.

use crate::destination::folder_of;
use crate::memory::reserved;
use crate::text::lines::Lines;
use crate::{FormatError, Limits, NpyArray, Strings};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

/// Opens a file to read. Only a regular file is opened: opening a pipe waits for a writer, and a device may never end.
pub(crate) fn open_ordinary(path: &Path) -> io::Result<File> {
    ordinary(&fs::metadata(path)?)?;
    let mut options = OpenOptions::new();
    options.read(true);
    // If the file was replaced by a pipe since, opening it does not wait.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    let file = options.open(path)?;
    ordinary(&file.metadata()?)?;
    Ok(file)
}

/// As [`open_ordinary`], with the path in the error, and buffered.
pub(crate) fn open_buffered(path: &Path) -> Result<BufReader<File>, FormatError> {
    let file = open_ordinary(path).map_err(FormatError::io(path))?;
    Ok(BufReader::with_capacity(1 << 16, file))
}

pub(crate) fn ordinary(found: &Metadata) -> io::Result<()> {
    if found.is_file() {
        return Ok(());
    }
    let what = match found.is_dir() {
        true => "a directory",
        false => "a pipe, a socket or a device",
    };
    let problem = format!("expected a regular file, found {what}");
    Err(io::Error::new(io::ErrorKind::InvalidInput, problem))
}

/// All bytes of a file, of which there may be `limit`.
pub(crate) fn read_bounded(path: &Path, what: &'static str, limit: u64) -> Result<Vec<u8>, FormatError> {
    let file = open_ordinary(path).map_err(FormatError::io(path))?;
    let length = file.metadata().map_err(FormatError::io(path))?.len();
    FormatError::within(path, what, length, limit)?;
    let mut bytes = reserved(length as usize).map_err(|bytes| FormatError::memory(path, what, bytes))?;
    // The file may have grown since.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(FormatError::io(path))?;
    FormatError::within(path, what, bytes.len() as u64, limit)?;
    Ok(bytes)
}

/// Reads names of rows: a `.npy` file of text, or a text file with a name on each line.
///
/// Lines are trimmed, a byte order mark and empty lines at the end are dropped. Every name occurs once.
///
/// ```
/// use lacuna_formats::{Limits, read_names};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("names.txt");
/// std::fs::write(&path, "a.jpg\nb.jpg\n\n")?;
/// assert_eq!(read_names(&path, &Limits::default())?.to_vec(), ["a.jpg", "b.jpg"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`FormatError::Text`] with the line for an empty line in the middle, for bytes that are not UTF-8 and for a line
/// longer than [`Limits::line`], [`FormatError::Unwritable`] for a duplicate name,
/// [`FormatError::Empty`] without names, and as for [`NpyArray::open`].
pub fn read_names(path: &Path, limits: &Limits) -> Result<Strings, FormatError> {
    let names = match path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npy")) {
        true => NpyArray::open(path)?.into_strings().map_err(FormatError::npy(path))?,
        false => lines(open_buffered(path)?, path, limits)?,
    };
    if names.is_empty() {
        return Err(FormatError::Empty { path: path.into(), what: "names" });
    }
    crate::labels::names::unique(path, &names)?;
    Ok(names)
}

fn lines(reader: impl io::BufRead, path: &Path, limits: &Limits) -> Result<Strings, FormatError> {
    let mut lines = Lines::new(reader, path, limits);
    let mut names = Strings::new();
    let mut empty = None;
    while let Some((number, line)) = lines.next()? {
        let name = line.trim();
        if name.is_empty() {
            empty = empty.or(Some(number));
            continue;
        }
        if let Some(empty) = empty {
            let problem = "empty line before the last name: expected one name on each line";
            return Err(FormatError::text(path, empty, 1, problem));
        }
        if !names.push(name) {
            return Err(FormatError::text(path, number, 1, "names take more than 4 GiB"));
        }
    }
    Ok(names)
}

/// Every regular file that reading a data set may open: a program must not write over these.
///
/// For a file that is the file itself, and for ARFF the XML files beside it; for a folder the files in it and in its
/// folders `img_emb` and `ImageSets/Main` that a format for folders opens: arrays (in the SPML layout those with a name of that layout), ARFF
/// and XML files, lists of classes, and `classes.txt`. `format` is the name of the format where one was asked for.
pub fn files_read(path: &Path, format: Option<&str>) -> Vec<PathBuf> {
    let files_of = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> =
            entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
        files.sort();
        files
    };
    let has =
        |path: &Path, extension: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension));
    if path.is_dir() {
        let spml = path.join("formatted_train_labels.npy").is_file();
        let opened = |file: &PathBuf| {
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let of_layout = name.starts_with("formatted_") || name.contains("_features_");
            ["arff", "xml"].iter().any(|extension| has(file, extension))
                || name == "classes.txt"
                || crate::multi_hot::is_class_list(file)
                || (has(file, "npy") && (of_layout || !spml))
        };
        let mut files = files_of(path);
        files.extend(files_of(&path.join("img_emb")));
        files.extend(files_of(&path.join("ImageSets").join("Main")));
        files.retain(opened);
        return files;
    }
    let mut files = vec![path.to_path_buf()];
    if format == Some("mulan") || (format.is_none() && has(path, "arff")) {
        let folder = folder_of(path);
        files.extend(files_of(folder).into_iter().filter(|file| has(file, "xml")));
    }
    files
}

/// Whether two paths lead to the same file, also through links.
///
/// They do where their canonical paths are equal, and where device and inode are (Unix). A file that does not exist is
/// the same only as itself under an equal path.
pub fn same_file(a: &Path, b: &Path) -> bool {
    if a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b) {
        return true;
    }
    same_inode(a, b)
}

#[cfg(unix)]
fn same_inode(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let number = |path: &Path| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    number(a).is_some_and(|a| number(b) == Some(a))
}

#[cfg(not(unix))]
fn same_inode(_a: &Path, _b: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &[u8]) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n.txt");
        fs::write(&path, text).unwrap();
        let names = read_names(&path, &Limits::default()).map(|names| names.to_vec());
        names.map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))
    }

    #[test]
    fn names_are_trimmed_lines() {
        assert_eq!(names(b"\xef\xbb\xbfa b \r\n c\n\n\n").unwrap(), ["a b", "c"]);
        assert_eq!(
            names(b"a\n\nb\n").unwrap_err(),
            "n.txt: line 2, column 1: empty line before the last name: expected one name on each line"
        );
        assert!(names(b"a\nb\na\n").unwrap_err().contains("duplicate name `a`: row 0 and row 2"));
        assert!(names(b"a\nb\xff\n").unwrap_err().starts_with("n.txt: line 2, column 2:"));
        assert_eq!(names(b"\n").unwrap_err(), "n.txt: there are no names");
    }

    #[test]
    fn names_in_an_array_occur_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n.npy");
        let text = |names: Vec<&str>| {
            let shape = vec![names.len()];
            let array = NpyArray::new(shape, crate::NpyData::Text(names.into())).unwrap();
            array.save(crate::Destination::replacing(&path)).unwrap();
            read_names(&path, &Limits::default())
        };
        assert_eq!(text(vec!["x", "y"]).unwrap().to_vec(), ["x", "y"]);
        assert!(text(vec!["x", "x"]).unwrap_err().to_string().contains("row 0 and row 1 (counted from 0)"));
    }

    /// A pipe that nobody writes to: opening it would wait forever.
    #[cfg(unix)]
    #[test]
    fn pipes_devices_and_directories_are_refused_by_every_reader() {
        let folder = tempfile::tempdir().unwrap();
        let status = std::process::Command::new("mkfifo").arg(folder.path().join("pipe")).status().unwrap();
        assert!(status.success());
        let pipe = folder.path().join("pipe");
        let mut refused = 0;
        for (path, what) in [
            (pipe.as_path(), "a pipe, a socket or a device"),
            (Path::new("/dev/zero"), "a pipe, a socket or a device"),
            (folder.path(), "a directory"),
        ] {
            for format in crate::FORMATS {
                // Folders of several files look for those; one of them is a pipe in the test below.
                if format.extensions.is_empty()
                    || (path.is_dir() && ["mulan", "tfrecord", "multi-hot"].contains(&format.name))
                {
                    continue;
                }
                let error = format.read(path, &Default::default()).unwrap_err().to_string();
                assert!(error.contains(what), "{}: {error}", format.name);
                refused += 1;
            }
            let error = NpyArray::open(path).unwrap_err().to_string();
            assert_eq!(error, format!("{}: expected a regular file, found {what}", path.display()));
            assert!(read_names(path, &Limits::default()).is_err());
        }
        assert!(refused >= 26);
        let named = folder.path().join("pipe.csv");
        std::os::unix::fs::symlink(&pipe, &named).unwrap();
        let error = crate::open_data(&named, &Default::default()).unwrap_err().to_string();
        assert!(error.contains("pipe.csv: expected a regular file, found a pipe"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_inside_a_folder_is_refused() {
        let make = |path: &Path| {
            assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
        };
        for (name, format) in [("classes.txt", "spml"), ("img_emb_0.npy", "shards")] {
            let folder = tempfile::tempdir().unwrap();
            make(&folder.path().join(name));
            let error = crate::format(format).unwrap().read(folder.path(), &Default::default()).unwrap_err();
            assert!(
                error.to_string().contains(&format!("{name}: expected a regular file, found a pipe")),
                "{error}"
            );
        }
        let folder = tempfile::tempdir().unwrap();
        // The header is read first, because it may say which attributes are labels.
        fs::write(folder.path().join("x.arff"), "@relation x\n@attribute a real\n@data\n1\n").unwrap();
        make(&folder.path().join("x.xml"));
        let error = crate::open_data(&folder.path().join("x.arff"), &Default::default()).unwrap_err();
        assert!(error.to_string().contains("x.xml: expected a regular file, found a pipe"), "{error}");
    }

    #[test]
    fn files_that_a_data_set_is_read_from() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("img_emb")).unwrap();
        for name in ["a.arff", "a.xml", "b.xml", "c.csv", "img_emb/img_emb_0.npy"] {
            fs::write(path(name), "").unwrap();
        }
        assert_eq!(files_read(&path("c.csv"), None), [path("c.csv")]);
        assert_eq!(files_read(&path("a.arff"), None), [path("a.arff"), path("a.xml"), path("b.xml")]);
        assert_eq!(files_read(&path("a.arff"), Some("csv")), [path("a.arff")]);
        assert_eq!(files_read(&path("c.csv"), Some("mulan")).len(), 3);
        let all = ["a.arff", "a.xml", "b.xml", "img_emb/img_emb_0.npy"].map(path);
        assert_eq!(files_read(folder.path(), None), all);
        for name in ["formatted_train_labels.npy", "val_features_x.npy", "x.npy", "classes.txt"] {
            fs::write(path(name), "").unwrap();
        }
        let spml = files_read(folder.path(), None);
        let of_spml = ["classes.txt", "formatted_train_labels.npy", "val_features_x.npy"].map(path);
        assert!(of_spml.iter().all(|file| spml.contains(file)) && !spml.contains(&path("x.npy")), "{spml:?}");
    }

    #[cfg(unix)]
    #[test]
    fn links_lead_to_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), "").unwrap();
        fs::write(path("b"), "").unwrap();
        std::os::unix::fs::symlink(path("a"), path("soft")).unwrap();
        fs::hard_link(path("a"), path("hard")).unwrap();
        for other in ["a", "soft", "hard", "./a"] {
            assert!(same_file(&path("a"), &path(other)), "{other}");
        }
        assert!(!same_file(&path("a"), &path("b")) && !same_file(&path("a"), &path("missing")));
        assert!(same_file(&path("missing"), &path("missing")));
    }
}

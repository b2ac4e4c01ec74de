//! Where a file is written to, and whether a file that is there may be replaced.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

/// A file to be written.
///
/// A path alone refuses a file that exists; [`Destination::replacing`] replaces it.
///
/// ```
/// use lacuna_formats::{Destination, write_atomic};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("record.txt");
/// write_atomic(&path, |file| file.write_all(b"first"))?;
/// let refused = write_atomic(&path, |file| file.write_all(b"second")).unwrap_err();
/// assert_eq!(refused.kind(), std::io::ErrorKind::AlreadyExists);
/// write_atomic(Destination::replacing(&path), |file| file.write_all(b"third"))?;
/// assert_eq!(std::fs::read(&path)?, b"third");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Destination<'a> {
    path: &'a Path,
    replace: bool,
}

impl<'a> Destination<'a> {
    /// A file that does not exist yet; one that exists is refused.
    pub fn new(path: &'a Path) -> Self {
        Self { path, replace: false }
    }

    /// A file that is replaced if it exists.
    pub fn replacing(path: &'a Path) -> Self {
        Self { path, replace: true }
    }

    /// The path of the file.
    pub fn path(&self) -> &'a Path {
        self.path
    }

    /// Whether an existing file is replaced.
    pub fn replaces(&self) -> bool {
        self.replace
    }

    /// Looks at what is at the path, so that nothing is written in vain. Whether the file is still missing when it gets
    /// its name is for the renaming to find out.
    pub(crate) fn check(&self) -> io::Result<()> {
        let link = match std::fs::symlink_metadata(self.path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        // A link that leads nowhere is replaced or refused as a file is.
        let found = std::fs::metadata(self.path).unwrap_or_else(|_| link.clone());
        if found.is_dir() {
            let problem = "the destination is a directory: name a file";
            return Err(io::Error::new(io::ErrorKind::IsADirectory, problem));
        }
        if !found.is_file() && !found.is_symlink() || self.is_in_proc(&link) {
            let problem = "the destination is a device, a pipe or a socket: name a regular file";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        if self.replace { Ok(()) } else { Err(exists()) }
    }

    /// Whether the path is a link into `/proc`, as `/dev/stdout` is: replacing that would remove the device for every
    /// program of the machine.
    fn is_in_proc(&self, link: &Metadata) -> bool {
        let leads = || std::fs::read_link(self.path).is_ok_and(|target| target.starts_with("/proc"));
        let lies = || {
            let folder = self.path.parent().and_then(|folder| folder.canonicalize().ok());
            folder.is_some_and(|folder| folder.starts_with("/proc"))
        };
        cfg!(unix) && link.is_symlink() && (leads() || lies())
    }
}

/// The folder of a path.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The error of a file that exists and must not be overwritten.
pub(crate) fn exists() -> io::Error {
    io::Error::new(io::ErrorKind::AlreadyExists, "the file exists and is not overwritten")
}

impl<'a> From<&'a Path> for Destination<'a> {
    fn from(path: &'a Path) -> Self {
        Self::new(path)
    }
}

impl<'a> From<&'a PathBuf> for Destination<'a> {
    fn from(path: &'a PathBuf) -> Self {
        Self::new(path)
    }
}

impl<'a> From<&'a str> for Destination<'a> {
    fn from(path: &'a str) -> Self {
        Self::new(Path::new(path))
    }
}

impl<'a> From<&'a String> for Destination<'a> {
    fn from(path: &'a String) -> Self {
        Self::new(Path::new(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FormatError, NpyArray, NpyData, write_atomic};

    #[test]
    fn a_path_refuses_an_existing_file_and_replacing_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        let array = |value| NpyArray::new(vec![1], NpyData::U8(vec![value])).unwrap();
        array(1).save(&path).unwrap();
        let error = array(2).save(&path).unwrap_err();
        assert!(matches!(&error, FormatError::Exists { path: named } if *named == path), "{error}");
        assert_eq!(error.to_string(), format!("{}: the file exists and is not overwritten", path.display()));
        assert_eq!(NpyArray::open(&path).unwrap(), array(1));
        array(2).save(Destination::replacing(&path)).unwrap();
        assert_eq!(NpyArray::open(&path).unwrap(), array(2));
    }

    #[test]
    fn nothing_is_written_for_a_destination_that_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        std::fs::write(&path, "kept").unwrap();
        let refused = write_atomic(&path, |_| panic!("the writer is not called")).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        for destination in [Destination::new(folder.path()), Destination::replacing(folder.path())] {
            let refused = write_atomic(destination, |_| panic!("the writer is not called")).unwrap_err();
            assert_eq!(refused.to_string(), "the destination is a directory: name a file");
        }
    }

    #[test]
    fn a_file_that_appears_while_another_is_written_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        let refused = write_atomic(&path, |file| {
            std::fs::write(&path, "of somebody else")?;
            file.write_all(b"ours")
        });
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"of somebody else");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn devices_and_links_to_them_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        // Of the same kind as a device, and no other program needs it if it is lost.
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&socket, &link).unwrap();
        for path in [&socket, &link] {
            let refused = write_atomic(Destination::replacing(path), |_| Ok(())).unwrap_err();
            assert!(refused.to_string().starts_with("the destination is a device"), "{refused}");
        }
        // A link that leads nowhere is something that exists.
        let nowhere = folder.path().join("nowhere");
        std::os::unix::fs::symlink(folder.path().join("missing"), &nowhere).unwrap();
        assert_eq!(write_atomic(&nowhere, |_| Ok(())).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }
}

//! The folder in which a target works.

use std::cell::RefCell;
use std::fs;
use std::path::Path;

thread_local! {
    static FOLDER: RefCell<Option<tempfile::TempDir>> = const { RefCell::new(None) };
}

/// Works in a folder of its own, in memory where there is such a one. It is made once, and `make` fills it.
pub(crate) fn in_folder<T>(make: impl FnOnce(&Path), work: impl FnOnce(&Path) -> T) -> T {
    FOLDER.with_borrow_mut(|folder| {
        let folder = folder.get_or_insert_with(|| {
            let memory = Path::new("/dev/shm");
            let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
            let folder = folder.expect("a temporary folder");
            make(folder.path());
            folder
        });
        work(folder.path())
    })
}

/// Writes a file.
pub(crate) fn put(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("a file");
}

/// What is before the first zero byte and what is behind it: two files in one. No text has a zero byte.
pub(crate) fn two(data: &[u8]) -> (&[u8], &[u8]) {
    let end = data.iter().position(|byte| *byte == 0);
    end.map_or((data, &[]), |end| (&data[..end], &data[end + 1..]))
}

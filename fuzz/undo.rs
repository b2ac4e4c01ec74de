//! Records of files that a killed writer was replacing.

use crate::{in_folder, put};
use lacuna_formats::{restore_files, sweep_temporary_files};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const RECORD: &str = ".lacuna-a.undo";

/// Contents of files by their names.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path());
    entries
        .filter(|path| path.is_file())
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, fs::read(path).expect("its contents"))
        })
        .collect()
}

/// A record beside a head whose document is missing, and two second names: whatever it says, no contents are lost but those of new files,
/// and nothing happens outside the folder.
pub fn undo(data: &[u8]) {
    in_folder(
        |_| {},
        |outside| {
            let folder = outside.join("head");
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir(&folder).expect("a folder");
            put(&outside.join("outside"), b"of somebody else");
            let written = [
                ("head.safetensors", "new weights"),
                ("held_out.txt", "new rows"),
                ("notes.txt", "of somebody else"),
                (".lacuna-b.tmp", "old weights"),
                (".lacuna-c.tmp", "old document"),
            ];
            written.iter().for_each(|(name, text)| put(&folder.join(name), text.as_bytes()));
            put(&folder.join(RECORD), data);
            let before = files(&folder);
            let restored = restore_files(&folder);
            let after = files(&folder);
            match restored {
                // What cannot be understood stays, with all that it may need.
                Err(_) => {
                    assert_eq!(before, after);
                    assert_eq!(sweep_temporary_files(&folder), 0);
                }
                Ok(_) => {
                    assert!(!after.contains_key(RECORD));
                    let is_old = |bytes: &[u8]| bytes.starts_with(b"old");
                    let others = after.iter().filter(|(name, _)| !before.contains_key(*name));
                    others.for_each(|(name, bytes)| assert!(is_old(bytes), "{name}"));
                    for (name, bytes) in before.iter().filter(|(name, _)| !name.starts_with(".lacuna-")) {
                        let now = after.get(name);
                        let restored = bytes.starts_with(b"new") && now.is_none_or(|now| is_old(now));
                        assert!(now == Some(bytes) || restored, "{name}");
                    }
                    // The second time there is nothing to do.
                    assert_eq!(restore_files(&folder).expect("there is no record"), 0);
                }
            }
            assert_eq!(fs::read(outside.join("outside")).expect("the file"), b"of somebody else");
            assert_eq!(files(outside).len(), 1);
        },
    );
}

//! Operations against numbers computed elsewhere: torch in f64, one JSON file a case.
//!
//! A case has `op`, `params`, `inputs`, `upstream`, `output`, `grads` (of the sum of output times upstream) and
//! sometimes `extra`. The cases in `cases/` always run; `LACUNA_GOLDEN_ENGINE=DIR` runs another folder.

mod case;
mod ops;
mod train;

use case::Case;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

fn run(path: &Path) -> Result<(), String> {
    let case = Case::read(path)?;
    let work = || if case.op().starts_with("train") { train::check(&case) } else { ops::check(&case) };
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text.or_else(|| panic.downcast_ref::<&str>().map(|s| s.to_string())).unwrap_or_default())
    })
}

#[test]
fn golden() {
    let kept = || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cases");
    let folder = std::env::var_os("LACUNA_GOLDEN_ENGINE").map_or_else(kept, PathBuf::from);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "json"));
    files.sort();
    let mut failed = 0;
    for file in &files {
        if let Err(reason) = run(file) {
            failed += 1;
            println!("{}: {reason}", file.file_name().unwrap_or_default().to_string_lossy());
        }
    }
    println!("golden: {} cases, {failed} failed", files.len());
    assert!(failed == 0 && !files.is_empty(), "{failed} of {} cases failed", files.len());
}

//! `docs/unsafe.md` lists every use of `unsafe` with its reason, and is made from the sources.

use std::fs;
use std::path::{Path, PathBuf};

/// Where `unsafe` may be; lints say the same to the compiler.
const PLACES: &[&str] = &["engine/kernels/src/", "datasets/formats/src/mmap.rs", "bins/python/src/"];

/// Every source file below a folder, but for what was built.
fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() && entry.file_name().is_some_and(|name| name != "target") {
            sources(&entry, into);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            into.push(entry);
        }
    }
}

/// What follows the word `unsafe` in a line of code.
fn after_unsafe(line: &str) -> Option<&str> {
    let code = line.split("//").next()?;
    let (before, after) = code.split_once("unsafe")?;
    let is_word = !before.ends_with(|c: char| c.is_alphanumeric() || "_'-\"".contains(c));
    let after = after.trim_start();
    let is_use = after.starts_with('{')
        || ["fn ", "impl ", "impl<", "trait ", "extern "].iter().any(|word| after.starts_with(word));
    (is_word && is_use).then_some(after)
}

/// The text of a comment that starts with `start`, above line `at` and no farther than `most` lines.
fn comment(lines: &[&str], at: usize, marker: &str, start: &str, most: usize) -> Option<String> {
    let text = |line: &str| line.trim_start().strip_prefix(marker).map(|text| text.trim().to_string());
    let first = (at.saturating_sub(most)..=at)
        .rev()
        .find(|&i| text(lines[i]).is_some_and(|t| t.starts_with(start)))?;
    let mut found: Vec<String> = lines[first..at].iter().map_while(|line| text(line)).collect();
    // What is said of another item is not said of this one.
    let own = lines[first + found.len()..at].iter().all(|line| after_unsafe(line).is_none());
    found[0] = found[0].strip_prefix(start)?.trim().to_string();
    let found = found.join(" ").trim().to_string();
    (own && !found.is_empty()).then_some(found)
}

/// The function or macro that a line is in.
fn within(lines: &[&str], at: usize) -> String {
    let name = |line: &&str| {
        let code = line.split("//").next()?;
        let rest = code
            .split_once("fn ")
            .map(|(_, rest)| rest)
            .or_else(|| Some(code.split_once("macro_rules! ")?.1))?;
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        (!name.is_empty()).then_some(name)
    };
    lines[..=at].iter().rev().find_map(name).unwrap_or_default()
}

#[test]
fn every_use_of_unsafe_is_listed_with_its_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for folder in ["engine", "nn", "losses", "datasets", "bins", "benches"] {
        sources(&root.join(folder), &mut files);
    }
    files.sort();
    let mut page = String::from(
        "# Every use of `unsafe`\n\nMade from the sources by `.ci/write unsafe`. Blocks without a reason are refused by clippy\n(`undocumented_unsafe_blocks`); every other crate forbids `unsafe`.\n",
    );
    let mut count = 0;
    for file in files {
        let path = file.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
        let text = fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let mut listed = String::new();
        for (at, line) in lines.iter().enumerate() {
            let Some(after) = after_unsafe(line) else { continue };
            assert!(PLACES.iter().any(|place| path.starts_with(place)), "{path}, line {}: unsafe", at + 1);
            let is_block = after.starts_with('{');
            let entry = match is_block || after.starts_with("impl") {
                true => {
                    let reason = comment(&lines, at, "//", "SAFETY:", 14);
                    let reason = reason.unwrap_or_else(|| panic!("{path}, line {}: no reason", at + 1));
                    let place = if is_block {
                        within(&lines, at)
                    } else {
                        after.trim_end_matches(" {}").trim_end_matches(" {").to_string()
                    };
                    Some((place, reason))
                }
                // Functions of a trait have the contract of the trait, and those that are private to a module the reasons of their blocks.
                false => comment(&lines, at, "///", "# Safety", 14)
                    .map(|asked| (within(&lines, at), format!("asks of its callers: {asked}"))),
            };
            if let Some((place, reason)) = entry {
                listed += &format!("- `{place}`: {reason}\n");
                count += 1;
            }
        }
        if !listed.is_empty() {
            page += &format!("\n## {path}\n\n{listed}");
        }
    }
    assert!(count > 60, "{count}");
    let path = root.join("docs/unsafe.md");
    if std::env::var_os("LACUNA_WRITE").is_some_and(|value| value == "1") {
        fs::write(&path, &page).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == page,
        "docs/unsafe.md is old: `.ci/write unsafe` writes it"
    );
}

//! The page on autograd says what the code says: quoted lines are lines of the files, tables are written from the code, and the bugs that it
//! describes are bugs. Its blocks are run as documentation tests of the library.

use lacuna_engine::{DIAGNOSES, OPS};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page() -> String {
    fs::read_to_string(root().join("docs/autograd.md")).unwrap()
}

/// Lines without what they are indented by in common.
fn dedented(lines: &[&str]) -> Vec<String> {
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let least = lines.iter().filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
    lines.iter().map(|line| line.get(least..).unwrap_or("").trim_end().to_string()).collect()
}

#[test]
fn quoted_lines_are_lines_of_the_files() {
    let page = page();
    let mut quotes = 0;
    for part in page.split("<!-- from ").skip(1) {
        let (path, rest) = part.split_once(" -->\n```rs\n").expect("a quote follows the name of its file");
        let (quote, _) = rest.split_once("```").unwrap();
        let quote: Vec<&str> = quote.lines().collect();
        let file = fs::read_to_string(root().join(path)).unwrap();
        let lines: Vec<&str> = file.lines().collect();
        let wanted = dedented(&quote);
        let found = lines.windows(quote.len()).any(|window| dedented(window) == wanted);
        assert!(found, "{path} has no such lines any more:\n{}", quote.join("\n"));
        quotes += 1;
    }
    assert!(quotes >= 7, "{quotes} quotes");
    assert_eq!(page.matches("```rs\n").count(), quotes, "a quote without the name of its file");
}

/// A cell of a table in Markdown.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The page with the table of a name replaced.
fn with_table(page: &str, name: &str, table: &str) -> String {
    let place = format!("<!-- table: {name} -->\n");
    let start = page.find(&place).unwrap_or_else(|| panic!("no place for {name}")) + place.len();
    let end = start + page[start..].find("<!-- end -->").expect("the place ends");
    format!("{}{table}{}", &page[..start], &page[end..])
}

#[test]
fn tables_are_those_of_the_code() {
    let page = page();
    let mut rules = String::from("| operation | value | gradients of the inputs |\n|---|---|---|\n");
    for op in OPS {
        rules += &format!("| `{}` | {} | {} |\n", op.name, cell(op.doc), cell(op.derivative));
    }
    let mut diagnoses = String::from("| pattern | what it says |\n|---|---|\n");
    for row in DIAGNOSES {
        diagnoses += &format!("| {} | {} |\n", row.pattern, row.meaning);
    }
    let expected = with_table(&with_table(&page, "rules", &rules), "diagnoses", &diagnoses);
    if std::env::var_os("LACUNA_WRITE").is_some() {
        fs::write(root().join("docs/autograd.md"), &expected).unwrap();
    }
    let same = page == expected || std::env::var_os("LACUNA_WRITE").is_some();
    assert!(same, "tables of docs/autograd.md are old: `.ci/write operations` writes them");
}

/// Whether `scalar_tape.rs` with some text replaced still runs to its end.
fn runs(folder: &Path, name: &str, source: &str) -> bool {
    let file = folder.join(format!("{name}.rs"));
    let program = folder.join(name);
    fs::write(&file, source).unwrap();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let compiled = Command::new(rustc)
        .args(["--edition=2024", "-Awarnings", "-o"])
        .args([&program, &file])
        .output()
        .unwrap();
    assert!(compiled.status.success(), "{name}: {}", String::from_utf8_lossy(&compiled.stderr));
    Command::new(&program).output().unwrap().status.success()
}

/// Chapter 3: each `+=` of the sweep as `=`, a sweep that does not begin with zeros, and a slope that is left out make the assertion fail.
#[test]
fn the_small_tape_notices_its_bugs() {
    let source = fs::read_to_string(root().join("engine/autograd/examples/scalar_tape.rs")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    assert!(runs(folder.path(), "as_it_is", &source));
    let mut bugs = Vec::new();
    let start = source.find("fn backward").unwrap();
    for (at, _) in source.match_indices("] += ").filter(|(at, _)| *at > start) {
        bugs.push(format!("{}] = {}", &source[..at], &source[at + "] += ".len()..]));
    }
    assert_eq!(bugs.len(), 6);
    bugs.push(source.replace("self.grads.fill(0.0);", ""));
    bugs.push(source.replace("+= g * self.values[b.0];", "+= g;"));
    bugs.push(source.replace("+= g / self.values[x.0]", "-= g / self.values[x.0]"));
    for (i, bug) in bugs.iter().enumerate() {
        assert_ne!(bug, &source);
        assert!(!runs(folder.path(), &format!("bug_{i}"), bug), "bug {i} is not noticed:\n{bug}");
    }
}

//! What lies in the folders is registered.

use lacuna_losses::LOSSES;
use std::collections::BTreeSet;
use std::path::Path;

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Names in a folder, sorted.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The crates beside this one, but the interface that all of them implement.
fn crates() -> BTreeSet<String> {
    let losses = here().parent().unwrap();
    let is_crate = |name: &String| losses.join(name).join("Cargo.toml").is_file();
    names(losses).into_iter().filter(|name| is_crate(name) && name != "all" && name != "api").collect()
}

/// Families of `families! { name: crate, ... }`, with their crates.
fn families() -> Vec<(String, String)> {
    let table = read(&here().join("src/table/mod.rs"));
    let (_, list) = table.split_once("\nfamilies! {\n").expect("the list of families");
    let (list, _) = list.split_once("\n}").expect("its end");
    let lines = list.lines().filter_map(|line| line.trim().strip_suffix(',')?.split_once(": "));
    lines.map(|(family, name)| (family.to_owned(), name.to_owned())).collect()
}

#[test]
fn every_crate_is_a_dependency() {
    let manifest = read(&here().join("Cargo.toml"));
    for name in crates() {
        let line = format!("lacuna-{name} = {{ path = \"../{name}\" }}");
        assert!(manifest.lines().any(|l| l == line), "losses/all/Cargo.toml does not depend on it: {line}");
    }
}

#[test]
fn every_crate_has_rows() {
    let with_rows: BTreeSet<String> =
        families().iter().map(|(_, name)| name.trim_start_matches("lacuna_").replace('_', "-")).collect();
    // CAP and MIME make labels for other losses, L2B weights of rows.
    let without: Vec<String> = crates().difference(&with_rows).cloned().collect();
    assert_eq!(
        without,
        ["cap", "l2b", "mime"],
        "crates without a line in families! of losses/all/src/table/mod.rs"
    );
}

#[test]
fn every_file_of_rows_is_in_the_list() {
    let files: BTreeSet<String> = names(&here().join("src/table"))
        .iter()
        .filter_map(|name| name.strip_suffix(".rs"))
        .filter(|name| *name != "mod")
        .map(String::from)
        .collect();
    let listed: BTreeSet<String> = families().into_iter().map(|(family, _)| family).collect();
    assert_eq!(files, listed, "files of losses/all/src/table and families! of its mod.rs");
}

/// A row of a second list in a file would be in no table: rows are made in `ROWS` alone.
#[test]
fn every_row_that_is_made_is_in_the_table() {
    let mut made = 0;
    for (family, _) in families() {
        let text = read(&here().join(format!("src/table/{family}.rs")));
        assert_eq!(text.matches("&[LossRow]").count(), 1, "{family}.rs: one list of rows, `ROWS`");
        let calls = |line: &&str| {
            let line = line.trim_start().trim_start_matches("&[");
            line.starts_with("row(") || line.starts_with("class_row(")
        };
        let inline = text.lines().filter(|l| l.contains("= &[row(") || l.contains("= &[class_row(")).count();
        made += text.lines().filter(calls).count() + inline;
    }
    assert_eq!(made, LOSSES.len());
}

/// A file of composed formulas is in the list of their test, which itself asks for a formula for every row.
#[test]
fn every_file_of_formulas_is_in_the_list() {
    let main = read(&here().join("tests/composed/main.rs"));
    for name in names(&here().join("tests/composed")) {
        let module = name.strip_suffix(".rs").unwrap();
        let text = read(&here().join("tests/composed").join(&name));
        if module != "main" && text.contains("const FORMULAS") {
            let line = format!("    {module}::FORMULAS,\n");
            assert!(main.contains(&line), "losses/all/tests/composed/main.rs lacks {module}::FORMULAS");
        }
    }
}

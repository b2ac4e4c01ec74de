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

/// Crates of `families! { name: crate, ... }`, as folders.
fn families() -> BTreeSet<String> {
    let table = read(&here().join("src/table.rs"));
    let (_, list) = table.split_once("\nfamilies! {\n").expect("the list of families");
    let (list, _) = list.split_once("\n}").expect("its end");
    let crates = list.lines().filter_map(|line| line.trim().strip_suffix(',')?.split_once(": lacuna_"));
    crates.map(|(_, name)| name.replace('_', "-")).collect()
}

#[test]
fn every_crate_is_a_dependency() {
    let manifest = read(&here().join("Cargo.toml"));
    for name in crates() {
        let line = format!("lacuna-{name} = {{ path = \"../{name}\" }}");
        assert!(
            manifest.lines().any(|l| l == line),
            "losses/{name} is no dependency: add the line `{line}` to losses/all/Cargo.toml"
        );
    }
}

#[test]
fn every_crate_has_rows() {
    // CAP and MIME make labels for other losses, L2B weights of rows.
    let without = ["cap", "l2b", "mime"].map(String::from);
    if let Some(name) = crates().difference(&families()).find(|name| !without.contains(name)) {
        let family = name.replace('-', "_");
        panic!(
            "the rows of losses/{name} are not in the table: add the line `    {family}: lacuna_{family},` to `families!` in \
             losses/all/src/table.rs"
        );
    }
}

/// A row of a second list in a crate would be in no table: rows are made in `ROWS` alone.
#[test]
fn every_row_that_is_made_is_in_the_table() {
    let mut made = 0;
    for name in families() {
        let text = read(&here().join("..").join(&name).join("src/table.rs"));
        assert_eq!(
            text.matches("&[LossRow]").count(),
            1,
            "losses/{name}/src/table.rs: one list of rows, `ROWS`"
        );
        made += text.matches("LossRow::new(").count() + text.matches("LossRow::with_frequencies(").count();
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

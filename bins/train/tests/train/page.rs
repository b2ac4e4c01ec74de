//! The table of procedures in docs/repro.md is written from their rows.

use lacuna_train::PROCEDURES;
use std::path::Path;

const BEGIN: &str = "<!-- procedures: written by `.ci/write procedures` -->\n";
const END: &str = "<!-- end of procedures -->\n";

#[test]
fn the_page_has_the_table_of_procedures() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/repro.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("docs/repro.md has a place for the table");
    let (_, after) = rest.split_once(END).expect("the place has an end");
    let cell = |text: &str| text.replace('|', "\\|");
    let row =
        |name: &str, what: &str, source: &str| format!("| {name} | {} | {} |\n", cell(what), cell(source));
    let mut table = row("procedure", "what", "source") + "|---|---|---|\n";
    table.extend(PROCEDURES.iter().map(|of| row(&format!("`{}`", of.name), of.doc, of.source)));
    let expected = [before, BEGIN, &table, END, after].concat();
    if std::env::var_os("LACUNA_WRITE").is_some() {
        std::fs::write(&path, &expected).unwrap();
        return;
    }
    assert!(
        page == expected,
        "the table of procedures in docs/repro.md is old: `.ci/write procedures` writes it"
    );
}

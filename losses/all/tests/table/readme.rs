//! The table of losses in README.md is written from the rows.

use lacuna_losses::{LOSSES, LossRow, Statistics, Takes};
use std::path::Path;

const BEGIN: &str = "<!-- losses: written by `.ci/write losses` -->\n";
const END: &str = "<!-- end of losses -->\n";

/// What stands between the marks.
fn rendered() -> String {
    let mut text = String::new();
    let mut heading = "";
    for row in LOSSES {
        if section(row) != heading {
            heading = section(row);
            text += &format!("\n{heading}\n\n");
            text += "| name | loss | year | defaults | reduction |\n|---|---|---|---|---|\n";
        }
        text += &line(row);
    }
    text + "\n"
}

fn section(row: &LossRow) -> &'static str {
    match (row.takes, row.statistics) {
        (Takes::Logits | Takes::Estimates, Statistics::None) => {
            "Losses that are built from their options alone (`LossRow::build`):"
        }
        (Takes::Logits | Takes::Estimates, _) => {
            "Losses that are built from the class frequencies of the training set as well (`LossRow::build_for`):"
        }
        _ => {
            "Losses over several matrices of logits: of several heads (`Takes::Branches`), of mixed rows \
             (`Takes::MixedRows`), of background rows (`Takes::Background`), of two views (`Takes::Views`):"
        }
    }
}

fn line(row: &LossRow) -> String {
    let info = row.info;
    let default = |value: Option<f64>| value.map_or("from the data".to_owned(), |x| x.to_string());
    let defaults: Vec<String> =
        info.params.iter().map(|p| format!("{} {}", p.name, default(p.default))).collect();
    format!(
        "| `{}` | {}{} | {} | {} | {} |\n",
        info.name,
        info.title,
        if info.experimental { " (experimental)" } else { "" },
        info.year,
        if defaults.is_empty() { "-".to_owned() } else { defaults.join(", ") },
        row.reduction
    )
}

#[test]
fn the_readme_has_the_table_of_losses() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).expect("README.md has the first mark");
    let (table, after) = rest.split_once(END).expect("README.md has the last mark");
    if table == rendered() {
        return;
    }
    if std::env::var_os("LACUNA_WRITE").is_some_and(|v| v == "1") {
        std::fs::write(&path, [before, BEGIN, &rendered(), END, after].concat()).unwrap();
        return;
    }
    panic!("the table in losses/all/README.md is old: `.ci/write losses` writes it");
}

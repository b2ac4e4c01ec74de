//! Names of classes and rows that a page, a spreadsheet or a terminal would act on.

use crate::{lacuna, noise, npy};
use lacuna_formats::{CsvLayout, LabelSheet, NpyData, Strings, write_labels_csv};
use lacuna_labels::{Label, LabelMatrix};
use std::fs;
use std::path::Path;

const ROWS: usize = 120;

/// `x.npy` and `y.csv`, whose four classes and whose rows have hostile names; the last class has one of 10 kB.
fn write_set(folder: &Path) -> Vec<String> {
    let classes = vec![
        "<script>alert(1)</script>".to_string(),
        "=cmd()|'/c calc'!A1".to_string(),
        "\u{202e}gpj.evil\u{1b}[31m".to_string(),
        format!("@long{}", "x".repeat(10_000)),
    ];
    let x: Vec<f32> = (0..ROWS * 4).map(noise).collect();
    let positive = |i: usize| x[i] + 0.3 * noise(9_000 + i) > 0.0;
    let cells = (0..ROWS * 4).map(|i| if positive(i) { Label::Positive } else { Label::Negative }).collect();
    let labels = LabelMatrix::new(ROWS, 4, cells).unwrap();
    let names: Strings = (0..ROWS).map(|row| format!("=row{row}<b>")).collect::<Vec<_>>().into();
    let of_classes: Strings = classes.clone().into();
    let sheet = LabelSheet { names: &names, classes: &of_classes, labels: &labels };
    write_labels_csv(&folder.join("y.csv"), sheet, CsvLayout::Wide).unwrap();
    npy(folder, "x.npy", [ROWS, 4], NpyData::F32(x));
    classes
}

/// Whether a terminal would act on the text.
fn acts(text: &str) -> bool {
    text.chars().any(|c| c.is_control() && c != '\n' || ('\u{202a}'..='\u{202e}').contains(&c))
}

#[test]
fn hostile_names_act_in_no_table_page_picture_or_csv() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let classes = write_set(path);
    let xy = ["--features", "x.npy", "--labels", "y.csv", "--match=row"];
    let with = |command: &'static str, more: &[&'static str]| [&[command][..], &xy, more].concat();
    let commands = [
        with("doctor", &[]),
        with("train", &["--complete", "--val", "0.25", "--out", "h"]),
        with("eval", &["--model", "h", "--complete", "--per-class"]),
        with("thresholds", &["--model", "h", "--complete"]),
        with("calibrate", &["--model", "h", "--complete", "--plot", "c.svg", "--force"]),
        [&["predict", "--model", "h", "--features", "x.npy", "--out"][..], &["p.csv"]].concat(),
        with("mask", &["--protocol", "single-positive", "--out", "m.csv"]),
        with("convert", &["--labels-only", "--out", "l.csv"]),
        with("audit", &["--complete", "--out", "a.html"]),
        with("audit", &["--complete", "--out", "a.csv"]),
    ];
    for args in &commands {
        let (code, text, error) = lacuna(path, args);
        assert!(code <= 1, "{args:?}: {error}");
        for printed in [&text, &error] {
            assert!(!acts(printed), "{args:?}: {printed:?}");
            assert!(printed.lines().all(|line| line.chars().count() < 400), "{args:?}: {printed}");
        }
    }
    let read = |name: &str| fs::read_to_string(path.join(name)).unwrap();
    // A cell of a table never begins as a formula; a name is there as a whole, with a ' in front.
    for name in ["p.csv", "m.csv", "l.csv", "a.csv"] {
        let csv = read(name);
        for line in csv.lines() {
            let formula =
                line.split(',').any(|cell| cell.trim_start_matches('"').starts_with(['=', '+', '@']));
            assert!(!formula, "{name}: {}", &line[..line.len().min(200)]);
        }
    }
    assert!(read("p.csv").contains("'=cmd()") && read("l.csv").contains(&format!("'{}", classes[3])));
    for name in ["a.html", "c.svg"] {
        let page = read(name);
        assert!(
            !page.contains("<script") && !page.contains('\u{202e}') && !page.contains('\u{1b}'),
            "{name}"
        );
        let addresses = page.replace("http://www.w3.org/2000/svg", "");
        assert!(
            !["http:", "https:", "url(", "@import", "<link"].iter().any(|to| addresses.contains(to)),
            "{name}"
        );
    }
    // What was written is read back with the same names.
    let (code, text, error) =
        lacuna(path, &["doctor", "--features", "x.npy", "--labels", "l.csv", "--match=row"]);
    assert!(code <= 1 && text.contains("4 classes"), "{text}{error}");
}

//! The pages: links lead somewhere, every page is in the list of pages, and what a sentence says of the code is what the code says.

use lacuna_formats::Limits;
use lacuna_harness::Spec;
use lacuna_labels::FeatureSet;
use lacuna_protocols::protocol;
use lacuna_source::embedded_set;
use lacuna_train::{NamedRow, PROCEDURES, SAMPLERS, SettingInfo};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every Markdown file below a folder, but for what was built and what is hidden.
fn pages(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_str().unwrap();
        let left_out = name.starts_with('.') || ["target", "node_modules", "venv", "runs"].contains(&name);
        if entry.is_dir() && !left_out {
            pages(&entry, into);
        } else if name.ends_with(".md") {
            into.push(entry);
        }
    }
}

/// The lines of a page that are no block of code.
fn text_lines(page: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut code = false;
    page.lines().enumerate().filter(move |(_, line)| {
        let mark = line.trim_start().starts_with("```");
        code ^= mark;
        !code && !mark
    })
}

/// The name that a heading has in links: lower case, blanks as `-`, without other signs.
fn anchor(heading: &str) -> String {
    let mut text = String::new();
    let mut rest = heading;
    // Of a link the words stay, not the address.
    while let Some((before, behind)) = rest.split_once("](") {
        text += before;
        rest = behind.split_once(')').map_or("", |(_, rest)| rest);
    }
    text += rest;
    let kept = text.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn anchors(page: &str) -> BTreeSet<String> {
    let mut seen = BTreeMap::new();
    let headings =
        text_lines(page).filter_map(|(_, line)| Some(line.strip_prefix('#')?.trim_start_matches('#').trim()));
    headings
        .map(|heading| {
            let name = anchor(heading);
            let count = seen.entry(name.clone()).and_modify(|n| *n += 1).or_insert(0);
            if *count == 0 { name } else { format!("{name}-{count}") }
        })
        .collect()
}

/// The addresses of a line's links and pictures.
fn links(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some((_, behind)) = rest.split_once("](") {
        let Some((address, after)) = behind.split_once(')') else { break };
        if !address.contains(char::is_whitespace) {
            found.push(address);
        }
        rest = after;
    }
    found
}

/// `a/b/../c` as `a/c`.
fn normal(path: &Path) -> PathBuf {
    let mut whole = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            whole.pop();
        } else {
            whole.push(part);
        }
    }
    whole
}

#[test]
fn every_link_of_every_page_leads_somewhere() {
    let root = root();
    let mut files = Vec::new();
    pages(&root, &mut files);
    let (mut checked, mut wrong) = (0, Vec::new());
    for file in &files {
        let page = fs::read_to_string(file).unwrap();
        for (at, line) in text_lines(&page) {
            for address in links(line) {
                if address.contains("://") || address.starts_with("mailto:") {
                    continue;
                }
                checked += 1;
                let (path, name) =
                    address.split_once('#').map_or((address, None), |(path, name)| (path, Some(name)));
                let to =
                    if path.is_empty() { file.clone() } else { normal(&file.parent().unwrap().join(path)) };
                let found = to.exists()
                    && name.is_none_or(|name| {
                        fs::read_to_string(&to).is_ok_and(|page| anchors(&page).contains(name))
                    });
                if !found {
                    let file = file.strip_prefix(&root).unwrap().display();
                    wrong.push(format!("{file}, line {}: {address}", at + 1));
                }
            }
        }
    }
    assert!(files.len() > 40 && checked > 250, "{} files, {checked} links", files.len());
    assert!(wrong.is_empty(), "links that lead nowhere:\n{}", wrong.join("\n"));
}

#[test]
fn a_heading_has_the_anchor_that_links_use() {
    assert_eq!(anchor("What 0, -1 and a missing name mean"), "what-0--1-and-a-missing-name-mean");
    assert_eq!(anchor("Checks beside `.ci/run`"), "checks-beside-cirun");
    assert_eq!(anchor("The [tape](tape.md)"), "the-tape");
    let twice = anchors("# One\n```sh\n# no heading\n```\n## One\n");
    assert_eq!(twice, ["one", "one-1"].map(String::from).into());
    assert_eq!(links("[a](b.md#c) and ![d](e.svg)"), ["b.md#c", "e.svg"]);
}

#[test]
fn the_list_of_pages_has_every_page_and_what_writes_or_tests_it() {
    let root = root();
    let list = fs::read_to_string(root.join("docs/README.md")).unwrap();
    let mut files = Vec::new();
    pages(&root.join("docs"), &mut files);
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let row = list.lines().find(|line| line.starts_with(&format!("| [{name}]({name}) |")));
        let cells = row.map(|row| row.split(" | ").count());
        assert!(name == "README.md" || cells == Some(3), "docs/README.md has no row for {name}");
    }
}

/// A number with a comma before each three digits.
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The value behind `key = ` in a TOML file.
fn quoted(file: &str, key: &str) -> String {
    let text = fs::read_to_string(root().join(file)).unwrap();
    let line = text.lines().find(|line| line.starts_with(&format!("{key} ="))).unwrap();
    line.split('"').nth(1).unwrap().to_string()
}

/// Sentences of pages, a line break counting as a blank, with the numbers that the code has.
#[test]
fn numbers_in_sentences_are_those_of_the_code() {
    let drawings = embedded_set("openclipart").unwrap();
    let (train, test) = drawings.build();
    let (rows, test_rows) = (train.rows(), test.rows());
    let (all, classes) = (grouped(rows + test_rows), train.classes.len());
    let positives = |set: &FeatureSet| set.truth.positives();
    let labels = positives(&train) + positives(&test);
    let counts: Vec<usize> = train
        .truth
        .positives_per_class()
        .iter()
        .zip(test.truth.positives_per_class())
        .map(|(a, b)| a + b)
        .collect();
    let named = |count: usize| &train.classes[counts.iter().position(|&c| c == count).unwrap()];
    let (least, most) = (*counts.iter().min().unwrap(), *counts.iter().max().unwrap());
    let of_test = test.truth.positives_per_class();
    let (observed, _) = embedded_set("openclipart-keywords").unwrap().build();
    let observed = observed.observed.unwrap();
    let seen = observed.cells().iter().filter(|label| label.is_positive()).count();
    let unlabelled =
        (0..rows).filter(|&row| !observed.row(row).iter().any(|label| label.is_positive())).count();
    let bytes = fs::metadata(root().join("datasets/openclipart/data/openclipart.npz")).unwrap().len() as f64;

    let spec = Spec::parse(include_str!("../../../repro/specs/spml-linear.toml")).unwrap();
    assert_eq!((spec.losses.len(), spec.training.seeds), (11, 3));
    let resident = Limits::default().resident >> 20;
    let blocks = SAMPLERS.iter().find(|row| row.name == "blocks").unwrap();
    let default = |settings: &[SettingInfo], name: &str| {
        settings.iter().find(|setting| setting.name == name).unwrap().default.unwrap()
    };
    let blocks = default(blocks.settings(), "blocks");
    let published = protocol("single-positive").unwrap().seed;
    let (rust, python) =
        (quoted("Cargo.toml", "rust-version"), quoted("bins/python/pyproject.toml", "requires-python"));
    let python = python.trim_start_matches(">=");

    let cells = (rows + test_rows) * classes;
    let share = |part: usize, whole: usize| 100.0 * part as f64 / whole as f64;
    let sentences = [
        ("README.md", format!("Rust toolchain is needed ({rust} or newer)")),
        ("README.md", "trains linear heads with eleven losses, three seeds each".to_string()),
        ("README.md", format!("{all} public domain drawings with {classes} labels")),
        ("README.md", format!("as features of an ImageNet network in {:.1} MB", bytes / 1e6)),
        ("README.md", format!("{} drawings whose observed labels are", grouped(rows))),
        ("README.md", format!("and {test_rows} test rows with all labels")),
        ("README.md", format!("Python {python} or newer")),
        ("docs/heads.md", format!("Python {python} or newer")),
        ("docs/heads.md", format!("| drawings, {} rows, {classes} classes |", grouped(rows))),
        ("CONTRIBUTING.md", format!("rustup toolchain install {rust}")),
        ("docs/data.md", format!("NumPy's legacy generator, seed {published}")),
        ("docs/data.md", format!("at most {resident} MiB of it are in memory")),
        ("docs/data.md", format!("the rows of {blocks} blocks among each other")),
        ("datasets/openclipart/README.md", format!("{all} drawings of the Open Clip Art Library")),
        (
            "datasets/openclipart/README.md",
            format!("| rows | {} to train on, {test_rows} to test on", grouped(rows)),
        ),
        (
            "datasets/openclipart/README.md",
            format!("| features | {}: EfficientNet", grouped(train.features.columns())),
        ),
        (
            "datasets/openclipart/README.md",
            format!(
                "| classes | {classes}; {:.3} labels a row, {:.1} % of the cells; from {least} rows ({}) to {most} ({})",
                labels as f64 / (rows + test_rows) as f64,
                share(labels, cells),
                named(least),
                named(most)
            ),
        ),
        ("datasets/openclipart/README.md", format!("`data/openclipart.npz`, {:.2} MB", bytes / 1e6)),
        (
            "datasets/openclipart/README.md",
            format!(
                "Keywords alone give {:.1} % of the labels of the training rows, and none at all in {:.1} % of these rows",
                share(seen, positives(&train)),
                share(unlabelled, rows)
            ),
        ),
        (
            "datasets/openclipart/README.md",
            format!(
                "A class has {} to {} positives among the test rows",
                of_test.iter().min().unwrap(),
                of_test.iter().max().unwrap()
            ),
        ),
    ];
    let mut wrong = Vec::new();
    for (page, sentence) in &sentences {
        let text = fs::read_to_string(root().join(page)).unwrap();
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        if !words(&text).contains(&words(sentence)) {
            wrong.push(format!("{page} does not say: {sentence}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The rows `| `loss` ... | ours | theirs |` of the comparison in docs/repro.md: test mAP in percent, as written.
pub(crate) fn compared_with_pytorch() -> Vec<(String, String, String)> {
    let page = fs::read_to_string(root().join("docs/repro.md")).unwrap();
    let (_, table) = page.split_once("| loss | lacuna | PyTorch |\n|---|---|---|\n").unwrap();
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let loss = cells[1].split('`').nth(1).unwrap();
        (loss.to_string(), cells[2].to_string(), cells[3].to_string())
    })
    .collect()
}

/// The column of PyTorch is what the specification compares with; that of ours is asserted where the features are
/// (`real_features_give_the_numbers_others_get`).
#[test]
fn the_comparison_with_pytorch_has_the_numbers_of_the_specification() {
    let spec = Spec::parse(include_str!("../../../repro/specs/spml-linear.toml")).unwrap();
    let rows = compared_with_pytorch();
    let of = |text: &str| text.split(' ').next().unwrap().parse::<f64>().unwrap();
    let mut farthest = 0.0_f64;
    for (loss, ours, theirs) in &rows {
        let published = spec.published.iter().find(|p| p.data == "ucmerced" && p.loss == *loss).unwrap();
        assert_eq!(of(theirs), published.value, "{loss}");
        farthest = farthest.max((of(ours) - of(theirs)).abs());
    }
    assert_eq!(rows.len(), 8);
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let sentence = format!("within {:.1} points", (farthest * 10.0).ceil() / 10.0);
    assert!(readme.contains(&sentence), "README.md does not say: {sentence}");
}

#[test]
fn the_page_on_benchmarks_names_every_procedure_and_every_specification() {
    let page = fs::read_to_string(root().join("docs/repro.md")).unwrap();
    let specs = fs::read_dir(root().join("bins/repro/specs")).unwrap();
    let specs = specs.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_string());
    let names: Vec<String> = PROCEDURES.iter().map(|row| row.name.to_string()).chain(specs).collect();
    let missing: Vec<&String> = names
        .iter()
        .filter(|name| !page.contains(&format!("`{name}`")) && !page.contains(&format!(" {name}")))
        .collect();
    assert!(missing.is_empty(), "docs/repro.md does not name {missing:?}");
}

/// Numbers that a README of losses has from a run are those of the specification beside it, which the README names.
#[test]
fn specifications_beside_readmes_are_valid_and_named() {
    let mut found = 0;
    for folder in fs::read_dir(root().join("losses")).unwrap().map(|entry| entry.unwrap().path()) {
        let path = folder.join("measured.toml");
        let Ok(text) = fs::read_to_string(&path) else { continue };
        Spec::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let readme = fs::read_to_string(folder.join("README.md")).unwrap();
        let name = folder.file_name().unwrap().to_str().unwrap();
        let command = format!("repro run --spec losses/{name}/measured.toml");
        assert!(readme.contains(&command), "{}: the README does not say `{command}`", path.display());
        found += 1;
    }
    assert!(found > 3, "{found}");
}

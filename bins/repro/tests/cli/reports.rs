//! Reports of run folders and studies.

use crate::{done, refused, repro, write_set};
use lacuna_harness::{
    Chosen, DecidedCause, DecidedClaim, Difference, LabelCounts, Spread, StudyHead, StudyRecord, StudyRow,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Names of classes that no page may obey.
pub(crate) const HOSTILE: [&str; 4] = [
    "<script>alert(1)</script>",
    "=cmd()|'/c calc'!A1",
    "\u{202e}\\input{x} $y$ [z](javascript:alert(1))",
    "@long",
];

/// Runs of three losses on classes with hostile names, the last one 10 kB long, in the folder `r`.
pub(crate) fn hostile_run(folder: &Path) {
    let data = folder.join("data");
    fs::create_dir(&data).unwrap();
    write_set(&data);
    let [a, b, c, d] = HOSTILE;
    fs::write(data.join("classes.txt"), format!("{a}\n{b}\n{c}\n{d}{}\n", "x".repeat(10_000))).unwrap();
    let args = [
        "run",
        "spml-linear",
        "--data",
        "data",
        "--loss",
        "bce-full,an,hill",
        "--seeds",
        "2",
        "--batch",
        "8",
    ];
    done(folder, &[&args[..], &["--epochs", "3", "--set", "evaluation.hidden=true", "--out", "r"]].concat());
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

/// Values of an attribute of a page.
fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!(" {name}=\"");
    page.split(start.as_str()).skip(1).map(|rest| &rest[..rest.find('"').unwrap()]).collect()
}

#[test]
fn four_files_in_which_no_name_acts() {
    let dir = tempfile::tempdir().unwrap();
    hostile_run(dir.path());
    let (text, _) = done(dir.path(), &["report", "r", "--resamples", "200"]);
    assert_eq!(text.matches("written: ").count(), 4, "{text}");
    let folder = dir.path().join("r");
    let page = read(&folder, "report.html");
    assert!(!page.contains("<script") && !page.contains('\u{202e}') && !page.contains(&"x".repeat(100)));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;"), "the name is there");
    for outside in ["http:", "https:", "url(", "@import", " src=", "<link"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(attributes(&page, "href").iter().all(|href| href.starts_with('#')));
    assert!(page.contains("Hidden positives") && page.matches("<svg viewBox").count() >= 5);
    let markdown = read(&folder, "report.md");
    assert!(
        !markdown.contains("<script")
            && !markdown.contains('\u{202e}')
            && markdown.contains("&lt;script&gt;")
    );
    assert!(markdown.contains("=cmd()\\|'/c calc'\\!A1"), "{markdown}");
    let latex = read(&folder, "report.tex");
    assert!(!latex.contains("\\input{") && !latex.contains('\u{202e}') && latex.contains("\\toprule"));
    let csv = read(&folder, "report.csv");
    assert!(csv.contains("'=cmd()") && csv.contains("'@long") && !csv.contains('\u{202e}'));
    let width = csv.lines().next().unwrap().split(',').count();
    let result = csv.lines().find(|line| line.starts_with("r,row,hill,,,map,")).unwrap();
    let fields: Vec<&str> = result.split(',').collect();
    assert_eq!(fields.len(), width);
    let number = |i: usize| fields[i].parse::<f64>().unwrap();
    let (mean, difference, low, high, p) = (number(7), number(12), number(13), number(14), number(15));
    assert!(low <= difference && difference <= high && (0.0..=1.0).contains(&p), "{result}");
    let base = csv.lines().find(|line| line.starts_with("r,row,an,,,map,")).unwrap();
    let base: f64 = base.split(',').nth(7).unwrap().parse().unwrap();
    assert!((mean - base - difference).abs() < 1e-3, "{mean} {base} {difference}");
}

#[test]
fn files_of_others_are_kept_and_those_of_a_report_are_replaced() {
    let dir = tempfile::tempdir().unwrap();
    hostile_run(dir.path());
    let report = ["report", "r", "--resamples", "50", "--out", "o"];
    done(dir.path(), &report);
    let path = dir.path().join("o/report.md");
    done(dir.path(), &report);
    fs::write(&path, "mine").unwrap();
    let before = read(dir.path(), "o/report.html");
    let output = repro(dir.path()).args(report).args(["--baseline", "hill"]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("report.md") && error.contains("(--force replaces it)"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    assert_eq!(read(dir.path(), "o/report.html"), before, "nothing is written where a file is refused");
    done(dir.path(), &[&report[..], &["--force"]].concat());
    assert!(fs::read_to_string(&path).unwrap().starts_with("<!-- written by repro report"));
    fs::remove_file(&path).unwrap();
    fs::hard_link(dir.path().join("r/results.jsonl"), &path).unwrap();
    let output = repro(dir.path()).args(report).arg("--force").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "a file that was read is never written");
}

#[test]
fn what_cannot_be_read_is_refused_with_its_path() {
    let dir = tempfile::tempdir().unwrap();
    assert!(refused(dir.path(), &["report", "missing"]).contains("missing: there is no such folder"));
    fs::create_dir(dir.path().join("empty")).unwrap();
    assert!(refused(dir.path(), &["report", "empty"]).contains("empty: there is no spec.toml"));
    hostile_run(dir.path());
    let error = refused(dir.path(), &["report", "r", "--baseline", "hil"]);
    assert!(error.contains("there are bce-full, an, hill"), "{error}");
    let results = dir.path().join("r/results.jsonl");
    let text = fs::read_to_string(&results).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines[1] = "{}";
    fs::write(&results, lines.join("\n") + "\n").unwrap();
    let error = refused(dir.path(), &["report", "r"]);
    assert!(error.contains("results.jsonl: line 2") && error.contains("without the line"), "{error}");
}

#[test]
fn a_folder_without_scores_or_data_label_says_so_and_has_its_table() {
    let dir = tempfile::tempdir().unwrap();
    hostile_run(dir.path());
    fs::remove_file(dir.path().join("r/data.json")).unwrap();
    let scores = fs::read_dir(dir.path().join("r/scores")).unwrap().flatten();
    let one = scores.map(|entry| entry.path()).find(|path| !path.ends_with("labels.npy")).unwrap();
    fs::remove_file(one).unwrap();
    done(dir.path(), &["report", "r"]);
    let page = read(&dir.path().join("r"), "report.md");
    assert!(page.contains("No difference is tested: the scores of") && page.contains("| hill |"), "{page}");
    assert!(!page.contains("p (Holm)"));
}

/// A study of two rows with one claim that holds, one that does not and one that is not separable, and a cause.
fn study() -> StudyRecord {
    let spread = |mean| Spread { mean, masks: 0.6, inits: 0.2 };
    let chosen = |mean: f64| Chosen {
        setting: "lr = 0.001".into(),
        at_edge: vec!["lr".into()],
        metrics: BTreeMap::from([("map".to_string(), spread(mean))]),
        values: vec![],
        test_ap: vec![mean - 10.0, mean + 10.0],
        epochs: vec![3, 4],
    };
    let row = |name: &str, mean: f64| StudyRow {
        row: name.into(),
        loss: name.into(),
        note: String::new(),
        budget: 12,
        labels: LabelCounts { rows: 100, positives: 1.0, negatives: 0.0, unknown: 1.0 },
        clean: chosen(mean),
        observed: Some(chosen(mean - 1.5)),
        failed: vec![],
    };
    let difference =
        |mean: f64, holm: f64| Difference { mean, low: mean - 1.0, high: mean + 1.0, p: holm / 2.0, holm };
    let claim = |better: &str, worse: &str, mean: f64, holm: f64| DecidedClaim {
        better: better.into(),
        worse: worse.into(),
        metric: "map".into(),
        clean: difference(mean, holm),
        observed: Some(difference(mean - 0.5, 1.0)),
    };
    StudyRecord {
        head: StudyHead {
            benchmark: "spml-linear".into(),
            data: "voc-like".into(),
            fingerprint: "f".repeat(64),
            embedded: true,
            caveat: None,
            findings: vec![],
            spec: "s".into(),
            version: "0.1.0".into(),
            masks: vec![1, 2],
            inits: 2,
            resamples: 100,
            runs: 96,
            rows: [80, 20, 50],
            train_rows: 100,
            features: 8,
            classes: 2,
            conventions: vec!["Labels: drawn".into()],
        },
        rows: vec![row("an", 50.0), row("hill", 60.0)],
        claims: vec![
            claim("hill", "an", 10.0, 0.01),
            claim("an", "hill", -10.0, 0.01),
            claim("hill", "hill", 0.2, 0.9),
        ],
        causes: vec![DecidedCause {
            says: "<b>a cause</b>".into(),
            gap: ["hill".into(), "an".into()],
            changed: ["hill".into(), "an".into()],
            metric: "map".into(),
            before: difference(10.0, 0.01),
            after: difference(1.0, 0.5),
            made: difference(9.0, 0.02),
        }],
    }
}

#[test]
fn a_study_has_verdicts_budgets_and_both_choices_beside_a_run() {
    let dir = tempfile::tempdir().unwrap();
    hostile_run(dir.path());
    fs::create_dir(dir.path().join("s")).unwrap();
    fs::write(dir.path().join("s/study.jsonl"), study().to_lines()).unwrap();
    done(dir.path(), &["report", "r", "s", "--resamples", "50"]);
    let page = read(&dir.path().join("report"), "report.md");
    for text in [
        "Report on 2 folders",
        "of 3 claims: 1 holds, 1 does not hold, 1 not separable",
        "| hill better than an | map |",
        "60.00 ± 0.60 ± 0.20",
        "58.50 ± 0.60 ± 0.20",
        "| an | 12 |",
        "(edge)",
        "&lt;b&gt;a cause&lt;/b&gt;",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let html = read(&dir.path().join("report"), "report.html");
    assert!(attributes(&html, "href").contains(&"#s2") && attributes(&html, "id").contains(&"s2"));
    assert!(!html.contains("<b>a cause"));
    let csv = read(&dir.path().join("report"), "report.csv");
    assert!(csv.contains("s,claim,an,,,map,clean,,,,,hill,-10,") && csv.contains(",does not hold,"), "{csv}");
    fs::write(dir.path().join("s/study.jsonl"), "{}\n").unwrap();
    let output = repro(dir.path()).args(["report", "s"]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(error.contains("study.jsonl: line 1") && error.contains("writes it again"), "{error}");
}

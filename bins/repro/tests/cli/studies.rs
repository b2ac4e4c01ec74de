//! `repro study`, `repro verdicts`, variants, and `--quick`.

use crate::{refused, repro, write_set};
use std::fs;
use std::process::Output;

fn text(output: &Output) -> (String, String) {
    let of = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (of(&output.stdout), of(&output.stderr))
}

const SMALL: [&str; 8] = ["study", "spml-methods", "--masks", "1,2", "--inits", "1", "--resamples", "100"];

#[test]
fn a_study_goes_on_where_it_was_and_its_record_becomes_a_page() {
    let dir = tempfile::tempdir().unwrap();
    write_set(dir.path());
    let args = ["--data", ".", "--loss", "an,epr", "--epochs", "2", "--out", "s", "--record", "copy.jsonl"];
    let output = repro(dir.path()).args(SMALL).args(args).output().unwrap();
    let (table, error) = text(&output);
    assert_eq!(output.status.code(), Some(0), "{error}");
    assert!(table.contains("| epr better than an | map"), "{table}");
    assert!(table.contains("2 masks x 1") && table.contains("| 8 "), "{table}");
    let record = fs::read_to_string(dir.path().join("s/study.jsonl")).unwrap();
    assert_eq!(record, fs::read_to_string(dir.path().join("copy.jsonl")).unwrap());
    // Two rows with eight settings on two masks.
    let runs =
        |mask: &str| fs::read_to_string(dir.path().join(mask).join("results.jsonl")).unwrap().lines().count();
    assert_eq!((runs("s/mask-1"), runs("s/mask-2")), (16, 16));
    let again = repro(dir.path()).args(SMALL).args(args).output().unwrap();
    assert_eq!(again.status.code(), Some(0));
    assert_eq!(runs("s/mask-1"), 16, "nothing was run again");

    let page = repro(dir.path()).args(["verdicts", "copy.jsonl"]).output().unwrap();
    let (page, error) = text(&page);
    assert!(page.starts_with("# Verdicts") && page.contains("Cole et al."), "{page}");
    assert!(error.contains("the benchmark spml-methods has changed since"), "other masks: {error}");
    fs::write(dir.path().join("copy.jsonl"), record.lines().nth(1).unwrap()).unwrap();
    assert!(refused(dir.path(), &["verdicts", "copy.jsonl"]).contains("expected the study first"));
}

#[test]
fn rows_of_claims_and_names_of_variants_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    let error = refused(dir.path(), &["run", "spml-linear", "--variant", "coca"]);
    assert!(error.contains("spml-linear: unknown variant `coca`; did you mean `coco`?"), "{error}");
    let error = refused(dir.path(), &["run", "gr-spml", "--variant", "coco"]);
    assert!(error.contains("unknown variant `coco`; it has none"), "{error}");
    let error = refused(dir.path(), &["study", "spml-methods", "--masks", "1,1"]);
    assert!(error.contains("a mask is there twice"), "{error}");
}

#[test]
fn a_variant_is_a_benchmark_of_its_own_name() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["--loss", "an", "--epochs", "1", "--seeds", "1", "--quiet"];
    let by_option =
        repro(dir.path()).args(["run", "spml-linear", "--variant", "voc"]).args(args).output().unwrap();
    let by_name = repro(dir.path()).args(["run", "spml-linear-voc"]).args(args).output().unwrap();
    let (one, other) = (text(&by_option).0, text(&by_name).0);
    assert!(one.starts_with("spml-linear-voc on voc-like"), "{one}");
    let numbers =
        |table: &str| table.lines().find(|line| line.starts_with("| an ")).map(|line| line[..40].to_string());
    assert_eq!(numbers(&one), numbers(&other));
    assert!(numbers(&one).is_some());
}

#[test]
fn a_quick_run_keeps_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["run", "spml-linear", "--loss", "an,role", "--quick", "--quiet"];
    let output = repro(dir.path()).args(args).output().unwrap();
    let (line, error) = text(&output);
    assert_eq!(output.status.code(), Some(0), "{error}");
    assert!(line.starts_with("spml-linear: 2 rows on openclipart run, "), "{line}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    let error = refused(dir.path(), &["run", "all"]);
    assert!(error.contains("`repro run all --quick`"), "{error}");
    let error = refused(dir.path(), &["run", "all", "--quick", "--data", "voc-like"]);
    assert!(error.contains("on its embedded set"), "{error}");
    assert!(
        refused(dir.path(), &["run", "all", "--quick", "--variant", "voc"])
            .contains("`all` runs every variant")
    );
}

#[test]
fn a_record_replaces_nothing_but_an_older_one_and_is_read_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    write_set(dir.path());
    let study = |record: &str| {
        let args =
            ["--data", ".", "--loss", "an,epr", "--epochs", "1", "--quiet", "--out", "s", "--record", record];
        repro(dir.path()).args(SMALL).args(args).output().unwrap()
    };
    fs::write(path("diary.txt"), "not a record").unwrap();
    let (_, error) = text(&study("diary.txt"));
    assert!(error.contains("it is not a record of a study, so it is not replaced"), "{error}");
    assert_eq!(fs::read_to_string(path("diary.txt")).unwrap(), "not a record");
    assert!(!path("s").exists(), "nothing runs before the file is looked at");
    let missing = study("no/such/folder.jsonl");
    assert_eq!((missing.status.code(), path("s").exists()), (Some(2), false));

    let done = study("r.jsonl");
    assert_eq!(done.status.code(), Some(0), "{}", text(&done).1);
    assert_eq!(study("r.jsonl").status.code(), Some(0), "its own record is written again");
    let record = fs::read_to_string(path("r.jsonl")).unwrap();
    let other = record.replacen("\"benchmark\":\"spml-methods\"", "\"benchmark\":\"gr-spml\"", 1);
    assert_ne!(other, record);
    fs::write(path("other.jsonl"), &other).unwrap();
    let (_, error) = text(&study("other.jsonl"));
    assert!(error.contains("is not replaced by one of spml-methods"), "{error}");

    let pages = |files: &[&str]| repro(dir.path()).arg("verdicts").args(files).output().unwrap();
    assert_eq!(pages(&["r.jsonl"]).status.code(), Some(0));
    let (_, error) = text(&pages(&["r.jsonl", "r.jsonl"]));
    assert!(error.contains("a second record of spml-methods"), "{error}");
    let changed = record.replacen("\"resamples\":100", "\"resamples\":101", 1);
    for (text_of, problem) in [
        (changed, "its lines are not those that were written"),
        (record.lines().take(3).map(|line| format!("{line}\n")).collect(), "its last line is missing"),
    ] {
        fs::write(path("damaged.jsonl"), text_of).unwrap();
        let output = pages(&["damaged.jsonl"]);
        let (_, error) = text(&output);
        assert!(output.status.code() == Some(2) && error.contains(problem), "{error}");
    }
    fs::remove_file(path("s/study.jsonl")).unwrap();
    for command in [&["report", "s"][..], &["diff", "s", "s"]] {
        let error = refused(dir.path(), command);
        assert!(error.contains("a study that has not ended"), "{error}");
    }
}

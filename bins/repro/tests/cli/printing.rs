//! What is printed: it fits, it obeys nobody's codes, and it does not end a run.

use crate::{done, refused, repro, save, write_set};
use lacuna_formats::NpyData;
use std::fs;
use std::path::Path;

const QUICK: [&str; 8] = ["--seeds", "1", "--epochs", "2", "--batch", "8", "--loss", "an,splc"];

fn columns(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap_or_default()
}

#[test]
fn tables_and_lists_fit_80_columns() {
    let dir = tempfile::tempdir().unwrap();
    write_set(dir.path());
    let losses = "bce-full,an,iu,iun,mfm-by-class,anyloss-accuracy,distribution-balanced-focal-voc";
    let losses: Vec<&str> = losses.split(',').filter(|name| lacuna_losses::find(name).is_ok()).collect();
    let args =
        ["run", "spml-linear", "--data", ".", "--seeds", "2", "--epochs", "1", "--batch", "8", "--loss"];
    let (table, _) = done(dir.path(), &[&args[..], &[&losses.join(",")]].concat());
    assert!(columns(&table) <= 80, "{} columns: {table}", columns(&table));
    for args in [&["list"][..], &["losses"]] {
        let (text, _) = done(dir.path(), args);
        assert!(columns(&text) <= 80, "{args:?}: {} columns", columns(&text));
    }
}

#[test]
fn procedures_that_the_settings_do_not_name_are_said() {
    let dir = tempfile::tempdir().unwrap();
    write_set(dir.path());
    save(dir.path(), "points.npy", &[5, 8], NpyData::F32(vec![0.5; 40]));
    let run = |more: &[&str]| {
        let args = ["run", "spml-linear", "--data", ".", "--seeds", "1", "--epochs", "1", "--batch", "8"];
        let (text, said) = done(dir.path(), &[&args[..], more].concat());
        let plain = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        (plain(text), plain(said))
    };
    let (text, said) = run(&["--loss", "an,presence-an-full,plc"]);
    let lines = [
        "Procedure of presence-an-full: presence, background rows uniform in the box of the training features",
        "Procedure of plc: semi, strong view by dropout of the features, p = 0.5",
    ];
    for line in lines {
        assert!(text.contains(line) && said.contains(line), "{said}");
    }
    assert!(!said.contains("Procedure of an:"));
    let file = ["--background", "points.npy"];
    let (_, said) = run(&[&["--loss", "presence-an-full"][..], &file].concat());
    assert!(said.contains("Procedure: presence, background rows from the file"), "{said}");
    assert!(!said.contains("has no effect"), "{said}");
    let (_, said) = run(&[&["--loss", "an"][..], &file].concat());
    assert!(said.contains("note: the background file has no effect"), "{said}");
    save(dir.path(), "strong.npy", &[60, 8], NpyData::F32(vec![0.5; 480]));
    let file = ["--strong", "strong.npy"];
    let (_, said) = run(&[&["--loss", "plc"][..], &file].concat());
    assert!(said.contains("semi, strong view from the file") && !said.contains("has no effect"), "{said}");
    let (_, said) = run(&[&["--loss", "an"][..], &file].concat());
    assert!(said.contains("note: the file of the strong view has no effect"), "{said}");
    let (_, said) = run(&["--loss", "an", "--set", "training.procedure=mime", "--save-models", "--out", "m"]);
    assert!(said.contains("no model file holds: no head is saved"), "{said}");
    // And it is not trained again for a head that cannot be.
    let (_, said) = run(&["--loss", "an", "--set", "training.procedure=mime", "--save-models", "--out", "m"]);
    assert!(said.contains("1 of them there already") && !said.contains("samples/s"), "{said}");
    let (smile, _) = done(dir.path(), &["losses", "show", "smile"]);
    assert!(smile.contains("trained by the procedure smile, with which tasks cannot"), "{smile}");
}

#[test]
fn one_seed_has_no_spread() {
    let dir = tempfile::tempdir().unwrap();
    write_set(dir.path());
    let (table, _) = done(dir.path(), &[&["run", "spml-linear", "--data", "."][..], &QUICK].concat());
    assert!(!table.contains('±') && table.contains("one seed"), "{table}");
    let page = fs::read_to_string(
        dir.path().join("runs/spml-linear-").with_file_name(runs(dir.path())).join("table.md"),
    );
    assert!(!page.unwrap().contains('±'));
}

/// The name of the only run folder.
fn runs(folder: &Path) -> String {
    let mut names = fs::read_dir(folder.join("runs")).unwrap();
    let name = names.next().unwrap().unwrap().file_name().into_string().unwrap();
    assert!(names.next().is_none());
    name
}

#[cfg(unix)]
#[test]
fn class_names_with_terminal_codes_are_escaped() {
    let dir = tempfile::tempdir().unwrap();
    write_set(dir.path());
    fs::write(dir.path().join("classes.txt"), "\u{1b}]0;owned\u{7}\n\u{202e}evil\nfine\n\u{9b}31m\n")
        .unwrap();
    // A class without a test positive and duplicate rows make the data's names appear.
    save(dir.path(), "formatted_val_labels.npy", &[30, 4], NpyData::U8([0, 0, 1, 0].repeat(30)));
    save(dir.path(), "train_features_test.npy", &[60, 8], NpyData::F32(vec![0.5; 480]));
    let output = repro(dir.path()).args(["run", "spml-linear", "--data", "."]).args(QUICK).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let acts = |text: &str| {
        text.chars().any(|c| c.is_control() && c != '\n' || ('\u{202a}'..='\u{202e}').contains(&c))
    };
    for stream in [output.stdout, output.stderr] {
        let text = String::from_utf8(stream).unwrap();
        assert!(!acts(&text), "{text:?}");
    }
    // A missing file whose name has codes.
    let error = refused_anywhere(dir.path(), &["run", "spml-linear", "--data", "\u{1b}[2Jx"]);
    assert!(!acts(&error) && error.contains("u{1b}"), "{error:?}");
}

fn refused_anywhere(folder: &Path, args: &[&str]) -> String {
    let output = repro(folder).args(args).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn names_of_losses_are_guessed_only_where_they_are_near() {
    let dir = tempfile::tempdir().unwrap();
    let error = |name: &str| refused(dir.path(), &["run", "spml-linear", "--loss", name]);
    assert!(!error("nosuch").contains("did you mean"), "{}", error("nosuch"));
    assert!(error("SPLC").contains("`splc`"), "{}", error("SPLC"));
    assert!(error("hlil").contains("`hill`"), "{}", error("hlil"));
    let gr = error("gr");
    assert!(gr.contains("gr-voc") && gr.contains("gr-coco"), "{gr}");
}

#[cfg(unix)]
#[test]
fn output_that_cannot_be_written_does_not_end_a_run() {
    use std::process::{Command, Stdio};
    let dir = tempfile::tempdir().unwrap();
    write_set(dir.path());
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    if !Path::new("/dev/full").exists() {
        println!("skipped: no /dev/full");
        return;
    }
    let run = |out: &str, stdout: Stdio, stderr: Stdio| {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin("repro"));
        command.current_dir(dir.path()).args(["run", "spml-linear", "--data", ".", "--out", out]).args(QUICK);
        let status = command.stdout(stdout).stderr(stderr).status().unwrap();
        assert_eq!(crate::results(&dir.path().join(out)).len(), 2, "{out}");
        status.code()
    };
    assert_eq!(run("stderr-full", Stdio::null(), full().into()), Some(0));
    // The table is missing on the screen, and the exit code says so; the results are there.
    assert_eq!(run("stdout-full", full().into(), Stdio::null()), Some(2));
    assert_eq!(run("both-full", full().into(), full().into()), Some(2));
    // A reader that goes away at once.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(run("pipe", writer.try_clone().unwrap().into(), writer.into()), Some(0));
}

#[test]
fn names_of_data_that_are_long_are_shortened_in_folders() {
    let dir = tempfile::tempdir().unwrap();
    let name = "n".repeat(250);
    let data = dir.path().join(&name);
    fs::create_dir(&data).unwrap();
    write_set(&data);
    done(dir.path(), &[&["run", "spml-linear", "--data", &name][..], &QUICK].concat());
    assert_eq!(runs(dir.path()), format!("spml-linear-{}-001", "n".repeat(40)));
}

#[test]
fn quiet_runs_write_the_table_and_nothing_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    write_set(dir.path());
    let run = |more: &[&str]| {
        done(dir.path(), &[&["run", "spml-linear", "--data", "."][..], &QUICK, more].concat())
    };
    let (_, said) = run(&["--out", "said"]);
    assert!(said.contains("samples/s") && !said.contains(['\u{1b}', '\r']), "{said:?}");
    assert!(said.lines().filter(|line| line.contains(" s, ")).count() == 2, "{said}");
    let (table, said) = run(&["--out", "quiet", "--quiet"]);
    let lines: Vec<&str> = said.lines().filter(|line| !line.starts_with("warning: ")).collect();
    assert!(lines.is_empty() && table.contains("splc"), "{said}");
    assert_eq!(crate::results(&dir.path().join("said")), crate::results(&dir.path().join("quiet")));
    // Errors are still said.
    assert!(refused_anywhere(dir.path(), &["run", "spml-linear", "--data", "none", "-q"]).contains("none"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_has_a_bar_with_the_time_and_the_rate() {
    let dir = tempfile::tempdir().unwrap();
    write_set(dir.path());
    let program = assert_cmd::cargo::cargo_bin("repro");
    let on_terminal = |more: &str| {
        let line = format!(
            "{} run spml-linear --data . --seeds 1 --epochs 300 --batch 8 --loss an {more}",
            program.display()
        );
        let mut command = std::process::Command::new("script");
        command.current_dir(dir.path()).env("NO_COLOR", "1").env("TERM", "xterm");
        let output = command.args(["-qec", &line, "/dev/null"]).stdin(std::process::Stdio::null()).output();
        output.ok().map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let Some(text) = on_terminal("--out bar") else {
        println!("skipped: no `script`");
        return;
    };
    assert!(text.contains("/300 epochs") && text.contains("samples/s") && text.contains(" left"), "{text:?}");
    // Codes that move the cursor and none that colour: those end with m.
    for code in text.split('\u{1b}').skip(1) {
        let end = code.trim_start_matches('[').find(|c: char| c.is_ascii_alphabetic());
        let end = end.map(|at| &code.trim_start_matches('[')[at..=at]);
        assert!(end != Some("m"), "{code:?}");
    }
    let quiet = on_terminal("--out quiet --quiet").unwrap();
    assert!(!quiet.contains("epochs  ") && !quiet.contains("samples/s") && quiet.contains("an"), "{quiet:?}");
}

/// A number that is of the warm-up alone, or may be, has a word beside it.
#[test]
fn a_method_that_never_begins_is_told() {
    let dir = tempfile::tempdir().unwrap();
    write_set(dir.path());
    let said = |out: &str, more: &[&str]| {
        let run = ["run", "spml-linear", "--data", ".", "--seeds", "1", "--batch", "8", "--out", out];
        done(dir.path(), &[&run[..], more].concat()).1
    };
    let never = "smile: warm_up = 2 of 2 epochs, so that nothing but the warm-up is trained";
    assert!(said("a", &["--loss", "smile", "--epochs", "2"]).contains(never));
    assert!(said("b", &["--loss", "crisp", "--epochs", "7"]).contains("the first 5 are the warm-up"));
    let last = ["--loss", "crisp", "--epochs", "7", "--set", "evaluation.select=last"];
    assert!(!said("c", &last).contains("warm"));
    assert!(!said("d", &["--loss", "an", "--epochs", "2"]).contains("warm"));
}

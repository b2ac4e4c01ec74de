//! `repro losses race`: what it prints, writes and refuses, and its page in a browser.

use crate::browser::{asked, browser, measured};
use crate::{done, refused, repro};
use std::fs;

const QUICK: [&str; 6] = ["losses", "race", "an", "hill", "--epochs", "2"];

#[test]
fn a_race_is_printed_and_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let files = ["--svg", "r.svg", "--html", "r.html"];
    let (table, said) = done(path, &[&QUICK[..], &files].concat());
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    // A line for each loss and epoch, without codes for a terminal.
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("epoch ")).collect();
    assert_eq!(lines.len(), 6, "{said}");
    assert!(lines[5].starts_with("epoch 2 of 2: hill: observed 0."), "{said}");
    assert!(!said.contains('\u{1b}') && said.contains("written: r.svg"), "{said}");
    let read = |name: &str| fs::read_to_string(path.join(name)).unwrap();
    let (svg, html) = (read("r.svg"), read("r.html"));
    assert!(svg.starts_with("<svg") && html.starts_with("<!doctype html>"));
    // The last epoch in the table, in the page and in the line are the same numbers.
    let row = table.lines().find(|line| line.starts_with("hill ")).unwrap();
    for number in row.split_whitespace().skip(1) {
        assert!(
            lines[5].contains(number) && html.contains(&format!("<td>{number}</td>")),
            "{number}: {said}"
        );
    }
    assert!(refused(path, &[&QUICK[..], &files].concat()).contains("--force"));
    let (again, quiet) = done(path, &[&QUICK[..], &files, &["--force", "--quiet"]].concat());
    assert_eq!((again, quiet.as_str()), (table, ""));
    assert_eq!((read("r.svg"), read("r.html")), (svg, html));
}

#[test]
fn unknown_losses_and_sets_are_refused_with_names() {
    let dir = tempfile::tempdir().unwrap();
    let race = |more: &[&str]| refused(dir.path(), &[&["losses", "race"][..], more].concat());
    assert!(race(&["hil"]).contains("did you mean `hill`"));
    assert!(race(&["--data", "openclipar"]).contains("did you mean `openclipart`"));
    let error = race(&["--data", "features/"]);
    assert!(error.contains("embedded set") && error.contains("voc-like"), "{error}");
    assert!(race(&["an", "an"]).contains("an is named twice"));
    assert!(race(&["an", "--epochs", "0"]).contains("epochs"));
    assert!(race(&["an", "--svg", "x", "--html", "./x"]).contains("the same file"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn the_help_fits_and_its_examples_are_commands() {
    let dir = tempfile::tempdir().unwrap();
    let (help, _) = done(dir.path(), &["losses", "race", "--help"]);
    assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
    let examples: Vec<&str> = help.lines().filter_map(|line| line.strip_prefix("  repro ")).collect();
    assert_eq!(examples.len(), 3);
    for example in examples {
        let args: Vec<&str> = example.split_whitespace().collect();
        // Short ones, so that the tests stay short.
        let args = if args.contains(&"--epochs") { args } else { [&args[..], &["--epochs", "1"]].concat() };
        let args: Vec<&str> = args.iter().map(|arg| if *arg == "40" { "1" } else { *arg }).collect();
        assert!(repro(dir.path()).args(&args).output().unwrap().status.success(), "{example}");
    }
}

#[test]
fn every_embedded_set_has_a_race_or_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    let (list, _) = done(dir.path(), &["list"]);
    let sets = list.split("Embedded data").skip(1).flat_map(str::lines);
    let names: Vec<&str> = sets
        .filter_map(|line| {
            line.strip_prefix("  ")?.split_whitespace().next().filter(|_| !line.starts_with("   "))
        })
        .collect();
    assert!(names.contains(&"openclipart") && names.len() > 3, "{names:?}");
    for name in names.iter().filter(|name| lacuna_source::embedded_set(name).is_some()) {
        let args = ["losses", "race", "an", "--epochs", "1", "--quiet", "--data", name];
        let output = repro(dir.path()).args(args).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        let refused = error.contains("so there is nothing to compare") && output.status.code() == Some(2);
        assert!(output.status.success() || refused, "{name}: {error}");
    }
}

#[test]
fn the_page_is_not_wider_than_its_window_and_asks_for_no_address() {
    let Some(browser) = browser() else {
        println!("skipped: there is no chromium to open the page in");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    // The longest names that single positives serve.
    let mut losses: Vec<&str> = lacuna_losses::LOSSES
        .iter()
        .filter(|row| row.needs == lacuna_losses::LabelNeeds::SinglePositive)
        .map(|row| row.info.name)
        .collect();
    losses.sort_by_key(|name| std::cmp::Reverse(name.len()));
    losses.truncate(4);
    let more = ["--epochs", "2", "--quiet", "--html", "r.html"];
    done(dir.path(), &[&["losses", "race"][..], &losses, &more].concat());
    let path = dir.path().join("r.html");
    let page = fs::read_to_string(&path).unwrap();
    let widths = [360, 800, 1400];
    assert_eq!(measured(&browser, dir.path(), &page, &widths), widths.map(|width| format!("{width} true")));
    assert_eq!(asked(&browser, dir.path(), &path), [] as [&str; 0]);
    // The slider moves everything: at 0 the table has the numbers before the first step.
    let moved = page.replace(
        "</body>",
        "<script>addEventListener(\"load\", () => { const slider = document.getElementById(\"epoch\"); slider.value = 0; \
         slider.dispatchEvent(new Event(\"input\")); });</script></body>",
    );
    let policy = moved.find("<meta http-equiv").unwrap();
    assert!(
        moved[policy..]
            .starts_with("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'")
    );
    let copy = dir.path().join("moved.html");
    fs::write(&copy, &moved).unwrap();
    let dom = crate::browser::opened(&browser, &dir.path().join("profile"), &copy, &[]);
    assert!(dom.contains("Before the first step") && dom.contains("M34 34V252"), "{dom}");
    let shown = dom.split("id=\"shown\"").nth(1).unwrap();
    let number = |text: &str| text.split("<td>").nth(1).unwrap()[..5].to_string();
    let all = dom.split("id=\"all\"").nth(1).unwrap();
    let before = all.split("<td>0</td>").nth(1).unwrap();
    assert_eq!(number(shown.split("<tbody>").nth(1).unwrap()), number(before));
}

//! The page of a report in a browser: nothing is wider than the window, and no network is asked for.

use crate::browser::{WIDTHS, asked, browser, measured};
use crate::done;
use crate::reports::hostile_run;
use std::fs;

/// A4 between margins of 1 cm.
const PAPER: usize = 718;

#[test]
fn nothing_overflows_and_no_network_is_asked_for() {
    let Some(browser) = browser() else {
        println!("skipped: there is no chromium to open the page in");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    hostile_run(dir.path());
    done(dir.path(), &["run", "spml-linear", "--seeds", "1", "--epochs", "2", "--out", "wide", "--quiet"]);
    done(dir.path(), &["report", "r", "wide", "--resamples", "20", "--out", "o"]);
    let path = dir.path().join("o/report.html");
    let page = fs::read_to_string(&path).unwrap();
    let fits = WIDTHS.map(|width| format!("{width} true"));
    assert_eq!(measured(&browser, dir.path(), &page, &WIDTHS), fits);
    // On paper nothing scrolls, so tables have to fit as well.
    let print = page.replace("@media print", "@media all");
    assert_eq!(measured(&browser, dir.path(), &print, &[PAPER]), [format!("{PAPER} true")]);
    // The measurement sees what is too wide.
    let wider = page.replace("<footer>", "<div style=\"width:900px\">x</div><footer>");
    let found = measured(&browser, dir.path(), &wider, &WIDTHS);
    let verdicts: Vec<bool> = found.iter().map(|line| line.contains("true")).collect();
    assert_eq!(verdicts, [false, false, true], "{found:?}");

    assert_eq!(asked(&browser, dir.path(), &path), [] as [&str; 0]);
    // And the log what is asked for: the policy of the page keeps even what somebody puts into it from the network.
    let policy = page.find("<meta http-equiv").unwrap();
    let image = "<img src=\"http://example.invalid/x.png\">";
    let bad = dir.path().join("bad.html");
    fs::write(&bad, page.replace("<footer>", &format!("{image}<footer>"))).unwrap();
    assert_eq!(asked(&browser, dir.path(), &bad), [] as [&str; 0]);
    fs::write(&bad, format!("{}{image}", &page[..policy])).unwrap();
    assert!(asked(&browser, dir.path(), &bad).iter().any(|url| url.contains("example.invalid")));
}

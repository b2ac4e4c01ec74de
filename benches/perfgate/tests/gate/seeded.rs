//! A slowdown of a known size, in a program on criterion, is caught; the same program twice is not.

use super::{perfgate, run};
use serde_json::Value;

/// The gate over the benchmark inside the program, B slower by so many percent. The peak is given and times are exact, so
/// that nothing depends on the machine.
fn seeded(percent: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let criterion = ["--", "--warm-up-time", "0.01", "--measurement-time", "0.01", "--nresamples", "1000"];
    run(perfgate().args(["run", "--seeded", percent, "--peak", "100"]).args(more).args(criterion))
}

#[test]
fn a_seeded_slowdown_fails_the_gate() {
    let (code, text, error) = seeded("25", &[]);
    assert_eq!(code, Some(3), "{text}{error}");
    assert!(text.contains("1 of 2 benchmarks slower:\n  seeded: seeded, group/slow/1\n"), "{text}");
    assert!(text.contains("mean +25.0 %, 95 % from +25.0 % to +25.0 %: SLOWER"), "{text}");
    assert!(text.contains("mean +0.0 %") || text.contains("mean -0.0 %"), "{text}");
    // What one side alone has is named.
    assert!(text.contains("only A has seeded: seeded, group/old: not compared"), "{text}");
    assert!(text.contains("only B has seeded: seeded, group/new: not compared"), "{text}");
}

#[test]
fn the_same_program_twice_passes() {
    let (code, text, error) = seeded("0", &[]);
    assert_eq!(code, Some(0), "{text}{error}");
    assert!(text.ends_with("No benchmark is slower by 10 %.\n"), "{text}");
    assert_eq!(text.matches(": unchanged\n").count(), 3, "{text}");
}

#[test]
fn the_threshold_decides_and_faster_is_no_failure() {
    assert_eq!(seeded("9", &[]).0, Some(0));
    assert_eq!(seeded("9", &["--threshold", "8"]).0, Some(3));
    let (code, text, _) = seeded("-25", &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("-25.0 %: faster"), "{text}");
}

#[test]
fn json_has_every_run() {
    let (code, text, _) = seeded("25", &["--json", "--pairs", "4", "--filter", "group/slow"]);
    assert_eq!(code, Some(3));
    let report: Value = serde_json::from_str(&text).unwrap();
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["verdict"], "slower");
    for (side, seconds) in [("a", 1e-5), ("b", 1.25e-5)] {
        let runs = rows[0][side].as_array().unwrap();
        assert_eq!(runs.len(), 4);
        for run in runs {
            assert!((run["seconds"].as_f64().unwrap() / seconds - 1.0).abs() < 1e-3, "{run}");
            assert_eq!(run["peak"], 100.0);
        }
    }
    assert!((rows[0]["mean"].as_f64().unwrap() - 0.25).abs() < 1e-3);
}

#[test]
fn the_peak_is_sampled_where_it_is_not_given() {
    let criterion = ["--", "--warm-up-time", "0.01", "--measurement-time", "0.01", "--nresamples", "1000"];
    let (code, text, error) =
        run(perfgate().args(["run", "--seeded", "0", "--json", "--filter", "even"]).args(criterion));
    // A machine whose speed halves in between may be judged either way.
    assert!([Some(0), Some(3)].contains(&code), "{error}");
    let report: Value = serde_json::from_str(&text).unwrap();
    for run in report["rows"][0]["a"].as_array().unwrap() {
        assert!(run["peak"].as_f64().unwrap() > 0.1, "{run}");
    }
}

#[test]
fn misuse_is_refused() {
    for (arguments, says) in [
        (&["run", "main"][..], "REV_B"),
        (&["run", "HEAD", ".", "--pairs", "2"], "from 3 on"),
        (&["run", "HEAD", ".", "--threshold", "-1"], "--threshold"),
        (&["run", "--seeded", "5", "--filter", "nothing"], "both have no such benchmark"),
        (&["counts", "linear/17"], "linear/17"),
    ] {
        let (code, _, error) = run(perfgate().args(arguments));
        assert_eq!(code, Some(2), "{arguments:?}: {error}");
        assert!(error.contains(says), "{arguments:?}: {error}");
    }
}

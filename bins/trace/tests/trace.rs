//! The program as its user meets it, and its page in a browser.
#![allow(clippy::print_stdout, reason = "a test says what it skipped")]

use assert_cmd::Command;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

const EXAMPLES: [&str; 5] = ["seven-nodes", "three-uses", "linear-hill", "xor", "tiny-cnn"];

fn trace(args: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("trace").unwrap().args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn json(args: &[&str]) -> Value {
    let (code, out, err) = trace(args);
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}

#[test]
fn the_three_gradients_agree_in_every_example() {
    for example in EXAMPLES {
        let value = json(&["grad", example, "--json"]);
        let nodes = value["nodes"].as_array().unwrap();
        assert!(!nodes.is_empty(), "{example}");
        for cell in nodes.iter().flat_map(|node| node["cells"].as_array().unwrap()) {
            let of = |column: &str| cell[column].as_f64().unwrap();
            assert!((of("numeric") - of("dual")).abs() < 1e-9, "{example} {cell}");
            assert!((of("tape") - of("dual")).abs() < 1e-5, "{example} {cell}");
        }
    }
}

/// The slopes of the page on autograd.
#[test]
fn values_of_the_user_are_differentiated() {
    let slope = |args: &[&str]| json(args)["nodes"][0]["cells"][0]["dual"].as_f64().unwrap();
    assert!((slope(&["grad", "seven-nodes", "w", "--json"]) - 1.462_117_157).abs() < 1e-8);
    assert!((slope(&["grad", "three-uses", "w", "--json", "--set", "w=5"]) - 11.0).abs() < 1e-12);
    // A value that was computed, by its position.
    assert!((slope(&["grad", "seven-nodes", "2", "--json"]) - 0.731_058_578).abs() < 1e-8);
    let changed = json(&["grad", "linear-hill", "W", "--json", "--set", "W[1,2]=0.25"]);
    assert_eq!(changed["nodes"][0]["cells"][5]["value"], 0.25);
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    for (args, says) in [
        (&["grad", "nothing"][..], "there are seven-nodes, three-uses"),
        (&["grad", "xor", "x"], "x is data"),
        (&["grad", "xor", "q"], "there are 0 to"),
        (&["grad", "xor", "--set", "q=1"], "no leaf is named q; there are W1, b1"),
        (&["grad", "xor", "--set", "W1[9,9]=1"], "W1 has the shape [2, 4]"),
        (&["step", "nothing"], "a specification is a file that ends in .toml"),
        (&["step", "nothing.toml"], "nothing.toml"),
    ] {
        let (code, _, err) = trace(args);
        assert_eq!(code, 2, "{args:?}");
        assert!(err.contains(says), "{args:?}: {err}");
    }
}

#[test]
fn a_step_of_a_specification_is_a_table() {
    let spec = concat!(env!("CARGO_MANIFEST_DIR"), "/../repro/specs/spml-linear.toml");
    let step = json(&["step", spec, "--row", "hill", "--json"]);
    let nodes = step["nodes"].as_array().unwrap();
    let operations: Vec<&str> = nodes.iter().map(|node| node["operation"].as_str().unwrap()).collect();
    assert_eq!(operations, ["param", "param", "input", "linear", "fused_loss"]);
    assert_eq!(nodes[3]["shape"], "[16, 34]");
    assert!(nodes[0]["gradient_norm"].as_f64().unwrap() > 0.0);
    let (code, _, err) = trace(&["step", spec, "--row", "nothing"]);
    assert!(code == 2 && err.contains("no row is named nothing; there are bce-full, an"), "{err}");
    let (_, text, _) = trace(&["step", "xor"]);
    assert!(text.contains("scale(factor 0.25)") && text.contains("backward us"), "{text}");
}

#[test]
fn a_profile_has_an_event_for_each_node_and_pass() {
    let profile = json(&["profile", "three-uses"]);
    let events = profile["traceEvents"].as_array().unwrap();
    let passes: Vec<&str> = events.iter().map(|event| event["cat"].as_str().unwrap()).collect();
    assert_eq!(passes, ["forward", "forward", "forward", "backward", "backward", "backward"]);
    let mut end = 0.0;
    for event in events {
        let at = |key: &str| event[key].as_f64().unwrap();
        assert!(at("ts") >= end - 1e-3, "{event}");
        end = at("ts") + at("dur");
    }
}

#[test]
fn a_graph_is_written_and_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("graph.svg");
    let file = file.to_str().unwrap();
    let (_, dot, _) = trace(&["dot", "three-uses"]);
    assert!(
        dot.contains("0 w (variable) [1]\\n3.0000\\ng 7.0000") && dot.contains("n0 -> n1 [label=\"1\"];"),
        "{dot}"
    );
    assert_eq!(trace(&["dot", "three-uses", "--out", file]).0, 0);
    let svg = fs::read_to_string(file).unwrap();
    assert!(svg.contains("<svg") && svg.contains("7.0000"), "{svg}");
    assert_eq!(trace(&["dot", "three-uses", "--out", file]).0, 2, "a file is replaced without --force");
    assert_eq!(trace(&["dot", "three-uses", "--out", file, "--force"]).0, 0);
}

fn program(names: &[&str]) -> Option<PathBuf> {
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|path| path.is_file())
}

/// The page computes what `trace grad` computes, and asks for no address.
#[test]
fn the_page_has_the_numbers_of_grad() {
    let Some(chromium) = program(&["chromium", "chromium-browser", "google-chrome"]) else {
        return println!("skipped: there is no chromium");
    };
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("tape.html");
    assert_eq!(trace(&["html", "--out", page.to_str().unwrap()]).0, 0);
    let text = fs::read_to_string(&page).unwrap();
    let addresses: Vec<&str> =
        text.match_indices("://").map(|(at, _)| &text[at.saturating_sub(6)..at + 20]).collect();
    assert!(addresses.iter().all(|address| address.contains("www.w3.org")), "{addresses:?}");
    let ask = "<script>addEventListener(\"load\", () => { const all = {}; for (const name of trace.examples) { \
               trace.select(name); all[name] = trace.gradients(); } const pre = document.createElement(\"pre\"); \
               pre.id = \"answer\"; pre.textContent = JSON.stringify(all); document.body.append(pre); });</script></body>";
    fs::write(&page, text.replace("</body>", ask)).unwrap();
    let answer = asked(&chromium, folder.path(), &page);
    for example in EXAMPLES {
        let expected = json(&["grad", example, "--json"]);
        let mut compared = 0;
        for node in expected["nodes"].as_array().unwrap() {
            let found = answer[example].as_object().unwrap().values();
            let cells = node["cells"].as_array().unwrap();
            let of = |column: &str| -> Vec<f64> {
                cells.iter().map(|cell| cell[column].as_f64().unwrap()).collect()
            };
            let close = |found: &Value, column: &str| {
                let found: Vec<f64> =
                    found[column].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
                let expected = of(column);
                let tolerance = if column == "tape" { 1e-5 } else { 1e-9 };
                found.len() == expected.len()
                    && found.iter().zip(&expected).all(|(f, e)| (f - e).abs() <= tolerance * e.abs().max(1.0))
            };
            let same = found
                .filter(|row| ["numeric", "dual", "tape"].iter().all(|column| close(row, column)))
                .count();
            assert!(same >= 1, "{example}: the page has no node with the gradients of {}", node["node"]);
            compared += 1;
        }
        assert_eq!(answer[example].as_object().unwrap().len(), compared, "{example}");
    }
}

/// What the page wrote into the element `answer`.
fn asked(chromium: &Path, folder: &Path, page: &Path) -> Value {
    let output = std::process::Command::new(chromium)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--virtual-time-budget=5000",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8(output.stdout).unwrap();
    let (_, rest) = dom.split_once("<pre id=\"answer\">").expect("the page answered");
    serde_json::from_str(&rest[..rest.find("</pre>").unwrap()].replace("&gt;", ">").replace("&lt;", "<"))
        .unwrap()
}

/// The page and the gradient checks say the same of the same pattern; the page, which knows every part, has one row more.
#[test]
fn diagnoses_are_those_of_the_engine() {
    let script = include_str!("../page/diagnose.js");
    let (_, rest) = script.split_once("const DIAGNOSES = ").unwrap();
    let table = rest[..rest.find("];").unwrap() + 1].replace("],\n]", "]\n]");
    let rows: Vec<[String; 3]> = serde_json::from_str(&table).unwrap();
    let of_page: Vec<&[String; 3]> = rows.iter().filter(|row| row[0] != "overwritten").collect();
    assert_eq!(of_page.len(), lacuna_engine::DIAGNOSES.len());
    for (page, ours) in of_page.iter().zip(lacuna_engine::DIAGNOSES) {
        assert_eq!(page.each_ref().map(String::as_str), [ours.key, ours.pattern, ours.meaning]);
    }
}

/// Runs tests of the page with Node.js; what it printed.
fn node_tests(wanted: impl Fn(&str) -> bool) {
    let Some(node) = program(&["node", "nodejs"]) else { return println!("skipped: there is no Node.js") };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("page/tests");
    let files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.file_name().unwrap().to_str().is_some_and(|name| name.ends_with(".test.mjs") && wanted(name))
        })
        .collect();
    assert!(!files.is_empty());
    let output = std::process::Command::new(node).arg("--test").args(files).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    let counts: Vec<&str> =
        text.lines().filter(|line| line.starts_with("# pass") || line.starts_with("# fail")).collect();
    println!("{counts:?}");
}

/// Every operation of the page against dual numbers and differences, every mistake with its diagnosis, the layout.
#[test]
fn the_page_computes_and_diagnoses() {
    node_tests(|name| name != "page.test.mjs");
}

/// Clicks, keys and touches at 360 and 1400 pixels and other widths.
#[test]
fn the_page_is_clicked_through() {
    node_tests(|name| name == "page.test.mjs");
}

//! `lacuna audit` as a user meets it.

use assert_cmd::Command;
use std::fs;
use std::path::Path;

/// Exit code, standard output, standard error.
fn lacuna(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("lacuna").unwrap().current_dir(folder).args(args).output().unwrap();
    let [text, error] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (output.status.code().unwrap(), text, error)
}

fn run(folder: &Path, args: &[&str], input: &str) -> (i32, String, String) {
    let mut command = Command::cargo_bin("lacuna").unwrap();
    let output =
        command.current_dir(folder).arg("audit").args(args).write_stdin(input.to_string()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Names that a page, a spreadsheet or a terminal would act on.
const NAMES: [&str; 4] = ["<script>alert(1)</script>", "=cmd()", "a \"b\", 'c'", "x\u{202e}gpj"];

/// Features and labels of 150 rows: the class is the sign of the feature, and every third label was lost.
fn write_set(folder: &Path) {
    let mut labels = String::from("id,cat,=dog\n");
    let mut values = Vec::new();
    for row in 0..150_usize {
        let hostile = [126, 132, 147, 135].iter().position(|place| *place == row);
        let name = hostile.map_or_else(|| format!("r{row}.jpg"), |i| NAMES[i].to_string());
        let guard = if name.starts_with('=') { "'" } else { "" };
        let name = format!("\"{guard}{}\"", name.replace('"', "\"\""));
        let value = if row % 2 == 0 { -1.0 } else { 1.0 } * (1.0 + row as f32 / 150.0);
        values.push(value);
        let positive = row % 2 == 1 && row % 3 > 0;
        labels += &format!("{name},{},{}\n", u8::from(positive), u8::from(row % 2 == 0 && row % 3 > 0));
    }
    let array = lacuna_formats::NpyArray::new(vec![150, 1], lacuna_formats::NpyData::F32(values)).unwrap();
    array.save(lacuna_formats::Destination::replacing(&folder.join("x.npy"))).unwrap();
    fs::write(folder.join("y.csv"), labels).unwrap();
}

const DATA: [&str; 6] = ["--features", "x.npy", "--labels", "y.csv", "--match=row", "--complete"];

fn with(more: &[&'static str]) -> Vec<&'static str> {
    [&DATA[..], more].concat()
}

#[test]
fn lists_are_written_in_every_form_and_hostile_names_do_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_set(path);
    fs::create_dir(path.join("pics")).unwrap();
    (0..150).for_each(|row| fs::write(path.join(format!("pics/r{row}.jpg")), "picture").unwrap());
    for out in ["l.csv", "l.jsonl", "l.html", "l.json"] {
        let (code, text, error) =
            run(path, &[&with(&["--images", "pics", "--out"])[..], &[out]].concat(), "");
        assert_eq!(code, 0, "{error}");
        assert!(text.contains("labels alone do not"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
    let csv = fs::read_to_string(path.join("l.csv")).unwrap();
    assert!(csv.starts_with("rank,row,class,score,probability,reason\n1,"), "{csv}");
    assert!(csv.contains(",'=cmd(),") && csv.contains(",'=dog,"), "{csv}");
    assert!(!csv.contains(",=") && csv.contains("\"a \"\"b\"\", 'c'\""), "{csv}");
    let html = fs::read_to_string(path.join("l.html")).unwrap();
    assert!(!html.contains("<script") && html.contains("&lt;script&gt;"), "{html}");
    assert!(!html.contains('\u{202e}') && html.contains("src=\"pics/r"), "{html}");
    assert!(html.contains("labels alone do not tell"));
    let tasks: serde_json::Value = serde_json::from_slice(&fs::read(path.join("l.json")).unwrap()).unwrap();
    assert_eq!(tasks[0]["data"]["rank"], 1);
    let first: serde_json::Value =
        serde_json::from_str(fs::read_to_string(path.join("l.jsonl")).unwrap().lines().next().unwrap())
            .unwrap();
    assert_eq!((&first["rank"], &first["probability"]), (&1.into(), &serde_json::Value::Null));
    let (code, _, error) = run(path, &with(&["--out", "l.csv"]), "");
    assert!(code == 2 && error.contains("--force"), "{error}");
    let (code, _, error) = run(path, &with(&["--out", "y.csv", "--force"]), "");
    assert!(code == 2 && error.contains("does not overwrite"), "{error}");
    assert_eq!(run(path, &with(&["--out", "l.xls"]), "").0, 2);
}

#[test]
fn questions_are_asked_interrupted_taken_back_and_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_set(path);
    let ask = with(&["--ask", "40", "--stdin"]);
    // The input ends after three answers, one of them taken back.
    let (code, text, error) = run(path, &ask, "y\nn\nu\ns\nmaybe\ny\n");
    assert_eq!(code, 0, "{error}");
    assert!(text.contains("took back") && text.contains("37 of 40 questions are not answered"), "{text}");
    let stored = fs::read_to_string(path.join("audit-answers.jsonl")).unwrap();
    assert_eq!(stored.lines().count(), 1 + 5, "{stored}");
    // A line that was not written as a whole is dropped, with a note.
    fs::write(path.join("audit-answers.jsonl"), format!("{stored}{{\"rank\":")).unwrap();
    let (code, text, error) = run(path, &ask, "q\n");
    assert_eq!(code, 0, "{error}");
    assert!(error.contains("is dropped") && text.contains("4/40"), "{text}{error}");
    assert_eq!(fs::read_to_string(path.join("audit-answers.jsonl")).unwrap(), stored);
    let (code, text, _) = run(path, &with(&["--ask", "40", "--stdin", "--apply", "new"]), "y\n");
    assert!(code == 0 && !path.join("new").exists(), "{text}");
    // Nor is a list written before the last answer, so that the same command can be run again.
    let (code, text, error) = run(path, &with(&["--ask", "40", "--stdin", "--out", "l.csv"]), "q\n");
    assert!(code == 0 && !path.join("l.csv").exists(), "{text}");
    assert!(error.contains("l.csv is written when the questions are answered"), "{error}");
    let (code, text, error) = run(path, &ask, &"y\n".repeat(36));
    assert_eq!(code, 0, "{error}");
    assert!(text.contains("at most 10 % are wrong, with 95 % confidence (40 answers)"), "{text}");
    // All answers are there: nothing is asked, and the labels are corrected.
    let before = fs::read(path.join("y.csv")).unwrap();
    let (code, _, error) =
        run(path, &with(&["--ask", "40", "--stdin", "--apply", "new", "--out", "l.csv"]), "");
    assert_eq!(code, 0, "{error}");
    assert_eq!(fs::read(path.join("y.csv")).unwrap(), before);
    let diff = fs::read_to_string(path.join("new/diff.csv")).unwrap();
    let list = fs::read_to_string(path.join("l.csv")).unwrap();
    assert_eq!(diff.lines().count(), list.lines().count());
    let labels = lacuna_formats::NpyArray::open(path.join("new/labels.npy")).unwrap();
    assert_eq!(labels.shape(), [150, 2]);
    assert!(list.lines().nth(1).unwrap().split(',').nth(4).unwrap().parse::<f64>().is_ok(), "{list}");

    // Other settings and other data are refused.
    let stored = fs::read(path.join("audit-answers.jsonl")).unwrap();
    for (more, word) in
        [(["--ask", "50", "--fdr", "0.1"], "--ask 40"), (["--ask", "40", "--fdr", "0.2"], "--fdr 0.1")]
    {
        let (code, _, error) = run(path, &with(&[&more[..], &["--stdin"]].concat()), "");
        assert!(code == 2 && error.contains(word), "{error}");
    }
    let labels = fs::read_to_string(path.join("y.csv")).unwrap().replace("r7.jpg\",1", "r7.jpg\",0");
    fs::write(path.join("y.csv"), labels).unwrap();
    let (code, _, error) = run(path, &ask, "");
    assert!(code == 2 && error.contains("another ranking"), "{error}");
    assert_eq!(fs::read(path.join("audit-answers.jsonl")).unwrap(), stored);
    // A line in the middle that cannot be read is named.
    fs::write(path.join("y.csv"), &before).unwrap();
    let damaged = String::from_utf8(stored).unwrap().replacen("\"yes\"", "\"perhaps\"", 1);
    fs::write(path.join("audit-answers.jsonl"), damaged).unwrap();
    let (code, _, error) = run(path, &ask, "");
    assert!(code == 2 && error.contains("audit-answers.jsonl, line 2"), "{error}");
    // A file of something else is not touched.
    fs::write(path.join("notes.txt"), "my notes").unwrap();
    let (code, _, error) = run(path, &with(&["--ask", "40", "--stdin", "--answers", "notes.txt"]), "");
    assert!(code == 2 && error.contains("not a file of answers"), "{error}");
    assert_eq!(fs::read_to_string(path.join("notes.txt")).unwrap(), "my notes");
}

/// A killed process: every answer that was given is on the disk.
#[test]
fn answers_of_a_killed_process_are_kept() {
    use std::io::{BufRead, BufReader, Read, Write};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_set(path);
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_lacuna"))
        .current_dir(path)
        .arg("audit")
        .args(with(&["--ask", "40", "--stdin", "--quiet"]))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("questions that show") {
        line.clear();
        assert!(output.read_line(&mut line).unwrap() > 0, "the program ended");
    }
    input.write_all(b"y\nn\n").unwrap();
    input.flush().unwrap();
    // The third question is asked after the second answer was stored.
    let mut seen = String::new();
    let mut byte = [0];
    while !seen.contains("3/40") {
        output.read_exact(&mut byte).unwrap();
        seen.push(char::from(byte[0]));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let (code, text, error) = run(path, &with(&["--ask", "40", "--stdin"]), "q\n");
    assert_eq!(code, 0, "{error}");
    assert!(text.contains("3/40") && text.contains("1 yes, 1 no, 0 skipped"), "{text}");
}

#[test]
fn sheets_are_filled_in_two_rounds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_set(path);
    let args = with(&["--ask", "40", "--sheet", "s.csv"]);
    let (code, text, error) = run(path, &args, "");
    assert!(code == 0 && text.contains("s.csv"), "{text}{error}");
    let (code, _, error) = run(path, &args, "");
    assert!(code == 2 && error.contains("s.csv, line 2") && error.contains("is empty"), "{error}");
    let sheet = fs::read_to_string(path.join("s.csv")).unwrap();
    let filled = |sheet: &str, answer: &str| {
        let (header, lines) = sheet.split_once('\n').unwrap();
        // In another order, as a spreadsheet may have sorted them.
        let lines: String = lines.lines().rev().map(|line| format!("{line}{answer}\n")).collect();
        format!("{header}\n{lines}")
    };
    for (answer, word) in [("perhaps", "invalid answer `perhaps`"), ("", "is empty")] {
        fs::write(path.join("s.csv"), filled(&sheet, answer)).unwrap();
        let (code, _, error) = run(path, &args, "");
        assert!(code == 2 && error.contains(word) && error.contains("s.csv, line 2"), "{error}");
    }
    let short = filled(&sheet, "y");
    fs::write(path.join("s.csv"), short.rsplit_once("\n").unwrap().0.rsplit_once('\n').unwrap().0).unwrap();
    let (code, _, error) = run(path, &args, "");
    assert!(code == 2 && error.contains("there is no line for rank"), "{error}");
    fs::write(path.join("s.csv"), filled(&sheet, "y")).unwrap();
    let (code, text, error) = run(path, &args, "");
    assert!(code == 0 && text.contains("s-test.csv"), "{text}{error}");
    let sheet = fs::read_to_string(path.join("s-test.csv")).unwrap();
    fs::write(path.join("s-test.csv"), filled(&sheet, "yes")).unwrap();
    let (code, json, error) = run(path, &with(&["--ask", "40", "--sheet", "s.csv", "--json"]), "");
    assert_eq!(code, 0, "{error}");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["certificate"]["answers"], &json["certificate"]["complete"]),
        (&40.into(), &true.into())
    );
}

#[test]
fn lists_of_wrong_labels_do_not_call_them_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_set(path);
    for out in ["w.html", "w.json"] {
        let (code, _, error) = run(path, &with(&["--wrong", "--out", out]), "");
        assert_eq!(code, 0, "{error}");
        let text = fs::read_to_string(path.join(out)).unwrap();
        assert!(text.contains("wrong") && !text.contains("missing"), "{text}");
    }
}

#[test]
fn labels_are_not_corrected_without_answers_or_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_set(path);
    let (code, _, error) = run(path, &with(&["--apply", "new"]), "");
    assert!(code == 2 && error.contains("needs answers") && !path.join("new").exists(), "{error}");
    let (code, _, error) = run(path, &with(&["--apply", "new", "--top", "5"]), "");
    assert_eq!(code, 0, "{error}");
    assert_eq!(fs::read_to_string(path.join("new/diff.csv")).unwrap().lines().count(), 6);
    let missing = ["--out", "nowhere/list.csv"];
    for wrong in [
        &["--ask", "3"][..],
        &["--ask", "40", "--fdr", "0"],
        &["--folds", "1"],
        &["--answers", "a"],
        &missing,
    ] {
        let (code, text, _) = run(path, &[&DATA[..], wrong].concat(), "");
        assert_eq!((code, text.as_str()), (2, ""), "{wrong:?}");
    }
}

/// Features of r0 to r159, labels of x0 to x9 and of r0 to r149 backwards, and test rows. The class `cat` is the sign of the first
/// feature, `dog` that of the second, and every third label is missing.
fn write_two_orders(folder: &Path) {
    let save = |name: &str, rows: usize, values: Vec<f32>| {
        let array = lacuna_formats::NpyArray::new(vec![rows, 2], lacuna_formats::NpyData::F32(values));
        array.unwrap().save(lacuna_formats::Destination::replacing(&folder.join(name))).unwrap();
    };
    let value = |i: usize| (i as f32 * 12.9898).sin();
    save("x.npy", 160, (0..320).map(value).collect());
    save("xt.npy", 60, (0..120).map(|i| value(i + 1_000)).collect());
    let names: String = (0..160).map(|row| format!("r{row}\n")).collect();
    fs::write(folder.join("names.txt"), names).unwrap();
    let seen = |i: usize| i32::from(value(i) > 0.0 && !(i / 2 + i).is_multiple_of(3));
    let mut labels = String::from("id,cat,dog\n");
    (0..10).for_each(|row| labels += &format!("x{row},{},{}\n", row % 2, row / 5));
    (0..150).rev().for_each(|row| labels += &format!("r{row},{},{}\n", seen(2 * row), seen(2 * row + 1)));
    fs::write(folder.join("y.csv"), labels).unwrap();
    let truth = (0..60).map(|row| {
        let of = |class: usize| u8::from(value(1_000 + 2 * row + class) > 0.0);
        format!("t{row},{},{}\n", of(0), of(1))
    });
    fs::write(folder.join("yt.csv"), format!("id,cat,dog\n{}", truth.collect::<String>())).unwrap();
    let names: String = (0..60).map(|row| format!("t{row}\n")).collect();
    fs::write(folder.join("test_names.txt"), names).unwrap();
}

const TWO: [&str; 8] =
    ["--features", "x.npy", "--names", "names.txt", "--labels", "y.csv", "--label-convention", "binary-an"];

#[test]
fn corrected_labels_have_the_rows_of_the_file_in_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_two_orders(path);
    let (code, text, error) = run(path, &[&TWO[..], &["--apply", "new", "--top", "12"]].concat(), "");
    assert_eq!(code, 0, "{error}");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains(
            "labels.npy has the 160 rows of y.csv in the order of that file, 10 of which were not audited"
        ) && words.contains("rows.txt names them"),
        "{words}"
    );
    let names = fs::read_to_string(path.join("new/rows.txt")).unwrap();
    let names: Vec<&str> = names.lines().collect();
    assert_eq!((names.len(), names[0], names[10], names[159]), (160, "x0", "r149", "r0"));
    let (rows, classes, after) = {
        let array = lacuna_formats::NpyArray::open(path.join("new/labels.npy")).unwrap();
        array.into_f32_matrix().unwrap()
    };
    assert_eq!((rows, classes), (160, 2));
    let csv = fs::read_to_string(path.join("y.csv")).unwrap();
    let mut expected: Vec<f32> = csv
        .lines()
        .skip(1)
        .flat_map(|line| line.split(',').skip(1).map(|cell| cell.parse::<f32>().unwrap()).collect::<Vec<_>>())
        .collect();
    let diff = fs::read_to_string(path.join("new/diff.csv")).unwrap();
    assert!(diff.starts_with("rank,row,class,row_index,class_index,old,new,answered\n1,r"), "{diff}");
    for line in diff.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let row: usize = fields[3].parse().unwrap();
        assert_eq!(names[row], fields[1], "{line}");
        assert_eq!(fields[5..], ["0", "1", "false"], "{line}");
        expected[2 * row + usize::from(fields[2] == "dog")] = 1.0;
    }
    assert_eq!(diff.lines().count(), 13);
    assert_eq!(after, expected);
    // The table with all names trains: rows are joined by name, and classes keep theirs.
    let train =
        ["train", "--features", "x.npy", "--names", "names.txt", "--labels", "new/labels.csv", "--complete"];
    let (code, text, error) = lacuna(path, &[&train[..], &["--json", "--out", "head"]].concat());
    assert_eq!(code, 0, "{text}{error}");
    assert!(text.contains("\"rows\":150"), "{text}");
    let head = fs::read_to_string(path.join("head/head.json")).unwrap();
    assert!(head.contains("\"cat\"") && head.contains("\"dog\""), "{head}");
    // Rows that were not picked keep theirs too.
    fs::write(path.join("some.txt"), (0..140).map(|row| format!("r{row}\n")).collect::<String>()).unwrap();
    let picked = ["--rows", "some.txt", "--apply", "some", "--top", "12", "--json"];
    let (code, text, error) = run(path, &[&TWO[..], &picked].concat(), "");
    assert_eq!(code, 0, "{error}");
    assert!(text.contains("20 of which were not audited"), "{text}");
    let array = lacuna_formats::NpyArray::open(path.join("some/labels.npy")).unwrap();
    assert_eq!(array.shape(), [160, 2]);
}

#[test]
fn a_head_of_the_corrected_labels_is_measured_beside_one_of_the_given_labels() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_two_orders(path);
    let (code, _, error) = run(path, &[&TWO[..], &["--retrain", "head"]].concat(), "");
    assert!(code == 2 && error.contains("--retrain needs answers"), "{error}");
    let (code, text, error) = run(path, &[&TWO[..], &["--retrain", "head", "--top", "20"]].concat(), "");
    assert_eq!(code, 0, "{error}");
    assert!(error.contains("nobody knows how many of them are wrong"), "{error}");
    assert!(text.contains("nothing was measured") && path.join("head/head.safetensors").exists(), "{text}");
    let (code, _, error) = run(path, &[&TWO[..], &["--retrain", "head", "--top", "20"]].concat(), "");
    assert!(code == 2 && error.contains("head.safetensors"), "{error}");
    // With questions: nothing before the last answer.
    let rows = ["--test", "xt.npy", "--test-names", "test_names.txt", "--test-labels", "yt.csv"];
    let test = [&rows[..], &["--retrain", "better"]].concat();
    let ask = [&TWO[..], &test, &["--ask", "40", "--sheet", "s.csv"]].concat();
    let (code, _, error) = run(path, &ask, "");
    assert!(code == 0 && error.contains("wait for the answers") && !path.join("better").exists(), "{error}");
    for sheet in ["s.csv", "s-test.csv"] {
        let text = fs::read_to_string(path.join(sheet)).unwrap();
        let filled = text.lines().enumerate().map(|(i, line)| {
            let mut fields = line.split(',');
            let row: Option<usize> = fields.nth(1).and_then(|name| name.strip_prefix('r')?.parse().ok());
            let class = usize::from(fields.next() == Some("dog"));
            let value = |row: usize| ((2 * row + class) as f32 * 12.9898).sin();
            match (i, row) {
                (0, _) => format!("{line}\n"),
                (_, row) => format!("{line}{}\n", if value(row.unwrap()) > 0.0 { "y" } else { "n" }),
            }
        });
        let filled: String = filled.collect();
        fs::write(path.join(sheet), filled).unwrap();
        assert_eq!(run(path, &[&ask[..], &["--force"]].concat(), "").0, 0);
    }
    let (code, text, error) = run(path, &[&ask[..], &["--force"]].concat(), "");
    assert_eq!(code, 0, "{error}");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("test mAP ") && words.contains("95 % by paired bootstrap of 60 test rows"),
        "{words}"
    );
    let (code, json, error) = run(path, &[&ask[..], &["--force", "--json"]].concat(), "");
    assert_eq!(code, 0, "{error}");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let gain = &json["retrained"]["gain"];
    let number = |name: &str| gain[name].as_f64().unwrap();
    assert!(number("low") <= number("difference") && number("difference") <= number("high"), "{gain}");
    assert!((number("after") - number("before") - number("difference")).abs() < 1e-9, "{gain}");
    assert_eq!(json["retrained"]["loss"], "label-frequency");
    // The head is the one that was measured.
    let mut eval = Command::cargo_bin("lacuna").unwrap();
    let eval = eval.current_dir(path).args([
        "eval",
        "--model",
        "better",
        "--features",
        "xt.npy",
        "--labels",
        "yt.csv",
        "--names",
        "test_names.txt",
    ]);
    let output = eval.args(["--complete", "--metrics", "map-present", "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let eval: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = eval.to_string();
    assert!(text.contains(&format!("{}", number("after"))), "{text} {gain}");
}

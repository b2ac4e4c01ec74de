//! What is refused, and what has to be said.

use crate::{ROWS, data, json, lacuna, npy, with};
use lacuna_formats::{NpyArray, NpyData};
use std::fs;

#[test]
fn labels_that_may_be_incomplete_are_asked_about() {
    let folder = data();
    let path = folder.path();
    for command in ["train", "eval", "thresholds", "calibrate", "compare"] {
        if command != "train" && !path.join("head").exists() {
            assert_eq!(lacuna(path, &with("train", &["--complete"])).0, 0);
        }
        let (code, text, error) = lacuna(path, &with(command, &[]));
        assert_eq!((code, &*text), (2, ""), "{command}");
        assert!(error.contains("y.npy") && error.contains("--complete"), "{command}: {error}");
        assert!(error.contains("--label-convention binary-an"), "{command}: {error}");
    }
    // Numbers with -1 name the convention that is missing; with it nothing is open.
    let seen = ["train", "--features", "x.npy", "--labels", "seen.npy", "--out", "seen"];
    let (code, _, error) = lacuna(path, &seen);
    assert!(code == 2 && error.contains("--label-convention spml"), "{error}");
    let done = json(path, &[&seen[..], &["--label-convention", "spml"]].concat());
    assert!(done["notes"][0].as_str().unwrap().contains("144 unknown"), "{}", done["notes"]);
    // Lists.
    let tags =
        ["train", "--features", "x.npy", "--names", "names.txt", "--labels", "tags.csv", "--out", "tags"];
    let (code, _, error) = lacuna(path, &tags);
    assert!(code == 2 && error.contains("--unlisted unknown"), "{error}");
    // One row has no tag, so that --unlisted joins fewer rows by name.
    let done = json(path, &[&tags[..], &["--unlisted", "unknown"]].concat());
    assert_eq!(done["classes"], 3);
    // A class that a spreadsheet would take for a formula.
    let predict = ["predict", "--model", "tags", "--features", "x.npy", "--out"];
    assert_eq!(lacuna(path, &[&predict[..], &["wide.csv"]].concat()).0, 0);
    assert_eq!(lacuna(path, &[&predict[..], &["long.csv", "--top", "3"]].concat()).0, 0);
    for file in ["wide.csv", "long.csv"] {
        let csv = fs::read_to_string(path.join(file)).unwrap();
        assert!(csv.contains("'=cmd()") && !csv.contains(",=cmd()"), "{csv}");
    }
    for complete in [&["--unlisted", "negative"][..], &["--complete"]] {
        let done = json(path, &[&tags[..], complete, &["--force"]].concat());
        assert!(done["notes"].to_string().contains("and 0 unknown cells"), "{}", done["notes"]);
    }
    // A table of 1 and 0 without a blank cell: what is said of blank cells is no answer.
    let wide: String = (0..ROWS).map(|row| format!("{row}.jpg,{},{}\n", row % 2, row / 2 % 2)).collect();
    fs::write(path.join("wide01.csv"), format!("id,a,b\n{wide}")).unwrap();
    let table =
        ["train", "--features", "x.npy", "--names", "names.txt", "--labels", "wide01.csv", "--out", "w"];
    let (code, _, error) = lacuna(path, &[&table[..], &["--unlisted", "unknown"]].concat());
    assert!(code == 2 && error.contains("--label-convention binary-an"), "{error}");
    assert_eq!(lacuna(path, &[&table[..], &["--label-convention", "binary-an"]].concat()).0, 0);
    let both = [&tags[..], &["--complete", "--unlisted", "unknown"]].concat();
    assert!(lacuna(path, &both).2.contains("cannot be used with"));
    // Zeros that are unknown, and one positive a row, which is told.
    let single: Vec<u8> = (0..ROWS * 3).map(|i| u8::from(i % 3 == i / 3 % 3)).collect();
    npy(path, "single.npy", [ROWS, 3], NpyData::U8(single));
    let single = ["train", "--features", "x.npy", "--labels", "single.npy", "--out", "single"];
    let (code, _, error) = lacuna(path, &single);
    assert!(code == 2 && error.contains("no row has more than one positive"), "{error}");
    let done = json(path, &[&single[..], &["--label-convention", "binary-an"]].concat());
    assert!(done["notes"][0].as_str().unwrap().contains("480 unknown"), "{}", done["notes"]);
}

#[test]
fn what_is_refused_says_what_to_do() {
    let folder = data();
    let path = folder.path();
    let folders: String = (0..ROWS).map(|row| format!("img/{row}.jpg\n")).collect();
    fs::write(path.join("folders.txt"), folders).unwrap();
    let ones: String = (0..ROWS).step_by(3).map(|row| format!("{row}.jpg,cat\n")).collect();
    fs::write(path.join("one.csv"), format!("image,label\n{ones}")).unwrap();
    npy(path, "transposed.npy", [3, ROWS], NpyData::U8(vec![1; 3 * ROWS]));
    let ids = NpyArray::new(vec![ROWS], NpyData::I64(vec![1; ROWS])).unwrap();
    ids.save(&*path.join("ids.npy")).unwrap();
    let named = "--features x.npy --names names.txt";
    for (command, expected) in [
        (
            "train --features x.npy --names folders.txt --labels tags.csv --unlisted unknown",
            &["`0.jpg` here, `img/0.jpg` there", "--match file-name joins them"][..],
        ),
        (
            &format!("train {named} --labels one.csv --unlisted unknown"),
            &["every label is positive", "`NAME,`"],
        ),
        ("train --features x.npy --labels transposed.npy --complete", &["transposed", "here 240 x 3"]),
        (
            "train --features x.npy --labels ids.npy --complete",
            &["rank 1, expected 2", "columns `id` and `label`"],
        ),
        ("train --features y.npy --labels x.npy --complete", &["expected -1, 0 or 1", "with --features"]),
        (&format!("train {named} --labels names.txt"), &["missing comma", "--names"]),
        (
            &format!("train {named} --labels tags.csv --unlisted unknown --loss nosuch"),
            &["`repro losses list`"],
        ),
        (&format!("train {named} --labels tags.csv --unlisted unknown --out names.txt"), &["it is a file"]),
        ("predict --model h --features x.npy --out nosuch/p.csv", &["there is no folder nosuch: create it"]),
        (
            "thresholds --model h --features x.npy --labels y.npy --complete --out h2",
            &["--force replaces it"],
        ),
        (
            &format!("eval --model cats {named} --labels one.csv --complete"),
            &["have no class in common", "need the names"],
        ),
        ("convert y.npy --labels-only --out z.jsonl", &["--labels FILE"]),
    ] {
        if command.starts_with("predict") {
            for out in ["h", "h2"] {
                assert_eq!(lacuna(path, &with("train", &["--complete", "--out", out])).0, 0);
            }
            fs::write(path.join("two.csv"), "image,label\n1.jpg,a\n2.jpg,b\n3.jpg,b\n4.jpg,a\n").unwrap();
            let two = ["--names", "names.txt", "--unlisted", "negative", "--out", "cats"];
            let (code, _, error) =
                lacuna(path, &[&["train", "--features", "x.npy", "--labels", "two.csv"][..], &two].concat());
            assert_eq!(code, 0, "{error}");
        }
        let (code, text, error) = lacuna(path, &command.split(' ').collect::<Vec<_>>());
        assert_eq!((code, &*text), (2, ""), "{command}: {error}");
        assert!(expected.iter().all(|part| error.contains(part)), "{command}: {error}");
        // One line, where nobody sees it on a terminal.
        assert_eq!(error.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{error}");
    }
}

#[test]
fn smaller_confidences_are_negative_or_unknown_as_is_said() {
    let folder = data();
    let path = folder.path();
    let lines: String =
        (0..ROWS).map(|row| format!("{row}.jpg,0.{},0.{}\n", row % 10, row / 10 % 10)).collect();
    fs::write(path.join("conf.csv"), format!("id,a,b\n{lines}")).unwrap();
    let train =
        ["train", "--features", "x.npy", "--names", "names.txt", "--labels", "conf.csv", "--out", "c"];
    let (code, _, error) = lacuna(path, &train);
    assert!(code == 2 && error.contains("--positive-above P") && error.contains("binary-an"), "{error}");
    let above = [&train[..], &["--positive-above", "0.5"]].concat();
    let (code, _, error) = lacuna(path, &above);
    assert!(code == 2 && error.contains("--complete if they are negatives"), "{error}");
    let (code, _, error) = lacuna(path, &[&above[..], &["--label-convention", "spml"]].concat());
    assert!(code == 2 && error.contains("--complete") && error.contains("binary-an"), "{error}");
    for (more, counts) in [
        (&["--complete"][..], "176 positive, 304 negative and 0 unknown"),
        (&["--label-convention", "binary-an"], "176 positive, 0 negative and 304 unknown"),
    ] {
        let done = json(path, &[&above[..], more, &["--force"]].concat());
        assert!(done["notes"].to_string().contains(counts), "{}", done["notes"]);
    }
}

#[test]
fn test_lists_may_be_complete_beside_training_lists_that_are_not() {
    let folder = data();
    let path = folder.path();
    let data = ["train", "--features", "x.npy", "--names", "names.txt", "--labels", "tags.csv"];
    let test = ["--test", "x.npy", "--test-names", "names.txt", "--test-labels", "tags.csv", "--force"];
    let train = [&data[..], &test, &["--unlisted", "unknown"]].concat();
    let done = json(path, &train);
    assert_eq!(done["measured"][0]["assuming_negative"], true);
    assert!(lacuna(path, &train).1.replace("\n    ", " ").contains("--test-unlisted negative"));
    let done = json(path, &[&train[..], &["--test-unlisted", "negative"]].concat());
    assert_eq!(done["measured"][0]["assuming_negative"], false);
    assert!(done["notes"].to_string().contains(" 0 negative and"), "{}", done["notes"]);
    // What the numbers of the training labels mean says nothing of the lists of the test rows.
    let wide: String = (0..ROWS).map(|row| format!("{row}.jpg,{},{},0\n", row % 2, row / 2 % 2)).collect();
    fs::write(path.join("wide.csv"), format!("id,cat,dog,=cmd()\n{wide}")).unwrap();
    let wide = ["train", "--features", "x.npy", "--names", "names.txt", "--labels", "wide.csv"];
    let wide = [&wide[..], &test, &["--label-convention", "binary-an"]].concat();
    let (code, _, error) = lacuna(path, &wide);
    assert!(code == 2 && error.contains("test labels list positives"), "{error}");
    assert!(error.contains("--test-unlisted negative"), "{error}");
    let done = json(path, &[&wide[..], &["--test-unlisted", "negative"]].concat());
    assert_eq!(done["measured"][0]["assuming_negative"], false);
    let (code, _, error) =
        lacuna(path, &[&data[..], &["--unlisted", "unknown", "--test-unlisted", "negative"]].concat());
    assert!(code == 2 && error.contains("need test rows"), "{error}");
}

#[test]
fn rows_without_a_line_and_classes_in_two_spellings_are_told() {
    let folder = data();
    let path = folder.path();
    fs::write(path.join("few.csv"), "image,label\n0.jpg,Trees\n1.jpg,trees\n2.jpg,\n").unwrap();
    let args = ["doctor", "--features", "x.npy", "--names", "names.txt", "--labels", "few.csv"];
    let (_, text, error) = lacuna(path, &args);
    assert!(
        text.contains("3 rows") && error.contains("a line `3.jpg,` with an empty label keeps"),
        "{text}{error}"
    );
    assert!(error.contains("`Trees` and `trees` differ in capital letters"), "{error}");
}

#[test]
fn features_and_labels_need_no_data_in_any_command() {
    let folder = data();
    let path = folder.path();
    let (code, text, error) = lacuna(path, &with("doctor", &[]));
    assert!(code == 0 && text.contains("240 rows, 4 features, 3 classes"), "{text}{error}");
    assert!(text.starts_with("x.npy\n"), "{text}");
    assert_eq!(lacuna(path, &with("mask", &["--out", "m.npy"])).0, 0);
    assert!(path.join("m.npy").exists());
    let (code, _, error) = lacuna(path, &["doctor", "--features", "resnet50"]);
    assert!(code == 2 && error.contains("--features resnet50: there is no such file"), "{error}");
    let (code, _, error) = lacuna(path, &["doctor", "--labels", "y.npy"]);
    assert!(code == 2 && error.contains("--features FILE"), "{error}");
    // Beside data it is the name of its features.
    let (code, _, error) = lacuna(path, &["doctor", "x.npy", "--features", "resnet50"]);
    assert!(code == 0 || !error.contains("there is no such file"), "{error}");
    let (code, _, error) = lacuna(path, &with("train", &["--complete", "--strong", "x.npy"]));
    assert!(code == 2 && error.contains("--strong"), "{error}");
}

/// `--format` is that of the labels where the features are an array, which says itself what it is.
#[test]
fn a_format_beside_an_array_is_that_of_the_labels() {
    let folder = data();
    let path = folder.path();
    let list: String = (0..ROWS).map(|row| format!("im{row}.png,{}\n", row % 3)).collect();
    fs::write(path.join("list.csv"), list).unwrap();
    let args = ["doctor", "--features", "x.npy", "--labels", "list.csv", "--match", "row"];
    let (code, _, error) = lacuna(path, &[&args[..], &["--unlisted", "unknown"]].concat());
    assert_eq!(code, 2);
    assert!(error.contains("add a line such as `id,cat,dog`"), "{error}");
    let (code, text, error) = lacuna(path, &[&args[..], &["--format", "label-list"]].concat());
    assert_eq!(code, 0, "{text}{error}");
}

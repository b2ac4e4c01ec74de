//! Help texts, completions and pages; the examples of every help text fit, and those that a small folder can run end with 0.

use crate::{ROWS, coco, lacuna, noise, npy};
use lacuna::cli::program::command;
use lacuna_formats::NpyData;
use std::fs;
use std::path::Path;

#[test]
fn completions_and_pages_name_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let program = command();
    let commands: Vec<&str> = program.get_subcommands().map(clap::Command::get_name).collect();
    assert_eq!(commands.len(), 14, "{commands:?}");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (code, text, _) = lacuna(path, &["completions", shell]);
        assert_eq!(code, 0);
        assert!(commands.iter().all(|command| text.contains(command)), "{shell}");
    }
    assert_eq!(lacuna(path, &["man", "pages/man1"]).0, 0);
    let page = |name: &str| fs::read_to_string(path.join("pages/man1").join(name)).unwrap();
    assert!(page("lacuna.1").contains("lacuna\\-train"));
    for &command in &commands {
        assert!(page(&format!("lacuna-{command}.1")).contains(".SH NAME"), "{command}");
        // The last part of the help: examples and exit codes, in 80 columns.
        let (code, text, _) = lacuna(path, &[command, "--help"]);
        assert_eq!(code, 0);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{command}: {text}");
        assert!(text.contains("Examples:\n  lacuna"), "{command}");
    }
    fs::write(path.join("file"), "").unwrap();
    assert_eq!(lacuna(path, &["man", "file"]).0, 2);
}

/// Every help text with the name of its command.
fn texts() -> Vec<(String, String)> {
    let program = command();
    let of = |command: &clap::Command| {
        let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        (command.get_name().to_string(), text)
    };
    std::iter::once(of(&program)).chain(program.get_subcommands().map(of)).collect()
}

/// The examples of a text: the arguments behind `lacuna`, without comments.
fn examples(text: &str) -> Vec<Vec<String>> {
    let text = text.replace("\\\n", " ");
    let lines = text.lines().filter_map(|line| line.strip_prefix("  lacuna "));
    let words = |line: &str| {
        // A comment stands behind three blanks, an argument behind one or, on a line of its own, behind five.
        let line = match line.split_once("   ") {
            Some((command, rest)) if !rest.trim_start().starts_with("--") => command,
            _ => line,
        };
        line.split_whitespace().map(String::from).collect()
    };
    lines.map(words).collect()
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(String::from).collect()
}

/// The files that the examples name, of three classes.
fn prepare(path: &Path) {
    let x: Vec<f32> = (0..ROWS * 4).map(noise).collect();
    let positive = |cell: usize| x[cell / 3 * 4 + cell % 3] > 0.1;
    let y: Vec<u8> = (0..ROWS * 3).map(|cell| u8::from(positive(cell))).collect();
    let names: String = (0..ROWS).map(|row| format!("{row}.jpg\n")).collect();
    fs::write(path.join("names.txt"), names).unwrap();
    let wide = |blank: bool| -> String {
        let cell =
            |row: usize, class: usize| match (blank && (row + class).is_multiple_of(7), y[row * 3 + class]) {
                (true, _) => String::new(),
                (false, label) => label.to_string(),
            };
        let line = |row| format!("{row}.jpg,{},{},{}\n", cell(row, 0), cell(row, 1), cell(row, 2));
        "id,class 0,class 1,class 2\n".to_string() + &(0..ROWS).map(line).collect::<String>()
    };
    fs::write(path.join("y.csv"), wide(true)).unwrap();
    fs::write(path.join("labels.csv"), wide(false)).unwrap();
    let tag = |cell: usize| format!("{}.jpg,class {}\n", cell / 3, cell % 3);
    let tags: String = (0..ROWS * 3).filter(|&cell| positive(cell)).map(tag).collect();
    fs::write(path.join("tags.csv"), format!("image,label\n{tags}")).unwrap();
    for file in ["x.npy", "clip.npy", "new.npy", "v.npy"] {
        npy(path, file, [ROWS, 4], NpyData::F32(x.clone()));
    }
    npy(path, "xt.npy", [ROWS, 4], NpyData::F32((0..ROWS * 4).map(|i| noise(i + 5_000)).collect()));
    for file in ["y.npy", "yt.npy", "vy.npy"] {
        npy(path, file, [ROWS, 3], NpyData::U8(y.clone()));
    }
    let images: Vec<String> = (1..=20)
        .map(|id| format!(r#"{{"id":{id},"file_name":"{id}.jpg","width":100,"height":100}}"#))
        .collect();
    let boxes: Vec<String> = (1..=40)
        .map(|id| {
            let (image, class) = ((id + 1) / 2, 1 + id % 2);
            format!(r#"{{"id":{id},"image_id":{image},"category_id":{class},"area":{id},"bbox":[1,2,9,8]}}"#)
        })
        .collect();
    fs::write(path.join("instances.json"), coco(&images, &boxes)).unwrap();
    for line in [
        "convert --features x.npy --names names.txt --match row --labels y.npy --out x.npz",
        "convert --features x.npy --labels y.npy --test xt.npy --test-labels yt.npy --out features/",
        "train --features x.npy --labels y.npy --complete --val 0.5",
    ] {
        let (code, _, error) = lacuna(path, &line.split(' ').collect::<Vec<_>>());
        assert_eq!(code, 0, "{line}: {error}");
    }
}

/// Files of a folder and its folders, copied.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[test]
fn no_line_of_the_examples_is_broken_and_every_text_names_the_exit_codes() {
    for (name, text) in texts() {
        assert!(text.lines().all(|line| line.chars().count() <= 78), "{name}: {text}");
        assert!(text.starts_with("Examples:\n  lacuna ") && text.contains("Exit codes:"), "{name}: {text}");
        assert!(!examples(&text).is_empty(), "{name}");
    }
}

#[test]
fn the_examples_of_the_help_run() {
    let prepared = tempfile::tempdir().unwrap();
    prepare(prepared.path());
    // An audit takes seconds and answers, and the last two have a test of their own.
    let left = ["lacuna", "audit", "completions", "man"];
    let mut ran = 0;
    for (name, text) in texts().into_iter().filter(|(name, _)| !left.contains(&name.as_str())) {
        for mut args in examples(&text) {
            assert_eq!(args[0], name);
            // Embedded sets take seconds; what they add is the data.
            if args.contains(&"openclipart".to_string()) {
                continue;
            }
            let folder = tempfile::tempdir().unwrap();
            copy(prepared.path(), folder.path());
            // The outputs of the preparation, and of an example whose output another one reads.
            let out = args.iter().position(|arg| arg == "--out").map(|i| args[i + 1].clone());
            if let Some(out) = out.filter(|out| *out != "features/") {
                let _ = fs::remove_file(folder.path().join(out));
            }
            match name.as_str() {
                "train" => fs::remove_dir_all(folder.path().join("head")).unwrap(),
                "compare" => args.extend(words("--seeds 2 --resamples 20")),
                "make" if args.contains(&"--train-rows".into()) => {}
                "make" => args.extend(words("--train-rows 200 --test-rows 100")),
                _ => {}
            }
            let (code, _, error) =
                lacuna(folder.path(), &args.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(code, 0, "lacuna {}: {error}", args.join(" "));
            ran += 1;
        }
    }
    assert!(ran > 30, "{ran}");
}

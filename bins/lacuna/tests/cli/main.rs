//! The program as a user meets it.
#![allow(clippy::print_stdout, reason = "a test says what it skipped and counted")]

mod asked;
mod converting;
mod data_sets;
mod heads;
mod help;
mod hostile_names;
#[cfg(unix)]
#[path = "../killed/mod.rs"]
mod killed;
mod kills;
mod limits;
mod pages;
mod refused;
#[cfg(unix)]
#[path = "../refused_calls/mod.rs"]
mod refused_calls;
mod wrong_numbers;

use assert_cmd::Command;
use lacuna_formats::{NpyArray, NpyData};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Exit code, standard output, standard error.
fn lacuna(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("lacuna").unwrap().current_dir(folder).args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// The JSON output of a command that ends with 0.
fn json(folder: &Path, args: &[&str]) -> Value {
    let (code, text, error) = lacuna(folder, &[args, &["--json"]].concat());
    assert_eq!(code, 0, "{args:?}: {error}");
    serde_json::from_str(&text).unwrap()
}

fn npy(folder: &Path, name: &str, shape: [usize; 2], data: NpyData) {
    NpyArray::new(shape.to_vec(), data).unwrap().save(&*folder.join(name)).unwrap();
}

/// A number from -1 to 1 that looks random.
fn noise(i: usize) -> f32 {
    ((i as f32 * 12.9898).sin() * 43_758.547).fract()
}

const ROWS: usize = 240;

/// `x.npy`, its names, complete labels `y.npy`, the same with unknown cells `seen.npy`, and tags. Three classes, by the signs
/// of three of four features with some noise.
fn data() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let x: Vec<f32> = (0..ROWS * 4).map(noise).collect();
    let truth = |row: usize, class: usize| x[row * 4 + class] + 0.3 * noise(7777 + row * 3 + class) > 0.1;
    let cells = || (0..ROWS * 3).map(|i| truth(i / 3, i % 3));
    let y: Vec<u8> = cells().map(u8::from).collect();
    let seen = cells().enumerate().map(|(i, y)| match (i % 5, y) {
        (0, _) => 0,
        (_, true) => 1,
        (_, false) => -1,
    });
    npy(path, "seen.npy", [ROWS, 3], NpyData::I8(seen.collect()));
    let mut tags = "image,label\n".to_string();
    for (i, _) in cells().enumerate().filter(|(_, y)| *y) {
        tags += &format!("{}.jpg,{}\n", i / 3, ["cat", "dog", "=cmd()"][i % 3]);
    }
    fs::write(path.join("tags.csv"), tags).unwrap();
    let names: String = (0..ROWS).map(|row| format!("{row}.jpg\n")).collect();
    fs::write(path.join("names.txt"), names).unwrap();
    npy(path, "x.npy", [ROWS, 4], NpyData::F32(x));
    npy(path, "y.npy", [ROWS, 3], NpyData::U8(y));
    folder
}

const XY: [&str; 4] = ["--features", "x.npy", "--labels", "y.npy"];

fn with<'a>(command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&[command], &XY[..], more].concat()
}

/// Annotations of COCO: cats and dogs in pictures.
fn coco(images: &[String], annotations: &[String]) -> String {
    let [images, annotations] = [images, annotations].map(|items| items.join(","));
    format!(
        r#"{{"images":[{images}],"annotations":[{annotations}],"categories":[{{"id":1,"name":"cat"}},{{"id":2,"name":"dog"}}]}}"#
    )
}

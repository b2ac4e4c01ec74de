//! `--tensorboard`: the event files that a run leaves, read back.

use crate::{done, refused, repro, results, write_set};
use lacuna_formats::{Limits, TfRecords};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ARGS: [&str; 11] =
    ["run", "spml-linear", "--data", ".", "--seeds", "2", "--epochs", "3", "--batch", "8", "--loss"];

/// The event files of a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Reads TFRecord framing, checks both checksums bit by bit, and prints tag, step and value of every scalar.
const DECODER: &str = r"
import struct, sys
def crc(data):
    c = 0xffffffff
    for byte in data:
        c ^= byte
        for _ in range(8):
            c = c >> 1 ^ (0x82f63b78 if c & 1 else 0)
    c ^= 0xffffffff
    return ((c >> 15 | c << 17) + 0xa282ead8) & 0xffffffff
def varint(b, i):
    n = s = 0
    while True:
        n |= (b[i] & 127) << s; s += 7; i += 1
        if b[i - 1] < 128: return n, i
def fields(b):
    i, out = 0, []
    while i < len(b):
        key, i = varint(b, i)
        if key & 7 == 0: v, i = varint(b, i)
        elif key & 7 == 1: v, i = struct.unpack('<d', b[i:i+8])[0], i + 8
        elif key & 7 == 5: v, i = struct.unpack('<f', b[i:i+4])[0], i + 4
        else:
            n, i = varint(b, i); v, i = b[i:i+n], i + n
        out.append((key >> 3, v))
    return out
data, i, first = open(sys.argv[1], 'rb').read(), 0, True
while i < len(data):
    n = struct.unpack('<Q', data[i:i+8])[0]
    assert struct.unpack('<I', data[i+8:i+12])[0] == crc(data[i:i+8])
    event = data[i+12:i+12+n]
    assert struct.unpack('<I', data[i+12+n:i+16+n])[0] == crc(event)
    i += 16 + n
    event = dict(fields(event))
    if first: assert event[3] == b'brain.Event:2'; first = False; continue
    for _, value in fields(event[5]):
        value = dict(fields(value))
        print(value[1].decode(), event[2], repr(value[2]))
";

#[test]
fn every_run_has_a_folder_with_what_its_record_says() {
    let dir = tempfile::tempdir().unwrap();
    write_set(dir.path());
    done(dir.path(), &[&ARGS[..], &["an,splc", "--out", "without"]].concat());
    done(dir.path(), &[&ARGS[..], &["an,splc", "--out", "with", "--tensorboard", "events"]].concat());
    assert_eq!(results(&dir.path().join("with")), results(&dir.path().join("without")));
    let events = dir.path().join("events");
    let folders: Vec<String> =
        files(&events).iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(folders, ["an-seed0", "an-seed1", "splc-seed0", "splc-seed1"]);
    let one = files(&events.join("splc-seed1"));
    assert_eq!(one.len(), 1);
    let mut records = TfRecords::open(&one[0], &Limits::default()).unwrap();
    let mut count = 0;
    while records.next_record().unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 1 + 3 + 1, "the version, three epochs, the test rows");
    // Nothing is added for runs that are there.
    done(dir.path(), &[&ARGS[..], &["an,splc", "--out", "with", "--tensorboard", "events"]].concat());
    assert_eq!(files(&events.join("splc-seed1")), one);

    let Ok(output) = Command::new("python3").args(["-c", DECODER]).arg(&one[0]).output() else {
        println!("skipped: no python3");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let result = results(&dir.path().join("with"))
        .into_iter()
        .find(|result| result["loss"] == "splc" && result["seed"] == 1)
        .unwrap();
    let value = |tag: &str, step: usize| -> f64 {
        let start = format!("{tag} {step} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&start));
        line.unwrap_or_else(|| panic!("{start}: {text}")).parse().unwrap()
    };
    for step in 1..=3 {
        let loss = result["epoch_losses"][step - 1].as_f64().unwrap();
        assert_eq!(value("train/loss", step) as f32, loss as f32);
        let val = result["epoch_vals"][step - 1].as_f64();
        val.iter().for_each(|val| assert_eq!(value("val/map", step) as f32, *val as f32));
        assert!(value("train/learning_rate", step) > 0.0);
    }
    let map = result["metrics"]["map"]["value"].as_f64().unwrap();
    let best = result["best_epoch"].as_u64().unwrap() as usize;
    assert_eq!(value("test/map", best) as f32, map as f32);
}

#[test]
fn test_metrics_are_at_the_chosen_epoch_of_the_last_phase() {
    let dir = tempfile::tempdir().unwrap();
    write_set(dir.path());
    let spec = "name = \"two\"\ntitle = \"t\"\nsource = \"s\"\ndata = { path = \".\" }\n[training]\nepochs = 2\nbatch = 8\nlr = \
                1e-2\nseeds = 1\nreduction = \"mean\"\n[[training.phases]]\n[[training.phases]]\nepochs = 4\nstart = \
                \"last\"\n[evaluation]\nalso = [\"last\"]\n[[losses]]\nname = \"an\"\n";
    fs::write(dir.path().join("two.toml"), spec).unwrap();
    done(dir.path(), &["run", "--spec", "two.toml", "--out", "out", "--tensorboard", "events"]);
    let best = 2 + results(&dir.path().join("out"))[0]["best_epoch"].as_u64().unwrap();
    let one = files(&dir.path().join("events/an-seed0"));
    let Ok(output) = Command::new("python3").args(["-c", DECODER]).arg(&one[0]).output() else {
        println!("skipped: no python3");
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(&format!("test/map {best} ")) && text.contains("test/map.last 6 "), "{text}");
    assert_eq!(text.matches("test/map ").count(), 1);
}

#[test]
fn runs_that_are_there_get_a_note_and_no_empty_folder() {
    let dir = tempfile::tempdir().unwrap();
    write_set(dir.path());
    done(dir.path(), &[&ARGS[..], &["an", "--out", "out"]].concat());
    let again = |more: &[&str]| done(dir.path(), &[&ARGS[..], &["an", "--out", "out"], more].concat()).1;
    let said = again(&["--tensorboard", "new/events"]);
    assert!(said.contains("which are not trained again: 2 of 2; another --out trains them"), "{said}");
    assert!(!dir.path().join("new").exists());
    // Runs that are trained again for their heads have events.
    let said = again(&["--tensorboard", "new/events", "--save-models"]);
    assert!(!said.contains("not trained again"), "{said}");
    assert_eq!(files(&dir.path().join("new/events")).len(), 2);
    assert!(!again(&["--tensorboard", "new/events"]).contains("not trained again"));
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_before_the_first_run() {
    let dir = tempfile::tempdir().unwrap();
    write_set(dir.path());
    fs::write(dir.path().join("file"), "mine").unwrap();
    let args = [&ARGS[..], &["an", "--out", "out", "--tensorboard", "file/events"]].concat();
    let error = refused(dir.path(), &args);
    assert!(error.contains("--tensorboard") && error.contains("file/events"), "{error}");
    let error = refused(dir.path(), &["verify", "--tensorboard", "x"]);
    assert!(error.contains("keeps no results"), "{error}");
}

#[test]
fn events_that_cannot_be_written_end_no_run() {
    let dir = tempfile::tempdir().unwrap();
    write_set(dir.path());
    fs::create_dir(dir.path().join("events")).unwrap();
    ["an-seed0", "an-seed1"]
        .iter()
        .for_each(|name| fs::write(dir.path().join("events").join(name), "").unwrap());
    let args = [&ARGS[..], &["an", "--out", "out", "--tensorboard", "events", "--quiet"]].concat();
    let output = repro(dir.path()).args(args).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(error.matches("cannot be written").count(), 1, "{error}");
    assert_eq!(results(&dir.path().join("out")).len(), 2);
}

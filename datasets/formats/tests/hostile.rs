//! Files that were made to hurt: what every reader of the table answers, and how much memory it takes to say so.
//!
//! Tests of this file run one at a time, because they share the counting allocator.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test says what it skipped and counted")]

use lacuna_formats::{
    Compression, Cut, Destination, FORMATS, Format, MissingFeatures, NpyArray, NpyData, ReadOptions,
    open_data, write_npz,
};
use peak_alloc::PeakAlloc;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

#[global_allocator]
static PEAK: PeakAlloc = PeakAlloc;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// What `work` answers, and how many bytes beyond those in use before it held at most.
fn measured<T>(work: impl FnOnce() -> T) -> (T, usize, f64) {
    let before = PEAK.current_usage();
    PEAK.reset_peak_usage();
    let start = Instant::now();
    let answer = work();
    let seconds = start.elapsed().as_secs_f64();
    (answer, PEAK.peak_usage().saturating_sub(before), seconds)
}

const MIB: usize = 1 << 20;

/// Files of a small data set in a format, by their names; the first is the one to open, and to cut.
fn sample(format: &str) -> Vec<(&'static str, Vec<u8>)> {
    let npy = |shape: &[usize], data| {
        let mut bytes = Vec::new();
        NpyArray::new(shape.to_vec(), data).unwrap().write_to(&mut bytes).unwrap();
        bytes
    };
    let features = || npy(&[3, 2], NpyData::F32(vec![0.0, 0.5, 1.0, 1.5, 2.0, 2.5]));
    let labels = || npy(&[3, 2], NpyData::U8(vec![1, 0, 0, 1, 1, 1]));
    let text = |text: &str| text.as_bytes().to_vec();
    match format {
        "npy" => vec![("x.npy", features())],
        "npz" => {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("x.npz");
            let x = NpyArray::new(vec![3, 2], NpyData::F32(vec![0.0, 0.5, 1.0, 1.5, 2.0, 2.5])).unwrap();
            let y = NpyArray::new(vec![3, 2], NpyData::I64(vec![1, 0, 0, 1, 1, 1])).unwrap();
            write_npz(&path, &[("x", &x), ("y", &y)], Compression::Deflate).unwrap();
            vec![("x.npz", fs::read(path).unwrap())]
        }
        "safetensors" => {
            let header = r#"{"x":{"dtype":"F16","shape":[1,2],"data_offsets":[0,4]},"y":{"dtype":"U8","shape":[1,3],"data_offsets":[4,7]}}"#;
            let data = [0, 0x3c, 0, 0xbc, 1, 0, 1];
            vec![(
                "x.safetensors",
                [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat(),
            )]
        }
        "mat" => vec![("x.mat", mat())],
        "tfrecord" => vec![("x.tfrecord", TFRECORD.to_vec())],
        "spml" => vec![
            ("formatted_train_labels.npy", labels()),
            ("formatted_val_labels.npy", labels()),
            ("formatted_train_images.npy", npy(&[3], NpyData::Text(vec!["a", "b", "c"].into()))),
            ("formatted_val_images.npy", npy(&[3], NpyData::Text(vec!["d", "e", "f"].into()))),
            ("train_features_x.npy", features()),
            ("val_features_x.npy", features()),
        ],
        "mulan" => vec![
            (
                "x.arff",
                text(
                    "@relation x\n@attribute a real [0, 2]\n@attribute b{0,1} % label\n@attribute c {p,'q'}\n@data\n0.5,?,p\n2,0,q,\n",
                ),
            ),
            ("x.xml", text("<labels><label name=\"b\"/></labels>")),
        ],
        "shards" => vec![("img_emb_0.npy", features()), ("img_emb_1.npy", features())],
        "csv" => vec![("x.csv", text("id,cat,dog\na.jpg,1,0\n\"b,c\",,1\n"))],
        "jsonl" => vec![(
            "x.jsonl",
            text("{\"id\":\"a\",\"labels\":[\"cat\"]}\n{\"id\":\"b\",\"labels\":{\"cat\":0}}\n"),
        )],
        "coco" => vec![(
            "x.json",
            text(
                r#"{"images":[{"id":1,"file_name":"a","width":4,"height":3.5}],"annotations":[{"image_id":1,"category_id":"c2","bbox":[1,2,0,1e0],"area":2}],"categories":[{"id":"c2","name":"cat","supercategory":"x"}]}"#,
            ),
        )],
        "multi-hot" => vec![("x.txt", text("2\ncat dog\na.jpg -1 1\nb.jpg 1 -1\n"))],
        "label-list" => vec![("x.txt", text("a.jpg,3 12\nb.jpg, 0\n"))],
        "libsvm" => vec![("x.svm", text("# made\n2 3 4\n0, 3 0:0.5 2:1 # first\n 1:2\n"))],
        other => panic!("{other} has no sample: add one"),
    }
}

/// One example with its checksums: id a, labels 1 and 0, x = [0.5, 2].
const TFRECORD: [u8; 68] = [
    52, 0, 0, 0, 0, 0, 0, 0, 94, 51, 23, 92, 10, 50, 10, 11, 10, 2, 105, 100, 18, 5, 10, 3, 10, 1, 97, 10,
    16, 10, 6, 108, 97, 98, 101, 108, 115, 18, 6, 26, 4, 10, 2, 1, 0, 10, 17, 10, 1, 120, 18, 12, 18, 10, 10,
    8, 0, 0, 0, 63, 0, 0, 0, 64, 243, 218, 211, 163,
];

/// A file of MATLAB with one variable, X = [0 1; 2 3; 4 5].
fn mat() -> Vec<u8> {
    let part = |kind: u32, data: &[u8]| {
        let mut bytes = [kind.to_le_bytes(), (data.len() as u32).to_le_bytes()].concat();
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    };
    let numbers: Vec<u8> = [0.0_f64, 2.0, 4.0, 1.0, 3.0, 5.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    let header =
        [[6_u32, 0], [3, 2]].map(|pair| pair.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>());
    let variable = [part(6, &header[0]), part(5, &header[1]), part(1, b"X"), part(9, &numbers)].concat();
    let mut bytes = b"MATLAB 5.0 MAT-file".to_vec();
    bytes.resize(124, b' ');
    bytes.extend([0, 1, b'I', b'M']);
    bytes.extend(part(14, &variable));
    bytes
}

/// Writes a sample and says what to open.
fn write_sample(format: &Format, folder: &Path) -> PathBuf {
    let files = sample(format.name);
    for (name, bytes) in &files {
        fs::write(folder.join(name), bytes).unwrap();
    }
    if format.extensions.is_empty() { folder.into() } else { folder.join(files[0].0) }
}

#[test]
fn every_strict_prefix_is_an_error_or_a_shorter_file_where_the_table_says_so() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    for format in FORMATS {
        let folder = tempfile::tempdir().unwrap();
        let path = write_sample(format, folder.path());
        let options = ReadOptions::default();
        let whole = open_data(&path, &options).unwrap_or_else(|error| panic!("{}: {error}", format.name));
        let files = sample(format.name);
        for (name, bytes) in &files {
            let cut = folder.path().join(name);
            for length in 0..bytes.len() {
                fs::write(&cut, &bytes[..length]).unwrap();
                let read = format.read(&path, &options);
                // The XML list of labels ends with its last tag, whatever the ARFF does.
                let always = format.cut == Cut::Always || name.ends_with(".xml");
                match read {
                    Err(error) => {
                        let message = error.to_string();
                        assert!(message.contains(folder.path().to_str().unwrap()), "no path: {message}");
                        assert!(message.len() < 600, "{message}");
                    }
                    Ok(_) if always => panic!("{}: {length} of {} bytes of {name}", format.name, bytes.len()),
                    Ok(content) => {
                        let lines = bytes[..length].iter().filter(|&&byte| byte == b'\n').count();
                        assert!(content.train.rows() <= lines + 1, "{}: {length}", format.name);
                        assert!(content.train.rows() <= whole.train.rows(), "{}: {length}", format.name);
                    }
                }
            }
            fs::write(&cut, bytes).unwrap();
        }
        format.read(&path, &options).unwrap();
    }
}

/// A file of lines that was cut inside its last line is often still a file; the missing line end is what is left to see.
#[test]
fn a_last_line_without_an_end_is_noted() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let mut formats = 0;
    let lines = |format: &&Format| matches!(format.cut, Cut::BetweenLines | Cut::WithoutHeader);
    for format in FORMATS.iter().filter(lines) {
        let folder = tempfile::tempdir().unwrap();
        let path = write_sample(format, folder.path());
        let notes = || format.read(&path, &ReadOptions::default()).unwrap().train.notes;
        let before = notes();
        assert!(before.iter().all(|note| !note.contains("line end")), "{}", format.name);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, bytes.strip_suffix(b"\n").unwrap()).unwrap();
        let expected =
            format!("{}: the last line has no line end: the file may have been cut", path.display());
        assert_eq!(notes(), [before, vec![expected]].concat(), "{}", format.name);
        formats += 1;
    }
    assert_eq!(formats, 6);
}

#[test]
fn no_changed_byte_makes_a_reader_panic() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    for format in FORMATS {
        let folder = tempfile::tempdir().unwrap();
        let path = write_sample(format, folder.path());
        // Folders of arrays are what their arrays are.
        for (name, bytes) in sample(format.name).into_iter().take(2) {
            let file = folder.path().join(name);
            for at in 0..bytes.len() {
                for byte in [b'\n', b'"', b'9', 0xff, bytes[at] ^ 1] {
                    let mut changed = bytes.clone();
                    changed[at] = byte;
                    fs::write(&file, changed).unwrap();
                    // Either answer is fine; what counts is that there is one.
                    let (_, peak, _) = measured(|| format.read(&path, &ReadOptions::default()).map(drop));
                    assert!(peak < 2 * MIB, "{}: byte {at} = {byte} takes {peak} bytes", format.name);
                }
            }
            fs::write(&file, bytes).unwrap();
        }
    }
}

/// What the fuzzer started from and what it found: every file of a corpus is read or refused, within four times its size
/// and 1 MiB.
#[test]
fn the_corpus_of_the_fuzzer_is_replayed() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for format in FORMATS {
        let folder = tempfile::tempdir().unwrap();
        let path = write_sample(format, folder.path());
        let files = sample(format.name);
        let target = format.name.replace('-', "_");
        let mut targets = vec![(target.clone(), files[0].0)];
        if let Some((name, _)) = files.iter().find(|(name, _)| name.ends_with(".xml")) {
            targets.push((target + "_xml", name));
        }
        for (target, name) in targets {
            let entries =
                fs::read_dir(corpus.join(&target)).unwrap_or_else(|e| panic!("{target} has no corpus: {e}"));
            let mut count = 0;
            for entry in entries {
                let bytes = fs::read(entry.unwrap().path()).unwrap();
                fs::write(folder.path().join(name), &bytes).unwrap();
                let (_, peak, _) = measured(|| format.read(&path, &ReadOptions::default()).map(drop));
                assert!(peak <= 4 * bytes.len() + MIB, "{target}: {peak} bytes");
                count += 1;
            }
            assert!(count > 0, "{target} has an empty corpus");
            fs::write(folder.path().join(name), &files.iter().find(|(other, _)| *other == name).unwrap().1)
                .unwrap();
        }
    }
}

/// Writes a file, and reads it within four times its size and 1 MiB.
#[track_caller]
fn within_four_times(path: &Path, options: &ReadOptions, write: impl FnOnce(&mut BufWriter<File>)) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    write(&mut file);
    file.flush().unwrap();
    let size = fs::metadata(path).unwrap().len() as usize;
    let (answer, peak, _) = measured(|| open_data(path, options).map(drop));
    let name = path.file_name().unwrap().to_string_lossy();
    println!(
        "{name}: {size} bytes, peak {peak} ({:.2} times), {}",
        peak as f64 / size as f64,
        match &answer {
            Ok(()) => "read".to_string(),
            Err(error) => error.to_string(),
        }
    );
    assert!(size > 2 * MIB, "{name}: {size} bytes say little");
    assert!(peak <= 4 * size + MIB, "{name}: {peak} bytes for a file of {size}");
}

fn separator(separator: &str) -> ReadOptions {
    ReadOptions { label_separator: Some(separator.into()), ..ReadOptions::default() }
}

/// Short names that are all different.
fn names() -> impl Iterator<Item = String> {
    const LETTERS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    (0_usize..).map(|i| {
        let mut rest = i;
        let mut name = String::new();
        loop {
            name.push(LETTERS[rest % LETTERS.len()] as char);
            rest /= LETTERS.len();
            if rest == 0 {
                return name;
            }
        }
    })
}

#[test]
fn reading_takes_at_most_four_times_the_file_and_a_mebibyte() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let options = ReadOptions::default();
    let cells = 4 << 20;
    let npy = |path: PathBuf, shape: Vec<usize>, data| {
        let array = NpyArray::new(shape, data).unwrap();
        within_four_times(&path, &options, |file| array.write_to(file).unwrap());
    };
    // The smallest elements are the largest when they are read.
    npy(path("u8.npy"), vec![cells / 4, 4], NpyData::U8(vec![1; cells]));
    npy(path("bool.npy"), vec![cells / 4, 4], NpyData::Bool(vec![true; cells]));
    npy(path("f16.npy"), vec![cells / 8, 4], NpyData::F16(vec![half::f16::ONE; cells / 2]));
    npy(path("f32.npy"), vec![cells / 16, 4], NpyData::F32(vec![1.0; cells / 4]));
    npy(path("f64.npy"), vec![cells / 32, 4], NpyData::F64(vec![1.0; cells / 8]));
    npy(path("text.npy"), vec![cells / 4], NpyData::Text(vec!["x"; cells / 4].into()));
    npy(path("bytes.npy"), vec![cells], NpyData::Bytes(vec!["x"; cells].into()));

    let archive = |name: &str, arrays: &[(&str, &NpyArray)]| {
        write_npz(Destination::replacing(&path("x.npz")), arrays, Compression::Stored).unwrap();
        let bytes = fs::read(path("x.npz")).unwrap();
        within_four_times(&path(name), &options, |file| file.write_all(&bytes).unwrap());
    };
    let ones = NpyArray::new(vec![cells / 4, 4], NpyData::U8(vec![1; cells])).unwrap();
    archive("features.npz", &[("x", &ones)]);
    archive("labels.npz", &[("y", &ones)]);
    let header =
        format!("{{\"x\":{{\"dtype\":\"U8\",\"shape\":[{},4],\"data_offsets\":[0,{cells}]}}}}", cells / 4);
    within_four_times(&path("x.safetensors"), &options, |file| {
        file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
        file.write_all(header.as_bytes()).unwrap();
        file.write_all(&vec![1; cells]).unwrap();
    });
    // As many tensors as are allowed, in as little text as possible.
    within_four_times(&path("many.safetensors"), &options, |file| {
        let entries: Vec<String> = names()
            .take(60_000)
            .map(|name| format!("\"{name}\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"))
            .collect();
        let header = format!("{{{}}}", entries.join(","));
        file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
        file.write_all(header.as_bytes()).unwrap();
    });

    within_four_times(&path("names.csv"), &options, |file| {
        writeln!(file, "id,x").unwrap();
        names().take(500_000).for_each(|name| writeln!(file, "{name},").unwrap());
    });
    within_four_times(&path("cells.csv"), &options, |file| {
        writeln!(file, "id{}", names().take(4_000).map(|name| format!(",{name}")).collect::<String>())
            .unwrap();
        names().take(1_000).for_each(|name| writeln!(file, "{name}{}", ",".repeat(4_000)).unwrap());
    });
    within_four_times(&path("long.csv"), &options, |file| {
        writeln!(file, "id,label").unwrap();
        names().take(400_000).for_each(|name| writeln!(file, "{name},x").unwrap());
    });
    within_four_times(&path("classes.csv"), &options, |file| {
        writeln!(file, "id,label").unwrap();
        names().take(400_000).for_each(|name| writeln!(file, "x,{name}").unwrap());
    });
    within_four_times(&path("names.txt"), &options, |file| {
        names().take(500_000).for_each(|name| writeln!(file, "{name},0").unwrap());
    });
    within_four_times(&path("labels.txt"), &options, |file| {
        names().take(100_000).for_each(|name| writeln!(file, "{name},0 1 2 3 4 5 6 7 8 9").unwrap());
    });
    within_four_times(&path("names.jsonl"), &options, |file| {
        names().take(300_000).for_each(|name| writeln!(file, "{{\"id\":\"{name}\",\"tags\":0}}").unwrap());
    });
    within_four_times(&path("classes.jsonl"), &options, |file| {
        for (name, class) in names().zip(names()).take(150_000) {
            writeln!(file, "{{\"id\":\"{name}\",\"labels\":[\"{class}\"]}}").unwrap();
        }
    });
    within_four_times(&path("line.jsonl"), &options, |file| {
        let classes: Vec<String> = names().take(500_000).map(|name| format!("\"n-{name}\"")).collect();
        writeln!(file, "{{\"id\":\"a\",\"labels\":[{}]}}", classes.join(",")).unwrap();
    });
    within_four_times(&path("object.jsonl"), &options, |file| {
        let classes: Vec<String> = names().take(400_000).map(|name| format!("\"{name}\":1")).collect();
        writeln!(file, "{{\"id\":\"a\",\"labels\":{{{}}}}}", classes.join(",")).unwrap();
    });
    // Cells with several labels, in every way that they are written.
    within_four_times(&path("bars.csv"), &options, |file| {
        writeln!(file, "id,tags").unwrap();
        names().zip(names()).take(300_000).for_each(|(name, tag)| writeln!(file, "{name},x|{tag}").unwrap());
    });
    within_four_times(&path("distinct.csv"), &options, |file| {
        writeln!(file, "id,tags").unwrap();
        names().take(400_000).for_each(|name| writeln!(file, "x,{name}|y{name}").unwrap());
    });
    within_four_times(&path("separator.csv"), &separator("|"), |file| {
        writeln!(file, "id,tags").unwrap();
        names().take(400_000).for_each(|name| writeln!(file, "x,{name}|y{name}").unwrap());
    });
    within_four_times(&path("blanks.csv"), &options, |file| {
        writeln!(file, "id,tags").unwrap();
        names().zip(names()).take(400_000).for_each(|(name, tag)| writeln!(file, "{name},x {tag}").unwrap());
    });
    within_four_times(&path("lists.csv"), &options, |file| {
        writeln!(file, "id,tags").unwrap();
        names().take(300_000).for_each(|name| writeln!(file, "{name},['{name}']").unwrap());
    });
    within_four_times(&path("list.csv"), &options, |file| {
        writeln!(file, "id,tags").unwrap();
        let mut tags = names().map(|name| format!("'{name}'"));
        names().take(200).for_each(|name| {
            let tags: Vec<String> = tags.by_ref().take(2_500).collect();
            writeln!(file, "{name},\"[{}]\"", tags.join(",")).unwrap();
        });
    });
    within_four_times(&path("numbers.csv"), &options, |file| {
        writeln!(file, "id,tags").unwrap();
        names().take(40_000).for_each(|name| writeln!(file, "{name},[{}]", "0 1 ".repeat(20)).unwrap());
    });
    // The same row at the end, and the lines it stands on.
    within_four_times(&path("twice.csv"), &options, |file| {
        writeln!(file, "id,x").unwrap();
        names().take(500_000).for_each(|name| writeln!(file, "{name},").unwrap());
        writeln!(file, "0,1").unwrap();
    });
    within_four_times(&path("rows.json"), &options, |file| {
        let row = |name: String| format!("{{\"id\":\"{name}\",\"tags\":[\"{name}\"]}}");
        let rows: Vec<String> = names().take(150_000).map(row).collect();
        write!(file, "[{}]", rows.join(",")).unwrap();
    });
    within_four_times(&path("texts.jsonl"), &options, |file| {
        names()
            .take(150_000)
            .for_each(|name| writeln!(file, "{{\"id\":\"{name}\",\"tags\":\"{name}\"}}").unwrap());
    });
    within_four_times(&path("labels.jsonl"), &options, |file| {
        let labels = "0,1,".repeat(20);
        names()
            .take(40_000)
            .for_each(|name| writeln!(file, "{{\"id\":\"{name}\",\"tags\":[{labels}1]}}").unwrap());
    });
    within_four_times(&path("numbers.jsonl"), &options, |file| {
        writeln!(file, "{{\"id\":\"a\",\"tags\":[{}2]}}", "0,".repeat(2_000_000)).unwrap();
    });
    within_four_times(&path("keys.jsonl"), &options, |file| {
        let keys: Vec<String> = names().take(400_000).map(|name| format!("\"-{name}\":1")).collect();
        writeln!(file, "{{{}}}", keys.join(",")).unwrap();
    });
    within_four_times(&path("tasks.json"), &options, |file| {
        let task = |name: String| {
            format!(
                "{{\"data\":{{\"image\":\"{name}\"}},\"annotations\":[{{\"result\":[{{\"value\":{{\"choices\":[\"{name}\"]}}}}]}}]}}"
            )
        };
        let tasks: Vec<String> = names().take(60_000).map(task).collect();
        write!(file, "[{}]", tasks.join(",")).unwrap();
    });
    within_four_times(&path("choices.json"), &options, |file| {
        let choices: Vec<String> = names().take(400_000).map(|name| format!("\"{name}\"")).collect();
        let choices = choices.join(",");
        write!(
            file,
            "[{{\"data\":{{\"image\":\"a\"}},\"annotations\":[{{\"result\":[{{\"value\":{{\"choices\":[{choices}]}}}}]}}]}}]"
        )
        .unwrap();
    });
    within_four_times(&path("multi-hot.txt"), &options, |file| {
        names().take(40_000).for_each(|name| writeln!(file, "{name}{}", " 0 1".repeat(20)).unwrap());
    });
    within_four_times(&path("names-multi-hot.txt"), &options, |file| {
        names().take(500_000).for_each(|name| writeln!(file, "{name} 1").unwrap());
    });
    within_four_times(&path("header-multi-hot.txt"), &options, |file| {
        writeln!(file, "{}", names().skip(10).take(400_000).collect::<Vec<_>>().join(" ")).unwrap();
        writeln!(file, "a{}", " 1".repeat(400_000)).unwrap();
    });
    within_four_times(&path("line.txt"), &options, |file| {
        write!(file, "a,").unwrap();
        (0..60_000).for_each(|class| write!(file, " {class}").unwrap());
        writeln!(file).unwrap();
        names().skip(20).take(500_000).for_each(|name| writeln!(file, "{name},0").unwrap());
    });
    within_four_times(&path("line.svm"), &options, |file| {
        write!(file, "0").unwrap();
        (0..400_000).for_each(|column| write!(file, " {column}:1").unwrap());
        writeln!(file).unwrap();
    });
    within_four_times(&path("x.json"), &options, |file| {
        let images: Vec<String> = names()
            .take(60_000)
            .enumerate()
            .map(|(i, name)| format!("{{\"id\":{i},\"file_name\":\"{name}\"}}"))
            .collect();
        let annotations: Vec<String> =
            (0..60_000).map(|i| format!("{{\"image_id\":{i},\"category_id\":1}}")).collect();
        let (images, annotations) = (images.join(","), annotations.join(","));
        let categories = "{\"id\":1,\"name\":\"x\"}";
        let text = format!(
            "{{\"images\":[{images}],\"annotations\":[{annotations}],\"categories\":[{categories}]}}"
        );
        file.write_all(text.as_bytes()).unwrap();
    });
    let document = |images: String, annotations: String, categories: String| {
        format!("{{\"images\":[{images}],\"annotations\":[{annotations}],\"categories\":[{categories}]}}")
    };
    within_four_times(&path("ids.json"), &options, |file| {
        let image = |name: String| format!("{{\"id\":\"_{name}\",\"file_name\":\"{name}\"}}");
        let annotation = |name| format!("{{\"image_id\":\"_{name}\",\"category_id\":\"c\"}}");
        let images: Vec<String> = names().take(60_000).map(image).collect();
        let annotations: Vec<String> = names().take(60_000).map(annotation).collect();
        let category = "{\"id\":\"c\",\"name\":\"x\"}".to_string();
        file.write_all(document(images.join(","), annotations.join(","), category).as_bytes()).unwrap();
    });
    within_four_times(&path("boxes.json"), &options, |file| {
        let annotation = "{\"image_id\":1,\"category_id\":1,\"bbox\":[0,0,1,1]}";
        let image = "{\"id\":1,\"file_name\":\"a\",\"width\":9,\"height\":9}".to_string();
        let category = "{\"id\":1,\"name\":\"x\"}".to_string();
        file.write_all(document(image, vec![annotation; 60_000].join(","), category).as_bytes()).unwrap();
    });
    within_four_times(&path("categories.json"), &options, |file| {
        let category =
            |(id, name)| format!("{{\"id\":{id},\"name\":\"{name}\",\"supercategory\":\"_{name}\"}}");
        let categories: Vec<String> = names().take(60_000).enumerate().map(category).collect();
        let image = "{\"id\":1,\"file_name\":\"a\"}".to_string();
        let annotation = "{\"image_id\":1,\"category_id\":1}".to_string();
        file.write_all(document(image, annotation, categories.join(",")).as_bytes()).unwrap();
    });
    for (name, count, each) in [("negatives.json", 110, 10_000), ("list.json", 1, 1_100_000)] {
        within_four_times(&path(name), &options, |file| {
            let image = |image| {
                let list = vec!["7"; each].join(",");
                format!("{{\"id\":{image},\"file_name\":\"{image}\",\"neg_category_ids\":[{list}]}}")
            };
            let images: Vec<String> = (0..count).map(image).collect();
            let category = "{\"id\":7,\"name\":\"x\"}".to_string();
            file.write_all(document(images.join(","), String::new(), category).as_bytes()).unwrap();
        });
    }
    fs::write(path("x.xml"), "<labels><label name=\"y\"/></labels>").unwrap();
    within_four_times(&path("dense.arff"), &options, |file| {
        writeln!(file, "@relation x\n@attribute y {{0,1}}").unwrap();
        (0..50).for_each(|i| writeln!(file, "@attribute a{i} real").unwrap());
        writeln!(file, "@data").unwrap();
        (0..30_000).for_each(|_| writeln!(file, "1{}", ",0".repeat(50)).unwrap());
    });
    within_four_times(&path("sparse.arff"), &options, |file| {
        writeln!(file, "@relation x").unwrap();
        (0..10).for_each(|i| writeln!(file, "@attribute a{i} real").unwrap());
        writeln!(file, "@attribute y {{0,1}}\n@data").unwrap();
        let row = "{0 1,1 1,2 1,3 1,4 1,5 1,6 1,7 1,8 1,9 1}";
        (0..60_000).for_each(|_| writeln!(file, "{row}").unwrap());
    });
    within_four_times(&path("empty.arff"), &options, |file| {
        writeln!(file, "@relation x\n@attribute a real\n@attribute y {{0,1}}\n@data").unwrap();
        (0..900_000).for_each(|_| writeln!(file, "{{}}").unwrap());
    });
    within_four_times(&path("attributes.arff"), &options, |file| {
        writeln!(file, "@relation x\n@attribute y {{0,1}}").unwrap();
        names().take(150_000).for_each(|name| writeln!(file, "@attribute _{name} {{0}}").unwrap());
        writeln!(file, "@data\n{{}}").unwrap();
    });
    within_four_times(&path("labels.arff"), &options, |file| {
        writeln!(file, "@relation 'x: -C 130000'").unwrap();
        names().take(130_000).for_each(|name| writeln!(file, "@attribute _{name} {{0,1}}").unwrap());
        writeln!(file, "@attribute a real\n@data\n{{}}").unwrap();
    });
    // As many lists of words as are allowed, and then the same ones again; one long list.
    within_four_times(&path("words.arff"), &options, |file| {
        writeln!(file, "@relation x\n@attribute y {{0,1}}").unwrap();
        for (number, name) in names().take(150_000).enumerate() {
            writeln!(file, "@attribute _{name} {{_{:x}}}", number % 8_000).unwrap();
        }
        writeln!(file, "@data\n{{}}").unwrap();
    });
    within_four_times(&path("list.arff"), &options, |file| {
        let values: Vec<String> = names().take(500_000).map(|name| format!("_{name}")).collect();
        writeln!(file, "@relation x\n@attribute y {{0,1}}\n@attribute a {{{}}}", values.join(",")).unwrap();
        writeln!(file, "@data\n{{}}").unwrap();
    });
    let mean = ReadOptions { missing_features: MissingFeatures::Mean, ..ReadOptions::default() };
    within_four_times(&path("missing.arff"), &mean, |file| {
        writeln!(file, "@relation x\n@attribute y {{0,1}}").unwrap();
        (0..50).for_each(|i| writeln!(file, "@attribute a{i} real").unwrap());
        writeln!(file, "@data\n1{}", ",0".repeat(50)).unwrap();
        (0..30_000).for_each(|_| writeln!(file, "1{}", ",?".repeat(50)).unwrap());
    });
    within_four_times(&path("features.svm"), &options, |file| {
        (0..100_000).for_each(|_| writeln!(file, "0 0:1 1:1 2:1 3:1 4:1 5:1 6:1").unwrap());
    });
    within_four_times(&path("same.svm"), &options, |file| {
        writeln!(file, "0{}", ",0".repeat(2_000_000)).unwrap();
    });
    within_four_times(&path("differ.svm"), &options, |file| {
        let labels: Vec<String> = (0..400_000).map(|label| (399_999 - label).to_string()).collect();
        writeln!(file, "1 1 400000\n{}", labels.join(",")).unwrap();
    });
    within_four_times(&path("alone.svm"), &options, |file| {
        (0..700_000).for_each(|_| writeln!(file, "0:1").unwrap());
    });
    let labels = ReadOptions { labels: true, ..ReadOptions::default() };
    within_four_times(&path("lists.svm"), &labels, |file| {
        (0..1_200_000).for_each(|_| writeln!(file, "0").unwrap());
    });
    within_four_times(&path("pairs.svm"), &labels, |file| {
        (0..700_000).for_each(|_| writeln!(file, "0:1").unwrap());
    });
    within_four_times(&path("words.svm"), &options, |file| {
        for (name, label) in (0..5).flat_map(|_| names().take(65_536)).zip(names()) {
            writeln!(file, "_{name} 0:1 # {label}").unwrap();
        }
    });
    within_four_times(&path("labels.svm"), &options, |file| {
        (0..200_000).for_each(|_| writeln!(file, "0,1,2,3,4,5,6,7,8,9 0:1").unwrap());
    });
}

/// The folder of lists that each have a class, as the file of a format is.
#[test]
fn lists_of_classes_are_cut_changed_and_long() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let lists = ["cat_train.txt", "dog_train.txt"];
    let text = b"2008_1 -1\n2008_2  1\n2008_3  0\n";
    lists.iter().for_each(|list| fs::write(path.join(list), text).unwrap());
    let read = || measured(|| open_data(path, &ReadOptions::default()));
    assert_eq!(read().0.unwrap().train.rows(), 3);
    for at in 0..text.len() {
        fs::write(path.join(lists[0]), &text[..at]).unwrap();
        let (answer, peak, _) = read();
        assert!(peak < 2 * MIB, "{peak}");
        match answer {
            Err(error) => assert!(error.to_string().contains("cat_train.txt"), "{error}"),
            // A row that one list has not is in the other one.
            Ok(content) => assert!(content.train.rows() <= 4, "{at}"),
        }
        for byte in [b'\n', b'"', b'9', 0xff, text[at] ^ 1] {
            let mut changed = text.to_vec();
            changed[at] = byte;
            fs::write(path.join(lists[0]), changed).unwrap();
            let (_, peak, _) = read();
            assert!(peak < 2 * MIB, "byte {at} = {byte} takes {peak} bytes");
        }
    }
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/multi_hot_folder");
    let entries: Vec<PathBuf> = fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!entries.is_empty());
    for entry in entries {
        fs::copy(entry, path.join(lists[0])).unwrap();
        let (_, peak, _) = read();
        assert!(peak < 2 * MIB, "{peak}");
    }
    let mut size = 0;
    for list in lists {
        let text: String = names().take(300_000).map(|name| format!("{name} 1\n")).collect();
        size += text.len();
        fs::write(path.join(list), text).unwrap();
    }
    let (answer, peak, _) = read();
    assert_eq!(answer.unwrap().train.rows(), 300_000);
    assert!(peak <= 4 * size + MIB, "{peak} bytes for {size}");
}

/// Reads a file that has to be refused, in less than 64 MiB.
#[track_caller]
fn refused(path: &Path) -> String {
    let (answer, peak, seconds) = measured(|| open_data(path, &ReadOptions::default()).map(drop));
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let error = answer.expect_err(&name).to_string();
    println!("{name}: {:.1} ms, peak {:.1} MiB: {error}", 1e3 * seconds, peak as f64 / MIB as f64);
    assert!(peak < 64 * MIB, "{name}: {peak} bytes");
    assert!(error.len() < 1_000, "{error}");
    error
}

#[test]
fn bombs_are_refused_with_little_memory() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let refused_bytes = |name: &str, bytes: &[u8]| {
        fs::write(path(name), bytes).unwrap();
        refused(&path(name))
    };

    // The three failures of the common reader: a header of a gigabyte in 14 bytes ...
    let gigabyte = [b"\x93NUMPY\x02\x00", &(1_u32 << 30).to_le_bytes()[..], b"{}"].concat();
    assert!(refused_bytes("gigabyte.npy", &gigabyte).contains("the header claims 1073741824 bytes"));
    // ... a product of dimensions that wraps to 0 ...
    let header = |shape: &str| {
        let text = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}");
        [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat()
    };
    let error = refused_bytes("wraps.npy", &header("(4294967296, 4294967296)"));
    assert!(error.contains("too large for any memory"), "{error}");
    // ... and nested garbage, which costs other readers their stack.
    refused_bytes("nested.npy", &header(&"(".repeat(9_000)));
    for shape in ["(9223372036854775808,)", "(9223372036854775807, 1)", "(18446744073709551615, 2)"] {
        refused_bytes("huge.npy", &header(shape));
    }

    // Archives.
    let zeros = NpyArray::new(vec![64 << 20], NpyData::U8(vec![0; 64 << 20])).unwrap();
    write_npz(&path("bomb.npz"), &[("x", &zeros)], Compression::Deflate).unwrap();
    drop(zeros);
    let error = refused(&path("bomb.npz"));
    assert!(error.contains("inflated bytes for each compressed byte are more than the 200"), "{error}");

    // A million tensors.
    let mut header = String::from("{");
    for i in 0..1_000_000 {
        header += &format!(
            "{}\"{i}\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
            if i == 0 { "" } else { "," }
        );
    }
    header.push('}');
    let many = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    drop(header);
    assert!(
        refused_bytes("million.safetensors", &many).contains("bytes of header are more than the 16777216")
    );
    drop(many);
    // As many as fit into the header that is allowed.
    let mut header = String::from("{");
    for (i, name) in names().enumerate().take_while(|(i, _)| *i < 300_000) {
        header += &format!(
            "{}\"{name}\":{{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}",
            if i == 0 { "" } else { "," }
        );
        if header.len() > 16_700_000 {
            break;
        }
    }
    header.push('}');
    let many = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    assert!(refused_bytes("many.safetensors", &many).contains("more than 65536 tensors"));
    // Metadata of very many entries, which a map takes many times the text for.
    let entries: Vec<String> = names().take(1_000_000).map(|name| format!("\"{name}\":\"\"")).collect();
    let header = format!("{{\"__metadata__\":{{{}}}}}", entries.join(","));
    drop(entries);
    let many = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    drop(header);
    assert!(refused_bytes("metadata.safetensors", &many).contains("more than 4096 entries"));
    drop(many);
    let header = r#"{"x":{"dtype":"F64","shape":[9223372036854775808,2],"data_offsets":[0,0]}}"#;
    let huge = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    assert!(refused_bytes("huge.safetensors", &huge).contains("does not have the bytes"));
    let nested = "{\"x\":".to_string() + &"[".repeat(1 << 20);
    let nested = [&(nested.len() as u64).to_le_bytes()[..], nested.as_bytes()].concat();
    refused_bytes("nested.safetensors", &nested);

    // A line of a gigabyte in every format that has lines: a file with a hole, which reads as zeros.
    for (name, start) in [
        ("line.csv", "id,cat\n"),
        ("quoted.csv", "id,cat\n\""),
        ("line.tsv", ""),
        ("line.jsonl", "{\"id\":\"a\",\"tags\":[]}\n"),
        ("line.txt", "a,1\n"),
        ("line.svm", "0 1:1\n"),
        ("line.arff", "@relation x\n"),
        ("text.json", "{\"images\":[{\"file_name\":\""),
        ("key.json", "{\""),
        ("skipped.json", "{\"info\":\""),
    ] {
        let mut file = File::create(path(name)).unwrap();
        file.write_all(start.as_bytes()).unwrap();
        file.set_len(1 << 30).unwrap();
        refused(&path(name));
    }
    // The same with bytes that are no line's end but that a parser likes.
    for (name, start, byte) in [
        ("deep.json", "{\"info\":", b'['),
        ("digits.json", "{\"info\":", b'1'),
        ("escapes.json", "{\"info\":\"", b'\\'),
        ("quotes.csv", "id,cat\n\"", b'"'),
        ("commas.csv", "id,cat\n", b','),
        ("braces.arff", "@relation 'x: -C 1'\n@attribute a {0,1}\n@attribute b real\n@data\n", b'{'),
        ("digits.svm", "0 1:", b'1'),
    ] {
        let mut file = BufWriter::new(File::create(path(name)).unwrap());
        file.write_all(start.as_bytes()).unwrap();
        let block = vec![byte; MIB];
        (0..24).for_each(|_| file.write_all(&block).unwrap());
        file.flush().unwrap();
        drop(file);
        refused(&path(name));
    }

    // Entities of one's own in the list of labels.
    let laughs: String =
        (0..20).map(|i| format!("<!ENTITY l{} \"{}\">", i + 1, format!("&l{i};").repeat(10))).collect();
    let xml = format!(
        "<?xml version=\"1.0\"?>\n<!DOCTYPE l [<!ENTITY l0 \"ha\">{laughs}]>\n<labels><label name=\"&l20;\"/></labels>"
    );
    fs::write(path("laughs.xml"), xml).unwrap();
    let error =
        refused_bytes("laughs.arff", b"@relation x\n@attribute a {0,1}\n@attribute b real\n@data\n1,2\n");
    assert!(
        error.contains("line 2, column 1: document types, entities and marked sections are not read"),
        "{error}"
    );
    // Numbers that small files claim: read as lists they cost what the file does, and dense is a step of its own.
    for (name, text) in [
        ("number.txt", "a.jpg,30000\n"),
        ("largest.txt", "a,65535\n"),
        ("number.svm", "30000 1:1\n"),
        ("largest.svm", "65535 1:1\n"),
        ("header.svm", "1 1000000000 65536\n0 1:1\n"),
    ] {
        fs::write(path(name), text).unwrap();
        let (read, peak, _) = measured(|| open_data(&path(name), &ReadOptions::default()).map(drop));
        println!("{name}: peak {peak}");
        assert!(read.is_ok(), "{name}");
        // Most of it are the names that classes without a name get.
        assert!(peak <= if text.contains("30000") { 600 << 10 } else { MIB }, "{name}: {peak} bytes");
    }
    // Numbers that are refused.
    for (name, text) in [
        ("claims.svm", "1073741824 1073741824 1073741824\n0 1:1\n"),
        ("label.svm", "1073741823 1:1\n"),
        ("label.txt", "a,16777215\n"),
    ] {
        refused_bytes(name, text.as_bytes());
    }
}

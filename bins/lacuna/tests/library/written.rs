//! What is written is read again, whatever names, labels and numbers there are: 4,096 random sets, or as many as `LACUNA_CASES` says.

use lacuna::convert::Rows;
use lacuna::{FeatureSource, Features, Label, LabelMatrix, LabelSource, ObservedLabels, read};
use lacuna_formats::{Destination, FormatError, Strings};
use lacuna_protocols::Stream;
use std::path::Path;

const LETTERS: [&str; 22] = [
    "a", "b", "Z", "0", "7", ".", "-", "_", " ", "'", "\"", ",", ";", "\t", "=", "+", "@", "/", "ä", "日",
    "\u{202e}", "1",
];

fn name(stream: &mut Stream, number: usize) -> String {
    let letters: String = (0..stream.below(5)).map(|_| LETTERS[stream.below(LETTERS.len())]).collect();
    // They differ, and mostly begin and end with something else than a blank.
    if stream.below(4) == 0 { format!("{letters}{number}") } else { format!("n{number}{letters}.jpg") }
}

fn number(stream: &mut Stream) -> f32 {
    match stream.below(8) {
        0 => 0.0,
        1 => -0.0,
        2 => f32::MIN_POSITIVE / 3.0,
        3 => f32::MAX * if stream.below(2) == 0 { 1.0 } else { -1.0 },
        4 => stream.below(5) as f32,
        _ => stream.normal() as f32,
    }
}

struct Set {
    features: Features,
    labels: ObservedLabels,
    names: Strings,
    classes: Strings,
}

fn drawn(stream: &mut Stream) -> Set {
    let (rows, classes, columns) = (1 + stream.below(6), 1 + stream.below(4), 1 + stream.below(4));
    let kinds = [Label::Positive, Label::Negative, Label::Unknown];
    // Some sets have two kinds of labels, and some one.
    let kind = 1 + stream.below(3);
    let cells = (0..rows * classes).map(|_| kinds[stream.below(kind)]).collect();
    let values = (0..rows * columns).map(|_| number(stream)).collect();
    Set {
        features: Features::new(rows, columns, values).unwrap(),
        labels: LabelMatrix::new(rows, classes, cells).unwrap().into(),
        names: (0..rows).map(|i| name(stream, i)).collect(),
        classes: (0..classes).map(|i| name(stream, 100 + i)).collect(),
    }
}

fn memory_or_disk() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// The label of a cell by the names of its row and class; a class that the file does not name has no known cell in it.
fn cell(set: &Set, found: &read::LabelFile, ending: &str, row: usize, class: usize) -> Label {
    let labels = found.observed().unwrap();
    let at = |names: &Strings, name: &str| (0..names.len()).find(|i| &names[*i] == name);
    let row =
        found.row_names().map_or(Some(row), |names| names.iter().position(|name| *name == set.names[row]));
    let row = row.expect("every row is in the file");
    // A label list has numbers of classes, up to the last one with a positive.
    let place = match ending {
        "txt" => (class < labels.classes()).then_some(class),
        _ => at(found.classes(), &set.classes[class]),
    };
    place.map_or(Label::Unknown, |class| labels.get(row, class))
}

#[test]
fn what_is_written_is_read_again() {
    let cases: u64 =
        std::env::var("LACUNA_CASES").map_or(4_096, |cases| cases.parse().expect("LACUNA_CASES is a number"));
    let folder = memory_or_disk();
    let mut written = 0_u64;
    for case in 0..cases {
        let mut stream = Stream::new(case, "written");
        let set = drawn(&mut stream);
        let ending = ["npy", "npz", "safetensors", "csv", "tsv", "jsonl", "txt", "libsvm"][case as usize % 8];
        let path = folder.path().join(format!("file.{ending}"));
        let rows = Rows {
            features: Some(&set.features),
            labels: Some(&set.labels),
            truth: None,
            names: Some(&set.names),
            classes: Some(&set.classes),
        };
        match rows.write(Destination::replacing(&path)) {
            Ok(_) => written += 1,
            Err(FormatError::Unwritable { .. }) => continue,
            Err(error) => panic!("case {case}: {error}"),
        }
        is_read_again(&set, &path, ending, case);
    }
    println!("{written} files of {cases} random sets written and read again");
    assert!(written > cases / 2, "{written}");
}

fn is_read_again(set: &Set, path: &Path, ending: &str, case: u64) {
    let what =
        || format!("case {case}, {ending}: {}", String::from_utf8_lossy(&std::fs::read(path).unwrap()));
    let complete = !set.labels.cells().contains(&Label::Unknown);
    // Where no cell is negative an array says by itself which are unknown.
    let negatives = set.labels.cells().contains(&Label::Negative);
    let codes = !complete && negatives && ["npz", "safetensors"].contains(&ending);
    let spml = codes.then_some(read::LabelConvention::Spml);
    // Lists of LIBSVM are complete.
    let unlisted = (ending != "libsvm").then_some(Label::Unknown);
    let options = read::ReadOptions { convention: spml, unlisted, ..Default::default() };
    if ["npy", "npz", "safetensors", "libsvm"].contains(&ending) {
        let found = read::features_with(path, &options).unwrap_or_else(|error| panic!("{error}: {}", what()));
        let bits = |x: &Features| x.values().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        if ending == "libsvm" {
            // Zeros are left out, those at the end of all rows with their columns.
            for row in 0..set.features.rows() {
                for (column, x) in set.features.row(row).iter().enumerate() {
                    let found = found.features().row(row).get(column).copied().unwrap_or(0.0);
                    assert_eq!(found, *x, "{}", what());
                }
            }
        } else {
            assert_eq!(bits(found.features()), bits(&set.features), "{}", what());
        }
    }
    if ending == "npy" {
        return;
    }
    let found = read::labels_with(path, &options).unwrap_or_else(|error| panic!("{error}: {}", what()));
    let named = !["safetensors", "libsvm"].contains(&ending);
    for row in 0..set.labels.rows() {
        for class in 0..set.labels.classes() {
            let expected = match (ending, set.labels.get(row, class)) {
                // A list of positives does not tell the others apart.
                ("txt", Label::Negative) => Label::Unknown,
                (_, label) => label,
            };
            let label = if named {
                cell(set, &found, ending, row, class)
            } else {
                // Classes after the last one with a positive are not in the lists.
                let labels = found.observed().unwrap();
                if class < labels.classes() { labels.get(row, class) } else { Label::Negative }
            };
            assert_eq!(label, expected, "row {row}, class {class}: {}", what());
        }
    }
}

use super::*;
use crate::{FeatureTable, LabelTable};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use lacuna_labels::Label;
use std::io::Write;

/// One part of a variable, with its padding.
fn part(kind: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = [kind.to_le_bytes(), (data.len() as u32).to_le_bytes()].concat();
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

fn ints(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// A variable: class, dimensions, name and parts of data.
fn variable(class: u32, dims: &[u32], name: &str, data: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = part(6, &ints(&[class, 0]));
    bytes.extend(part(5, &ints(dims)));
    bytes.extend(part(1, name.as_bytes()));
    data.iter().for_each(|data| bytes.extend(data));
    part(MATRIX_KIND, &bytes)
}

const MATRIX_KIND: u32 = 14;

fn doubles(values: &[f64]) -> Vec<u8> {
    part(9, &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
}

fn compressed(variable: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(variable).unwrap();
    let data = encoder.finish().unwrap();
    [ints(&[15, data.len() as u32]), data].concat()
}

fn file(variables: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"MATLAB 5.0 MAT-file, written by a test".to_vec();
    bytes.resize(124, b' ');
    bytes.extend([0, 1]);
    bytes.extend(b"IM");
    variables.iter().for_each(|variable| bytes.extend(variable));
    bytes
}

fn read_bytes(bytes: &[u8]) -> Result<Content, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mat");
    std::fs::write(&path, bytes).unwrap();
    read(&path, &ReadOptions::default())
        .map_err(|error| error.to_string().replace(folder.path().to_str().unwrap(), "."))
}

fn cells(content: &Content) -> Vec<Label> {
    let labels = content.train.labels.as_ref().unwrap();
    labels.to_observed(Path::new("x"), &Limits::default()).unwrap().cells().to_vec()
}

/// Three rows, two features, column by column; labels as two classes x three rows.
fn x() -> Vec<u8> {
    variable(6, &[3, 2], "X", &[doubles(&[0.0, 1.0, 2.0, 10.0, 11.0, 12.0])])
}

#[test]
fn matrices_stand_column_by_column_compressed_or_not() {
    use Label::{Negative as N, Positive as P};
    let y = variable(9, &[3, 2], "Y", &[part(2, &[1, 0, 1, 0, 1, 1])]);
    for variables in [[x(), y.clone()], [compressed(&x()), compressed(&y)], [y.clone(), compressed(&x())]] {
        let content = read_bytes(&file(&variables)).unwrap();
        let Some(FeatureTable::Dense(features)) = &content.train.features else { panic!() };
        assert_eq!((features.row(0), features.row(2)), (&[0.0, 10.0][..], &[2.0, 12.0][..]));
        assert_eq!(cells(&content), [P, N, N, P, P, P]);
    }
}

#[test]
fn labels_as_classes_by_rows_are_turned_around_and_said() {
    use Label::{Negative as N, Positive as P};
    let y = variable(6, &[2, 3], "target", &[doubles(&[1.0, 0.0, 0.0, 1.0, 1.0, 1.0])]);
    let content = read_bytes(&file(&[x(), y])).unwrap();
    assert_eq!(cells(&content), [P, N, N, P, P, P]);
    assert!(content.train.notes[0].contains("classes x rows (2 x 3)"), "{:?}", content.train.notes);
}

#[test]
fn sparse_matrices_and_small_parts() {
    use Label::{Negative as N, Positive as P};
    // Column 0: rows 0 and 2; column 1: row 1.
    let sparse = |name: &str, values: &[f64]| {
        let data = [part(5, &ints(&[0, 2, 1])), part(5, &ints(&[0, 2, 3])), doubles(values)];
        variable(5, &[3, 2], name, &data)
    };
    let content = read_bytes(&file(&[sparse("X", &[0.5, 1.5, 2.5]), sparse("Y", &[1.0, 1.0, 1.0])])).unwrap();
    let Some(FeatureTable::Sparse(features)) = &content.train.features else { panic!() };
    assert!(features.row(2).eq([(0, 1.5)]) && features.row(1).eq([(1, 2.5)]));
    let Some(LabelTable::Lists(_)) = &content.train.labels else { panic!("sparse labels stay lists") };
    assert_eq!(cells(&content), [P, N, N, P, P, N]);
    // A name of one letter and data of four bytes stand in their tags.
    let mut small = part(6, &ints(&[9, 0]));
    small.extend(part(5, &ints(&[2, 2])));
    small.extend([(1_u32 << 16 | 1).to_le_bytes().to_vec(), b"y\0\0\0".to_vec()].concat());
    small.extend([(4_u32 << 16 | 2).to_le_bytes().to_vec(), vec![1, 0, 0, 1]].concat());
    let content = read_bytes(&file(&[part(MATRIX_KIND, &small)])).unwrap();
    assert_eq!(cells(&content), [P, N, N, P]);
}

#[test]
fn what_is_no_matrix_is_named_and_what_is_broken_refused() {
    let cell = variable(1, &[1, 1], "folds", &[]);
    let content = read_bytes(&file(&[x(), cell])).unwrap();
    assert!(content.train.notes.iter().any(|note| note.contains("folds")), "{:?}", content.train.notes);
    let error = |bytes: &[u8]| read_bytes(bytes).unwrap_err();
    assert!(error(b"nothing").contains("truncated file: expected 128 bytes of header"));
    // Version 4: type, rows, columns, no imaginary part, length of the name with its zero, name, data.
    let matrix = |head: [[u8; 4]; 5]| [head.concat(), b"X\0".to_vec(), vec![0; 8 * 20]].concat();
    let little = matrix([0_u32, 4, 5, 0, 2].map(u32::to_le_bytes));
    let big = matrix([1000_u32, 4, 5, 0, 2].map(u32::to_be_bytes));
    for bytes in [little, big] {
        let error = read_bytes(&bytes).err().unwrap();
        assert!(error.contains("version 4") && error.contains("scipy.io.loadmat"), "{error}");
    }
    assert!(read_bytes(&[b'x'; 200]).err().unwrap().contains("neither `IM` nor `MI`"));
    let mut hdf5 = b"MATLAB 7.3 MAT-file".to_vec();
    hdf5.resize(200, 0);
    assert!(error(&hdf5).contains("HDF5") && error(&hdf5).contains("savemat"));
    let whole = file(&[x()]);
    for length in 129..whole.len() {
        let error = error(&whole[..length]);
        assert!(
            error.contains("truncated file: it ends inside a variable"),
            "{length} of {} bytes: {error}",
            whole.len()
        );
    }
    // A matrix that claims more than it has, and one that is there twice.
    let huge = variable(6, &[1 << 30, 1 << 30], "X", &[doubles(&[1.0])]);
    assert!(error(&file(&[huge])).contains("do not match its"));
    assert!(error(&file(&[x(), x()])).contains("duplicate variable"));
}

/// 312 bytes took 470 MB: a place for each of 117 million names.
#[test]
fn rows_of_text_without_characters_are_bounded() {
    let text = |rows| variable(4, &[rows, 0], "names", &[part(4, &[])]);
    let message = read_bytes(&file(&[x(), text(117_440_512)])).unwrap_err();
    assert!(message.contains("117440512 rows of text"), "{message}");
    // MATLAB saves as many empty strings like this.
    let content = read_bytes(&file(&[x(), text(3)])).unwrap();
    assert_eq!(content.train.names.unwrap().to_vec(), ["", "", ""]);
}

#[test]
fn a_bomb_is_refused_before_it_is_inflated() {
    // 128 MiB of zeros in some 130 kB.
    let zeros = vec![0_u8; 128 << 20];
    let bomb = compressed(&variable(9, &[1 << 20, 128], "X", &[part(2, &zeros)]));
    assert!(bomb.len() < 1 << 20);
    let message = read_bytes(&file(&[bomb])).unwrap_err();
    assert!(message.contains("inflated bytes for each compressed byte"), "{message}");
}

use super::records::tf_record as record;
use super::*;
use lacuna_labels::Label::{Negative as N, Positive as P};

fn number(mut n: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while n >= 0x80 {
        bytes.push(n as u8 | 0x80);
        n >>= 7;
    }
    bytes.push(n as u8);
    bytes
}

fn field(field: u64, bytes: &[u8]) -> Vec<u8> {
    [number(field << 3 | 2), number(bytes.len() as u64), bytes.to_vec()].concat()
}

fn entry(name: &str, kind: u64, list: &[u8]) -> Vec<u8> {
    field(1, &[field(1, name.as_bytes()), field(2, &field(kind, list))].concat())
}

fn floats(name: &str, values: &[f32]) -> Vec<u8> {
    entry(name, 2, &field(1, &values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>()))
}

fn example(id: &str, labels: &[u64], lists: &[Vec<u8>]) -> Vec<u8> {
    let packed: Vec<u8> = labels.iter().flat_map(|&label| number(label)).collect();
    let all =
        [entry("id", 1, &field(1, id.as_bytes())), entry("labels", 3, &field(1, &packed)), lists.concat()];
    field(1, &all.concat())
}

fn read_bytes(bytes: &[u8], features: Option<&str>) -> Result<Table, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tfrecord");
    std::fs::write(&path, bytes).unwrap();
    let options = ReadOptions { features: features.map(String::from), ..ReadOptions::default() };
    read(&path, &options).map(|content| content.train).map_err(|error| error.to_string())
}

fn two_rows() -> Vec<u8> {
    let rgb = |x: f32| floats("mean_rgb", &[x, x + 1.0]);
    let audio = |x: f32| floats("mean_audio", &[x]);
    [
        record(&example("a", &[2, 0], &[rgb(0.0), audio(7.0)])),
        record(&example("b", &[300], &[audio(8.0), rgb(5.0)])),
    ]
    .concat()
}

#[test]
fn examples_are_rows_with_names_labels_and_chosen_features() {
    let table = read_bytes(&two_rows(), Some("mean_rgb")).unwrap();
    assert_eq!(table.names.as_ref().unwrap().to_vec(), ["a", "b"]);
    let labels = table.labels.as_ref().unwrap().to_observed(Path::new("x"), &Default::default()).unwrap();
    assert_eq!((labels.classes(), &labels.row(0)[..3], labels.get(1, 300)), (301, &[P, N, P][..], P));
    let features = table.features.unwrap().into_dense(Path::new("x"), &Default::default()).unwrap();
    assert_eq!((features.row(0), features.row(1)), (&[0.0, 1.0][..], &[5.0, 6.0][..]));
    let both = read_bytes(&two_rows(), Some("mean_rgb+mean_audio")).unwrap();
    let features = both.features.unwrap().into_dense(Path::new("x"), &Default::default()).unwrap();
    assert_eq!(features.row(1), [5.0, 6.0, 8.0]);
    let error = read_bytes(&two_rows(), None).unwrap_err();
    assert!(error.contains("mean_audio") && error.contains("--features"), "{error}");
}

#[test]
fn every_cut_and_every_changed_byte_is_noticed() {
    let bytes = record(&example("a", &[1], &[floats("x", &[1.0])]));
    assert!(read_bytes(&bytes, None).is_ok());
    for length in 0..bytes.len() {
        assert!(read_bytes(&bytes[..length], None).is_err(), "{length}");
    }
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(read_bytes(&changed, None).is_err(), "byte {at}");
    }
}

#[test]
fn rows_that_do_not_fit_are_named() {
    let rows = |second: Vec<u8>| {
        [record(&example("a", &[1], &[floats("x", &[1.0, 2.0])])), record(&second)].concat()
    };
    let error = |second| read_bytes(&rows(second), Some("x")).unwrap_err();
    assert!(
        error(example("b", &[], &[floats("x", &[1.0])])).contains("row 1 (counted from 0) has 1 features")
    );
    assert!(error(example("b", &[], &[])).contains("has no list of floats `x`"));
    assert!(
        error(example("a", &[], &[floats("x", &[1.0, 2.0])])).contains("row 0 and row 1 (counted from 0)")
    );
    assert!(error(example("b", &[], &[floats("x", &[1.0, f32::NAN])])).contains("row 1, column 1"));
    assert!(error(example("b", &[1 << 40], &[floats("x", &[1.0, 2.0])])).contains("classes without names"));
}

//! A small file of every format, and what it is made of.

use super::*;

/// Files of a small data set in a format, by their names; the first is the one to open, and to cut.
pub(crate) fn sample(format: &str) -> Vec<(&'static str, Vec<u8>)> {
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
        #[cfg(feature = "parquet")]
        "parquet" => vec![("x.parquet", parquet())],
        other => panic!("{other} has no sample: add one"),
    }
}

/// Two rows with names, features and tags.
#[cfg(feature = "parquet")]
fn parquet() -> Vec<u8> {
    use ::parquet::arrow::ArrowWriter;
    use arrow_array::builder::{Float32Builder, ListBuilder, StringBuilder};
    use arrow_array::{ArrayRef, RecordBatch, StringArray};
    use std::sync::Arc;
    let mut features = ListBuilder::new(Float32Builder::new());
    [[0.0, 0.5], [1.0, 1.5]].iter().for_each(|row| features.append_value(row.map(Some)));
    let mut tags = ListBuilder::new(StringBuilder::new());
    [&["cat", "dog"][..], &[]].iter().for_each(|row| tags.append_value(row.iter().map(Some)));
    let columns: [(&str, ArrayRef); 3] = [
        ("id", Arc::new(StringArray::from(vec!["a", "b"]))),
        ("x", Arc::new(features.finish())),
        ("tags", Arc::new(tags.finish())),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
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
pub(crate) fn write_sample(format: &Format, folder: &Path) -> PathBuf {
    let files = sample(format.name);
    for (name, bytes) in &files {
        fs::write(folder.join(name), bytes).unwrap();
    }
    if format.extensions.is_empty() { folder.into() } else { folder.join(files[0].0) }
}

/// Short names that are all different.
pub(crate) fn names() -> impl Iterator<Item = String> {
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

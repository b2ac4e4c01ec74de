use super::*;
use crate::{ByteOrder, Kind};
use lacuna_labels::{Label, LabelMatrix};

/// A folder of 3 train rows and 2 test rows, 2 features, 3 classes, ready to be broken.
struct Folder(tempfile::TempDir);

const TRAIN_LABELS: [i8; 9] = [1, 0, 0, 0, 1, 1, 0, 0, 1];

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.array("train_features_imagenet_tiny", &[3, 2], NpyData::F32(vec![0., 1., 2., 3., 4., 5.]));
        folder.array("val_features_imagenet_tiny", &[2, 2], NpyData::F32(vec![6., 7., 8., 9.]));
        folder.labels("formatted_train_labels", Kind::F64, &[3, 3], &TRAIN_LABELS);
        folder.labels("formatted_val_labels", Kind::F64, &[2, 3], &[0, 0, 1, 1, 0, 0]);
        folder.names("formatted_train_images", &["a", "b", "c"]);
        folder.names("formatted_val_images", &["d", "e"]);
        folder
    }

    fn array(&self, name: &str, shape: &[usize], data: NpyData) {
        let path = self.0.path().join(format!("{name}.npy"));
        let array = NpyArray::new(shape.to_vec(), data).unwrap();
        array.save(Destination::replacing(&path)).unwrap();
    }

    fn labels(&self, name: &str, kind: Kind, shape: &[usize], labels: &[i8]) {
        self.array(name, shape, NpyData::from_integers(kind, labels).unwrap());
    }

    fn names(&self, name: &str, names: &[&str]) {
        let names: Vec<String> = names.iter().map(|&name| name.into()).collect();
        self.array(name, &[names.len()], NpyData::Text(names.into()));
    }

    fn text(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.0.path().join(name)).unwrap();
    }

    fn spml(&self) -> SpmlFolder {
        SpmlFolder::new(self.0.path())
    }

    /// The message of the error, without the folder.
    fn error(&self) -> String {
        self.message(self.spml().load().unwrap_err())
    }

    fn message(&self, error: FormatError) -> String {
        let folder = format!("{}{}", self.0.path().display(), std::path::MAIN_SEPARATOR);
        error.to_string().replace(&folder, "")
    }
}

#[test]
fn a_whole_folder_is_read() {
    let folder = Folder::new();
    folder.text("classes.txt", "sky\r\nsea \nsand\n\n");
    folder.labels("formatted_train_labels_obs", Kind::I8, &[3, 3], &[1, 0, 0, 0, 1, 0, 0, 0, 1]);
    let sets = folder.spml().load().unwrap();
    assert_eq!(sets.train.features.row(1), [2.0, 3.0]);
    assert_eq!(sets.train.truth.positives_per_class(), [1, 1, 2]);
    assert_eq!(sets.train.observed.as_ref().unwrap().positives_per_class(), [1, 1, 1]);
    assert_eq!(sets.train.observed.unwrap().get(1, 2), Label::Unknown);
    assert_eq!(sets.test.observed, None);
    assert_eq!(sets.test.names.unwrap(), ["d", "e"]);
    assert_eq!(sets.test.classes, ["sky", "sea", "sand"]);
}

#[test]
fn labels_of_every_numeric_type_are_read() {
    let folder = Folder::new();
    let expected = folder.spml().load().unwrap().train.truth;
    let kinds =
        [Kind::Bool, Kind::U8, Kind::I8, Kind::I16, Kind::I32, Kind::I64, Kind::F16, Kind::F32, Kind::F64];
    for kind in kinds {
        folder.labels("formatted_train_labels", kind, &[3, 3], &TRAIN_LABELS);
        assert_eq!(folder.spml().load().unwrap().train.truth, expected, "{kind:?}");
    }
    folder.array("formatted_train_labels", &[3, 3], NpyData::Text(vec!["1"; 9].into()));
    assert_eq!(folder.error(), "formatted_train_labels.npy: the elements are text, expected numbers");
}

#[test]
fn a_missing_file_is_one_sentence_about_the_folder() {
    let files = [
        ("train_features_imagenet_tiny.npy", "train_features_<name>.npy"),
        ("formatted_val_labels.npy", "formatted_val_labels.npy"),
        ("formatted_train_images.npy", "formatted_train_images.npy"),
    ];
    for (removed, named) in files {
        let folder = Folder::new();
        folder.remove(removed);
        let error = folder.error();
        assert!(error.starts_with(&format!("{named}: missing file. An SPML folder has")), "{error}");
    }
    let error = SpmlFolder::new("no/such/folder").load().unwrap_err().to_string();
    assert!(error.starts_with("no/such/folder: "), "{error}");
}

#[test]
fn one_of_several_features_has_to_be_named() {
    let folder = Folder::new();
    for part in ["train", "val"] {
        let rows = if part == "train" { 3 } else { 2 };
        folder.array(&format!("{part}_features_clip"), &[rows, 1], NpyData::F16(vec![half::f16::ONE; rows]));
    }
    let error = folder.spml().load().unwrap_err().to_string();
    assert!(error.contains("there are several features: clip, imagenet_tiny. Name"), "{error}");
    let columns = |name: &str| folder.spml().features(name).load().map(|sets| sets.test.features.columns());
    assert_eq!(columns("clip").unwrap(), 1);
    assert_eq!(columns("imagenet_tiny").unwrap(), 2);
    assert_eq!(columns("tiny").unwrap(), 2);
    let error = folder.message(columns("resnet50").unwrap_err());
    assert!(error.starts_with("train_features_resnet50.npy: missing file."), "{error}");
}

#[test]
fn both_parts_have_features_of_one_name() {
    let folder = Folder::new();
    folder.remove("val_features_imagenet_tiny.npy");
    folder.array("val_features_other", &[2, 2], NpyData::F32(vec![0.0; 4]));
    let error = folder.error();
    assert!(error.starts_with("val_features_imagenet_tiny.npy: missing file."), "{error}");
}

#[test]
fn labels_outside_their_values_are_named() {
    let folder = Folder::new();
    folder.labels("formatted_train_labels", Kind::I64, &[3, 3], &[1, 0, 0, 0, 1, 2, 0, 0, 1]);
    assert_eq!(
        folder.error(),
        "formatted_train_labels.npy: row 1, column 2 (counted from 0) is 2; expected a true label 0 or 1"
    );
    folder.labels("formatted_train_labels", Kind::I64, &[3, 3], &[1, 0, 0, 0, 1, 0, -1, 0, 1]);
    let error = folder.error();
    assert!(
        error.contains("row 2, column 0 (counted from 0) is -1; expected a true label 0 or 1; -1 is valid")
    );
    folder.array("formatted_train_labels", &[1, 2], NpyData::F32(vec![1.0, f32::NAN]));
    folder.array("train_features_imagenet_tiny", &[1, 2], NpyData::F32(vec![0.0; 2]));
    assert!(folder.error().contains("row 0, column 1 (counted from 0) is NaN; expected a true label 0 or 1"));
}

#[test]
fn minus_one_is_read_only_with_a_convention() {
    use Label::{Negative as N, Positive as P, Unknown as U};
    let folder = Folder::new();
    folder.labels("formatted_val_labels_obs", Kind::F64, &[2, 3], &[0, -1, 1, 1, 0, 0]);
    let error = folder.error();
    assert!(error.starts_with("formatted_val_labels_obs.npy: row 0, column 1 (counted from 0) is -1; "));
    assert!(error.contains("choose the convention of this file"), "{error}");
    let observed = |convention| {
        let sets = folder.spml().convention(convention).load().map_err(|error| error.to_string())?;
        Ok::<_, String>(sets.test.observed.unwrap().cells().to_vec())
    };
    assert_eq!(observed(LabelConvention::Spml).unwrap(), [U, N, P, P, U, U]);
    assert_eq!(observed(LabelConvention::Csl).unwrap(), [N, U, P, P, N, N]);
    let error = observed(LabelConvention::BinaryAn).unwrap_err();
    assert!(error.contains("with the convention binary-an labels are 0 or 1"), "{error}");
    folder.labels("formatted_val_labels_obs", Kind::F64, &[2, 3], &[0, 0, 1, 1, 0, 0]);
    assert_eq!(observed(LabelConvention::BinaryAn).unwrap(), [U, U, P, P, U, U]);
    folder.labels("formatted_val_labels_obs", Kind::F64, &[2, 3], &[0, 3, 1, 1, 0, 0]);
    assert!(folder.error().contains("is 3; expected an observed label -1, 0 or 1"));
}

#[test]
fn files_that_do_not_belong_together_are_named() {
    type Damage = fn(&Folder);
    let cases: [(&str, Damage, &str); 8] = [
        (
            "labels",
            |folder| folder.labels("formatted_train_labels", Kind::U8, &[1, 3], &[1, 0, 0]),
            "train_features_imagenet_tiny.npy has 3 rows and formatted_train_labels.npy has 1",
        ),
        (
            "names",
            |folder| folder.names("formatted_val_images", &["d"]),
            "val_features_imagenet_tiny.npy has 2 rows and formatted_val_images.npy has 1",
        ),
        (
            "observed rows",
            |folder| folder.labels("formatted_val_labels_obs", Kind::U8, &[1, 3], &[1, 0, 0]),
            "val_features_imagenet_tiny.npy has 2 rows and formatted_val_labels_obs.npy has 1",
        ),
        (
            "observed classes",
            |folder| folder.labels("formatted_val_labels_obs", Kind::U8, &[2, 1], &[1, 0]),
            "formatted_val_labels.npy has 3 classes and formatted_val_labels_obs.npy has 1",
        ),
        (
            "classes",
            |folder| folder.labels("formatted_val_labels", Kind::U8, &[2, 2], &[1, 0, 0, 1]),
            "formatted_train_labels.npy has 3 classes and formatted_val_labels.npy has 2",
        ),
        (
            "columns",
            |folder| folder.array("val_features_imagenet_tiny", &[2, 1], NpyData::F32(vec![0.0; 2])),
            "train_features_imagenet_tiny.npy has 2 columns and val_features_imagenet_tiny.npy has 1",
        ),
        (
            "class names",
            |folder| folder.text("classes.txt", "sky\nsea\n"),
            "classes.txt has 2 classes and formatted_train_labels.npy has 3",
        ),
        (
            "the same class twice",
            |folder| folder.text("classes.txt", "sky\nsea\nsky\n"),
            "classes.txt: line 3 (counted from 1) repeats the name of a class",
        ),
    ];
    for (what, damage, expected) in cases {
        let folder = Folder::new();
        damage(&folder);
        let error = folder.error();
        assert!(error.starts_with(expected), "{what}: {error}");
    }
}

#[test]
fn features_must_be_finite_and_there() {
    let folder = Folder::new();
    folder.array("val_features_imagenet_tiny", &[2, 2], NpyData::F64(vec![0.0, 1.0, 2.0, 1e300]));
    assert_eq!(
        folder.error(),
        "val_features_imagenet_tiny.npy: row 1, column 1 (counted from 0) is 1e300, which is beyond the range of 32-bit \
         floats; scale the column"
    );
    folder.array("val_features_imagenet_tiny", &[2, 2], NpyData::F64(vec![0.0, 1.0, 2.0, f64::INFINITY]));
    let error = folder.error();
    assert!(error.starts_with("val_features_imagenet_tiny.npy: row 1, column 1 (counted from 0) is inf;"));
    folder.array("val_features_imagenet_tiny", &[0, 2], NpyData::F64(vec![]));
    assert_eq!(folder.error(), "val_features_imagenet_tiny.npy: there are no rows");
    folder.array("val_features_imagenet_tiny", &[2], NpyData::F64(vec![0.0; 2]));
    assert!(folder.error().contains("shape (2,) has rank 1; features are read from (rows, columns)"));
    let folder = Folder::new();
    folder.array("formatted_train_labels", &[3, 0], NpyData::F64(vec![]));
    assert_eq!(folder.error(), "formatted_train_labels.npy: there are no classes");
}

#[test]
fn features_of_pictures_are_rows_with_a_shape() {
    let folder = Folder::new();
    let pictures = |part: &str, rows: usize, shape: &[usize]| {
        let count = rows * shape.iter().product::<usize>();
        let values = (0..count).map(|i| i as f32).collect();
        folder.array(
            &format!("{part}_features_imagenet_tiny"),
            &[&[rows], shape].concat(),
            NpyData::F32(values),
        );
    };
    pictures("train", 3, &[3, 2, 4]);
    pictures("val", 2, &[3, 2, 4]);
    let sets = folder.spml().load().unwrap();
    assert_eq!((sets.image, sets.notes.len()), (Some([3, 2, 4]), 0));
    assert_eq!((sets.train.features.columns(), sets.train.features.row(1)[0]), (24, 24.0));
    let content = read(folder.0.path(), &ReadOptions::default()).unwrap();
    assert_eq!(content.test.unwrap().image, Some([3, 2, 4]));

    pictures("val", 2, &[2, 3, 4]);
    let error = folder.error();
    assert!(
        error.starts_with("val_features_imagenet_tiny.npy: the rows are pictures of shape (2, 3, 4), and")
    );
    pictures("val", 2, &[24]);
    assert!(folder.error().contains("the rows are lists of numbers, and those of train_features"));

    pictures("train", 3, &[24, 1, 1]);
    let sets = folder.spml().load().unwrap();
    assert_eq!(sets.image, None);
    assert!(
        sets.notes[0].ends_with("train_features_imagenet_tiny.npy: shape (3, 24, 1, 1) is read as (3, 24)")
    );
}

#[test]
fn class_names_that_are_not_text_are_named_with_their_line() {
    let folder = Folder::new();
    fs::write(folder.0.path().join("classes.txt"), b"sky\nsea\xff\nsand\n").unwrap();
    let expected = "classes.txt: line 2 (counted from 1) is not UTF-8: save the file as UTF-8";
    assert_eq!(folder.error(), expected);
    folder.text("classes.txt", "\u{feff}sky\nsea\nsand\n");
    assert_eq!(folder.spml().load().unwrap().train.classes[0], "sky");
    let limits = Limits { header: 10, ..Limits::default() };
    let error = folder.message(folder.spml().limits(limits).load().unwrap_err());
    assert_eq!(error, "classes.txt: 16 bytes of class names exceed the limit of 10");
}

#[test]
fn observed_labels_are_written_in_the_type_of_the_labels() {
    let folder = Folder::new();
    let matrix = LabelMatrix::new(2, 3, [0, -1, 1, 1, 0, 0].map(label).to_vec()).unwrap();
    let observed = ObservedLabels::from(matrix);
    let path = folder.spml().write_observed(Part::Test, &observed, false).unwrap();
    assert_eq!(Dtype::of_file(&path).unwrap().to_string(), "<f8");
    let read = folder.spml().convention(LabelConvention::Spml).load().unwrap();
    assert_eq!(read.test.observed, Some(observed.clone()));

    let big = NpyArray::new(vec![2, 3], NpyData::I16(vec![0, 0, 1, 1, 0, 0])).unwrap();
    let error = folder.message(folder.spml().write_observed(Part::Test, &observed, false).unwrap_err());
    assert_eq!(error, "formatted_val_labels_obs.npy: the file exists and is not overwritten");
    let path = folder.0.path().join("formatted_val_labels.npy");
    big.save_as(Destination::replacing(&path), ByteOrder::Big).unwrap();
    let path = folder.spml().write_observed(Part::Test, &observed, true).unwrap();
    assert_eq!(Dtype::of_file(&path).unwrap().to_string(), ">i2");

    folder.labels("formatted_val_labels", Kind::U8, &[2, 3], &[0, 0, 1, 1, 0, 0]);
    let error = folder.spml().write_observed(Part::Test, &observed, true).unwrap_err();
    let error = folder.message(error);
    assert!(error.contains("row 0, column 1 (counted from 0) is -1; the labels beside it are unsigned"));
    let error = folder.spml().write_observed(Part::Train, &observed, true).unwrap_err();
    let error = folder.message(error);
    assert!(
        error.starts_with("formatted_train_labels_obs.npy has 2 rows and formatted_train_labels.npy has 3")
    );
}

#[test]
fn conventions_are_read_by_the_name_they_show() {
    for convention in LabelConvention::ALL {
        assert_eq!(convention.to_string().parse(), Ok(convention));
    }
    let error = "coco".parse::<LabelConvention>().unwrap_err().to_string();
    assert_eq!(error, "unknown label convention \"coco\": expected spml, binary-an or csl");
}

fn label(code: i8) -> Label {
    match code {
        1 => Label::Positive,
        0 => Label::Unknown,
        _ => Label::Negative,
    }
}

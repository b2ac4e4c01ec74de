//! Files as people have them, with the labels that are in them.

use lacuna_formats::{LabelConvention, Limits, ReadOptions, Table, open_data};
use lacuna_labels::Label::{self, Negative as N, Positive as P, Unknown as U};
use std::fs;

/// What is read from a text that stands in a file, or the error without the path of its folder.
fn read_with(name: &str, text: &str, options: &ReadOptions) -> Result<Table, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    let prefix = format!("{}/", folder.path().display());
    let table = open_data(&path, options).map(|content| content.train);
    let mut table = table.map_err(|error| error.to_string().replace(&prefix, ""))?;
    table.notes.iter_mut().for_each(|note| *note = note.replace(&prefix, ""));
    Ok(table)
}

fn read(name: &str, text: &str) -> Table {
    read_with(name, text, &ReadOptions::default()).unwrap()
}

fn error(name: &str, text: &str) -> String {
    read_with(name, text, &ReadOptions::default()).map(|table| table.classes).unwrap_err()
}

fn cells(table: &Table) -> Vec<Label> {
    table.labels.as_ref().unwrap().to_observed(&table.path, &Limits::default()).unwrap().cells().to_vec()
}

fn names(table: &Table) -> Vec<String> {
    table.names.as_ref().unwrap().to_vec()
}

fn separator(separator: &str) -> ReadOptions {
    ReadOptions { label_separator: Some(separator.into()), ..ReadOptions::default() }
}

fn list(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

const PLANT: &str = "image,labels\na.jpg,scab frog_eye\nb.jpg,healthy\nc.jpg,scab\n";

#[test]
fn a_printed_python_list_is_several_labels() {
    let table = read("pylist.csv", "id,labels\na.jpg,\"['cat', 'dog']\"\nb.jpg,\"['cat']\"\n");
    assert_eq!((table.rows(), table.classes.to_vec()), (2, list(&["cat", "dog"])));
    assert_eq!(cells(&table), [P, P, P, U]);
    for text in [
        "id,labels\na.jpg,\"[\"\"cat\"\",\"\"dog\"\"]\"\nb.jpg,\"[\"\"cat\"\"]\"\n",
        "id\ttags\na.jpg\t('cat', 'dog')\nb.jpg\t('cat',)\n",
        "id;label\na.jpg;{'cat', 'dog'}\nb.jpg;cat\n",
    ] {
        assert_eq!(cells(&read("x.csv", text)), [P, P, P, U], "{text}");
    }
    let empty = read("x.csv", "id,labels\na.jpg,[]\nb.jpg,['cat']\n");
    assert_eq!((names(&empty), empty.classes.to_vec()), (list(&["a.jpg", "b.jpg"]), list(&["cat"])));
    assert_eq!(cells(&empty), [U, P]);
    assert!(error("x.csv", "id,labels\na.jpg,\"[cat, dog]\"\n").contains("--label-separator"));
}

#[test]
fn labels_parted_by_blanks_ask_for_the_separator() {
    let error = error("plant.csv", PLANT);
    assert!(
        error.starts_with("plant.csv: line 2, column 7: `scab frog_eye` may be one label or several"),
        "{error}"
    );
    assert!(error.contains("--label-separator ' '"), "{error}");
    let table = read_with("plant.csv", PLANT, &separator(" ")).unwrap();
    assert_eq!(table.classes.to_vec(), ["scab", "frog_eye", "healthy"]);
    assert_eq!(cells(&table), [P, P, U, U, U, P, P, U, U]);
    // Whoever says that the labels have blanks is heard.
    let whole = read_with("plant.csv", PLANT, &separator("|")).unwrap();
    assert_eq!(whole.classes.to_vec(), ["scab frog_eye", "healthy", "scab"]);
    let classes = Some(vec!["healthy", "scab", "frog_eye"].into());
    let given = read_with("plant.csv", PLANT, &ReadOptions { classes, ..Default::default() }).unwrap();
    assert_eq!(cells(&given), [U, P, P, P, U, U, U, P, U]);
}

#[test]
fn a_class_with_a_blank_in_its_name_is_one_class() {
    let table = read("x.csv", "image,label\na.jpg,traffic light\nb.jpg,cat\n");
    assert_eq!((table.classes.to_vec(), table.notes.len()), (list(&["traffic light", "cat"]), 0));
    // A line for each label: `hot dog` and `dog` are two classes, and that is said.
    let table = read("x.csv", "image,label\na.jpg,hot dog\na.jpg,dog\nb.jpg,dog\n");
    assert_eq!(table.classes.to_vec(), ["hot dog", "dog"]);
    assert!(table.notes[0].contains("`hot dog` is read as one class, although `dog` is also a class"));
}

#[test]
fn bars_and_semicolons_separate_labels_whose_parts_recur() {
    let nih = "Image Index,Finding Labels,Follow-up #,Patient ID\n1.png,Edema|Lung Mass,0,1\n2.png,No Finding,1,1\n3.png,Edema,0,2\n";
    let table = read("nih.csv", nih);
    assert_eq!(table.classes.to_vec(), ["Edema", "Lung Mass", "No Finding"]);
    assert_eq!(cells(&table), [P, P, U, U, U, P, P, U, U]);
    assert!(table.notes[0].contains("ignored: `Follow-up #`, `Patient ID`"), "{:?}", table.notes);
    let table = read("x.csv", "id,tags\na, cat ; dog ;\nb,dog;cow;dog\nc,\n");
    assert_eq!(table.classes.to_vec(), ["cat", "dog", "cow"]);
    assert_eq!(cells(&table), [P, P, U, U, P, P, U, U, U]);
    let negative = ReadOptions { unlisted: Some(N), ..ReadOptions::default() };
    let table = read_with("x.csv", "id,tags\na,cat|dog\nb,cat\n", &negative).unwrap();
    assert_eq!(cells(&table), [P, P, P, N]);
}

#[test]
fn separators_that_are_not_certain_ask() {
    for (text, place, wanted) in [
        ("id,labels\na,\"cat,dog\"\nb,cow\n", "line 2, column 3", "--label-separator ','"),
        ("id,labels\nb,cow\na,cat|dog\n", "line 3, column 3", "--label-separator '|'"),
        ("id,labels\na,cat|dog\nb,cat\nc,cat;dog\n", "line 4, column 3", "--label-separator ';'"),
        ("id,labels\na,cat|dog\nb,cat\nc,\"cat,dog\"\n", "line 4, column 3", "same separator"),
        ("id,labels\na,cat,dog\n", "line 2, column 7", "in quotes"),
        ("id,labels\na,cat,\n", "line 2", ""),
    ] {
        match read_with("x.csv", text, &ReadOptions::default()) {
            Err(error) => {
                assert!(error.contains(place) && error.contains(wanted) && !wanted.is_empty(), "{error}")
            }
            Ok(table) => assert!(wanted.is_empty(), "{text}: {:?}", table.classes),
        }
    }
    let table = read_with("x.csv", "id,labels\na,\"cat, dog\"\nb,dog\n", &separator(",")).unwrap();
    assert_eq!(cells(&table), [P, P, U, P]);
    // The one column that is left has the labels, whatever it is called.
    let table = read_with("x.csv", "movieId,genres\n1,Action|Drama\n2,Drama\n", &separator("|")).unwrap();
    assert_eq!((names(&table), table.classes.to_vec()), (list(&["1", "2"]), list(&["Action", "Drama"])));
    assert!(read_with("x.csv", PLANT, &separator("")).unwrap_err().contains("is empty"));
}

#[test]
fn lists_of_numbers_in_a_cell() {
    let table = read("x.csv", "id,labels\na,\"[0, 2]\"\nb,[1]\nc,[]\n");
    assert_eq!(table.classes.to_vec(), ["class 0", "class 1", "class 2"]);
    assert_eq!(cells(&table), [P, U, P, U, P, U, U, U, U]);
    let table = read("x.csv", "id,labels\na,[0 1 1]\nb,[0. 0. 1.]\n");
    assert_eq!(cells(&table), [N, P, P, N, N, P]);
    let table = read("x.csv", "id,labels\na,\"[0, 1]\"\nb,\"[1, 0]\"\n");
    assert_eq!(cells(&table), [N, P, P, N]);
    let table = read("x.csv", "id,labels\na,\"[0, 1]\"\nb,[2]\n");
    assert_eq!(cells(&table), [P, P, U, U, U, P]);
}

const CHEXPERT: &str = "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Cardiomegaly,Edema
train/p1/s1/v1.jpg,Female,68,Frontal,AP,1.0,,
train/p2/s1/v1.jpg,Male,87,Frontal,AP,,-1.0,1.0
";

#[test]
fn columns_of_text_between_the_classes_are_named_and_can_be_left_out() {
    let csl = ReadOptions { convention: Some(LabelConvention::Csl), ..ReadOptions::default() };
    let error = read_with("chexpert.csv", CHEXPERT, &csl).map(|table| table.classes).unwrap_err();
    assert!(
        error.starts_with("chexpert.csv: line 2, column 20: column `Sex`: invalid label `Female`"),
        "{error}"
    );
    assert!(error.contains("--ignore-columns `Sex`") && error.contains("--classes A,B"), "{error}");
    let ignored = ["Sex", "Age", "Frontal/Lateral", "AP/PA"].map(String::from).to_vec();
    let options = ReadOptions { ignored_columns: ignored, ..csl.clone() };
    let table = read_with("chexpert.csv", CHEXPERT, &options).unwrap();
    assert_eq!(table.classes.to_vec(), ["No Finding", "Cardiomegaly", "Edema"]);
    assert_eq!(names(&table), ["train/p1/s1/v1.jpg", "train/p2/s1/v1.jpg"]);
    assert_eq!(cells(&table), [P, U, U, U, U, P]);
    let chosen = Some(["Edema", "No Finding"].map(String::from).to_vec());
    let options = ReadOptions { class_columns: chosen, ..csl.clone() };
    let table = read_with("chexpert.csv", CHEXPERT, &options).unwrap();
    assert_eq!((table.classes.to_vec(), cells(&table)), (list(&["Edema", "No Finding"]), vec![U, P, P, U]));
    for options in [
        ReadOptions { class_columns: Some(list(&["edema"])), ..csl.clone() },
        ReadOptions { ignored_columns: list(&["edema"]), ..csl.clone() },
        ReadOptions { id_column: Some("edema".into()), ..csl },
    ] {
        let error = read_with("chexpert.csv", CHEXPERT, &options).map(|table| table.classes).unwrap_err();
        assert!(error.contains("did you mean `Edema`?") && error.contains("`Sex`"), "{error}");
    }
}

#[test]
fn the_index_of_pandas_is_no_class() {
    for text in [
        ",image,cat,dog\n0,a.jpg,1,0\n1,b.jpg,0,1\n",
        "Unnamed: 0,image,cat,dog\n0,a.jpg,1,0\n1,b.jpg,0,1\n",
        "Unnamed: 0.1,Unnamed: 0,image,cat,dog\n0,0,a.jpg,1,0\n1,1,b.jpg,0,1\n",
    ] {
        let table = read("x.csv", text);
        assert_eq!(
            (names(&table), table.classes.to_vec()),
            (list(&["a.jpg", "b.jpg"]), list(&["cat", "dog"]))
        );
        assert!(table.notes[0].contains("ignored as an index"), "{:?}", table.notes);
    }
    // The index has the names where nothing else has.
    let table = read("x.csv", ",cat,dog\na.jpg,1,0\nb.jpg,0,1\n");
    assert_eq!((names(&table), cells(&table)), (list(&["a.jpg", "b.jpg"]), vec![P, N, N, P]));
    let table = read("x.csv", ",image,labels\n0,a.jpg,cat|dog\n1,b.jpg,cat\n");
    assert_eq!((names(&table), cells(&table)), (list(&["a.jpg", "b.jpg"]), vec![P, P, P, U]));
    assert!(table.notes.is_empty(), "{:?}", table.notes);
}

#[test]
fn the_column_of_names_is_found_or_named() {
    let table = read("x.csv", "cat,dog,Image_Name\n1,0,a.jpg\n0,1,b.jpg\n");
    assert_eq!((names(&table), table.classes.to_vec()), (list(&["a.jpg", "b.jpg"]), list(&["cat", "dog"])));
    assert!(table.notes[0].contains("names of rows are read from column `Image_Name`"), "{:?}", table.notes);
    let named = ReadOptions { id_column: Some("key".into()), ..ReadOptions::default() };
    let table = read_with("x.csv", "cat,key,dog\n1,a.jpg,0\n", &named).unwrap();
    assert_eq!((names(&table), cells(&table)), (list(&["a.jpg"]), vec![P, N]));
    let jigsaw = "id,comment_text,toxic,insult\n1,\"what, \"\"this\"\"\nis\",0,1\n2,x,0,0\n";
    let error = error("jigsaw.csv", jigsaw);
    assert!(
        error.contains("column `comment_text`") && error.contains("--ignore-columns `comment_text`"),
        "{error}"
    );
    let ignored = ReadOptions { ignored_columns: list(&["comment_text"]), ..ReadOptions::default() };
    assert_eq!(cells(&read_with("x.csv", jigsaw, &ignored).unwrap()), [N, P, N, N]);
}

#[test]
fn an_empty_last_column_is_dropped() {
    let table = read("x.csv", "id,cat,dog,\na,1,0,\nb,0,1,\n");
    assert_eq!((table.classes.to_vec(), cells(&table)), (list(&["cat", "dog"]), vec![P, N, N, P]));
    assert_eq!(cells(&read("x.csv", "id,cat,,\na,1\nb,0,,\n")), [P, N]);
    let error = error("x.csv", "id,cat,\na,1,0\n");
    assert!(error.contains("line 2, column 5: `0` is in a column without a name"), "{error}");
}

#[test]
fn a_first_line_of_data_is_not_lost() {
    for text in [
        "r1,1,0\nr2,0,1\n",
        "r1,1\nr2,0\n",
        "1,0,1\n0,1,1\n",
        "r1,True,,False\nr2,True,True,False\n",
        "r1,0.7,0.1\nr2,0.2,1\n",
        "r1,1,1\nr2,1,0\n",
    ] {
        let error = error("x.csv", text);
        assert!(
            error.contains("line 1") && error.contains("the first line looks like data"),
            "{text}: {error}"
        );
    }
    // Classes may be called so where the names of rows have a name.
    assert_eq!(cells(&read("x.csv", "id,0,1\na,1,0\n")), [P, N]);
    assert_eq!(cells(&read("x.csv", ",0,1\na,1,0\n")), [P, N]);
    let named = ReadOptions { id_column: Some("photo".into()), ..ReadOptions::default() };
    assert_eq!(cells(&read_with("x.csv", "photo,0,1\na,1,0\n", &named).unwrap()), [P, N]);
    assert_eq!(cells(&read("x.csv", "photo,0,1,2\na,1,0,1\n")), [P, N, P]);
}

#[test]
fn booleans_of_pandas_are_labels() {
    let table = read("bool.csv", "id,cat,dog\na.jpg,True,False\nb.jpg,False,True\n");
    assert_eq!((table.rows(), table.classes.len(), cells(&table)), (2, 2, vec![P, N, N, P]));
}

#[test]
fn words_for_a_missing_value_are_unknown() {
    let table = read("nan.csv", "id,cat,dog\na.jpg,1.0,nan\nb.jpg,NaN,0.0\nc.jpg,NA,1\n");
    assert_eq!(cells(&table), [P, U, U, N, U, P]);
    // Written as unknown stays unknown where blank cells are negative.
    let negative = ReadOptions { unlisted: Some(N), ..ReadOptions::default() };
    let table = read_with("x.csv", "id,cat,dog\na.jpg,1,\nb.jpg,,nan\n", &negative).unwrap();
    assert_eq!(cells(&table), [P, N, N, U]);
    let table = read("x.csv", "id,labels\na,nan\nb,cat\n");
    assert_eq!((table.classes.to_vec(), cells(&table)), (list(&["cat"]), vec![U, P]));
    assert!(table.notes[0].contains("`nan` is read as a missing label"), "{:?}", table.notes);
}

#[test]
fn confidences_in_a_table_need_a_threshold() {
    let text = "id,cat,dog\na,0.73,0.2\nb,1,\n";
    assert!(error("x.csv", text).contains("column `cat`: 0.73 is between 0 and 1"));
    let above = ReadOptions { positive_above: Some(0.5), ..ReadOptions::default() };
    assert_eq!(cells(&read_with("x.csv", text, &above).unwrap()), [P, N, P, U]);
    let long = "ImageID,Source,LabelName,Confidence\na,machine,/m/01,0.9\na,machine,/m/02,0.3\n";
    assert_eq!(cells(&read_with("x.csv", long, &above).unwrap()), [P, N]);
    assert!(error("x.csv", long).contains("--positive-above P"));
    assert!(read_with("x.csv", "id,cat\na,1.5\n", &above).unwrap_err().contains("invalid confidence"));
}

#[test]
fn rows_and_labels_that_contradict_each_other_name_both_lines() {
    let error = |text| error("x.csv", text);
    let wide = error("id,cat\n\na,1\nb,1\n\"c\nd\",0\na,0\n");
    assert!(
        wide.contains(
            "line 7, column 1: duplicate name `a`: row 0 and row 3 (counted from 0), on lines 3 and 7"
        ),
        "{wide}"
    );
    let long = error("id,label,value\na,cat,1\nb,cat,1\na,cat,1\na,cat,0\n");
    assert!(
        long.contains("row `a`, class `cat` has two different labels, on line 2 and on line 5"),
        "{long}"
    );
}

#[test]
fn labels_stand_under_the_keys_that_people_use() {
    let singular = "{\"image\": \"a.jpg\", \"label\": [\"cat\", \"dog\"]}\n{\"image\": \"b.jpg\", \"label\": [\"cat\"]}\n";
    let table = read("singular.jsonl", singular);
    assert_eq!((names(&table), table.classes.to_vec()), (list(&["a.jpg", "b.jpg"]), list(&["cat", "dog"])));
    assert_eq!(cells(&table), [P, P, P, U]);
    let mixed =
        "{\"id\": \"a.jpg\", \"labels\": [\"cat\", \"dog\"]}\n{\"id\": \"b.jpg\", \"label\": [\"cat\"]}\n";
    assert_eq!(cells(&read("mixed.jsonl", mixed)), [P, P, P, U]);
    for key in ["label", "labels", "tags", "categories"] {
        let text = format!(
            "{{\"path\":\"a\",\"{key}\":\"cat\",\"negatives\":\"dog\"}}\n{{\"path\":\"b\",\"absent\":[\"cat\"]}}\n"
        );
        let table = read("x.jsonl", &text);
        assert_eq!(
            (table.classes.to_vec(), cells(&table)),
            (list(&["cat", "dog"]), vec![P, N, N, U]),
            "{key}"
        );
    }
    let two = error("x.jsonl", "{\"id\":\"a\",\"labels\":[],\"tags\":[\"x\"]}\n");
    assert!(two.contains("labels in `labels` and in `tags`") && two.contains("--ignore-columns"), "{two}");
    let ignored = ReadOptions { ignored_columns: list(&["tags"]), ..ReadOptions::default() };
    let text = "{\"id\":\"a\",\"labels\":[\"y\"],\"tags\":[\"x\"]}\n";
    assert_eq!(read_with("x.jsonl", text, &ignored).unwrap().classes.to_vec(), ["y"]);
    let chosen = ReadOptions { class_columns: Some(list(&["genres"])), ..ReadOptions::default() };
    assert_eq!(cells(&read_with("x.jsonl", "{\"id\":\"a\",\"genres\":[\"y\"]}\n", &chosen).unwrap()), [P]);
    let chosen = ReadOptions { class_columns: Some(list(&["cat", "dog"])), ..ReadOptions::default() };
    let text = "{\"id\":\"a\",\"cat\":1,\"dog\":false}\n{\"id\":\"b\",\"dog\":\"yes\",\"cat\":null}\n";
    assert_eq!(cells(&read_with("x.jsonl", text, &chosen).unwrap()), [P, N, U, P]);
}

#[test]
fn a_line_without_labels_names_its_keys() {
    let text = "{\"id\":\"a\",\"labels\":[\"cat\"]}\n{\"id\":\"b\",\"lables\":[\"cat\"],\"n\":1}\n";
    let error = error("x.jsonl", text);
    assert!(error.starts_with("x.jsonl: line 2, column"), "{error}");
    assert!(error.contains("the row has no labels: its keys are `id`, `lables`, `n`"), "{error}");
    let table = read(
        "x.jsonl",
        "{\"id\":\"a\",\"labels\":[]}\n{\"id\":\"b\",\"labels\":null}\n{\"id\":\"c\",\"tags\":\"x\"}\n",
    );
    assert_eq!(cells(&table), [U, U, P]);
}

#[test]
fn the_name_of_a_row_is_a_text_before_a_number() {
    let table = read(
        "x.jsonl",
        "{\"id\":7,\"image\":\"a.jpg\",\"label\":\"x\"}\n{\"image\":\"b.jpg\",\"id\":8,\"label\":\"x\"}\n",
    );
    assert_eq!((names(&table), table.notes.len()), (list(&["a.jpg", "b.jpg"]), 1));
    let text = "{\"id\":\"7\",\"image\":\"a.jpg\",\"label\":\"x\"}\n";
    assert!(error("x.jsonl", text).contains("may be `id` or `image`: choose with --id-column A"));
    let chosen = ReadOptions { id_column: Some("image".into()), ..ReadOptions::default() };
    assert_eq!(names(&read_with("x.jsonl", text, &chosen).unwrap()), ["a.jpg"]);
    assert!(
        error("x.jsonl", "{\"key\":\"a\",\"labels\":[]}\n")
            .contains("the row has no name: its keys are `key`, `labels`")
    );
}

#[test]
fn texts_with_several_labels_in_json() {
    let text = "{\"id\":\"a\",\"label\":\"cat|dog\"}\n{\"id\":\"b\",\"label\":\"cat\"}\n";
    assert_eq!(cells(&read("x.jsonl", text)), [P, P, P, U]);
    let error =
        error("x.jsonl", "{\"id\":\"a\",\"label\":\"cat\"}\n\n{\"id\":\"b\",\"label\":\"cat dog\"}\n");
    assert!(error.contains("x.jsonl: line 3, column 1: `cat dog` may be one label or several"), "{error}");
    let text = "{\"id\":\"a\",\"label\":\"cat, dog\"}\n";
    assert_eq!(read_with("x.jsonl", text, &separator(",")).unwrap().classes.to_vec(), ["cat", "dog"]);
    assert_eq!(
        read("x.jsonl", "{\"id\":\"a\",\"label\":[\"hot dog\",\"dog\"]}\n").classes.to_vec(),
        ["hot dog", "dog"]
    );
    assert_eq!(
        read("x.jsonl", "{\"id\":\"a\",\"label\":\"['cat', 'dog']\"}\n").classes.to_vec(),
        ["cat", "dog"]
    );
}

#[test]
fn numbers_of_classes_and_labels_of_each_class_in_json() {
    let table = read("x.jsonl", "{\"id\":1,\"label\":[0,2]}\n{\"id\":2,\"label\":1,\"absent\":[0]}\n");
    assert_eq!(table.classes.to_vec(), ["class 0", "class 1", "class 2"]);
    assert_eq!(cells(&table), [P, U, P, N, P, U]);
    let table = read(
        "x.jsonl",
        "{\"id\":1,\"labels\":[0,1,1]}\n{\"id\":3,\"labels\":[]}\n{\"id\":2,\"labels\":[0.0,1.0,null]}\n",
    );
    assert_eq!(cells(&table), [N, P, P, U, U, U, N, P, U]);
    let named = ReadOptions { classes: Some(vec!["x", "y"].into()), ..ReadOptions::default() };
    let table = read_with("x.jsonl", "{\"id\":1,\"labels\":[true,false]}\n", &named).unwrap();
    assert_eq!((table.classes.to_vec(), cells(&table)), (list(&["x", "y"]), vec![P, N]));
    // Lists of two that turn out to be numbers of classes.
    let table = read("x.jsonl", "{\"id\":1,\"labels\":[0,1]}\n{\"id\":2,\"labels\":[2]}\n");
    assert_eq!(cells(&table), [P, P, U, U, U, P]);
    for (text, wanted) in [
        ("{\"id\":1,\"labels\":[0,1,1]}\n{\"id\":2,\"labels\":[0,1]}\n", "this list has 2 elements"),
        ("{\"id\":1,\"labels\":[0,1,1]}\n{\"id\":2,\"labels\":[\"x\"]}\n", "numbers and names"),
        ("{\"id\":1,\"labels\":[\"x\",1]}\n", "names and numbers"),
        ("{\"id\":1,\"labels\":[0.4,1]}\n", "--positive-above P"),
        ("{\"id\":1,\"labels\":[-1,1,0]}\n", "choose the convention of this file"),
        ("{\"id\":1,\"labels\":[3,3]}\n", "listed twice"),
    ] {
        let error = error("x.jsonl", text);
        assert!(error.contains(wanted), "{text}: {error}");
    }
}

#[test]
fn an_array_of_rows_is_read_as_lines_are() {
    let text = "\u{feff}[\n {\"image\": \"a.jpg\", \"label\": [\"cat\", \"dog\"]},\n {\"image\": \"b.jpg\", \"label\": \"cat\"}\n]\n";
    let table = read("x.json", text);
    assert_eq!((names(&table), cells(&table)), (list(&["a.jpg", "b.jpg"]), vec![P, P, P, U]));
    let error = |text| error("x.json", text);
    assert!(
        error("[{\"id\":1,\"labels\":[]},\n{\"id\":2,\"lables\":[]}]").starts_with("x.json: line 2, column"),
        "position"
    );
    assert!(error("[{\"id\":1,\"lables\":[]}]").contains("its keys are `id`, `lables`, expected `labels`"));
    assert!(error("[{\"id\":1,\"labels\":[]}").contains("EOF"));
    assert!(error("[]").contains("there are no rows"));
    assert!(
        error("[{\"id\":1,\"label\":\"a\"},{\"id\":2,\"label\":\"a b\"}]")
            .contains("row 1 (counted from 0): `a b` may be")
    );
    // Lines in a file that is called as an array would be.
    let lines = "{\"id\":\"a\",\"labels\":[\"cat\"]}\n{\"id\":\"b\",\"labels\":[]}\n";
    assert_eq!(cells(&read("x.json", lines)), [P, U]);
    let coco = "{\"images\":[{\"id\":1,\"file_name\":\"a\"}],\"annotations\":[{\"image_id\":1,\"category_id\":2}],\"categories\":[{\"id\":2,\"name\":\"cat\"}]}";
    assert_eq!(read("x.json", coco).classes.to_vec(), ["cat"]);
}

#[test]
fn choices_of_label_studio_are_labels() {
    let task = |data: &str, annotations: &str| {
        format!("{{\"id\":3,\"data\":{data},\"annotations\":[{annotations}],\"predictions\":[]}}")
    };
    let choices = |names: &str, cancelled: bool| {
        format!(
            "{{\"id\":1,\"result\":[{{\"value\":{{\"choices\":[{names}]}},\"from_name\":\"tags\",\"type\":\"choices\"}}],\"was_cancelled\":{cancelled}}}"
        )
    };
    let tasks = [
        task("{\"n\":1,\"title\":\"t\",\"image\":\"a.jpg\"}", &choices("\"cat\",\"hot dog\"", false)),
        task(
            "{\"text\":\"some text\",\"x\":\"y\"}",
            &[choices("\"dog\"", true), choices("\"cat\"", false), choices("\"hot dog\"", false)].join(","),
        ),
        task("{\"image\":\"c.jpg\"}", &choices("\"cat\"", true)),
        task("{\"image\":\"d.jpg\"}", ""),
    ];
    let table = read("export.json", &format!("[{}]", tasks.join(",\n")));
    assert_eq!(names(&table), ["a.jpg", "some text", "c.jpg", "d.jpg"]);
    let labels: Vec<(&str, Vec<&str>)> = vec![
        ("a.jpg", vec!["cat", "hot dog"]),
        ("some text", vec!["cat"]),
        ("c.jpg", vec![]),
        ("d.jpg", vec![]),
    ];
    let found = cells(&table);
    for (row, (name, expected)) in labels.into_iter().enumerate() {
        let classes = table.classes.iter().enumerate();
        let positive: Vec<&str> = classes
            .filter(|(class, _)| found[row * table.classes.len() + class] == P)
            .map(|(_, name)| name)
            .collect();
        assert_eq!(positive, expected, "{name}");
    }
    assert!(table.notes[0].contains("2 of 4 rows have no labels"), "{:?}", table.notes);
    assert!(table.notes[1].contains("1 of 4 rows have several annotations"), "{:?}", table.notes);
    let boxes = task(
        "{\"image\":\"a\"}",
        "{\"result\":[{\"value\":{\"rectanglelabels\":[\"cat\"]},\"type\":\"rectanglelabels\"}]}",
    );
    assert!(error("x.json", &format!("[{boxes}]")).contains("no annotation has choices"));
    // Other things may be called so.
    assert_eq!(
        cells(&read(
            "x.jsonl",
            "{\"id\":1,\"labels\":[\"x\"],\"annotations\":[1,{\"box\":2}],\"data\":[3]}\n"
        )),
        [P]
    );
}

#[test]
fn texts_with_and_without_commas_are_told_apart() {
    let table = read("list_attr_celeba.txt", "2\nSmiling Young\n000001.jpg -1  1\n000002.jpg  1 -1\n");
    assert_eq!((table.classes.to_vec(), cells(&table)), (list(&["Smiling", "Young"]), vec![N, P, P, N]));
    assert!(
        table.notes[0].contains("-1 is read as a negative, because 0 does not occur"),
        "{:?}",
        table.notes
    );
    assert_eq!(cells(&read("x.txt", "a.jpg 0 1\nb.jpg 1 0\n")), [N, P, P, N]);
    assert_eq!(cells(&read("x.txt", "image cat dog\na.jpg 0 1\n")), [N, P]);
    assert_eq!(cells(&read("x.txt", "a.jpg,0 1\nb.jpg, 1\n")), [P, P, U, P]);
    assert!(error("x.txt", "a.jpg\nb.jpg\n").contains("missing comma: expected `name,ids`"));
    let many: String = (0..20_000).map(|class| format!("c{class} ")).collect();
    let text = format!("{many}\na{}\n", " 1".repeat(20_000));
    assert_eq!(read("x.txt", &text).classes.len(), 20_000);
}

/// A column or key that says which labels hold was passed over, and negatives became positives.
#[test]
fn what_says_which_labels_hold_is_read_or_refused() {
    let sure = ReadOptions { positive_above: Some(0.5), ..ReadOptions::default() };
    for name in ["score", "prob", "confidence", "relevance"] {
        let text = format!("id,label,{name}\na,cat,0.9\na,dog,0.3\n");
        assert_eq!(cells(&read_with("x.csv", &text, &sure).unwrap()), [P, N], "{name}");
        assert!(error("x.csv", &text).contains("--positive-above"), "{name}");
    }
    assert_eq!(cells(&read("x.csv", "id,label,IsPresent\na,cat,1\na,dog,0\n")), [P, N]);
    let unknown = "id,label,holds\na,cat,yes\na,dog,no\n";
    assert!(error("x.csv", unknown).contains("column 3 has only labels or confidences"));
    let left_out = ReadOptions { ignored_columns: vec!["holds".into()], ..ReadOptions::default() };
    assert_eq!(cells(&read_with("x.csv", unknown, &left_out).unwrap()), [P, P]);
    let plain = "id,label\na,cat\n";
    assert!(read_with("x.csv", plain, &sure).unwrap_err().contains("no column is named `value`"));
    for key in ["value", "confidence", "scores"] {
        let text = format!("{{\"id\":\"a\",\"labels\":[\"cat\"],\"{key}\":0}}\n");
        assert!(error("x.jsonl", &text).contains(&format!("the key `{key}` may hold")), "{key}");
    }
    let text = "{\"id\":\"a\",\"labels\":[\"cat\"],\"negative_labels\":[\"dog\"],\"source\":\"x\"}\n";
    let table = read("x.jsonl", text);
    assert_eq!(cells(&table), [P, N]);
    assert_eq!(table.notes, ["ignored keys: `source`"]);
}

/// Without a column of names the first class became the names.
#[test]
fn labels_without_names_of_rows_are_refused() {
    for text in ["cat,dog,bird\n1,0,1\n0,1,1\n", "cat,dog\n1,0\n1,1\n0,1\n"] {
        assert!(error("x.csv", text).contains("every cell of it is a label"), "{text}");
    }
    assert!(error("x.txt", "1 0 1\n0 1 1\n").contains("the first word of every line is a label"));
    // Names that are numbers are names where the column says so.
    assert_eq!(cells(&read("x.csv", "id,cat\n1,0\n0,1\n")), [N, P]);
}

use super::*;

const SAMPLE: &str = r#"{"info": {"year": 2014}, "annotations": [
 {"segmentation": [[1.5, 2, 3]], "image_id": 9, "category_id": 18, "id": 1, "bbox": [0, 1, 2, 3]},
 {"image_id": 10, "category_id": 1, "id": 2}, {"image_id": 9, "category_id": 1, "id": 3},
 {"image_id": 9, "category_id": 1, "id": 4}],
 "images": [{"id": 9, "file_name": "nine.jpg"}, {"file_name": "ten.jpg", "id": 10}, {"id": 5, "file_name": "none.jpg"}],
 "categories": [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}]}"#;

fn read_text(text: &str) -> Result<Table, String> {
    parse(text.as_bytes(), Path::new("x.json"), &ReadOptions::default()).map_err(|error| error.to_string())
}

#[test]
fn images_with_annotations_ordered_as_text() {
    let table = read_text(SAMPLE).unwrap();
    assert_eq!(table.names.unwrap().to_vec(), ["ten.jpg", "nine.jpg"]);
    assert_eq!(table.classes.to_vec(), ["person", "dog"]);
    let labels = table.labels.unwrap().to_observed(Path::new("x"), &crate::Limits::default()).unwrap();
    use Label::{Negative as N, Positive as P};
    assert_eq!(labels.cells(), [P, N, P, P]);
}

#[test]
fn every_strict_prefix_is_an_error() {
    for length in 0..SAMPLE.len() {
        assert!(read_text(&SAMPLE[..length]).is_err(), "{length}");
    }
}

#[test]
fn mistakes_are_named() {
    let change = |from: &str, to: &str| {
        assert!(SAMPLE.contains(from));
        read_text(&SAMPLE.replacen(from, to, 1)).unwrap_err()
    };
    assert!(change("\"image_id\": 10", "\"image_id\": 11").contains("refers to the missing image 11"));
    assert!(change("\"category_id\": 18", "\"category_id\": 2").contains("refers to the missing category 2"));
    assert!(change("\"id\": 18", "\"id\": 1").contains("duplicate category id 1"));
    assert!(change("\"id\": 5", "\"id\": 9").contains("duplicate image id 9"));
    assert!(change("nine.jpg", "ten.jpg").contains("duplicate name"));
    let error = change("\"image_id\": 10", "\"image_id\": true");
    assert!(error.starts_with("x.json: line 3, column 18: invalid type: boolean"), "{error}");
    let error = change("\"image_id\": 10", "\"image_id\": 9.5");
    assert!(error.starts_with("x.json: line 3, column 18: invalid id 9.5: expected an integer"), "{error}");
    assert!(change("\"image_id\": 10", "\"image_id\": \"x\"").contains("refers to the missing image x"));
    assert!(change("\"id\": 10", "\"id\": 10, \"id\": 10").contains("duplicate field `id`"));
    assert!(change("\"image_id\": 10, ", "").contains("missing field `image_id`"));
    assert!(change("\"file_name\": \"ten.jpg\"", "\"x\": 1").contains("neither a file_name nor a coco_url"));
    assert!(change("\"info\"", "\"images\"").contains("a list"));
    assert!(change("\"info\": {\"year\": 2014}", "\"images\": []").contains("duplicate key"));
    assert!(change("\"categories\"", "\"other\"").contains("missing key \"categories\""));
    let map = read_text("{\"a.jpg\": [\"cat\", \"dog\"], \"b.jpg\": [\"cat\"]}").unwrap_err();
    assert!(map.contains("a map from names to labels is converted to such lines by `print("), "{map}");
    assert!(read_text(&(SAMPLE.to_string() + "x")).unwrap_err().contains("trailing characters"));
    assert!(read_text(&("{\"a\":".to_string() + &"[".repeat(200))).unwrap_err().contains("nested"));
}

fn cells(table: &Table) -> Vec<Label> {
    let labels = table.labels.as_ref().unwrap();
    labels.to_observed(Path::new("x"), &crate::Limits::default()).unwrap().cells().to_vec()
}

#[test]
fn ids_may_be_texts_and_floats() {
    let text = SAMPLE
        .replace("\"image_id\": 9", "\"image_id\": \"a9\"")
        .replace("\"id\": 9, \"file", "\"id\": \"a9\", \"file")
        .replace("\"id\": 10", "\"id\": \"10\"")
        .replace("\"category_id\": 18", "\"category_id\": 18.0")
        .replace("\"id\": 1,", "\"id\": \"c1\",")
        .replace("\"id\": 1}", "\"id\": \"c1\"}")
        .replace("\"category_id\": 1,", "\"category_id\": \"c1\",")
        .replace("{\"id\": 1, \"name\"", "{\"id\": \"c1\", \"name\"");
    let table = read_text(&text).unwrap();
    assert_eq!(table.names.as_ref().unwrap().to_vec(), ["ten.jpg", "nine.jpg"]);
    assert_eq!(table.classes.to_vec(), ["dog", "person"], "numbers before texts");
    use Label::{Negative as N, Positive as P};
    assert_eq!(cells(&table), [N, P, P, P]);
}

#[test]
fn images_without_annotations_are_counted_in_a_note() {
    let table = read_text(SAMPLE).unwrap();
    assert_eq!(table.notes, ["x.json: 1 images without an annotation are left out"]);
    assert!(table.rearranged.is_some());
    let all = SAMPLE.replace(", {\"id\": 5, \"file_name\": \"none.jpg\"}", "");
    let table = read_text(&all).unwrap();
    assert!(table.notes.is_empty() && table.rearranged.is_some(), "ten.jpg comes first");
    let ordered =
        all.replace("\"id\": 9, \"file", "\"id\": 7, \"file").replace("\"image_id\": 9", "\"image_id\": 7");
    let ordered = ordered.replace("\"id\": 10", "\"id\": 8").replace("\"image_id\": 10", "\"image_id\": 8");
    assert_eq!(read_text(&ordered).unwrap().rearranged, None);
}

#[test]
fn groups_and_the_background_are_left_out_where_nothing_names_them() {
    let categories = |list: &str| {
        SAMPLE.replace(
            "{\"id\": 18, \"name\": \"dog\"}",
            &format!("{{\"id\": 18, \"name\": \"dog\", \"supercategory\": \"animal\"}}, {list}"),
        )
    };
    let classes = |text: &str| read_text(text).map(|table| (table.classes.to_vec().join(" "), table.notes));
    for (list, expected, note) in [
        (r#"{"id": 0, "name": "animal", "supercategory": "none"}"#, "person dog", Some("`animal`")),
        (r#"{"id": 0, "name": "__background__"}"#, "person dog", Some("`__background__`")),
        // Without an annotation, but nothing says that it is a group.
        (r#"{"id": 0, "name": "zebra", "supercategory": "animal"}"#, "zebra person dog", None),
        // Its own supercategory alone, as `person` in COCO.
        (r#"{"id": 20, "name": "cow", "supercategory": "cow"}"#, "person dog cow", None),
    ] {
        let (found, notes) = classes(&categories(list)).unwrap();
        assert_eq!(found, expected);
        let said = notes.iter().find(|note| note.contains("are groups of others or the background"));
        assert_eq!(said.map(|said| said.rsplit(": ").next().unwrap()), note, "{notes:?}");
    }
    let animal = categories(r#"{"id": 0, "name": "animal"}"#);
    // An annotation, a negative or a list of classes names it.
    let annotated = animal.replacen("\"category_id\": 1,", "\"category_id\": 0,", 1);
    assert_eq!(classes(&annotated).unwrap().0, "animal person dog");
    let negative = animal.replace("\"id\": 5,", "\"id\": 5, \"neg_category_ids\": [0],");
    assert_eq!(classes(&negative).unwrap().0, "animal person dog");
    let options = ReadOptions { classes: Some(vec!["dog", "animal"].into()), ..ReadOptions::default() };
    let table = parse(animal.as_bytes(), Path::new("x.json"), &options).unwrap();
    assert_eq!(table.classes.to_vec(), ["animal", "person", "dog"]);
}

#[test]
fn negatives_that_contradict_annotations_are_said() {
    use Label::{Negative as N, Positive as P, Unknown as U};
    let text = SAMPLE.replace("\"id\": 9,", "\"neg_category_ids\": [1, 1.0], \"id\": 9,").replace(
        "\"id\": 5,",
        "\"neg_category_ids\": [1, 18], \"not_exhaustive_category_ids\": [18], \"id\": 5,",
    );
    let table = read_text(&text).unwrap();
    assert_eq!(table.names.as_ref().unwrap().to_vec(), ["ten.jpg", "none.jpg", "nine.jpg"]);
    assert_eq!(cells(&table), [P, U, N, U, P, P]);
    assert!(
        table
            .notes
            .iter()
            .any(|note| note.contains("1 classes are in the neg_category_ids of an image that has"))
    );
    assert!(table.notes.iter().any(|note| note.contains("unlisted classes are unknown")));
    let options = ReadOptions { unlisted: Some(N), ..ReadOptions::default() };
    let table = parse(text.as_bytes(), Path::new("x.json"), &options).unwrap();
    assert_eq!(cells(&table), [P, N, N, U, P, P]);
    let error = read_text(&text.replace("[1, 18]", "[2]")).unwrap_err();
    assert!(error.contains("neg_category_ids of an image refers to the missing category 2"), "{error}");
    assert!(read_text(&text.replace("[1, 18]", "null")).is_ok());
    assert!(read_text(&text.replace("[1, 18]", "3")).unwrap_err().contains("expected a list of ids"));
}

#[test]
fn areas_add_up_and_the_nearest_centre_counts() {
    let text = r#"{"images": [{"id": 1, "file_name": "a", "width": 100, "height": 80}],
        "categories": [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}, {"id": 3, "name": "z"}],
        "annotations": [{"image_id": 1, "category_id": 3, "bbox": [0, 0, 20, 20], "area": 150.5},
            {"image_id": 1, "category_id": 3, "bbox": [43, 34, 20, 20], "area": 300},
            {"image_id": 1, "category_id": 1, "bbox": [40, 30, 20, 20]}]}"#;
    let annotations = read_text(text).unwrap().annotations.unwrap();
    assert_eq!(annotations.classes().to_vec(), ["x", "y", "z"]);
    assert_eq!(annotations.row(0).collect::<Vec<_>>(), [(0, 400.0, 0.0), (2, 450.5, 5.0)]);
    for (from, to) in [
        ("\"width\": 100, ", ""),
        ("\"height\": 80", "\"height\": 0"),
        ("\"height\": 80", "\"height\": \"tall\""),
        ("\"bbox\": [0, 0, 20, 20], ", ""),
        ("[0, 0, 20, 20]", "[0, 0, 20]"),
        ("[0, 0, 20, 20]", "{\"x\": [1]}"),
        ("[0, 0, 20, 20]", "[0, 0, 20, null]"),
        ("150.5", "-1"),
    ] {
        assert!(text.contains(from));
        let table = read_text(&text.replacen(from, to, 1)).unwrap();
        assert!(table.annotations.is_none(), "{from} {to}");
    }
}

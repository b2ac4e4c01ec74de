//! COCO's `instances_*.json`, read as it streams by.

use crate::input::open_buffered;
use crate::labels::names::unique;
use crate::memory::reserved;
use crate::shown;
use crate::text::json::{Skipped, json};
use crate::text::strings::push;
use crate::{Content, FormatError, LabelLists, ReadOptions, Strings, Table};
use lacuna_labels::Label;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::io::Read;
use std::path::Path;

/// Reads the labels of an instances file: a class is positive where the image has an annotation of the category.
///
/// Rows are the images **with at least one annotation, ordered by their id as text** ("10" before "9"), which is the
/// order of the single-positive papers; names are the `file_name`. Classes are the categories by id. Other classes are
/// negative unless [`ReadOptions::unlisted`] says otherwise. Segmentations, boxes and everything else is passed over without being kept:
/// a file of hundreds of megabytes takes about 16 bytes for each annotation and 40 for each image.
///
/// # Errors
/// [`FormatError::Text`] with line and column.
pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<Content, FormatError> {
    parse(open_buffered(path)?, path, options).map(Content::from)
}

pub(crate) fn parse(reader: impl Read, path: &Path, options: &ReadOptions) -> Result<Table, FormatError> {
    let mut found = Instances::default();
    json(reader, path, &options.limits, Top(&mut found))?;
    found.table(path, options)
}

#[derive(Default)]
struct Instances {
    images: Vec<i64>,
    names: Strings,
    categories: Vec<(i64, u32)>,
    category_names: Strings,
    /// Image and category.
    annotations: Vec<(i64, i64)>,
    seen: [bool; 3],
}

impl Instances {
    fn table(mut self, path: &Path, options: &ReadOptions) -> Result<Table, FormatError> {
        for (seen, key) in self.seen.into_iter().zip(["images", "annotations", "categories"]) {
            if !seen {
                return Err(FormatError::text(path, 1, 1, format!("the key \"{key}\" is missing")));
            }
        }
        let refuse = |problem: String| Err(FormatError::text(path, 1, 1, problem));
        self.categories.sort_unstable();
        if let Some(pair) = self.categories.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return refuse(format!("there are two categories with id {}", pair[0].0));
        }
        self.annotations.sort_unstable();
        self.annotations.dedup();
        let memory = |bytes| FormatError::memory(path, "the images", bytes);
        let mut order: Vec<u32> = reserved(self.images.len()).map_err(memory)?;
        order.extend(0..self.images.len() as u32);
        order.sort_unstable_by_key(|&image| self.images[image as usize]);
        let id = |image: u32| self.images[image as usize];
        if let Some(pair) = order.windows(2).find(|pair| id(pair[0]) == id(pair[1])) {
            return refuse(format!("there are two images with id {}", id(pair[0])));
        }
        // Both are sorted by image, so an annotation without an image is one that is passed by.
        let mut next = self.annotations.iter().peekable();
        let mut with_labels = Vec::new(); // (image, first annotation)
        let mut at = 0_u32;
        for &image in &order {
            if let Some(stray) = next.next_if(|annotation| annotation.0 < id(image)) {
                return refuse(format!("an annotation names image {}, which is not there", stray.0));
            }
            let start = at;
            while next.next_if(|annotation| annotation.0 == id(image)).is_some() {
                at += 1;
            }
            if at > start {
                push(&mut with_labels, (image, start, at));
            }
        }
        if let Some(stray) = next.next() {
            return refuse(format!("an annotation names image {}, which is not there", stray.0));
        }
        with_labels.sort_by_cached_key(|&(image, ..)| id(image).to_string());
        let as_in_file = with_labels.len() == self.images.len()
            && with_labels.iter().zip(0..).all(|(&(image, ..), place)| image == place);
        if with_labels.is_empty() {
            return Err(FormatError::Empty { path: path.into(), what: "images with annotations" });
        }

        let classes = self.categories.iter().map(|&(_, name)| &self.category_names[name as usize]).collect();
        let mut lists = LabelLists::new(classes, options.unlisted.unwrap_or(Label::Negative));
        let mut names = Strings::reserved(with_labels.len()).map_err(memory)?;
        for (image, start, end) in with_labels {
            if !names.push(&self.names[image as usize]) {
                return refuse("the names take more than 4 GiB".into());
            }
            for &(_, category) in &self.annotations[start as usize..end as usize] {
                match self.categories.binary_search_by_key(&category, |entry| entry.0) {
                    Ok(class) => lists.push(class, Label::Positive),
                    Err(_) => {
                        return refuse(format!(
                            "an annotation names category {category}, which is not there"
                        ));
                    }
                }
            }
            lists.end_row();
        }
        unique(path, &names)?;
        if let Some((later, _)) = lists.classes.duplicate() {
            return refuse(format!("there are two categories called `{}`", shown(&lists.classes[later])));
        }
        let rearranged = (!as_in_file).then_some(
            "its images stand in the order of their ids as text, and those without annotations are left out",
        );
        Ok(Table { rearranged, ..Table::of_lists(path, Some(names), lists) })
    }
}

/// The document.
struct Top<'a>(&'a mut Instances);

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with images, annotations and categories")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key()? {
            let section = match key {
                Some(section) => section as usize,
                None => {
                    map.next_value::<Skipped>()?;
                    continue;
                }
            };
            if std::mem::replace(&mut self.0.seen[section], true) {
                return Err(A::Error::custom("a key stands there twice"));
            }
            match section {
                0 => map.next_value_seed(Each::new(|image: Image| {
                    if self.0.images.len() >= u32::MAX as usize || !self.0.names.push(&image.file_name) {
                        return Err("the names take more than 4 GiB");
                    }
                    push(&mut self.0.images, image.id);
                    Ok(())
                }))?,
                1 => map.next_value_seed(Each::new(|annotation: Annotation| {
                    if self.0.annotations.len() >= u32::MAX as usize {
                        return Err("there are more than 2^32 annotations");
                    }
                    push(&mut self.0.annotations, (annotation.image_id, annotation.category_id));
                    Ok(())
                }))?,
                _ => map.next_value_seed(Each::new(|category: Category| {
                    let number = self.0.category_names.len() as u32;
                    if number >= 1 << 30 || !self.0.category_names.push(&category.name) {
                        return Err("the names take more than 4 GiB");
                    }
                    push(&mut self.0.categories, (category.id, number));
                    Ok(())
                }))?,
            }
        }
        Ok(())
    }
}

/// A key of the document, if it is one of the three: nothing of another one is kept.
struct Key(Option<u8>);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = Key;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_str<E>(self, key: &str) -> Result<Key, E> {
                Ok(Key(["images", "annotations", "categories"]
                    .iter()
                    .position(|k| *k == key)
                    .map(|i| i as u8)))
            }
        }
        deserializer.deserialize_str(Name)
    }
}

#[derive(Deserialize)]
struct Image {
    id: i64,
    file_name: String,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: i64,
    category_id: i64,
}

#[derive(Deserialize)]
struct Category {
    id: i64,
    name: String,
}

/// A list whose elements are handed on one by one.
struct Each<T, F> {
    take: F,
    element: std::marker::PhantomData<T>,
}

impl<T, F: FnMut(T) -> Result<(), &'static str>> Each<T, F> {
    fn new(take: F) -> Self {
        Self { take, element: std::marker::PhantomData }
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T) -> Result<(), &'static str>> DeserializeSeed<'de> for Each<T, F> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T) -> Result<(), &'static str>> Visitor<'de> for Each<T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(element) = seq.next_element()? {
            (self.take)(element).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) const SAMPLE: &str = r#"{"info": {"year": 2014}, "annotations": [
 {"segmentation": [[1.5, 2, 3]], "image_id": 9, "category_id": 18, "id": 1, "bbox": [0, 1, 2, 3]},
 {"image_id": 10, "category_id": 1, "id": 2}, {"image_id": 9, "category_id": 1, "id": 3},
 {"image_id": 9, "category_id": 1, "id": 4}],
 "images": [{"id": 9, "file_name": "nine.jpg"}, {"file_name": "ten.jpg", "id": 10}, {"id": 5, "file_name": "none.jpg"}],
 "categories": [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}]}"#;

    fn read_text(text: &str) -> Result<Table, String> {
        parse(text.as_bytes(), Path::new("x.json"), &ReadOptions::default())
            .map_err(|error| error.to_string())
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
        assert!(
            change("\"image_id\": 10", "\"image_id\": 11").contains("names image 11, which is not there")
        );
        assert!(
            change("\"category_id\": 18", "\"category_id\": 2")
                .contains("names category 2, which is not there")
        );
        assert!(change("\"id\": 18", "\"id\": 1").contains("two categories with id 1"));
        assert!(change("\"id\": 5", "\"id\": 9").contains("two images with id 9"));
        assert!(change("nine.jpg", "ten.jpg").contains("stands for row"));
        let error = change("\"image_id\": 10", "\"image_id\": \"x\"");
        assert!(error.starts_with("x.json: line 3, column 17: invalid type: string"), "{error}");
        assert!(change("\"info\"", "\"images\"").contains("a list"));
        assert!(change("\"info\": {\"year\": 2014}", "\"images\": []").contains("twice"));
        assert!(change("\"categories\"", "\"other\"").contains("\"categories\" is missing"));
        assert!(read_text(&(SAMPLE.to_string() + "x")).unwrap_err().contains("trailing characters"));
        assert!(read_text(&("{\"a\":".to_string() + &"[".repeat(200))).unwrap_err().contains("nested"));
    }
}

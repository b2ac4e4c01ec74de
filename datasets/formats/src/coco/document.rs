//! The document, read as it streams by.

use super::ids::{Id, IdLists, Ids};
use crate::Strings;
use crate::text::json::Skipped;
use crate::text::strings::{Interner, push};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use std::fmt;

/// What is kept of a document.
pub(super) struct Instances {
    pub(super) ids: Ids,
    pub(super) images: Vec<Id>,
    pub(super) names: Strings,
    /// Width and height of each image, NaN where they are missing.
    pub(super) sizes: Vec<[f32; 2]>,
    /// Categories that images name as absent, where a file does so.
    pub(super) negatives: Option<IdLists>,
    /// Categories of which images may have more objects than there are annotations.
    pub(super) not_exhaustive: IdLists,
    pub(super) annotations: Vec<Annotation>,
    /// Whether every annotation has a box.
    pub(super) boxes: bool,
    pub(super) categories: Vec<Category>,
    pub(super) category_names: Strings,
    pub(super) supercategories: Interner,
    pub(super) seen: [bool; 3],
}

#[derive(Clone, Copy, PartialEq)]
pub(super) struct Annotation {
    pub(super) image: Id,
    pub(super) category: Id,
    /// Area in square pixels.
    pub(super) area: f32,
    /// Centre of the box in pixels.
    pub(super) centre: [f32; 2],
}

#[derive(Clone, Copy)]
pub(super) struct Category {
    pub(super) id: Id,
    /// Place among the names.
    pub(super) name: u32,
    /// Place among the supercategories.
    pub(super) supercategory: Option<u32>,
}

impl Default for Instances {
    fn default() -> Self {
        Self {
            ids: Ids::default(),
            images: Vec::new(),
            names: Strings::new(),
            sizes: Vec::new(),
            negatives: None,
            not_exhaustive: IdLists::default(),
            annotations: Vec::new(),
            boxes: true,
            categories: Vec::new(),
            category_names: Strings::new(),
            supercategories: Interner::new(Strings::new()),
            seen: [false; 3],
        }
    }
}

/// The keys that are read.
pub(super) const SECTIONS: [&str; 3] = ["images", "annotations", "categories"];
const OF_IMAGE: &[&str] =
    &["id", "file_name", "coco_url", "width", "height", "neg_category_ids", "not_exhaustive_category_ids"];
const OF_ANNOTATION: &[&str] = &["image_id", "category_id", "area", "bbox"];
const OF_CATEGORY: &[&str] = &["id", "name", "supercategory"];

/// The document.
pub(super) struct Document<'a>(pub(super) &'a mut Instances);

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with images, annotations and categories")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Key(&SECTIONS))? {
            let Some(section) = key else {
                map.next_value::<Skipped>()?;
                continue;
            };
            if std::mem::replace(&mut self.0.seen[section], true) {
                return Err(A::Error::custom("duplicate key"));
            }
            map.next_value_seed(Section { found: &mut *self.0, section })?;
        }
        Ok(())
    }
}

/// The place of a key among those that are read: nothing of another one is kept.
struct Key<'a>(&'a [&'static str]);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|known| *known == key))
    }
}

/// A list whose elements are taken one by one.
struct Section<'a> {
    found: &'a mut Instances,
    section: usize,
}

impl<'de> DeserializeSeed<'de> for Section<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Section<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Element { found: &mut *self.found, section: self.section })?.is_some() {}
        Ok(())
    }
}

/// An image, an annotation or a category.
struct Element<'a> {
    found: &'a mut Instances,
    section: usize,
}

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Element<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(["an image", "an annotation", "a category"][self.section])
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        match self.section {
            0 => self.found.image(map),
            1 => self.found.annotation(map),
            _ => self.found.category(map),
        }
    }
}

/// Sets the value of a key once.
fn set<T, E: Error>(place: &mut Option<T>, value: T, key: &'static str) -> Result<(), E> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::duplicate_field(key)),
    }
}

impl Instances {
    fn image<'de, A: MapAccess<'de>>(&mut self, mut map: A) -> Result<(), A::Error> {
        let number = u32::try_from(self.images.len())
            .map_err(|_| A::Error::custom("there are more than 2^32 images"))?;
        let (mut id, mut name, mut url) = (None, None, None);
        let mut size = [f32::NAN; 2];
        let mut lists = [false; 2];
        while let Some(key) = map.next_key_seed(Key(OF_IMAGE))? {
            match key {
                Some(0) => set(&mut id, map.next_value_seed(IdSeed(&mut self.ids))?, "id")?,
                Some(1) => set(&mut name, map.next_value::<Option<String>>()?, "file_name")?,
                Some(2) => set(&mut url, map.next_value::<Loose>()?, "coco_url")?,
                Some(side @ (3 | 4)) => size[side - 3] = map.next_value::<Loose>()?.number(),
                Some(list @ (5 | 6)) => {
                    if std::mem::replace(&mut lists[list - 5], true) {
                        return Err(A::Error::duplicate_field(OF_IMAGE[list]));
                    }
                    let into = match list {
                        5 => self.negatives.get_or_insert_default(),
                        _ => &mut self.not_exhaustive,
                    };
                    map.next_value_seed(IdList { ids: &mut self.ids, into })?;
                    into.end(number).map_err(A::Error::custom)?;
                }
                _ => _ = map.next_value::<Skipped>()?,
            }
        }
        let id = id.ok_or_else(|| A::Error::missing_field("id"))?;
        let name = match (name.flatten(), url) {
            (Some(name), _) => name,
            // The name is the last part of the path.
            (None, Some(Loose::Text(url))) => {
                let path = url.split(['?', '#']).next().unwrap_or_default();
                path.rsplit('/').next().unwrap_or_default().to_string()
            }
            (None, _) => return Err(A::Error::custom("an image has neither a file_name nor a coco_url")),
        };
        if name.is_empty() {
            return Err(A::Error::custom("the name of an image is empty"));
        }
        if !self.names.push(&name) {
            return Err(A::Error::custom("the names take more than 4 GiB"));
        }
        push(&mut self.images, id);
        push(&mut self.sizes, size);
        Ok(())
    }

    fn annotation<'de, A: MapAccess<'de>>(&mut self, mut map: A) -> Result<(), A::Error> {
        if self.annotations.len() >= u32::MAX as usize {
            return Err(A::Error::custom("there are more than 2^32 annotations"));
        }
        let (mut image, mut category) = (None, None);
        let (mut area, mut corners) = (f32::NAN, None);
        while let Some(key) = map.next_key_seed(Key(OF_ANNOTATION))? {
            match key {
                Some(0) => set(&mut image, map.next_value_seed(IdSeed(&mut self.ids))?, "image_id")?,
                Some(1) => set(&mut category, map.next_value_seed(IdSeed(&mut self.ids))?, "category_id")?,
                Some(2) => area = map.next_value::<Loose>()?.number(),
                Some(3) => corners = map.next_value::<Rectangle>()?.0,
                _ => _ = map.next_value::<Skipped>()?,
            }
        }
        let image = image.ok_or_else(|| A::Error::missing_field("image_id"))?;
        let category = category.ok_or_else(|| A::Error::missing_field("category_id"))?;
        let [x, y, width, height] = corners.unwrap_or([f32::NAN; 4]);
        if area.is_nan() {
            area = width * height;
        }
        let centre = [x + width / 2.0, y + height / 2.0];
        self.boxes &= area.is_finite() && area >= 0.0 && centre.iter().all(|value| value.is_finite());
        push(&mut self.annotations, Annotation { image, category, area, centre });
        Ok(())
    }

    fn category<'de, A: MapAccess<'de>>(&mut self, mut map: A) -> Result<(), A::Error> {
        let (mut id, mut name, mut supercategory) = (None, None, None);
        while let Some(key) = map.next_key_seed(Key(OF_CATEGORY))? {
            match key {
                Some(0) => set(&mut id, map.next_value_seed(IdSeed(&mut self.ids))?, "id")?,
                Some(1) => set(&mut name, map.next_value::<String>()?, "name")?,
                Some(2) => supercategory = map.next_value::<Loose>().map(Loose::text)?,
                _ => _ = map.next_value::<Skipped>()?,
            }
        }
        let id = id.ok_or_else(|| A::Error::missing_field("id"))?;
        let name = name.ok_or_else(|| A::Error::missing_field("name"))?;
        let too_long = || A::Error::custom("the names take more than 4 GiB");
        let number = self.category_names.len() as u32;
        if number >= 1 << 30 || !self.category_names.push(&name) {
            return Err(too_long());
        }
        let supercategory = match supercategory {
            Some(text) => Some(self.supercategories.number(&text).ok_or_else(too_long)?),
            None => None,
        };
        push(&mut self.categories, Category { id, name: number, supercategory });
        Ok(())
    }
}

/// An id: a whole number, maybe written as a float, or a text.
struct IdSeed<'a>(&'a mut Ids);

impl<'de> DeserializeSeed<'de> for IdSeed<'_> {
    type Value = Id;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Id, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for IdSeed<'_> {
    type Value = Id;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer or string id")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Id, E> {
        self.0.number(number.into()).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Id, E> {
        self.0.number(number.into()).map_err(E::custom)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Id, E> {
        // Beyond 2^53 a float no longer says which whole number was meant.
        match number.fract() == 0.0 && number.abs() <= (1_u64 << 53) as f64 {
            true => self.0.number(number as i128).map_err(E::custom),
            false => Err(E::custom(format!("invalid id {number}: expected an integer"))),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Id, E> {
        self.0.text(text).map_err(E::custom)
    }
}

/// A list of ids, or nothing.
struct IdList<'a> {
    ids: &'a mut Ids,
    into: &'a mut IdLists,
}

impl<'de> DeserializeSeed<'de> for IdList<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for IdList<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of ids of categories")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(id) = seq.next_element_seed(IdSeed(&mut *self.ids))? {
            self.into.push(id);
        }
        Ok(())
    }
}

/// A value of which a number or a text is wanted, and that may be something else.
enum Loose {
    Number(f64),
    Text(String),
    Other,
}

impl Loose {
    /// The number, else NaN.
    fn number(self) -> f32 {
        match self {
            Loose::Number(number) => number as f32,
            Loose::Text(_) | Loose::Other => f32::NAN,
        }
    }

    fn text(self) -> Option<String> {
        match self {
            Loose::Text(text) => Some(text),
            Loose::Number(_) | Loose::Other => None,
        }
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Loose;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_bool<E>(self, _: bool) -> Result<Loose, E> {
                Ok(Loose::Other)
            }
            fn visit_unit<E>(self) -> Result<Loose, E> {
                Ok(Loose::Other)
            }
            fn visit_i64<E>(self, number: i64) -> Result<Loose, E> {
                Ok(Loose::Number(number as f64))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Loose, E> {
                Ok(Loose::Number(number as f64))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Loose, E> {
                Ok(Loose::Number(number))
            }
            fn visit_str<E>(self, text: &str) -> Result<Loose, E> {
                Ok(Loose::Text(text.to_string()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Loose, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Loose::Other)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Loose::Other)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// `[x, y, width, height]`, if it is that.
struct Rectangle(Option<[f32; 4]>);

impl<'de> Deserialize<'de> for Rectangle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Four;
        impl<'de> Visitor<'de> for Four {
            type Value = Rectangle;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_unit<E>(self) -> Result<Rectangle, E> {
                Ok(Rectangle(None))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Rectangle, E> {
                Ok(Rectangle(None))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Rectangle, E> {
                Ok(Rectangle(None))
            }
            fn visit_u64<E>(self, _: u64) -> Result<Rectangle, E> {
                Ok(Rectangle(None))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Rectangle, E> {
                Ok(Rectangle(None))
            }
            fn visit_str<E>(self, _: &str) -> Result<Rectangle, E> {
                Ok(Rectangle(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Rectangle, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Rectangle(None))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Rectangle, A::Error> {
                let (mut numbers, mut count) = ([f32::NAN; 4], 0);
                while let Some(value) = seq.next_element::<Loose>()? {
                    if let Some(place) = numbers.get_mut(count) {
                        *place = value.number();
                    }
                    count += 1;
                }
                Ok(Rectangle(Some(numbers).filter(|_| count == 4)))
            }
        }
        deserializer.deserialize_any(Four)
    }
}

//! COCO's `instances_*.json` and its relatives (LVIS, Objects365, exports of annotation tools), read as they stream by.

mod document;
mod ids;

use crate::error::printed;
use crate::input::open_buffered;
use crate::labels::names::unique;
use crate::memory::{reserved, zeros};
use crate::shown;
use crate::text::json::json;
use crate::text::strings::push;
use crate::{Annotations, Content, FormatError, LabelLists, ReadOptions, Strings, Table};
use document::{Annotation, Document, Instances, SECTIONS};
use ids::{Id, IdLists};
use lacuna_labels::Label;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// Reads the labels of an instances file: a class is positive where the image has an annotation of the category.
///
/// Rows are the images **with at least one annotation, ordered by their id as text** ("10" before "9"), which is the
/// order of the single-positive papers; names are the `file_name`, or the last part of the `coco_url`. Classes are the
/// categories by id. Categories without an annotation that are only groups of others (their name is the
/// `supercategory` of another one) or the background are left out. Ids are whole numbers or texts.
///
/// Other classes are negative unless [`ReadOptions::unlisted`] says otherwise. Where images have `neg_category_ids`, as in
/// LVIS, these are negative and the other classes unknown; images with negatives alone are rows as well, and the
/// `not_exhaustive_category_ids` are unknown unless there is an annotation.
///
/// Areas and boxes are kept in [`Table::annotations`] where every annotation has them; segmentations and everything else
/// is ignored without being kept: a file of hundreds of megabytes takes about 40 bytes for each annotation and 40 for
/// each image.
///
/// # Errors
/// [`FormatError::Text`] with line and column.
pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<Content, FormatError> {
    parse(open_buffered(path)?, path, options).map(Content::from)
}

pub(crate) fn parse(reader: impl Read, path: &Path, options: &ReadOptions) -> Result<Table, FormatError> {
    let mut found = Instances::default();
    json(reader, path, &options.limits, Document(&mut found))?;
    found.table(path, options)
}

/// What an image says about a class, a bit each; the highest one holds.
const NEGATIVE: u8 = 1;
const UNKNOWN: u8 = 2;
const POSITIVE: u8 = 4;

/// An image that becomes a row: its place in the file, and its annotations from one place up to another.
type Row = (u32, u32, u32);

impl Instances {
    fn table(mut self, path: &Path, options: &ReadOptions) -> Result<Table, FormatError> {
        if self.seen == [false; 3] {
            let problem = "the document has no images, annotations or categories: expected a COCO document, or an object \
                           with `id` and `labels` for each row, in lines or in an array; a map from names to labels is \
                           converted to such lines by `print(*[json.dumps({\"id\": k, \"labels\": v}) for k, v in \
                           json.load(open(\"x.json\")).items()], sep=\"\\n\")`";
            return Err(FormatError::text(path, 1, 1, problem));
        }
        for (seen, key) in self.seen.into_iter().zip(SECTIONS) {
            if !seen {
                return Err(FormatError::text(path, 1, 1, format!("missing key \"{key}\"")));
            }
        }
        let refuse = |problem: String| Err(FormatError::text(path, 1, 1, problem));
        let memory = |bytes| FormatError::memory(path, "the images", bytes);
        self.annotations.sort_unstable_by_key(|annotation| (annotation.image, annotation.category));
        let rows = self.rows(path)?;
        let as_in_file = rows.len() == self.images.len()
            && rows.iter().zip(0..).all(|(&(image, ..), place)| image == place);
        if rows.is_empty() {
            return Err(FormatError::Empty { path: path.into(), what: "images with annotations" });
        }
        let classes = Classes::new(&mut self, path, options)?;

        let default = if self.negatives.is_some() { Label::Unknown } else { Label::Negative };
        let mut lists = LabelLists::new(classes.names.clone(), options.unlisted.unwrap_or(default));
        let with_sizes =
            rows.iter().all(|&(image, ..)| self.sizes[image as usize].iter().all(|side| *side > 0.0));
        let mut boxes = (self.boxes && with_sizes).then(|| Annotations::new(classes.names.clone()));
        let mut names = Strings::reserved(rows.len()).map_err(memory)?;
        // What an image says about each class, and the classes that it mentions.
        let mut said: Vec<u8> = zeros(classes.names.len()).map_err(memory)?;
        let mut mentioned: Vec<u32> = Vec::new();
        let mut contradictions = 0_u64;
        for &(image, start, end) in &rows {
            if !names.push(&self.names[image as usize]) {
                return refuse("the names take more than 4 GiB".into());
            }
            let annotations = &self.annotations[start as usize..end as usize];
            let negative = self.negatives.iter().flat_map(|lists| lists.of(image)).map(|id| (id, NEGATIVE));
            let unknown = self.not_exhaustive.of(image).map(|id| (id, UNKNOWN));
            let positive = annotations.iter().map(|annotation| (annotation.category, POSITIVE));
            for (id, bit) in negative.chain(unknown).chain(positive) {
                if let Some(class) = classes.find(id) {
                    if said[class as usize] == 0 {
                        push(&mut mentioned, class);
                    }
                    said[class as usize] |= bit;
                }
            }
            mentioned.sort_unstable();
            for class in mentioned.drain(..) {
                let bits = std::mem::take(&mut said[class as usize]);
                let label = match bits {
                    POSITIVE.. => Label::Positive,
                    UNKNOWN.. => Label::Unknown,
                    _ => Label::Negative,
                };
                contradictions += u64::from(bits & (NEGATIVE | POSITIVE) == NEGATIVE | POSITIVE);
                if label != lists.unlisted {
                    lists.push(class as usize, label);
                }
            }
            lists.end_row();
            if let Some(boxes) = &mut boxes {
                let [width, height] = self.sizes[image as usize];
                for group in annotations.chunk_by(|a, b| a.category == b.category) {
                    let (area, distance) = measure(group, [width / 2.0, height / 2.0]);
                    if let Some(class) = classes.find(group[0].category) {
                        boxes.push(class as usize, area, distance);
                    }
                }
                boxes.end_row();
            }
        }
        unique(path, &names)?;
        let mut notes = Vec::new();
        let left_out = self.images.len() - rows.len();
        let shown_path = printed(path);
        if left_out > 0 {
            let what = if self.negatives.is_some() {
                "an annotation or a negative category"
            } else {
                "an annotation"
            };
            notes.push(format!("{shown_path}: {left_out} images without {what} are left out"));
        }
        notes.extend(classes.note(&shown_path));
        if self.negatives.is_some() && options.unlisted.is_none() {
            notes.push(format!(
                "{shown_path}: neg_category_ids lists the classes that an image does not have; unlisted classes are \
                 unknown"
            ));
        }
        if contradictions > 0 {
            notes.push(format!(
                "{shown_path}: {contradictions} classes are in the neg_category_ids of an image that has annotations of \
                 them; they are read as positive"
            ));
        }
        let rearranged = (!as_in_file).then_some(
            "its images are sorted by their ids as text, and those without annotations are left out",
        );
        let annotations = boxes.map(Arc::new);
        Ok(Table { rearranged, annotations, notes, ..Table::of_lists(path, Some(names), lists) })
    }

    /// The images that something is known of, by their ids as text.
    fn rows(&self, path: &Path) -> Result<Vec<Row>, FormatError> {
        let refuse = |problem: String| Err(FormatError::text(path, 1, 1, problem));
        let memory = |bytes| FormatError::memory(path, "the images", bytes);
        let mut order: Vec<u32> = reserved(self.images.len()).map_err(memory)?;
        order.extend(0..self.images.len() as u32);
        order.sort_unstable_by_key(|&image| self.images[image as usize]);
        let id = |image: u32| self.images[image as usize];
        if let Some(pair) = order.windows(2).find(|pair| id(pair[0]) == id(pair[1])) {
            return refuse(format!("duplicate image id {}", self.ids.shown(id(pair[0]))));
        }
        // Both are sorted by image, so an annotation without an image is one that is passed by.
        let mut next = self.annotations.iter().peekable();
        let stray = |annotation: &Annotation| {
            let image = self.ids.shown(annotation.image);
            refuse(format!("an annotation refers to the missing image {image}"))
        };
        let mut rows = Vec::new();
        let mut at = 0_u32;
        for &image in &order {
            if let Some(annotation) = next.next_if(|annotation| annotation.image < id(image)) {
                return stray(annotation);
            }
            let start = at;
            while next.next_if(|annotation| annotation.image == id(image)).is_some() {
                at += 1;
            }
            let has_negatives =
                || self.negatives.as_ref().is_some_and(|lists| lists.of(image).next().is_some());
            if at > start || has_negatives() {
                push(&mut rows, (image, start, at));
            }
        }
        if let Some(annotation) = next.next() {
            return stray(annotation);
        }
        rows.sort_unstable_by(|a, b| self.ids.as_text(id(a.0), id(b.0)));
        Ok(rows)
    }
}

/// The sum of the areas, and the distance of the nearest centre from a point.
fn measure(annotations: &[Annotation], [x, y]: [f32; 2]) -> (f32, f32) {
    let area: f64 = annotations.iter().map(|annotation| f64::from(annotation.area)).sum();
    let distances = annotations.iter().map(|Annotation { centre, .. }| (centre[0] - x).hypot(centre[1] - y));
    (area as f32, distances.fold(f32::INFINITY, f32::min))
}

/// The categories that are classes.
struct Classes {
    /// Ids by number, and the class of each; `None` for one that is left out.
    by_id: Vec<(Id, Option<u32>)>,
    names: Strings,
    /// Names of those that are left out.
    left_out: Strings,
}

impl Classes {
    /// Numbers the categories, and checks that every id that something names is one of them.
    fn new(found: &mut Instances, path: &Path, options: &ReadOptions) -> Result<Self, FormatError> {
        let refuse = |problem: String| Err(FormatError::text(path, 1, 1, problem));
        let ids = &found.ids;
        found.categories.sort_unstable_by(|a, b| ids.by_value(a.id, b.id));
        if let Some(pair) = found.categories.windows(2).find(|pair| pair[0].id == pair[1].id) {
            return refuse(format!("duplicate category id {}", ids.shown(pair[0].id)));
        }
        let memory = |bytes| FormatError::memory(path, "the categories", bytes);
        let mut by_id: Vec<(Id, Option<u32>)> = reserved(found.categories.len()).map_err(memory)?;
        by_id.extend(found.categories.iter().map(|category| (category.id, None)));
        by_id.sort_unstable_by_key(|entry| entry.0);
        let place = |by_id: &[(Id, Option<u32>)], id| by_id.binary_search_by_key(&id, |entry| entry.0);
        let mark = |by_id: &mut Vec<(Id, Option<u32>)>, id, what: &str| match place(by_id, id) {
            Ok(i) => {
                by_id[i].1 = Some(0);
                Ok(())
            }
            Err(_) => {
                let id = ids.shown(id);
                Err(FormatError::text(path, 1, 1, format!("{what} refers to the missing category {id}")))
            }
        };
        for group in found.annotations.chunk_by(|a, b| a.category == b.category) {
            mark(&mut by_id, group[0].category, "an annotation")?;
        }
        let lists: [(Option<&IdLists>, &str); 2] = [
            (found.negatives.as_ref(), "neg_category_ids of an image"),
            (Some(&found.not_exhaustive), "not_exhaustive_category_ids of an image"),
        ];
        for (lists, what) in lists {
            for id in (0..found.images.len() as u32)
                .flat_map(|image| lists.into_iter().flat_map(move |l| l.of(image)))
            {
                mark(&mut by_id, id, what)?;
            }
        }

        // Categories that are the supercategory of another one.
        let supercategories = &found.supercategories;
        let mut members: Vec<u32> = reserved(supercategories.strings().len()).map_err(memory)?;
        members.resize(supercategories.strings().len(), 0);
        for category in &found.categories {
            let name = &found.category_names[category.name as usize];
            if let Some(place) = category.supercategory.map(|place| place as usize)
                && &supercategories.strings()[place] != name
            {
                members[place] += 1;
            }
        }
        let is_group =
            |name: &str| supercategories.get(name).is_some_and(|place| members[place as usize] > 0);
        let is_background = |name: &str| name.trim_matches('_').eq_ignore_ascii_case("background");
        let is_known = |name: &str| options.classes.iter().flat_map(Strings::iter).any(|known| known == name);

        let mut classes = Self { by_id, names: Strings::new(), left_out: Strings::new() };
        for category in &found.categories {
            let name = &found.category_names[category.name as usize];
            let i = place(&classes.by_id, category.id).expect("every category is listed");
            let is_named = classes.by_id[i].1.is_some();
            let left_out = !is_named && (is_group(name) || is_background(name)) && !is_known(name);
            classes.by_id[i].1 = (!left_out).then_some(classes.names.len() as u32);
            let list = if left_out { &mut classes.left_out } else { &mut classes.names };
            if !list.push(name) {
                return refuse("the names take more than 4 GiB".into());
            }
        }
        match classes.names.duplicate() {
            Some((later, _)) => refuse(format!("duplicate category `{}`", shown(&classes.names[later]))),
            None => Ok(classes),
        }
    }

    /// The class of a category, if it is one.
    fn find(&self, id: Id) -> Option<u32> {
        let i = self.by_id.binary_search_by_key(&id, |entry| entry.0).ok()?;
        self.by_id[i].1
    }

    /// Which categories are left out.
    fn note(&self, path: &str) -> Option<String> {
        const FEW: usize = 5;
        let few: Vec<String> =
            self.left_out.iter().take(FEW).map(|name| format!("`{}`", shown(name))).collect();
        let more = self.left_out.len().saturating_sub(FEW);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!few.is_empty()).then(|| {
            format!(
                "{path}: categories without an annotation that are groups of others or the background are left out: {}{more}",
                few.join(", ")
            )
        })
    }
}

#[cfg(test)]
mod tests;

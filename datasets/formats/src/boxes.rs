//! Areas and positions of annotated objects.

use crate::Strings;
use crate::chunks::Chunks;

/// For each row and class with an annotation the annotated area and the distance from the centre of the image.
///
/// Files of detection data have both. Masks that keep large or central objects are drawn from them.
///
/// ```
/// use lacuna_formats::Annotations;
///
/// let mut annotations = Annotations::new(vec!["cat", "dog"].into());
/// annotations.push(1, 350.5, 12.0);
/// annotations.end_row();
/// assert_eq!(annotations.row(0).collect::<Vec<_>>(), [(1, 350.5, 12.0)]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Annotations {
    classes: Strings,
    /// Class, area, distance.
    entries: Chunks<(u32, f32, f32)>,
    /// Where the entries of each row end.
    ends: Chunks<u32>,
}

impl Annotations {
    /// No rows yet.
    pub fn new(classes: Strings) -> Self {
        Self { classes, entries: Chunks::default(), ends: Chunks::default() }
    }

    /// Adds a class to the row at hand: the sum of its areas in square pixels, and the distance of its nearest box's
    /// centre from the centre of the image in pixels.
    ///
    /// # Panics
    /// For a class that has no name.
    pub fn push(&mut self, class: usize, area: f32, distance: f32) {
        assert!(class < self.classes.len(), "class {class} of {}", self.classes.len());
        self.entries.push((class as u32, area, distance));
    }

    /// Ends the row at hand.
    ///
    /// # Panics
    /// Beyond 2^32 entries.
    pub fn end_row(&mut self) {
        self.ends.push(u32::try_from(self.entries.len()).expect("lists have at most 2^32 entries"));
    }

    /// The classes that the entries count; a table whose classes were reordered has others.
    pub fn classes(&self) -> &Strings {
        &self.classes
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    /// Class, area in square pixels and distance in pixels of each class that the row has.
    ///
    /// # Panics
    /// For a row that is not there.
    pub fn row(&self, row: usize) -> impl ExactSizeIterator<Item = (usize, f32, f32)> + '_ {
        let start = if row == 0 { 0 } else { self.ends.get(row - 1) as usize };
        (start..self.ends.get(row) as usize).map(|i| {
            let (class, area, distance) = self.entries.get(i);
            (class as usize, area, distance)
        })
    }

    /// The rows named by `rows`, in that order.
    ///
    /// # Panics
    /// For a row that is not there, and beyond 2^32 entries.
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut selected = Self::new(self.classes.clone());
        for &row in rows {
            self.row(row).for_each(|(class, area, distance)| selected.push(class, area, distance));
            selected.end_row();
        }
        selected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_and_are_selected() {
        let mut annotations = Annotations::new(vec!["a", "b"].into());
        annotations.push(0, 1.0, 2.0);
        annotations.push(1, 3.0, 4.0);
        annotations.end_row();
        annotations.end_row();
        let selected = annotations.select(&[1, 0]);
        assert_eq!((selected.rows(), selected.classes().len()), (2, 2));
        assert_eq!(selected.row(0).len(), 0);
        assert_eq!(selected.row(1).collect::<Vec<_>>(), [(0, 1.0, 2.0), (1, 3.0, 4.0)]);
    }
}

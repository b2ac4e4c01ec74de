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

    /// The annotated area of every row and class, `[rows, classes]`: what a mask that keeps large objects weighs positives by.
    ///
    /// ```
    /// use lacuna_formats::Annotations;
    ///
    /// let mut annotations = Annotations::new(vec!["cat", "dog"].into());
    /// annotations.push(1, 350.5, 10.0);
    /// annotations.end_row();
    /// assert_eq!(annotations.areas(), [0.0, 350.5]);
    /// assert_eq!(annotations.inverse_distances(), [0.0, 0.1]);
    /// ```
    pub fn areas(&self) -> Vec<f64> {
        self.cells(|area, _| f64::from(area))
    }

    /// One over the distance of every row and class, `[rows, classes]`: what a mask that keeps central objects weighs positives by.
    /// The nearest object of a class counts, and a distance of 0 as 0.0005.
    pub fn inverse_distances(&self) -> Vec<f64> {
        self.cells(|_, distance| 1.0 / if distance == 0.0 { 0.0005 } else { f64::from(distance) })
    }

    /// A number for every row and class, 0 without an annotation.
    fn cells(&self, of: impl Fn(f32, f32) -> f64) -> Vec<f64> {
        let classes = self.classes.len();
        let mut cells = vec![0.0; self.rows() * classes];
        for row in 0..self.rows() {
            for (class, area, distance) in self.row(row) {
                cells[row * classes + class] = of(area, distance);
            }
        }
        cells
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
    fn areas_and_distances_stand_in_the_cells_of_their_classes() {
        let mut annotations = Annotations::new(vec!["a", "b"].into());
        annotations.push(1, 350.5, 10.0);
        annotations.end_row();
        annotations.push(0, 2.0, 0.0);
        annotations.push(1, 3.0, 0.25);
        annotations.end_row();
        assert_eq!(annotations.areas(), [0.0, 350.5, 2.0, 3.0]);
        assert_eq!(annotations.inverse_distances(), [0.0, 0.1, 2000.0, 4.0]);
    }

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

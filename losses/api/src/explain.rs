//! What is said about a gradient of a loss that is not the right one: the cell, its logit and label, and what the pattern of wrong
//! cells means.

use crate::Label;
use lacuna_kernels::diagnosis::{Diagnosis, diagnose, ratio, wrong_elements};

/// The cells that a gradient belongs to, row by row.
#[derive(Clone, Copy, Debug)]
pub struct Cells<'a> {
    /// The logits.
    pub logits: &'a [f64],
    /// The labels; of no use for logits of mixed rows, which are fewer.
    pub labels: &'a [Label],
    /// Classes, that is cells of a row.
    pub classes: usize,
    /// Names of the classes, where they have some.
    pub names: Option<&'a [&'a str]>,
}

impl Cells<'_> {
    /// A cell by its place: `row 4, class "cat" (z = 0.5, unknown)`.
    pub fn name(&self, cell: usize) -> String {
        let (row, class) = (cell / self.classes, cell % self.classes);
        let class = self.names.map_or_else(|| class.to_string(), |names| format!("{:?}", names[class]));
        let label = self.label(cell).map_or_else(String::new, |label| format!(", {}", in_words(label)));
        format!("row {row}, class {class} (z = {}{label})", self.logits[cell])
    }

    fn label(&self, cell: usize) -> Option<Label> {
        self.labels.get(cell).copied().filter(|_| self.labels.len() == self.logits.len())
    }

    /// The sentence about a wrong gradient: the cell, what was got and expected, and the diagnosis of the whole array, with the label that
    /// all wrong cells have and others have not.
    ///
    /// ```
    /// use lacuna_loss_api::{Label, explain::Cells};
    /// let labels = [Label::Positive, Label::Unknown];
    /// let cells = Cells { logits: &[0.5, -2.0], labels: &labels, classes: 2, names: Some(&["cat", "dog"]) };
    /// assert_eq!(
    ///     cells.wrong(1, &[0.25, 0.5], &[0.25, -0.5]),
    ///     "gradient of row 0, class \"dog\" (z = -2, unknown): got 0.5, expected -0.5, ratio -1.0000\n\
    ///      ratio -1: the sign is wrong; only where the label is unknown"
    /// );
    /// ```
    pub fn wrong(&self, cell: usize, got: &[f64], expected: &[f64]) -> String {
        let diagnosis = diagnose(got, expected).unwrap_or(Diagnosis::Slope);
        let only = self.only_label(got, expected);
        let only =
            only.map_or_else(String::new, |label| format!("; only where the label is {}", in_words(label)));
        let (got, expected) = (got[cell], expected[cell]);
        let (cell, ratio) = (self.name(cell), ratio(got, expected));
        format!("gradient of {cell}: got {got}, expected {expected}{ratio}\n{diagnosis}{only}")
    }

    /// The label of all wrong cells, where others have another one.
    fn only_label(&self, got: &[f64], expected: &[f64]) -> Option<Label> {
        let mut wrong = wrong_elements(got, expected).map(|cell| self.label(cell));
        let label = wrong.next()??;
        let alike = wrong.all(|other| other == Some(label));
        (alike && self.labels.iter().any(|other| *other != label)).then_some(label)
    }
}

fn in_words(label: Label) -> &'static str {
    match label {
        Label::Positive => "positive",
        Label::Negative => "negative",
        Label::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_and_the_label_of_wrong_ones_are_named() {
        let labels = [Label::Positive, Label::Negative, Label::Unknown, Label::Negative];
        let cells = Cells { logits: &[0.5, -2.0, 1.0, 3.0], labels: &labels, classes: 2, names: None };
        assert_eq!(cells.name(0), "row 0, class 0 (z = 0.5, positive)");
        assert_eq!(cells.name(1), "row 0, class 1 (z = -2, negative)");
        assert_eq!(cells.name(2), "row 1, class 0 (z = 1, unknown)");
        let right = [1.0, 2.0, 3.0, 4.0];
        let negatives = cells.wrong(1, &[1.0, -2.0, 3.0, -4.0], &right);
        assert!(negatives.ends_with("; only where the label is negative"), "{negatives}");
        let positive = cells.wrong(0, &[-1.0, 2.0, 3.0, 4.0], &right);
        assert!(positive.ends_with("; only where the label is positive"), "{positive}");
        let two = cells.wrong(0, &[-1.0, -2.0, 3.0, 4.0], &right);
        assert!(!two.contains("only where"), "{two}");
        // Logits of mixed rows have no labels.
        let mixed = Cells { logits: &[0.5, -2.0], ..cells };
        assert_eq!(mixed.name(1), "row 0, class 1 (z = -2)");
    }
}

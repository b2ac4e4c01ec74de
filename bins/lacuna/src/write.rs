//! Predictions as files: numbers with the names of rows and classes, and the classes that are predicted.

use crate::{FormatError, Model, Predictions};
use lacuna_formats::{Destination, NpyArray, NpyData, push_name, write_atomic};
use std::io::{self, Write};
use std::path::Path;

/// Predictions with everything that a file of them says.
#[derive(Clone, Copy, Debug)]
pub struct PredictionSheet<'a> {
    /// The model that predicted: it has the names and thresholds of the classes.
    pub model: &'a Model,
    /// Its predictions.
    pub predictions: &'a Predictions,
    /// One name a row, or its number.
    pub rows: &'a [String],
    /// Only so many classes of each row, those with the largest probabilities.
    pub top: Option<usize>,
    /// Logits instead of probabilities.
    pub logits: bool,
}

impl PredictionSheet<'_> {
    /// The numbers of a row, `[classes]`.
    fn values(&self, row: usize) -> &[f32] {
        let classes = self.predictions.classes();
        match self.logits {
            true => &self.predictions.logits()[row * classes..(row + 1) * classes],
            false => self.predictions.row(row),
        }
    }

    /// Whether a class is predicted for a row: its probability is above its threshold.
    pub fn predicts(&self, row: usize, class: usize) -> bool {
        self.predictions.get(row, class) > self.model.threshold(class)
    }

    /// The classes of a row by descending probability, of equal ones the first; so many as the sheet shows.
    pub fn best(&self, row: usize) -> Vec<usize> {
        let (p, classes) = (self.predictions.row(row), self.predictions.classes());
        let logits = &self.predictions.logits()[row * classes..(row + 1) * classes];
        let mut order: Vec<usize> = (0..classes).collect();
        // Logits tell probabilities apart that are both 1.
        order.sort_by(|&a, &b| p[b].total_cmp(&p[a]).then(logits[b].total_cmp(&logits[a])));
        order.truncate(self.top.unwrap_or(classes));
        order
    }

    /// The predicted classes of a row.
    fn predicted(&self, row: usize) -> Vec<&str> {
        let classes = self.model.classes().iter().enumerate();
        classes.filter(|(class, _)| self.predicts(row, *class)).map(|(_, name)| name.as_str()).collect()
    }

    /// A table: a line a row with the predicted classes and a number for each class; with [`top`](Self::top) a line for each
    /// of the best classes.
    ///
    /// # Errors
    /// [`FormatError`] for what the file system refuses.
    pub fn csv<'d>(&self, destination: impl Into<Destination<'d>>) -> Result<(), FormatError> {
        self.text(destination.into(), |sheet, file| match sheet.top {
            None => sheet.wide(file),
            Some(_) => sheet.long(file),
        })
    }

    fn wide(&self, file: &mut dyn Write) -> io::Result<()> {
        let mut line = "row,predicted".to_string();
        for class in self.model.classes() {
            line.push(',');
            push_name(&mut line, class, ',');
        }
        writeln!(file, "{line}")?;
        for (row, name) in self.rows.iter().enumerate() {
            line.clear();
            push_name(&mut line, name, ',');
            line.push(',');
            push_name(&mut line, &self.predicted(row).join("|"), ',');
            self.values(row).iter().for_each(|value| line.push_str(&format!(",{value}")));
            writeln!(file, "{line}")?;
        }
        Ok(())
    }

    fn long(&self, file: &mut dyn Write) -> io::Result<()> {
        writeln!(file, "row,rank,class,{},predicted", self.kind())?;
        let mut line = String::new();
        for (row, name) in self.rows.iter().enumerate() {
            for (rank, class) in self.best(row).into_iter().enumerate() {
                line.clear();
                push_name(&mut line, name, ',');
                line.push_str(&format!(",{},", rank + 1));
                push_name(&mut line, &self.model.classes()[class], ',');
                let predicted = u8::from(self.predicts(row, class));
                writeln!(file, "{line},{},{predicted}", self.values(row)[class])?;
            }
        }
        Ok(())
    }

    /// A JSON object a line: `row`, `predicted` and the number of each class, or of the best ones.
    ///
    /// # Errors
    /// [`FormatError`] for what the file system refuses.
    pub fn jsonl<'d>(&self, destination: impl Into<Destination<'d>>) -> Result<(), FormatError> {
        self.text(destination.into(), |sheet, file| {
            (0..sheet.rows.len()).try_for_each(|row| writeln!(file, "{}", sheet.json(row)))
        })
    }

    /// A row as JSON.
    pub fn json(&self, row: usize) -> serde_json::Value {
        let order = match self.top {
            Some(_) => self.best(row),
            None => (0..self.predictions.classes()).collect(),
        };
        let of = |class: usize| {
            let name = self.model.classes()[class].clone();
            serde_json::json!({"class": name, (self.kind()): short(self.values(row)[class])})
        };
        let classes: Vec<serde_json::Value> = order.into_iter().map(of).collect();
        serde_json::json!({"row": self.rows[row], "predicted": self.predicted(row), "classes": classes})
    }

    fn kind(&self) -> &'static str {
        if self.logits { "logit" } else { "probability" }
    }

    fn text(
        &self,
        destination: Destination<'_>,
        write: impl FnOnce(&Self, &mut dyn Write) -> io::Result<()>,
    ) -> Result<(), FormatError> {
        let path = destination.path().to_path_buf();
        write_atomic(destination, |file| write(self, file)).map_err(|source| written(&path, source))
    }

    /// The arrays of a NumPy file and of those beside it: numbers, names of rows and of classes, predicted classes.
    ///
    /// # Errors
    /// [`FormatError::Npy`] for sizes that do not fit.
    pub fn arrays(&self) -> Result<[(&'static str, NpyArray); 4], FormatError> {
        let (rows, classes) = (self.rows.len(), self.predictions.classes());
        let numbers = if self.logits { self.predictions.logits() } else { self.predictions.probabilities() };
        let predicted =
            (0..rows * classes).map(|cell| u8::from(self.predicts(cell / classes, cell % classes)));
        let array = |shape: Vec<usize>, data| {
            NpyArray::new(shape, data)
                .map_err(|source| FormatError::Npy { path: "predictions".into(), source })
        };
        let (names, of_classes) = (self.rows.to_vec(), self.model.classes().to_vec());
        Ok([
            ("", array(vec![rows, classes], NpyData::F32(numbers.to_vec()))?),
            ("rows", array(vec![rows], NpyData::Text(names.into()))?),
            ("classes", array(vec![classes], NpyData::Text(of_classes.into()))?),
            ("predicted", array(vec![rows, classes], NpyData::U8(predicted.collect()))?),
        ])
    }
}

/// The 64-bit number with the fewest digits that is this one in 32 bits.
pub(crate) fn short(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| value.into())
}

fn written(path: &Path, source: io::Error) -> FormatError {
    match source.kind() {
        io::ErrorKind::AlreadyExists => FormatError::Exists { path: path.into() },
        _ => FormatError::Io { path: path.into(), source },
    }
}

//! Lists of numbers: numbers of classes, or a label for each class.

use crate::error::Problem;
use crate::labels::convention::CellReader;
use crate::labels::names::numbered_classes;
use crate::{FormatError, LabelLists, ReadOptions, Strings, shown};
use lacuna_labels::Label;
use std::path::Path;

/// What the lists of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Nothing was seen that says it.
    Open,
    /// Numbers of classes, counted from 0.
    Classes,
    /// A label for each of so many classes. Lists of 0 and 1 in either order, and nothing else, may also name two classes
    /// each: then this is not `certain`.
    Labels { classes: usize, certain: bool },
}

/// Why a list cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// For this reason.
    Problem(Problem),
    /// The lists that were taken for labels of two classes are numbers of classes: read the file again.
    Restart,
}

/// The lists of numbers of a file.
///
/// A list of at least three numbers that are all 0 or 1, one in which 0 or 1 occurs twice, and one with a value that no
/// class has as its number (true, false, null, -1, a fraction) has a label for each class; every such list of a file has
/// the same length. Every other list has the numbers of the classes that are positive. A file whose lists are all `[0, 1]`
/// or `[1, 0]` would name both classes in every row, so these are labels as well.
pub(crate) struct NumberLists {
    cells: CellReader,
    given: Option<Strings>,
    most: usize,
    list: Vec<f64>,
    /// Whether the list has a value that is not a class number.
    labels_only: bool,
    kind: Kind,
    /// Classes up to the largest number.
    classes: u32,
    /// Labels of the rows, where lists are labels: rows without a list cost nothing here.
    labels: LabelLists,
}

impl NumberLists {
    /// `restarted` says that lists are numbers of classes.
    pub(crate) fn new(options: &ReadOptions, restarted: bool) -> Self {
        let most = match &options.classes {
            Some(classes) => classes.len(),
            None => usize::try_from(options.limits.entries).unwrap_or(usize::MAX),
        };
        Self {
            cells: CellReader::new(options),
            given: options.classes.clone(),
            most,
            list: Vec::new(),
            labels_only: false,
            kind: if restarted { Kind::Classes } else { Kind::Open },
            classes: 0,
            labels: LabelLists::new(Strings::new(), options.unlisted.unwrap_or(Label::Unknown)),
        }
    }

    /// Whether there were lists.
    pub(crate) fn any(&self) -> bool {
        self.kind != Kind::Open
    }

    /// Starts a list.
    pub(crate) fn start(&mut self) {
        self.list.clear();
        self.labels_only = false;
    }

    /// An element of the list; `number` is false for true, false and null.
    pub(crate) fn push(&mut self, value: Option<f64>, number: bool) -> Result<(), String> {
        if self.list.len() >= self.most {
            return Err(match &self.given {
                Some(given) => format!("the list has more elements than the {} classes", given.len()),
                None => format!("the list has more than {} elements: name the classes", self.most),
            });
        }
        let whole = value.is_some_and(|value| value >= 0.0 && value.fract() == 0.0);
        self.labels_only |= !number || !whole;
        crate::text::strings::push(&mut self.list, value.unwrap_or(f64::NAN));
        Ok(())
    }

    /// One number that is a class.
    pub(crate) fn class(&mut self, number: f64) -> Result<u32, String> {
        if matches!(self.kind, Kind::Labels { certain: true, .. }) {
            return Err(format!(
                "{number} is a number, where other rows have a list with a label for each class"
            ));
        }
        self.kind = Kind::Classes;
        self.number(number)
    }

    fn number(&mut self, number: f64) -> Result<u32, String> {
        if !(number >= 0.0 && number.fract() == 0.0 && number < f64::from(1 << 24)) {
            return Err(format!("invalid class number {number}: expected an integer from 0 on"));
        }
        let class = number as u32;
        if class as usize >= self.most {
            return Err(match &self.given {
                Some(given) => format!("class {class} is out of range: {} classes are named", given.len()),
                None => format!("class {class} exceeds the limit of {} for classes without names", self.most),
            });
        }
        self.classes = self.classes.max(class + 1);
        Ok(class)
    }

    /// Ends the list of a row, counted from 0: `each` gets the classes where it has numbers of classes; labels are kept.
    pub(crate) fn end(&mut self, row: usize, mut each: impl FnMut(u32)) -> Result<(), Refused> {
        let problem = |problem: String| Err(Refused::Problem(problem.into()));
        if self.list.is_empty() {
            return Ok(());
        }
        let count = |wanted: f64| self.list.iter().filter(|&&value| value == wanted).count();
        let (zeros, ones) = (count(0.0), count(1.0));
        let of_two = zeros + ones == self.list.len() && self.list.len() > 1 && !self.labels_only;
        let certain = self.labels_only || (of_two && (zeros > 1 || ones > 1));
        let length = self.list.len();
        let labels = match self.kind {
            Kind::Labels { classes, .. } if (certain || of_two) && classes == length => true,
            Kind::Labels { certain: false, .. } if !certain => return Err(Refused::Restart),
            Kind::Labels { classes, .. } => {
                return problem(format!(
                    "other rows have a label for each of {classes} classes, and this list has {length} elements{}",
                    if certain || of_two { "" } else { ", which are numbers of classes" }
                ));
            }
            Kind::Classes if certain => {
                let list = self.list.iter().take(5).map(f64::to_string).collect::<Vec<_>>().join(", ");
                return problem(format!(
                    "the list starting with `{}` has a label for each class, where other rows have numbers of classes",
                    shown(&list)
                ));
            }
            Kind::Classes => false,
            Kind::Open => certain || of_two,
        };
        if !labels {
            self.kind = Kind::Classes;
            let list = std::mem::take(&mut self.list);
            for &value in &list {
                each(self.number(value).map_err(|problem| Refused::Problem(problem.into()))?);
            }
            self.list = list;
            return Ok(());
        }
        if let Some(given) = &self.given
            && given.len() != length
        {
            return problem(format!("the list has {length} labels, expected {}", given.len()));
        }
        let certain = certain || matches!(self.kind, Kind::Labels { certain: true, .. });
        self.kind = Kind::Labels { classes: length, certain };
        if row < self.labels.rows() {
            return problem("duplicate list of labels".into());
        }
        self.fill(row);
        for (class, &value) in self.list.iter().enumerate() {
            let label = if value.is_nan() { Ok(Label::Unknown) } else { self.cells.number(value) };
            let label = label.map_err(Refused::Problem)?;
            if label != self.labels.unlisted {
                self.labels.push(class, label);
            }
        }
        self.labels.end_row();
        Ok(())
    }

    /// Ends a list that has numbers of classes and nothing else.
    pub(crate) fn end_classes(&mut self, mut each: impl FnMut(u32)) -> Result<(), Refused> {
        let list = std::mem::take(&mut self.list);
        for &value in &list {
            each(self.class(value).map_err(|problem| Refused::Problem(problem.into()))?);
        }
        self.list = list;
        Ok(())
    }

    /// Ends rows without a list, up to this one.
    fn fill(&mut self, row: usize) {
        while self.labels.rows() < row {
            self.labels.end_row();
        }
    }

    /// Names of the classes, where there were lists, and the labels, where lists are labels.
    pub(crate) fn finish(
        mut self,
        path: &Path,
        rows: usize,
    ) -> Result<(Option<Strings>, Option<LabelLists>), FormatError> {
        let classes = match self.kind {
            Kind::Open => return Ok((None, None)),
            Kind::Classes => self.classes as usize,
            Kind::Labels { classes, .. } => classes,
        };
        let names = self.given.take().map_or_else(|| numbered_classes(path, classes), Ok)?;
        if self.kind == Kind::Classes {
            return Ok((Some(names), None));
        }
        self.fill(rows);
        self.labels.classes = names.clone();
        Ok((Some(names), Some(self.labels)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Label::{Negative as N, Positive as P, Unknown as U};

    type Read = Result<(Vec<Vec<u32>>, Option<Vec<Label>>), Refused>;

    fn read_with(options: &ReadOptions, restarted: bool, rows: &[&[f64]]) -> Read {
        let mut lists = NumberLists::new(options, restarted);
        let mut found = Vec::new();
        for (row, list) in rows.iter().enumerate() {
            lists.start();
            for &value in *list {
                lists
                    .push(Some(value).filter(|value| !value.is_nan()), true)
                    .map_err(|problem| Refused::Problem(problem.into()))?;
            }
            let mut classes = Vec::new();
            lists.end(row, |class| classes.push(class))?;
            found.push(classes);
        }
        let (_, labels) = lists.finish(Path::new("x"), rows.len()).unwrap();
        let cells = |lists: LabelLists| {
            lists.to_observed(Path::new("x"), &Default::default()).unwrap().cells().to_vec()
        };
        Ok((found, labels.map(cells)))
    }

    fn read(rows: &[&[f64]]) -> Read {
        read_with(&ReadOptions::default(), false, rows)
    }

    #[test]
    fn numbers_of_classes_and_labels_are_told_apart() {
        assert_eq!(read(&[&[3.0], &[0.0, 1.0, 5.0]]), Ok((vec![vec![3], vec![0, 1, 5]], None)));
        assert_eq!(read(&[&[], &[0.0, 1.0, 1.0]]).unwrap().1.unwrap(), [U, U, U, N, P, P]);
        assert_eq!(read(&[&[1.0, 0.0], &[0.0, 1.0]]).unwrap().1.unwrap(), [P, N, N, P]);
        assert_eq!(read(&[&[1.0, 0.0], &[0.0, 0.0]]).unwrap().1.unwrap(), [P, N, N, N]);
        assert_eq!(read(&[&[1.0, f64::NAN]]).unwrap().1.unwrap(), [P, U]);
        // What looked like labels of two classes were classes.
        assert_eq!(read(&[&[0.0, 1.0], &[2.0]]), Err(Refused::Restart));
        assert_eq!(
            read_with(&ReadOptions::default(), true, &[&[0.0, 1.0], &[2.0]]),
            Ok((vec![vec![0, 1], vec![2]], None))
        );
    }

    #[test]
    fn lists_that_do_not_fit_together_are_refused() {
        let error = |rows: &[&[f64]]| match read(rows) {
            Err(Refused::Problem(problem)) => problem.into_text(),
            other => panic!("{other:?}"),
        };
        assert!(error(&[&[0.0, 1.0, 1.0], &[0.0, 1.0, 1.0, 0.0]]).contains("this list has 4 elements"));
        assert!(error(&[&[0.0, 1.0, 1.0], &[2.0]]).contains("which are numbers of classes"));
        assert!(error(&[&[2.0], &[0.0, 1.0, 1.0]]).contains("has a label for each class"));
        assert!(error(&[&[0.5, 1.0]]).contains("--positive-above"));
        assert!(error(&[&[99_999_999.0]]).contains("invalid class number"));
        assert!(error(&[&[70_000.0]]).contains("without names"));
        let named = ReadOptions { classes: Some(vec!["a", "b"].into()), ..Default::default() };
        let refused = |rows: &[&[f64]]| matches!(read_with(&named, false, rows), Err(Refused::Problem(_)));
        assert!(refused(&[&[2.0]]) && refused(&[&[1.0, 0.0, 1.0]]) && !refused(&[&[1.0, 0.0]]));
    }
}

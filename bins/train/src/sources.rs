//! Inputs of a fit: matrices, or matrices with the names of rows and classes.

use crate::TrainError;
use lacuna_formats::{NameMatch, RowJoin, Strings, shown};
use lacuna_labels::{Features, ObservedLabels};
use std::borrow::Cow;

/// Rows of features: [`Features`] themselves, or something that knows the names of the rows.
pub trait FeatureSource {
    /// The features, `[rows, columns]`.
    fn features(&self) -> &Features;

    /// One name a row, where there are some.
    fn row_names(&self) -> Option<&Strings> {
        None
    }

    /// One name a column, where there are some: a model refuses rows whose columns have other names than those that trained, or the same in
    /// another order. The name of a nominal column has its values with it, `colour {red, green}`, whose numbers mean something in that order
    /// alone.
    fn column_names(&self) -> Option<&Strings> {
        None
    }

    /// Why the rows are in another order than in their file, if they are: such rows can be joined by name only.
    fn rearranged(&self) -> Option<&str> {
        None
    }

    /// Channels, height and width, where the rows are pictures.
    fn image(&self) -> Option<[usize; 3]> {
        None
    }
}

/// Rows of observed labels: [`ObservedLabels`] themselves, or something that knows the names of rows and classes.
pub trait LabelSource {
    /// The labels, `[rows, classes]`.
    ///
    /// # Errors
    /// [`TrainError::Unlisted`] where it was not said what a cell is that no list names, [`TrainError::Format`] where the
    /// cells cannot be held in memory.
    fn observed(&self) -> Result<Cow<'_, ObservedLabels>, TrainError>;

    /// One name a row, where there are some.
    fn row_names(&self) -> Option<&Strings> {
        None
    }

    /// One name a class, where there are some.
    fn class_names(&self) -> Option<&Strings> {
        None
    }

    /// Why the rows are in another order than in their file, if they are: such rows can be joined by name only.
    fn rearranged(&self) -> Option<&str> {
        None
    }
}

impl FeatureSource for Features {
    fn features(&self) -> &Features {
        self
    }
}

impl LabelSource for ObservedLabels {
    fn observed(&self) -> Result<Cow<'_, ObservedLabels>, TrainError> {
        Ok(Cow::Borrowed(self))
    }
}

impl<T: FeatureSource + ?Sized> FeatureSource for &T {
    fn features(&self) -> &Features {
        (**self).features()
    }
    fn row_names(&self) -> Option<&Strings> {
        (**self).row_names()
    }
    fn rearranged(&self) -> Option<&str> {
        (**self).rearranged()
    }
    fn image(&self) -> Option<[usize; 3]> {
        (**self).image()
    }
}

impl<T: LabelSource + ?Sized> LabelSource for &T {
    fn observed(&self) -> Result<Cow<'_, ObservedLabels>, TrainError> {
        (**self).observed()
    }
    fn row_names(&self) -> Option<&Strings> {
        (**self).row_names()
    }
    fn rearranged(&self) -> Option<&str> {
        (**self).rearranged()
    }
    fn class_names(&self) -> Option<&Strings> {
        (**self).class_names()
    }
}

/// Features and labels of the same rows.
pub(crate) struct Joined<'a> {
    pub(crate) features: Cow<'a, Features>,
    pub(crate) observed: Cow<'a, ObservedLabels>,
    pub(crate) image: Option<[usize; 3]>,
    /// Names of the rows, where there are some.
    pub(crate) rows: Option<Vec<String>>,
    /// Numbers of these rows among those of the label source; `None` where they are the same.
    pub(crate) label_rows: Option<Vec<usize>>,
    /// Names of the classes, `0`, `1`, ... where there are none.
    pub(crate) classes: Vec<String>,
    pub(crate) notes: Vec<String>,
}

impl Joined<'_> {
    /// Other rows of the same classes, without names.
    pub(crate) fn of_rows<'a>(
        &self,
        features: Cow<'a, Features>,
        observed: Cow<'a, ObservedLabels>,
    ) -> Joined<'a> {
        let (image, classes) = (self.image, self.classes.clone());
        Joined { features, observed, image, rows: None, label_rows: None, classes, notes: vec![] }
    }
}

/// Joins rows by name where both sides have names, else by position.
///
/// # Errors
/// [`TrainError::Rows`] where neither is possible.
pub(crate) fn join<'a, X, Y>(x: &'a X, y: &'a Y) -> Result<Joined<'a>, TrainError>
where
    X: FeatureSource + ?Sized,
    Y: LabelSource + ?Sized,
{
    let (features, observed) = (x.features(), y.observed()?);
    let numbered = || (0..observed.classes()).map(|class| class.to_string()).collect();
    let classes = y.class_names().filter(|names| names.len() == observed.classes());
    let classes = classes.map_or_else(numbered, Strings::to_vec);
    let image = x.image();
    let mut notes = Vec::new();
    if let (Some(names), Some(label_names)) = (x.row_names(), y.row_names()) {
        if names.iter().eq(label_names.iter()) {
            let (rows, features) = (Some(names.to_vec()), Cow::Borrowed(features));
            return Ok(Joined { features, observed, image, rows, label_rows: None, classes, notes });
        }
        let join = RowJoin::by_name(names, label_names, NameMatch::Exact);
        if join.pairs.is_empty() {
            return Err(TrainError::Rows(format!(
                "no row of the features has the name of a row of the labels: the first names are `{}` and `{}`",
                shown(names.iter().next().unwrap_or_default()),
                shown(label_names.iter().next().unwrap_or_default()),
            )));
        }
        notes.push(format!("features and labels joined by name: {join}"));
        let (of_features, of_labels): (Vec<usize>, Vec<usize>) = join.pairs.iter().copied().unzip();
        return Ok(Joined {
            features: Cow::Owned(features.select(&of_features)),
            observed: Cow::Owned(observed.select(&of_labels)),
            image,
            rows: Some(of_features.iter().map(|&row| names[row].to_string()).collect()),
            label_rows: Some(of_labels),
            classes,
            notes,
        });
    }
    if let Some(why) = x.rearranged().or(y.rearranged()) {
        return Err(TrainError::Rows(format!(
            "{why}, so that rows can only be joined by name, but features and labels do not both have names of rows"
        )));
    }
    if features.rows() != observed.rows() {
        let named = x.row_names().is_some() || y.row_names().is_some();
        return Err(TrainError::Rows(format!(
            "there are {} rows of features and {} rows of labels, which cannot be joined by position{}",
            features.rows(),
            observed.rows(),
            if named { "; only one of them has names of rows" } else { "" }
        )));
    }
    let names = x.row_names().or(y.row_names());
    if names.is_some() {
        notes.push("features and labels joined by position: only one of them has names of rows".to_string());
    }
    let rows = names.map(Strings::to_vec);
    let features = Cow::Borrowed(features);
    Ok(Joined { features, observed, image, rows, label_rows: None, classes, notes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_labels::{Label, LabelMatrix};

    /// Two rows of features and of labels, with everything that a source may know.
    struct Source {
        features: Features,
        labels: ObservedLabels,
        rows: Strings,
        classes: Strings,
        why: Option<&'static str>,
    }

    fn source(rows: [&str; 2], why: Option<&'static str>) -> Source {
        let labels = LabelMatrix::new(2, 1, vec![Label::Positive, Label::Unknown]).unwrap().into();
        let features = Features::new(2, 4, (0..8).map(|i| i as f32).collect()).unwrap();
        Source {
            features,
            labels,
            rows: rows.into_iter().collect(),
            classes: ["cat"].into_iter().collect(),
            why,
        }
    }

    impl FeatureSource for Source {
        fn features(&self) -> &Features {
            &self.features
        }
        fn row_names(&self) -> Option<&Strings> {
            Some(&self.rows)
        }
        fn rearranged(&self) -> Option<&str> {
            self.why
        }
        fn image(&self) -> Option<[usize; 3]> {
            Some([1, 2, 2])
        }
    }

    impl LabelSource for Source {
        fn observed(&self) -> Result<Cow<'_, ObservedLabels>, TrainError> {
            Ok(Cow::Borrowed(&self.labels))
        }
        fn row_names(&self) -> Option<&Strings> {
            Some(&self.rows)
        }
        fn rearranged(&self) -> Option<&str> {
            self.why
        }
        fn class_names(&self) -> Option<&Strings> {
            Some(&self.classes)
        }
    }

    #[test]
    fn a_reference_knows_what_its_source_knows() {
        let (x, y) = (source(["a", "b"], Some("sorted")), source(["b", "a"], Some("grouped")));
        let (x, y) = (&x, &y);
        let joined = join(&x, &y).unwrap();
        assert_eq!(joined.rows.as_deref(), Some(&["a".to_string(), "b".to_string()][..]));
        assert_eq!(joined.label_rows, Some(vec![1, 0]));
        assert_eq!((joined.image, joined.classes), (Some([1, 2, 2]), vec!["cat".to_string()]));
        assert_eq!(joined.observed.cells(), [Label::Unknown, Label::Positive]);
        assert_eq!(joined.features.row(1), [4.0, 5.0, 6.0, 7.0]);
        // What was rearranged cannot be joined by position.
        let (given, plain) = (source(["a", "b"], None), Features::new(2, 1, vec![0.0; 2]).unwrap());
        assert!(join(&&plain, &&given).is_ok());
        for why in [join(&&plain, &y).map(drop), join(&x, &&given.labels).map(drop)] {
            let said = why.unwrap_err().to_string();
            assert!(said.contains("only be joined by name"), "{said}");
        }
    }
}

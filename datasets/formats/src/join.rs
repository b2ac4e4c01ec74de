//! Bringing rows of features and rows of labels together by name.

use crate::{FormatError, Strings, Table};
use lacuna_labels::{Features, ObservedLabels};
use std::fmt;

/// What two names must have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NameMatch {
    /// They are the same.
    #[default]
    Exact,
    /// The same behind the last `/` or `\`: `train2014/a.jpg` and `a.jpg`.
    FileName,
    /// The same file name without its ending: `train2014/a.jpg` and `a.npy`.
    Stem,
}

impl NameMatch {
    /// The part of a name that counts.
    pub fn key(self, name: &str) -> &str {
        let file = || name.rsplit(['/', '\\']).next().unwrap_or(name);
        match self {
            NameMatch::Exact => name,
            NameMatch::FileName => file(),
            NameMatch::Stem => match file().rsplit_once('.') {
                Some((stem, _)) if !stem.is_empty() => stem,
                _ => file(),
            },
        }
    }
}

/// Which rows belong together, and what is left over.
///
/// ```
/// use lacuna_formats::{NameMatch, RowJoin, Strings};
///
/// let features = Strings::from(vec!["img/a.jpg", "img/b.jpg", "img/c.jpg"]);
/// let labels = Strings::from(vec!["c.jpg", "a.jpg", "x.jpg"]);
/// let join = RowJoin::by_name(&features, &labels, NameMatch::FileName);
/// assert_eq!(join.pairs, [(0, 1), (2, 0)]);
/// assert_eq!(
///     join.to_string(),
///     "2 rows have features and labels; 1 of 3 rows of features has no labels (img/b.jpg); \
///      1 of 3 rows of labels has no features (x.jpg)"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowJoin {
    /// Row of the features and row of the labels, in the order of the features.
    pub pairs: Vec<(usize, usize)>,
    /// Rows of features without labels.
    pub features_only: Strings,
    /// Rows of labels without features.
    pub labels_only: Strings,
    /// Names that stand for several rows of one side, which are left out: nobody knows which is meant.
    pub ambiguous: Strings,
    rows: (usize, usize),
}

impl RowJoin {
    /// Joins by name. Rows come in the order of the features.
    pub fn by_name(features: &Strings, labels: &Strings, by: NameMatch) -> Self {
        let mut join = Self {
            pairs: Vec::new(),
            features_only: Strings::new(),
            labels_only: Strings::new(),
            ambiguous: Strings::new(),
            rows: (features.len(), labels.len()),
        };
        // Both in the order of their keys; then one walk brings equal keys together.
        let sorted = |names: &Strings| {
            let mut order: Vec<usize> = (0..names.len()).collect();
            order.sort_by(|&a, &b| by.key(&names[a]).cmp(by.key(&names[b])));
            order
        };
        let (of_features, of_labels) = (sorted(features), sorted(labels));
        let runs = |names: &Strings, order: &[usize]| -> Vec<(usize, usize)> {
            let mut ends = Vec::new();
            for run in order.chunk_by(|&a, &b| by.key(&names[a]) == by.key(&names[b])) {
                let start = ends.last().map_or(0, |&(_, end)| end);
                ends.push((start, start + run.len()));
            }
            ends
        };
        let (feature_runs, label_runs) = (runs(features, &of_features), runs(labels, &of_labels));
        let (mut f, mut l) = (0, 0);
        let (mut features_only, mut labels_only, mut ambiguous) = (Vec::new(), Vec::new(), Vec::new());
        while f < feature_runs.len() || l < label_runs.len() {
            let feature = feature_runs.get(f).map(|&(start, end)| &of_features[start..end]);
            let label = label_runs.get(l).map(|&(start, end)| &of_labels[start..end]);
            let order = match (feature, label) {
                (Some(feature), Some(label)) => by.key(&features[feature[0]]).cmp(by.key(&labels[label[0]])),
                (Some(_), None) => std::cmp::Ordering::Less,
                _ => std::cmp::Ordering::Greater,
            };
            if order.is_le() {
                f += 1;
            }
            if order.is_ge() {
                l += 1;
            }
            match (feature, label) {
                (Some(feature), Some(label)) if order.is_eq() => match (feature, label) {
                    ([feature], [label]) => join.pairs.push((*feature, *label)),
                    _ => ambiguous.push(feature[0]),
                },
                (Some(feature), _) if order.is_lt() => features_only.extend(feature),
                (_, Some(label)) => labels_only.extend(label),
                _ => unreachable!("one side is not at its end"),
            }
        }
        join.pairs.sort_unstable();
        let names = |list: &mut Vec<usize>, names: &Strings| -> Strings {
            list.sort_unstable();
            list.iter().map(|&row| &names[row]).collect()
        };
        join.features_only = names(&mut features_only, features);
        join.labels_only = names(&mut labels_only, labels);
        join.ambiguous = names(&mut ambiguous, features);
        join
    }

    /// Whether every row of both sides has found one of the other.
    pub fn is_complete(&self) -> bool {
        self.features_only.is_empty() && self.labels_only.is_empty() && self.ambiguous.is_empty()
    }
}

impl fmt::Display for RowJoin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.pairs.len();
        write!(f, "{rows} {} features and labels", if rows == 1 { "row has" } else { "rows have" })?;
        let mut left = |names: &Strings, of: usize, what: &str, other: &str| -> fmt::Result {
            if names.is_empty() {
                return Ok(());
            }
            let has = if names.len() == 1 { "has" } else { "have" };
            let few: Vec<&str> = names.iter().take(5).collect();
            let more = if names.len() > 5 { format!(" and {} more", names.len() - 5) } else { String::new() };
            write!(f, "; {} of {of} rows of {what} {has} no {other} ({}{more})", names.len(), few.join(", "))
        };
        left(&self.features_only, self.rows.0, "features", "labels")?;
        left(&self.labels_only, self.rows.1, "labels", "features")?;
        if !self.ambiguous.is_empty() {
            let few: Vec<&str> = self.ambiguous.iter().take(5).collect();
            write!(f, "; {} names stand for several rows ({})", self.ambiguous.len(), few.join(", "))?;
        }
        Ok(())
    }
}

/// Features from one table and labels from another, joined by name where both have names and by position where one has
/// none.
///
/// # Errors
/// [`FormatError::Mismatch`] where rows are joined by position and their counts differ, [`FormatError::Empty`] where
/// features or labels are missing or no row has both.
pub fn join_tables(
    features: Table,
    labels: Table,
    by: NameMatch,
    limits: &crate::Limits,
) -> Result<(Table, Option<RowJoin>), FormatError> {
    let empty = |path: &std::path::Path, what| FormatError::Empty { path: path.into(), what };
    let dense = features.features.ok_or_else(|| empty(&features.path, "features"))?;
    let dense = dense.into_dense(&features.path, limits)?;
    let observed = labels.labels.ok_or_else(|| empty(&labels.path, "labels"))?;
    let observed = observed.to_observed(&labels.path, limits)?;
    let (joined, dense, observed, names) = match (&features.names, &labels.names) {
        (Some(of_features), Some(of_labels)) => {
            let join = RowJoin::by_name(of_features, of_labels, by);
            if join.pairs.is_empty() {
                return Err(empty(&labels.path, "rows whose name has features"));
            }
            let (f, l): (Vec<usize>, Vec<usize>) = join.pairs.iter().copied().unzip();
            let names = f.iter().map(|&row| &of_features[row]).collect();
            (Some(join), dense.select(&f), observed.select(&l), Some(names))
        }
        (of_features, of_labels) => {
            if dense.rows() != observed.rows() {
                return Err(FormatError::Mismatch {
                    what: "rows",
                    path: features.path.clone(),
                    count: dense.rows(),
                    other: labels.path.clone(),
                    other_count: observed.rows(),
                });
            }
            (None, dense, observed, of_features.clone().or_else(|| of_labels.clone()))
        }
    };
    let table = joined_table(labels.path, names, labels.classes, dense, observed);
    Ok((table, joined))
}

fn joined_table(
    path: std::path::PathBuf,
    names: Option<Strings>,
    classes: Strings,
    features: Features,
    labels: ObservedLabels,
) -> Table {
    Table {
        path,
        names,
        features: Some(crate::FeatureTable::Dense(features)),
        labels: Some(crate::LabelTable::Dense(labels)),
        classes,
        ..Table::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FeatureTable, LabelLists, LabelTable, Limits};
    use lacuna_labels::Label;

    fn tables(features: &[&str], labels: &[&str]) -> (Table, Table) {
        let values = (0..features.len()).map(|i| i as f32).collect();
        let features = Table {
            path: "features.npy".into(),
            names: Some(features.iter().collect()),
            features: Some(FeatureTable::Dense(Features::new(features.len(), 1, values).unwrap())),
            ..Table::default()
        };
        let classes: Strings = (0..labels.len()).map(|i| i.to_string()).collect();
        let mut lists = LabelLists::new(classes.clone(), Label::Negative);
        for i in 0..labels.len() {
            lists.push(i, Label::Positive);
            lists.end_row();
        }
        let labels = Table {
            path: "labels.csv".into(),
            names: Some(labels.iter().collect()),
            labels: Some(LabelTable::Lists(lists)),
            classes,
            ..Table::default()
        };
        (features, labels)
    }

    #[test]
    fn rows_follow_the_features() {
        let (features, labels) = tables(&["b", "a", "c"], &["a", "b", "d"]);
        let (table, join) = join_tables(features, labels, NameMatch::Exact, &Limits::default()).unwrap();
        assert_eq!(table.names.as_ref().unwrap().to_vec(), ["b", "a"]);
        let join = join.unwrap();
        assert_eq!(
            (join.features_only.to_vec(), join.labels_only.to_vec()),
            (vec!["c".to_string()], vec!["d".into()])
        );
        assert!(!join.is_complete());
        let set = table.into_set(&Limits::default()).unwrap();
        assert_eq!(set.features.values(), [0.0, 1.0]);
        assert!(set.truth.get(0, 1).is_positive() && set.truth.get(1, 0).is_positive());
    }

    #[test]
    fn names_that_stand_for_several_rows_are_left_out() {
        let (features, labels) = tables(&["x/a.jpg", "y/a.jpg", "b.jpg"], &["a.png", "b.png"]);
        let join = RowJoin::by_name(
            features.names.as_ref().unwrap(),
            labels.names.as_ref().unwrap(),
            NameMatch::Stem,
        );
        assert_eq!(join.pairs, [(2, 1)]);
        assert!(join.to_string().contains("1 names stand for several rows (x/a.jpg)"), "{join}");
        assert_eq!(NameMatch::Stem.key("a/.hidden"), ".hidden");
    }

    #[test]
    fn without_names_rows_are_joined_by_position() {
        let (mut features, labels) = tables(&["a", "b"], &["a", "b"]);
        features.names = None;
        let (table, join) = join_tables(features, labels, NameMatch::Exact, &Limits::default()).unwrap();
        assert!(join.is_none() && table.names.is_some());
        let (mut features, labels) = tables(&["a"], &["a", "b"]);
        features.names = None;
        let error =
            join_tables(features, labels, NameMatch::Exact, &Limits::default()).unwrap_err().to_string();
        assert!(error.contains("features.npy has 1 rows and labels.csv has 2"), "{error}");
        let (features, labels) = tables(&["a"], &["b"]);
        assert!(join_tables(features, labels, NameMatch::Exact, &Limits::default()).is_err());
    }
}

//! Bringing rows of features and rows of labels together by name.

use crate::error::printed;
use crate::{FeatureTable, FormatError, LabelTable, Limits, Strings, Table, shown};
use std::fmt;
use std::path::Path;

/// What two names must have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NameMatch {
    /// They are the same.
    #[default]
    Exact,
    /// Equal after the last `/` or `\`: `train2014/a.jpg` and `a.jpg`.
    FileName,
    /// The same file name without its ending: `train2014/a.jpg` and `a.npy`.
    Stem,
    /// Nothing: rows belong together by position, whatever their names are.
    Row,
}

impl NameMatch {
    /// The part of a name that counts; the whole name for [`NameMatch::Row`], which looks at none.
    pub fn key(self, name: &str) -> &str {
        let file = || name.rsplit(['/', '\\']).next().unwrap_or(name);
        match self {
            NameMatch::Exact | NameMatch::Row => name,
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
    /// Names of several rows of one side, which are left out because they are ambiguous.
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
            let few: Vec<String> = names.iter().take(5).map(shown).collect();
            let more = if names.len() > 5 { format!(" and {} more", names.len() - 5) } else { String::new() };
            write!(f, "; {} of {of} rows of {what} {has} no {other} ({}{more})", names.len(), few.join(", "))
        };
        left(&self.features_only, self.rows.0, "features", "labels")?;
        left(&self.labels_only, self.rows.1, "labels", "features")?;
        if !self.ambiguous.is_empty() {
            let few: Vec<String> = self.ambiguous.iter().take(5).map(shown).collect();
            write!(f, "; {} names occur in several rows ({})", self.ambiguous.len(), few.join(", "))?;
        }
        Ok(())
    }
}

/// Features from one table and labels from another.
///
/// With [`NameMatch::Row`] rows are joined by position, whatever their names are. Otherwise they are joined by name where
/// both sides have names, in the order of the features, and by position where neither has. The joined table has the names of
/// the features, else those of the labels. Sparse features stay sparse, and labels in lists stay lists; `image` is that of
/// the features, `notes` are those of both. The [`RowJoin`] is there where rows were joined by name.
///
/// # Errors
/// [`FormatError::Unjoined`] where only one side has names, [`FormatError::RowCounts`] where rows are joined by position and
/// their counts differ, [`FormatError::Empty`] where features or labels are missing, [`FormatError::NoCommonName`] where no
/// row has both, [`FormatError::Limit`] where more than [`Limits::cells`] features have to be copied.
pub fn join_tables(
    features: Table,
    labels: Table,
    by: NameMatch,
    limits: &Limits,
) -> Result<(Table, Option<RowJoin>), FormatError> {
    let empty = |path: &Path, what| FormatError::Empty { path: path.into(), what };
    let of_features = features.features.ok_or_else(|| empty(&features.path, "features"))?;
    let of_labels = labels.labels.ok_or_else(|| empty(&labels.path, "labels"))?;
    let (one, other) = (features.path, labels.path);
    let mut table = Table {
        path: other.clone(),
        classes: labels.classes,
        image: features.image,
        feature_names: features.feature_names,
        nominal: features.nominal,
        absolute: labels.absolute,
        chosen_features: features.chosen_features,
        notes: [features.notes, labels.notes].concat(),
        ..Table::default()
    };
    let (names, label_names) = match (by, features.names, labels.names) {
        (NameMatch::Row, names, label_names) => (names.or(label_names), None),
        (_, None, None) => (None, None),
        (_, Some(names), Some(label_names)) => (Some(names), Some(label_names)),
        (_, Some(_), None) => return Err(FormatError::Unjoined { path: other, other: one }),
        (_, None, Some(_)) => return Err(FormatError::Unjoined { path: one, other }),
    };
    let (Some(names), Some(label_names)) = (&names, label_names) else {
        if of_features.rows() != of_labels.rows() {
            let (count, other_count) = (of_features.rows(), of_labels.rows());
            let advice = match table.classes.len() == count {
                true => format!(
                    "it has as many classes as there are rows of features, so that it is transposed: labels have a row for each \
                     row of the features and a column for each class, here {count} x {other_count}"
                ),
                false => "they are joined by position, one row with one row: leave the same rows out of both, or name the rows \
                          of both, so that they are joined by name (--names FILE, and labels as CSV)"
                    .to_string(),
            };
            return Err(FormatError::RowCounts { path: one, count, other, other_count, advice });
        }
        table.names = names;
        table.features = Some(of_features);
        table.labels = Some(of_labels);
        table.observed = labels.observed;
        table.annotations = labels.annotations;
        return Ok((table, None));
    };
    let join = RowJoin::by_name(names, &label_names, by);
    if join.pairs.is_empty() {
        return Err(nothing_joined(names, &label_names, &join, (one, other)));
    }
    let (f, l): (Vec<usize>, Vec<usize>) = join.pairs.iter().copied().unzip();
    table.names = Some(f.iter().map(|&row| &names[row]).collect());
    let is_on_disk = |features: &FeatureTable| matches!(features, FeatureTable::Dense(x) if x.is_on_disk());
    let was_on_disk = is_on_disk(&of_features);
    let joined = select_features(of_features, &f, &one, limits)?;
    if was_on_disk && !is_on_disk(&joined) {
        table.notes.push(copied(&one, &joined, "not all of its rows have labels"));
    }
    table.features = Some(joined);
    table.labels = Some(match of_labels {
        LabelTable::Dense(labels) => LabelTable::Dense(labels.select(&l)),
        LabelTable::Lists(labels) => LabelTable::Lists(labels.select(&l)),
    });
    table.observed = labels.observed.map(|labels| labels.select(&l));
    table.annotations = labels.annotations.map(|annotations| annotations.select(&l).into());
    Ok((table, Some(join)))
}

/// The error of two sides without a common name: a name of each, and the option that would join them.
fn nothing_joined(
    features: &Strings,
    labels: &Strings,
    join: &RowJoin,
    (other, path): (std::path::PathBuf, std::path::PathBuf),
) -> FormatError {
    let error = |name: &str, of_features: &str, advice: String| FormatError::NoCommonName {
        path,
        other,
        names: Box::new([name.to_string(), of_features.to_string()]),
        advice,
    };
    if let Some(name) = join.ambiguous.iter().next() {
        let advice = "every name that both have belongs to several rows: give every row its own name";
        return error(name, name, advice.to_string());
    }
    for (by, option) in [(NameMatch::FileName, "file-name"), (NameMatch::Stem, "stem")] {
        let join = RowJoin::by_name(features, labels, by);
        if let Some(&(feature, label)) = join.pairs.first() {
            let advice =
                format!("--match {option} joins them ({} of {} rows)", join.pairs.len(), features.len());
            return error(&labels[label], &features[feature], advice);
        }
    }
    let first = |names: &Strings| names.iter().next().unwrap_or_default().to_string();
    let advice = "not even without folders (--match file-name) and endings (--match stem): name the rows as in the file of \
                  labels with --names FILE, or, if row i belongs to row i, join by position with --match row";
    error(&first(labels), &first(features), advice.to_string())
}

/// A note that features of a large file take memory.
pub(crate) fn copied(path: &Path, features: &FeatureTable, why: &str) -> String {
    let bytes = 4.0 * features.rows() as f64 * features.columns() as f64;
    format!("{}: {:.1} GB of features are copied into memory, because {why}", printed(path), bytes / 1e9)
}

/// Rows of features; all of them in their order are not copied, because they may be a mapped file.
fn select_features(
    features: FeatureTable,
    rows: &[usize],
    path: &Path,
    limits: &Limits,
) -> Result<FeatureTable, FormatError> {
    if rows.len() == features.rows() && rows.is_sorted() {
        return Ok(features);
    }
    Ok(match features {
        FeatureTable::Dense(features) => {
            let cells = (rows.len() as u64).saturating_mul(features.columns() as u64);
            FormatError::within(path, "features of the joined rows", cells, limits.cells)?;
            FeatureTable::Dense(features.select(rows))
        }
        FeatureTable::Sparse(features) => FeatureTable::Sparse(features.select(rows)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LabelLists, SparseFeatures};
    use lacuna_labels::{Features, Label};

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
    fn a_note_says_how_much_is_copied_and_why() {
        let features = FeatureTable::Dense(Features::new(30_000, 500, vec![0.0; 15_000_000]).unwrap());
        assert_eq!(
            copied(Path::new("a/x.npy"), &features, "not all of its rows have labels"),
            "a/x.npy: 0.1 GB of features are copied into memory, because not all of its rows have labels"
        );
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
        assert!(join.to_string().contains("1 names occur in several rows (x/a.jpg)"), "{join}");
        assert_eq!(NameMatch::Stem.key("a/.hidden"), ".hidden");
    }

    fn joined(features: Table, labels: Table, by: NameMatch) -> Result<(Table, Option<RowJoin>), String> {
        join_tables(features, labels, by, &Limits::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_are_joined_by_position_where_neither_side_has_names() {
        let (mut features, mut labels) = tables(&["a", "b"], &["a", "b"]);
        (features.names, labels.names) = (None, None);
        let (table, join) = joined(features, labels, NameMatch::Exact).unwrap();
        assert!(join.is_none() && table.names.is_none());
        let (mut features, mut labels) = tables(&["a"], &["a", "b"]);
        (features.names, labels.names) = (None, None);
        let error = joined(features, labels, NameMatch::Exact).unwrap_err();
        assert!(error.contains("features.npy has 1 rows and labels.csv has 2"), "{error}");
        let (features, labels) = tables(&["a"], &["b"]);
        assert!(joined(features, labels, NameMatch::Exact).is_err());
    }

    #[test]
    fn names_that_do_not_meet_are_shown_with_the_option_that_joins_them() {
        let error = |features: &[&str], labels: &[&str]| {
            let (features, labels) = tables(features, labels);
            joined(features, labels, NameMatch::Exact).unwrap_err()
        };
        let text = error(&["img/b.jpg", "img/a.jpg"], &["a.jpg", "c.jpg"]);
        assert!(text.contains("labels.csv: no row has the name of a row of features.npy"), "{text}");
        assert!(
            text.ends_with("`a.jpg` here, `img/a.jpg` there; --match file-name joins them (1 of 2 rows)"),
            "{text}"
        );
        let text = error(&["img/a.jpg"], &["a"]);
        assert!(
            text.ends_with("`a` here, `img/a.jpg` there; --match stem joins them (1 of 1 rows)"),
            "{text}"
        );
        let text = error(&["1"], &["x\u{1b}.png"]);
        assert!(text.contains(r"`x\u{1b}.png` here, `1` there"), "{text}");
        assert!(
            text.contains("file-name") && text.contains("stem") && text.contains("--match row"),
            "{text}"
        );
        let text = error(&["a", "a"], &["a"]);
        assert!(text.contains("belongs to several rows"), "{text}");
    }

    #[test]
    fn a_transposed_matrix_is_told_from_rows_that_are_missing() {
        let error = |rows: usize, others: usize, classes: usize| {
            let values = vec![0.0; rows];
            let features = Table {
                path: "features.npy".into(),
                features: Some(FeatureTable::Dense(Features::new(rows, 1, values).unwrap())),
                ..Table::default()
            };
            let names: Strings = (0..classes).map(|class| class.to_string()).collect();
            let mut lists = LabelLists::new(names, Label::Negative);
            (0..others).for_each(|_| lists.end_row());
            let labels = Table::of_lists(Path::new("labels.npy"), None, lists);
            joined(features, labels, NameMatch::Exact).unwrap_err()
        };
        let text = error(5, 3, 5);
        assert!(text.contains("it is transposed") && text.contains("here 5 x 3"), "{text}");
        let text = error(5, 4, 3);
        assert!(text.contains("by position") && !text.contains("transposed"), "{text}");
    }

    #[test]
    fn names_on_one_side_alone_are_an_error_that_says_what_to_do() {
        let (mut features, labels) = tables(&["a", "b"], &["b", "a"]);
        features.names = None;
        assert_eq!(
            joined(features, labels, NameMatch::Stem).unwrap_err(),
            "features.npy: the rows have no names, and those of labels.csv have some: name them with --names FILE, or \
             join by position with --match row"
        );
        let (features, mut labels) = tables(&["a", "b"], &["b", "a"]);
        labels.names = None;
        let error = joined(features, labels, NameMatch::Exact).unwrap_err();
        assert!(
            error.starts_with("labels.csv: the rows have no names, and those of features.npy"),
            "{error}"
        );
    }

    #[test]
    fn rows_are_joined_by_position_whatever_their_names_are_where_that_is_asked_for() {
        let (features, labels) = tables(&["a", "b"], &["b", "a"]);
        let (table, join) = joined(features, labels, NameMatch::Row).unwrap();
        assert!(join.is_none());
        assert_eq!(table.names.as_ref().unwrap().to_vec(), ["a", "b"]);
        let set = table.into_set(&Limits::default()).unwrap();
        assert_eq!(set.features.values(), [0.0, 1.0]);
        assert!(set.truth.get(0, 0).is_positive() && set.truth.get(1, 1).is_positive());
        let (mut features, labels) = tables(&["a", "b"], &["b", "a"]);
        features.names = None;
        let names = joined(features, labels, NameMatch::Row).unwrap().0.names.unwrap();
        assert_eq!(names.to_vec(), ["b", "a"]);
        let (features, labels) = tables(&["a"], &["b", "a"]);
        assert!(joined(features, labels, NameMatch::Row).unwrap_err().contains("has 1 rows"));
    }

    #[test]
    fn sparse_features_and_lists_stay_what_they_are_and_notes_are_kept() {
        let (mut features, mut labels) = tables(&["b", "a", "c"], &["a", "b"]);
        let mut sparse = SparseFeatures::new(5);
        for row in 0..3 {
            sparse.push(row, 1.0);
            sparse.end_row();
        }
        features.features = Some(FeatureTable::Sparse(sparse));
        (features.image, features.notes, labels.notes) =
            (Some([1, 1, 5]), vec!["one".into()], vec!["two".into()]);
        let (table, _) = joined(features, labels, NameMatch::Exact).unwrap();
        let Some(FeatureTable::Sparse(sparse)) = &table.features else { panic!("not sparse") };
        assert_eq!((sparse.rows(), sparse.columns()), (2, 5));
        assert!(sparse.row(1).eq([(1, 1.0)]));
        let Some(LabelTable::Lists(lists)) = &table.labels else { panic!("no lists") };
        assert!(lists.row(0).eq([(1, Label::Positive)]));
        assert_eq!((table.image, table.notes.join(" ")), (Some([1, 1, 5]), "one two".to_string()));
    }

    #[test]
    fn names_in_the_summary_are_escaped() {
        let (features, labels) =
            (Strings::from(vec!["a", "\u{1b}[2J"]), Strings::from(vec!["a", "\u{202e}b\n"]));
        let text = RowJoin::by_name(&features, &labels, NameMatch::Exact).to_string();
        assert!(text.contains(r"\u{1b}[2J") && text.contains(r"\u{202e}b\n"), "{text}");
        assert!(!text.contains(char::is_control), "{text}");
    }
}

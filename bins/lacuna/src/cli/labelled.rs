//! Rows with labels, for the commands that learn from labels or measure by them.

use super::{Input, Rest, screen};
use crate::stated::{Question, Written};
use crate::{FeatureSource, LabelSource, TrainError};
use anyhow::{Context, bail};
use clap::Args;
use lacuna_formats::{FeatureTable, LabelTable, Limits, Strings, Table, read_names, recognised};
use lacuna_labels::{Features, Label, ObservedLabels};
use lacuna_source::Dataset;
use std::borrow::Cow;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Data with labels, and what the labels mean.
#[derive(Args, Clone, Debug, Default)]
pub struct LabelledInput {
    #[command(flatten)]
    input: Input,
    /// The labels are complete: 0, and what is not listed, was looked at and is absent
    #[arg(long, conflicts_with_all = ["label_convention", "unlisted"])]
    complete: bool,
    /// Only these rows: names, or numbers from 0 where rows have no names, one a line (`train --val` writes such a file)
    #[arg(long, value_name = "FILE")]
    rows: Option<PathBuf>,
}

/// Rows with features and labels.
#[derive(Clone, Debug)]
pub struct Labelled {
    /// File or set that they come from.
    pub path: PathBuf,
    /// Features.
    pub features: Features,
    /// Names of the columns of the features, where there are some.
    pub columns: Option<Strings>,
    /// Names of the rows, where there are some.
    pub names: Option<Strings>,
    /// Labels, as they were observed.
    pub observed: ObservedLabels,
    /// Names of the classes; none where the data has none.
    pub classes: Strings,
    /// Channels, height and width, where the rows are pictures.
    pub image: Option<[usize; 3]>,
    /// Whether the numbers of columns are those of any other file, so that a column that does not occur is 0.
    pub absolute: bool,
}

/// Labels as their file has them: with all of its rows, in its order.
#[derive(Clone, Debug)]
pub struct Given {
    /// The file.
    pub path: PathBuf,
    /// Names of the rows, where there are some.
    pub names: Option<Strings>,
    /// Labels, as they were observed.
    pub observed: ObservedLabels,
    /// For each row of the data its row here.
    pub row_of: Vec<usize>,
}

/// What a command reads.
#[derive(Debug)]
pub struct Opened {
    /// The rows, those to train on where there are others.
    pub rows: Labelled,
    /// The labels of the file that the rows have theirs from.
    pub given: Given,
    /// Test rows, where there are some.
    pub test: Option<Labelled>,
    /// Every file that was read.
    pub files: Vec<PathBuf>,
}

impl LabelledInput {
    /// Opens the data. Labels that may be incomplete and do not say so are refused with the options that say it.
    ///
    /// # Errors
    /// Unreadable data, no features, no labels, or labels that have to be asked about.
    pub fn open(&self) -> anyhow::Result<Opened> {
        self.opened(true)
    }

    /// As [`open`](Self::open), for who takes the test rows where there are some and no rows were named.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn open_to_measure(&self) -> anyhow::Result<Opened> {
        self.opened(false)
    }

    fn opened(&self, trains: bool) -> anyhow::Result<Opened> {
        for (option, given) in
            [("strong", &self.input.args().strong), ("background", &self.input.args().background)]
        {
            if given.is_some() {
                bail!(
                    "--{option} is for procedures of `repro run`, which look at such features: leave it out"
                );
            }
        }
        let data = self.open_data()?;
        let mut files = data.files.clone();
        let args = self.input.args();
        // Who says that what is not listed is absent has no zeros that were not looked at.
        let stated =
            self.complete || args.label_convention.is_some() || matches!(args.unlisted, Some(Rest::Negative));
        let listed = stated || args.unlisted.is_some();
        let (written, by_format) = self.written(&data);
        let Dataset { train, test, file_labels, .. } = data;
        let observed = match (self.complete, &train.observed) {
            (false, Some(observed)) => {
                if trains || test.is_none() || self.rows.is_some() {
                    let path = train.path.display();
                    screen::err(&format!("note: {path}: its observed labels are used, not the true ones"));
                }
                observed.clone()
            }
            _ => {
                let labels = of_table(&train)?;
                let question = Question::of(&labels, written).filter(|_| !by_format);
                match question {
                    Some(Question::Unlisted) if !listed => ask(&self.labels_of(&train), Question::Unlisted)?,
                    Some(Question::Zeros { .. }) if !stated && args.positive_above.is_some() => bail!(
                        "{}: --positive-above does not say what smaller confidences are: --complete if they are negatives, \
                         --label-convention binary-an if they are unknown",
                        self.labels_of(&train).display()
                    ),
                    Some(zeros @ Question::Zeros { .. }) if !stated => ask(&self.labels_of(&train), zeros)?,
                    _ => {}
                }
                self.complete_as_said(&train, &labels)?;
                labels
            }
        };
        let mut given = match file_labels {
            Some(file) => Given {
                observed: match file.observed {
                    Some(observed) if !self.complete => observed,
                    _ => file.labels.to_observed(&file.path, &Limits::default())?,
                },
                path: file.path,
                names: file.names,
                row_of: file.row_of,
            },
            None => Given {
                path: train.path.clone(),
                names: train.names.clone(),
                row_of: (0..observed.rows()).collect(),
                observed: observed.clone(),
            },
        };
        let mut rows = labelled(train, observed)?;
        if let Some(path) = &self.rows {
            files.push(path.clone());
            let picked = rows.named_in(path)?;
            rows = rows.select(&picked);
            given.row_of = picked.into_iter().map(|row| given.row_of[row]).collect();
        }
        let test = test.map(|table| self.test(table)).transpose()?;
        Ok(Opened { rows, given, test, files })
    }

    /// The data, where --complete says that what is not listed is absent.
    fn open_data(&self) -> anyhow::Result<Dataset> {
        let data = self.input.open()?;
        if !self.complete {
            return Ok(data);
        }
        let known = |labels: ObservedLabels| labels.cells().iter().all(|label| label.is_known());
        let file = data.file_labels.as_ref();
        let of_file = file.map(|file| file.labels.to_observed(&file.path, &Limits::default())).transpose()?;
        if known(of_table(&data.train)?) && of_file.is_none_or(known) {
            return Ok(data);
        }
        // Read once more: a cell that is unknown then too was written down as unknown. Formats without lists refuse the option.
        Ok(self.input.with_unlisted(Rest::Negative).open_again().unwrap_or(data))
    }

    /// Refuses labels of which some are unknown beside --complete.
    fn complete_as_said(&self, train: &Table, labels: &ObservedLabels) -> anyhow::Result<()> {
        let unknown = labels.cells().iter().position(|label| !label.is_known());
        let Some(cell) = unknown.filter(|_| self.complete) else { return Ok(()) };
        let (row, class) = (cell / labels.classes(), cell % labels.classes());
        let named = |names: Option<&Strings>, i: usize| match names {
            Some(names) if i < names.len() => format!("`{}`", lacuna_formats::shown(&names[i])),
            _ => format!("{i} (counted from 0)"),
        };
        bail!(
            "{}: row {}, class {} is written as unknown (NaN, NA, ?, null), and --complete says that every class was looked at in every \
             row: leave --complete out, and say what else there is to say (--unlisted negative for cells that are not listed)",
            self.labels_of(train).display(),
            named(train.names.as_ref(), row),
            named(Some(&train.classes), class)
        )
    }

    /// Test labels are true ones by definition, except where a list has to be told what the rest is.
    fn test(&self, table: Table) -> anyhow::Result<Labelled> {
        let labels = of_table(&table)?;
        let args = self.input.args();
        let listed = args.unlisted.is_some() || args.test_unlisted.is_some();
        let labels = match Question::of(&labels, Written::Lists) {
            Some(Question::Unlisted) if self.complete && args.test_unlisted.is_none() => {
                ObservedLabels::from(labels.assume_negative())
            }
            Some(Question::Unlisted) if !listed => {
                let path = table.path.display();
                bail!(
                    "{path}: these test labels list positives, and do not say whether a class that is not listed is absent: \
                     --test-unlisted negative if the lists are complete, --test-unlisted unknown if they are not"
                )
            }
            Some(Question::Zeros { single: true }) => {
                screen::err(&format!(
                    "warning: {}: no test row has more than one positive; test labels count as complete, and numbers \
                     measured by incomplete ones are wrong",
                    table.path.display()
                ));
                labels
            }
            _ => labels,
        };
        labelled(table, labels)
    }

    /// How the labels are written, and whether their format says that they are true.
    fn written(&self, data: &Dataset) -> (Written, bool) {
        let own = self.input.args().labels.as_deref().filter(|path| path.exists());
        let format = match own {
            Some(path) => recognised(path).map(|format| format.name),
            None => data.source.format.as_deref(),
        };
        let lists = matches!(data.train.labels, Some(LabelTable::Lists(_)));
        let written = match format {
            Some("coco" | "libsvm" | "tfrecord") => Written::CompleteLists,
            Some("npy" | "npz" | "safetensors" | "mat") if !lists => Written::Matrix,
            _ => Written::Lists,
        };
        (
            written,
            own.is_none() && (data.source.embedded.is_some() || matches!(format, Some("spml" | "mulan"))),
        )
    }

    /// The file that the question is about.
    fn labels_of(&self, train: &Table) -> PathBuf {
        self.input.args().labels.clone().unwrap_or_else(|| train.path.clone())
    }

    /// Whether `--rows` was given.
    pub fn names_rows(&self) -> bool {
        self.rows.is_some()
    }

    /// The data arguments.
    pub fn input(&self) -> &Input {
        &self.input
    }
}

fn ask(path: &Path, question: Question) -> anyhow::Result<()> {
    bail!("{}: {question}", path.display())
}

fn of_table(table: &Table) -> anyhow::Result<ObservedLabels> {
    let path = &table.path;
    let labels =
        table.labels.as_ref().with_context(|| format!("{} has no labels: --labels FILE", path.display()))?;
    Ok(labels.to_observed(path, &Limits::default())?)
}

fn labelled(table: Table, observed: ObservedLabels) -> anyhow::Result<Labelled> {
    let (columns, absolute) = (column_names(&table), is_absolute(&table));
    let Table { path, names, features, classes, image, .. } = table;
    let features =
        features.with_context(|| format!("{} has no features: --features FILE", path.display()))?;
    let features = features.into_dense(&path, &Limits::default())?;
    Ok(Labelled { path, features, columns, names, observed, classes, image, absolute })
}

/// Whether the numbers of columns are those of any other file, so that a column that does not occur is 0.
pub(crate) fn is_absolute(table: &Table) -> bool {
    table.absolute && matches!(table.features, Some(FeatureTable::Sparse(_)))
}

/// Features with zeros in the further columns of a head, and a note; see [`is_absolute`] for those that may be narrower.
///
/// # Errors
/// More values than memory has a place for.
pub(crate) fn widened(narrow: &Features, columns: usize, path: &Path) -> anyhow::Result<Features> {
    let (rows, own) = (narrow.rows(), narrow.columns());
    let last = columns - own;
    screen::err(&format!(
        "note: {}: the last {last} columns of features do not occur and are 0",
        path.display()
    ));
    let mut values = Vec::new();
    let size = rows.checked_mul(columns).filter(|&size| values.try_reserve_exact(size).is_ok());
    values.resize(size.with_context(|| format!("{rows} x {columns} features do not fit into memory"))?, 0.0);
    for (row, wide) in values.chunks_exact_mut(columns).enumerate() {
        wide[..own].copy_from_slice(narrow.row(row));
    }
    Ok(Features::new(rows, columns, values)?)
}

/// Names of the columns of features, nominal ones with their values.
pub(crate) fn column_names(table: &Table) -> Option<Strings> {
    let names = table.feature_names.as_ref()?;
    let named = names.iter().enumerate().map(|(column, name)| {
        match table.nominal.iter().find(|(nominal, _)| *nominal == column) {
            Some((_, values)) => format!("{name} {{{}}}", values.to_vec().join(", ")),
            None => name.to_string(),
        }
    });
    Some(named.collect())
}

impl Labelled {
    /// Some of the rows.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Self {
            path: self.path.clone(),
            features: self.features.select(rows),
            columns: self.columns.clone(),
            names: self.names.as_ref().map(|names| rows.iter().map(|&row| &names[row]).collect()),
            observed: self.observed.select(rows),
            classes: self.classes.clone(),
            image: self.image,
            absolute: self.absolute,
        }
    }

    /// The rows with zeros in the further columns of a head, where columns have absolute numbers.
    ///
    /// # Errors
    /// More values than memory has a place for.
    pub fn widened(self, columns: usize) -> anyhow::Result<Self> {
        if !self.absolute || self.features.columns() >= columns {
            return Ok(self);
        }
        Ok(Self { features: widened(&self.features, columns, &self.path)?, ..self })
    }

    /// Refuses labels that no loss can learn from, with what is missing.
    ///
    /// # Errors
    /// Labels without a positive, or without anything beside positives.
    pub fn learnable(&self) -> anyhow::Result<()> {
        let has = |wanted: Label| self.observed.cells().contains(&wanted);
        let path = self.path.display();
        match (has(Label::Positive), has(Label::Negative), has(Label::Unknown)) {
            (false, false, true) => bail!(
                "{path}: every label is unknown, so that there is nothing to learn from: label some rows, or check \
                 --label-convention, --unlisted and --rows"
            ),
            (true, false, false) => bail!(
                "{path}: every label is positive, and no cell is unknown, so that there is nothing to tell positives from: rows \
                 are needed that do not list a class. A row of the features without a line in the list is left out; in a CSV a \
                 line `NAME,` with an empty label keeps it"
            ),
            _ => Ok(()),
        }
    }

    /// The name of a row, or its number.
    pub fn name(&self, row: usize) -> String {
        self.names.as_ref().map_or_else(|| row.to_string(), |names| names[row].to_string())
    }

    /// Refuses rows whose names are those of others as well: a file that names them does not say which ones are meant.
    ///
    /// # Errors
    /// The first such name.
    pub fn tells_apart(&self, rows: &[usize]) -> anyhow::Result<()> {
        let Some(names) = &self.names else { return Ok(()) };
        let chosen: HashSet<&str> = rows.iter().map(|&row| &names[row]).collect();
        let mut seen = HashSet::new();
        if let Some(name) = names.iter().find(|name| chosen.contains(name) && !seen.insert(*name)) {
            bail!(
                "several rows of the data are called `{}`, and a line with that name does not say which one is meant: give each row \
                 its own name",
                lacuna_formats::shown(name)
            );
        }
        Ok(())
    }

    /// The rows that a file names.
    fn named_in(&self, path: &Path) -> anyhow::Result<Vec<usize>> {
        let wanted = read_names(path, &Limits::default())?;
        let mut wanted: HashSet<&str> = wanted.iter().collect();
        let rows: Vec<usize> =
            (0..self.features.rows()).filter(|&row| wanted.remove(&*self.name(row))).collect();
        self.tells_apart(&rows).with_context(|| format!("--rows {}", path.display()))?;
        if let Some(name) = wanted.iter().min() {
            let others = match wanted.len() - 1 {
                0 => String::new(),
                others => format!(", and neither are {others} other lines"),
            };
            bail!(
                "--rows {}: `{}` is not a row of the data{others}",
                path.display(),
                lacuna_formats::shown(name)
            );
        }
        Ok(rows)
    }
}

impl FeatureSource for Labelled {
    fn features(&self) -> &Features {
        &self.features
    }
    fn column_names(&self) -> Option<&Strings> {
        self.columns.as_ref()
    }
    fn row_names(&self) -> Option<&Strings> {
        self.names.as_ref()
    }
    fn image(&self) -> Option<[usize; 3]> {
        self.image
    }
}

impl LabelSource for Labelled {
    fn observed(&self) -> Result<Cow<'_, ObservedLabels>, TrainError> {
        Ok(Cow::Borrowed(&self.observed))
    }
    fn row_names(&self) -> Option<&Strings> {
        self.names.as_ref()
    }
    fn class_names(&self) -> Option<&Strings> {
        Some(&self.classes).filter(|classes| !classes.is_empty())
    }
}

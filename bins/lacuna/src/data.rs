//! Opening what a command line names.

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use lacuna_formats::{
    Content, FeatureTable, LabelConvention, LabelTable, NameMatch, ReadOptions, Strings, Table, format,
    join_tables, open_data, read_names,
};
use lacuna_labels::{FeatureSet, Label};
use lacuna_synthetic::{DEFAULT_SEED, synthetic_set};
use std::path::PathBuf;

/// A data set, and how to read what its format leaves open.
#[derive(Args, Debug)]
pub struct DataArgs {
    /// File or folder (SPML, Mulan, npz, safetensors, CSV, JSONL, COCO, ...), or the name of an embedded set
    pub data: PathBuf,
    /// Format, where the name does not say it (e.g. label-list, coco, libsvm)
    #[arg(long, value_name = "NAME")]
    pub format: Option<String>,
    /// What -1 and 0 mean; needed where -1 occurs
    #[arg(long, value_name = "CONVENTION")]
    pub label_convention: Option<Convention>,
    /// What a class is that a list does not name [default: what the format says]
    #[arg(long, value_name = "LABEL")]
    pub unlisted: Option<Unlisted>,
    /// Which features, where there are several
    #[arg(long, value_name = "NAME")]
    pub features: Option<String>,
    /// Labels in a file of their own; rows are joined by name where both sides have names, by position where neither has
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Names of the rows of features, one a row: a .npy file of text, or lines
    #[arg(long, value_name = "FILE", requires = "labels")]
    pub names: Option<PathBuf>,
    /// What two names must have in common
    #[arg(long = "match", value_name = "HOW", default_value = "exact", requires = "labels")]
    pub by: Match,
}

/// See [`NameMatch`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Match {
    /// They are the same
    Exact,
    /// The same behind the last slash
    FileName,
    /// The same file name without its ending
    Stem,
    /// Nothing: rows are joined by position
    Row,
}

/// See [`LabelConvention`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Convention {
    /// 1 positive, 0 unknown, -1 observed negative
    Spml,
    /// 1 positive, 0 unobserved, -1 does not occur
    BinaryAn,
    /// 1 positive, 0 observed negative, -1 unknown
    Csl,
}

/// What is not listed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Unlisted {
    /// The list is complete
    Negative,
    /// The list names what was seen
    Unknown,
}

impl DataArgs {
    /// How to read.
    pub fn options(&self) -> ReadOptions {
        ReadOptions {
            convention: self.label_convention.map(|convention| match convention {
                Convention::Spml => LabelConvention::Spml,
                Convention::BinaryAn => LabelConvention::BinaryAn,
                Convention::Csl => LabelConvention::Csl,
            }),
            unlisted: self.unlisted.map(|unlisted| match unlisted {
                Unlisted::Negative => Label::Negative,
                Unlisted::Unknown => Label::Unknown,
            }),
            features: self.features.clone(),
            ..ReadOptions::default()
        }
    }

    /// Reads the data set; a name that is no file may be an embedded set.
    ///
    /// # Errors
    /// What the format answers, with file, line and column.
    pub fn open(&self) -> anyhow::Result<Content> {
        let name = self.data.to_string_lossy();
        if !self.data.exists()
            && let Some(entry) = synthetic_set(&name)
        {
            let set = entry.build(DEFAULT_SEED);
            let table = |set: FeatureSet| Table {
                path: self.data.clone(),
                names: set.names.map(Into::into),
                features: Some(FeatureTable::Dense(set.features)),
                labels: Some(LabelTable::Dense(set.truth.into())),
                observed: set.observed,
                classes: set.classes.into(),
                ..Table::default()
            };
            return Ok(Content { train: table(set.train), test: Some(table(set.test)) });
        }
        let content = self.open_features()?;
        let Some(path) = &self.labels else { return Ok(content) };
        let options = self.options();
        let labels = open_data(path, &options)?.train;
        let mut features = content.train;
        if let Some(names) = &self.names {
            features.names = Some(read_names(names, &options.limits)?);
            let named = features.names.as_ref().map_or(0, Strings::len);
            if named != features.rows() {
                bail!("{} names {named} rows, and there are {}", names.display(), features.rows());
            }
        }
        let by = match self.by {
            Match::Exact => NameMatch::Exact,
            Match::FileName => NameMatch::FileName,
            Match::Stem => NameMatch::Stem,
            Match::Row => NameMatch::Row,
        };
        let (table, join) = join_tables(features, labels, by, &options.limits)?;
        match join {
            Some(join) => eprintln!("joined by name: {join}"),
            None => eprintln!("joined by position"),
        }
        Ok(table.into())
    }

    fn open_features(&self) -> anyhow::Result<Content> {
        let options = self.options();
        match &self.format {
            None => Ok(open_data(&self.data, &options)?),
            Some(name) => {
                let Some(format) = format(name) else {
                    let names: Vec<&str> = lacuna_formats::FORMATS.iter().map(|format| format.name).collect();
                    bail!("--format {name}: there is no such format; there are {}", names.join(", "));
                };
                Ok(format.read(&self.data, &options)?)
            }
        }
    }

    /// The part of the data set that is to train on, or to test on.
    ///
    /// # Errors
    /// As for [`DataArgs::open`]; where there is no such part.
    pub fn part(&self, test: bool) -> anyhow::Result<Table> {
        let Content { train, test: of_test } = self.open()?;
        match test {
            false => Ok(train),
            true => of_test.with_context(|| format!("{} has no rows to test on", self.data.display())),
        }
    }
}

//! `lacuna convert`: data from one format into another.

use super::data::part;
use super::head::{PrintArgs, notes};
use super::{Input, Outputs};
use crate::convert::Rows;
use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use lacuna_formats::{Destination, FormatError, LabelTable, Limits, SpmlSets, Strings, Table, same_file};
use lacuna_labels::{FeatureSet, Label, TrueLabels};
use lacuna_source::Dataset;
use std::path::{Path, PathBuf};

/// Writes features, labels or both in another format
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ConvertArgs {
    #[command(flatten)]
    input: Input,
    /// The output, as for --out
    #[arg(value_name = "OUT", required_unless_present = "out", conflicts_with = "out")]
    target: Option<PathBuf>,
    /// File to write: npy, npz, safetensors, csv, tsv, jsonl, txt or libsvm, by its ending; or a folder, whose path ends with a slash or
    /// which exists: training and test rows in SPML layout
    #[arg(long, value_name = "FILE|DIR/")]
    out: Option<PathBuf>,
    /// Format of the output, where its path does not say that it is a folder
    #[arg(long, value_enum, value_name = "FORMAT", conflicts_with_all = ["labels_only", "test_rows"])]
    to: Option<To>,
    /// Leaves the features out
    #[arg(long)]
    labels_only: bool,
    /// The test rows of the data
    #[arg(long)]
    test_rows: bool,
    /// Replaces an existing file
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    print: PrintArgs,
}

/// A format that no ending of a file names.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum To {
    /// A folder in SPML layout, with training and test rows
    Spml,
}

const EXAMPLES: &str = "Examples:
  lacuna convert features/ --out all.npz
  lacuna convert features/ all.npz
  lacuna convert --features x.npy --labels y.npy --test xt.npy \\
    --test-labels yt.npy --out set/
  lacuna convert --features x.npy --names names.txt --labels tags.csv \\
    --out both.safetensors
  lacuna convert instances.json --out labels.csv
  lacuna convert --labels y.npy --label-convention csl --out y.jsonl

Observed labels are written where the data has some; npz, safetensors and a
folder in SPML layout have them beside the true ones, which a folder needs of
every row. A note says what a format cannot hold. In arrays 1 is positive, 0
unknown and -1 negative where some labels are unknown and some negative; 1 and
NaN where none is negative; else 1 and 0. --labels FILE without features
converts labels alone.

Exit codes: 0 done, 2 invalid command line, file or data, or a format that
cannot hold them.";

/// Converts.
///
/// # Errors
/// Data that cannot be read, and files that cannot be written.
pub fn run(args: &ConvertArgs) -> anyhow::Result<()> {
    args.print.apply();
    let out = args.target.as_deref().or(args.out.as_deref()).context("the output was not named")?;
    let data = args.input.open_any()?;
    let ends = out.as_os_str().as_encoded_bytes().last().is_some_and(|byte| matches!(byte, b'/' | b'\\'));
    if args.to.is_some() || ends || out.is_dir() {
        return folder(args, data, out);
    }
    let outputs = Outputs::new(args.force, data.files.clone());
    let table = part(data, args.test_rows)?;
    let limits = Limits::default();
    let path = table.path.clone();
    let features = match table.features {
        Some(features) if !args.labels_only => Some(features.into_dense(&path, &limits)?),
        _ => None,
    };
    let dense = table.labels.map(|labels| labels.to_observed(&path, &limits)).transpose()?;
    let (labels, truth) = match table.observed {
        Some(observed) => (Some(observed), dense),
        None => (dense, None),
    };
    let classes = Some(&table.classes).filter(|classes| !classes.is_empty());
    let rows = Rows {
        features: features.as_ref(),
        labels: labels.as_ref(),
        truth: truth.as_ref(),
        names: table.names.as_ref(),
        classes,
    };
    let lost = rows.write(outputs.to(out)?)?;
    notes(&lost);
    let count =
        features.as_ref().map(|x| x.rows()).or_else(|| labels.as_ref().map(|y| y.rows())).unwrap_or(0);
    let value = serde_json::json!({
        "out": out, "rows": count, "features": features.as_ref().map(|x| x.columns()),
        "classes": labels.as_ref().map(|y| y.classes()), "named": rows.names.map(Strings::len).is_some(), "notes": lost,
    });
    args.print.show(&format!("{}: {count} rows\n", out.display()), &value)
}

/// Both parts as a folder in SPML layout.
fn folder(args: &ConvertArgs, data: Dataset, out: &Path) -> anyhow::Result<()> {
    if args.labels_only || args.test_rows {
        bail!("{}: a folder in SPML layout has features and both parts: name a file", out.display());
    }
    let entries = std::fs::read_dir(out).into_iter().flatten().flatten();
    if let Some(read) =
        entries.map(|entry| entry.path()).find(|entry| data.files.iter().any(|f| same_file(f, entry)))
    {
        bail!(
            "{}: this command has read the file and does not overwrite it: name another folder",
            read.display()
        );
    }
    let Dataset { train, test, .. } = data;
    let Some(test) = test else {
        bail!(
            "{}: a folder in SPML layout has test rows, and the data has none: name them with --test FILE, or write another format",
            out.display()
        );
    };
    let features = train.chosen_features.clone().unwrap_or_else(|| "features".to_string());
    let image = train.image;
    let mut lost: Vec<String> = Vec::new();
    for (part, word) in [(&train, "training"), (&test, "test")] {
        if part.names.is_none() {
            lost.push(format!("{word} rows have no names: their numbers, from 0, are written"));
        }
    }
    let classes = train.classes.to_vec();
    let sets =
        SpmlSets { train: set(train, out, &classes)?, test: set(test, out, &classes)?, image, notes: vec![] };
    let destination = if args.force { Destination::replacing(out) } else { Destination::new(out) };
    sets.save(destination, &features)?;
    let mut observed = sets.train.observed.iter().chain(&sets.test.observed);
    if observed.any(|labels| labels.cells().contains(&Label::Negative)) {
        lost.push(
            "observed labels have known negatives: name --label-convention spml where the folder is read"
                .to_string(),
        );
    }
    notes(&lost);
    let (rows, test_rows) = (sets.train.rows(), sets.test.rows());
    let value = serde_json::json!({
        "out": out, "rows": rows, "test_rows": test_rows, "features": sets.train.features.columns(),
        "classes": sets.train.truth.classes(), "named": sets.train.names.is_some(), "notes": lost,
    });
    args.print.show(&format!("{}: {rows} training rows and {test_rows} test rows\n", out.display()), &value)
}

/// A part with true labels.
fn set(table: Table, out: &Path, classes: &[String]) -> anyhow::Result<FeatureSet> {
    let limits = Limits::default();
    let path = table.path.clone();
    let empty = |what| FormatError::Empty { path: path.clone(), what };
    let features = table.features.ok_or_else(|| empty("features"))?.into_dense(&path, &limits)?;
    let labels: LabelTable = table.labels.ok_or_else(|| empty("labels"))?;
    let Ok(truth) = TrueLabels::try_from(labels.to_observed(&path, &limits)?.matrix().clone()) else {
        bail!(
            "{}: some labels of {} are unknown, and a folder in SPML layout has the true label of every cell, observed ones beside \
             it: write npz or csv, or say what the cells that are not listed are (--unlisted negative)",
            out.display(),
            path.display()
        );
    };
    let classes = match classes.is_empty() {
        true => (0..truth.classes()).map(|class| format!("class {class}")).collect(),
        false => classes.to_vec(),
    };
    let names = table.names.map(|names| names.to_vec());
    Ok(FeatureSet { features, truth, observed: table.observed, names, classes })
}

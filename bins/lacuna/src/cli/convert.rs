//! `lacuna convert`: data from one format into another.

use super::data::part;
use super::head::{PrintArgs, notes};
use super::{Input, Outputs};
use crate::convert::Rows;
use clap::Args;
use lacuna_formats::{Limits, Strings};
use std::path::PathBuf;

/// Writes features, labels or both in another format
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ConvertArgs {
    #[command(flatten)]
    input: Input,
    /// File to write: npy, npz, safetensors, csv, tsv, jsonl, txt or libsvm, by its ending
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
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

const EXAMPLES: &str = "Examples:
  lacuna convert features/ --out all.npz
  lacuna convert --features x.npy --labels tags.csv --out both.safetensors
  lacuna convert instances.json --out tags.csv
  lacuna convert y.npy --label-convention csl --labels-only --out y.jsonl

Observed labels are written where the data has some. What a format cannot hold
is told. In arrays 1 is positive, 0 unknown and -1 negative where some labels
are unknown, else 1 and 0.

Exit codes: 0 done, 2 invalid command line, file or data, or a format that
cannot hold them.";

/// Converts.
///
/// # Errors
/// Data that cannot be read, and files that cannot be written.
pub fn run(args: &ConvertArgs) -> anyhow::Result<()> {
    args.print.apply();
    let data = args.input.open()?;
    let outputs = Outputs::new(args.force, data.files.clone());
    let table = part(data, args.test_rows)?;
    let limits = Limits::default();
    let path = table.path.clone();
    let features = match table.features {
        Some(features) if !args.labels_only => Some(features.into_dense(&path, &limits)?),
        _ => None,
    };
    let labels = match (table.observed, table.labels) {
        (Some(observed), _) => Some(observed),
        (None, Some(labels)) => Some(labels.to_observed(&path, &limits)?),
        (None, None) => None,
    };
    let classes = Some(&table.classes).filter(|classes| !classes.is_empty());
    let rows =
        Rows { features: features.as_ref(), labels: labels.as_ref(), names: table.names.as_ref(), classes };
    let lost = rows.write(outputs.to(&args.out)?)?;
    notes(&lost);
    let count =
        features.as_ref().map(|x| x.rows()).or_else(|| labels.as_ref().map(|y| y.rows())).unwrap_or(0);
    let value = serde_json::json!({
        "out": args.out, "rows": count, "features": features.as_ref().map(|x| x.columns()),
        "classes": labels.as_ref().map(|y| y.classes()), "named": rows.names.map(Strings::len).is_some(), "notes": lost,
    });
    args.print.show(&format!("{}: {count} rows\n", args.out.display()), &value)
}

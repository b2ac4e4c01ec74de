//! `lacuna mask`: hides labels as a protocol says, and writes what is left.

use crate::{DataArgs, out};
use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use lacuna_formats::{
    CsvLayout, FeatureTable, LabelSheet, Limits, NpyArray, NpyData, Part, SpmlFolder, Strings,
    write_label_list, write_labels_csv, write_labels_jsonl,
};
use lacuna_labels::TrueLabels;
use lacuna_protocols::{MissingnessCard, Outcome, PROTOCOLS, Subject, protocol};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Hides labels as a protocol says and writes the observed labels, with a card of what went missing
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct MaskArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Protocol; `list` shows all of them
    #[arg(long, value_name = "NAME", default_value = "single-positive")]
    protocol: String,
    /// Seed [default: the published one]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Sets a number of the protocol, e.g. rate=0.4; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Which part: the rows to train on, or those to test on
    #[arg(long, value_enum, default_value = "train")]
    part: WhichPart,
    /// File to write: .npy (1, 0 unknown, -1 negative), .csv, .tsv, .jsonl or .txt (label list); without it an SPML folder
    /// gets its formatted_{train,val}_labels_obs.npy
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

const EXAMPLES: &str = "Examples:
  lacuna mask features/                                      the published single-positive mask, into the folder
  lacuna mask features/ --protocol keep-share --set divisor=5 --out left40.csv
  lacuna mask labels.csv --protocol random-drop --set rate=0.3 --seed 7 --out observed.npy
  lacuna mask voc-like --protocol list";

/// A part of a data set.
#[derive(Clone, Copy, Debug, ValueEnum, PartialEq, Eq)]
pub enum WhichPart {
    /// Rows to train on
    Train,
    /// Rows to test on
    Test,
}

/// The protocols and their settings.
fn list() -> String {
    let mut text = String::new();
    for row in PROTOCOLS.iter().filter(|row| row.makes_labels()) {
        let _ = writeln!(text, "{:<18} {}\n{:<18} after {}", row.name, row.doc, "", row.source);
        for setting in row.settings {
            let _ = writeln!(text, "{:<18}   {} = {}  {}", "", setting.name, setting.default, setting.doc);
        }
    }
    text
}

/// Draws, writes and prints the card.
///
/// # Errors
/// What the command line, the data, the protocol or the file system refuse; nothing is half-written.
pub fn run(args: &MaskArgs) -> anyhow::Result<()> {
    if args.protocol == "list" {
        return out(&list());
    }
    let Some(row) = protocol(&args.protocol).filter(|row| row.makes_labels()) else {
        let names: Vec<&str> =
            PROTOCOLS.iter().filter(|row| row.makes_labels()).map(|row| row.name).collect();
        bail!("--protocol {}: there is no such protocol; there are {}", args.protocol, names.join(", "));
    };
    let mut values: Vec<f64> = row.settings.iter().map(|setting| setting.default).collect();
    for text in &args.set {
        let (name, value) =
            text.split_once('=').with_context(|| format!("--set {text}: the form is NAME=VALUE"))?;
        let Some(i) = row.settings.iter().position(|setting| setting.name == name.trim()) else {
            let names: Vec<&str> = row.settings.iter().map(|setting| setting.name).collect();
            bail!("--set {text}: {} has no setting {name}; it has {}", row.name, names.join(", "));
        };
        values[i] =
            value.trim().parse().ok().with_context(|| format!("--set {text}: {value} is no number"))?;
    }
    let table = args.data.part(args.part == WhichPart::Test)?;
    let limits = Limits::default();
    let path = table.path.clone();
    let labels = table.labels.as_ref().with_context(|| format!("{} has no labels", path.display()))?;
    let truth =
        TrueLabels::try_from(labels.to_observed(&path, &limits)?.matrix().clone()).with_context(|| {
            format!("{}: only true labels can be hidden (--unlisted negative?)", path.display())
        })?;
    let features = match table.features {
        Some(FeatureTable::Dense(features)) => Some(features),
        Some(sparse) => Some(sparse.into_dense(&path, &limits)?),
        None => None,
    };
    let subject = Subject { truth: &truth, features: features.as_ref() };
    let seed = args.seed.unwrap_or(row.seed);
    let outcome = row.apply(subject, seed, &values)?;
    let written = write(args, &truth, &outcome, table.names, &table.classes)?;

    let settings: Vec<String> = row
        .settings
        .iter()
        .zip(&values)
        .map(|(setting, value)| format!("{}={value}", setting.name))
        .collect();
    let card = MissingnessCard::of(&truth.select(&outcome.rows), &outcome.observed);
    out(&format!("{} {} seed {seed}\n{card}written          {written}\n", row.name, settings.join(" ")))
}

/// Writes the labels; says where.
fn write(
    args: &MaskArgs,
    truth: &TrueLabels,
    outcome: &Outcome,
    names: Option<Strings>,
    classes: &Strings,
) -> anyhow::Result<String> {
    let Some(path) = &args.out else {
        if outcome.rows.len() != truth.rows() {
            bail!(
                "this protocol leaves rows out, so its labels do not fit beside the others: name a file with --out"
            );
        }
        if !args.data.data.join("formatted_train_labels.npy").is_file() {
            bail!("{} is no folder in SPML layout: name a file with --out", args.data.data.display());
        }
        let part = if args.part == WhichPart::Test { Part::Test } else { Part::Train };
        let path = SpmlFolder::new(&args.data.data).write_observed(part, &outcome.observed, false)?;
        return Ok(path.display().to_string());
    };
    let observed = outcome.observed.matrix();
    let names: Strings = match names {
        Some(names) => outcome.rows.iter().map(|&row| &names[row]).collect(),
        None => outcome.rows.iter().map(|row| format!("row {row}")).collect(),
    };
    let sheet = LabelSheet { names: &names, classes, labels: observed };
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    match extension.as_str() {
        "npy" => {
            let codes = observed.cells().iter().map(|&label| label as i8).collect();
            NpyArray::new(vec![observed.rows(), observed.classes()], NpyData::I8(codes))?.save(path)?;
            // Rows that were left out are found again by their numbers.
            if outcome.rows.len() != truth.rows() {
                let rows: Vec<i64> = outcome.rows.iter().map(|&row| row as i64).collect();
                let beside = path.with_extension("rows.npy");
                NpyArray::new(vec![rows.len()], NpyData::I64(rows))?.save(&beside)?;
                return Ok(format!("{} and {}", shown(path), shown(&beside)));
            }
        }
        "csv" | "tsv" => write_labels_csv(path, sheet, CsvLayout::Wide)?,
        "jsonl" => write_labels_jsonl(path, sheet)?,
        "txt" => write_label_list(path, sheet)?,
        _ => bail!("--out {}: the ending is none of npy, csv, tsv, jsonl and txt", path.display()),
    }
    Ok(shown(path))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

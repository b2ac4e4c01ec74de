//! `lacuna mask`: hides labels by a protocol and writes the observed labels.

use super::data::part;
use super::{Input, Outputs, screen};
use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use lacuna_formats::{
    Annotations, Contents, CsvLayout, Destination, FeatureTable, LabelSheet, Limits, NpyArray, NpyData, Part,
    SpmlFolder, Strings, write_atomic_all, write_label_list, write_labels_csv, write_labels_jsonl,
};
use lacuna_labels::TrueLabels;
use lacuna_protocols::{
    KeptWeights, MissingnessSummary, Outcome, PROTOCOLS, PythonRandom, Subject, biased_positive, protocol,
};
use std::path::{Path, PathBuf};

/// Hides labels by a protocol, writes the observed labels and prints a summary of the missing ones
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct MaskArgs {
    #[command(flatten)]
    input: Input,
    /// Protocol; `list` shows all of them
    #[arg(long, value_name = "NAME", default_value = "single-positive")]
    protocol: String,
    /// Seed [default: the published one]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Sets a number of the protocol, e.g. rate=0.4; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Weights of positives for the protocol biased-positive, in place of the frequencies of classes: `size` or `location` of a
    /// COCO file's objects, or a .npy file of rows x classes or of classes
    #[arg(long, value_name = "size|location|FILE")]
    weights: Option<String>,
    /// Which part: the training rows or the test rows
    #[arg(long, value_enum, default_value = "train")]
    part: WhichPart,
    /// File to write: .npy (1, 0 unknown, -1 negative), .csv, .tsv, .jsonl or .txt (label list); or a folder in SPML layout,
    /// which gets its formatted_{train,val}_labels_obs.npy
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replaces an existing file, unless this command has read it
    #[arg(long)]
    force: bool,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "Examples:
  lacuna mask features/ --out features/   the published mask, into the folder
  lacuna mask features/ --protocol keep-share --set divisor=5 --out left40.csv
  lacuna mask labels.csv --protocol random-drop --set rate=0.3 --out seen.npy
  lacuna mask instances.json --protocol biased-positive --weights size \\
    --unlisted negative --out seen.csv
  lacuna mask --protocol list             protocols and their settings

Exit codes: 0 done, 2 invalid command line, file or data.";

/// A part of a data set.
#[derive(Clone, Copy, Debug, ValueEnum, PartialEq, Eq)]
pub enum WhichPart {
    /// Training rows
    Train,
    /// Test rows
    Test,
}

/// The protocols and their settings.
fn list() -> String {
    let mut lines = Vec::new();
    for row in PROTOCOLS.iter().filter(|row| row.makes_labels()) {
        lines.push(format!("{:<18} {}", row.name, row.doc));
        lines.push(format!("{:<18} after {}", "", row.source));
        for setting in row.settings {
            lines.push(format!("{:<18}   {} = {}  {}", "", setting.name, setting.default, setting.doc));
        }
    }
    lines.iter().map(|line| screen::wrapped(line, 23) + "\n").collect()
}

/// The same as JSON.
fn listed() -> serde_json::Value {
    let row = |row: &lacuna_protocols::Protocol| {
        let setting = |setting: &lacuna_protocols::Setting| serde_json::json!({"name": setting.name, "default": setting.default, "doc": setting.doc});
        let settings: Vec<serde_json::Value> = row.settings.iter().map(setting).collect();
        serde_json::json!({"name": row.name, "doc": row.doc, "source": row.source, "settings": settings})
    };
    PROTOCOLS.iter().filter(|row| row.makes_labels()).map(row).collect()
}

/// Draws and writes the labels and prints the summary.
///
/// # Errors
/// Errors of the command line, the data, the protocol and the file system; no file is written in part.
pub fn run(args: &MaskArgs) -> anyhow::Result<()> {
    if args.protocol == "list" {
        return match args.json {
            true => screen::json(&(listed().to_string() + "\n")),
            false => screen::out(&list()),
        };
    }
    let Some(row) = protocol(&args.protocol).filter(|row| row.makes_labels()) else {
        let names: Vec<&str> =
            PROTOCOLS.iter().filter(|row| row.makes_labels()).map(|row| row.name).collect();
        bail!("--protocol {}: unknown protocol, expected one of {}", args.protocol, names.join(", "));
    };
    let mut values: Vec<f64> = row.settings.iter().map(|setting| setting.default).collect();
    for text in &args.set {
        let (name, value) =
            text.split_once('=').with_context(|| format!("--set {text}: expected NAME=VALUE"))?;
        let Some(i) = row.settings.iter().position(|setting| setting.name == name.trim()) else {
            let names: Vec<&str> = row.settings.iter().map(|setting| setting.name).collect();
            bail!("--set {text}: {} has no setting {name}; it has {}", row.name, names.join(", "));
        };
        values[i] =
            value.trim().parse().ok().with_context(|| format!("--set {text}: invalid number `{value}`"))?;
    }
    let data = args.input.open()?;
    let own_weights = args.weights.iter().filter(|weights| !OF_OBJECTS.contains(&weights.as_str()));
    let read = data.files.iter().cloned().chain(own_weights.map(PathBuf::from)).collect();
    let outputs = Outputs::new(args.force, read);
    let table = part(data, args.part == WhichPart::Test)?;
    let limits = Limits::default();
    let path = table.path.clone();
    let labels = table.labels.as_ref().with_context(|| format!("{} has no labels", path.display()))?;
    let truth =
        TrueLabels::try_from(labels.to_observed(&path, &limits)?.matrix().clone()).with_context(|| {
            format!("{}: a protocol needs true labels (--unlisted negative?)", path.display())
        })?;
    let features = match table.features {
        Some(FeatureTable::Dense(features)) => Some(features),
        Some(sparse) => Some(sparse.into_dense(&path, &limits)?),
        None => None,
    };
    let subject = Subject { truth: &truth, features: features.as_ref() };
    let seed = args.seed.unwrap_or(row.seed);
    let outcome = match &args.weights {
        Some(given) => {
            let weights = given;
            if row.name != "biased-positive" {
                bail!("--weights {weights}: {} has no weights; biased-positive has", row.name);
            }
            if !args.set.is_empty() {
                bail!("--weights {weights}: exponent is of the frequencies that these weights replace");
            }
            let weights =
                weights_of(weights, table.annotations.as_deref(), (truth.rows(), &table.classes), &path)?;
            let kept = match weights.len() == truth.classes() {
                true => KeptWeights::Classes(&weights),
                false => KeptWeights::Cells(&weights),
            };
            let observed = biased_positive(&mut PythonRandom::new(seed), &truth, kept);
            let observed = observed.with_context(|| format!("--weights {given}"))?;
            Outcome { rows: (0..truth.rows()).collect(), observed, order: None }
        }
        None => row.apply(subject, seed, &values)?,
    };
    let Some(out) = &args.out else {
        let given = args.input.given().display();
        match outcome.rows.len() == truth.rows() {
            true => {
                bail!("no output was named: --out FILE, or --out {given} to write into the data")
            }
            false => {
                bail!("this protocol leaves rows out, so its labels do not fit into {given}: --out FILE")
            }
        }
    };
    let labels = Labels { outcome: &outcome, names: table.names, classes: &table.classes };
    let written = write(out, args.part, &outputs, &truth, labels)?;

    let settings: Vec<String> = match &args.weights {
        Some(weights) => vec![format!("weights={weights}")],
        None => row
            .settings
            .iter()
            .zip(&values)
            .map(|(setting, value)| format!("{}={value}", setting.name))
            .collect(),
    };
    let summary = MissingnessSummary::of(&truth.select(&outcome.rows), &outcome.observed);
    if args.json {
        let value = serde_json::json!({
            "out": written, "protocol": row.name, "settings": settings, "seed": seed, "rows": summary.rows,
            "rows_affected": summary.rows_affected, "rows_emptied": summary.rows_emptied,
            "positives": summary.positives, "positives_kept": summary.positives_kept,
            "false_positives": summary.false_positives, "negatives": summary.negatives,
            "negatives_known": summary.negatives_known,
        });
        return screen::json(&(value.to_string() + "\n"));
    }
    screen::out(&format!(
        "{} {} seed {seed}\n{summary}written          {written}\n",
        row.name,
        settings.join(" ")
    ))
}

/// Weights of annotated objects, by the names that `--weights` takes.
const OF_OBJECTS: [&str; 2] = ["size", "location"];

/// Weights of cells or classes: of annotated objects, or of a file.
fn weights_of(
    given: &str,
    annotations: Option<&Annotations>,
    (rows, classes): (usize, &Strings),
    path: &Path,
) -> anyhow::Result<Vec<f64>> {
    if !OF_OBJECTS.contains(&given) {
        let array = NpyArray::open(given)?;
        let sizes = array.shape().to_vec();
        if ![vec![classes.len()], vec![rows, classes.len()]].contains(&sizes) {
            bail!(
                "--weights {given}: its shape is {sizes:?}, and [{rows}, {0}] or [{0}] is needed",
                classes.len()
            );
        }
        return Ok(match array.into_data() {
            NpyData::F64(weights) => weights,
            NpyData::F32(weights) => weights.into_iter().map(f64::from).collect(),
            _ => bail!("--weights {given}: expected 32-bit or 64-bit floats"),
        });
    }
    let Some(annotations) = annotations else {
        bail!(
            "--weights {given}: {} does not say of every object where it is; a COCO file of instances does, whose images have \
             width and height and whose annotations all have an area or a bbox of 4 numbers",
            path.display()
        );
    };
    if annotations.classes() != classes {
        bail!("--weights {given}: {}: its classes are not those of its boxes", path.display());
    }
    Ok(if given == "size" { annotations.areas() } else { annotations.inverse_distances() })
}

/// The labels to write.
struct Labels<'a> {
    outcome: &'a Outcome,
    names: Option<Strings>,
    classes: &'a Strings,
}

/// Writes the labels; returns the path.
fn write(
    path: &Path,
    part: WhichPart,
    outputs: &Outputs,
    truth: &TrueLabels,
    Labels { outcome, names, classes }: Labels<'_>,
) -> anyhow::Result<String> {
    let all_rows = outcome.rows.len() == truth.rows();
    if path.is_dir() {
        if !all_rows {
            bail!(
                "this protocol leaves rows out, so its labels do not fit beside those of {}: name a file",
                path.display()
            );
        }
        let part = if part == WhichPart::Test { Part::Test } else { Part::Train };
        let file = path.join(format!("formatted_{}_labels_obs.npy", part.word()));
        if !path.join(format!("formatted_{}_labels.npy", part.word())).is_file() {
            bail!("{} is not a folder in SPML layout: name a file", path.display());
        }
        let replace = outputs.to(&file)?.replaces();
        let path = SpmlFolder::new(path).write_observed(part, &outcome.observed, replace)?;
        return Ok(path.display().to_string());
    }
    let observed = outcome.observed.matrix();
    let names: Strings = match names {
        Some(names) => outcome.rows.iter().map(|&row| &names[row]).collect(),
        None => outcome.rows.iter().map(|row| format!("row {row}")).collect(),
    };
    let sheet = LabelSheet { names: &names, classes, labels: observed };
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    let file = outputs.to(path)?;
    match extension.as_str() {
        "npy" => {
            // Rows that were left out are found again by their numbers.
            let beside = path.with_extension("rows.npy");
            let rows = (!all_rows).then(|| outputs.to(&beside)).transpose()?;
            let codes = observed.cells().iter().map(|&label| label as i8).collect();
            let labels = NpyArray::new(vec![observed.rows(), observed.classes()], NpyData::I8(codes))?;
            let mut files: Vec<(Destination<'_>, Contents<'_>)> = Vec::new();
            if let Some(file) = rows {
                let rows: Vec<i64> = outcome.rows.iter().map(|&row| row as i64).collect();
                let rows = NpyArray::new(vec![rows.len()], NpyData::I64(rows))?;
                files.push((file, Box::new(move |file| rows.write_to(file))));
            }
            files.push((file, Box::new(|file| labels.write_to(file))));
            write_atomic_all(files)?;
            if !all_rows {
                return Ok(format!("{} and {}", shown(path), shown(&beside)));
            }
        }
        "csv" | "tsv" => write_labels_csv(file, sheet, CsvLayout::Wide)?,
        "jsonl" => write_labels_jsonl(file, sheet)?,
        "txt" => write_label_list(file, sheet)?,
        _ => bail!(
            "--out {}: unsupported file extension, expected npy, csv, tsv, jsonl or txt",
            path.display()
        ),
    }
    Ok(shown(path))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

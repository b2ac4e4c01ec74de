//! `lacuna predict`: probabilities and predicted classes of rows.

use super::head::{HeadArgs, fitted};
use super::labelled::{column_names, is_absolute, widened};
use super::{Input, Outputs, screen};
use crate::FeatureSource;
use crate::write::PredictionSheet;
use anyhow::{Context, bail};
use clap::Args;
use lacuna_formats::{Contents, Destination, Limits, Strings, write_atomic_all};
use lacuna_labels::Features;
use std::path::PathBuf;

/// Predicts rows with a trained head: probabilities, and the classes above their thresholds
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct PredictArgs {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    head: HeadArgs,
    /// File to write: .npy (and beside it .rows.npy, .classes.npy, .predicted.npy), .csv or .jsonl
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only the K classes of each row with the largest probabilities
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    top: Option<u32>,
    /// Logits instead of probabilities
    #[arg(long)]
    logits: bool,
    /// Predicts the test rows of the data
    #[arg(long)]
    test_rows: bool,
    /// Replaces an existing file
    #[arg(long)]
    force: bool,
}

const EXAMPLES: &str = "Examples:
  lacuna predict --model head --features new.npy --names names.txt
  lacuna predict --model head --features new.npy --out p.csv
  lacuna predict --model head --features new.npy --out p.npy --logits
  lacuna predict --model head --features new.npy --top 3 --out p.jsonl

A class is predicted where its probability is above its threshold: 0.5, or
what `lacuna thresholds` chose.

Exit codes: 0 done, 2 invalid command line, file or data.";

struct Rows<'a>(&'a Features, Option<Strings>);

impl FeatureSource for Rows<'_> {
    fn features(&self) -> &Features {
        self.0
    }
    fn column_names(&self) -> Option<&Strings> {
        self.1.as_ref()
    }
}

/// Predicts, and prints or writes.
///
/// # Errors
/// A head or features that cannot be read or do not fit together.
pub fn run(args: &PredictArgs) -> anyhow::Result<()> {
    let model = args.head.load()?;
    let data = args.input.open()?;
    let outputs = Outputs::new(args.force, data.files.clone());
    let table = super::data::part(data, args.test_rows)?;
    let (columns, absolute) = (column_names(&table), is_absolute(&table));
    let features = table.features.with_context(|| format!("{} has no features", table.path.display()))?;
    let mut features = features.into_dense(&table.path, &Limits::default())?;
    if absolute && features.columns() < model.features() {
        features = widened(&features, model.features(), &table.path)?;
    }
    let predictions =
        model.predict(&Rows(&features, columns)).with_context(|| table.path.display().to_string())?;
    let numbers = || (0..features.rows()).map(|row| row.to_string()).collect();
    let rows: Vec<String> = table.names.as_ref().map_or_else(numbers, Strings::to_vec);
    let (top, logits) = (args.top.map(|top| top as usize), args.logits);
    let sheet = PredictionSheet { model: &model, predictions: &predictions, rows: &rows, top, logits };
    let Some(out) = &args.out else { return show(args, &sheet) };
    let extension = out.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    match extension.as_str() {
        "csv" => sheet.csv(outputs.to(out)?)?,
        "jsonl" => sheet.jsonl(outputs.to(out)?)?,
        "npy" => {
            if top.is_some() {
                bail!(
                    "--top {}: a .npy file has every class; .csv and .jsonl have the best ones",
                    top.unwrap_or(0)
                );
            }
            let arrays = sheet.arrays()?;
            let path = |part: &str| {
                if part.is_empty() { out.clone() } else { out.with_extension(format!("{part}.npy")) }
            };
            let paths: Vec<PathBuf> = arrays.iter().map(|(part, _)| path(part)).collect();
            // All of them or none: files of two predictions do not belong together. The numbers come last.
            let mut files: Vec<(Destination<'_>, Contents<'_>)> = Vec::new();
            for ((_, array), path) in arrays.iter().zip(&paths).rev() {
                files.push((outputs.to(path)?, Box::new(|file| array.write_to(file))));
            }
            write_atomic_all(files)?;
        }
        _ => bail!("--out {}: unsupported file extension, expected npy, csv or jsonl", out.display()),
    }
    let done = serde_json::json!({"out": out, "rows": rows.len(), "classes": model.classes().len()});
    args.head
        .print
        .show(&format!("{}: {} rows, {} classes\n", out.display(), rows.len(), model.classes().len()), &done)
}

/// The predicted classes of each row, or the best ones, on standard output.
fn show(args: &PredictArgs, sheet: &PredictionSheet<'_>) -> anyhow::Result<()> {
    if args.head.print.json {
        let rows: Vec<serde_json::Value> = (0..sheet.rows.len()).map(|row| sheet.json(row)).collect();
        return args.head.print.show("", &rows);
    }
    let mut text = String::new();
    for (row, name) in sheet.rows.iter().enumerate() {
        let shown: Vec<String> = sheet
            .best(row)
            .into_iter()
            .filter(|&class| sheet.top.is_some() || sheet.predicts(row, class))
            .map(|class| {
                let classes = sheet.predictions.classes();
                let value = match sheet.logits {
                    true => sheet.predictions.logits()[row * classes + class],
                    false => sheet.predictions.get(row, class),
                };
                format!("{} {value:.2}", lacuna_formats::shown(&sheet.model.classes()[class]))
            })
            .collect();
        let shown = if shown.is_empty() { "-".to_string() } else { shown.join(", ") };
        text += &(screen::wrapped(&format!("{}  {shown}", fitted(name, 24)), 26) + "\n");
    }
    screen::out(&text)
}

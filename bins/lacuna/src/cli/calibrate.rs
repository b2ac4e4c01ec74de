//! `lacuna calibrate`: probabilities that are met as often as they say.

use super::Outputs;
use super::eval::rows_and_files;
use super::head::{HeadArgs, SavedArgs, known_cells, notes, warn_of_training_rows};
use super::labelled::LabelledInput;
use super::train::judged;
use crate::{Calibration, CalibrationScores, plot};
use anyhow::{Context, bail};
use clap::Args;
use lacuna_formats::write_atomic;
use std::path::PathBuf;

/// Calibrates the probabilities of a head by labels of rows that did not train, and saves them in it
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CalibrateArgs {
    #[command(flatten)]
    input: LabelledInput,
    #[command(flatten)]
    head: HeadArgs,
    /// temperature (one number), platt (a factor and an offset a class) or isotonic (a table a class)
    #[arg(long, value_name = "NAME", default_value = "temperature")]
    method: Calibration,
    /// Fewest known positives, and negatives, for a class to get its own curve
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    least: u32,
    /// Writes the reliability diagram, before and after
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    saved: SavedArgs,
}

const EXAMPLES: &str = "Examples:
  lacuna calibrate --model head --features x.npy --labels y.npy --complete \\
    --rows head/held_out.txt --plot reliability.svg
  lacuna calibrate --model head --features v.npy --labels vy.npy --complete \\
    --method platt --out calibrated

Temperature and platt change the last layer, so that PyTorch and ONNX give the
same, and thresholds move with them. Isotonic is a table in head.json: it goes
to another folder, because it cannot be calibrated again or exported to ONNX,
and thresholds chosen before are dropped.

Exit codes: 0 done, 2 invalid command line, file or data.";

/// Calibrates, prints and saves.
///
/// # Errors
/// A head, data or labels that are refused.
pub fn run(args: &CalibrateArgs) -> anyhow::Result<()> {
    let model = args.head.load()?;
    if args.method == Calibration::Isotonic && args.saved.out.is_none() && !args.saved.force {
        bail!(
            "--method isotonic makes a head that cannot be calibrated again or exported to ONNX: --out DIR writes it beside the head in {}, \
             --force in its place",
            args.head.model.display()
        );
    }
    let (set, mut read) = rows_and_files(&args.input, &model)?;
    warn_of_training_rows(&model, &args.head.model, &set);
    let rows = judged(&model, &set)?;
    notes(rows.notes());
    read.extend(args.head.files());
    let outputs = Outputs::new(args.saved.force, read);
    let plot = args.plot.as_deref().map(|path| outputs.to(path)).transpose()?;
    let done = model.calibrated(&rows, args.method, args.least as usize)?;
    notes(&done.notes);
    // The picture first: where it cannot be written the head stays as it is.
    if let (Some(plot), Some(path)) = (plot, &args.plot) {
        let svg = plot::reliability(&done.before.bins, &done.after.bins);
        write_atomic(plot, |file| file.write_all(svg.as_bytes()))
            .with_context(|| path.display().to_string())?;
    }
    let folder = args.saved.save(&done.model, &args.head.model)?;
    let scores = |scores: &CalibrationScores| serde_json::json!({"ece": scores.ece, "brier": scores.brier});
    let value = serde_json::json!({
        "out": folder, "method": args.method.to_string(), "temperature": done.temperature,
        "before": scores(&done.before), "after": scores(&done.after), "notes": done.notes,
    });
    let temperature = done.temperature.map_or_else(String::new, |t| format!(", T = {t:.3}"));
    let mut text = format!("{}\n{}{temperature}\n", known_cells(&rows), args.method);
    text += &format!("  {:<28} {:>8} {:>8}\n", "over known cells", "ECE", "Brier");
    for (what, scores) in [("before", &done.before), ("after, each fifth by the rest", &done.after)] {
        text += &format!("  {what:<28} {:>8.4} {:>8.4}\n", scores.ece, scores.brier);
    }
    text += &format!("written: {}\n", folder.display());
    if let Some(path) = &args.plot {
        text += &format!("plot: {}\n", path.display());
    }
    args.head.print.show(&text, &value)
}

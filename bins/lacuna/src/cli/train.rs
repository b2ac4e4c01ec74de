//! `lacuna train`: trains a head on features and incomplete labels.

use super::eval::convention;
use super::head::{FitArgs, PrintArgs, is_folder, known_loss, number};
use super::labelled::{Labelled, LabelledInput};
use super::working::Watched;
use super::{Outputs, screen};
use crate::{EvalReport, Fit, JudgedRows, LabelSource, Model, hold_out, minimises};
use anyhow::{Context, bail};
use clap::Args;
use lacuna_labels::Label;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Trains a head on features and labels, of which some may be unknown; says what was chosen and why
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct TrainArgs {
    #[command(flatten)]
    input: LabelledInput,
    /// Loss, a name of `repro losses list`; `auto` chooses by the labels
    #[arg(long, value_name = "NAME", default_value = "auto")]
    loss: String,
    #[command(flatten)]
    choices: FitArgs,
    /// Penalty on the weights of a linear head: k/2 |W|^2 is added to the sum of the loss [default: chosen]
    #[arg(long, value_name = "K")]
    weight_decay: Option<f64>,
    /// Epochs [default: 50]; for a linear head with a smooth loss, the maximum number of L-BFGS iterations [default: 500]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    epochs: Option<u32>,
    /// Share of the rows that does not train and is measured on; their names go to held_out.txt in the folder of the head
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    val: f64,
    /// Seed of everything that is drawn
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Folder for the head: head.safetensors, which PyTorch loads, and head.json
    #[arg(long, value_name = "DIR", default_value = "head")]
    out: PathBuf,
    /// Replaces a head in the folder
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    print: PrintArgs,
}

const EXAMPLES: &str = "Examples:
  lacuna train --features clip.npy --names names.txt --labels tags.csv \\
    --unlisted unknown
  lacuna train --features x.npy --labels y.npy --label-convention binary-an
  lacuna train --features x.npy --labels y.npy --complete --val 0.2
  lacuna train --features x.npz --labels y.csv --head mlp:512 --loss hill
  lacuna train openclipart --out drawings/

Whether labels are complete is never guessed: a file of 1 and 0 needs
--complete or --label-convention, a list needs --unlisted or --complete.
No test rows are needed; --test FILE --test-labels FILE measures on some.
Next: lacuna predict, eval, thresholds, calibrate, export.

Exit codes: 0 done, 2 invalid command line, file or data.";

/// The result in the layout of the JSON output.
#[derive(Debug, Serialize)]
struct Trained {
    out: String,
    loss: String,
    head: String,
    rows: usize,
    features: usize,
    classes: usize,
    seconds: f64,
    notes: Vec<String>,
    /// Where it was measured: `held-out` or `test`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    measured: Vec<Measured>,
}

#[derive(Debug, Serialize)]
struct Measured {
    on: &'static str,
    /// Whether unknown cells counted as negatives, because no negative is known.
    assuming_negative: bool,
    report: EvalReport,
}

/// Metrics that are printed after training; `lacuna eval` has all.
const SHOWN: [&str; 6] = ["map", "map-present", "cf1", "of1", "lrap", "p@1"];

/// Names of the rows that did not train, in the folder of the head.
pub(crate) const HELD_OUT: &str = "held_out.txt";

/// Trains, measures and saves.
///
/// # Errors
/// Data, labels or settings that are refused, and a head that is there already.
pub fn run(args: &TrainArgs) -> anyhow::Result<()> {
    args.print.apply();
    if !(0.0..1.0).contains(&args.val) {
        bail!("--val {}: expected a share from 0 to below 1, for instance 0.2", args.val);
    }
    known_loss(&args.loss)?;
    is_folder(&args.out)?;
    let opened = args.input.open()?;
    opened.rows.learnable()?;
    let outputs = Outputs::new(args.force, opened.files.clone());
    let held_out = args.out.join(HELD_OUT);
    for name in ["head.safetensors", "head.json", HELD_OUT] {
        outputs.to(&args.out.join(name))?;
    }
    let (train, held) = hold_out(opened.rows.features.rows(), args.val, args.seed);
    opened.rows.tells_apart(&held).context("--val writes the names of the rows that it holds out")?;
    let held_names: Vec<String> = held.iter().map(|&row| opened.rows.name(row)).collect();
    let held = (args.val > 0.0).then(|| opened.rows.select(&held));
    let rows = if held.is_some() { opened.rows.select(&train) } else { opened.rows };
    let watched = Watched::new();
    let fit = watched.hook().into_iter().fold(fit(args)?, Fit::on_progress);
    let model = fit.fit(&rows, &rows)?;
    let seconds = watched.end();
    if args.weight_decay.is_some() && !minimises(model.head(), &model.trained_with().loss) {
        screen::err(
            "note: --weight-decay had no effect: it is the penalty of a linear head with a smooth loss",
        );
    }
    let mut measured = Vec::new();
    for (on, set) in [("held-out", &held), ("test", &opened.test)] {
        if let Some(set) = set {
            measured.push(measure(&model, set, on)?);
        }
    }
    // A head beside the held-out rows of another one would be measured on rows that it was trained on.
    let lines = held_names.join("\n") + "\n";
    let beside: &[(&str, &str)] = if held.is_some() { &[(HELD_OUT, &lines)] } else { &[] };
    if held.is_none() && std::fs::symlink_metadata(&held_out).is_ok() {
        std::fs::remove_file(&held_out).with_context(|| held_out.display().to_string())?;
    }
    model.save_with(&args.out, args.force, beside)?;
    let trained = Trained {
        out: args.out.display().to_string(),
        loss: model.trained_with().loss.clone(),
        head: model.head().to_string(),
        rows: rows.features.rows(),
        features: model.features(),
        classes: model.classes().len(),
        seconds,
        notes: model.notes().to_vec(),
        measured,
    };
    args.print.show(&text(&trained, held.is_some().then_some(&*held_out)), &trained)
}

fn fit(args: &TrainArgs) -> anyhow::Result<Fit> {
    let mut fit = Fit::new(&args.loss).head(args.choices.head.clone()).seed(args.seed);
    for (name, value) in args.choices.parameters()? {
        fit = fit.parameter(&name, value);
    }
    if let Some(transform) = &args.choices.transform {
        fit = fit.transform(transform.clone());
    }
    if let Some(decay) = args.weight_decay {
        fit = fit.weight_decay(decay);
    }
    if let Some(epochs) = args.epochs {
        fit = fit.epochs(epochs as usize);
    }
    Ok(fit)
}

fn measure(model: &Model, set: &Labelled, on: &'static str) -> anyhow::Result<Measured> {
    let rows = judged(model, set)?;
    let assuming_negative = lacks_negatives(&rows);
    let rows = if assuming_negative { rows.assuming_negative() } else { rows };
    let report = rows.report(Some(&SHOWN)).with_context(|| format!("{on} rows"))?;
    Ok(Measured { on, assuming_negative, report })
}

pub(crate) fn judged(model: &Model, set: &Labelled) -> anyhow::Result<JudgedRows> {
    if set.class_names().is_none() && set.observed.classes() != model.classes().len() {
        bail!(
            "{}: {} classes, and the head has {}",
            set.path.display(),
            set.observed.classes(),
            model.classes().len()
        );
    }
    model.judge(set, set).with_context(|| set.path.display().to_string())
}

/// Whether positives alone are known, so that every ranking is perfect.
pub(crate) fn lacks_negatives(rows: &JudgedRows) -> bool {
    !rows.labels().cells().contains(&Label::Negative) && rows.labels().cells().contains(&Label::Unknown)
}

fn text(trained: &Trained, held_out: Option<&Path>) -> String {
    let mut lines = vec![format!(
        "{} rows, {} features, {} classes: loss {}, head {}, {:.1} s",
        trained.rows, trained.features, trained.classes, trained.loss, trained.head, trained.seconds
    )];
    lines.extend(trained.notes.iter().map(|note| format!("  {note}")));
    for Measured { on, assuming_negative, report } in &trained.measured {
        lines.push(match assuming_negative {
            false => format!(
                "{on} rows: {}; over their {} known cells, of which {} are positive:",
                report.rows,
                report.positives + report.negatives,
                report.positives
            ),
            true => format!(
                "{on} rows: {} with {} known positives and no known negative; unknown cells count as negatives, so that every \
                 missing label counts against the head and the numbers are too low{}:",
                report.rows,
                report.positives,
                if *on == "test" { " (--test-unlisted negative, if these lists are complete)" } else { "" }
            ),
        });
        for metric in &report.metrics {
            let value = number(metric.value.value, 1);
            lines.push(format!("  {:<12} {value:>6}  {}", metric.name, convention(metric)));
        }
    }
    if trained.measured.is_empty() {
        lines.push("nothing was measured: --val 0.2, or --test FILE --test-labels FILE".to_string());
    }
    lines.push(format!("written: {} (head.safetensors, head.json)", trained.out));
    if let Some(path) = held_out {
        lines.push(format!("rows that did not train: {}", path.display()));
    }
    lines.iter().map(|line| screen::wrapped(line, 4) + "\n").collect()
}

//! `lacuna thresholds`: a threshold for each class, saved in the head.

use super::eval::rows_of;
use super::head::{HeadArgs, SavedArgs, fitted, known_cells, notes, number, warn_of_training_rows};
use super::labelled::LabelledInput;
use super::train::judged;
use crate::write::short;
use crate::{ChosenThresholds, Goal};
use clap::Args;

/// Chooses a threshold for each class by labels, and saves them in the head
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ThresholdsArgs {
    #[command(flatten)]
    input: LabelledInput,
    #[command(flatten)]
    head: HeadArgs,
    /// f1, f-beta:B, precision:P, recall:R (shares from 0 to 1) or cardinality (as many predictions as positives)
    #[arg(long, value_name = "GOAL", default_value = "f1")]
    goal: Goal,
    /// Fewest known positives, and negatives, for a class to get its own threshold
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    least: u32,
    #[command(flatten)]
    saved: SavedArgs,
}

const EXAMPLES: &str = "Examples:
  lacuna thresholds --model head --features x.npy --labels y.npy --complete \\
    --rows head/held_out.txt
  lacuna thresholds --model head --features x.npy --labels y.npy \\
    --label-convention csl --goal precision:0.9 --out head90

A class with too few labels gets the threshold of all cells together. Choose
on rows that did not train: `lacuna train --val 0.2` keeps some.

Exit codes: 0 done, 2 invalid command line, file or data.";

/// Chooses, prints and saves.
///
/// # Errors
/// A head, data or labels that are refused.
pub fn run(args: &ThresholdsArgs) -> anyhow::Result<()> {
    let model = args.head.load()?;
    let set = rows_of(&args.input, &model)?;
    warn_of_training_rows(&model, &args.head.model, &set);
    let rows = judged(&model, &set)?;
    notes(rows.notes());
    let chosen = rows.thresholds(args.goal, args.least as usize)?;
    notes(&chosen.notes);
    let folder = args.saved.save(&chosen.on(model)?, &args.head.model)?;
    let class = |class: &crate::ClassThreshold| {
        serde_json::json!({
            "class": class.class, "threshold": short(class.threshold), "own": class.own,
            "positives": class.counts.positives(), "known": class.counts.known(),
            "precision": class.counts.precision(), "recall": class.counts.recall(), "f1": class.counts.f1(),
        })
    };
    let classes: Vec<serde_json::Value> = chosen.classes.iter().map(class).collect();
    let value = serde_json::json!({
        "out": folder, "goal": chosen.goal.to_string(), "pooled": chosen.pooled.map(short), "classes": classes, "notes": chosen.notes,
    });
    let text = text(&chosen) + &format!("written: {} (head.json)\n", folder.display());
    args.head.print.show(&(known_cells(&rows) + "\n" + &text), &value)
}

fn text(chosen: &ChosenThresholds) -> String {
    let pooled = chosen.pooled.map_or_else(|| "none".to_string(), |pooled| format!("{pooled:.4}"));
    let mut text = format!("goal {}, threshold of all cells together: {pooled}\n", chosen.goal);
    text += &format!("{:<24} {:>8} {:>6} {:>6} {:>6} {:>6}\n", "class", "p >", "pos", "P", "R", "F1");
    for class in &chosen.classes {
        let percent = |value: Option<f64>| number(value.map(|value| 100.0 * value), 1);
        let [precision, recall, f1] =
            [class.counts.precision(), class.counts.recall(), class.counts.f1()].map(percent);
        text += &format!(
            "{} {:>8.4} {:>6} {precision:>6} {recall:>6} {f1:>6}{}\n",
            fitted(&class.class, 24),
            class.threshold,
            class.counts.positives(),
            if class.own { "" } else { "  (all cells)" }
        );
    }
    text
}

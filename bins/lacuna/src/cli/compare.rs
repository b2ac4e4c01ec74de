//! `lacuna compare`: losses and procedures on one's own data.

use super::head::{FitArgs, PrintArgs, fitted, known_loss, number};
use super::labelled::LabelledInput;
use super::screen;
use super::working::Working;
use crate::{CompareOptions, Comparison, Contestant, compare};
use clap::Args;
use std::sync::{Mutex, PoisonError};

/// Trains losses and procedures on the same rows and measures them on the same held-out rows
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CompareArgs {
    #[command(flatten)]
    input: LabelledInput,
    /// Losses by comma, or `all`
    #[arg(long, value_name = "A,B", value_delimiter = ',', default_value = "auto,bce,an,wan,hill,asl")]
    losses: Vec<String>,
    /// Procedures by comma, or `all`; each trains a linear head. PROCEDURE+LOSS names its loss
    #[arg(long, value_name = "A,B+LOSS", value_delimiter = ',')]
    procedures: Vec<String>,
    /// Seeds: each draws held-out rows, first weights and orders
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Share of the rows that is held out
    #[arg(long, value_name = "SHARE", default_value_t = 0.2)]
    val: f64,
    #[command(flatten)]
    choices: FitArgs,
    /// Resamples of the held-out rows
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    resamples: u32,
    #[command(flatten)]
    print: PrintArgs,
}

const EXAMPLES: &str = "Examples:
  lacuna compare --features x.npy --names names.txt --labels tags.csv \\
    --unlisted unknown
  lacuna compare --features x.npy --labels y.npy --complete --losses all
  lacuna compare openclipart --losses an,wan --procedures relabel+an-ls \\
    --seeds 5

Every row has the mean over the seeds, the deviation, and the interval of its
difference to the best row (95 %; resamples of the held-out rows, and seeds),
with a p corrected for the number of rows (Holm). Losses that the labels
cannot serve are listed with the reason. The numbers are measured on observed
labels: where no negative is known, they favour losses that take missing
labels for negatives.

Exit codes: 0 done, 2 invalid command line, file or data.";

/// Compares and prints.
///
/// # Errors
/// Data or settings that are refused, and labels that serve nothing.
pub fn run(args: &CompareArgs) -> anyhow::Result<()> {
    args.print.apply();
    let set = args.input.open()?.rows;
    set.learnable()?;
    let mut contestants = Vec::new();
    for name in &args.losses {
        match name.trim() {
            "all" => contestants.extend(Contestant::losses()),
            name => {
                known_loss(name)?;
                contestants.push(Contestant::loss(name));
            }
        }
    }
    for name in &args.procedures {
        match name.trim() {
            "all" => contestants.extend(Contestant::procedures("auto")),
            name => {
                let (procedure, loss) = name.split_once('+').unwrap_or((name, "auto"));
                contestants.push(Contestant { loss: loss.to_string(), procedure: Some(procedure.parse()?) });
            }
        }
    }
    let options = CompareOptions {
        parameters: args.choices.parameters()?,
        seeds: args.seeds,
        held_out: args.val,
        head: args.choices.head.clone(),
        transform: args.choices.transform.clone(),
        resamples: args.resamples as usize,
    };
    let working = Working::new("comparing", contestants.len() * args.seeds as usize);
    let working = Mutex::new(working);
    let found = compare(&set, &set, &contestants, &options, |contestant, seed| {
        let mut working = working.lock().unwrap_or_else(PoisonError::into_inner);
        working.step(&format!("{contestant}, seed {seed}"));
    });
    working.into_inner().unwrap_or_else(PoisonError::into_inner).end();
    let found = found?;
    args.print.show(&text(&found, args.seeds), &value(&found))
}

fn value(found: &Comparison) -> serde_json::Value {
    let row = |row: &crate::Compared| {
        let difference = row.difference.map(|d| serde_json::json!({"low": d.low, "high": d.high, "p": d.p}));
        serde_json::json!({
            "name": row.contestant.to_string(), "values": row.values, "mean": row.mean, "deviation": row.deviation,
            "seconds": row.seconds, "difference": difference, "corrected": row.corrected,
        })
    };
    let rows: Vec<serde_json::Value> = found.rows.iter().map(row).collect();
    let refused = |(contestant, why): &(Contestant, String)| serde_json::json!({"name": contestant.to_string(), "reason": why});
    let refused: Vec<serde_json::Value> = found.refused.iter().map(refused).collect();
    serde_json::json!({
        "metric": found.metric, "held_out": found.held_out, "assuming_negative": found.assuming_negative,
        "rows": rows, "refused": refused,
    })
}

fn text(found: &Comparison, seeds: u64) -> String {
    let wrapped = |line: &str, indent| screen::wrapped(line, indent) + "\n";
    let mut text = wrapped(
        &format!(
            "{} held-out rows, {seeds} {}; {}",
            found.held_out,
            if seeds == 1 { "seed" } else { "seeds" },
            found.metric
        ),
        2,
    );
    if found.assuming_negative {
        text += &wrapped(
            "no negative is known: a missing label that a method predicts counts as an error, so small differences mean little",
            2,
        );
    }
    text += &format!("{:<28} {:>6} {:>5} {:>7}  {}\n", "", "mean", "sd", "seconds", "difference to the best");
    for row in &found.rows {
        let difference = row
            .difference
            .map_or_else(|| "best".to_string(), |d| format!("{:+.2} to {:+.2}, p {:.3}", d.low, d.high, d.p));
        let name = fitted(&row.contestant.to_string(), 28);
        // One value has none.
        let deviation = number((seeds > 1).then_some(row.deviation), 2);
        text += &format!("{name} {:>6.2} {deviation:>5} {:>7.2}  {difference}\n", row.mean, row.seconds);
    }
    if !found.refused.is_empty() {
        text += "not trained:\n";
    }
    for (contestant, why) in &found.refused {
        text += &wrapped(&format!("  {contestant}: {why}"), 4);
    }
    text
}

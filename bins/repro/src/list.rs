//! Lists of benchmarks, losses and embedded data.

use crate::specs;
use lacuna::cli::screen::wrapped;
use lacuna_losses::{LOSSES, LabelNeeds, LossRow, Takes};
use lacuna_protocols::PROTOCOLS;
use lacuna_source::embedded_sets;
use lacuna_train::{METRICS, OPTIMIZERS, PROCEDURES, SAMPLERS, SCHEDULES, TRANSFORMS};
use std::fmt::Write as _;

/// Columns of the names.
const NAME: usize = 26;

/// Benchmarks, losses and data sets as text.
pub(crate) fn text() -> anyhow::Result<String> {
    let mut out = String::new();
    let mut entry = |name: &str, text: &str| {
        let _ = writeln!(out, "{}", wrapped(&format!("  {name:<width$} {text}", width = NAME - 3), NAME));
    };
    entry("Benchmarks", "repro run NAME");
    for spec in specs::all()? {
        let variants = spec.variant_names().collect::<Vec<_>>().join(", ");
        let variants = if variants.is_empty() { variants } else { format!("; --variant {variants}") };
        entry(&spec.name, &format!("{}{variants}", spec.title));
    }
    // Losses by what they need, so that it need not be said beside each; those of several logit matrices apart.
    let (trained, others): (Vec<&LossRow>, Vec<&LossRow>) =
        LOSSES.iter().partition(|row| matches!(row.takes, Takes::Logits | Takes::Estimates));
    for need in [
        LabelNeeds::SinglePositive,
        LabelNeeds::SinglePositiveOneNegative,
        LabelNeeds::SinglePositiveAllNegatives,
        LabelNeeds::Complete,
        LabelNeeds::FullTruth,
    ] {
        entry("", "");
        entry(needs(need), "--loss NAME,NAME");
        trained.iter().filter(|row| row.needs == need).for_each(|row| loss(&mut entry, row));
    }
    entry("", "");
    entry("Losses of several logit matrices", "each with a procedure of its own, which `auto` picks");
    others.iter().for_each(|row| loss(&mut entry, row));
    entry("", "");
    entry("Procedures", "--set training.procedure=NAME");
    PROCEDURES.iter().for_each(|row| entry(row.name, row.doc));
    entry("", "");
    entry("Optimisers", "--set training.optimizer=NAME");
    OPTIMIZERS.iter().for_each(|row| entry(row.name, row.doc));
    entry("", "");
    entry("Schedules", "--set training.schedule=NAME");
    SCHEDULES.iter().for_each(|row| entry(row.name, row.doc));
    entry("", "");
    entry("Samplers", "--set training.sampler=NAME");
    SAMPLERS.iter().for_each(|row| entry(row.name, row.doc));
    entry("", "");
    entry("Transforms of features", "--set training.transform=NAME");
    TRANSFORMS.iter().for_each(|row| entry(row.name, row.doc));
    entry("", "");
    entry("Metrics", "--set 'evaluation.metrics=[\"NAME\"]'");
    METRICS.iter().for_each(|row| entry(row.name, row.convention));
    entry("", "");
    entry("Protocols", "--set protocol.name=NAME");
    PROTOCOLS.iter().filter(|row| row.makes_labels()).for_each(|row| entry(row.name, row.doc));
    entry("", "");
    entry("Parameters of losses", "`repro losses`, `repro losses show NAME`; --set NAME.PARAM=VALUE");
    entry("", "");
    for (title, synthetic) in [("Embedded data", false), ("Embedded data, synthetic", true)] {
        entry(title, "--data NAME");
        embedded_sets()
            .filter(|set| set.is_synthetic() == synthetic)
            .for_each(|set| entry(set.name, set.doc));
        entry("", "");
    }
    entry("Your data", "--data PATH; see `repro run --help`");
    let lines: Vec<&str> = out.lines().map(str::trim_end).collect();
    Ok(lines.join("\n") + "\n")
}

fn loss(entry: &mut impl FnMut(&str, &str), row: &LossRow) {
    entry(row.info.name, &format!("{} ({})", row.info.title, row.info.year));
}

/// Description of the labels that losses need.
fn needs(needs: LabelNeeds) -> &'static str {
    match needs {
        LabelNeeds::SinglePositive => "Losses on positives",
        LabelNeeds::SinglePositiveOneNegative => "... and negatives",
        LabelNeeds::SinglePositiveAllNegatives => "... and every negative",
        LabelNeeds::Complete => "... on complete labels",
        LabelNeeds::FullTruth => "... on the true labels",
    }
}

//! What there is: benchmarks, losses, embedded data.

use crate::specs;
use lacuna_cli::screen::wrapped;
use lacuna_losses::{BRANCH_LOSSES, CLASS_LOSSES, LOSSES, LabelNeeds, LossRow};
use lacuna_synthetic::SETS;
use std::fmt::Write as _;

/// Columns of the names.
const NAME: usize = 26;

/// Benchmarks, losses and data sets as text.
pub(crate) fn text() -> anyhow::Result<String> {
    let mut out = String::new();
    let mut entry = |name: &str, text: &str| {
        let _ = writeln!(out, "{}", wrapped(&format!("  {name:<width$} {text}", width = NAME - 3), NAME));
    };
    entry("Benchmarks", "(repro run NAME)");
    for spec in specs::all()? {
        entry(&spec.name, &spec.title);
        entry("", &format!("after {}", spec.source));
    }
    entry("", "");
    entry("Losses", "(--loss NAME,NAME; --set NAME.PARAM=VALUE)");
    LOSSES.iter().chain(CLASS_LOSSES).for_each(|row| loss(&mut entry, row, needs(row.needs)));
    entry("", "");
    entry("Losses no benchmark trains", "with: they take the logits of several heads, or of mixed rows");
    BRANCH_LOSSES.iter().for_each(|row| loss(&mut entry, row, "needs several matrices of logits"));
    entry("", "");
    entry("Embedded data", "(--data NAME)");
    for set in SETS {
        entry(set.name, &format!("{} Synthetic.", set.doc));
    }
    entry("", "");
    entry("Your data", "--data PATH: a folder in SPML layout, or any format; see `repro run --help`");
    let lines: Vec<&str> = out.lines().map(str::trim_end).collect();
    Ok(lines.join("\n") + "\n")
}

fn loss(entry: &mut impl FnMut(&str, &str), row: &LossRow, needs: &str) {
    entry(row.info.name, &format!("{} ({}); {needs}", row.info.title, row.info.year));
    for p in row.info.params {
        let default = p.default.map_or("from the data".to_string(), |default| default.to_string());
        entry("", &format!("  {} = {default}", p.name));
    }
}

/// What a loss needs of the labels at hand, in words.
fn needs(needs: LabelNeeds) -> &'static str {
    match needs {
        LabelNeeds::SinglePositive => "needs positives",
        LabelNeeds::SinglePositiveOneNegative => "needs positives and negatives",
        LabelNeeds::SinglePositiveAllNegatives => "needs positives and every negative",
        LabelNeeds::Complete => "needs every label",
        LabelNeeds::FullTruth => "sees the true labels",
    }
}

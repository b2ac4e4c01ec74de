//! What there is: benchmarks, losses, embedded data.

use crate::specs;
use lacuna_losses::{LOSSES, LabelNeeds};
use lacuna_synthetic::SETS;

/// Prints benchmarks, losses and data sets.
pub(crate) fn print() -> anyhow::Result<()> {
    println!("Benchmarks (repro run NAME):");
    for spec in specs::all()? {
        println!("  {:<14} {}", spec.name, spec.title);
        println!("  {:<14} after {}", "", spec.source);
    }
    println!("\nLosses (--loss NAME,NAME; --set NAME.PARAM=VALUE):");
    for row in LOSSES {
        println!("  {:<18} {} ({}); sees {}", row.info.name, row.info.title, row.info.year, sees(row.needs));
        for p in row.info.params {
            let default = p.default.map_or("from the data".to_string(), |d| d.to_string());
            println!("  {:<18}   {} = {default}", "", p.name);
        }
    }
    println!("\nEmbedded data:");
    for set in SETS {
        println!("  {:<14} {} Synthetic.", set.name, set.doc);
    }
    println!("\nA folder in SPML layout is given with --data DIR.");
    Ok(())
}

/// The labels a loss is handed, in words.
pub(crate) fn sees(needs: LabelNeeds) -> &'static str {
    match needs {
        LabelNeeds::SinglePositive => "one positive a row",
        LabelNeeds::SinglePositiveOneNegative => "one positive and one negative a row",
        LabelNeeds::SinglePositiveAllNegatives => "one positive and all negatives",
        LabelNeeds::FullTruth => "all labels",
    }
}

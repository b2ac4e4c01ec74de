//! What there is: benchmarks, losses, embedded data.

use crate::specs;
use lacuna_harness::sees;
use lacuna_losses::{CLASS_LOSSES, LOSSES};
use lacuna_synthetic::SETS;
use std::fmt::Write as _;

/// Benchmarks, losses and data sets as text.
pub(crate) fn text() -> anyhow::Result<String> {
    let mut out = String::new();
    writeln!(out, "Benchmarks (repro run NAME):")?;
    for spec in specs::all()? {
        writeln!(out, "  {:<14} {}", spec.name, spec.title)?;
        writeln!(out, "  {:<14} after {}", "", spec.source)?;
    }
    writeln!(out, "\nLosses (--loss NAME,NAME; --set NAME.PARAM=VALUE):")?;
    for row in LOSSES.iter().chain(CLASS_LOSSES) {
        writeln!(
            out,
            "  {:<18} {} ({}); sees {}",
            row.info.name,
            row.info.title,
            row.info.year,
            sees(row.needs)
        )?;
        for p in row.info.params {
            let default = p.default.map_or("from the data".to_string(), |d| d.to_string());
            writeln!(out, "  {:<18}   {} = {default}", "", p.name)?;
        }
    }
    writeln!(out, "\nEmbedded data:")?;
    for set in SETS {
        writeln!(out, "  {:<14} {} Synthetic.", set.name, set.doc)?;
    }
    writeln!(out, "\nA folder in SPML layout is given with --data DIR.")?;
    Ok(out)
}

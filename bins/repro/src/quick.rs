//! `repro run NAME --quick` and `repro run all --quick`: whether benchmarks run.

use crate::cli::RunArgs;
use crate::signals::Signals;
use crate::{count, jobs, read_spec, specs, view};
use anyhow::{Context, bail};
use lacuna::cli::{exit, screen};
use lacuna_formats::shown;
use lacuna_harness::{Plan, RunOptions, Spec};

/// Epochs of a phase.
const EPOCHS: usize = 2;

/// Runs one benchmark, or each with all of its variants, and says which runs failed.
pub(crate) fn command(name: Option<&str>, args: &RunArgs) -> anyhow::Result<i32> {
    let benchmarks = match (name, &args.spec) {
        (Some("all"), _) if args.variant.is_some() => bail!("--variant: `all` runs every variant"),
        (Some("all"), _) if args.overrides()?.data.is_some() => {
            bail!("--data: `all` runs every benchmark on its embedded set; name one benchmark for other data")
        }
        (Some("all"), _) => every()?,
        (_, Some(file)) => vec![read_spec(file)?],
        (name, None) => vec![specs::find_variant(name.unwrap_or_default(), args.variant.as_deref())?],
    };
    let signals = Signals::new()?;
    let overrides = args.overrides()?;
    let mut failed = 0;
    for spec in benchmarks {
        let plan = Plan::new(&spec.quick(EPOCHS), &overrides).with_context(|| spec.name.clone())?;
        let bar = view::Progress::bar(&plan);
        let options = RunOptions { stop: &signals.stop, ..RunOptions::jobs(jobs(args.work.jobs)) };
        let report = plan.run(options, &|event| bar.show(event)).with_context(|| spec.name.clone())?;
        bar.finish();
        if report.interrupted {
            return Ok(signals.code());
        }
        let failures = || report.losses.iter().flat_map(|row| row.failed.iter().map(|why| (&row.loss, why)));
        failed += failures().count();
        let verdict = match failures().count() {
            0 => "run".to_string(),
            some => format!("run, {some} fail"),
        };
        let (rows, data) = (count(report.losses.len(), "row"), shown(&report.data));
        screen::out(&format!("{}: {rows} on {data} {verdict}, {:.1} s\n", spec.name, report.seconds))?;
        for (row, why) in failures() {
            screen::err(&format!("{}, {row}: {why}", spec.name));
        }
    }
    Ok(if failed == 0 { exit::DONE } else { exit::FOUND })
}

/// Every benchmark and every variant of one.
fn every() -> anyhow::Result<Vec<Spec>> {
    let mut all = Vec::new();
    for spec in specs::all()? {
        let variants = spec.variant_names().map(|name| spec.variant(name)).collect::<Result<Vec<_>, _>>()?;
        all.push(spec);
        all.extend(variants);
    }
    Ok(all)
}

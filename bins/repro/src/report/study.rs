//! The section of a study: rows, claims with their verdicts, causes with their interventions.

use super::classes::{self, RowAps};
use super::document::{Block, Section, Table};
use super::load::StudyFolder;
use super::plots::{Bar, EMPHASISED, bars};
use super::run::{ASSUME_NEGATIVE, is_tested};
use super::summary::Summary;
use super::values::{Kind, Value};
use super::{Options, data};
use crate::verdicts;
use lacuna_formats::shown;
use lacuna_harness::{Cells, Chosen, Difference, StudyRecord, StudyRow, Verdict};
use std::path::Path;

/// Section, line of the summary, and numbers.
pub(super) fn section(study: &StudyFolder, id: String, options: &Options) -> (Section, Summary, Vec<Value>) {
    let StudyFolder { path: folder, record, spec, data } = study;
    let data = data.as_ref();
    let head = &record.head;
    let title = format!("{} on {}, study", shown(&head.benchmark), shown(&head.data));
    let masks = head.masks.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let mut blocks = vec![Block::text(format!(
        "{}. {} runs: masks {masks}; first weights for each mask: {}; every setting of each row's grid. {} rows train, {} validate, {} are \
         tested on, {} features, {} classes.",
        spec.title,
        head.runs,
        head.inits,
        head.rows[0],
        head.rows[1],
        head.rows[2],
        head.features,
        head.classes
    ))];
    let [rows, claims, causes] = verdicts::tables(spec, record, verdicts::Sources::Named);
    blocks.push(Block::heading("Rows"));
    blocks.push(Block::Table(Table::of("", rows)));
    if !record.claims.is_empty() {
        blocks.push(Block::heading("Claims"));
        blocks.push(Block::Table(judged(claims, record)));
        let bar = |claim: &lacuna_harness::DecidedClaim| Bar {
            name: format!("{} > {}", shown(&claim.better), shown(&claim.worse)),
            value: claim.clean.mean,
            interval: Some((claim.clean.low, claim.clean.high)),
        };
        // Differences of one metric share an axis.
        let mut metrics: Vec<&str> = record.claims.iter().map(|claim| claim.metric.as_str()).collect();
        metrics.sort_unstable();
        metrics.dedup();
        let of_metric = |metric: &&str| {
            let all: Vec<Bar> =
                record.claims.iter().filter(|claim| claim.metric == *metric).map(bar).collect();
            bars(
                &format!("Claims about {metric}: differences with 95 % intervals"),
                "positive where the claim is right",
                &all,
                "",
            )
        };
        blocks.push(Block::Figures { figures: metrics.iter().filter_map(of_metric).collect() });
    }
    if !record.causes.is_empty() {
        blocks.push(Block::heading("Causes of gaps"));
        blocks.push(Block::Table(Table::of("", causes)));
    }
    let aps = aps(record, options);
    let (baseline, best) = compared(record, options);
    let tested = |class: usize| data.is_none_or(|data| is_tested(data, class));
    blocks.extend(classes::blocks(&aps, baseline, best, data, tested));
    blocks.extend(data.map(data::blocks).unwrap_or_default());
    let mut items = head.conventions.clone();
    items.extend(head.caveat.iter().map(|caveat| format!("Caveat: {caveat}")));
    items.push(format!("Fingerprint: {}", head.fingerprint));
    items.push(format!("Made by: lacuna {}", head.version));
    items.push(format!("Folder: {}", folder.display()));
    blocks.extend([Block::heading("Settings"), Block::List { items }]);
    let summary = summary(folder, record, (&id, &title), (baseline, best));
    (Section { id, title, blocks }, summary, values(folder, record, baseline))
}

/// Claims with their verdicts marked.
fn judged(cells: Cells, record: &StudyRecord) -> Table {
    let place = cells.header.iter().position(|head| head == "verdict");
    let mut table = Table::of("", cells);
    for (row, claim) in table.rows.iter_mut().zip(&record.claims) {
        if let Some(cell) = place.and_then(|place| row.get_mut(place)) {
            cell.shade = match claim.clean.verdict() {
                Verdict::Holds => 3,
                Verdict::DoesNotHold => -3,
                Verdict::NotSeparable => 0,
            };
        }
    }
    table
}

/// Mean of the metric that is compared, with setting and epoch chosen on true labels.
fn mean(row: &StudyRow) -> f64 {
    row.clean.metrics.get("map").map_or(f64::NEG_INFINITY, |spread| spread.mean)
}

/// The baseline, and the best other row that sees the same labels; of all others where none does.
fn compared<'a>(record: &'a StudyRecord, options: &Options) -> (&'a str, &'a str) {
    // What the first claim compares with, unless a row assumes negatives under that name.
    let claimed = record.claims.first().map_or(ASSUME_NEGATIVE, |claim| claim.worse.as_str());
    let known = record.rows.iter().any(|row| row.row == ASSUME_NEGATIVE);
    let named = options.baseline.as_deref().unwrap_or(if known { ASSUME_NEGATIVE } else { claimed });
    let Some(base) = record.rows.iter().find(|row| row.row == named).or(record.rows.first()) else {
        return ("", "");
    };
    let best = |fair: bool| {
        let others =
            record.rows.iter().filter(|row| row.row != base.row && (!fair || row.labels == base.labels));
        others.max_by(|a, b| mean(a).total_cmp(&mean(b)))
    };
    (&base.row, best(true).or_else(|| best(false)).map_or("", |row| &row.row))
}

fn aps(record: &StudyRecord, options: &Options) -> Vec<RowAps> {
    let (baseline, _) = compared(record, options);
    let mut order: Vec<&StudyRow> = record.rows.iter().filter(|row| row.row != baseline).collect();
    order.sort_by(|a, b| mean(b).total_cmp(&mean(a)));
    let style = |name: &str| match name == baseline {
        true => Some(0),
        false => order.iter().position(|row| row.row == name).map(|i| i + 1).filter(|i| *i < EMPHASISED),
    };
    let of = |row: &StudyRow| RowAps {
        name: row.row.clone(),
        ap: row.clean.test_ap.clone(),
        style: style(&row.row),
    };
    record.rows.iter().map(of).collect()
}

fn summary(
    folder: &Path,
    record: &StudyRecord,
    (id, title): (&str, &str),
    (baseline, best): (&str, &str),
) -> Summary {
    let cell = |name: &str| {
        let row = record.rows.iter().find(|row| row.row == name);
        row.map_or_else(String::new, |row| match row.clean.metrics.get("map") {
            Some(spread) => {
                format!("{}: {:.2} ± {:.2} ± {:.2}", shown(name), spread.mean, spread.masks, spread.inits)
            }
            None => shown(name),
        })
    };
    let count = |verdict| record.claims.iter().filter(|claim| claim.clean.verdict() == verdict).count();
    let verdicts = [Verdict::Holds, Verdict::DoesNotHold, Verdict::NotSeparable];
    let said: Vec<String> =
        verdicts.into_iter().map(|verdict| format!("{} {verdict}", count(verdict))).collect();
    Summary {
        anchor: id.to_string(),
        title: title.to_string(),
        folder: folder.display().to_string(),
        runs: record.head.runs,
        baseline: cell(baseline),
        best: cell(best),
        said: match record.claims.len() {
            0 => String::new(),
            all => format!("of {all} claims: {}", said.join(", ")),
        },
    }
}

fn values(folder: &Path, record: &StudyRecord, baseline: &str) -> Vec<Value> {
    let folder = folder.display().to_string();
    let base = || Value { folder: folder.clone(), ..Value::default() };
    let mut values = Vec::new();
    let base_ap =
        record.rows.iter().find(|row| row.row == baseline).map_or(&[][..], |row| &row.clean.test_ap);
    for row in &record.rows {
        let mut push = |chosen: &Chosen, on: &'static str| {
            values.extend(chosen.metrics.iter().map(|(metric, spread)| Value {
                row: row.row.clone(),
                metric: metric.clone(),
                chosen: on,
                mean: Some(spread.mean),
                std: Some(spread.masks),
                std_inits: Some(spread.inits),
                runs: Some(chosen.epochs.len()),
                ..base()
            }));
        };
        push(&row.clean, "clean");
        if let Some(observed) = &row.observed {
            push(observed, "observed");
        }
        values.extend(row.clean.test_ap.iter().enumerate().map(|(class, ap)| Value {
            kind: Kind::Class,
            row: row.row.clone(),
            class: Some(class),
            metric: "ap".to_string(),
            chosen: "clean",
            mean: Some(*ap),
            baseline: baseline.to_string(),
            difference: base_ap.get(class).map(|base| ap - base),
            ..base()
        }));
    }
    for claim in &record.claims {
        let mut push = |difference: &Difference, on: &'static str| {
            let value = Value {
                kind: Kind::Claim,
                row: claim.better.clone(),
                baseline: claim.worse.clone(),
                metric: claim.metric.clone(),
                chosen: on,
                verdict: difference.verdict().to_string(),
                ..base()
            };
            values.push(value.with(difference));
        };
        push(&claim.clean, "clean");
        if let Some(observed) = &claim.observed {
            push(observed, "observed");
        }
    }
    for cause in &record.causes {
        let shown = if cause.made.holm < 0.05 { "shown" } else { "not shown" };
        let value = Value {
            kind: Kind::Cause,
            row: cause.says.clone(),
            metric: cause.metric.clone(),
            chosen: "clean",
            verdict: shown.to_string(),
            ..base()
        };
        values.push(value.with(&cause.made));
    }
    values
}

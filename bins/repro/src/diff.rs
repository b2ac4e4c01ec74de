//! `repro diff`: the results of two run folders on the same data, run by run.

use crate::cli::DiffArgs;
use crate::{count, view};
use lacuna::cli::exit;
use lacuna::cli::screen::{self, wrapped};
use lacuna_formats::shown;
use lacuna_harness::{Finished, HarnessError, KeyDifference, RunFolder, RunRecord, RunResult};
use serde::Serialize;
use std::collections::BTreeMap;

/// What is compared, and what came out.
#[derive(Debug, Serialize)]
struct Comparison {
    a: String,
    b: String,
    fingerprint: String,
    /// The metric of the table of runs.
    metric: String,
    /// Settings that differ: `there` is A, `here` is B.
    settings: Vec<KeyDifference>,
    /// Every run of either folder, in the order of the rows of A and then of B.
    runs: Vec<Compared>,
    /// Means over the seeds that both have, where they differ.
    means: Vec<Mean>,
    equal: bool,
}

/// A row and a seed.
#[derive(Debug, Serialize)]
struct Compared {
    row: String,
    seed: u64,
    status: Status,
    /// Metrics that either has.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metrics: BTreeMap<String, Pair>,
    #[serde(skip_serializing_if = "Option::is_none")]
    best_epochs: Option<[usize; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    same_weights: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Status {
    /// Both results are the same bits.
    Identical,
    Different,
    /// One has failed, or both have for different reasons.
    Failed,
    OnlyA,
    OnlyB,
}

/// A metric in both.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Pair {
    a: Option<f64>,
    b: Option<f64>,
    /// B minus A.
    difference: Option<f64>,
}

impl Pair {
    fn new(a: Option<f64>, b: Option<f64>) -> Self {
        Self { a, b, difference: a.zip(b).map(|(a, b)| b - a) }
    }
}

/// Means of a metric of a row.
#[derive(Debug, Serialize)]
struct Mean {
    row: String,
    metric: String,
    seeds: usize,
    #[serde(flatten)]
    pair: Pair,
}

/// Compares two folders and shows what differs.
pub(crate) fn command(args: &DiffArgs) -> anyhow::Result<i32> {
    for folder in [&args.a, &args.b] {
        if folder.join(crate::study::RECORD).exists() {
            anyhow::bail!(
                "{}: a study, and `repro diff` compares folders of `repro run`: compare its folders mask-* one by one",
                folder.display()
            );
        }
        crate::study::refuse_unfinished(folder)?;
    }
    let (a, b) = (RunFolder::read(&args.a)?, RunFolder::read(&args.b)?);
    for note in a.notes().iter().chain(b.notes()) {
        screen::err(&format!("note: {note}"));
    }
    let found = compare(&a, &b)?;
    if args.json {
        screen::json(&format!("{}\n", serde_json::to_string(&found)?))?;
    } else {
        screen::out(&text(&found))?;
    }
    Ok(if found.equal { exit::DONE } else { exit::FOUND })
}

fn compare(a: &RunFolder, b: &RunFolder) -> Result<Comparison, HarnessError> {
    let fingerprints = [a, b].map(|folder| folder.spec().data.fingerprint.clone().unwrap_or_default());
    if fingerprints[0] != fingerprints[1] {
        let folders = [a, b].map(|folder| folder.path().to_path_buf());
        return Err(HarnessError::OtherData { folders, fingerprints });
    }
    let mut names: Vec<&str> = Vec::new();
    for loss in a.spec().losses.iter().chain(&b.spec().losses) {
        if !names.contains(&loss.row()) {
            names.push(loss.row());
        }
    }
    let (mut runs, mut means) = (Vec::new(), Vec::new());
    for name in names {
        let by_seed = |folder: &'_ RunFolder| -> BTreeMap<u64, RunRecord> {
            folder.records_of(name).map(|run| (run.result.seed(), run.clone())).collect()
        };
        let (of_a, of_b) = (by_seed(a), by_seed(b));
        let seeds = of_a.keys().chain(of_b.keys().filter(|seed| !of_a.contains_key(seed)));
        let row: Vec<Compared> =
            seeds.map(|seed| compared(name, *seed, of_a.get(seed), of_b.get(seed))).collect();
        means.extend(mean_differences(name, &row));
        runs.extend(row);
    }
    let [fingerprint, _] = fingerprints;
    Ok(Comparison {
        a: a.path().display().to_string(),
        b: b.path().display().to_string(),
        fingerprint,
        metric: a.spec().columns().into_iter().next().unwrap_or_default(),
        settings: a.spec().differences(b.spec()),
        equal: runs.iter().all(|run| run.status == Status::Identical),
        runs,
        means,
    })
}

fn compared(row: &str, seed: u64, a: Option<&RunRecord>, b: Option<&RunRecord>) -> Compared {
    let results = (a.map(|run| &run.result), b.map(|run| &run.result));
    let finished = (results.0.and_then(RunResult::finished), results.1.and_then(RunResult::finished));
    let status = match results {
        (Some(a), Some(b)) if a == b => Status::Identical,
        (Some(RunResult::Finished(_)), Some(RunResult::Finished(_))) => Status::Different,
        (Some(_), Some(_)) => Status::Failed,
        (_, None) => Status::OnlyA,
        (None, _) => Status::OnlyB,
    };
    let mut metrics = BTreeMap::new();
    let both = [finished.0, finished.1].into_iter().flatten();
    for name in both.flat_map(|run| run.metrics.keys()) {
        let value = |run: Option<&Finished>| run.and_then(|run| run.metric(name));
        metrics.insert(name.clone(), Pair::new(value(finished.0), value(finished.1)));
    }
    let pair = finished.0.zip(finished.1);
    Compared {
        row: row.to_string(),
        seed,
        status,
        metrics,
        best_epochs: pair.map(|(a, b)| [a.best_epoch, b.best_epoch]),
        same_weights: pair.map(|(a, b)| a.weights == b.weights),
    }
}

/// Means over the seeds of which both have a metric, of the metrics that differ for some of them.
fn mean_differences(row: &str, runs: &[Compared]) -> Vec<Mean> {
    let mut names: Vec<&String> = runs.iter().flat_map(|run| run.metrics.keys()).collect();
    names.sort();
    names.dedup();
    let of = |metric: &String| {
        let pairs = runs.iter().filter_map(|run| {
            let pair = run.metrics.get(metric)?;
            pair.a.zip(pair.b)
        });
        let pairs: Vec<(f64, f64)> = pairs.collect();
        let seeds = pairs.len();
        let mean = |of: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / seeds as f64;
        pairs.iter().any(|(a, b)| a != b).then(|| Mean {
            row: row.to_string(),
            metric: metric.clone(),
            seeds,
            pair: Pair::new(Some(mean(&|pair| pair.0)), Some(mean(&|pair| pair.1))),
        })
    };
    names.into_iter().filter_map(of).collect()
}

fn text(found: &Comparison) -> String {
    let mut text = format!("A: {}\nB: {}\n", found.a, found.b);
    if !found.settings.is_empty() {
        text.push_str("settings that differ:\n");
        for key in &found.settings {
            text.push_str(&format!("{}\n", wrapped(&format!("  {}", key.between("in A", "in B")), 4)));
        }
    }
    let of = |status: Status| found.runs.iter().filter(|run| run.status == status).count();
    if !found.equal {
        let [of_a, of_b] = ["A", "B"].map(|side| format!("{} {side}", found.metric));
        let header = ["row", "seed", &of_a, &of_b, "B - A", "epoch A", "epoch B", "weights"];
        let differ = found.runs.iter().filter(|run| run.status != Status::Identical);
        let rows = differ.map(|run| line(run, &found.metric)).collect();
        text.push_str(&format!("{}\n", view::grid(header.map(String::from).into(), rows, 1..7)));
    }
    if !found.means.is_empty() {
        let header = ["row", "metric", "seeds", "mean A", "mean B", "B - A"];
        let row = |mean: &Mean| {
            let Pair { a, b, difference } = mean.pair;
            let seeds = mean.seeds.to_string();
            vec![shown(&mean.row), mean.metric.clone(), seeds, number(a), number(b), signed(difference)]
        };
        let rows = found.means.iter().map(row).collect();
        text.push_str(&format!("{}\n", view::grid(header.map(String::from).into(), rows, 2..6)));
    }
    let parts = [
        (Status::Identical, "identical"),
        (Status::Different, "different"),
        (Status::Failed, "failed in one or differently"),
        (Status::OnlyA, "in A alone"),
        (Status::OnlyB, "in B alone"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(status, _)| of(*status) > 0)
        .map(|(status, words)| format!("{} {words}", of(*status)))
        .collect();
    text + &format!("{}: {}\n", count(found.runs.len(), "run"), parts.join(", "))
}

fn number(x: Option<f64>) -> String {
    x.map_or_else(String::new, |x| format!("{x:.4}"))
}

fn signed(x: Option<f64>) -> String {
    x.map_or_else(String::new, |x| format!("{x:+.4}"))
}

/// A run that differs.
fn line(run: &Compared, metric: &str) -> Vec<String> {
    let found = run.metrics.get(metric);
    let epoch = |i: usize| run.best_epochs.map_or_else(String::new, |epochs| epochs[i].to_string());
    let weights = match (run.status, run.same_weights) {
        (Status::OnlyA, _) => "only in A",
        (Status::OnlyB, _) => "only in B",
        (Status::Failed, _) => "failed",
        (_, Some(true)) => "identical",
        (_, _) => "differ",
    };
    vec![
        shown(&run.row),
        run.seed.to_string(),
        number(found.and_then(|pair| pair.a)),
        number(found.and_then(|pair| pair.b)),
        signed(found.and_then(|pair| pair.difference)),
        epoch(0),
        epoch(1),
        weights.to_string(),
    ]
}

//! Tables of studies: rows beside published numbers, claims with their verdicts, causes with their interventions.

use lacuna_harness::{Cells, Chosen, Difference, Spec, Spread, StudyRecord};

/// Digits of a metric: those in percent are rounded to hundredths.
fn digits(metric: &str) -> usize {
    let percent = lacuna_train::metric(metric.split('.').next().unwrap_or(metric))
        .is_ok_and(|row| row.convention.starts_with("percent"));
    if percent { 2 } else { 4 }
}

/// The three tables of a study: rows, claims, causes.
pub(crate) fn tables(spec: &Spec, record: &StudyRecord) -> [Cells; 3] {
    [rows(spec, record), claims(spec, record), causes(record)]
}

/// `86.41 ± 0.52 ± 0.21`.
fn spread(value: Option<&Spread>, metric: &str) -> String {
    let digits = digits(metric);
    value.map_or_else(String::new, |Spread { mean, masks, inits }| {
        format!("{mean:.digits$} ± {masks:.digits$} ± {inits:.digits$}")
    })
}

fn setting(chosen: &Chosen) -> String {
    let edge = if chosen.at_edge.is_empty() { "" } else { " (edge)" };
    format!("{}{edge}", chosen.setting)
}

fn rows(spec: &Spec, record: &StudyRecord) -> Cells {
    let metrics = &spec.evaluation.metrics;
    let with_observed = record.rows.iter().any(|row| row.observed.is_some());
    let notes = record.rows.iter().any(|row| !row.note.is_empty());
    let budgets = record.rows.iter().any(|row| row.budget > 1);
    let of_data = || {
        spec.published.iter().filter(|p| {
            p.variant.is_none() && p.data == record.head.data && p.train_rows == record.head.train_rows
        })
    };
    let published: Vec<&String> =
        metrics.iter().filter(|name| of_data().any(|p| p.metric == **name)).collect();
    let mut header = vec!["row".to_string()];
    header.extend(notes.then(|| "note".to_string()));
    header.extend(budgets.then(|| "settings tried".to_string()));
    header.extend(metrics.iter().cloned());
    header.extend(budgets.then(|| "setting".to_string()));
    if with_observed {
        header.extend(metrics.iter().map(|name| format!("{name}, observed")));
        header.extend(budgets.then(|| "setting, observed".to_string()));
    }
    header.extend(published.iter().map(|name| format!("{name} elsewhere")));
    let row = |row: &lacuna_harness::StudyRow| {
        let mut cells = vec![row.row.clone()];
        cells.extend(notes.then(|| row.note.clone()));
        cells.extend(budgets.then(|| row.budget.to_string()));
        cells.extend(metrics.iter().map(|name| spread(row.clean.metrics.get(name), name)));
        cells.extend(budgets.then(|| setting(&row.clean)));
        if with_observed {
            let observed = row.observed.as_ref();
            let of = |name: &String| spread(observed.and_then(|chosen| chosen.metrics.get(name)), name);
            cells.extend(metrics.iter().map(of));
            cells.extend(budgets.then(|| observed.map_or_else(String::new, setting)));
        }
        for name in &published {
            let number = of_data().find(|p| p.loss == row.row && p.metric == **name);
            cells.push(number.map_or_else(String::new, |p| {
                format!("{:.*}{}", digits(name), p.value, if p.memory { " (from memory)" } else { "" })
            }));
        }
        cells
    };
    let head = &record.head;
    let mut notes = vec![format!(
        "mean ± deviation between masks ± deviation between first weights; {} masks x {} first weights",
        head.masks.len(),
        head.inits
    )];
    if with_observed {
        notes.push(
            "observed: setting and epoch chosen on the observed labels of the validation rows".to_string(),
        );
    }
    if record.rows.iter().any(|row| !row.clean.at_edge.is_empty()) {
        notes.push("(edge): at an end of its grid, beyond which a better setting may lie".to_string());
    }
    let mut sources: Vec<&str> = of_data().map(|p| p.source.as_str()).collect();
    sources.dedup();
    if !sources.is_empty() {
        notes.push(format!("elsewhere: {}", sources.join("; ")));
    }
    let failed = record.rows.iter().flat_map(|row| &row.failed);
    notes.extend(failed.map(|why| format!("failed: {why}")));
    Cells { numbers: vec![], rows: record.rows.iter().map(row).collect(), header, notes }
}

/// `+1.20 [0.40, 2.10]`.
fn interval(difference: &Difference, metric: &str) -> String {
    let digits = digits(metric);
    let Difference { mean, low, high, .. } = difference;
    format!("{mean:+.digits$} [{low:.digits$}, {high:.digits$}]")
}

fn claims(spec: &Spec, record: &StudyRecord) -> Cells {
    let source = |better: &str, worse: &str| {
        let of = spec.claims.iter().find(|claim| claim.better == better && claim.worse == worse);
        of.map_or_else(String::new, |claim| claim.source.clone())
    };
    let with_observed = record.claims.iter().any(|claim| claim.observed.is_some());
    let mut header: Vec<String> =
        ["claim", "metric", "difference", "p (Holm)", "verdict"].map(String::from).into();
    header.extend(with_observed.then(|| "chosen on observed labels".to_string()));
    header.push("who says so".to_string());
    let row = |claim: &lacuna_harness::DecidedClaim| {
        let mut cells = vec![
            format!("{} better than {}", claim.better, claim.worse),
            claim.metric.clone(),
            interval(&claim.clean, &claim.metric),
            format!("{:.3}", claim.clean.holm),
            claim.clean.verdict().to_string(),
        ];
        let observed = claim.observed.as_ref();
        cells.extend(with_observed.then(|| {
            observed.map_or_else(String::new, |difference| {
                format!("{}: {}", difference.verdict(), interval(difference, &claim.metric))
            })
        }));
        cells.push(source(&claim.better, &claim.worse));
        cells
    };
    let notes = vec![format!(
        "difference: mean and 95 % interval of {} resamples of test rows and masks, drawn in pairs; holds and does not hold where p \
         after Holm's correction over the {} claims is below 0.05, else not separable",
        record.head.resamples,
        record.claims.len()
    )];
    Cells { header, rows: record.claims.iter().map(row).collect(), numbers: vec![], notes }
}

fn causes(record: &StudyRecord) -> Cells {
    let header = ["cause", "gap", "as it stands", "changed", "the setting makes", "p (Holm)", "shown"];
    let row = |cause: &lacuna_harness::DecidedCause| {
        let ([a, b], [c, d]) = (&cause.gap, &cause.changed);
        vec![
            cause.says.clone(),
            format!("{a} over {b}; changed: {c} over {d} ({})", cause.metric),
            interval(&cause.before, &cause.metric),
            interval(&cause.after, &cause.metric),
            interval(&cause.made, &cause.metric),
            format!("{:.3}", cause.made.holm),
            if cause.made.holm < 0.05 { "yes" } else { "no" }.to_string(),
        ]
    };
    let rows = record.causes.iter().map(row).collect();
    Cells { header: header.map(String::from).into(), rows, numbers: vec![], notes: vec![] }
}

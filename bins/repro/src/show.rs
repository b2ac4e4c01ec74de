//! `repro show NAME`: what a benchmark is about.

use crate::specs;
use lacuna::cli::exit;
use lacuna::cli::screen::{self, wrapped};
use lacuna_harness::{Published, Spec};
use std::fmt::Write as _;

/// Prints title, analysis, data, rows, published numbers, claims and causes of a benchmark.
pub(crate) fn command(name: &str, variant: Option<&str>) -> anyhow::Result<i32> {
    screen::out(&text(&specs::find_variant(name, variant)?))?;
    Ok(exit::DONE)
}

fn text(spec: &Spec) -> String {
    let head = [format!("{}: {}", spec.name, spec.title), format!("Follows: {}", spec.source)];
    let mut out: String = head.iter().map(|line| wrapped(line, 2) + "\n").collect();
    let mut part = |title: &str, lines: &mut dyn Iterator<Item = String>| {
        let lines: Vec<String> = lines.map(|line| wrapped(&format!("  {line}"), 4)).collect();
        if !lines.is_empty() {
            let _ = write!(out, "\n{title}\n{}\n", lines.join("\n"));
        }
    };
    let paragraphs = spec
        .analysis
        .split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    part("Analysis", &mut paragraphs.filter(|paragraph| !paragraph.is_empty()));
    part("Data", &mut std::iter::once(format!("runs on the embedded set {}", spec.data.given())));
    let needed = spec.needs.iter().map(|needed| {
        let features = needed.features.map_or_else(String::new, |features| format!(", {features} features"));
        format!(
            "{}: {} + {} rows, {} classes{features}: {}",
            needed.data, needed.train_rows, needed.test_rows, needed.classes, needed.obtain
        )
    });
    part("Data of its papers, by the name of the folder that --data gives", &mut { needed });
    part("Variants, --variant NAME", &mut spec.variant_names().map(str::to_string));
    let rows = spec.losses.iter().map(|loss| {
        let note = if loss.note.is_empty() { String::new() } else { format!(" ({})", loss.note) };
        format!("{}: {}{note}", loss.row(), loss.name)
    });
    part("Rows", &mut { rows });
    let mut tables: Vec<(&Published, Vec<String>)> = Vec::new();
    for number in &spec.published {
        let same = |(first, _): &&mut (&Published, Vec<String>)| {
            (&first.data, &first.metric, &first.source) == (&number.data, &number.metric, &number.source)
        };
        let text = format!("{} {}", number.loss, number.value);
        match tables.iter_mut().find(same) {
            Some((_, numbers)) => numbers.push(text),
            None => tables.push((number, vec![text])),
        }
    }
    let published = tables.iter().map(|(first, numbers)| {
        let memory = if first.memory { ", from memory" } else { "" };
        format!("{} on {} ({}{memory}): {}", first.metric, first.data, first.source, numbers.join(", "))
    });
    part("Numbers elsewhere", &mut { published });
    let claims = spec.claims.iter().map(|claim| {
        format!("{} better than {}, {}: {}", claim.better, claim.worse, claim.metric, claim.source)
    });
    part("Claims, which repro study decides", &mut { claims });
    let causes = spec.causes.iter().map(|cause| {
        let ([a, b], [c, d]) = (&cause.gap, &cause.changed);
        format!("{} {a} over {b} against {c} over {d}, {}", cause.says, cause.metric)
    });
    part("Causes, by interventions", &mut { causes });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_a_benchmark_says_is_shown() {
        for spec in specs::all().unwrap() {
            let shown = text(&spec);
            // Lines are wrapped, so words are compared.
            let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            let all = words(&shown);
            assert!(all.contains(&words(&spec.title)) && all.contains(&words(&spec.source)), "{}", spec.name);
            for loss in &spec.losses {
                assert!(
                    all.contains(&format!("{}: {}", loss.row(), loss.name)),
                    "{}: {}",
                    spec.name,
                    loss.row()
                );
            }
            for claim in &spec.claims {
                assert!(all.contains(&words(&claim.source)), "{}: {}", spec.name, claim.better);
            }
            assert!(shown.lines().all(|line| line.chars().count() <= screen::WIDTH), "{}", spec.name);
        }
    }
}

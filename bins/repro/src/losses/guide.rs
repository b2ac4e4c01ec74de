//! The page docs/losses.md: every loss with its idea, formula, plot, assumption, and what the studies found of it.

use super::probe::Probe;
use super::{heading, parameters, race, svg};
use crate::verdicts::{digits, kept_records};
use lacuna_harness::{Spec, StudyRecord, Verdict};
use lacuna_losses::{Idea, LOSSES, LossRow, Options};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Most comparisons that are listed of a loss on either side.
const MOST: usize = 4;

const HEAD: &str = "\
# Losses

Every loss of `repro losses`, grouped by what it does about labels that are missing, wrong or rare. Written from the table of losses and from \
the [verdicts](verdicts.md) by

```sh
.ci/write losses
```

A plot shows value and slope for one cell as its logit moves, once for each label that the loss tells apart. *Assumes* says what has to hold for \
the method to be right; *behind* and *ahead* are comparisons that a study decided (p after Holm's correction below 0.05), on the set that is named, \
with heads on fixed features. Where nothing was decided, nothing is said. Which loss to begin with: `lacuna train` chooses one from the labels and \
says why; `lacuna compare --losses all` tries them on your data.
";

/// A decided comparison of a loss with another.
struct Decided {
    other: String,
    on: String,
    metric: String,
    /// Of this loss minus the other, in the direction in which more is better.
    gap: f64,
}

/// Decided comparisons by loss.
fn decided(records: &[(Spec, StudyRecord)]) -> BTreeMap<String, Vec<Decided>> {
    let mut all: BTreeMap<String, Vec<Decided>> = BTreeMap::new();
    for (_, record) in records {
        let loss_of = |row: &str| record.rows.iter().find(|of| of.row == row).map(|of| of.loss.clone());
        for claim in &record.claims {
            if claim.clean.verdict() == Verdict::NotSeparable {
                continue;
            }
            let (Some(better), Some(worse)) = (loss_of(&claim.better), loss_of(&claim.worse)) else {
                continue;
            };
            // Two settings or heads of one loss say nothing about losses.
            if better == worse {
                continue;
            }
            for (loss, other, gap) in
                [(&better, &claim.worse, claim.clean.mean), (&worse, &claim.better, -claim.clean.mean)]
            {
                all.entry(loss.clone()).or_default().push(Decided {
                    other: other.clone(),
                    on: format!("{} on {}", record.head.benchmark, record.head.data),
                    metric: claim.metric.clone(),
                    gap,
                });
            }
        }
    }
    all
}

/// One side of the comparisons of a loss: the largest gaps, and how many more there are.
fn side(title: &str, mut decided: Vec<&Decided>) -> String {
    decided.sort_by(|a, b| b.gap.abs().total_cmp(&a.gap.abs()));
    let shown = decided.iter().take(MOST).map(|d| {
        let digits = digits(&d.metric);
        format!("`{}` {:+.digits$} {} ({})", d.other, d.gap, d.metric, d.on)
    });
    let shown: Vec<String> = shown.collect();
    let more = decided.len().saturating_sub(MOST);
    let rest = if more > 0 { format!("; {more} more") } else { String::new() };
    if shown.is_empty() { String::new() } else { format!("- {title}: {}{rest}\n", shown.join("; ")) }
}

/// What is written of a loss, and its picture.
fn entry(row: &'static LossRow, decided: &BTreeMap<String, Vec<Decided>>) -> (String, String) {
    let info = row.info;
    let mut text = format!(
        "\n### `{}`\n\n{}. {}.\n\n```text\n{}\n```\n\n",
        info.name,
        heading(info),
        info.paper,
        info.formula
    );
    let _ = writeln!(text, "![Value and slope of {}](losses/{}.svg)\n", info.name, info.name);
    let _ = writeln!(text, "- Assumes: {}", row.idea().1);
    let parameters = parameters(info);
    if !parameters.is_empty() {
        let _ = writeln!(text, "- Parameters: {}", parameters.join("; "));
    }
    let none = Vec::new();
    let all = decided.get(info.name).unwrap_or(&none);
    text += &side("Behind", all.iter().filter(|d| d.gap < 0.0).collect());
    text += &side("Ahead", all.iter().filter(|d| d.gap > 0.0).collect());
    let probe = Probe::of(row, &Options::default(), 5).expect("every loss can be probed");
    let picture = svg::picture(&format!("{} ({}, {})", info.title, info.name, info.year), &probe);
    (text, picture.expect("a picture is drawn"))
}

/// The page and its pictures by path under `docs`.
fn pages() -> Vec<(PathBuf, String)> {
    let decided = decided(&kept_records());
    let (picture, words) = race::of_the_page();
    let mut page = String::from(HEAD);
    let _ = write!(
        page,
        "\n![Losses side by side, epoch by epoch](race.svg)\n\n{words} `repro losses race` draws it (--svg), also of other losses and sets.\n"
    );
    page += "\n| idea | losses |\n|---|---|\n";
    for idea in Idea::ALL {
        let of = LOSSES.iter().filter(|row| row.idea().0 == idea);
        let names: Vec<String> = of.map(|row| format!("[`{0}`](#{0})", row.info.name)).collect();
        let _ =
            writeln!(page, "| [{idea}](#{}) | {} |", idea.to_string().replace(' ', "-"), names.join(", "));
    }
    let mut files = Vec::new();
    for idea in Idea::ALL {
        let _ = write!(page, "\n## {idea}\n\n{}\n", idea.sentence());
        for row in LOSSES.iter().filter(|row| row.idea().0 == idea) {
            let (text, picture) = entry(row, &decided);
            page += &text;
            files.push((Path::new("losses").join(format!("{}.svg", row.info.name)), picture));
        }
    }
    files.push((PathBuf::from("race.svg"), picture));
    files.push((PathBuf::from("losses.md"), page));
    files
}

#[test]
fn losses_page() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let write = std::env::var_os("LACUNA_WRITE").is_some_and(|value| value == "1");
    let pages = pages();
    if write {
        std::fs::create_dir_all(docs.join("losses")).unwrap();
    }
    for (name, text) in &pages {
        let path = docs.join(name);
        // Pictures are drawn with other last bits where there are no fused multiply-adds.
        let picture = path.extension().is_some_and(|extension| extension == "svg");
        if write {
            std::fs::write(&path, text).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        // And so may be the numbers below the race, which stand in one line.
        let plain = |text: &str| -> Vec<String> {
            text.lines().filter(|line| !line.contains("`repro losses race`")).map(String::from).collect()
        };
        let stale = match cfg!(target_feature = "fma") {
            true => there != *text,
            false => !picture && plain(&there) != plain(text),
        };
        assert!(!stale, "docs/{} is old: `.ci/write losses` writes it", name.display());
    }
    let kept = std::fs::read_dir(docs.join("losses")).unwrap().count();
    assert_eq!(kept, LOSSES.len(), "docs/losses has pictures of losses that are gone");
}

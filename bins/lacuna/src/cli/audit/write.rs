//! Lists as CSV, JSON lines and Label Studio tasks.

use crate::cli::Outputs;
use crate::listing::{Entry, Page, Pictures, page};
use anyhow::{Context, bail};
use clap::ValueEnum;
use lacuna_formats::{push_name, write_atomic};
use std::path::Path;

/// What a list is written as.
#[derive(Clone, Copy, Debug, ValueEnum, PartialEq, Eq)]
pub enum Layout {
    /// A line an entry: rank,row,class,score,probability,reason
    Csv,
    /// A JSON object a line, with the same keys
    Jsonl,
    /// A page with the first entries of each class
    Html,
    /// Tasks for Label Studio, a JSON file
    LabelStudio,
}

impl Layout {
    /// By the extension of a file.
    ///
    /// # Errors
    /// An extension of none of them.
    pub(super) fn of(path: &Path) -> anyhow::Result<Self> {
        let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
        Ok(match extension.as_deref() {
            Some("csv") => Self::Csv,
            Some("jsonl") => Self::Jsonl,
            Some("html" | "htm") => Self::Html,
            Some("json") => Self::LabelStudio,
            _ => bail!(
                "--out {}: unsupported file extension, expected csv, jsonl, html or json (Label Studio tasks); or name one with --layout",
                path.display()
            ),
        })
    }
}

/// Writes a list, whole or not at all.
pub(super) fn write(
    path: &Path,
    layout: Layout,
    outputs: &Outputs,
    entries: &[Entry],
    (about, pictures): (&Page<'_>, &Pictures),
) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let text = match layout {
        Layout::Csv => csv(entries),
        Layout::Jsonl => {
            let lines: Result<Vec<_>, _> = entries.iter().map(serde_json::to_string).collect();
            lines?.into_iter().map(|line| line + "\n").collect()
        }
        Layout::Html => page(about, entries, |row| pictures.link(row, folder)),
        Layout::LabelStudio => tasks(entries, about.wrong, |row| pictures.link(row, folder))?,
    };
    let destination = outputs.to(path)?;
    write_atomic(destination, |file| file.write_all(text.as_bytes()))
        .with_context(|| path.display().to_string())
}

fn csv(entries: &[Entry]) -> String {
    let mut text = String::from("rank,row,class,score,probability,reason\n");
    for entry in entries {
        text += &format!("{},", entry.rank);
        push_name(&mut text, &entry.row, ',');
        text.push(',');
        push_name(&mut text, &entry.class, ',');
        let probability = entry.probability.map(|p| format!("{p:.4}")).unwrap_or_default();
        text += &format!(",{},{probability},", entry.score);
        push_name(&mut text, &entry.reason, ',');
        text.push('\n');
    }
    text
}

/// One task a cell. The labelling interface has an image (or text) and choices called `missing`, or `wrong`, with yes and no.
fn tasks(entries: &[Entry], wrong: bool, link: impl Fn(&str) -> Option<String>) -> anyhow::Result<String> {
    let task = |entry: &Entry| {
        let mut data = serde_json::to_value(entry)?;
        let what = if wrong { "wrong" } else { "missing" };
        data["question"] = format!("{}: is the label {} {what}?", entry.row, entry.class).into();
        data["image"] = link(&entry.row).into();
        let choice = serde_json::json!({
            "from_name": what, "to_name": "image", "type": "choices", "value": { "choices": ["yes"] }
        });
        let prediction = serde_json::json!({
            "model_version": "lacuna audit", "score": entry.probability, "result": [choice]
        });
        Ok(serde_json::json!({ "data": data, "predictions": [prediction] }))
    };
    let tasks: Result<Vec<_>, serde_json::Error> = entries.iter().map(task).collect();
    Ok(serde_json::to_string_pretty(&tasks?)? + "\n")
}

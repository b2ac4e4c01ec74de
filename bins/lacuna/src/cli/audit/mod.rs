//! `lacuna audit`: labels that are probably missing, and a list of them that is certified.

mod answers;
mod apply;
mod ask;
mod retrain;
mod sheet;
mod write;

pub use write::Layout;

use super::{LabelledInput, Outputs, Watched, screen};
use crate::certified::{Answer, Basis, Certificate, Change, Review, Settings, top_changes};
use crate::listing::{self, Entry, Page, Pictures};
use crate::{Audit, AuditOptions, Fit, Label};
use answers::Answers;
use anyhow::{Context, bail};
use clap::Args;
use lacuna_formats::same_file;
use retrain::Outcome;
use serde_json::json;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// The answers of a file, with their ranks counted from 0: of the settings, and of the audit with this fingerprint.
///
/// # Errors
/// A file of other data or settings, or with a line that cannot be read, or that another program holds.
pub fn read_answers(
    path: &Path,
    settings: &Settings,
    fingerprint: &str,
) -> anyhow::Result<Vec<(usize, Answer)>> {
    Answers::open(path, settings, fingerprint, |_| {}).map(|(_, answers)| answers)
}

/// The answers of a filled sheet, in the order of the questions.
///
/// # Errors
/// A sheet of other questions, or with a line that is not filled.
pub fn read_sheet(path: &Path, review: &Review<'_>) -> anyhow::Result<Vec<Answer>> {
    Ok(sheet::read(review, path)?.into_iter().map(|(answer, _)| answer).collect())
}

/// Ranks labels that are probably missing; with answers, certifies a list of them
///
/// Models that have not seen a row score its cells. With --ask, yes/no answers about some cells bound the share of wrong entries of
/// a list; docs/audit.md has the proof.
#[derive(Args, Debug)]
#[command(after_help = format!("{EXAMPLES}\n\n{CODES}"))]
pub struct AuditArgs {
    #[command(flatten)]
    input: LabelledInput,
    /// Number of folds
    #[arg(long, value_name = "K", default_value_t = 5)]
    folds: usize,
    /// Loss of the models
    #[arg(long, value_name = "NAME", default_value = "auto")]
    loss: String,
    /// Seed of folds, models and questions
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// File for the list: .csv, .jsonl, .html or .json (Label Studio tasks)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Format of the list [default: by the extension]
    #[arg(long, value_enum, value_name = "LAYOUT", requires = "out")]
    layout: Option<Layout>,
    /// Entries of the list [default: 1000, or the certified ones]
    #[arg(long, value_name = "N")]
    top: Option<usize>,
    /// Lists labelled positives that are probably wrong, instead of missing labels
    #[arg(long, conflicts_with_all = ["ask", "apply", "retrain"])]
    wrong: bool,
    /// Folder of pictures that are named like the rows; the page and the questions link to them
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// Asks about this many cells, 20 to 5000, and certifies a list
    #[arg(long, value_name = "N")]
    ask: Option<usize>,
    /// File of the answers, from which the same command continues [default: audit-answers.jsonl]
    #[arg(long, value_name = "FILE", requires = "ask")]
    answers: Option<PathBuf>,
    /// Writes the questions as a CSV sheet, and reads the sheet when it is filled in [default without a terminal: audit-sheet.csv]
    #[arg(long, value_name = "FILE", requires = "ask", conflicts_with = "stdin")]
    sheet: Option<PathBuf>,
    /// Reads the answers from standard input, one a line, even if it is not a terminal
    #[arg(long, requires = "ask")]
    stdin: bool,
    /// Largest share of wrong entries of the list
    #[arg(long, value_name = "P", default_value_t = 0.1)]
    fdr: f64,
    /// Confidence with which that share is not exceeded
    #[arg(long, value_name = "P", default_value_t = 0.95)]
    confidence: f64,
    /// Folder for corrected labels, with the rows of the file of labels in its order (labels.csv with names, labels.npy, rows.txt,
    /// diff.csv); needs all answers, or --top N
    #[arg(long, value_name = "DIR")]
    apply: Option<PathBuf>,
    /// Folder for a head trained on the corrected labels, which is compared on test rows with one trained on the given labels;
    /// needs all answers, or --top N
    #[arg(long, value_name = "DIR")]
    retrain: Option<PathBuf>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
    /// Prints no notes
    #[arg(long)]
    quiet: bool,
    /// Replaces existing files, unless this command has read them
    #[arg(long)]
    force: bool,
}

const EXAMPLES: &str = "Examples:
  lacuna audit --features clip.npy --names names.txt --labels tags.csv \\
    --unlisted unknown --out list.csv
  lacuna audit DATA --ask 200 --out list.html --images photos/
  lacuna audit DATA --wrong                       labels that may be wrong
  lacuna audit DATA --ask 200 --sheet sheet.csv   fill in, run again, twice
  lacuna audit DATA --ask 200 --apply corrected/  labels with the list
  lacuna audit DATA --ask 200 --retrain better/   and a head of them";

const CODES: &str = "Exit codes:
  0    done; also where questions are left
  2    invalid command line, file, data or answer, or an output that could not
       be written";

/// Audits, asks and writes.
///
/// # Errors
/// What cannot be read, trained on or written; answers that do not fit.
pub fn run(args: &AuditArgs) -> anyhow::Result<()> {
    screen::set_quiet(args.quiet);
    let layout = match (&args.out, args.layout) {
        (Some(_), Some(layout)) => Some(layout),
        (Some(path), None) => Some(Layout::of(path)?),
        (None, _) => None,
    };
    let changing = [("apply", &args.apply), ("retrain", &args.retrain)];
    if let Some((option, _)) = changing.iter().find(|(_, folder)| folder.is_some())
        && args.ask.is_none()
        && args.top.is_none()
    {
        bail!(
            "--{option} needs answers (--ask 200), or --top N for the first N cells, whose share of wrong entries is unknown"
        );
    }
    if let Some(folder) = args.images.as_ref().filter(|folder| !folder.is_dir()) {
        bail!("--images {}: not a folder", folder.display());
    }
    let settings = Settings {
        fdr: args.fdr,
        confidence: args.confidence,
        answers: args.ask.unwrap_or(Settings::default().answers),
        seed: args.seed,
    };
    if args.ask.is_some() {
        settings.check().context("--ask, --fdr or --confidence")?;
    }
    let files = [("out", &args.out), ("answers", &args.answers), ("sheet", &args.sheet)];
    for (option, path) in files.into_iter().filter_map(|(option, path)| Some((option, path.as_ref()?))) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            bail!("--{option} {}: there is no folder {}", path.display(), folder.display());
        }
    }
    let data = args.input.open()?;
    let mut read = data.files;
    let answers_path = args.answers.clone().unwrap_or_else(|| "audit-answers.jsonl".into());
    if args.ask.is_some() {
        if let Some(file) = read.iter().find(|file| same_file(file, &answers_path)) {
            bail!("--answers {}: this command has read the file as data", file.display());
        }
        read.push(answers_path.clone());
    }
    let outputs = Outputs::new(args.force, read);
    // What cannot be written is refused before anybody answers.
    if let Some(path) = &args.out {
        outputs.to(path)?;
    }
    let files = args.apply.as_ref().map(|folder| apply::Files::new(folder, &data.given));
    if let Some(files) = &files {
        files.check(&outputs)?;
    }
    if let Some(folder) = &args.retrain {
        retrain::FILES.iter().try_for_each(|name| outputs.to(&folder.join(name)).map(drop))?;
    }
    let rows = &data.rows;
    let fit = Fit::new(&args.loss).seed(args.seed);
    let options = AuditOptions { fit: fit.clone(), folds: args.folds, seed: args.seed };
    let watched = Watched::new();
    let options = watched.hook().into_iter().fold(options, AuditOptions::on_progress);
    let audit = options.run(rows, rows)?;
    watched.end();
    audit.notes().iter().for_each(|note| screen::info(&screen::wrapped(&format!("note: {note}"), 2)));
    let pictures = Pictures::new(args.images.clone());
    let mut report =
        Report { audit: &audit, wrong: args.wrong, review: None, certificate: None, to_fill: None };
    if args.ask.is_some() {
        let empty = Review::new(&audit, settings)?;
        let note = |text: &str| screen::err(&format!("note: {text}"));
        let (mut answers, found) = Answers::open(&answers_path, &settings, &empty.fingerprint(), note)?;
        let mut review =
            Review::replay(&audit, settings, found).with_context(|| answers_path.display().to_string())?;
        if args.stdin || args.sheet.is_none() && std::io::stdin().is_terminal() {
            ask::ask(&mut review, &mut answers, &pictures)?;
        } else {
            let sheet = args.sheet.clone().unwrap_or_else(|| "audit-sheet.csv".into());
            report.to_fill = sheet::exchange(&mut review, &mut answers, &sheet, &outputs, &pictures)?;
        }
        report.certificate = Some(review.certificate());
        report.review = Some(review);
    }
    let entries = report.entries(args.top);
    let sentences = report.sentences();
    let open = report.certificate.as_ref().is_some_and(|certificate| !certificate.complete);
    if let (Some(path), true) = (&args.out, open) {
        screen::info(&format!("note: {} is written when the questions are answered", path.display()));
    } else if let (Some(path), Some(layout)) = (&args.out, layout) {
        let given = args.input.input().given().display().to_string();
        let about = Page { data: &given, sentences: &sentences, wrong: args.wrong };
        write::write(path, layout, &outputs, &entries, (&about, &pictures))?;
        screen::info(&format!("written: {}, {} entries", path.display(), entries.len()));
    }
    let changes = report.changes(args.top)?;
    let waits = || {
        screen::err("note: --apply and --retrain wait for the answers: nothing was corrected");
    };
    let (mut applied, mut retrained) = (None, None);
    match &changes {
        Some(changes) => {
            if let Some(files) = &files {
                let order = files.write(&outputs, &data.given, audit.classes(), changes)?;
                let [added, negative] = kinds(changes);
                // The negatives are the suspicious cells, which stand for no others.
                let few = negative > 0 && !rows.observed.cells().contains(&Label::Negative);
                applied = Some(format!(
                    "written: {}: {added} labels added, {negative} called negative by an answer; {order}{}",
                    args.apply.as_deref().unwrap_or(Path::new("")).display(),
                    if few {
                        ". To train on them, take a loss that does not leave unknown cells out, as --retrain does: \
                         --loss label-frequency"
                    } else {
                        ""
                    }
                ));
            }
            if let Some(folder) = &args.retrain {
                let data = (rows, data.test.as_ref());
                retrained = Some(retrain::run(&fit, data, changes, folder, args.force)?);
            }
        }
        None if args.apply.is_some() || args.retrain.is_some() => waits(),
        None => {}
    }
    if args.json {
        let value = report.json(&entries, applied.as_deref(), retrained.as_ref());
        return screen::json(&(serde_json::to_string(&value)? + "\n"));
    }
    report.print(&sentences, &entries, args.out.is_none())?;
    let mut more: Vec<String> = applied.into_iter().collect();
    more.extend(retrained.iter().flat_map(|retrained| retrained.sentences()));
    let text: String = more.iter().map(|line| screen::wrapped(line, 2) + "\n").collect();
    if text.is_empty() { Ok(()) } else { screen::out(&text) }
}

/// Labels that were added and labels that an answer calls negative.
fn kinds(changes: &[Change]) -> [usize; 2] {
    let added = changes.iter().filter(|change| change.label.is_positive()).count();
    [added, changes.len() - added]
}

/// What is written and printed.
struct Report<'a> {
    audit: &'a Audit,
    /// Labelled positives are listed.
    wrong: bool,
    review: Option<Review<'a>>,
    certificate: Option<Certificate>,
    /// The sheet that is to be filled.
    to_fill: Option<PathBuf>,
}

/// Entries that are printed.
const SHOWN: usize = 10;
/// Entries without answers where --top says nothing.
const TOP: usize = 1_000;

impl Report<'_> {
    fn entries(&self, top: Option<usize>) -> Vec<Entry> {
        match (&self.review, &self.certificate) {
            (Some(review), Some(certificate)) => {
                Entry::certified(self.audit, review.session(), certificate, top.unwrap_or(usize::MAX))
            }
            _ if self.wrong => Entry::top(&self.audit.wrong(top.unwrap_or(TOP)), usize::MAX),
            _ => Entry::top(&self.audit.top(top.unwrap_or(TOP)), usize::MAX),
        }
    }

    /// What is known about the list, in plain words.
    fn sentences(&self) -> Vec<String> {
        match (self.wrong, &self.review, &self.certificate) {
            (true, ..) => listing::sentences_of_wrong(),
            (_, Some(review), Some(certificate)) => {
                listing::sentences_of_certificate(review.session(), certificate)
            }
            _ => listing::sentences_of_ranking(self.audit.len(), "--ask 200"),
        }
    }

    /// What --apply and --retrain change; `None` while questions are open, or where nothing is asked and no number was given.
    fn changes(&self, top: Option<usize>) -> anyhow::Result<Option<Vec<Change>>> {
        Ok(match (&self.review, &self.certificate, top) {
            (Some(review), Some(certificate), _) => certificate.complete.then(|| review.changes(certificate)),
            (None, _, Some(n)) if !self.wrong => Some(top_changes(self.audit, n)),
            _ => None,
        })
    }

    fn json(
        &self,
        entries: &[Entry],
        applied: Option<&str>,
        retrained: Option<&Outcome>,
    ) -> serde_json::Value {
        let certificate = self.certificate.as_ref().map(|c| {
            let tested = match c.basis {
                Basis::Tested { prefix, drawn, wrong } => {
                    json!({"prefix": prefix, "drawn": drawn, "wrong": wrong})
                }
                Basis::Certain => serde_json::Value::Null,
            };
            json!({
                "cells": c.list.len(), "confirmed": c.confirmed, "wrong_at_most": c.wrong_at_most,
                "fdr": c.settings.fdr, "confidence": c.settings.confidence, "answers": c.answers,
                "complete": c.complete, "tested": tested,
            })
        });
        let estimates =
            self.review.as_ref().filter(|_| self.certificate.as_ref().is_some_and(|c| c.complete));
        let estimates = estimates.map(|review| {
            let cuts = listing::cuts(self.audit.len());
            let of = |(cut, e): (&usize, crate::certified::Estimate)| {
                json!({"first": cut, "precision": e.mean, "low": e.low, "high": e.high})
            };
            cuts.iter().zip(review.session().estimates(&cuts)).map(of).collect::<Vec<_>>()
        });
        let sheet = self.to_fill.as_ref().map(|path| path.display().to_string());
        json!({
            "cells": self.audit.len(), "entries": entries, "certificate": certificate, "estimates": estimates,
            "sheet": sheet, "applied": applied, "retrained": retrained, "notes": self.audit.notes(),
        })
    }

    fn print(&self, sentences: &[String], entries: &[Entry], show: bool) -> anyhow::Result<()> {
        if let Some(path) = &self.to_fill {
            let questions = self.review.as_ref().map_or(0, |review| review.questions().len());
            let text = format!(
                "{questions} questions are in {}: fill in the column `answer` with y, n or skip and run the same command again",
                path.display()
            );
            return screen::out(&(screen::wrapped(&text, 2) + "\n"));
        }
        let mut text = String::new();
        if show {
            for entry in entries.iter().take(SHOWN) {
                let (row, class) = (lacuna_formats::shown(&entry.row), lacuna_formats::shown(&entry.class));
                let line =
                    format!("{:>5}  {row}: {class}, score {:.2}; {}", entry.rank, entry.score, entry.reason);
                text += &(screen::wrapped(&line, 7) + "\n");
            }
            if entries.len() > SHOWN {
                text += &format!("       ... {} more: --out list.csv\n", entries.len() - SHOWN);
            }
        }
        for sentence in sentences {
            text += &(screen::wrapped(sentence, 2) + "\n");
        }
        screen::out(&text)
    }
}

//! The record of a study: one file, a JSON line for the study, each row, each claim and each cause.

use crate::LabelCounts;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A line of the record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "kebab-case")]
pub enum StudyLine {
    /// What was run; the first line.
    Study(StudyHead),
    /// A row of the table.
    Row(StudyRow),
    /// A published ordering.
    Claim(DecidedClaim),
    /// A cause of a gap.
    Cause(DecidedCause),
    /// The last line.
    End(StudyEnd),
}

/// The last line of a record, by which a reader sees that it is whole and as it was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StudyEnd {
    /// BLAKE3 of the lines before it.
    pub digest: String,
}

/// What was run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StudyHead {
    /// Name of the benchmark.
    pub benchmark: String,
    /// Name of the data.
    pub data: String,
    /// Fingerprint of the data.
    pub fingerprint: String,
    /// Whether the data is an embedded set rather than files.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub embedded: bool,
    /// A caveat to print beside every number, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caveat: Option<String>,
    /// BLAKE3 of everything in the specification that decides the runs: a record of another one is stale.
    pub spec: String,
    /// Version of the program.
    pub version: String,
    /// Seeds of the masks.
    pub masks: Vec<u64>,
    /// First weights and orders of rows for each mask.
    pub inits: u64,
    /// Resamples of the bootstrap.
    pub resamples: usize,
    /// Training runs of all rows together.
    pub runs: usize,
    /// Rows that train, that validate, and that are tested on, of the first mask.
    pub rows: [usize; 3],
    /// Training rows, those that validate included, by which published numbers are found.
    pub train_rows: usize,
    /// Features of a row.
    pub features: usize,
    /// Classes.
    pub classes: usize,
    /// What is wrong with the data, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
    /// Every convention, one a line.
    pub conventions: Vec<String>,
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StudyRow {
    /// Its name.
    pub row: String,
    /// The loss.
    pub loss: String,
    /// A remark of the specification.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Settings that it could choose from.
    pub budget: usize,
    /// The labels it sees on the first mask.
    pub labels: LabelCounts,
    /// With setting and epoch chosen on true labels of the validation rows.
    pub clean: Chosen,
    /// With both chosen on observed labels; absent where the validation rows have true ones only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<Chosen>,
    /// Runs that failed, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<String>,
}

/// A setting that was chosen, and the runs with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chosen {
    /// The setting, empty for a row that is trained as it stands.
    pub setting: String,
    /// Whether it is at the end of a numeric key of its grid: a wider grid might choose another one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at_edge: Vec<String>,
    /// Metrics of the test rows by name.
    pub metrics: BTreeMap<String, Spread>,
    /// The first metric of the benchmark of each run, `[mask][first weights]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Vec<f64>>,
    /// Mean test AP of each class, percent, in the order of the classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub test_ap: Vec<f64>,
    /// Best epoch of each run.
    pub epochs: Vec<usize>,
}

/// A metric over masks and first weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Mean over all runs.
    pub mean: f64,
    /// Standard deviation between the means of the masks, divided by their number less one; 0 for one mask.
    pub masks: f64,
    /// Standard deviation between the runs of a mask, pooled over the masks.
    pub inits: f64,
}

/// A difference with its uncertainty.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Mean over all runs, positive where the claim is right: for metrics of which less is better, the worse minus the better.
    pub mean: f64,
    /// Bounds of the 95 % interval.
    pub low: f64,
    /// Bounds of the 95 % interval.
    pub high: f64,
    /// Two-sided p.
    pub p: f64,
    /// The same after Holm's correction over all claims of the study.
    pub holm: f64,
}

/// What the runs say about a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The difference has the sign of the claim, and p after Holm's correction is below 0.05.
    Holds,
    /// It has the other sign, and p after Holm's correction is below 0.05.
    DoesNotHold,
    /// Neither.
    NotSeparable,
}

impl Difference {
    /// The verdict.
    pub fn verdict(&self) -> Verdict {
        match (self.holm < 0.05, self.mean > 0.0) {
            (true, true) => Verdict::Holds,
            (true, false) => Verdict::DoesNotHold,
            (false, _) => Verdict::NotSeparable,
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Verdict::Holds => "holds",
            Verdict::DoesNotHold => "does not hold",
            Verdict::NotSeparable => "not separable",
        })
    }
}

/// A claim with its verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecidedClaim {
    /// The row that is said to be better.
    pub better: String,
    /// The row that is said to be worse.
    pub worse: String,
    /// The metric of the test rows.
    pub metric: String,
    /// With setting and epoch chosen on true labels of the validation rows.
    pub clean: Difference,
    /// With both chosen on observed labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<Difference>,
}

/// A cause with its intervention.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecidedCause {
    /// What makes the gap.
    pub says: String,
    /// The better and the worse row of the gap.
    pub gap: [String; 2],
    /// The same two with one setting changed.
    pub changed: [String; 2],
    /// The metric of the test rows.
    pub metric: String,
    /// The gap as it stands, clean selection.
    pub before: Difference,
    /// The gap with the setting changed.
    pub after: Difference,
    /// The first minus the second: the part of the gap that the setting makes.
    pub made: Difference,
}

impl DecidedCause {
    /// Whether the setting makes a part of the gap, of its sign, that is told from 0.
    pub fn is_shown(&self) -> bool {
        self.made.holm < 0.05 && self.made.mean * self.before.mean > 0.0
    }
}

/// A record: the lines of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct StudyRecord {
    /// What was run.
    pub head: StudyHead,
    /// Rows in the order of the specification.
    pub rows: Vec<StudyRow>,
    /// Claims in the order of the specification.
    pub claims: Vec<DecidedClaim>,
    /// Causes in the order of the specification.
    pub causes: Vec<DecidedCause>,
}

impl StudyRecord {
    /// The text of a file.
    pub fn to_lines(&self) -> String {
        let head = std::iter::once(StudyLine::Study(self.head.clone()));
        let rows = self.rows.iter().cloned().map(StudyLine::Row);
        let claims = self.claims.iter().cloned().map(StudyLine::Claim);
        let causes = self.causes.iter().cloned().map(StudyLine::Cause);
        let lines = head.chain(rows).chain(claims).chain(causes);
        let line =
            |line: StudyLine| serde_json::to_string(&line).expect("names and numbers turn into JSON") + "\n";
        let text: String = lines.map(line).collect();
        let digest = digest(&text);
        text + &line(StudyLine::End(StudyEnd { digest }))
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// A sentence with the number of the line; where the record has been cut or changed after it was written.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut record: Option<Self> = None;
        let mut ended = false;
        let mut read = 0;
        for (i, line) in text.lines().enumerate() {
            let before = &text[..read];
            read = (read + line.len() + 1).min(text.len());
            let line: StudyLine =
                serde_json::from_str(line).map_err(|error| format!("line {}: {error}", i + 1))?;
            if ended {
                return Err(format!("line {}: a line after the last one", i + 1));
            }
            match (line, &mut record) {
                (StudyLine::End(end), Some(_)) if cfg!(fuzzing) || end.digest == digest(before) => {
                    ended = true
                }
                (StudyLine::End(_), Some(_)) => {
                    return Err(
                        "its lines are not those that were written: `repro study` makes it again".to_string()
                    );
                }
                (StudyLine::Study(head), None) => {
                    record = Some(Self { head, rows: vec![], claims: vec![], causes: vec![] });
                }
                (StudyLine::Row(row), Some(record)) => record.rows.push(row),
                (StudyLine::Claim(claim), Some(record)) => record.claims.push(claim),
                (StudyLine::Cause(cause), Some(record)) => record.causes.push(cause),
                (StudyLine::Study(_), Some(_)) => return Err(format!("line {}: a second study", i + 1)),
                (_, None) => return Err(format!("line {}: expected the study first", i + 1)),
            }
        }
        match record {
            Some(record) if ended => Ok(record),
            Some(_) => Err("its last line is missing: `repro study` makes it again".to_string()),
            None => Err("it is empty".to_string()),
        }
    }
}

fn digest(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..16].to_string()
}

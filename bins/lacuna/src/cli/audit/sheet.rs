//! Questions as a CSV sheet with an empty column, and back.

use super::answers::{Answers, parsed};
use crate::certified::{Review, Round};
use crate::cli::Outputs;
use crate::listing::Pictures;
use anyhow::{Context, bail};
use lacuna_formats::{CsvRecords, Limits, push_name, write_atomic};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The sheet of a round: the name that was given for the pilot, with `-test` for the test.
fn of_round(path: &Path, round: Round) -> PathBuf {
    match round {
        Round::Pilot => path.to_path_buf(),
        Round::Test => {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let extension = path.extension().map_or("csv".into(), |e| e.to_string_lossy());
            path.with_file_name(format!("{stem}-test.{extension}"))
        }
    }
}

/// Reads the sheets that are filled and writes the next one. Returns the sheet that is to be filled, if one is.
pub(super) fn exchange(
    review: &mut Review<'_>,
    answers: &mut Answers,
    given: &Path,
    outputs: &Outputs,
    pictures: &Pictures,
) -> anyhow::Result<Option<PathBuf>> {
    while let Some(round) = review.session().round() {
        let path = of_round(given, round);
        if !path.exists() {
            write(review, &path, outputs, pictures)?;
            return Ok(Some(path));
        }
        let filled = read(review, &path)?;
        for (answer, _) in filled {
            let cell = review.question().context("there is a question left")?;
            review.answer(answer);
            answers.push(review.session(), &cell.row, &cell.class)?;
        }
    }
    Ok(None)
}

fn write(review: &Review<'_>, path: &Path, outputs: &Outputs, pictures: &Pictures) -> anyhow::Result<()> {
    let mut text = String::from("rank,row,class,picture,answer\n");
    for (rank, cell) in review.questions() {
        text += &format!("{},", rank + 1);
        push_name(&mut text, &cell.row, ',');
        text.push(',');
        push_name(&mut text, &cell.class, ',');
        text.push(',');
        let picture = pictures.path(&cell.row).map(|path| path.display().to_string());
        push_name(&mut text, &picture.unwrap_or_default(), ',');
        text += ",\n";
    }
    let destination = outputs.to(path)?;
    write_atomic(destination, |file| file.write_all(text.as_bytes()))
        .with_context(|| path.display().to_string())
}

/// The answers of a filled sheet, in the order of the questions. Its lines may be in another order.
pub(super) fn read(review: &Review<'_>, path: &Path) -> anyhow::Result<Vec<(crate::certified::Answer, u64)>> {
    let shown = path.display();
    let mut records = CsvRecords::open(path, &Limits::default())?;
    if !records.read()? {
        bail!("{shown}: the sheet is empty");
    }
    let column = |name: &str| {
        records.position(name).with_context(|| format!("{shown}, line 1: there is no column `{name}`"))
    };
    let (rank, row, class, answer) = (column("rank")?, column("row")?, column("class")?, column("answer")?);
    let asked: BTreeSet<usize> = review.questions().map(|(rank, _)| rank).collect();
    let mut found = BTreeMap::new();
    while records.read()? {
        let place = || format!("{shown}, line {}", records.line());
        let field = |i: usize| records.field(i);
        let Some(rank) = field(rank).parse::<usize>().ok().and_then(|rank| rank.checked_sub(1)) else {
            bail!("{}: `{}` is not a rank", place(), lacuna_formats::shown(field(rank)));
        };
        // Also so that what is kept is no more than what was asked.
        if !asked.contains(&rank) {
            bail!("{}: rank {} is not asked: it is not the sheet of these questions", place(), rank + 1);
        }
        let text = field(answer);
        if text.is_empty() {
            bail!(
                "{}: the column `answer` is empty: fill in y, n or skip and run the same command again",
                place()
            );
        }
        let Some(answer) = parsed(text) else {
            bail!("{}: invalid answer `{}`: expected y, n or skip", place(), lacuna_formats::shown(text));
        };
        let names = (field(row).to_string(), field(class).to_string());
        if found.insert(rank, (answer, records.line(), names)).is_some() {
            bail!("{}: rank {} has an answer already", place(), rank + 1);
        }
    }
    let mut answers = Vec::new();
    for (rank, cell) in review.questions() {
        let Some((answer, line, (row, class))) = found.remove(&rank) else {
            bail!(
                "{shown}: there is no line for rank {}: it is not the sheet of these questions, or a line was removed",
                rank + 1
            );
        };
        if row != cell.row.trim() || class != cell.class.trim() {
            bail!(
                "{shown}, line {line}: rank {} is another cell: it is not the sheet of these questions",
                rank + 1
            );
        }
        answers.push((answer, line));
    }
    Ok(answers)
}

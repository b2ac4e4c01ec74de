//! Questions one by one, at the terminal or through a pipe.

use super::answers::{Answers, parsed};
use crate::certified::{Review, Round};
use crate::cli::screen;
use crate::listing::Pictures;
use anyhow::Context;
use lacuna_formats::shown;
use std::io::BufRead;

/// Asks until all questions are answered, the person quits or the input ends. Returns whether all are answered.
pub(super) fn ask(
    review: &mut Review<'_>,
    answers: &mut Answers,
    pictures: &Pictures,
) -> anyhow::Result<bool> {
    let mut input = std::io::stdin().lock();
    screen::out(
        "y: the label is missing, n: it is not, s: skip, u: undo, q: quit (go on later with the same command)\n",
    )?;
    let mut round = None;
    while let Some(cell) = review.question() {
        let session = review.session();
        if round != session.round() {
            round = session.round();
            let left = session.questions().len();
            screen::out(&match round {
                Some(Round::Pilot) => format!("\n{left} questions that show where to test\n"),
                _ => format!("\n{left} questions that test the list\n"),
            })?;
        }
        let number = session.answers().len() + 1;
        let picture =
            pictures.path(&cell.row).map(|path| format!("  {}", path.display())).unwrap_or_default();
        screen::out(&format!(
            "{number}/{}  {}  has {}?{picture} ",
            session.wanted(),
            shown(&cell.row),
            shown(&cell.class)
        ))?;
        let mut line = String::new();
        if input.read_line(&mut line).context("standard input")? == 0 {
            screen::out("\nthe answers so far are kept: go on later with the same command\n")?;
            return Ok(false);
        }
        match line.trim() {
            "q" | "quit" => return Ok(false),
            "u" | "undo" => match review.undo() {
                Some(cell) => {
                    answers.undo()?;
                    screen::out(&format!("took back: {} {}\n", shown(&cell.row), shown(&cell.class)))?;
                }
                None => {
                    screen::out("there is no answer to take back; those of the first round are closed\n")?
                }
            },
            text => match parsed(text) {
                Some(answer) => {
                    review.answer(answer);
                    answers.push(review.session(), &cell.row, &cell.class)?;
                }
                None => screen::out("y, n, s, u or q\n")?,
            },
        }
    }
    Ok(true)
}

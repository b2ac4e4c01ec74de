//! Audits, and the questions about them.

use crate::arrays::{codes, features, observed};
use crate::errors::{Answer, refuse};
use crate::fit::{Rows, Settings, names};
use crate::work;
use lacuna::certified::{self, Answer as Said, Basis, Certificate, Review, Session, Settings as Asking};
use lacuna::listing::{
    Entry, Page, Pictures, cuts, page, sentences_of_certificate, sentences_of_ranking, sentences_of_wrong,
};
use lacuna::{Audit as Found, AuditOptions, Candidate, ObservedLabels};
use lacuna_formats::{Destination, FormatError, write_atomic};
use numpy::{PyArray2, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Adds the class and the function to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Audit>()?;
    module.add_function(wrap_pyfunction!(audit, module)?)
}

/// An audit with the labels that it looked at, and the answers so far.
#[pyclass(module = "lacuna._native", frozen)]
pub(crate) struct Audit {
    found: Found,
    labels: ObservedLabels,
    session: Mutex<Option<Session>>,
}

/// A line of a table: row, class, name of row, name of class, label, score, reason, probability.
type Line = (usize, usize, usize, String, String, i8, f32, String, Option<f64>);

fn line(rank: usize, cell: Candidate, probability: Option<f64>) -> Line {
    let Candidate { row, class, row_index, class_index, label, score, reason, .. } = cell;
    (rank + 1, row_index, class_index, row, class, label as i8, score, reason, probability)
}

/// Audits labels: trains once for each fold. The array of features is borrowed.
#[pyfunction]
#[pyo3(signature = (settings, x, y, *, folds, seed, rows=None, classes=None, threads=None, progress=None))]
#[allow(clippy::too_many_arguments)]
fn audit(
    py: Python<'_>,
    settings: &Settings,
    x: PyReadonlyArray2<'_, f32>,
    y: PyReadonlyArray2<'_, i8>,
    folds: usize,
    seed: u64,
    rows: Option<Vec<String>>,
    classes: Option<Vec<String>>,
    threads: Option<usize>,
    progress: Option<&Bound<'_, PyAny>>,
) -> Answer<Audit> {
    let labels = observed(&y)?;
    let given = Rows {
        features: features(&x)?,
        observed: labels.clone(),
        names: names(rows),
        classes: names(classes),
        image: None,
    };
    let options = AuditOptions { fit: settings.fit(), folds, seed };
    let found = work::run(py, threads, progress, |hook| {
        options.on_progress(move |progress| hook.call(progress)).run(&given, &given)
    })?;
    Ok(Audit { found, labels, session: Mutex::new(None) })
}

impl Audit {
    fn session(&self) -> MutexGuard<'_, Option<Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answered<T>(&self, of: impl FnOnce(&mut Session) -> T) -> Answer<T> {
        match &mut *self.session() {
            Some(session) => Ok(of(session)),
            None => Err(refuse("nothing was asked yet: ask(200) begins")),
        }
    }
}

#[pymethods]
impl Audit {
    fn __len__(&self) -> usize {
        self.found.len()
    }

    /// The first cells of the ranking, or labelled positives that are probably wrong.
    fn top(&self, n: usize, wrong: bool) -> Vec<Line> {
        let cells = if wrong { self.found.wrong(n) } else { self.found.top(n) };
        cells.into_iter().enumerate().map(|(rank, cell)| line(rank, cell, None)).collect()
    }

    /// Notes of the audit.
    #[getter]
    fn notes(&self) -> Vec<String> {
        self.found.notes().to_vec()
    }

    /// Expected number of positives of a row.
    #[getter]
    fn expected_positives(&self) -> f64 {
        self.found.expected_positives()
    }

    /// Class, its number, cells, and how many of them are expected to be positive, with a band.
    #[getter]
    fn hidden_positives(&self) -> Vec<(String, usize, usize, f64, f64, f64)> {
        let of = |h: &lacuna::HiddenPositives| {
            (h.class.clone(), h.class_index, h.cells, h.expected, h.lower, h.upper)
        };
        self.found.hidden_positives().iter().map(of).collect()
    }

    /// Begins to ask, or goes on after answers that were stored: rank from 0, and yes, no or skip.
    fn ask(
        &self,
        answers: usize,
        fdr: f64,
        confidence: f64,
        seed: u64,
        stored: Vec<(usize, String)>,
    ) -> Answer<()> {
        let settings = Asking { fdr, confidence, answers, seed };
        let stored: Answer<Vec<(usize, Said)>> =
            stored.into_iter().map(|(rank, text)| Ok((rank, said(&text)?))).collect();
        *self.session() = Some(Session::replay(self.found.len(), settings, stored?)?);
        Ok(())
    }

    /// The next question: its rank from 0, and the cell.
    fn question(&self) -> Answer<Option<Line>> {
        let rank = self.answered(|session| session.question())?;
        Ok(rank.and_then(|rank| self.found.get(rank).map(|cell| line(rank, cell, None))))
    }

    /// Answers the next question: yes, no or skip.
    fn answer(&self, text: &str) -> Answer<()> {
        let said = said(text)?;
        self.answered(|session| match session.question() {
            Some(_) => {
                session.answer(said);
                Ok(())
            }
            None => Err(refuse("all questions are answered")),
        })?
    }

    /// Takes the last answer back; whether there was one.
    fn undo(&self) -> Answer<bool> {
        self.answered(|session| session.undo().is_some())
    }

    /// The answers so far: rank from 0, and yes, no or skip.
    fn answers(&self) -> Vec<(usize, &'static str)> {
        let session = self.session();
        let answers = session.iter().flat_map(Session::answers);
        answers.map(|&(rank, answer)| (rank, text(answer))).collect()
    }

    /// What is certain about the list so far.
    fn certificate<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (certificate, wanted) = self.answered(|session| (session.certificate(), session.wanted()))?;
        let entry = PyDict::new(py);
        entry.set_item("cells", certificate.list.len())?;
        entry.set_item("confirmed", certificate.confirmed)?;
        entry.set_item("wrong_at_most", certificate.wrong_at_most)?;
        entry.set_item("fdr", certificate.settings.fdr)?;
        entry.set_item("confidence", certificate.settings.confidence)?;
        entry.set_item("answers", certificate.answers)?;
        entry.set_item("wanted", wanted)?;
        entry.set_item("complete", certificate.complete)?;
        entry.set_item("tested", matches!(certificate.basis, Basis::Tested { .. }))?;
        Ok(entry)
    }

    /// The entries of the list that the answers certify, with probabilities estimated from them.
    fn certified(&self, n: Option<usize>) -> Answer<Vec<Line>> {
        self.answered(|session| {
            let (certificate, probabilities) = (session.certificate(), session.probabilities());
            let of =
                |&rank: &usize| self.found.get(rank).map(|cell| line(rank, cell, Some(probabilities[rank])));
            certificate.list.iter().take(n.unwrap_or(usize::MAX)).filter_map(of).collect()
        })
    }

    /// Estimated precision of the first cells of the ranking: length, mean, low, high.
    fn estimates(&self) -> Answer<Vec<(usize, f64, f64, f64)>> {
        self.answered(|session| {
            let cuts = cuts(session.cells());
            let estimates = session.estimates(&cuts);
            cuts.into_iter().zip(estimates).map(|(cut, e)| (cut, e.mean, e.low, e.high)).collect()
        })
    }

    /// What is known about the list, in plain words.
    fn sentences(&self, wrong: bool) -> Vec<String> {
        match (wrong, &*self.session()) {
            (true, _) => sentences_of_wrong(),
            (_, Some(session)) => sentences_of_certificate(session, &session.certificate()),
            _ => sentences_of_ranking(self.found.len(), "Report.ask"),
        }
    }

    /// Writes the list as a page.
    fn to_html(
        &self,
        path: PathBuf,
        data: &str,
        top: usize,
        wrong: bool,
        images: Option<PathBuf>,
        replace: bool,
    ) -> Answer<()> {
        let entries = match (wrong, &*self.session()) {
            (true, _) => Entry::top(&self.found.wrong(top), top),
            (_, Some(session)) => Entry::certified(&self.found, session, &session.certificate(), top),
            _ => Entry::top(&self.found.top(top), top),
        };
        let sentences = self.sentences(wrong);
        let pictures = Pictures::new(images);
        let folder = path.parent().unwrap_or(Path::new(""));
        let about = Page { data, sentences: &sentences, wrong };
        let text = page(&about, &entries, |row| pictures.link(row, folder));
        let to = if replace { Destination::replacing(&path) } else { Destination::new(&path) };
        Ok(write_atomic(to, |file| file.write_all(text.as_bytes())).map_err(|source| {
            match source.kind() {
                ErrorKind::AlreadyExists => FormatError::Exists { path: path.clone() },
                _ => FormatError::Io { path: path.clone(), source },
            }
        })?)
    }

    /// The labels with the certified list, or with the first cells of the ranking as positives.
    fn corrected<'py>(&self, py: Python<'py>, top: Option<usize>) -> Answer<Bound<'py, PyArray2<i8>>> {
        let changes = match (top, &*self.session()) {
            (Some(n), _) => certified::top_changes(&self.found, n),
            (None, Some(session)) => {
                let certificate: Certificate = session.certificate();
                if !certificate.complete {
                    let left = session.wanted() - certificate.answers;
                    return Err(refuse(format!("{left} of {} questions are not answered", session.wanted())));
                }
                let answers = session.answers().iter().copied();
                Review::replay(&self.found, *session.settings(), answers)?.changes(&certificate)
            }
            (None, None) => {
                return Err(refuse(
                    "nothing was asked yet: ask(200) begins; or name how many cells of the ranking are taken with top=N, of \
                     which nobody knows how many are wrong",
                ));
            }
        };
        codes(py, certified::apply(&self.labels, &changes).matrix())
    }
}

fn said(text: &str) -> Answer<Said> {
    match text {
        "yes" => Ok(Said::Yes),
        "no" => Ok(Said::No),
        "skip" => Ok(Said::Skip),
        other => Err(refuse(format!("unknown answer {other:?}: expected yes, no or skip"))),
    }
}

fn text(answer: Said) -> &'static str {
    match answer {
        Said::Yes => "yes",
        Said::No => "no",
        Said::Skip => "skip",
    }
}

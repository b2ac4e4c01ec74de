//! The questions, the answers, and the certificate.

use crate::curve::Curve;
use crate::plan::{Plan, pilot, plan};
use crate::rule::appended;
use crate::{CertifyError, Settings};

/// An answer about a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The label is missing: the cell is positive.
    Yes,
    /// The cell is negative.
    No,
    /// Not decided. The cell is never part of the list, and counts as wrong in the test.
    Skip,
}

/// Which questions are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// Cells from all of the ranking, which show where it is worth testing.
    Pilot,
    /// Cells drawn from the first ones, by which the list is certified.
    Test,
}

/// Questions about ranked cells and the answers so far. The next question depends on the number of cells, the settings, the
/// seed and the answers alone, so that stored answers are enough to go on.
#[derive(Clone, Debug)]
pub struct Session {
    cells: usize,
    settings: Settings,
    pilot: Vec<usize>,
    plan: Option<Plan>,
    answers: Vec<(usize, Answer)>,
}

/// Why a list is within its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Every cell was asked about, or every entry that may be wrong is counted as wrong: the statement is certain.
    Certain,
    /// Cells drawn at random from the first `prefix` ones were tested.
    Tested {
        /// Cells of the ranking that the list comes from, wrong ones included.
        prefix: usize,
        /// Cells drawn from them.
        drawn: usize,
        /// Drawn cells that were not confirmed.
        wrong: usize,
    },
}

/// A list and what is certain about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// Ranks of the entries, counted from 0, in increasing order.
    pub list: Vec<usize>,
    /// Entries that were confirmed by an answer.
    pub confirmed: usize,
    /// Bound of the number of wrong entries. [`Certificate::share`] is at most the `fdr` of the settings.
    pub wrong_at_most: usize,
    /// Why.
    pub basis: Basis,
    /// The settings.
    pub settings: Settings,
    /// Answers that were given.
    pub answers: usize,
    /// Whether all questions were answered.
    pub complete: bool,
}

/// An estimated share of right cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Mean of the posterior.
    pub mean: f64,
    /// Its 5 % quantile.
    pub low: f64,
    /// Its 95 % quantile.
    pub high: f64,
}

impl Certificate {
    /// Bound of the share of wrong entries; 0 for an empty list.
    pub fn share(&self) -> f64 {
        self.wrong_at_most as f64 / self.list.len().max(1) as f64
    }
}

impl Session {
    /// Questions about `cells` cells.
    ///
    /// # Errors
    /// Settings out of range; no cells.
    pub fn new(cells: usize, settings: Settings) -> Result<Self, CertifyError> {
        settings.check()?;
        if cells == 0 {
            return Err(CertifyError::NoCells);
        }
        let pilot = pilot(cells, &settings);
        Ok(Self { cells, settings, pilot, plan: None, answers: Vec::new() })
    }

    /// A session that goes on after answers that were stored: rank, counted from 0, and answer.
    ///
    /// # Errors
    /// As for [`Session::new`]; [`CertifyError::OtherCell`] where an answer is not about the cell that is asked.
    pub fn replay(
        cells: usize,
        settings: Settings,
        answers: impl IntoIterator<Item = (usize, Answer)>,
    ) -> Result<Self, CertifyError> {
        let mut session = Self::new(cells, settings)?;
        for (index, (rank, answer)) in answers.into_iter().enumerate() {
            let asked = session.question();
            if asked != Some(rank) {
                return Err(CertifyError::OtherCell { index, rank, asked });
            }
            session.answer(answer);
        }
        Ok(session)
    }

    /// Number of cells.
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The answers so far, in their order.
    pub fn answers(&self) -> &[(usize, Answer)] {
        &self.answers
    }

    /// Number of answers that this session asks for.
    pub fn wanted(&self) -> usize {
        self.settings.answers.min(self.cells)
    }

    /// The round of the next question, `None` where all are answered.
    pub fn round(&self) -> Option<Round> {
        match self.answers.len() {
            n if n < self.pilot.len() => Some(Round::Pilot),
            n if n < self.wanted() => Some(Round::Test),
            _ => None,
        }
    }

    /// The questions of this round that are not answered, ranks counted from 0.
    pub fn questions(&self) -> &[usize] {
        let done = self.answers.len();
        match (&self.plan, done < self.pilot.len()) {
            (_, true) => &self.pilot[done..],
            (Some(plan), false) => &plan.asked[done - self.pilot.len()..],
            (None, false) => &[],
        }
    }

    /// The next question: a rank, counted from 0.
    pub fn question(&self) -> Option<usize> {
        self.questions().first().copied()
    }

    /// Answers the next question. After the last one of the pilot the test is chosen, which takes a moment.
    ///
    /// # Panics
    /// Where all questions are answered.
    #[track_caller]
    pub fn answer(&mut self, answer: Answer) {
        let rank = self.question().expect("there is a question left");
        self.answers.push((rank, answer));
        if self.plan.is_none() && self.answers.len() == self.pilot.len() {
            self.plan = plan(self.cells, &self.settings, &right(&self.answers));
        }
    }

    /// Takes the last answer back; its rank. `None` where there is none, and for the pilot once its last answer has decided what is
    /// tested: another pilot, chosen by who has seen cells of the test, would choose a test that the proof does not cover.
    pub fn undo(&mut self) -> Option<usize> {
        if self.plan.is_some() && self.answers.len() == self.pilot.len() {
            return None;
        }
        self.answers.pop().map(|(rank, _)| rank)
    }

    /// The longest list that the answers certify. Before all questions are answered these are the confirmed cells and as many
    /// others as may all be wrong.
    pub fn certificate(&self) -> Certificate {
        let complete = self.round().is_none();
        let mut known = vec![None; self.cells];
        self.answers.iter().for_each(|&(rank, answer)| known[rank] = Some(answer == Answer::Yes));
        let confirmed = self.answers.iter().filter(|(_, answer)| *answer == Answer::Yes).count();
        let settings = self.settings;
        let mut certificate = Certificate {
            list: Vec::new(),
            confirmed,
            wrong_at_most: 0,
            basis: Basis::Certain,
            settings,
            answers: self.answers.len(),
            complete,
        };
        let unasked = self.cells - self.answers.len();
        let mut prefix = 0;
        let mut more = appended(0, confirmed, settings.fdr, unasked);
        certificate.wrong_at_most = more;
        if let (Some(plan), true) = (&self.plan, complete) {
            let of_test = &self.answers[self.pilot.len()..];
            let wrong = |range: std::ops::Range<usize>| {
                of_test.iter().filter(|(rank, a)| range.contains(rank) && *a != Answer::Yes).count()
            };
            let (f1, f2) = (wrong(0..plan.first), wrong(plan.first..plan.second));
            if let Some(chosen) = plan.rule.choose(f1, f2) {
                prefix = if chosen.both { plan.second } else { plan.first };
                more = chosen.appended;
                certificate.wrong_at_most = chosen.wrong;
                let drawn = of_test.iter().filter(|(rank, _)| *rank < prefix).count();
                certificate.basis =
                    Basis::Tested { prefix, drawn, wrong: if chosen.both { f1 + f2 } else { f1 } };
            }
        }
        for (rank, known) in known.iter().enumerate() {
            let listed = match known {
                Some(right) => *right,
                None if rank < prefix => true,
                None if more > 0 => {
                    more -= 1;
                    true
                }
                None => false,
            };
            if listed {
                certificate.list.push(rank);
            }
        }
        certificate
    }

    /// Estimated share of right cells among the first ones, for each number of them. It rests on a model, unlike the certificate.
    pub fn estimates(&self, cuts: &[usize]) -> Vec<Estimate> {
        let curve = Curve::new(self.cells, &answered(&self.answers));
        let ends: Vec<usize> = cuts.iter().map(|&cut| cut.clamp(1, self.cells)).collect();
        let mut order: Vec<usize> = (0..ends.len()).collect();
        order.sort_by_key(|&i| ends[i]);
        let sorted: Vec<usize> = order.iter().map(|&i| ends[i]).collect();
        let wrong = curve.wrong(&sorted);
        let mut estimates = vec![Estimate { mean: 0.0, low: 0.0, high: 0.0 }; ends.len()];
        for (place, &i) in order.iter().enumerate() {
            let end = ends[i] as f64;
            let mut shares: Vec<(f64, f64)> =
                wrong.iter().map(|(weight, wrong)| (1.0 - wrong[place] / end, *weight)).collect();
            shares.sort_by(|a, b| a.0.total_cmp(&b.0));
            let quantile = |q: f64| {
                let mut sum = 0.0;
                let found = shares.iter().find(|(_, weight)| {
                    sum += weight;
                    sum >= q
                });
                found.or(shares.last()).map_or(0.0, |share| share.0)
            };
            let mean = shares.iter().map(|(share, weight)| share * weight).sum();
            estimates[i] = Estimate { mean, low: quantile(0.05), high: quantile(0.95) };
        }
        estimates
    }

    /// Estimated probability that a cell is right, for each rank; 1 and 0 for cells that were answered with yes and no.
    pub fn probabilities(&self) -> Vec<f64> {
        let curve = Curve::new(self.cells, &answered(&self.answers));
        let mut p: Vec<f64> = (0..self.cells).map(|rank| curve.probability(rank)).collect();
        for &(rank, answer) in &self.answers {
            match answer {
                Answer::Yes => p[rank] = 1.0,
                Answer::No => p[rank] = 0.0,
                Answer::Skip => {}
            }
        }
        p
    }
}

/// Right and wrong cells among those that were answered: estimates leave out what was skipped.
fn answered(answers: &[(usize, Answer)]) -> Vec<(usize, bool)> {
    answers
        .iter()
        .filter(|(_, answer)| *answer != Answer::Skip)
        .map(|&(rank, answer)| (rank, answer == Answer::Yes))
        .collect()
}

/// Answers as right and wrong cells for the choice of what is tested: what was skipped counts as wrong, as in the test.
fn right(answers: &[(usize, Answer)]) -> Vec<(usize, bool)> {
    answers.iter().map(|&(rank, answer)| (rank, answer == Answer::Yes)).collect()
}

//! What is asked: the pilot's cells, and the test that the pilot's answers make the most promising.

use crate::curve::Curve;
use crate::rule::{Rule, Strata, calibrated, fits};
use crate::tails::Factorials;
use crate::{Settings, Stream};

/// Cells of the pilot, ranks in the order of asking: one at random from each of as many ranges, which widen with the rank like
/// a geometric series. Everything where there are no more cells than answers.
pub(crate) fn pilot(cells: usize, settings: &Settings) -> Vec<usize> {
    if cells <= settings.answers {
        return (0..cells).collect();
    }
    let count = (2 * settings.answers / 5).min(PILOT);
    let mut stream = Stream::new(settings.seed, "certify pilot");
    let flat = cells as f64 / 200.0;
    let growth = ((cells as f64 + flat) / flat).ln();
    let mut ends: Vec<usize> = (0..=count)
        .map(|i| (flat * ((growth * i as f64 / count as f64).exp() - 1.0)).round() as usize)
        .collect();
    // Every range has a cell; there are more cells than ranges.
    for i in 1..=count {
        ends[i] = ends[i].max(ends[i - 1] + 1);
    }
    ends[count] = cells;
    for i in (1..count).rev() {
        ends[i] = ends[i].min(ends[i + 1] - 1);
    }
    let mut ranks: Vec<usize> =
        ends.windows(2).map(|range| range[0] + stream.below(range[1] - range[0])).collect();
    stream.shuffle(&mut ranks);
    ranks
}

/// Most answers of the pilot: fewer know too little of where to test, more are missed in the test.
const PILOT: usize = 40;

/// The test that follows the pilot.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Ranks from 0 to here, without those of the pilot, are the first stratum.
    pub(crate) first: usize,
    /// Ranks from `first` to here are the second one.
    pub(crate) second: usize,
    /// Cells to ask, in the order of asking.
    pub(crate) asked: Vec<usize>,
    pub(crate) rule: Rule,
}

/// The ranks that were not asked about, in increasing order.
struct Unasked {
    ranks: Vec<usize>,
}

impl Unasked {
    fn new(cells: usize, asked: &[(usize, bool)]) -> Self {
        let mut free = vec![true; cells];
        asked.iter().for_each(|&(rank, _)| free[rank] = false);
        Self { ranks: (0..cells).filter(|&rank| free[rank]).collect() }
    }

    /// The rank after the `count`-th unasked one.
    fn end(&self, count: usize) -> usize {
        self.ranks[count - 1] + 1
    }
}

/// Posterior of the wrong cells among the first ones: a probability and the numbers up to each end.
type Wrong = Vec<(f64, Vec<f64>)>;

/// Chooses the test.
pub(crate) fn plan(cells: usize, settings: &Settings, pilot: &[(usize, bool)]) -> Option<Plan> {
    let unasked = Unasked::new(cells, pilot);
    let total = unasked.ranks.len();
    let draws = settings.answers.saturating_sub(pilot.len()).min(total);
    if draws == 0 {
        return None;
    }
    let level = 1.0 - settings.confidence;
    let logs = Factorials::new(total);
    let curve = Curve::new(cells, pilot);
    let confirmed = pilot.iter().filter(|(_, right)| *right).count();
    // Numbers of unasked cells that a test may be about: from a census on.
    let mut counts = vec![draws];
    while let Some(&last) = counts.last()
        && last < total
    {
        counts.push((last + 1 + last / 12).min(total));
    }
    let ends: Vec<usize> = counts.iter().map(|&count| unasked.end(count)).collect();
    let wrong = curve.wrong(&ends);
    let strata = |first: usize, all: usize| {
        let drawn_first = if first == all { draws } else { share(draws, first, all) };
        Strata {
            first,
            second: all - first,
            drawn_first,
            drawn_second: draws - drawn_first,
            rest: total - all,
            confirmed,
            fdr: settings.fdr,
        }
    };
    // One stratum first: the expected number of right cells that are found.
    let single = |i: usize| {
        let s = strata(counts[i], counts[i]);
        let mut limit = 0;
        while limit <= draws && {
            let bound = logs.upper(limit, s.first, draws, level);
            fits(bound - limit, s.first + confirmed - limit, settings.fdr)
        } {
            limit += 1;
        }
        let worth = |(weight, wrong): &(f64, Vec<f64>)| {
            let d = scaled(wrong[i], ends[i], counts[i]);
            let p = match limit {
                0 => 0.0,
                _ => logs.tail(limit - 1, s.first, d, draws),
            };
            weight * value(p, 0.0, s, (d as f64, 0.0))
        };
        wrong.iter().map(worth).sum::<f64>()
    };
    let mut best = (0, f64::MIN);
    for i in 0..counts.len() {
        let worth = single(i);
        if worth > best.1 {
            best = (i, worth);
        }
        // Far beyond the best one nothing is accepted any more.
        if counts[i] > 4 * counts[best.0] + draws {
            break;
        }
    }
    let mut chosen: Option<(f64, usize, usize, Rule)> = None;
    for i in [best.0, best.0 + 2] {
        let Some(&all) = counts.get(i) else { continue };
        for part in [1.0, 0.65, 0.4] {
            let first = (part * all as f64).round() as usize;
            if first < draws.min(all) / 4 || first == 0 {
                continue;
            }
            let s = strata(first, all);
            let of_first = curve.wrong(&[unasked.end(first)]);
            let worth = |rule: &Rule| expected(rule, &logs, s, (&of_first, &wrong, i), &ends, &unasked);
            let (worth, rule) = calibrated(s, &logs, level, worth);
            if chosen.as_ref().is_none_or(|best| worth > best.0) {
                chosen = Some((worth, first, all, rule));
            }
        }
    }
    let (_, first, all, rule) = chosen?;
    let s = strata(first, all);
    let mut stream = Stream::new(settings.seed, "certify test");
    let mut draw = |ranks: &[usize], count: usize| {
        let mut ranks = ranks.to_vec();
        stream.shuffle(&mut ranks);
        ranks.truncate(count);
        ranks
    };
    let mut asked = draw(&unasked.ranks[..first], s.drawn_first);
    asked.extend(draw(&unasked.ranks[first..all], s.drawn_second));
    stream.shuffle(&mut asked);
    let second = unasked.end(all);
    Some(Plan { first: unasked.end(first), second, asked, rule })
}

/// `draws` in the proportion of the stratum, and at least one of what there is.
fn share(draws: usize, first: usize, all: usize) -> usize {
    let share = (draws as f64 * first as f64 / all as f64).round() as usize;
    share.clamp(draws.saturating_sub(all - first), draws.min(first))
}

/// Wrong cells among `count` unasked ones, where `wrong` are expected among `end` cells.
fn scaled(wrong: f64, end: usize, count: usize) -> usize {
    ((wrong * count as f64 / end as f64).round() as usize).min(count)
}

/// Right cells that are found: of both strata with probability `both`, of the first one with `first`, else those that are asked.
fn value(both: f64, first: f64, s: Strata, (wrong1, wrong2): (f64, f64)) -> f64 {
    let (right1, right2) = (s.first as f64 - wrong1, s.second as f64 - wrong2);
    let asked = |right: f64, drawn: usize, all: usize| {
        if all == 0 { 0.0 } else { right * drawn as f64 / all as f64 }
    };
    let (asked1, asked2) = (asked(right1, s.drawn_first, s.first), asked(right2, s.drawn_second, s.second));
    both * (right1 + right2) + first * (right1 + asked2) + (1.0 - both - first) * (asked1 + asked2)
}

/// Right cells that a rule finds, in the mean of the posterior.
fn expected(
    rule: &Rule,
    logs: &Factorials,
    s: Strata,
    (of_first, of_all, i): (&Wrong, &Wrong, usize),
    ends: &[usize],
    unasked: &Unasked,
) -> f64 {
    let counts = rule.counts();
    let most = counts.iter().map(|count| count.1).max().unwrap_or(0);
    let (all, first_end) = (s.first + s.second, unasked.end(s.first));
    let mut sum = 0.0;
    for ((weight, first), (_, total)) in of_first.iter().zip(of_all) {
        let d1 = scaled(first[0], first_end, s.first);
        let d2 = scaled(total[i], ends[i], all).saturating_sub(d1).min(s.second);
        let cdf2 = logs.cdf(most, s.second, d2, s.drawn_second);
        let below = |count: usize| if count == 0 { 0.0 } else { cdf2[count - 1] };
        let (mut both, mut one) = (0.0, 0.0);
        for (f1, (of_both, any)) in counts.iter().enumerate() {
            let p = logs.pmf(f1, s.first, d1, s.drawn_first);
            both += p * below(*of_both);
            one += p * (below(*any) - below(*of_both));
        }
        sum += weight * value(both, one, s, (d1 as f64, d2 as f64));
    }
    sum
}

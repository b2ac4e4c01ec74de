//! The test: which list follows from which counts of wrong cells, and the probability that it is one that says too much.
//!
//! The unasked part of the ranking is cut into two strata: `first` cells, then `second` cells. n1 and n2 different ones are
//! drawn, f1 and f2 of them are wrong. If few are wrong the list is both strata without the wrong cells that were found; if
//! too many for that, but few in the first stratum, it is the first stratum and what was confirmed elsewhere. How few is decided
//! by bounds A(f1 + f2) of the wrong cells D1 + D2 of both and B(f1) of D1. The probability that the bound of the chosen
//! list fails is computed for every pair (D1, D2), so nothing is lost to a correction for two tests.

use crate::tails::Factorials;

/// Sizes of the strata and of their samples, and what is known besides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Strata {
    /// Unasked cells of the first stratum.
    pub(crate) first: usize,
    /// Unasked cells of the second one.
    pub(crate) second: usize,
    /// Cells drawn from the first stratum.
    pub(crate) drawn_first: usize,
    /// Cells drawn from the second one.
    pub(crate) drawn_second: usize,
    /// Unasked cells after both.
    pub(crate) rest: usize,
    /// Cells that were confirmed before.
    pub(crate) confirmed: usize,
    /// Largest share of wrong entries.
    pub(crate) fdr: f64,
}

/// The list that follows from counts of wrong cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Chosen {
    /// Whether both strata belong to the list, or the first one.
    pub(crate) both: bool,
    /// Unasked cells after the strata that may be appended even if all of them are wrong.
    pub(crate) appended: usize,
    /// Bound of the wrong entries of the list.
    pub(crate) wrong: usize,
    /// Entries of the list.
    pub(crate) size: usize,
}

/// A test of two strata.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    strata: Strata,
    /// A(f): bound of D1 + D2, for each number of wrong cells in both samples; as long as it can be accepted.
    both: Vec<usize>,
    /// B(f): bound of D1 for each number of wrong cells in the first sample.
    first: Vec<usize>,
}

/// Whether `wrong` of `size` entries is a share of at most `fdr`. A tolerance for the rounding of `fdr`, e.g. of 0.1 * 30.
pub(crate) fn fits(wrong: usize, size: usize, fdr: f64) -> bool {
    wrong as f64 <= fdr * size as f64 + 1e-9
}

/// The largest number of entries, all of them possibly wrong, that can be appended to a list that fits.
pub(crate) fn appended(wrong: usize, size: usize, fdr: f64, available: usize) -> usize {
    let mut more = ((fdr * size as f64 - wrong as f64).max(0.0) / (1.0 - fdr)) as usize;
    more = (more + 1).min(available);
    while more > 0 && !fits(wrong + more, size + more, fdr) {
        more -= 1;
    }
    more
}

impl Rule {
    /// A rule whose bounds have the levels `both` and `first` each for itself. A level of 0 accepts nothing.
    pub(crate) fn new(strata: Strata, logs: &Factorials, (both, first): (f64, f64)) -> Self {
        let all = strata.first + strata.second;
        let drawn = strata.drawn_first + strata.drawn_second;
        let mut rule = Self { strata, both: Vec::new(), first: Vec::new() };
        for f in 0..=if both > 0.0 { drawn } else { 0 } {
            let bound = if both > 0.0 { logs.upper(f, all, drawn, both) } else { all };
            let size = all + strata.confirmed - f;
            if both == 0.0 || !fits(bound - f, size, strata.fdr) {
                break;
            }
            rule.both.push(bound);
        }
        for f in 0..=strata.drawn_first {
            if first == 0.0 || strata.second == 0 {
                break;
            }
            let bound = logs.upper(f, strata.first, strata.drawn_first, first);
            // The best case: every cell drawn from the second stratum is confirmed.
            if !fits(bound - f, strata.first - f + strata.confirmed + strata.drawn_second, strata.fdr) {
                break;
            }
            rule.first.push(bound);
        }
        rule
    }

    /// The list for f1 and f2 wrong cells in the samples, if one is certified.
    pub(crate) fn choose(&self, f1: usize, f2: usize) -> Option<Chosen> {
        let Strata { first, second, drawn_second, rest, confirmed, fdr, .. } = self.strata;
        let f = f1 + f2;
        if let Some(bound) = self.both.get(f) {
            let (wrong, size) = (bound - f, first + second + confirmed - f);
            let more = appended(wrong, size, fdr, rest);
            return Some(Chosen { both: true, appended: more, wrong: wrong + more, size: size + more });
        }
        let (wrong, size) = (self.first.get(f1)? - f1, first - f1 + confirmed + drawn_second - f2);
        if !fits(wrong, size, fdr) {
            return None;
        }
        let more = appended(wrong, size, fdr, rest + second - drawn_second);
        Some(Chosen { both: false, appended: more, wrong: wrong + more, size: size + more })
    }

    /// For each f1 with which something can be accepted: how many values of f2, from 0 on, give both strata, and how many give
    /// a list at all.
    pub(crate) fn counts(&self) -> Vec<(usize, usize)> {
        let drawn = self.strata.drawn_second;
        (0..self.both.len().max(self.first.len()).min(self.strata.drawn_first + 1))
            .map(|f1| {
                let both = self.both.len().saturating_sub(f1).min(drawn + 1);
                // Fewer confirmed cells make a shorter list, so what is accepted is an interval.
                let (mut inside, mut outside) = (both, drawn + 1);
                while inside < outside {
                    let middle = inside.midpoint(outside);
                    match self.choose(f1, middle) {
                        Some(_) => inside = middle + 1,
                        None => outside = middle,
                    }
                }
                (both, inside)
            })
            .collect()
    }

    /// The largest probability, over every (D1, D2), that the chosen list's bound fails: D1 + D2 > A(f1 + f2) where both strata
    /// are chosen, D1 > B(f1) where the first one is. At most `enough` more than that where it is `enough` or less.
    pub(crate) fn failure(&self, logs: &Factorials, enough: f64) -> f64 {
        let Strata { first, second, drawn_first, drawn_second, .. } = self.strata;
        let counts = self.counts();
        if counts.is_empty() {
            return 0.0;
        }
        let (most1, most2) = (counts.len() - 1, counts.iter().map(|c| c.0).max().unwrap_or(0));
        // Of D1 beyond which f1 is hardly ever small enough: the failure is less than `little` there.
        let little = enough * 1e-3;
        let until = |most: usize, population: usize, drawn: usize| {
            let (mut inside, mut outside) = (0, population + 1);
            while outside - inside > 1 {
                let middle = inside.midpoint(outside);
                match logs.tail(most, population, middle, drawn) > little {
                    true => inside = middle,
                    false => outside = middle,
                }
            }
            inside
        };
        let last1 = until(most1, first, drawn_first);
        let last2 = if most2 == 0 { 0 } else { until(most2 - 1, second, drawn_second) };
        let all2 = counts.iter().map(|c| c.1).max().unwrap_or(0);
        let cdf2: Vec<Vec<f64>> = (0..=last2).map(|d2| logs.cdf(all2, second, d2, drawn_second)).collect();
        let mut largest = little;
        let mut pmf1 = vec![0.0; most1 + 1];
        // A grows with f, so that a bound fails for f below some number.
        let mut failing = 0;
        for d1 in 0..=last1 {
            pmf1.iter_mut().enumerate().for_each(|(f, p)| *p = logs.pmf(f, first, d1, drawn_first));
            let fails1 = |f1: usize| self.first.get(f1).is_some_and(|bound| d1 > *bound);
            // Beyond `last2` both strata are hardly ever chosen.
            let beyond: f64 =
                (0..=most1).filter(|&f1| fails1(f1) && counts[f1].1 > 0).map(|f1| pmf1[f1]).sum();
            if last2 < second {
                largest = largest.max(beyond + little);
            }
            failing = self.both.iter().take_while(|bound| d1 > **bound).count().max(failing);
            let mut fails = failing;
            for (d2, cdf2) in cdf2.iter().enumerate() {
                while fails < self.both.len() && d1 + d2 > self.both[fails] {
                    fails += 1;
                }
                let below = |count: usize| if count == 0 { 0.0 } else { cdf2[count - 1] };
                let mut sum = 0.0;
                for (f1, &(both, any)) in counts.iter().enumerate() {
                    let mut p = below(fails.saturating_sub(f1).min(both));
                    if fails1(f1) {
                        p += below(any) - below(both);
                    }
                    sum += pmf1[f1] * p;
                }
                largest = largest.max(sum);
            }
        }
        largest
    }
}

/// The rule with the largest value among those that fail with probability `level` at most. `value` is what it is worth.
pub(crate) fn calibrated(
    strata: Strata,
    logs: &Factorials,
    level: f64,
    value: impl Fn(&Rule) -> f64,
) -> (f64, Rule) {
    let single = Rule::new(strata, logs, (0.0, 0.0));
    let mut best = (value(&single), single);
    for share in [1.0, 0.95, 0.75] {
        let alone = Rule::new(strata, logs, (level * share, 0.0));
        if alone.failure(logs, level) > level {
            continue;
        }
        let worth = value(&alone);
        if worth > best.0 {
            best = (worth, alone);
        }
        if strata.second == 0 {
            break;
        }
        let (mut low, mut high) = (0.0, level);
        for step in 0..5 {
            let middle = if step == 0 { high } else { 0.5 * (low + high) };
            let rule = Rule::new(strata, logs, (level * share, middle));
            if rule.failure(logs, level) > level {
                high = middle;
                continue;
            }
            let worth = value(&rule);
            if worth > best.0 {
                best = (worth, rule);
            }
            low = middle;
            if step == 0 {
                break;
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same by the definition, over every pair of wrong cells and every pair of counts.
    fn naive(rule: &Rule, logs: &Factorials) -> f64 {
        let s = rule.strata;
        let mut largest = 0.0_f64;
        for d1 in 0..=s.first {
            for d2 in 0..=s.second {
                let mut sum = 0.0;
                for f1 in 0..=s.drawn_first {
                    for f2 in 0..=s.drawn_second {
                        let Some(chosen) = rule.choose(f1, f2) else { continue };
                        let p = logs.pmf(f1, s.first, d1, s.drawn_first)
                            * logs.pmf(f2, s.second, d2, s.drawn_second);
                        let unasked =
                            if chosen.both { d1 + d2 - (f1 + f2).min(d1 + d2) } else { d1 - f1.min(d1) };
                        if unasked > chosen.wrong - chosen.appended {
                            sum += p;
                        }
                    }
                }
                largest = largest.max(sum);
            }
        }
        largest
    }

    fn strata(first: usize, second: usize, n: (usize, usize), confirmed: usize) -> Strata {
        Strata { first, second, drawn_first: n.0, drawn_second: n.1, rest: 50, confirmed, fdr: 0.1 }
    }

    #[test]
    fn the_probability_of_failure_is_that_of_the_definition() {
        let logs = Factorials::new(200);
        for (s, levels) in [
            (strata(60, 40, (30, 20), 5), (0.2, 0.2)),
            (strata(60, 40, (30, 20), 0), (0.3, 0.05)),
            (strata(50, 70, (25, 10), 12), (0.0, 0.3)),
            (strata(80, 0, (40, 0), 3), (0.25, 0.0)),
            (strata(30, 20, (30, 10), 3), (0.25, 0.1)),
        ] {
            let rule = Rule::new(s, &logs, levels);
            let (fast, slow) = (rule.failure(&logs, 1e-6), naive(&rule, &logs));
            assert!((fast - slow).abs() < 1e-8, "{s:?}: {fast} {slow}");
            assert!(slow > 0.01, "{s:?}: nothing is accepted");
        }
    }

    #[test]
    fn calibrated_rules_keep_their_level_and_use_most_of_it() {
        let logs = Factorials::new(400);
        for (s, level) in [(strata(90, 70, (45, 35), 10), 0.05), (strata(60, 80, (30, 40), 4), 0.2)] {
            let lengths = |rule: &Rule| rule.both.len() as f64 + 0.5 * rule.first.len() as f64;
            let (_, rule) = calibrated(s, &logs, level, lengths);
            let failure = naive(&rule, &logs);
            assert!(failure <= level && failure > 0.4 * level, "{failure}");
        }
    }

    #[test]
    fn appended_entries_leave_the_share_within_the_bound() {
        for (wrong, size, fdr) in
            [(0, 100, 0.1), (3, 100, 0.1), (10, 100, 0.1), (0, 9, 0.1), (0, 8, 0.1), (1, 77, 0.25)]
        {
            let more = appended(wrong, size, fdr, 1_000);
            assert!(fits(wrong + more, size + more, fdr) && !fits(wrong + more + 1, size + more + 1, fdr));
            assert!(appended(wrong, size, fdr, 2) <= 2);
        }
        assert_eq!(appended(20, 100, 0.1, 50), 0);
    }
}

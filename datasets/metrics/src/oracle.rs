//! The metrics as their definitions have them, in loops over all cells or pairs of cells: what fast ones are held against in tests.
//!
//! A [`Cell`] is the score of a known cell and whether it is positive; cells of a row stand in the order of the classes, those of a
//! class in the order of the rows.

use crate::ApFlavour;

/// The score of a known cell, and whether it is positive.
pub type Cell = (f64, bool);

fn count(cells: &[Cell], of: impl Fn(Cell) -> bool) -> f64 {
    cells.iter().filter(|&&cell| of(cell)).count() as f64
}

/// The mean of the values that there are; not a number without any.
pub fn mean(values: impl IntoIterator<Item = Option<f64>>) -> f64 {
    let values: Vec<f64> = values.into_iter().flatten().collect();
    values.iter().sum::<f64>() / values.len() as f64
}

/// Average precision of the cells of a class: for each positive, the cells that are ranked above it are counted. `None` without
/// a positive.
pub fn average_precision(cells: &[Cell], flavour: ApFlavour) -> Option<f64> {
    let rows = || 0..cells.len();
    let positives = count(cells, |cell| cell.1);
    let at_least_as_good = |row: usize, other: usize| {
        let (score, theirs) = (cells[row].0, cells[other].0);
        theirs > score
            || theirs == score
                && match flavour {
                    ApFlavour::Sklearn => true,
                    ApFlavour::Asl => other >= row,
                    ApFlavour::Voc07 | ApFlavour::Voc12 => other <= row,
                }
    };
    let precision = |row: usize| {
        let above: Vec<Cell> =
            rows().filter(|&other| at_least_as_good(row, other)).map(|i| cells[i]).collect();
        count(&above, |cell| cell.1) / above.len() as f64
    };
    let best_below = |row: usize| {
        let below = rows().filter(|&other| at_least_as_good(other, row));
        below.map(precision).fold(0.0, f64::max)
    };
    let at_recall = |level: f64| {
        let reached = |&row: &usize| {
            let found = rows().filter(|&other| at_least_as_good(row, other) && cells[other].1).count();
            found as f64 * 10.0 >= level * positives
        };
        rows().filter(reached).map(precision).fold(0.0, f64::max)
    };
    let of_positives = rows().filter(|&row| cells[row].1);
    let value = match flavour {
        ApFlavour::Voc07 => (0..=10).map(|level| at_recall(level.into())).sum::<f64>() / 11.0,
        ApFlavour::Sklearn => of_positives.map(precision).sum::<f64>() / positives,
        ApFlavour::Asl => of_positives.map(precision).sum::<f64>() / (positives + 1e-8),
        ApFlavour::Voc12 => of_positives.map(best_below).sum::<f64>() / positives,
    };
    (positives > 0.0).then_some(value)
}

/// The share of pairs of a positive and a negative in which the positive has the larger score, equal ones counting half. `None`
/// without a pair.
pub fn auroc(cells: &[Cell]) -> Option<f64> {
    let (mut pairs, mut won) = (0.0, 0.0);
    for positive in cells.iter().filter(|cell| cell.1) {
        for negative in cells.iter().filter(|cell| !cell.1) {
            pairs += 1.0;
            won += match positive.0.total_cmp(&negative.0) {
                _ if positive.0 == negative.0 => 0.5,
                order => f64::from(order.is_gt()),
            };
        }
    }
    (pairs > 0.0).then(|| won / pairs)
}

/// Of cells whose score is 1 where they are predicted and 0 elsewhere, the share that is positive of those that are predicted.
pub fn precision(predicted: &[Cell]) -> Option<f64> {
    let all = count(predicted, |(score, _)| score == 1.0);
    (all > 0.0).then(|| count(predicted, |cell| cell == (1.0, true)) / all)
}

/// The share that is predicted of the positives.
pub fn recall(predicted: &[Cell]) -> Option<f64> {
    let all = count(predicted, |cell| cell.1);
    (all > 0.0).then(|| count(predicted, |cell| cell == (1.0, true)) / all)
}

/// 2 |P and T| / (|P| + |T|) for the set P of predicted cells and the set T of positives. `None` where both are empty.
pub fn f1(predicted: &[Cell]) -> Option<f64> {
    let sizes = count(predicted, |(score, _)| score == 1.0) + count(predicted, |cell| cell.1);
    (sizes > 0.0).then(|| 2.0 * count(predicted, |cell| cell == (1.0, true)) / sizes)
}

/// The share of cells that are predicted wrong. `None` without cells.
pub fn wrong(predicted: &[Cell]) -> Option<f64> {
    let wrong = count(predicted, |(score, positive)| (score == 1.0) != positive);
    (!predicted.is_empty()).then(|| wrong / predicted.len() as f64)
}

/// Of a row: ranking loss, one-error, coverage and label ranking average precision. `None` where all cells are alike.
pub fn ranking(row: &[Cell]) -> Option<[f64; 4]> {
    let of = |positive: bool| -> Vec<f64> {
        row.iter().filter(|cell| cell.1 == positive).map(|cell| cell.0).collect()
    };
    let (p, n) = (of(true), of(false));
    if p.is_empty() || n.is_empty() {
        return None;
    }
    let wrong = p.iter().flat_map(|a| n.iter().map(move |b| f64::from(b >= a))).sum::<f64>();
    let rank = |score: f64| count(row, |other| other.0 >= score);
    let tp = |score: f64| count(row, |other| other.1 && other.0 >= score);
    let coverage = p.iter().map(|&score| rank(score)).fold(0.0, f64::max) - 1.0;
    let precision = p.iter().map(|&s| tp(s) / rank(s)).sum::<f64>() / p.len() as f64;
    let mut best = row[0];
    for &cell in row {
        best = if cell.0 > best.0 { cell } else { best };
    }
    Some([wrong / (p.len() * n.len()) as f64, f64::from(!best.1), coverage, precision])
}

/// How many positives of a row are among its `k` best cells, of equal scores the first, over `k`.
pub fn precision_at(row: &[Cell], k: usize) -> f64 {
    let found = (0..row.len()).filter(|&i| {
        let before = |&j: &usize| row[j].0 > row[i].0 || (row[j].0 == row[i].0 && j < i);
        row[i].1 && (0..row.len()).filter(before).count() < k
    });
    found.count() as f64 / k as f64
}

/// Of cells whose scores are probabilities, the mean of (p - y)^2. `None` without cells.
pub fn brier(cells: &[Cell]) -> Option<f64> {
    let sum: f64 = cells.iter().map(|&(p, y)| (p - f64::from(y)).powi(2)).sum();
    (!cells.is_empty()).then(|| sum / cells.len() as f64)
}

/// Of cells whose scores are probabilities, the difference of the share of positives and the mean probability in each of `bins`
/// bins of equal width, weighted with the share of its cells; the last bin holds 1. `None` without cells.
pub fn calibration_error(cells: &[Cell], bins: usize) -> Option<f64> {
    let mut sum = 0.0;
    for bin in 0..bins {
        let (low, high) = (bin as f64 / bins as f64, (bin + 1) as f64 / bins as f64);
        let is_inside = |&&(p, _): &&Cell| p >= low && (p < high || bin + 1 == bins);
        let inside: Vec<Cell> = cells.iter().filter(is_inside).copied().collect();
        if !inside.is_empty() {
            let n = inside.len() as f64;
            let probability = inside.iter().map(|cell| cell.0).sum::<f64>() / n;
            sum += n / cells.len() as f64 * (count(&inside, |cell| cell.1) / n - probability).abs();
        }
    }
    (!cells.is_empty()).then_some(sum)
}

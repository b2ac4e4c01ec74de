//! Labels that keep company: which classes are in a picture depends on where it was taken.

use lacuna_labels::TrueLabels;
use lacuna_protocols::Stream;

/// Scenes of equal probability and how much each favours each class.
pub(crate) struct SceneModel {
    /// `[scenes][classes]`; 0 where a scene has nothing to do with a class.
    pub(crate) loadings: Vec<Vec<f32>>,
}

/// Rows with at least one label, and the scene of each.
pub(crate) struct SceneLabels {
    pub(crate) truth: TrueLabels,
    pub(crate) scenes: Vec<usize>,
}

/// Rows drawn for one row kept: the thresholds are fitted on all of them, and about half are empty.
const DRAWN_PER_ROW: usize = 8;
/// Corrections of the thresholds. Each takes about half of the distance, so 40 leave nothing.
const CORRECTIONS: usize = 40;
/// Step of a correction for a distance of one in log-odds.
const STEP: f64 = 0.275;

impl SceneModel {
    /// Draws `rows` rows in which class `c` has about `counts[c]` positives.
    ///
    /// `u = loading[scene] + N(0, 1)` for each class; the class is present where `u > threshold[class]`.
    /// The thresholds start at the quantile of the wanted rate and are then corrected until the rates
    /// *among rows with a label* are right; of the rows drawn the first `rows` with a label are kept,
    /// so the counts scatter around the wanted ones as a sample does.
    pub(crate) fn draw(&self, counts: &[usize], rows: usize, stream: &mut Stream) -> SceneLabels {
        let classes = counts.len();
        let drawn = DRAWN_PER_ROW * rows;
        let mut scenes = Vec::with_capacity(drawn);
        let mut evidence = Vec::with_capacity(drawn * classes); // [drawn, classes]
        for _ in 0..drawn {
            let scene = stream.below(self.loadings.len());
            scenes.push(scene);
            evidence.extend(self.loadings[scene].iter().map(|loading| loading + stream.normal() as f32));
        }
        let rates: Vec<f64> = counts.iter().map(|&count| count as f64 / rows as f64).collect();
        let thresholds = fit_thresholds(&evidence, &rates);

        let mut kept = Vec::with_capacity(rows);
        let present = |row: usize| evidence[row * classes..][..classes].iter().zip(&thresholds);
        kept.extend((0..drawn).filter(|&row| present(row).any(|(u, t)| u > t)).take(rows));
        assert_eq!(kept.len(), rows, "more than {DRAWN_PER_ROW} rows in {} are empty", DRAWN_PER_ROW + 1);
        SceneLabels {
            truth: TrueLabels::from_fn(rows, classes, |row, class| {
                evidence[kept[row] * classes + class] > thresholds[class]
            }),
            scenes: kept.into_iter().map(|row| scenes[row]).collect(),
        }
    }
}

/// The threshold of each class at which the rate among rows with a label is the wanted one.
fn fit_thresholds(evidence: &[f32], rates: &[f64]) -> Vec<f32> {
    let classes = rates.len();
    let drawn = evidence.len() / classes;
    let mut column = Vec::with_capacity(drawn);
    let mut thresholds: Vec<f64> = Vec::with_capacity(classes);
    for (class, rate) in rates.iter().enumerate() {
        column.clear();
        column.extend(evidence[class..].iter().step_by(classes));
        let above = (rate * drawn as f64) as usize;
        let (_, quantile, _) = column.select_nth_unstable_by(drawn - 1 - above, f32::total_cmp);
        thresholds.push((*quantile).into());
    }
    let mut rounded: Vec<f32> = thresholds.iter().map(|&threshold| threshold as f32).collect();
    let mut counts = vec![0_u32; classes];
    for _ in 0..CORRECTIONS {
        counts.fill(0);
        let mut with_label = 0_u32;
        for row in evidence.chunks_exact(classes) {
            let mut any = false;
            for ((count, u), threshold) in counts.iter_mut().zip(row).zip(&rounded) {
                let present = u > threshold;
                *count += u32::from(present);
                any |= present;
            }
            with_label += u32::from(any);
        }
        for (class, threshold) in thresholds.iter_mut().enumerate() {
            let current = f64::from(counts[class]) / f64::from(with_label);
            *threshold += STEP * (log_odds(current) - log_odds(rates[class]));
            rounded[class] = *threshold as f32;
        }
    }
    rounded
}

fn log_odds(rate: f64) -> f64 {
    (rate / (1.0 - rate)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_have_their_counts_and_keep_to_their_scenes() {
        // Two scenes that share class 2; class 3 belongs to none.
        let model = SceneModel { loadings: vec![vec![2.0, 0.0, 0.5, 0.0], vec![0.0, 2.0, 0.5, 0.0]] };
        let counts = [900, 300, 800, 500];
        let labels = model.draw(&counts, 2_000, &mut Stream::new(1, "scenes"));
        for (found, wanted) in labels.truth.positives_per_class().into_iter().zip(counts) {
            // Four standard deviations of a count.
            let allowed = 4.0 * (wanted as f64).sqrt();
            assert!((found as f64 - wanted as f64).abs() < allowed, "{found} instead of {wanted}");
        }
        let in_scene = |class: usize, scene: usize| {
            let rows = (0..2_000).filter(|&row| labels.scenes[row] == scene);
            rows.filter(|&row| labels.truth.get(row, class).is_positive()).count()
        };
        assert!(in_scene(0, 0) > 3 * in_scene(0, 1));
        assert!(in_scene(1, 1) > 3 * in_scene(1, 0));
    }
}

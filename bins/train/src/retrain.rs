//! What corrected labels are worth: heads of the labels before and after, measured on the same test rows.

use crate::model::Model;
use crate::sources::{Joined, join};
use crate::{FeatureSource, Fit, JudgedRows, LabelSource, Stage, TrainError};
use lacuna_labels::{Label, ObservedLabels};
use lacuna_protocols::Stream;
use std::borrow::Cow;

/// Two heads with the same settings and seed: see [`Fit::retrain`].
#[derive(Clone, Debug, PartialEq)]
pub struct Retrained {
    /// Of the labels as they were given.
    pub given: Model,
    /// Of the corrected labels.
    pub corrected: Model,
}

/// Mean average precision of two heads on the same rows: see [`Retrained::gain`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gain {
    /// Of the head of the given labels, in percent.
    pub before: f64,
    /// Of the head of the corrected labels, in percent.
    pub after: f64,
    /// Their difference, in percentage points.
    pub difference: f64,
    /// Lower end of its 95 % interval: the paired percentile bootstrap over rows.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Rows that were measured.
    pub rows: usize,
    /// Classes with a positive among them; the others are left out.
    pub classes: usize,
    /// Whether unknown cells counted as negative, because no negative is known.
    pub assuming_negative: bool,
}

impl Fit {
    /// Trains on the labels `y` and on the corrected ones, which have the rows and classes of `y` in its order.
    ///
    /// What is left to the data is chosen once, on `y`: the loss with its parameters, the penalty and the transform. Answers make some
    /// negatives known, the suspicious ones; a loss that was chosen anew could take them for a sample of all negatives and leave the unknown
    /// cells out.
    ///
    /// ```
    /// use lacuna_labels::{Features, Label, LabelMatrix, ObservedLabels};
    /// use lacuna_train::Fit;
    ///
    /// // The class is the sign of the feature; every other positive was lost.
    /// let x = Features::new(60, 2, (0..120).map(|i| (i as f32 * 0.7).sin()).collect())?;
    /// let positive = |i: usize| x.row(i / 2)[i % 2] > 0.0;
    /// let cell = |i| if positive(i) && i % 4 < 2 { Label::Positive } else { Label::Unknown };
    /// let y = ObservedLabels::from(LabelMatrix::new(60, 2, (0..120).map(cell).collect())?);
    /// let mut corrected = y.matrix().clone();
    /// corrected.set(1, 0, if positive(2) { Label::Positive } else { Label::Negative });
    /// let both = Fit::new("auto").retrain(&x, &y, &corrected.into())?;
    /// assert_eq!(both.given.trained_with().loss, both.corrected.trained_with().loss);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Fit::fit`]; [`TrainError::Rows`] where the corrected labels are not as many as the given ones.
    pub fn retrain<X, Y>(&self, x: &X, y: &Y, corrected: &ObservedLabels) -> Result<Retrained, TrainError>
    where
        X: FeatureSource + ?Sized,
        Y: LabelSource + ?Sized,
    {
        let joined = join(x, y)?;
        let rows = y.observed()?.rows();
        if (corrected.rows(), corrected.classes()) != (rows, joined.observed.classes()) {
            return Err(TrainError::Rows(format!(
                "there are {} x {} corrected labels, and {rows} x {} were given",
                corrected.rows(),
                corrected.classes(),
                joined.observed.classes()
            )));
        }
        let corrected = match &joined.label_rows {
            Some(rows) => Cow::Owned(corrected.select(rows)),
            None => Cow::Borrowed(corrected),
        };
        let (fit, notes) = self.resolved(&joined)?;
        let fit = fit.knowing_negatives(joined.observed.cells().contains(&Label::Negative));
        let train = |joined: &Joined<'_>, notes| {
            let steps = fit.observer().stage(Stage::Training, fit.most_epochs())?;
            let model = fit.fit_resolved(joined, notes, &steps)?;
            steps.end()?;
            Ok::<_, TrainError>(model)
        };
        let given = train(&joined, [joined.notes.clone(), notes].concat())?;
        let other = joined.of_rows(Cow::Borrowed(&*joined.features), corrected);
        let notes = vec![format!(
            "corrected labels; loss {}, penalty and transform are those that were chosen on the labels before",
            given.trained_with().loss
        )];
        let corrected = train(&other, notes)?;
        Ok(Retrained { given, corrected })
    }
}

impl Retrained {
    /// Measures both heads on the same rows, by their known cells; with unknown cells as negatives where no negative is known.
    ///
    /// The interval is over rows alone: that of two heads as they are, not of what another seed or other answers would give.
    ///
    /// # Errors
    /// As for [`Model::judge`]; [`TrainError::Labels`] where no cell is positive, [`TrainError::Setting`] for no resample.
    pub fn gain<X, Y>(&self, x: &X, y: &Y, resamples: usize) -> Result<Gain, TrainError>
    where
        X: FeatureSource + ?Sized,
        Y: LabelSource + ?Sized,
    {
        if resamples == 0 {
            return Err(TrainError::Setting("an interval needs at least one resample".to_string()));
        }
        let both = [&self.given, &self.corrected].map(|model| model.judge(x, y));
        let [given, corrected] = both;
        let (given, corrected) = (given?, corrected?);
        let [positives, negatives, unknown] = given.counts();
        if positives == 0 {
            return Err(TrainError::Labels("no cell of the test rows is positive".to_string()));
        }
        let assuming_negative = negatives == 0 && unknown > 0;
        let (given, corrected) = match assuming_negative {
            true => (given.assuming_negative(), corrected.assuming_negative()),
            false => (given, corrected),
        };
        let trained = self.given.trained_with();
        let measured = |rows: &JudgedRows| rows.average_precision(&trained.loss, trained.seed);
        let [(before, of_given), (after, of_corrected)] = [measured(&given)?, measured(&corrected)?];
        let (rows, columns) = (given.labels().rows(), given.labels().classes());
        let mut differences = Vec::with_capacity(resamples);
        let (mut ap, mut other) = (vec![0.0; columns], vec![0.0; columns]);
        for resample in 0..resamples {
            let mut stream = Stream::numbered(trained.seed, "resamples of test rows", resample as u64);
            let weights = stream.resample(rows);
            of_given.average_precisions(&weights, &mut ap);
            of_corrected.average_precisions(&weights, &mut other);
            // A class without a positive in the resample has 0 twice, and every other one more.
            let present = ap.iter().filter(|ap| **ap > 0.0).count().max(1);
            let sum: f64 = other.iter().zip(&ap).map(|(after, before)| after - before).sum();
            differences.push(100.0 * sum / present as f64);
        }
        differences.sort_by(f64::total_cmp);
        let at = |share: f64| differences[((share * resamples as f64) as usize).min(resamples - 1)];
        let classes = given.labels().positives_per_class().iter().filter(|count| **count > 0).count();
        let (low, high) = (at(0.025), at(0.975));
        Ok(Gain { before, after, difference: after - before, low, high, rows, classes, assuming_negative })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Head, MlpSpec};
    use lacuna_labels::{Features, LabelMatrix};

    const ROWS: usize = 400;

    /// Features, true labels and labels of which `seen` decides which positives are known. Five classes, of which each needs two
    /// of eight features.
    fn data(seen: impl Fn(usize) -> bool, stream: u64) -> (Features, ObservedLabels, ObservedLabels) {
        let mut stream = Stream::new(stream, "retrain");
        let x = Features::new(ROWS, 8, (0..ROWS * 8).map(|_| stream.normal() as f32).collect()).unwrap();
        let truth = |i: usize| {
            let (row, class) = (x.row(i / 5), i % 5);
            row[class] + row[class + 2] + 0.5 * row[class + 1] * row[class] > 1.2
        };
        let label = |cells: &dyn Fn(usize) -> Label| -> ObservedLabels {
            LabelMatrix::new(ROWS, 5, (0..ROWS * 5).map(cells).collect()).unwrap().into()
        };
        let y = label(&|i| if truth(i) && seen(i) { Label::Positive } else { Label::Unknown });
        let complete = label(&|i| if truth(i) { Label::Positive } else { Label::Negative });
        (x, complete, y)
    }

    #[test]
    fn settings_are_those_of_the_given_labels_although_answers_make_negatives_known() {
        let (x, truth, y) = data(|i| i.is_multiple_of(3), 1);
        // Half of the cells are answered, so that `auto` would take the unknown cells of the others out.
        let mut corrected = y.matrix().clone();
        for i in (0..ROWS * 5).filter(|i| i % 2 == 1) {
            corrected.set(i / 5, i % 5, truth.cells()[i]);
        }
        let corrected = ObservedLabels::from(corrected);
        assert_eq!(Fit::new("auto").fit(&x, &corrected).unwrap().trained_with().loss, "bce");
        for head in [Head::Linear, Head::Mlp(MlpSpec::plain(vec![8]))] {
            let fit = Fit::new("auto").head(head).epochs(30);
            let both = fit.retrain(&x, &y, &corrected).unwrap();
            assert_eq!(both.given, fit.fit(&x, &y).unwrap());
            let (given, other) = (both.given.trained_with(), both.corrected.trained_with());
            assert_eq!((&given.loss, &given.parameters), (&other.loss, &other.parameters));
            assert_ne!(both.given, both.corrected);
            let same = fit.retrain(&x, &y, &y).unwrap();
            assert_eq!(same.given.predict(&x).unwrap(), same.corrected.predict(&x).unwrap());
        }
        let (_, _, few) = data(|_| true, 1);
        let few = few.select(&[0, 1]);
        let error = Fit::new("auto").retrain(&x, &y, &few).unwrap_err();
        assert!(matches!(&error, TrainError::Rows(problem) if problem.contains("2 x 5")), "{error}");
    }

    #[test]
    fn the_gain_is_the_difference_of_the_two_metrics_and_its_interval_is_paired() {
        let (x, truth, y) = data(|i| i.is_multiple_of(7), 1);
        let (test, test_truth, test_seen) = data(|i| i.is_multiple_of(2), 2);
        let both = Fit::new("auto").retrain(&x, &y, &truth).unwrap();
        let gain = both.gain(&test, &test_truth, 400).unwrap();
        for (model, value) in [(&both.given, gain.before), (&both.corrected, gain.after)] {
            let rows = model.judge(&test, &test_truth).unwrap();
            assert_eq!(rows.report(Some(&["map-present"])).unwrap().value("map-present"), Some(value));
        }
        assert_eq!(gain.difference, gain.after - gain.before);
        assert!(gain.low < gain.difference && gain.difference < gain.high, "{gain:?}");
        assert!(gain.difference > 1.0 && gain.low > 0.0 && gain.high - gain.low < 6.0, "{gain:?}");
        assert_eq!((gain.rows, gain.classes, gain.assuming_negative), (ROWS, 5, false));
        assert!(both.gain(&test, &test_seen, 10).unwrap().assuming_negative);
        // The interval of two heads that are one is a point: rows are drawn once for both.
        let same = Retrained { given: both.given.clone(), corrected: both.given.clone() };
        let none = same.gain(&test, &test_truth, 50).unwrap();
        assert_eq!((none.low, none.difference, none.high), (0.0, 0.0, 0.0));
        assert!(both.gain(&test, &test_truth, 0).is_err());
    }

    #[test]
    fn corrected_labels_have_the_order_of_the_given_ones() {
        use crate::audit::tests::Named;
        use lacuna_formats::Strings;
        let (x, truth, y) = data(|i| i.is_multiple_of(3), 1);
        let plain = Fit::new("auto").retrain(&x, &y, &truth).unwrap();
        let names = |order: &[usize]| order.iter().map(|row| format!("r{row}")).collect::<Strings>();
        let forward: Vec<usize> = (0..ROWS).collect();
        let back: Vec<usize> = forward.iter().rev().copied().collect();
        let x = Named(x, names(&forward));
        let y = Named(y.select(&back), names(&back));
        let named = Fit::new("auto").retrain(&x, &y, &truth.select(&back)).unwrap();
        let weights = |model: &Model| model.weights().to_vec();
        assert_eq!(weights(&named.given), weights(&plain.given));
        assert_eq!(weights(&named.corrected), weights(&plain.corrected));
        let audit = crate::audit(&x, &y).unwrap();
        assert!(audit.top(20).iter().all(|cell| cell.label_row == ROWS - 1 - cell.row_index));
    }
}

//! Background rows beside the batch: losses of presence-only data.

use super::one_head::{LossInputs, OneHead};
use super::{At, Beside, Build, ProcedureRow, record_loss};
use crate::named::setting;
use crate::{Batch, TrainError, TrainSet};
use lacuna_engine::{Tape, Var};
use lacuna_losses::{Interval, MultiLabelLoss, Takes};
use lacuna_nn::Layer;
use lacuna_protocols::Stream;

pub(super) const ROW: ProcedureRow = ProcedureRow {
    name: "presence",
    doc: "A second forward pass of as many background rows, which nobody labelled: drawn from the background file of the data where \
          it has one, else uniformly from the space of the features.",
    source: "Cole et al., ICML 2023 (SINR); elijahcole/sinr@700956fdc0c4, whose background rows are uniform on the globe. The box \
             and the sphere of the features are ours",
    beside: Beside::Background,
    settings: &[setting(
        "sphere",
        0.0,
        Interval { low: 0.0, high: 1.0, open: false, whole: true },
        "without a background file: 0 draws each feature uniformly between its smallest and largest value in the training rows, 1 draws \
         uniformly from the vectors of length 1, for features that are normalised to it; coordinates that are encoded as sines and \
         cosines fill neither and need a file of encoded points",
    )],
    build: |parts| {
        let sphere = parts.values.flag("sphere");
        if sphere && parts.train.background.is_some() {
            let problem =
                "procedure presence: sphere = 1 would have no effect, because the data has background rows";
            return Err(TrainError::Setting(problem.to_string()));
        }
        Ok(Box::new(OneHead::new(parts, "presence", |parts| Background::new(parts, sphere))?))
    },
};

/// Where background rows come from.
enum Background {
    /// Rows of the background features, with replacement.
    Rows,
    /// Uniform between the smallest and the largest value of each feature.
    Box(Vec<(f32, f32)>),
    /// Uniform on the unit sphere.
    Sphere,
}

impl Background {
    fn new(parts: &mut Build<'_, '_>, sphere: bool) -> Self {
        match parts.train.background {
            Some(_) => Self::Rows,
            None if sphere => Self::Sphere,
            None => Self::Box(bounds(&parts.train)),
        }
    }

    /// Draws a row.
    fn draw(&self, stream: &mut Stream, train: &TrainSet<'_>, x: &mut [f32]) {
        match (self, train.background) {
            (Self::Box(bounds), _) => {
                for (x, &(low, high)) in x.iter_mut().zip(bounds) {
                    // In f64, where the width of any two floats is finite; a feature that is constant stays so.
                    let share = stream.uniform_f64();
                    *x = (f64::from(low) + (f64::from(high) - f64::from(low)) * share) as f32;
                }
            }
            (Self::Rows, Some(rows)) => rows.copy(stream.below(rows.rows()), x),
            // A normal vector points in every direction alike.
            _ => loop {
                x.iter_mut().for_each(|x| *x = stream.normal() as f32);
                let length = x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
                if length > 0.0 {
                    x.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
                    break;
                }
            },
        }
    }
}

/// Smallest and largest value of each feature in the rows that train.
fn bounds(train: &TrainSet<'_>) -> Vec<(f32, f32)> {
    let mut bounds = vec![(f32::INFINITY, f32::NEG_INFINITY); train.features.columns()];
    let mut x = vec![0.0; bounds.len()];
    for id in 0..train.len() as u32 {
        train.copy_features(id, &mut x);
        for ((low, high), &x) in bounds.iter_mut().zip(&x) {
            (*low, *high) = (low.min(x), high.max(x));
        }
    }
    bounds
}

impl LossInputs for Background {
    const TAKES: Takes = Takes::Background;

    fn step(
        &mut self,
        head: &dyn Layer,
        loss: &mut dyn MultiLabelLoss,
        tape: &mut Tape,
        batch: &Batch<'_>,
        at: At,
    ) -> Result<Var, TrainError> {
        let x = batch.x(tape);
        let z = tape.scope("head", |tape| head.forward(tape, x, at.mode()));
        let columns = batch.train.features.columns();
        let stream = &mut Stream::numbered(at.seed, "background rows", at.step);
        let drawn = tape.input_with([batch.rows(), columns], |x| {
            x.chunks_exact_mut(columns).for_each(|x| self.draw(stream, &batch.train, x));
        });
        let background = tape.scope("background", |tape| head.forward(tape, drawn, at.mode()));
        Ok(record_loss(tape, loss, &[z, background], batch, None, at)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_labels::{Features, Label, LabelMatrix, ObservedLabels};

    #[test]
    fn rows_are_where_they_should_be() {
        let features = Features::new(3, 2, vec![1.0, 5.0, -3.0, 5.0, 100.0, 100.0]).unwrap();
        let labels = LabelMatrix::new(3, 1, vec![Label::Positive; 3]).unwrap();
        let observed = ObservedLabels::from(labels);
        let points = Features::new(2, 2, vec![7.0, 8.0, 9.0, 10.0]).unwrap();
        let train = TrainSet::new(&features, &observed, &[0, 1]);
        let draws = |from: &Background, train: &TrainSet<'_>| -> Vec<[f32; 2]> {
            let stream = &mut Stream::numbered(1, "background rows", 0);
            let mut draw = || {
                let mut x = [f32::NAN; 2];
                from.draw(stream, train, &mut x);
                x
            };
            (0..400).map(|_| draw()).collect()
        };
        // The row that does not train is not in the box; the second feature is constant.
        let in_box = draws(&Background::Box(bounds(&train)), &train);
        assert!(in_box.iter().all(|x| (-3.0..=1.0).contains(&x[0]) && x[1] == 5.0));
        let below = in_box.iter().filter(|x| x[0] < -2.0).count();
        assert!((70..130).contains(&below), "a quarter of 400 are {below}");
        let on_sphere = draws(&Background::Sphere, &train);
        assert!(on_sphere.iter().all(|x| ((x[0] * x[0] + x[1] * x[1]) - 1.0).abs() < 1e-6));
        let right = on_sphere.iter().filter(|x| x[0] > 0.0).count();
        assert!((150..250).contains(&right), "half of 400 are {right}");
        let of_file = draws(&Background::Rows, &TrainSet { background: Some((&points).into()), ..train });
        assert!(of_file.contains(&[7.0, 8.0]) && of_file.contains(&[9.0, 10.0]));
        assert!(of_file.iter().all(|x| *x == [7.0, 8.0] || *x == [9.0, 10.0]));
    }
}

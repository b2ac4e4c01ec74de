//! Passes over a batch for losses that are made of sums over the rows of each class.

use crate::LossInput;
use crate::pointwise::load_targets;
use lacuna_kernels::{f32x8, lanes};

/// Shows `f` every eight entries of the only logit matrix: (first class, logits, labels as floats). Lanes behind
/// the last class hold a logit of 0 and an unknown label.
#[inline]
pub fn visit(input: &LossInput<'_>, mut f: impl FnMut(usize, f32x8, f32x8)) {
    let rows = input.logits[0].chunks(input.classes).zip(input.targets.labels.chunks(input.classes));
    for (z, labels) in rows {
        for ((z, labels), class) in z.chunks(8).zip(labels.chunks(8)).zip((0..).step_by(8)) {
            f(class, lanes::load(z), load_targets(labels));
        }
    }
}

/// The same, leaving what `f` gives in `dz`.
#[inline]
pub fn write(input: &LossInput<'_>, dz: &mut [f32], mut f: impl FnMut(usize, f32x8, f32x8) -> f32x8) {
    let rows = input.logits[0].chunks(input.classes).zip(input.targets.labels.chunks(input.classes));
    for ((z, labels), dz) in rows.zip(dz.chunks_mut(input.classes)) {
        for (((z, labels), dz), class) in
            z.chunks(8).zip(labels.chunks(8)).zip(dz.chunks_mut(8)).zip((0..).step_by(8))
        {
            lanes::store(f(class, lanes::load(z), load_targets(labels)), dz);
        }
    }
}

/// A sum in f64 for each class.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassSums {
    sums: Vec<f64>,
    classes: usize,
}

impl ClassSums {
    /// All zero, for so many classes; allocates only where there are more than there ever were.
    pub fn clear(&mut self, classes: usize) {
        self.sums.clear();
        self.sums.resize(classes.next_multiple_of(8), 0.0);
        self.classes = classes;
    }

    /// Adds eight lanes to the classes from `class` on; what falls behind the last class is not counted.
    #[inline]
    pub fn add(&mut self, class: usize, lanes: f32x8) {
        for (sum, x) in self.sums[class..class + 8].iter_mut().zip(lanes.to_array()) {
            *sum += f64::from(x);
        }
    }

    /// The sums.
    pub fn values(&self) -> &[f64] {
        &self.sums[..self.classes]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Label;

    #[test]
    fn every_width_is_summed_and_written() {
        for classes in [1, 3, 8, 9, 16, 21] {
            let z: Vec<f32> = (0..5 * classes).map(|i| i as f32 - 7.0).collect();
            let labels: Vec<Label> =
                (0..z.len()).map(|i| if i % 3 == 0 { Label::Positive } else { Label::Unknown }).collect();
            let logits = [&z[..]];
            let input = LossInput::new(&logits, 5, classes, &labels);
            let mut sums = ClassSums::default();
            for _ in 0..2 {
                sums.clear(classes);
                visit(&input, |class, z, label| sums.add(class, z + label));
            }
            let cell = |i: usize| z[i] + f32::from(u8::from(labels[i].is_positive()));
            for (class, sum) in sums.values().iter().enumerate() {
                let exact: f32 = (0..5).map(|row| cell(row * classes + class)).sum();
                assert_eq!(*sum, f64::from(exact));
            }
            assert_eq!(sums.values().len(), classes);
            let mut dz = vec![f32::NAN; z.len()];
            write(&input, &mut dz, |class, z, label| z + label + f32x8::splat(class as f32));
            for (i, dz) in dz.iter().enumerate() {
                assert_eq!(*dz, cell(i) + (i % classes / 8 * 8) as f32);
            }
        }
    }
}

//! Transforms of the features before the head, fitted on the rows that train.

use crate::named::{NamedRow, SettingInfo, Values, optional, setting};
use crate::{Named, TrainError, pca};
use lacuna_labels::{FeatureError, Features};
use lacuna_losses::Interval;
use serde::{Deserialize, Serialize};

/// One row of [`TRANSFORMS`].
#[derive(Debug)]
pub struct TransformRow {
    /// Name in a specification.
    pub name: &'static str,
    /// One sentence.
    pub doc: &'static str,
    settings: &'static [SettingInfo],
    fit: fn(&Features, &[u32], &Values) -> Result<Transform, TrainError>,
}

impl NamedRow for TransformRow {
    const KIND: &'static str = "transform";
    fn name(&self) -> &'static str {
        self.name
    }
    fn settings(&self) -> &'static [SettingInfo] {
        self.settings
    }
}

/// Bytes from which on features are not copied to be transformed.
const LARGE: usize = 192 << 20;

/// Every transform of features.
pub static TRANSFORMS: &[TransformRow] = &[
    TransformRow {
        name: "none",
        doc: "Features as they are.",
        settings: &[],
        fit: |_, _, _| Ok(Transform::default()),
    },
    TransformRow {
        name: "l2",
        doc: "Every row divided by its Euclidean norm; a row of zeros stays one.",
        settings: &[],
        fit: |_, _, _| Ok(Transform { l2: true, ..Transform::default() }),
    },
    TransformRow {
        name: "standardise",
        doc: "Every feature minus its mean over the training rows, divided by its standard deviation.",
        settings: &[],
        fit: |features, rows, _| Ok(standardised(features, rows, false)),
    },
    TransformRow {
        name: "l2-standardise",
        doc: "Rows divided by their norm, then standardised.",
        settings: &[],
        fit: |features, rows, _| Ok(standardised(features, rows, true)),
    },
    TransformRow {
        name: "pca",
        doc: "Centred features in the directions of largest variance over the training rows.",
        settings: &[
            optional("components", Interval::whole_from(1.0), "directions that are kept; has to be given"),
            setting("whiten", 0.0, Interval::closed(0.0, 1.0), "1 divides each by its standard deviation"),
        ],
        fit: |features, rows, values| {
            let Some(components) = values.given("components") else {
                let problem = "transform pca: `components` says how many directions are kept";
                return Err(TrainError::Setting(problem.to_string()));
            };
            let means = means(features, rows, false);
            let whiten = values.flag("whiten");
            let components = pca::directions(features, rows, &means, components as usize, whiten)?;
            let mean = means.iter().map(|mean| *mean as f32).collect();
            Ok(Transform { mean, components, ..Transform::default() })
        },
    },
];

/// A fitted transform: x / |x| where `l2`, then (x - mean) scale, then the projection on `components`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transform {
    /// Whether rows are divided by their norm.
    pub l2: bool,
    /// What is subtracted, `[D]`; nothing where empty.
    pub mean: Vec<f32>,
    /// What is multiplied afterwards, `[D]`; nothing where empty.
    pub scale: Vec<f32>,
    /// Directions, `[K, D]`; none where empty.
    pub components: Vec<f32>,
}

impl Transform {
    /// The transform `named`, fitted on rows `rows` of `features`.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for an unknown name or setting, or one that does not fit the features.
    pub fn fit(named: &Named, features: &Features, rows: &[u32]) -> Result<Self, TrainError> {
        let (row, values) = named.find(TRANSFORMS)?;
        (row.fit)(features, rows, &values)
    }

    /// Whether it leaves features as they are.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Number of features after it, of `columns` before.
    pub fn columns(&self, columns: usize) -> usize {
        if self.components.is_empty() { columns } else { self.components.len() / columns }
    }

    /// Whether rows had better be transformed each time they are read than all at once: where the features are
    /// [on disk](Features::is_on_disk), and where a second matrix of them would be large, unless the transform is a projection,
    /// which costs more than a step of training.
    pub fn is_applied_when_read(&self, features: &Features) -> bool {
        let bytes = 4 * features.rows() * features.columns();
        features.is_on_disk() || (bytes >= LARGE && self.components.is_empty())
    }

    /// Transformed features.
    ///
    /// # Panics
    /// If a transformed feature is beyond the range of 32-bit floats.
    pub fn apply(&self, features: &Features) -> Features {
        self.try_apply(features).expect("finite features stay finite")
    }

    /// Transformed features.
    ///
    /// # Errors
    /// [`TrainError::Setting`] where one is beyond the range of 32-bit floats.
    pub fn try_apply(&self, features: &Features) -> Result<Features, TrainError> {
        let wide = self.columns(features.columns());
        let mut values = Vec::with_capacity(features.rows() * wide);
        let mut row = vec![0.0; features.columns()];
        for i in 0..features.rows() {
            row.copy_from_slice(features.row(i));
            self.apply_row(&mut row, &mut values);
        }
        Features::new(features.rows(), wide, values).map_err(Self::refused)
    }

    /// The error of a transformed feature that is not finite.
    pub(crate) fn not_finite(row: usize, column: usize, value: f32) -> TrainError {
        Self::refused(FeatureError::NotFinite { row, column, value })
    }

    fn refused(error: FeatureError) -> TrainError {
        TrainError::Setting(format!("the transform of the features: {error}"))
    }

    /// Transformed features, in the memory of the given ones where nothing else shares it and the number of columns stays.
    ///
    /// # Errors
    /// [`TrainError::Setting`] where one is beyond the range of 32-bit floats.
    pub fn apply_in_place(&self, features: Features) -> Result<Features, TrainError> {
        if !self.components.is_empty() {
            return self.try_apply(&features);
        }
        features.map_rows(|row| self.prepare(row)).map_err(Self::refused)
    }

    /// Appends the transformed row to `out`; `row` is changed.
    pub(crate) fn apply_row(&self, row: &mut [f32], out: &mut Vec<f32>) {
        self.prepare(row);
        if self.components.is_empty() {
            out.extend_from_slice(row);
        } else {
            let project = |w: &[f32]| w.iter().zip(&*row).map(|(w, x)| f64::from(w * x)).sum::<f64>() as f32;
            out.extend(self.components.chunks(row.len()).map(project));
        }
    }

    /// Writes the transformed `row` to `out`, without memory of its own.
    pub(crate) fn apply_to(&self, row: &[f32], out: &mut [f32]) {
        if self.components.is_empty() {
            out.copy_from_slice(row);
            return self.prepare(out);
        }
        assert!(!self.l2 && self.scale.is_empty(), "components are of features that are centred alone");
        for (out, w) in out.iter_mut().zip(self.components.chunks(row.len())) {
            let products = w.iter().zip(row).zip(&self.mean).map(|((w, x), mean)| f64::from(w * (x - mean)));
            *out = products.sum::<f64>() as f32;
        }
    }

    /// Division by the norm, centring and scaling of one row.
    fn prepare(&self, row: &mut [f32]) {
        if self.l2 {
            normalise(row);
        }
        row.iter_mut().zip(&self.mean).for_each(|(x, mean)| *x -= mean);
        row.iter_mut().zip(&self.scale).for_each(|(x, scale)| *x *= scale);
    }

    /// The part that is a linear map, folded into the first linear layer: with x' = A (x - mean) the weights W `[D', H]`
    /// become A^T W `[D, H]`, and the bias b becomes b - mean A^T W. What remains is the division by the norm, if any.
    pub(crate) fn fold(&self, weight: &mut Vec<f32>, bias: &mut [f32]) {
        let hidden = bias.len();
        if !self.components.is_empty() {
            let kept = weight.len() / hidden;
            let columns = self.components.len() / kept;
            let mut wide = vec![0.0_f64; columns * hidden];
            for (direction, w) in self.components.chunks(columns).zip(weight.chunks(hidden)) {
                for (a, out) in direction.iter().zip(wide.chunks_mut(hidden)) {
                    out.iter_mut().zip(w).for_each(|(out, w)| *out += f64::from(*a) * f64::from(*w));
                }
            }
            *weight = wide.into_iter().map(|w| w as f32).collect();
        }
        for (w, scale) in weight.chunks_mut(hidden).zip(&self.scale) {
            w.iter_mut().for_each(|w| *w *= scale);
        }
        let mut shift = vec![0.0_f64; hidden];
        for (w, mean) in weight.chunks(hidden).zip(&self.mean) {
            shift.iter_mut().zip(w).for_each(|(shift, w)| *shift += f64::from(*mean) * f64::from(*w));
        }
        bias.iter_mut().zip(shift).for_each(|(b, shift)| *b = (f64::from(*b) - shift) as f32);
    }
}

/// x / |x|; a row of zeros stays one.
pub(crate) fn normalise(row: &mut [f32]) {
    let norm = row.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
    if norm > 0.0 {
        let by = (1.0 / norm) as f32;
        if by.is_finite() {
            row.iter_mut().for_each(|x| *x *= by);
        } else {
            // The row is so short that 1 / |x| is beyond 32 bits.
            row.iter_mut().for_each(|x| *x = (f64::from(*x) / norm) as f32);
        }
    }
}

/// Mean of every column over the rows, after division by the norm where `l2`.
pub(crate) fn means(features: &Features, rows: &[u32], l2: bool) -> Vec<f64> {
    let mut sums = vec![0.0_f64; features.columns()];
    each_row(features, rows, l2, |row| {
        sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
    });
    sums.iter().map(|sum| sum / rows.len().max(1) as f64).collect()
}

fn each_row(features: &Features, rows: &[u32], l2: bool, mut visit: impl FnMut(&[f32])) {
    let mut row = vec![0.0; features.columns()];
    for &i in rows {
        row.copy_from_slice(features.row(i as usize));
        if l2 {
            normalise(&mut row);
        }
        visit(&row);
    }
}

fn standardised(features: &Features, rows: &[u32], l2: bool) -> Transform {
    let means = means(features, rows, l2);
    let mut squares = vec![0.0_f64; means.len()];
    each_row(features, rows, l2, |row| {
        for ((square, x), mean) in squares.iter_mut().zip(row).zip(&means) {
            *square += (f64::from(*x) - mean).powi(2);
        }
    });
    // A feature that does not vary is centred and left at its scale.
    let scale = squares.iter().map(|square| match (square / rows.len().max(1) as f64).sqrt() {
        deviation if deviation > 1e-12 => (1.0 / deviation) as f32,
        _ => 1.0,
    });
    Transform {
        l2,
        scale: scale.collect(),
        mean: means.iter().map(|mean| *mean as f32).collect(),
        components: vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_protocols::Stream;

    fn features(rows: usize, columns: usize) -> Features {
        let mut stream = Stream::new(5, "transform");
        // Columns of different scale and place, the first two correlated.
        let mut values = Vec::new();
        for _ in 0..rows {
            let common = stream.normal() as f32;
            for column in 0..columns {
                let own = stream.normal() as f32;
                let scale = 1.0 / (1.0 + column as f32);
                values.push(if column < 2 { 3.0 * common + 0.1 * own } else { scale * own } + column as f32);
            }
        }
        Features::new(rows, columns, values).unwrap()
    }

    /// What is applied when is only seen in time and memory: the numbers are the same.
    #[test]
    fn a_large_matrix_is_transformed_row_by_row_and_a_small_one_at_once() {
        let (small, rows): (_, Vec<u32>) = (features(20, 5), (0..20).collect());
        let columns = 1024;
        let large = Features::new(LARGE / 4 / columns, columns, vec![0.5; LARGE / 4]).unwrap();
        let l2 = Transform::fit(&Named::new("l2"), &small, &rows).unwrap();
        assert!(l2.is_applied_when_read(&large) && !l2.is_applied_when_read(&small));
        let projected = Transform::fit(&Named::new("pca").set("components", 2.0), &small, &rows).unwrap();
        assert!(!projected.is_applied_when_read(&large));
    }

    #[test]
    fn standardised_features_have_mean_0_and_deviation_1() {
        let (x, rows): (_, Vec<u32>) = (features(200, 5), (0..150).collect());
        let y = Transform::fit(&Named::new("standardise"), &x, &rows).unwrap().apply(&x);
        for column in 0..5 {
            let values: Vec<f64> = (0..150).map(|row| f64::from(y.row(row)[column])).collect();
            let mean = values.iter().sum::<f64>() / 150.0;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 150.0;
            assert!(mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-5, "{column}: {mean} {variance}");
        }
        for named in ["l2", "standardise", "l2-standardise"] {
            let transform = Transform::fit(&Named::new(named), &x, &rows).unwrap();
            assert_eq!(transform.apply_in_place(x.clone()).unwrap(), transform.apply(&x), "{named}");
        }
        let l2 = Transform::fit(&Named::new("l2"), &x, &rows).unwrap().apply(&x);
        assert!((0..200).all(|row| (l2.row(row).iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5));
    }

    #[test]
    fn principal_components_are_orthonormal_and_keep_the_variance() {
        let (x, rows): (_, Vec<u32>) = (features(300, 6), (0..300).collect());
        let named = Named::new("pca").set("components", 3.0);
        let pca = Transform::fit(&named, &x, &rows).unwrap();
        let direction = |i: usize| &pca.components[i * 6..(i + 1) * 6];
        for i in 0..3 {
            for j in 0..=i {
                let dot: f32 = direction(i).iter().zip(direction(j)).map(|(a, b)| a * b).sum();
                assert!((dot - f32::from(u8::from(i == j))).abs() < 1e-5, "{i} {j} {dot}");
            }
        }
        let y = pca.apply(&x);
        let variance =
            |column: usize| (0..300).map(|row| f64::from(y.row(row)[column]).powi(2)).sum::<f64>() / 300.0;
        // Two columns of 3 common: a variance of about 18 in their common direction.
        assert!(variance(0) > 15.0 && variance(0) > variance(1) && variance(1) > variance(2));
        let white = Transform::fit(&named.set("whiten", 1.0), &x, &rows).unwrap().apply(&x);
        let unit = (0..300).map(|row| f64::from(white.row(row)[2]).powi(2)).sum::<f64>() / 300.0;
        assert!((unit - 1.0).abs() < 1e-4, "{unit}");
        let many = Transform::fit(&Named::new("pca").set("components", 7.0), &x, &rows);
        assert!(many.unwrap_err().to_string().contains("7 directions"));
        // All that there are: as many as columns, or one less than rows.
        assert!(Transform::fit(&Named::new("pca").set("components", 6.0), &x, &rows).is_ok());
        assert!(Transform::fit(&Named::new("pca").set("components", 3.0), &x, &rows[..4]).is_ok());
        assert!(Transform::fit(&Named::new("pca").set("components", 4.0), &x, &rows[..4]).is_err());
        assert!(Transform::fit(&Named::new("pca"), &x, &rows).is_err());
    }

    #[test]
    fn folding_into_the_weights_changes_no_logit() {
        let (x, rows): (_, Vec<u32>) = (features(50, 6), (0..50).collect());
        for named in [Named::new("standardise"), Named::new("pca").set("components", 4.0).set("whiten", 1.0)]
        {
            let transform = Transform::fit(&named, &x, &rows).unwrap();
            let inside = transform.columns(6);
            let mut weight: Vec<f32> = (0..inside * 2).map(|i| (i as f32 * 0.7).sin()).collect();
            let mut bias = vec![0.5, -0.25];
            let logits = |x: &Features, w: &[f32], b: &[f32]| -> Vec<f32> {
                let row = |i: usize| (0..2).map(move |c| (i, c));
                (0..50)
                    .flat_map(row)
                    .map(|(i, c)| b[c] + x.row(i).iter().zip(w.chunks(2)).map(|(x, w)| x * w[c]).sum::<f32>())
                    .collect()
            };
            let before = logits(&transform.apply(&x), &weight, &bias);
            transform.fold(&mut weight, &mut bias);
            let after = logits(&x, &weight, &bias);
            assert!(before.iter().zip(&after).all(|(a, b)| (a - b).abs() < 1e-3), "{named}");
        }
    }
}

//! The normalised classifiers of the three branches.

use lacuna_loss_api::{LossError, Real};

/// The branch a classifier belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branch {
    /// Takes what the head classes share off a feature.
    Head,
    /// Adds more of it.
    Tail,
    /// Leaves features as they are.
    Balanced,
}

/// Parameters of [`CausalClassifier`].
#[derive(Clone, Debug, PartialEq)]
pub struct CausalConfig {
    /// The branch.
    pub branch: Branch,
    /// Groups G > 0 into which features are cut, each normalised on its own.
    pub groups: usize,
    /// Scale tau of the logits.
    pub tau: f64,
    /// What is added to the norm of a weight vector.
    pub gamma: f64,
    /// How much the tail branch adds.
    pub alpha: f64,
}

impl CausalConfig {
    /// The authors' values: one group, 16, 1/32, 2.
    pub fn published(branch: Branch) -> Self {
        Self { branch, groups: 1, tau: 16.0, gamma: 1.0 / 32.0, alpha: 2.0 }
    }

    /// What cos(x, e) e of the moving vector is multiplied with before it is added.
    fn share(&self) -> f64 {
        match self.branch {
            Branch::Head => -1.0,
            Branch::Tail => self.alpha,
            Branch::Balanced => 0.0,
        }
    }
}

/// Logits from the angle between features and weights, without, with more of or with as much of the direction in which
/// the features of a branch have moved.
///
/// For each of G groups of the features, with x^ = x / |x|, w^ = w / (|w| + gamma), e^ = e / |e|:
/// ```text
/// head x' = x^ - cos(x, e) e^;   tail x' = x^ + alpha cos(x, e) e^;   balanced x' = x^
/// z = tau / G sum over groups of x' w^T
/// ```
/// A feature or a moving vector that is 0 stays 0.
///
/// Zhang et al., ICCV 2023, section 3.4; wannature/COMIC@1de14e5cfb20, models/CausalNormClassifier.py.
///
/// ```
/// use lacuna_comic::{Branch, CausalClassifier, CausalConfig};
///
/// let classifier = CausalClassifier::new(CausalConfig::published(Branch::Balanced), 2)?;
/// let mut z = [0.0];
/// classifier.forward(&[3.0, 4.0], &[3.0, 4.0], &[0.0, 0.0], &mut z);
/// assert!((z[0] - 16.0 * 5.0 / (5.0 + 1.0 / 32.0)).abs() < 1e-4); // the same direction
/// # Ok::<(), lacuna_loss_api::LossError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct CausalClassifier {
    config: CausalConfig,
    width: usize,
}

/// Derivatives of a classifier.
#[derive(Debug)]
pub struct Gradients<'a> {
    /// With respect to the features, `[rows, width]`.
    pub features: &'a mut [f32],
    /// With respect to the weights, `[classes, width]`.
    pub weights: &'a mut [f32],
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (mut lanes, (a8, a_rest), (b8, b_rest)) = ([0.0f32; 8], a.as_chunks::<8>(), b.as_chunks::<8>());
    for (a, b) in a8.iter().zip(b8) {
        for (sum, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    lanes.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

/// a += k b.
fn add(a: &mut [f32], k: f32, b: &[f32]) {
    for (a, b) in a.iter_mut().zip(b) {
        *a += k * b;
    }
}

/// 1 / x, 0 for 0.
fn inverse(x: f32) -> f32 {
    if x > 0.0 { 1.0 / x } else { 0.0 }
}

impl CausalClassifier {
    /// A classifier of features with so many numbers.
    ///
    /// # Errors
    /// [`LossError::Unsupported`] if the features cannot be cut into the groups, or a number is not one that the
    /// formula has.
    pub fn new(config: CausalConfig, width: usize) -> Result<Self, LossError> {
        let CausalConfig { groups, tau, gamma, alpha, .. } = config;
        if groups == 0 || width == 0 || !width.is_multiple_of(groups) {
            let message = format!("features of {width} numbers do not make {groups} equal groups");
            return Err(LossError::Unsupported(message));
        }
        if !(tau.is_finite() && alpha.is_finite() && gamma.is_finite() && gamma >= 0.0) {
            let message = format!("a classifier with tau {tau}, gamma {gamma}, alpha {alpha}");
            return Err(LossError::Unsupported(message));
        }
        Ok(Self { config, width })
    }

    /// Shapes, of which the number of rows and of classes are found out.
    fn sizes(&self, features: &[f32], weights: &[f32], embed: &[f32], z: &[f32]) -> (usize, usize) {
        let (rows, classes) = (features.len() / self.width, weights.len() / self.width);
        let fits = features.len() == rows * self.width
            && weights.len() == classes * self.width
            && embed.len() == self.width
            && z.len() == rows * classes;
        assert!(
            fits,
            "a classifier of {} numbers was given features {}, weights {}, a moving vector {}, logits {}",
            self.width,
            features.len(),
            weights.len(),
            embed.len(),
            z.len()
        );
        (rows, classes)
    }

    /// Logits `[rows, classes]` of features `[rows, width]`, with weights `[classes, width]` and the moving vector
    /// `[width]` of the branch.
    ///
    /// # Panics
    /// If the sizes do not fit.
    pub fn forward(&self, features: &[f32], weights: &[f32], embed: &[f32], z: &mut [f32]) {
        let (_, classes) = self.sizes(features, weights, embed, z);
        let (scale, wide) = (self.scale(), self.width / self.config.groups);
        let shown = self.shown(features, embed);
        let inverses = self.weight_inverses(weights);
        for (x, z) in shown.chunks(self.width).zip(z.chunks_mut(classes.max(1))) {
            let classes = weights.chunks(self.width).zip(inverses.chunks(self.config.groups));
            for (z, (w, inverses)) in z.iter_mut().zip(classes) {
                let groups = x.chunks(wide).zip(w.chunks(wide)).zip(inverses);
                *z = scale * groups.map(|((x, w), by)| by * dot(x, w)).sum::<f32>();
            }
        }
    }

    /// The derivatives of a number whose derivatives with respect to the logits are `g` `[rows, classes]`; the moving
    /// vector is a constant.
    ///
    /// # Panics
    /// If the sizes do not fit.
    pub fn backward(&self, features: &[f32], weights: &[f32], embed: &[f32], g: &[f32], out: Gradients<'_>) {
        let (_, classes) = self.sizes(features, weights, embed, g);
        self.sizes(out.features, out.weights, embed, g);
        let groups = self.config.groups;
        let (scale, wide, share) = (self.scale(), self.width / groups, self.config.share() as f32);
        let shown = self.shown(features, embed);
        let inverses = self.weight_inverses(weights);
        out.features.fill(0.0);
        out.weights.fill(0.0);
        // With respect to x' and w^ first.
        for (row, g) in g.chunks(classes.max(1)).enumerate() {
            let at = row * self.width;
            let (x, dx) = (&shown[at..at + self.width], &mut out.features[at..at + self.width]);
            for (class, g) in g.iter().enumerate() {
                let at = class * self.width;
                let (w, dw) = (&weights[at..at + self.width], &mut out.weights[at..at + self.width]);
                for group in 0..groups {
                    let part = group * wide..(group + 1) * wide;
                    let by = scale * g;
                    add(&mut dx[part.clone()], by * inverses[class * groups + group], &w[part.clone()]);
                    add(&mut dw[part.clone()], by, &x[part]);
                }
            }
        }
        // x' = x^ + k (x^ e^) e^, x^ = x / |x|: dx = (d - x^ (x^ d)) / |x| with d = dx' + k (e^ dx') e^.
        for (x, dx) in features.chunks(self.width).zip(out.features.chunks_mut(self.width)) {
            for ((x, dx), e) in x.chunks(wide).zip(dx.chunks_mut(wide)).zip(embed.chunks(wide)) {
                let by_e = inverse(dot(e, e).sqrt());
                let k = share * by_e * by_e * dot(e, dx);
                add(dx, k, e);
                let by = inverse(dot(x, x).sqrt());
                let along = by * by * dot(x, dx);
                add(dx, -along, x);
                dx.iter_mut().for_each(|dx| *dx *= by);
            }
        }
        // w^ = w / (|w| + gamma): dw = d / (|w| + gamma) - w (w d) / (|w| (|w| + gamma)^2).
        let rows = weights.chunks(wide).zip(out.weights.chunks_mut(wide)).zip(&inverses);
        for ((w, dw), by) in rows {
            let along = by * by * inverse(dot(w, w).sqrt()) * dot(w, dw);
            dw.iter_mut().for_each(|dw| *dw *= by);
            add(dw, -along, w);
        }
    }

    fn scale(&self) -> f32 {
        (self.config.tau / self.config.groups as f64) as f32
    }

    /// x' of every feature.
    fn shown(&self, features: &[f32], embed: &[f32]) -> Vec<f32> {
        let (wide, share) = (self.width / self.config.groups, self.config.share() as f32);
        let mut shown = features.to_vec();
        for x in shown.chunks_mut(self.width) {
            for (x, e) in x.chunks_mut(wide).zip(embed.chunks(wide)) {
                let by = inverse(dot(x, x).sqrt());
                x.iter_mut().for_each(|x| *x *= by);
                let by_e = inverse(dot(e, e).sqrt());
                let k = share * by_e * by_e * dot(x, e);
                add(x, k, e);
            }
        }
        shown
    }

    /// 1 / (|w| + gamma) of every group of every class.
    fn weight_inverses(&self, weights: &[f32]) -> Vec<f32> {
        let wide = self.width / self.config.groups;
        let of = |w: &[f32]| inverse(dot(w, w).sqrt() + self.config.gamma as f32);
        weights.chunks(wide).map(of).collect()
    }
}

/// The formula of [`CausalClassifier`] for one feature and one weight vector, scalar.
pub fn logit<R: Real>(x: &[R], w: &[R], embed: &[f64], config: &CausalConfig) -> R {
    let wide = x.len() / config.groups;
    let norm = |x: &[R]| R::sum(x.iter().map(|&x| x * x)).sqrt();
    let group = |((x, w), e): ((&[R], &[R]), &[f64])| {
        let length = e.iter().map(|e| e * e).sum::<f64>().sqrt();
        let e: Vec<f64> = e.iter().map(|e| if length > 0.0 { e / length } else { 0.0 }).collect();
        let (by_x, by_w) = (norm(x), norm(w) + R::of(config.gamma));
        let cosine = R::sum(x.iter().zip(&e).map(|(&x, &e)| x * R::of(e))) / by_x;
        let shown = |(&x, &e): (&R, &f64)| x / by_x + R::of(config.share() * e) * cosine;
        R::sum(x.iter().zip(&e).zip(w).map(|(xe, &w)| shown(xe) * w)) / by_w
    };
    let groups = x.chunks(wide).zip(w.chunks(wide)).zip(embed.chunks(wide));
    R::of(config.tau / config.groups as f64) * R::sum(groups.map(group))
}

/// The direction in which the features of a branch move: e = mu e + mean of the batch, from 0, not divided by 1 - mu.
///
/// wannature/COMIC@1de14e5cfb20, models/CausalNormClassifier.py, mu 0.9; the paper has gradients in place of features.
///
/// ```
/// use lacuna_comic::MovingVector;
///
/// let mut e = MovingVector::new(0.9, 2);
/// e.update(&[1.0, 2.0, 3.0, 4.0]);
/// e.update(&[0.0, 0.0]);
/// assert_eq!(e.values(), [1.8, 2.7]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct MovingVector {
    mu: f64,
    values: Vec<f64>,
}

impl MovingVector {
    /// A vector of zeros with so many numbers.
    pub fn new(mu: f64, width: usize) -> Self {
        Self { mu, values: vec![0.0; width] }
    }

    /// Takes in the features `[rows, width]` of a batch.
    ///
    /// # Panics
    /// Unless they are whole rows.
    pub fn update(&mut self, features: &[f32]) {
        let wide: Vec<f64> = features.iter().map(|&x| f64::from(x)).collect();
        self.update_wide(&wide);
    }

    /// The same for features in f64.
    ///
    /// # Panics
    /// Unless they are whole rows.
    pub fn update_wide(&mut self, features: &[f64]) {
        let width = self.values.len();
        let whole = width > 0 && !features.is_empty() && features.len().is_multiple_of(width);
        assert!(whole, "{} features for a moving vector of {width} numbers", features.len());
        let rows = (features.len() / width) as f64;
        for (class, e) in self.values.iter_mut().enumerate() {
            *e = self.mu * *e + features[class..].iter().step_by(width).sum::<f64>() / rows;
        }
    }

    /// The vector.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// State to be saved with a checkpoint.
    pub fn state(&self) -> lacuna_loss_api::StateEntry {
        lacuna_loss_api::StateEntry { name: "moving_vector".to_owned(), values: self.values.clone() }
    }

    /// Restores what [`state`](Self::state) gave.
    ///
    /// # Errors
    /// [`LossError::State`] if it is not the state of a vector of this width.
    pub fn restore(&mut self, entry: &lacuna_loss_api::StateEntry) -> Result<(), LossError> {
        let width = self.values.len();
        let finite = entry.values.iter().all(|x| x.is_finite());
        if entry.name != "moving_vector" || entry.values.len() != width || !finite {
            let message = format!("a moving vector has {width} finite numbers `moving_vector`");
            return Err(LossError::State(message));
        }
        self.values.copy_from_slice(&entry.values);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::Dual;

    #[test]
    fn derivatives_are_those_of_the_formula() {
        let number = |i: usize| ((i * 7919 + 13) % 101) as f64 / 50.0 - 1.0;
        for branch in [Branch::Head, Branch::Tail, Branch::Balanced] {
            for (groups, width) in [(1, 5), (2, 6), (3, 30)] {
                let config = CausalConfig { groups, ..CausalConfig::published(branch) };
                let classifier = CausalClassifier::new(config.clone(), width).unwrap();
                let (rows, classes) = (3, 4);
                let x: Vec<f64> = (0..rows * width).map(number).collect();
                let w: Vec<f64> = (0..classes * width).map(|i| number(i + 1000)).collect();
                let e: Vec<f64> = (0..width).map(|i| number(i + 2000)).collect();
                let g: Vec<f64> = (0..rows * classes).map(|i| number(i + 3000)).collect();
                let mut duals: Vec<Dual> = x.iter().chain(&w).map(|&x| Dual::of(x)).collect();
                let total = |duals: &[Dual]| {
                    let (x, w) = duals.split_at(rows * width);
                    let z = x.chunks(width).flat_map(|x| w.chunks(width).map(move |w| (x, w)));
                    Dual::sum(z.zip(&g).map(|((x, w), &g)| logit(x, w, &e, &config) * Dual::of(g)))
                };
                let exact: Vec<f64> = (0..duals.len())
                    .map(|i| {
                        let held = duals[i];
                        duals[i] = Dual::variable(held.value());
                        let derivative = total(&duals).derivative();
                        duals[i] = held;
                        derivative
                    })
                    .collect();
                let single = |x: &[f64]| x.iter().map(|&x| x as f32).collect::<Vec<f32>>();
                let (x, w, e, g) = (single(&x), single(&w), single(&e), single(&g));
                let (mut z, mut dx, mut dw) =
                    (vec![0.0; g.len()], vec![f32::NAN; x.len()], vec![f32::NAN; w.len()]);
                classifier.forward(&x, &w, &e, &mut z);
                let value: f64 = z.iter().zip(&g).map(|(z, g)| f64::from(z * g)).sum();
                assert!((value - total(&duals).value()).abs() < 1e-3, "{branch:?}");
                let out = Gradients { features: &mut dx, weights: &mut dw };
                classifier.backward(&x, &w, &e, &g, out);
                for (fast, exact) in dx.iter().chain(&dw).zip(&exact) {
                    assert!((f64::from(*fast) - exact).abs() < 1e-3, "{branch:?}: {fast}, not {exact}");
                }
            }
        }
    }

    #[test]
    fn nothing_stays_nothing() {
        let classifier = CausalClassifier::new(CausalConfig::published(Branch::Tail), 2).unwrap();
        let (mut z, mut dx, mut dw) = ([9.0], [9.0; 2], [9.0; 2]);
        classifier.forward(&[0.0; 2], &[1.0, 0.0], &[0.0; 2], &mut z);
        let out = Gradients { features: &mut dx, weights: &mut dw };
        classifier.backward(&[0.0; 2], &[0.0; 2], &[0.0; 2], &[1.0], out);
        assert_eq!((z, dx, dw), ([0.0], [0.0; 2], [0.0; 2]));
        assert!(CausalClassifier::new(CausalConfig { groups: 3, ..classifier.config }, 4).is_err());
    }

    #[test]
    fn a_moving_vector_comes_back_from_its_state() {
        let mut e = MovingVector::new(0.9, 2);
        e.update(&[0.1, 0.2, 0.4, 0.5]);
        let mut other = MovingVector::new(0.9, 2);
        other.restore(&e.state()).unwrap();
        assert_eq!(other, e);
        assert!(MovingVector::new(0.9, 3).restore(&e.state()).is_err());
        let mut broken = e.state();
        broken.values[1] = f64::NAN;
        assert!(matches!(other.restore(&broken), Err(LossError::State(_))));
        assert_eq!(other, e);
    }
}

//! The normalised classifier of COMIC, and the moving vector of its head and tail branches.

mod moving_vector;
pub mod reference;

pub use moving_vector::{MovingVector, MovingVectorError};

use crate::layer::join;
use crate::{Layer, Mode, init};
use lacuna_engine::{Tape, Var};
use rand::Rng;

/// Feature vectors shorter than this count as 0.
const SHORTEST: f32 = 1e-12;
/// Added to the squared length of a weight vector, so that its root has a finite slope at 0. It changes no bit of a
/// squared length above 1e-22.
const ROOT_EPS: f32 = 1e-30;

/// Logits from the angle between features and class weights.
///
/// With x `[B, D]` and W `[D, C]` cut along D into G groups, x^ = x / |x|, w^ = w / (|w| + gamma) for each column w:
/// ```text
/// z = tau / G sum over groups of x^ W^                                   [B, C]
/// ```
/// [`forward_along`](Self::forward_along) replaces x^ by x^ + share cos(x, e) e^, with e^ = e / |e| for a vector e: the
/// head branch of COMIC takes the common direction of its features off (share -1), the tail branch adds more of it
/// (share +alpha). A feature vector or e that is 0 stays 0, and the gradient of such a feature vector is 0.
///
/// W is stored features by classes, as in [`Linear`](crate::Linear); the norms are divided out of the product, so the
/// weights are never copied.
///
/// Zhang et al., "Learning in Imperfect Environment", ICCV 2023, section 3.4; wannature/COMIC@1de14e5cfb20,
/// `Causal_Norm_Classifier` in models/CausalNormClassifier.py.
///
/// ```
/// use lacuna_engine::Tape;
/// use lacuna_nn::{CosineClassifier, Layer, Mode};
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let mut tape = Tape::new();
/// let head = CosineClassifier::new(&mut tape, "head", 2, 1, &mut ChaCha8Rng::seed_from_u64(0));
/// tape.seal();
/// tape.update_entries(|_, entry| entry.value.copy_from_slice(&[3.0, 4.0]));
/// let x = tape.input([1, 2], &[0.3, 0.4]);
/// let z = head.forward(&mut tape, x, Mode::Eval);
/// assert!((tape.value(z)[0] - 16.0 * 5.0 / (5.0 + 1.0 / 32.0)).abs() < 1e-4); // the same direction
/// let e = tape.input([2], &[6.0, 8.0]);
/// let z = head.forward_along(&mut tape, x, e, -1.0);
/// assert!(tape.value(z)[0].abs() < 1e-4); // nothing is left of x without this direction
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CosineClassifier {
    /// W, `[D, C]`.
    pub weight: Var,
    /// Groups G, 1; they divide D.
    pub groups: usize,
    /// Scale tau of the logits, 16.
    pub tau: f32,
    /// Added to the length of a weight vector, 1/32.
    pub gamma: f32,
    /// Share of the tail branch in [`forward_along`](Self::forward_along), 2.
    pub alpha: f32,
}

impl CosineClassifier {
    /// The share of the head branch in [`forward_along`](Self::forward_along).
    pub const HEAD_SHARE: f32 = -1.0;

    /// A classifier with the authors' constants, weights uniform(-1/sqrt(D), 1/sqrt(D)) and no bias. The parameter is
    /// named `name.weight`, or `weight` for an empty name. For other constants, set the fields:
    /// `CosineClassifier { groups: 2, ..CosineClassifier::new(..) }`.
    ///
    /// # Panics
    /// If the tape is sealed or has this name.
    #[track_caller]
    pub fn new(tape: &mut Tape, name: &str, features: usize, classes: usize, rng: &mut impl Rng) -> Self {
        let weight = init::uniform([features, classes], init::default_bound(features), rng);
        let weight = tape.param(&join(name, "weight"), weight);
        Self { weight, groups: 1, tau: 16.0, gamma: 1.0 / 32.0, alpha: 2.0 }
    }

    /// Logits `[B, C]` of x^ + share cos(x, e) e^ for each group, with x `[B, D]` and e `embed`, `[D]`.
    ///
    /// `embed` is meant to be a constant, such as [`MovingVector::record`] gives.
    ///
    /// # Panics
    /// If the shapes do not fit or the groups do not divide D.
    #[track_caller]
    pub fn forward_along(&self, tape: &mut Tape, x: Var, embed: Var, share: f32) -> Var {
        let width = tape.shape(embed).len();
        assert_eq!(width, tape.shape(self.weight).sizes()[0], "numbers of the vector and features");
        let embed = tape.reshape(embed, [1, width]);
        self.logits(tape, x, Some((embed, share)))
    }

    #[track_caller]
    fn logits(&self, tape: &mut Tape, x: Var, along: Option<(Var, f32)>) -> Var {
        let width = tape.shape(self.weight).sizes()[0];
        assert!(
            self.groups > 0 && width.is_multiple_of(self.groups),
            "{} groups do not divide {width} features",
            self.groups
        );
        let wide = width / self.groups;
        let mut total = None;
        for start in (0..width).step_by(wide) {
            let columns = start..start + wide;
            let (mut x, mut w, mut e) = (x, self.weight, along);
            if self.groups > 1 {
                x = tape.slice_columns(x, columns.clone());
                w = tape.slice_rows(w, columns.clone());
                e = e.map(|(e, share)| (tape.slice_columns(e, columns), share));
            }
            let mut x = unit_rows(tape, x);
            if let Some((e, share)) = e {
                let e = tape.l2_normalize(e, SHORTEST); // [1, D / G]
                let product = tape.mul(x, e);
                let cosine = tape.sum_rows(product); // [B, 1]
                let shared = tape.scale(cosine, share);
                let along = tape.matmul(shared, e);
                x = tape.add(x, along);
            }
            let product = tape.matmul(x, w);
            let length = column_lengths(tape, w);
            let length = tape.shift(length, self.gamma);
            let z = tape.div(product, length);
            total = Some(total.map_or(z, |total| tape.add(total, z)));
        }
        tape.scale(total.expect("at least one group"), self.tau / self.groups as f32)
    }
}

/// x / |x| for each row `[B, D]`; 0, with the gradient 0, for a row that is 0.
fn unit_rows(tape: &mut Tape, x: Var) -> Var {
    let unit = tape.l2_normalize(x, SHORTEST);
    // The slope of l2_normalize at 0 is 1 / SHORTEST. This factor is 1 for rows of length 1 and 0 for rows of zeros, and
    // stops the gradient of the latter.
    let square = tape.mul(unit, unit);
    let squared_length = tape.sum_rows(square);
    let twice = tape.scale(squared_length, 2.0);
    let indicator = tape.clamp(twice, 0.0, 1.0);
    let indicator = tape.detach(indicator);
    tape.mul(unit, indicator)
}

/// |w| of each column of w `[D, C]`, `[1, C]`.
fn column_lengths(tape: &mut Tape, w: Var) -> Var {
    let square = tape.mul(w, w);
    let sum = tape.sum_columns(square);
    let sum = tape.shift(sum, ROOT_EPS);
    tape.sqrt(sum)
}

impl Layer for CosineClassifier {
    fn forward(&self, tape: &mut Tape, x: Var, _: Mode) -> Var {
        self.logits(tape, x, None)
    }

    fn parameters(&self) -> Vec<Var> {
        vec![self.weight]
    }
}

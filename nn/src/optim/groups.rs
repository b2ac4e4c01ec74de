//! Parameters with a learning rate or a weight decay of their own.

use lacuna_engine::Shape;

/// A set of parameters with a learning rate and a weight decay of their own. The first group that has a parameter
/// decides.
///
/// ```
/// use lacuna_engine::Shape;
/// use lacuna_nn::{Matches, ParamGroup};
///
/// // No weight decay for biases and the parameters of normalisations.
/// let no_decay = ParamGroup { matches: Matches::Bias, lr_factor: 1.0, weight_decay: Some(0.0) };
/// assert!(no_decay.contains("norm.weight", Shape::new(&[16])));
/// assert!(!no_decay.contains("head.weight", Shape::new(&[16, 3])));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ParamGroup {
    /// Which parameters belong to the group.
    pub matches: Matches,
    /// Factor of the optimiser's learning rate.
    pub lr_factor: f32,
    /// Weight decay of the group, or `None` for the optimiser's own. `Some(0.0)` makes a no-decay list.
    pub weight_decay: Option<f32>,
}

/// Which parameters belong to a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matches {
    /// Names that start with this, for instance `estimator`.
    Prefix(String),
    /// Names that end with this, for instance `.bias`.
    Suffix(String),
    /// Parameters of one dimension and parameters whose name ends in `bias`: biases, and the factors of
    /// normalisations.
    Bias,
}

impl ParamGroup {
    /// Whether a parameter belongs to the group.
    pub fn contains(&self, name: &str, shape: Shape) -> bool {
        match &self.matches {
            Matches::Prefix(prefix) => name.starts_with(prefix),
            Matches::Suffix(suffix) => name.ends_with(suffix),
            Matches::Bias => shape.rank() == 1 || name.ends_with("bias"),
        }
    }
}

/// The rates that one parameter is updated with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Learning rate: the product of the optimiser's and the group's factor, not rounded, or the group's own.
    pub lr: f64,
    /// Weight decay.
    pub weight_decay: f32,
}

/// The rates of an optimiser and of its groups.
pub(super) struct GroupRates {
    /// Learning rate of parameters in no group.
    pub(super) lr: f32,
    weight_decay: f32,
    groups: Vec<ParamGroup>,
    /// Learning rates that were set for a group; they replace `lr` times the group's factor.
    own: Vec<Option<f32>>,
}

impl GroupRates {
    pub(super) fn new(lr: f32, weight_decay: f32, groups: Vec<ParamGroup>) -> Self {
        Self { lr, weight_decay, own: vec![None; groups.len()], groups }
    }

    /// The group of a parameter.
    pub(super) fn group_of(&self, name: &str, shape: Shape) -> Option<usize> {
        self.groups.iter().position(|group| group.contains(name, shape))
    }

    /// The rates of a group, or of the parameters in none.
    pub(super) fn of(&self, group: Option<usize>) -> Rates {
        let lr = f64::from(self.lr);
        let Some(i) = group else { return Rates { lr, weight_decay: self.weight_decay } };
        let group = &self.groups[i];
        Rates {
            lr: self.own[i].map_or(lr * f64::from(group.lr_factor), f64::from),
            weight_decay: group.weight_decay.unwrap_or(self.weight_decay),
        }
    }

    /// Sets a group's own learning rate.
    #[track_caller]
    pub(super) fn set(&mut self, group: usize, lr: f32) {
        assert!(group < self.own.len(), "group {group} of an optimiser with {} groups", self.own.len());
        self.own[group] = Some(lr);
    }
}

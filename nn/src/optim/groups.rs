//! Parameters that are trained differently from the rest.

/// Parameters whose name starts with `prefix`, with a learning rate and a weight decay of their own.
///
/// ```
/// use lacuna_nn::ParamGroup;
/// let estimator = ParamGroup { prefix: "estimator".into(), lr_factor: 10.0, weight_decay: Some(0.0) };
/// assert!(estimator.matches("estimator.logits"));
/// assert!(!estimator.matches("head.weight"));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ParamGroup {
    /// Beginning of the names.
    pub prefix: String,
    /// What the optimiser's learning rate is multiplied with.
    pub lr_factor: f32,
    /// Weight decay of the group, or `None` for the optimiser's own.
    pub weight_decay: Option<f32>,
}

impl ParamGroup {
    /// Whether a parameter belongs to the group.
    pub fn matches(&self, name: &str) -> bool {
        name.starts_with(&self.prefix)
    }
}

/// What is special about one parameter's training.
#[derive(Clone, Copy)]
pub(super) struct Rates {
    /// Multiplied with the optimiser's learning rate of the moment.
    pub(super) lr_factor: f32,
    pub(super) weight_decay: f32,
}

impl Rates {
    /// The rates of a parameter: those of the first group that has it, or the optimiser's own.
    pub(super) fn of(name: &str, groups: &[ParamGroup], weight_decay: f32) -> Rates {
        match groups.iter().find(|g| g.matches(name)) {
            Some(g) => Rates { lr_factor: g.lr_factor, weight_decay: g.weight_decay.unwrap_or(weight_decay) },
            None => Rates { lr_factor: 1.0, weight_decay },
        }
    }
}

//! What readers of labels share: lists, what numbers mean, names.

pub(crate) mod convention;
pub(crate) mod joined;
pub(crate) mod lists;
pub(crate) mod names;
pub(crate) mod numbers;

//! What readers of labels share: lists, what numbers mean, names.

pub(crate) mod convention;
pub(crate) mod lists;
pub(crate) mod names;

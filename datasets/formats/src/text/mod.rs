//! What readers of text share: lines, records, strings, JSON, and how pieces of a file are shown.

pub(crate) mod delimited;
pub(crate) mod json;
pub(crate) mod json_guard;
pub(crate) mod lines;
pub(crate) mod shown;
pub(crate) mod strings;

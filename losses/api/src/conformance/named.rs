//! A loss in a message: its name and its parameters.

use crate::MultiLabelLoss;
use std::fmt::{self, Write};

/// Most bytes of the parameters: a loss may hold a number for every cell of a training set.
const MOST_BYTES: usize = 240;

/// `focal (Focal { gamma: 2.0 })`: the name, and the fields of the loss as far as they are short.
pub(super) fn named(loss: &dyn MultiLabelLoss) -> String {
    let mut fields = Short(String::new());
    let whole = write!(fields, "{loss:?}").is_ok();
    format!("{} ({}{})", loss.info().name, fields.0, if whole { "" } else { "..." })
}

/// Takes no more than so many bytes, and ends the writing there.
struct Short(String);

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let left = MOST_BYTES - self.0.len();
        let end = (0..=left.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        self.0.push_str(&text[..end]);
        if end == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

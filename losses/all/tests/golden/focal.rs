//! `focal`.

use crate::case::Case;
use crate::loss::{Method, run, zero_is_unknown};

/// `alpha` may be null: unbalanced.
pub(crate) fn focal(case: &Case) -> Result<(), String> {
    let (loss, params): (_, &[_]) = if case.has("params", "alpha") {
        ("focal-alpha", &[("gamma", "gamma"), ("alpha", "alpha")])
    } else {
        ("focal", &[("gamma", "gamma"), ("alpha", "")])
    };
    run(case, &Method { loss, coding: zero_is_unknown, params, further: &[] }).map(drop)
}

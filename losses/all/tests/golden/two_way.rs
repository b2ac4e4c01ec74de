//! `two_way`.

use crate::case::Case;
use crate::loss::{Method, minus_one_is_unknown, run};

pub(crate) fn two_way(case: &Case) -> Result<(), String> {
    let params = &[("tp", "tp"), ("tn", "tn")];
    let coding = minus_one_is_unknown;
    run(case, &Method { loss: "two-way", coding, params, further: &[] }).map(drop)
}

//! Studies: the runs behind a verdict.

mod record;

pub use record::{
    Chosen, DecidedCause, DecidedClaim, Difference, Spread, StudyHead, StudyLine, StudyRecord, StudyRow,
    Verdict,
};

//! Studies: the runs behind a verdict.

mod choose;
mod decide;
mod record;
mod resample;
mod run;
mod values;

pub(crate) use decide::{RowValues, correct, difference};
pub use record::{
    Chosen, DecidedCause, DecidedClaim, Difference, Spread, StudyEnd, StudyHead, StudyLine, StudyRecord,
    StudyRow, Verdict,
};
pub use resample::{Resamples, RunScores};
pub use run::{Study, StudyOptions};

//! Binary cross-entropy over known labels.

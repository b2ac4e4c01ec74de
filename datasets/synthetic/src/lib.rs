//! Embedded synthetic feature sets with realistic labels.

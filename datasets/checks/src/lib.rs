//! What is wrong with a data set: leakage, contradictions, duplicates, empty classes.

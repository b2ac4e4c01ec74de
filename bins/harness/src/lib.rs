//! From a benchmark specification to a checked run and its record; prints nothing.

//! A data set as a command line or a specification names it, opened and fingerprinted.

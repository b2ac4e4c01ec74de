//! Readers and writers of the files people have.

//! Every loss of the project behind one table.

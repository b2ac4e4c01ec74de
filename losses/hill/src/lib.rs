//! Hill loss, focal margin and self-paced loss correction (SPLC).

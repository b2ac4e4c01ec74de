//! The table of all sections.

use super::document::{Cell, Table};

/// A line of it.
#[derive(Debug)]
pub(super) struct Summary {
    pub(super) anchor: String,
    pub(super) title: String,
    pub(super) folder: String,
    pub(super) runs: usize,
    /// Name and number of the baseline, and of the best other row.
    pub(super) baseline: String,
    pub(super) best: String,
    /// What became of published numbers and claims.
    pub(super) said: String,
}

pub(super) fn table(sections: Vec<Summary>) -> Table {
    let header =
        ["benchmark and data", "#runs", "baseline", "best other row", "beside what was published", "folder"];
    let mut table = Table::new("", header);
    for of in sections {
        let mut row: Vec<Cell> =
            [of.title, of.runs.to_string(), of.baseline, of.best, of.said, of.folder].map(Cell::from).into();
        row[0].anchor = Some(of.anchor);
        table.rows.push(row);
    }
    table
}

//! A report as blocks, which every format lays out in its own way.
//!
//! Names of classes, rows and data come from files. They are cut and escaped by [`shown`](lacuna_formats::shown) when they become
//! text of a block; what a format would act on is escaped by that format.

use super::plots::Figure;
use lacuna_harness::Cells;
use serde::Serialize;

/// A report.
#[derive(Debug, Serialize)]
pub(super) struct Document {
    pub(super) title: String,
    /// A table of all sections.
    pub(super) summary: Table,
    pub(super) sections: Vec<Section>,
    /// Program and version.
    pub(super) made_by: String,
}

/// The part of a folder.
#[derive(Debug, Serialize)]
pub(super) struct Section {
    /// Name of its anchor.
    pub(super) id: String,
    pub(super) title: String,
    pub(super) blocks: Vec<Block>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(super) enum Block {
    Heading {
        text: String,
    },
    Text {
        text: String,
    },
    List {
        items: Vec<String>,
    },
    Table(Table),
    /// Plots that belong together.
    Figures {
        figures: Vec<Figure>,
    },
}

impl Block {
    pub(super) fn heading(text: &str) -> Self {
        Block::Heading { text: text.to_string() }
    }

    pub(super) fn text(text: impl Into<String>) -> Self {
        Block::Text { text: text.into() }
    }
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Table {
    pub(super) caption: String,
    pub(super) header: Vec<Head>,
    pub(super) rows: Vec<Vec<Cell>>,
    /// Sentences below it.
    pub(super) notes: Vec<String>,
}

/// The head of a column.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Head {
    pub(super) text: String,
    /// Whether its cells are numbers, which are set to the right.
    pub(super) number: bool,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Cell {
    pub(super) text: String,
    /// The section that it leads to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) anchor: Option<String>,
    /// From -4, much worse, to 4, much better; 0 is not marked.
    pub(super) shade: i8,
    /// Whether it is the best of its column.
    pub(super) best: bool,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_string().into()
    }
}

impl Table {
    /// A table without rows; heads that start with `#` are of numbers.
    pub(super) fn new<'a>(caption: &str, header: impl IntoIterator<Item = &'a str>) -> Self {
        let head = |text: &str| match text.strip_prefix('#') {
            Some(text) => Head { text: text.to_string(), number: true },
            None => Head { text: text.to_string(), number: false },
        };
        Self {
            caption: caption.to_string(),
            header: header.into_iter().map(head).collect(),
            ..Self::default()
        }
    }

    /// A table of cells.
    pub(super) fn of(caption: &str, cells: Cells) -> Self {
        let Cells { header, rows, numbers, notes } = cells;
        let digits = |text: &String| text.chars().all(|c| c.is_ascii_digit() || "+-±.,[]<>e% ".contains(c));
        let are_numbers = |i: usize| rows.iter().all(|row| row.get(i).is_some_and(digits));
        let head = |(i, text): (usize, String)| Head { number: numbers.contains(&i) || are_numbers(i), text };
        Self {
            caption: caption.to_string(),
            header: header.into_iter().enumerate().map(head).collect(),
            rows: rows.into_iter().map(|row| row.into_iter().map(Cell::from).collect()).collect(),
            notes,
        }
    }
}

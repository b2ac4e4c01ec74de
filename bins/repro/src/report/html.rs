//! A report as one HTML page, which needs no network and no scripts.

use super::MARK;
use super::document::Document;
use anyhow::{Context, anyhow};
use lacuna::cli::screen::clean;
use minijinja::value::Serde;
use minijinja::{Environment, Value, context, escape_formatter};
use std::borrow::Cow;

/// The name ends in `.html`: everything but SVG of ours is escaped.
const NAME: &str = "report.html";
const TEMPLATE: &str = include_str!("../../templates/report.html");

pub(super) fn page(document: &Document) -> anyhow::Result<String> {
    let mut environment = Environment::new();
    // Characters that cannot be seen or that turn the direction of text are shown as escapes.
    environment.set_formatter(|out, state, value| {
        match value.as_str().filter(|_| !value.is_safe()).map(clean) {
            Some(Cow::Owned(cleaned)) => escape_formatter(out, state, &Value::from(cleaned)),
            _ => escape_formatter(out, state, value),
        }
    });
    environment.add_template(NAME, TEMPLATE).map_err(|error| anyhow!("the template of the page: {error}"))?;
    let template = environment.get_template(NAME).context("the template was added")?;
    let context = context! { mark => MARK, document => Value::from(Serde(document)) };
    template.render(context).map_err(|error| anyhow!("the page could not be written: {error}"))
}

#[cfg(test)]
mod tests {
    use super::super::document::{Block, Cell, Head, Section, Table};
    use super::super::plots::{Bar, bars};
    use super::*;

    #[test]
    fn names_are_text_and_nothing_else() {
        let name = "</td><script>alert(1)</script><img src=x onerror=y> \"'& \u{202e}abc";
        let head = Head { text: name.into(), number: false };
        let cell = Cell { anchor: Some(name.into()), ..name.into() };
        let table = || Table {
            caption: name.into(),
            header: vec![head.clone()],
            rows: vec![vec![cell.clone()]],
            notes: vec![name.into()],
        };
        let bar = Bar { name: name.into(), value: 1.0, interval: None };
        let blocks = vec![
            Block::heading(name),
            Block::text(name),
            Block::List { items: vec![name.into()] },
            Block::Table(table()),
            Block::Figures { figures: vec![bars(name, name, &[bar], name).unwrap()] },
        ];
        let section = Section { id: "s1".into(), title: name.into(), blocks };
        let document =
            Document { title: name.into(), summary: table(), sections: vec![section], made_by: name.into() };
        let page = page(&document).unwrap();
        assert!(!page.contains("<script") && !page.contains("<img") && !page.contains('\u{202e}'), "{page}");
        assert!(page.contains("<svg") && page.contains("&lt;script&gt;"), "{page}");
        assert!(page.contains("\\u{202e}"));
        assert!(!page.contains("onerror=y>"), "{page}");
    }
}

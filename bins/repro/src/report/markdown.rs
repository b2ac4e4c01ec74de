//! A report as Markdown.

use super::MARK;
use super::document::{Block, Document, Table};
use lacuna::cli::screen::clean;

/// Text without what Markdown or HTML would act on.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in clean(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\n' => out.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' | '#' | '!' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    // Addresses would become links.
    out.replace("://", "\\://").replace("www.", "www\\.")
}

/// The same at the start of a line, where a sign or a number begins a list.
fn at_start(text: &str) -> String {
    let text = escape(text);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    match text.as_bytes().get(digits) {
        Some(b'.' | b')') if digits > 0 => format!("{}\\{}", &text[..digits], &text[digits..]),
        Some(b'+' | b'-' | b'=') if digits == 0 => format!("\\{text}"),
        _ => text,
    }
}

pub(super) fn page(document: &Document) -> String {
    let mut page = format!("<!-- {MARK} -->\n\n# {}\n\n", escape(&document.title));
    if document.sections.len() > 1 {
        push_table(&mut page, &document.summary);
    }
    for section in &document.sections {
        if document.sections.len() > 1 {
            page.push_str(&format!("## {}\n\n", escape(&section.title)));
        }
        for block in &section.blocks {
            match block {
                Block::Heading { text } => page.push_str(&format!("### {}\n\n", escape(text))),
                Block::Text { text } => page.push_str(&format!("{}\n\n", at_start(text))),
                Block::List { items } => {
                    items.iter().for_each(|item| page.push_str(&format!("- {}\n", at_start(item))));
                    page.push('\n');
                }
                Block::Table(table) => push_table(&mut page, table),
                Block::Figures { figures } => {
                    let titles: Vec<String> = figures.iter().map(|figure| escape(&figure.title)).collect();
                    page.push_str(&format!("Plots in report.html: {}.\n\n", titles.join("; ")));
                }
            }
        }
    }
    page.push_str(&format!("Made by {}.\n", escape(&document.made_by)));
    page
}

fn push_table(page: &mut String, table: &Table) {
    if !table.caption.is_empty() {
        page.push_str(&format!("{}\n\n", at_start(&table.caption)));
    }
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    page.push_str(&line(table.header.iter().map(|head| escape(&head.text)).collect()));
    let rule = table.header.iter().map(|head| if head.number { "---:" } else { "---" }.to_string());
    page.push_str(&line(rule.collect()));
    for row in &table.rows {
        let cell = |cell: &super::document::Cell| match cell.best {
            true => format!("**{}**", escape(&cell.text)),
            false => escape(&cell.text),
        };
        page.push_str(&line(row.iter().map(cell).collect()));
    }
    page.push('\n');
    table.notes.iter().for_each(|note| page.push_str(&format!("- {}\n", at_start(note))));
    if !table.notes.is_empty() {
        page.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_acts() {
        let name = "<script>a|b</script> [x](javascript:y) **b** `c` https://x \u{202e}\n# t";
        let text = escape(name);
        assert!(!text.contains(['<', '>', '\n', '\u{202e}']), "{text}");
        let acts = ['|', '[', ']', '*', '`', '#'];
        for (i, c) in text.char_indices().filter(|(_, c)| acts.contains(c)) {
            assert!(text[..i].ends_with('\\'), "{c} in {text}");
        }
        assert!(!text.contains("https://"));
        assert_eq!(at_start("1. x"), "1\\. x");
        assert_eq!(at_start("- x"), "\\- x");
        assert_eq!(at_start("+ / - / ? a row"), "\\+ / - / ? a row");
        assert_eq!(at_start("1,866 drawings"), "1,866 drawings");
    }
}

//! A report as LaTeX with booktabs.

use super::MARK;
use super::document::{Block, Document, Table};
use lacuna::cli::screen::clean;

/// Rows from which on a table may break over pages.
const LONG: usize = 35;
/// Letters from which on a column breaks its lines.
const WIDE: usize = 32;

/// Letters after which a word may be broken.
const LONGEST_WORD: usize = 20;

/// Text without what TeX would act on. Letters that not every engine has are written as their numbers.
fn escape(text: &str) -> String {
    let mut out = String::new();
    let mut unbroken = 0;
    for c in clean(text).chars() {
        // A line may end within what has no blank.
        unbroken = if c.is_whitespace() { 0 } else { unbroken + 1 };
        if unbroken > LONGEST_WORD || (unbroken > 1 && c > '\u{17f}') {
            out.push_str("\\allowbreak{}");
            unbroken = 1;
        }
        match c {
            '\\' => out.push_str("\\textbackslash{}"),
            '{' | '}' | '$' | '&' | '#' | '_' | '%' => {
                out.push('\\');
                out.push(c);
            }
            '^' => out.push_str("\\textasciicircum{}"),
            '~' => out.push_str("\\textasciitilde{}"),
            '<' => out.push_str("\\textless{}"),
            '>' => out.push_str("\\textgreater{}"),
            '|' => out.push_str("\\textbar{}"),
            '"' => out.push_str("\\textquotedbl{}"),
            // Two of them are a dash, and the brackets may be read as an argument.
            '-' => out.push_str("{-}"),
            '[' => out.push_str("{[}"),
            ']' => out.push_str("{]}"),
            '`' => out.push_str("\\textasciigrave{}"),
            '\'' => out.push_str("\\textquotesingle{}"),
            '±' => out.push_str("$\\pm$"),
            '\n' => out.push(' '),
            ' '..='~' | '\u{c0}'..='\u{17f}' => out.push(c),
            other => out.push_str(&format!("{{[}}U+{:04X}{{]}}", u32::from(other))),
        }
    }
    out
}

pub(super) fn page(document: &Document) -> String {
    let mut page = format!(
        "% {MARK}\n\\documentclass{{article}}\n\\usepackage[utf8]{{inputenc}}\n\\usepackage[T1]{{fontenc}}\n\
         \\usepackage{{array,booktabs,geometry,graphicx,longtable,textcomp}}\n\\geometry{{margin=2cm}}\n\
         \\title{{{}}}\n\\date{{}}\n\\begin{{document}}\n\\maketitle\n",
        escape(&document.title)
    );
    if document.sections.len() > 1 {
        push_table(&mut page, &document.summary);
    }
    for section in &document.sections {
        page.push_str(&format!("\n\\section{{{}}}\n", escape(&section.title)));
        for block in &section.blocks {
            match block {
                Block::Heading { text } => page.push_str(&format!("\n\\subsection{{{}}}\n", escape(text))),
                Block::Text { text } => page.push_str(&format!("\n{}\n", escape(text))),
                Block::List { items } => push_list(&mut page, items),
                Block::Table(table) => push_table(&mut page, table),
                // They are in report.html.
                Block::Figures { .. } => {}
            }
        }
    }
    page.push_str(&format!("\nMade by {}.\n\\end{{document}}\n", escape(&document.made_by)));
    page
}

fn push_list(page: &mut String, items: &[String]) {
    if items.is_empty() {
        return;
    }
    page.push_str("\\begin{itemize}\\raggedright\n");
    items.iter().for_each(|item| page.push_str(&format!("\\item {}\n", escape(item))));
    page.push_str("\\end{itemize}\n");
}

fn push_table(page: &mut String, table: &Table) {
    let column = |(i, head): (usize, &super::document::Head)| {
        let cells = table.rows.iter().filter_map(|row| row.get(i)).map(|cell| cell.text.chars().count());
        match (head.number, cells.max().unwrap_or(0) > WIDE) {
            (_, true) => ">{\\raggedright\\arraybackslash}p{4cm}",
            (true, false) => "r",
            (false, false) => "l",
        }
    };
    let columns: String = table.header.iter().enumerate().map(column).collect();
    let line = |cells: Vec<String>| format!("{} \\\\\n", cells.join(" & "));
    let header = line(table.header.iter().map(|head| escape(&head.text)).collect());
    let mut rows = String::new();
    for row in &table.rows {
        let cell = |cell: &super::document::Cell| match cell.best {
            true => format!("\\textbf{{{}}}", escape(&cell.text)),
            false => escape(&cell.text),
        };
        rows.push_str(&line(row.iter().map(cell).collect()));
    }
    let caption = match table.caption.is_empty() {
        true => String::new(),
        false => format!("\n\\medskip\\noindent {}\n", escape(&table.caption)),
    };
    page.push_str(&caption);
    if table.rows.len() > LONG {
        page.push_str(&format!(
            "{{\\footnotesize\\begin{{longtable}}{{{columns}}}\n\\toprule\n{header}\\midrule\\endhead\n{rows}\\bottomrule\n\
             \\end{{longtable}}}}\n"
        ));
    } else {
        // A table that is wider than the page is scaled down to it.
        page.push_str(&format!(
            "\n\\smallskip\\noindent\\resizebox{{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}}{{!}}{{%\n\
             \\begin{{tabular}}{{{columns}}}\n\\toprule\n{header}\\midrule\n{rows}\\bottomrule\n\\end{{tabular}}}}\n\n\\smallskip\n"
        ));
    }
    push_list(page, &table.notes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_acts() {
        let text = escape("\\input{/etc/passwd} $x$ 100 % a_b & #1 ^~ <b> \u{202e} 日 é ± --");
        let commands: Vec<&str> = text.split('\\').skip(1).collect();
        assert!(commands.iter().all(|c| !c.starts_with("input")), "{text}");
        assert_eq!(escape("\\x"), "\\textbackslash{}x");
        assert!(text.contains("100 \\% a\\_b \\& \\#1") && text.contains("é $\\pm$"), "{text}");
        assert!(text.contains("U+65E5") && text.chars().all(|c| c < '\u{180}'), "{text}");
        assert_eq!(escape("a\nb"), "a b");
        assert_eq!(escape(&"x".repeat(50)).matches("\\allowbreak{}").count(), 2);
    }
}

//! The list as a page: the first entries of each class. One file, without scripts; text of files is escaped.

use super::Entry;
use crate::visible;
use std::collections::BTreeMap;

/// Entries of a class on the page.
const OF_CLASS: usize = 24;

/// What the page says about the list.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The data, as it was named.
    pub data: &'a str,
    /// Sentences about the list.
    pub sentences: &'a [String],
    /// Labelled positives are listed, and not labels that are missing.
    pub wrong: bool,
}

/// The style: colours follow the theme of the reader, columns the width.
const STYLE: &str = ":root{color-scheme:light dark;--line:#8885;--soft:#777}\
@media(prefers-color-scheme:dark){:root{--soft:#aaa}}\
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:90rem;overflow-wrap:anywhere}\
h1{font-size:1.5rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}h2 small{font-weight:normal}\
ol{list-style:none;margin:0;padding:0;display:grid;gap:.5rem;grid-template-columns:repeat(auto-fill,minmax(min(max(9.5rem,15%),100%),1fr))}\
li{border:1px solid var(--line);border-radius:.4rem;padding:.5rem;min-width:0}\
img{display:block;max-width:100%;height:9rem;object-fit:contain;margin-bottom:.3rem}\
small{color:var(--soft)}p{max-width:45rem}";

/// Text between tags or in an attribute, as a whole: who looks for a row needs all of its name. What would act on the direction of
/// the text is shown as an escape.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible::clean(text).chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            c => out.push(c),
        }
    }
    out
}

/// The page. `link` is the address of a row's picture.
pub fn page(about: &Page<'_>, entries: &[Entry], link: impl Fn(&str) -> Option<String>) -> String {
    let mut classes: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        classes.entry(&entry.class).or_default().push(entry);
    }
    // Classes with the most entries first.
    let mut classes: Vec<_> = classes.into_iter().collect();
    classes.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then(a.0.cmp(b.0)));
    let what = if about.wrong { "wrong" } else { "missing" };
    let title = format!("Labels that are probably {what}: {}", escaped(about.data));
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src 'self' file:\">\
         <title>{title}</title><style>{STYLE}</style></head>\n<body><main><h1>{title}</h1>\n"
    );
    for sentence in about.sentences {
        text += &format!("<p>{}</p>\n", escaped(sentence));
    }
    for (class, entries) in classes {
        text += &format!(
            "<section><h2>{} <small>{} in the list{}</small></h2><ol>\n",
            escaped(class),
            entries.len(),
            if entries.len() > OF_CLASS {
                format!(", the first {OF_CLASS} are shown")
            } else {
                String::new()
            }
        );
        for entry in entries.iter().take(OF_CLASS) {
            let row = escaped(&entry.row);
            let picture = link(&entry.row)
                .map(|link| format!("<img loading=\"lazy\" src=\"{}\" alt=\"{row}\">", escaped(&link)));
            let probability = entry.probability.map(|p| format!(", probability {p:.2}")).unwrap_or_default();
            let reason = match entry.reason.is_empty() {
                true => String::new(),
                false => format!("<br><small>{}</small>", escaped(&entry.reason)),
            };
            text += &format!(
                "<li>{}{row}<br><small>rank {}, score {:.3}{probability}</small>{reason}</li>\n",
                picture.unwrap_or_default(),
                entry.rank,
                entry.score
            );
        }
        text += "</ol></section>\n";
    }
    text + "</main></body></html>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text_and_nothing_else() {
        let name = "<script>alert(1)</script>\u{202e}\"'&";
        let entry = Entry {
            rank: 1,
            row: name.into(),
            class: name.into(),
            score: 0.5,
            probability: None,
            reason: name.into(),
        };
        let sentences = [name.to_string()];
        let text = page(&Page { data: name, sentences: &sentences, wrong: false }, &[entry], |row| {
            Some(format!("x{row}"))
        });
        assert!(!text.contains("<script"), "{text}");
        assert_eq!(text.matches("&lt;script&gt;").count(), 8);
        // Nothing turns the direction of the page.
        assert!(!text.contains('\u{202e}') && text.contains("\\u{202e}"), "{text}");
    }
}

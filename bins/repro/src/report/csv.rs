//! The numbers as CSV.

use super::values::{Kind, Value};
use lacuna::cli::screen::clean;

/// Heads of the columns, by which a file of ours is known.
pub(super) const HEADER: &str = "folder,kind,row,class,class_name,metric,chosen_on,mean,std,std_inits,runs,baseline,difference,low,\
     high,p,p_holm,verdict,elsewhere,from_memory,source\n";

/// Most characters of a field.
const LONGEST: usize = 500;

/// A field of text: a spreadsheet takes what starts with `=`, `+`, `-`, `@` or a tab for a formula.
fn text(field: &str) -> String {
    let acts = field.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r']);
    let short: String = field.chars().take(LONGEST).collect();
    let field = format!("{}{}", if acts { "'" } else { "" }, clean(&short).replace('\n', "\\n"));
    match field.contains([',', '"', ';']) || field.starts_with(' ') || field.ends_with(' ') {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field,
    }
}

pub(super) fn page(values: &[Value]) -> String {
    let number = |x: Option<f64>| x.map_or_else(String::new, |x| x.to_string());
    let count = |n: Option<usize>| n.map_or_else(String::new, |n| n.to_string());
    let mut page = HEADER.to_string();
    for v in values {
        let kind = match v.kind {
            Kind::Row => "row",
            Kind::Class => "class",
            Kind::Claim => "claim",
            Kind::Cause => "cause",
        };
        let fields = [
            text(&v.folder),
            kind.to_string(),
            text(&v.row),
            count(v.class),
            text(&v.class_name),
            text(&v.metric),
            v.chosen.to_string(),
            number(v.mean),
            number(v.std),
            number(v.std_inits),
            count(v.runs),
            text(&v.baseline),
            number(v.difference),
            number(v.low),
            number(v.high),
            number(v.p),
            number(v.p_holm),
            text(&v.verdict),
            number(v.elsewhere),
            v.from_memory.map_or_else(String::new, |memory| memory.to_string()),
            text(&v.source),
        ];
        page.push_str(&fields.join(","));
        page.push('\n');
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_formulas_and_no_further_fields() {
        let value = |name: &str| Value { class_name: name.to_string(), mean: Some(-1.5), ..Value::default() };
        let names =
            ["=cmd()", "+1", "-1", "@x", "\tx", "''=x", "a,b", "say \"x\"", "two\nlines", "\u{202e}x"];
        let page = page(&names.map(value));
        assert_eq!(page.lines().count(), names.len() + 1);
        for (line, name) in page.lines().skip(1).zip(names) {
            let field = line.split(',').nth(4).unwrap();
            let plain = ["a,b", "say \"x\"", "two\nlines", "\u{202e}x"].contains(&name);
            assert!(plain || field.starts_with('\''), "{line}");
            assert!(line.contains(",-1.5,"), "numbers stay numbers: {line}");
        }
        assert!(
            page.contains("\"a,b\"") && page.contains("\"say \"\"x\"\"\"") && page.contains("two\\nlines")
        );
        assert!(!page.contains('\u{202e}') && !page.contains('\t'));
        let columns = HEADER.split(',').count();
        assert_eq!(super::page(&[Value::default()]).lines().nth(1).unwrap().split(',').count(), columns);
        assert!(super::page(&[value(&"x".repeat(10_000))]).len() < 1000);
    }
}

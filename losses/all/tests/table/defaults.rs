//! The README of every loss crate states the defaults that the rows have.

use lacuna_losses::LOSSES;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The number that a text begins with.
fn number(text: &str) -> Option<f64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && !"-+.e/".contains(c)).unwrap_or(text.len());
    let digits = text[..end].trim_end_matches(['.', 'e', '-', '+', '/']);
    match digits.split_once('/') {
        Some((above, below)) => Some(above.parse::<f64>().ok()? / below.parse::<f64>().ok()?),
        None => digits.parse().ok(),
    }
}

/// What stands between a name and its number: blanks, `=`, "is", the bar of a table, the symbol of the formula.
fn behind_name(text: &str) -> &str {
    let mut text = text.trim_start();
    let symbol =
        text.find([' ', '\n']).filter(|&end| end <= 2 && text[..end].chars().all(char::is_alphabetic));
    if let Some(end) = symbol {
        text = text[end..].trim_start();
    }
    let text = text.strip_prefix("is ").or_else(|| text.strip_prefix("is\n")).unwrap_or(text);
    text.trim_start_matches([' ', '=', '|', '\n'])
}

/// Every number that a page gives a name in backticks: behind the name, or at the same place of the next cell where a cell of a
/// table has several names.
fn stated(page: &str) -> BTreeMap<&str, Vec<f64>> {
    let mut stated: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut several = Vec::new();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let mut cells = line.split('|').skip(1).map(str::trim);
        let names: Vec<&str> = cells.next().unwrap_or_default().split(", ").collect();
        let values: Vec<&str> = cells.next().unwrap_or_default().split(", ").collect();
        if names.len() > 1 && names.iter().all(|name| name.starts_with('`') && name.ends_with('`')) {
            several.push(line);
            for (name, value) in names.iter().zip(values) {
                stated.entry(name.trim_matches('`')).or_default().extend(number(value));
            }
        }
    }
    let single: Vec<&str> = page.lines().filter(|line| !several.contains(line)).collect();
    let starts = single.iter().map(|line| page.find(line).unwrap_or(0));
    let kept: Vec<(usize, usize)> =
        starts.zip(&single).map(|(start, line)| (start, start + line.len())).collect();
    let parts: Vec<&str> = page.split('`').collect();
    let mut at = 0;
    for (i, part) in parts.iter().enumerate() {
        let inside = kept.iter().any(|&(start, end)| start <= at && at < end);
        if i % 2 == 1 && inside && i + 1 < parts.len() {
            stated.entry(part).or_default().extend(number(behind_name(parts[i + 1])));
        }
        at += part.len() + 1;
    }
    stated
}

#[test]
fn readmes_state_the_defaults_of_the_rows() {
    let losses = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (mut compared, mut wrong) = (0, Vec::new());
    for folder in fs::read_dir(losses).unwrap().map(|entry| entry.unwrap()) {
        let name = folder.file_name().into_string().unwrap();
        let Ok(page) = fs::read_to_string(folder.path().join("README.md")) else { continue };
        if name == "all" {
            continue;
        }
        let rows = || LOSSES.iter().filter(|row| page.contains(&format!("`{}`", row.info.name)));
        for (param, numbers) in stated(&page) {
            let defaults: Vec<f64> = rows()
                .flat_map(|row| row.info.params.iter())
                .filter(|p| p.name == param)
                .filter_map(|p| p.default)
                .collect();
            if defaults.is_empty() || numbers.is_empty() {
                continue;
            }
            compared += 1;
            let equal = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs());
            if !numbers.iter().any(|&n| defaults.iter().any(|&d| equal(n, d))) {
                wrong.push(format!("losses/{name}/README.md: {param} {numbers:?}, by default {defaults:?}"));
            }
        }
    }
    assert!(compared >= 50, "{compared}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn numbers_are_found_where_a_page_states_them() {
    let page = "`tau` is 0.7, `power` 1/3 here, `eps` e = 1e-8.\n| `a`, `b` | 0.55, 1.5 |\n| `ls_coef` s | 0.1 |\n`none` of it\n";
    let stated = stated(page);
    let of = |name: &str| stated.get(name).cloned().unwrap_or_default();
    assert_eq!(of("tau"), [0.7]);
    assert_eq!(of("power"), [1.0 / 3.0]);
    assert_eq!(of("eps"), [1e-8]);
    assert_eq!((of("a"), of("b")), (vec![0.55], vec![1.5]));
    assert_eq!(of("ls_coef"), [0.1]);
    assert_eq!(of("none"), [] as [f64; 0]);
}

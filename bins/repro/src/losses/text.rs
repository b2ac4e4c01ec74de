//! A plot in plain text.

use crate::losses::curve::{Curve, Plot, RANGE};
use lacuna_losses::Label;
use std::fmt::Write as _;

/// Columns and lines of a panel, without what stands beside it.
const COLUMNS: usize = 61;
const LINES: usize = 18;
/// Characters of a line of the notes.
const NOTE: usize = 98;

/// Both panels, the legend and the notes.
pub(crate) fn draw(plot: &Plot) -> String {
    let mut out = String::new();
    panel(&mut out, "value", plot, |c| &c.value);
    panel(&mut out, "slope", plot, |c| &c.slope);
    for curve in &plot.curves {
        let _ = writeln!(out, "  {} {}", glyph(curve), curve.name());
    }
    if plot.curves.len() > 1 {
        out.push_str("  * several\n");
    }
    for line in plot.notes.iter().flat_map(|note| wrap(note, NOTE)) {
        let _ = writeln!(out, "  {line}");
    }
    out
}

/// Lines of at most `width` characters, broken between words.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is a line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

fn glyph(curve: &Curve) -> char {
    match curve.labels[0] {
        Label::Positive => '+',
        Label::Negative => '-',
        Label::Unknown => '?',
    }
}

fn panel(out: &mut String, what: &str, plot: &Plot, of: fn(&Curve) -> &Vec<f64>) {
    let [low, high] = bounds(plot.curves.iter().flat_map(of));
    let mut cells = [[' '; COLUMNS]; LINES];
    for curve in &plot.curves {
        let mut previous = None;
        for (column, i) in (0..COLUMNS).map(|c| (c, c * (plot.z.len() - 1) / (COLUMNS - 1))) {
            let share = (of(curve)[i] - low) / (high - low);
            let line = ((1.0 - share) * (LINES - 1) as f64).round() as usize;
            // A steep curve stays in one piece: the lines passed since the last column are drawn too.
            let from = match previous {
                Some(p) if p < line => p + 1,
                Some(p) if p > line => p - 1,
                _ => line,
            };
            for cells in &mut cells[from.min(line)..=from.max(line)] {
                let cell = &mut cells[column];
                *cell = if *cell == ' ' { glyph(curve) } else { '*' };
            }
            previous = Some(line);
        }
    }
    let _ = writeln!(out, "{:>9} {what}", "");
    for (line, cells) in cells.iter().enumerate() {
        let at = high - (high - low) * line as f64 / (LINES - 1) as f64;
        let number =
            if line == 0 || line == LINES - 1 || line == LINES / 2 { short(at) } else { String::new() };
        let cells: String = cells.iter().collect();
        let _ = writeln!(out, "{number:>9} |{}", cells.trim_end());
    }
    let ticks: Vec<String> =
        (0..=4).map(|i| (RANGE[0] + (RANGE[1] - RANGE[0]) * f64::from(i) / 4.0).to_string()).collect();
    let _ = writeln!(out, "{:>9} +{}", "", format!("+{}", "-".repeat(COLUMNS / 4 - 1)).repeat(4) + "+");
    let mut axis = " ".repeat(10);
    for (i, tick) in ticks.iter().enumerate() {
        let column = 11 + i * (COLUMNS / 4);
        axis = format!("{axis:<width$}{tick}", width = column);
    }
    let _ = writeln!(out, "{axis}  logit z\n");
}

/// Smallest and largest number, a little apart where all are the same.
pub(crate) fn bounds<'a>(numbers: impl Iterator<Item = &'a f64>) -> [f64; 2] {
    let [low, high] = numbers.fold([f64::INFINITY, f64::NEG_INFINITY], |[l, h], &x| [l.min(x), h.max(x)]);
    if high - low > 1e-9 * low.abs().max(high.abs()) { [low, high] } else { [low - 0.5, high + 0.5] }
}

/// Three digits or so.
pub(crate) fn short(x: f64) -> String {
    match x.abs() {
        s if s < 1e-12 => "0".to_owned(),
        s if !(1e-3..1e5).contains(&s) => format!("{x:.1e}"),
        s if s < 1.0 => format!("{x:.3}"),
        s if s < 100.0 => format!("{x:.2}"),
        _ => format!("{x:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_constants_have_room() {
        for (x, shown) in [(0.0, "0"), (-0.25, "-0.250"), (7.125, "7.12"), (250.0, "250"), (1e-5, "1.0e-5")] {
            assert_eq!(short(x), shown);
        }
        assert_eq!(bounds([2.0, 2.0].iter()), [1.5, 2.5]);
        assert_eq!(bounds([2.0, -1.0, 0.0].iter()), [-1.0, 2.0]);
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a-word-that-is-too-long x", 5), ["a-word-that-is-too-long", "x"]);
    }
}

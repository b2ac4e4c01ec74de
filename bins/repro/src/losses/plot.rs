//! Plots of value and slope as text.

use super::probe::{Curve, Probe, RANGE};
use lacuna::cli::screen::wrapped;

const WIDTH: usize = 65;
const HEIGHT: usize = 13;

/// Both panels with their legend.
pub(super) fn panels(probe: &Probe) -> String {
    let legend: Vec<String> = probe.curves.iter().map(|c| format!("{} {}", c.mark, c.name)).collect();
    let mut out = wrapped(&format!("value: {}", probe.setting), 2) + "\n";
    out.push_str(&panel(&probe.curves, 1));
    out.push_str("\nslope, the derivative by that logit\n");
    out.push_str(&panel(&probe.curves, 2));
    out.push('\n');
    out.push_str(&wrapped(&format!("{:>11}{}, * several", "", legend.join(", ")), 11));
    out
}

/// One panel; `of` says which number of a point it shows.
fn panel(curves: &[Curve], of: usize) -> String {
    let (low, high) = range(curves, of);
    let line = |y: f64| ((high - y) / (high - low) * (HEIGHT - 1) as f64).round() as usize;
    let mut grid = vec![[' '; WIDTH]; HEIGHT];
    if low <= 0.0 && 0.0 <= high {
        grid[line(0.0)].fill('.');
    }
    grid.iter_mut().for_each(|row| row[WIDTH / 2] = ':');
    let mut marked = vec![[None; WIDTH]; HEIGHT];
    for curve in curves {
        for column in 0..WIDTH {
            let point = curve.points[column * (curve.points.len() - 1) / (WIDTH - 1)];
            let (row, mark) = (line(point[of]), curve.mark);
            let others = marked[row][column].is_some_and(|m| m != mark);
            grid[row][column] = if others { '*' } else { mark };
            marked[row][column] = Some(mark);
        }
    }
    let mut out = String::new();
    for (i, row) in grid.iter().enumerate() {
        let label = match i {
            0 => number(high),
            _ if i + 1 == HEIGHT => number(low),
            _ if low < 0.0 && 0.0 < high && i == line(0.0) => "0".to_string(),
            _ => String::new(),
        };
        let text: String = row.iter().collect();
        out.push_str(&format!("{label:>9} |{}\n", text.trim_end()));
    }
    let half = WIDTH / 2;
    out.push_str(&format!("{:>9}  {:<half$}{:<half$}{RANGE}\n", "logit", -RANGE, 0));
    out
}

/// Smallest and largest number of all curves, never the same.
pub(super) fn range(curves: &[Curve], of: usize) -> (f64, f64) {
    let numbers = || curves.iter().flat_map(|c| c.points.iter().map(|p| p[of]));
    let (low, high) = (numbers().fold(f64::INFINITY, f64::min), numbers().fold(f64::NEG_INFINITY, f64::max));
    // Numbers of an f32 differ in their last digits even where a loss is constant.
    let least = 1e-6 * low.abs().max(high.abs()).max(1e-6);
    if high - low > least { (low, high) } else { (low - 0.5, high + 0.5) }
}

fn number(x: f64) -> String {
    if x != 0.0 && !(1e-3..1e5).contains(&x.abs()) { format!("{x:.1e}") } else { format!("{x:.3}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_drawn_from_corner_to_corner() {
        let points = (0..161).map(|i| [f64::from(i), f64::from(i), 1.0]).collect();
        let text = panel(&[Curve { name: "positive", mark: '+', points }], 1);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), HEIGHT + 1);
        assert!(lines[0].starts_with("  160.000 |") && lines[0].ends_with('+'), "{text}");
        assert!(lines[HEIGHT - 1].starts_with("    0.000 |+"), "{text}");
    }

    #[test]
    fn a_constant_has_a_range() {
        let points = vec![[0.0, 2.0, 0.0]; 5];
        assert_eq!(range(&[Curve { name: "", mark: '+', points }], 1), (1.5, 2.5));
    }
}

//! The plot: a panel for each axis, time above memory, both axes of a panel logarithmic. It needs no font, no script and no style
//! sheet, and its own white ground keeps it readable on a dark page.

use crate::axes::{Axis, Measured, Power};
use crate::report::{exponents, memories, times};
use std::fmt::Write as _;

const WIDTH: f64 = 190.0;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 52.0;
const TOP: f64 = 34.0;
/// Panels beside each other: on a page of usual width their letters stay readable.
const COLUMNS: usize = 4;
const CELL: [f64; 2] = [WIDTH + LEFT + 12.0, HEIGHT + TOP + 30.0];

pub(crate) fn picture(axes: &[(Axis, Vec<Measured>)]) -> String {
    let blocks = axes.len().div_ceil(COLUMNS) as f64;
    let (width, height) = (CELL[0] * COLUMNS as f64, CELL[1] * 2.0 * blocks + 10.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"Time of an epoch and \
         memory against each axis, with fitted power laws\" font-family=\"sans-serif\" font-size=\"11\" fill=\"#222\">\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"4\" fill=\"white\"/>\n"
    );
    for (i, (axis, measured)) in axes.iter().enumerate() {
        let found = exponents(axis, measured);
        let milliseconds: Vec<_> = times(axis, measured).iter().map(|&(x, y)| (x, 1e3 * y)).collect();
        let megabytes: Vec<_> = memories(axis, measured).iter().map(|&(x, y)| (x, 1e-6 * y)).collect();
        let at = (i % COLUMNS) as f64 * CELL[0];
        let top = (i / COLUMNS) as f64 * 2.0 * CELL[1];
        let time = Power { factor: 1e3 * found.time.factor, ..found.time };
        panel(&mut svg, [at, top], axis.name, "ms", "#0072b2", &milliseconds, time);
        match found.memory {
            Some(memory) => {
                let memory = Power { factor: 1e-6 * memory.factor, ..memory };
                panel(&mut svg, [at, top + CELL[1]], axis.name, "MB", "#d55e00", &megabytes, memory);
            }
            None => {
                let (x, y) = (at + LEFT, top + CELL[1] + TOP);
                let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y}\">memory was not measured</text>");
            }
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// Logarithms from the least to the largest number, with a margin at both ends.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    /// At least `least` wide, so that noise about a constant looks small.
    fn of(numbers: impl Iterator<Item = f64> + Clone, least: f64) -> Self {
        let low = numbers.clone().fold(f64::INFINITY, f64::min).ln();
        let high = numbers.fold(f64::NEG_INFINITY, f64::max).ln();
        let margin = 0.08 * (high - low) + 0.5 * (least - (high - low)).max(0.0);
        Self { low: low - margin, high: high + margin }
    }

    /// From 0 to 1.
    fn at(&self, x: f64) -> f64 {
        (x.ln() - self.low) / (self.high - self.low)
    }
}

fn panel(
    svg: &mut String,
    [left, top]: [f64; 2],
    name: &str,
    unit: &str,
    colour: &str,
    points: &[(f64, f64)],
    fit: Power,
) {
    let [across, up] = [
        Scale::of(points.iter().map(|p| p.0), 0.5),
        Scale::of(points.iter().map(|p| p.1).chain(points.iter().map(|p| fit.at(p.0))), 10f64.ln()),
    ];
    let x = |size: f64| left + LEFT + WIDTH * across.at(size);
    let y = |value: f64| top + TOP + HEIGHT * (1.0 - up.at(value));
    let (bottom, right) = (top + TOP + HEIGHT, left + LEFT + WIDTH);
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" font-weight=\"bold\">{name}</text>\
         <text x=\"{:.1}\" y=\"{:.1}\" fill=\"{colour}\">{unit}, exponent {:.2}</text>",
        left + LEFT,
        top + 15.0,
        left + LEFT,
        top + 28.0,
        fit.exponent
    );
    let _ = writeln!(
        svg,
        "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"none\" stroke=\"#bbb\"/>",
        left + LEFT,
        top + TOP
    );
    for decade in -3..=6 {
        for digit in [1.0, 2.0, 5.0] {
            let value = digit * 10f64.powi(decade);
            if (0.0..=1.0).contains(&up.at(value)) {
                let _ = writeln!(
                    svg,
                    "<path d=\"M{:.1} {:.1}H{right:.1}\" stroke=\"#e4e4e4\"/><text x=\"{:.1}\" y=\"{:.1}\" \
                     text-anchor=\"end\">{}</text>",
                    left + LEFT,
                    y(value),
                    left + LEFT - 5.0,
                    y(value) + 4.0,
                    short(value)
                );
            }
        }
    }
    // Every second size where they would touch.
    let every = points.len().div_ceil(5);
    for (i, &(size, _)) in points.iter().enumerate() {
        let _ = writeln!(svg, "<path d=\"M{:.1} {bottom:.1}v4\" stroke=\"#888\"/>", x(size));
        if (points.len() - 1 - i).is_multiple_of(every) {
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                x(size),
                bottom + 16.0,
                short(size)
            );
        }
    }
    if let (Some(first), Some(last)) = (points.first(), points.last()) {
        let _ = writeln!(
            svg,
            "<path d=\"M{:.1} {:.1}L{:.1} {:.1}\" stroke=\"{colour}\" stroke-dasharray=\"4 3\"/>",
            x(first.0),
            y(fit.at(first.0)),
            x(last.0),
            y(fit.at(last.0))
        );
    }
    for &(size, value) in points {
        let _ =
            writeln!(svg, "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>", x(size), y(value));
    }
}

/// 8192 as 8k; small numbers as they are.
fn short(x: f64) -> String {
    if x >= 1_000_000.0 {
        format!("{}M", x / 1_000_000.0)
    } else if x >= 10_000.0 || (x >= 1_000.0 && x % 1_000.0 == 0.0) {
        format!("{:.0}k", x / 1_000.0)
    } else {
        // 0.005 and 0.002 without the digits that binary numbers add.
        format!("{}", (x * 1e4).round() / 1e4)
    }
}

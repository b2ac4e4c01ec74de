//! A plot as SVG. Two panels of polylines need no more than these elements, which is why no library draws them.

use crate::losses::curve::{Curve, Plot, RANGE};
use crate::losses::text::{bounds, short, wrap};
use lacuna_losses::Label;
use std::fmt::Write as _;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 490.0;
/// Room beside and above a panel, and its size.
const LEFT: f64 = 70.0;
const TOP: f64 = 60.0;
const PANEL: [f64; 2] = [350.0, 260.0];
const BETWEEN: f64 = 90.0;

/// The whole file.
pub(crate) fn draw(plot: &Plot) -> String {
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    write_text(&mut out, [LEFT, 24.0], "start", &plot.title);
    panel(&mut out, LEFT, "value", plot, |c| &c.value);
    panel(&mut out, LEFT + PANEL[0] + BETWEEN, "slope", plot, |c| &c.slope);
    let mut x = LEFT;
    for curve in &plot.curves {
        let [color, dashes] = stroke(curve);
        let y = TOP + PANEL[1] + 48.0;
        let _ = writeln!(
            out,
            "<line x1=\"{x}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\" stroke=\"{color}\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\"/>",
            x + 30.0
        );
        write_text(&mut out, [x + 36.0, y + 4.0], "start", &curve.name());
        x += 200.0;
    }
    for (i, note) in plot.notes.iter().flat_map(|note| wrap(note, 125)).enumerate() {
        write_text(&mut out, [LEFT, TOP + PANEL[1] + 72.0 + 15.0 * i as f64], "start", &note);
    }
    out.push_str("</svg>\n");
    out
}

/// Colour and dashes; three colours that colour-blind readers tell apart (Okabe and Ito).
fn stroke(curve: &Curve) -> [&'static str; 2] {
    match curve.labels[0] {
        Label::Positive => ["#0072b2", "none"],
        Label::Negative => ["#d55e00", "7 3"],
        Label::Unknown => ["#009e73", "2 3"],
    }
}

fn panel(out: &mut String, left: f64, what: &str, plot: &Plot, of: fn(&Curve) -> &Vec<f64>) {
    let [low, high] = bounds(plot.curves.iter().flat_map(of));
    let [width, height] = PANEL;
    let x = |z: f64| left + width * (z - RANGE[0]) / (RANGE[1] - RANGE[0]);
    let y = |v: f64| TOP + height * (high - v) / (high - low);
    let _ = writeln!(
        out,
        "<rect x=\"{left}\" y=\"{TOP}\" width=\"{width}\" height=\"{height}\" fill=\"none\" stroke=\"#888\"/>"
    );
    write_text(out, [left, TOP - 8.0], "start", &format!("{what} against the logit"));
    for i in 0..=4 {
        let share = f64::from(i) / 4.0;
        let (z, v) = (RANGE[0] + share * (RANGE[1] - RANGE[0]), low + share * (high - low));
        write_text(out, [x(z), TOP + height + 18.0], "middle", &z.to_string());
        write_text(out, [left - 6.0, y(v) + 4.0], "end", &short(v));
    }
    for curve in &plot.curves {
        let points: Vec<String> =
            plot.z.iter().zip(of(curve)).map(|(&z, &v)| format!("{:.2},{:.2}", x(z), y(v))).collect();
        let [color, dashes] = stroke(curve);
        let _ = writeln!(
            out,
            "<polyline fill=\"none\" stroke=\"{color}\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\" points=\"{}\"/>",
            points.join(" ")
        );
    }
}

fn write_text(out: &mut String, [x, y]: [f64; 2], anchor: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(out, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>");
}

//! Plots as inline SVG. Colours are classes of the page's style sheet, so that a plot follows the theme of its page and is printed
//! in black on white; lines also differ in dashes and marks, so that they are told apart in grey.

use lacuna::cli::screen::clean;
use serde::{Serialize, Serializer};
use std::fmt::Write as _;

/// Size of a plot; a phone shows it as it is, and wider pages larger.
const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 250.0;
/// Size of letters, and the generous width of one of them.
const LETTER: f64 = 10.5;
const LETTER_WIDTH: f64 = 6.4;

/// Lines of a plot that have a colour, marks and a place in the legend.
pub(super) const EMPHASISED: usize = 8;

/// A plot with its legend.
#[derive(Debug, Serialize)]
pub(super) struct Figure {
    pub(super) title: String,
    pub(super) svg: Svg,
    pub(super) legend: Vec<Key>,
    pub(super) note: String,
}

/// A line of a legend.
#[derive(Debug, Serialize)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) sample: Svg,
}

/// Text that is SVG already, and which no template escapes.
#[derive(Debug)]
pub(super) struct Svg(pub(super) String);

impl Serialize for Svg {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        minijinja::Value::from_safe_string(self.0.clone()).serialize(serializer)
    }
}

/// An axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis<'a> {
    pub(super) title: &'a str,
    pub(super) scale: Scale,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    Linear,
    /// Numbered at whole numbers alone.
    Whole,
    Log,
    /// Logarithms where all values are positive and the largest is at least 20 times the smallest.
    Auto,
}

/// A line of a plot.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
    /// Number of its colour and marks; `None` for a thin line behind the others.
    pub(super) style: Option<usize>,
}

/// Text inside SVG.
pub(crate) fn escape(text: &str) -> String {
    clean(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A name without what acts on text, no wider than `width`, with `..` where it was cut.
fn fitted(name: &str, width: f64) -> String {
    let name = clean(name);
    // Letters beyond Latin may be as wide as high.
    let wide = |c: char| if (c as u32) < 0x370 { LETTER_WIDTH } else { 1.1 * LETTER };
    if name.chars().map(wide).sum::<f64>() <= width {
        return name.to_string();
    }
    let (mut short, mut used) = (String::new(), 2.0 * LETTER_WIDTH);
    for c in name.chars() {
        used += wide(c);
        if used > width {
            break;
        }
        short.push(c);
    }
    short + ".."
}

/// Round numbers from `low` to `high`, about `count` of them.
pub(crate) fn ticks(low: f64, high: f64, count: f64) -> Vec<f64> {
    let raw = (high - low).max(f64::MIN_POSITIVE) / count;
    let power = 10f64.powf(raw.log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|step| 1.25 * step >= raw).unwrap_or(power);
    let first = (low / step).ceil() as i64;
    (first..).map(|i| i as f64 * step).take_while(|tick| *tick <= high + 1e-9 * step).take(20).collect()
}

/// A tick's number, without digits that say nothing.
pub(crate) fn number(x: f64) -> String {
    if x != 0.0 && !(1e-3..1e5).contains(&x.abs()) {
        return format!("{x:.1e}");
    }
    let text = format!("{x:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// Where numbers of an axis are drawn.
#[derive(Clone, Copy, Debug)]
struct Range {
    low: f64,
    high: f64,
    log: bool,
    whole: bool,
    from: f64,
    to: f64,
}

impl Range {
    /// An axis over all values, a little wider; `None` without a finite value.
    fn over(values: impl Iterator<Item = f64> + Clone, scale: Scale, from: f64, to: f64) -> Option<Self> {
        let (low, high) =
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        if !low.is_finite() || !high.is_finite() {
            return None;
        }
        let log = match scale {
            Scale::Linear | Scale::Whole => false,
            Scale::Log => low > 0.0,
            Scale::Auto => low > 0.0 && high >= 20.0 * low,
        };
        let (low, high) = if log { (low.log10(), high.log10()) } else { (low, high) };
        let margin = if high > low { 0.04 * (high - low) } else { 0.5 };
        Some(Self { low: low - margin, high: high + margin, log, whole: scale == Scale::Whole, from, to })
    }

    fn place(&self, x: f64) -> f64 {
        let x = if self.log { x.log10() } else { x };
        self.from + (x - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    fn ticks(&self, count: f64) -> Vec<f64> {
        if !self.log {
            let count = if self.whole { count.min(self.high - self.low) } else { count };
            return ticks(self.low, self.high, count);
        }
        let steps: &[f64] = if self.high - self.low > count { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let powers = self.low.floor() as i32..=self.high.ceil() as i32;
        let stride = ((self.high - self.low) / (2.0 * count)).ceil().max(1.0) as usize;
        let all =
            powers.step_by(stride).flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power)));
        let inside: Vec<f64> = all.filter(|x| (self.low..=self.high).contains(&x.log10())).collect();
        match inside.len() {
            0..=2 => ticks(10f64.powf(self.low), 10f64.powf(self.high), count),
            _ => inside,
        }
    }
}

/// The mark of a style at a place.
fn mark(style: usize, (x, y): (f64, f64)) -> String {
    let fill = if style < 4 { "full" } else { "hollow" };
    let path = match style % 4 {
        0 => return format!("<circle class=\"{fill}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.6\"/>"),
        1 => format!("M{:.1} {:.1}h5v5h-5z", x - 2.5, y - 2.5),
        2 => format!("M{x:.1} {:.1}l3 5.2h-6z", y - 3.2),
        _ => format!("M{x:.1} {:.1}l3.3 3.3l-3.3 3.3l-3.3 -3.3z", y - 3.3),
    };
    format!("<path class=\"{fill}\" d=\"{path}\"/>")
}

/// The start of a picture that says to a screen reader what it is.
fn opened(title: &str, height: f64) -> String {
    format!("<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{}\">", escape(title))
}

fn sample(style: usize) -> Svg {
    Svg(format!(
        "<svg class=\"key\" viewBox=\"0 0 28 10\" aria-hidden=\"true\"><g class=\"s{style}\"><path class=\"line\" d=\"M0 5H28\"/>{}</g></svg>",
        mark(style, (14.0, 5.0))
    ))
}

/// Lines over two axes; `None` where there is nothing to draw.
pub(super) fn lines(title: &str, x: Axis<'_>, y: Axis<'_>, lines: &[Line], note: &str) -> Option<Figure> {
    let (left, right, top, bottom) = (48.0, WIDTH - 10.0, 8.0, HEIGHT - 40.0);
    let points = || lines.iter().flat_map(|line| line.points.iter());
    let across = Range::over(points().map(|p| p.0), x.scale, left, right)?;
    let up = Range::over(points().map(|p| p.1), y.scale, bottom, top)?;
    let mut svg = opened(title, HEIGHT);
    for tick in up.ticks(5.0) {
        let at = up.place(tick);
        let line = format!("M{left} {at:.1}H{right}");
        labelled(&mut svg, ("grid", &line), ("end", left - 5.0, at + 3.5), &number(tick));
    }
    for tick in across.ticks(6.0) {
        let at = across.place(tick);
        labelled(
            &mut svg,
            ("tick", &format!("M{at:.1} {bottom}v4")),
            ("mid", at, bottom + 15.0),
            &number(tick),
        );
    }
    let named =
        |axis: &Axis<'_>, range: &Range| format!("{}{}", axis.title, if range.log { " (log)" } else { "" });
    let frame = format!("M{left} {top}V{bottom}H{right}");
    let middle = ("mid", (left + right) / 2.0, bottom + 31.0);
    labelled(&mut svg, ("axis", &frame), middle, &escape(&named(&x, &across)));
    // Thin lines first, so that they lie behind.
    let behind = lines.iter().filter(|line| line.style.is_none());
    for line in behind.chain(lines.iter().filter(|line| line.style.is_some())) {
        let class = line.style.map_or("thin".to_string(), |style| format!("s{style}"));
        let places: Vec<(f64, f64)> =
            line.points.iter().map(|p| (across.place(p.0), up.place(p.1))).collect();
        let path: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        let _ = write!(svg, "<g class=\"{class}\"><path class=\"line\" d=\"M{}\"/>", path.join("L"));
        if let Some(style) = line.style {
            // Some ten marks, of which neighbouring styles have theirs at other places.
            let every = places.len().div_ceil(10);
            let marked = places.iter().skip(style % every.max(1)).step_by(every.max(1));
            marked.for_each(|place| svg.push_str(&mark(style, *place)));
        }
        svg.push_str("</g>");
    }
    svg.push_str("</svg>");
    let key = |line: &Line| Some(Key { name: line.name.clone(), sample: sample(line.style?) });
    let legend: Vec<Key> = lines.iter().filter_map(key).collect();
    let thin = lines.len() - legend.len();
    let others = if thin > 0 { format!("{thin} more as thin lines. ") } else { String::new() };
    Some(Figure {
        title: format!("{title}: {}", named(&y, &up)),
        svg: Svg(svg),
        legend,
        note: format!("{others}{note}"),
    })
}

/// A line of a class, and text of another class at a place. The text has been escaped.
fn labelled(svg: &mut String, (line, path): (&str, &str), (class, x, y): (&str, f64, f64), text: &str) {
    let _ = write!(
        svg,
        "<path class=\"{line}\" d=\"{path}\"/><text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>"
    );
}

/// A bar or an interval.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) value: f64,
    /// Bounds of an interval, which is drawn with a point in place of a bar.
    pub(super) interval: Option<(f64, f64)>,
}

/// Horizontal bars from 0, or intervals beside 0, one below the other; `None` without one.
pub(super) fn bars(title: &str, axis: &str, bars: &[Bar], note: &str) -> Option<Figure> {
    let widest = 20.0 * LETTER_WIDTH;
    let (left, right, top, step) = (widest + 8.0, WIDTH - 14.0, 6.0, 16.0);
    let bottom = top + step * bars.len() as f64;
    let ends = |bar: &Bar| bar.interval.map_or([bar.value; 2], |(low, high)| [low, high]);
    let across = Range::over(bars.iter().flat_map(ends).chain([0.0]), Scale::Linear, left, right)?;
    if bars.is_empty() {
        return None;
    }
    let mut svg = opened(title, bottom + 36.0);
    let zero = across.place(0.0);
    for tick in across.ticks(4.0) {
        let at = across.place(tick);
        let line = format!("M{at:.1} {top}V{bottom}");
        labelled(&mut svg, ("grid", &line), ("mid", at, bottom + 14.0), &number(tick));
    }
    for (i, bar) in bars.iter().enumerate() {
        let middle = top + step * (i as f64 + 0.5);
        let _ = write!(
            svg,
            "<text class=\"end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            left - 6.0,
            middle + 3.5,
            escape(&fitted(&bar.name, widest))
        );
        let at = across.place(bar.value);
        let class = if bar.value < 0.0 { "down" } else { "up" };
        let _ = match bar.interval {
            Some((low, high)) => write!(
                svg,
                "<g class=\"{class}\"><path class=\"line\" d=\"M{:.1} {middle:.1}H{:.1}\"/>{}</g>",
                across.place(low),
                across.place(high),
                mark(0, (at, middle))
            ),
            None => write!(
                svg,
                "<rect class=\"bar {class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
                zero.min(at),
                middle - 5.0,
                (at - zero).abs().max(0.5),
                10.0
            ),
        };
    }
    let _ = write!(
        svg,
        "<path class=\"axis\" d=\"M{zero:.1} {top}V{bottom}\"/><text class=\"mid\" x=\"{:.1}\" y=\"{:.1}\">{}</text></svg>",
        (left + right) / 2.0,
        bottom + 30.0,
        escape(axis)
    );
    Some(Figure { title: title.to_string(), svg: Svg(svg), legend: vec![], note: note.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AXIS: Axis<'_> = Axis { title: "epoch", scale: Scale::Linear };

    fn line(name: &str, style: Option<usize>) -> Line {
        Line {
            name: name.to_string(),
            points: (1..30).map(|i| (f64::from(i), 1.0 / f64::from(i))).collect(),
            style,
        }
    }

    /// The numbers of an attribute.
    fn attributes(svg: &str, name: &str) -> Vec<f64> {
        let start = format!(" {name}=\"");
        svg.split(&start).skip(1).map(|rest| rest[..rest.find('"').unwrap()].parse().unwrap()).collect()
    }

    #[test]
    fn everything_lies_inside_and_names_do_no_harm() {
        let y = Axis { title: "loss", scale: Scale::Auto };
        let all: Vec<Line> =
            (0..EMPHASISED).map(|i| line("<script>", Some(i))).chain([line("x", None)]).collect();
        let figure = lines("Training", AXIS, y, &all, "").unwrap();
        assert!(!figure.svg.0.contains("<script"));
        assert_eq!((figure.legend.len(), figure.note.as_str()), (8, "1 more as thin lines. "));
        assert!(figure.title.ends_with("(log)"), "{}", figure.title);
        assert!(attributes(&figure.svg.0, "x").iter().all(|x| (0.0..=WIDTH).contains(x)));
        assert!(attributes(&figure.svg.0, "y").iter().all(|y| (0.0..=HEIGHT).contains(y)));
        let hostile = "</text><script>alert(1)</script>\u{202e}".to_string() + &"日".repeat(10_000);
        let bar = |value| Bar { name: hostile.clone(), value, interval: Some((value - 1.0, value + 2.0)) };
        let figure = bars("Differences", "mAP", &[bar(-3.0), bar(2.0)], "").unwrap();
        assert!(!figure.svg.0.contains("<script") && !figure.svg.0.contains('\u{202e}'));
        assert!(figure.svg.0.len() < 4000);
        assert_eq!(fitted("a\\u{202e}b", 300.0), "a\\u{202e}b", "what is escaped is not escaped again");
        assert!(attributes(&figure.svg.0, "x").iter().all(|x| (0.0..=WIDTH).contains(x)));
        let longest =
            figure.svg.0.split("class=\"end\"").skip(1).map(|t| t.find("</text>").unwrap()).max().unwrap();
        assert!(longest < 120, "a name is cut to the place that it has");
    }

    #[test]
    fn nothing_to_draw_is_no_picture() {
        assert!(lines("t", AXIS, AXIS, &[], "").is_none());
        assert!(bars("t", "x", &[], "").is_none());
        let nan = Line { points: vec![(1.0, f64::NAN)], ..line("x", Some(0)) };
        assert!(lines("t", AXIS, AXIS, &[nan], "").is_none());
        let one = Line { points: vec![(1.0, 5.0)], ..line("x", Some(0)) };
        let svg = lines("t", AXIS, AXIS, &[one], "").unwrap().svg.0;
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn ticks_are_round() {
        let close =
            |a: &[f64], b: &[f64]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(close(&ticks(0.0, 1.0, 5.0), &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]));
        assert!(close(&ticks(61.0, 88.0, 5.0), &[65.0, 70.0, 75.0, 80.0, 85.0]));
        let range = |values: [f64; 2], scale| Range::over(values.into_iter(), scale, 0.0, 1.0).unwrap();
        assert!(close(&range([1.0, 4.0], Scale::Whole).ticks(6.0), &[1.0, 2.0, 3.0, 4.0]));
        assert!(close(&range([0.002, 1.0], Scale::Log).ticks(5.0)[..3], &[0.002, 0.005, 0.01]));
        assert!(
            range([14.0, 43.0], Scale::Log).ticks(6.0).len() > 3,
            "a short range of logarithms has numbers too"
        );
        assert_eq!([0.2, 0.0, 1e-7, 250_000.0].map(number), ["0.2", "0", "1.0e-7", "2.5e5"]);
    }
}

//! Plots as SVG files that need nothing else: no style sheet, no font, no script.

use lacuna_metrics::Reliability;
use std::fmt::Write as _;

/// Side of the square of the axes.
const SIDE: f64 = 320.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 20.0;

/// A reliability diagram: the share of positives in each bin of probabilities against their mean, before and after
/// calibration. The area of a mark is in proportion to the cells of its bin.
///
/// ```
/// use lacuna_labels::TrueLabels;
///
/// let truth = TrueLabels::from_fn(4, 1, |row, _| row < 3);
/// let bins = lacuna_metrics::reliability(&[0.8, 0.8, 0.8, 0.1], &truth, 10)?;
/// let svg = lacuna::plot::reliability(&bins, &bins);
/// assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
/// # Ok::<(), lacuna_metrics::MetricError>(())
/// ```
pub fn reliability(before: &[Reliability], after: &[Reliability]) -> String {
    let (x, y) = (|p: f64| LEFT + p * SIDE, |p: f64| TOP + (1.0 - p) * SIDE);
    let (width, height) = (LEFT + SIDE + 20.0, TOP + SIDE + 80.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-label=\"Reliability before and after calibration\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    for tick in 0..=5 {
        let p = f64::from(tick) / 5.0;
        let _ = writeln!(
            svg,
            "<path d=\"M{} {:.1}h{SIDE}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{p}</text>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{p}</text>",
            x(0.0),
            y(p),
            LEFT - 8.0,
            y(p) + 4.0,
            x(p),
            TOP + SIDE + 18.0
        );
    }
    let _ = writeln!(
        svg,
        "<path d=\"M{} {}L{} {}\" stroke=\"#888\" stroke-dasharray=\"4 4\"/>\
         <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">mean probability of the bin</text>\
         <text transform=\"translate(16 {}) rotate(-90)\" text-anchor=\"middle\">share of positives</text>",
        x(0.0),
        y(0.0),
        x(1.0),
        y(1.0),
        x(0.5),
        TOP + SIDE + 38.0,
        y(0.5)
    );
    for (i, (bins, name, colour)) in
        [(before, "before", "#d55e00"), (after, "after", "#0072b2")].into_iter().enumerate()
    {
        let most = bins.iter().map(|bin| bin.cells).max().unwrap_or(0).max(1) as f64;
        let points: Vec<(f64, f64, f64)> = bins
            .iter()
            .filter_map(|bin| {
                Some((x(bin.mean), y(bin.share()?), 2.0 + 6.0 * (bin.cells as f64 / most).sqrt()))
            })
            .collect();
        let path: Vec<String> = points.iter().map(|(x, y, _)| format!("{x:.1} {y:.1}")).collect();
        let dash = if i == 0 { " stroke-dasharray=\"2 3\"" } else { "" };
        let _ = write!(svg, "<path d=\"M{}\" fill=\"none\" stroke=\"{colour}\"{dash}/>", path.join("L"));
        for (x, y, r) in points {
            let _ = write!(
                svg,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r:.1}\" fill=\"{colour}\" fill-opacity=\"0.5\"/>"
            );
        }
        let at = x(0.0) + 90.0 * i as f64;
        let _ = writeln!(
            svg,
            "\n<circle cx=\"{at}\" cy=\"{}\" r=\"5\" fill=\"{colour}\"/><text x=\"{}\" y=\"{}\">{name}</text>",
            TOP + SIDE + 60.0,
            at + 12.0,
            TOP + SIDE + 64.0
        );
    }
    svg + "</svg>\n"
}

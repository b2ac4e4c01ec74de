//! Plots of value and slope as SVG.

use super::plot::range;
use super::probe::{Probe, RANGE};
use anyhow::anyhow;
use plotters::prelude::*;

/// Colours that people tell apart whatever colours they see (M. Okabe, K. Ito).
const COLOURS: [RGBColor; 3] = [RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(0, 158, 115)];

/// The picture as SVG text.
pub(super) fn picture(title: &str, probe: &Probe) -> anyhow::Result<String> {
    let mut text = String::new();
    draw(SVGBackend::with_string(&mut text, (900, 420)), title, probe)
        .map_err(|error| anyhow!("the plot could not be drawn: {error}"))?;
    Ok(text)
}

fn draw(backend: SVGBackend<'_>, title: &str, probe: &Probe) -> Result<(), Box<dyn std::error::Error>> {
    let area = backend.into_drawing_area();
    area.fill(&WHITE)?;
    // No fonts are measured here, so the width of text is estimated generously.
    let area = area.titled(title, ("sans-serif", 18))?;
    let captions = [format!("value: {}", probe.setting), "slope".to_string()];
    for ((panel, caption), of) in area.split_evenly((1, 2)).iter().zip(captions).zip([1, 2]) {
        let (low, high) = range(&probe.curves, of);
        let margin = 0.05 * (high - low);
        let mut chart = ChartBuilder::on(panel)
            .margin(12)
            .caption(caption, ("sans-serif", 11))
            .x_label_area_size(36)
            .y_label_area_size(64)
            .build_cartesian_2d(-RANGE..RANGE, low - margin..high + margin)?;
        chart.configure_mesh().x_desc("logit").light_line_style(TRANSPARENT).draw()?;
        for (curve, colour) in probe.curves.iter().zip(COLOURS) {
            let line = curve.points.iter().map(|p| (p[0], p[of]));
            chart
                .draw_series(LineSeries::new(line, colour.stroke_width(2)))?
                .label(curve.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
        }
        // Once is enough, and in the slope's panel it would cover the curves.
        if of == 1 {
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperMiddle)
                .background_style(WHITE.mix(0.8))
                .draw()?;
        }
    }
    area.present()?;
    Ok(())
}

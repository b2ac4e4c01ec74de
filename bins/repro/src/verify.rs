//! Comparison of results with the reference numbers of a benchmark.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use lacuna_harness::{Published, Report};

/// One reference number and ours.
pub(crate) struct Compared {
    pub(crate) row: String,
    pub(crate) metric: String,
    /// Mean over seeds and their standard deviation; `None` where no run ended.
    pub(crate) ours: Option<(f64, f64)>,
    pub(crate) reference: f64,
    pub(crate) tolerance: f64,
}

impl Compared {
    /// Whether ours is within the tolerance.
    pub(crate) fn holds(&self) -> bool {
        self.ours.is_some_and(|(mean, _)| (mean - self.reference).abs() <= self.tolerance)
    }
}

/// Every reference number with a tolerance that was made under the settings of the report.
pub(crate) fn compare(report: &Report) -> Vec<Compared> {
    let of = |published: &Published| {
        let line = report.losses.iter().find(|line| line.loss == published.loss)?;
        let ours = line.metrics.iter().find(|metric| metric.name == published.metric);
        Some(Compared {
            row: published.loss.clone(),
            metric: published.metric.clone(),
            ours: ours.and_then(|metric| Some((metric.mean?, metric.std?))),
            reference: published.value,
            tolerance: published.tolerance?,
        })
    };
    report.published.iter().filter_map(of).collect()
}

/// The table and the count.
pub(crate) fn table(report: &Report, compared: &[Compared]) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    // Numbers must not break in the middle: the table may be wider than a page.
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["row", "metric", "ours", "reference", "within", "off by", ""]);
    for line in compared {
        let (ours, difference) = match line.ours {
            Some((mean, std)) => (format!("{mean:.2} ± {std:.2}"), format!("{:+.2}", mean - line.reference)),
            None => ("failed".to_string(), String::new()),
        };
        table.add_row([
            line.row.clone(),
            line.metric.clone(),
            ours,
            format!("{:.2}", line.reference),
            format!("{:.2}", line.tolerance),
            difference,
            if line.holds() { String::new() } else { "outside".to_string() },
        ]);
    }
    for column in 2..6 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let outside = compared.iter().filter(|line| !line.holds()).count();
    format!(
        "{table}\n{} on {}: {} of {} numbers within the tolerance, {outside} outside\n",
        report.name,
        lacuna_formats::shown(&report.data),
        compared.len() - outside,
        compared.len()
    )
}

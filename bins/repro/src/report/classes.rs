//! Average precision by class: of rows of a table against a baseline, and against the frequency of the classes.

use super::document::{Block, Cell, Head, Table};
use super::plots::{Axis, Bar, EMPHASISED, Figure, Line, Scale, bars, lines};
use super::run::signed;
use lacuna_formats::shown;
use lacuna_harness::DataLabel;

/// Classes that a table or a plot shows at most; all of them are in the CSV file.
const MOST: usize = 60;
const MOST_BARS: usize = 30;
/// Groups of classes of about one frequency.
const GROUPS: usize = 8;

/// Mean test AP of each class over the runs of a row, percent.
#[derive(Clone, Debug)]
pub(super) struct RowAps {
    pub(super) name: String,
    pub(super) ap: Vec<f64>,
    /// Number of the row's colour and marks in every plot; `None` for a thin line.
    pub(super) style: Option<usize>,
}

/// The names of the classes as they can be shown, numbers where no name is known.
pub(super) fn names(data: Option<&DataLabel>, classes: usize) -> Vec<String> {
    let name = |class: usize| {
        let of = data.and_then(|data| data.classes.get(class));
        of.map_or_else(|| format!("class {class}"), |of| shown(&of.name))
    };
    (0..classes).map(name).collect()
}

/// The blocks; none without APs of a baseline and another row. `best` is the row of the plot of differences.
pub(super) fn blocks(
    rows: &[RowAps],
    baseline: &str,
    best: &str,
    data: Option<&DataLabel>,
    tested: impl Fn(usize) -> bool,
) -> Vec<Block> {
    let Some(base) = rows.iter().find(|row| row.name == baseline && !row.ap.is_empty()) else {
        return vec![];
    };
    let others: Vec<&RowAps> =
        rows.iter().filter(|row| row.name != baseline && row.ap.len() == base.ap.len()).collect();
    let names = names(data, base.ap.len());
    let counts = data.and_then(DataLabel::seen).map(|seen| &seen.positives);
    let counts = counts.filter(|counts| counts.len() == base.ap.len());
    let mut classes: Vec<usize> = (0..base.ap.len()).filter(|class| tested(*class)).collect();
    if let Some(counts) = counts {
        classes.sort_by_key(|class| std::cmp::Reverse(counts[*class]));
    }
    let mut figures = Vec::new();
    if let Some(row) = others.iter().find(|row| row.name == best) {
        figures.extend(differences(row, base, &classes, &names));
    }
    figures.extend(counts.and_then(|counts| by_frequency(rows, counts, &classes)));
    let mut blocks = vec![Block::heading("By class")];
    blocks.extend((!figures.is_empty()).then_some(Block::Figures { figures }));
    if !others.is_empty() {
        blocks.push(Block::Table(table(base, &others, &classes, &names, counts)));
    }
    blocks
}

fn differences(row: &RowAps, base: &RowAps, classes: &[usize], names: &[String]) -> Option<Figure> {
    let difference = |class: usize| row.ap[class] - base.ap[class];
    let mut order = classes.to_vec();
    order.sort_by(|a, b| difference(*b).total_cmp(&difference(*a)));
    let left_out = order.len().saturating_sub(MOST_BARS);
    if left_out > 0 {
        let last = order.split_off(order.len() - MOST_BARS / 2);
        order.truncate(MOST_BARS / 2);
        order.extend(last);
    }
    let bar = |class: &usize| Bar { name: names[*class].clone(), value: difference(*class), interval: None };
    let all: Vec<Bar> = order.iter().map(bar).collect();
    let note = match left_out {
        0 => String::new(),
        n => format!("The {n} classes between the largest gains and losses are left out."),
    };
    let title = format!("AP by class: {} against {}", shown(&row.name), shown(&base.name));
    bars(&title, "difference in AP, percentage points", &all, &note)
}

/// Mean AP over groups of classes of about one frequency.
fn by_frequency(rows: &[RowAps], counts: &[usize], classes: &[usize]) -> Option<Figure> {
    let seen: Vec<usize> = classes.iter().copied().filter(|class| counts[*class] > 0).collect();
    if seen.is_empty() {
        return None;
    }
    let groups: Vec<&[usize]> = seen.chunks(seen.len().div_ceil(GROUPS)).collect();
    let mean = |group: &[usize], of: &dyn Fn(usize) -> f64| {
        group.iter().map(|class| of(*class)).sum::<f64>() / group.len() as f64
    };
    let line = |row: &RowAps| {
        let point = |group: &&[usize]| {
            (mean(group, &|class| counts[class] as f64), mean(group, &|class| row.ap[class]))
        };
        let mut points: Vec<(f64, f64)> = groups.iter().map(point).collect();
        points.reverse();
        Line { name: shown(&row.name), points, style: row.style }
    };
    let all: Vec<Line> = rows.iter().filter(|row| row.ap.len() == counts.len()).map(line).collect();
    let point = match groups[0].len() {
        1 => "Each point is a class".to_string(),
        n => format!("Each point is the mean over up to {n} classes that follow each other in frequency"),
    };
    let left_out = match classes.len() - seen.len() {
        0 => "",
        _ => "; classes without an observed positive are left out",
    };
    let note = format!("{point}{left_out}.");
    lines(
        "AP against frequency",
        Axis { title: "observed positives of a class", scale: Scale::Log },
        Axis { title: "mean test AP, percent", scale: Scale::Linear },
        &all,
        &note,
    )
}

fn table(
    base: &RowAps,
    others: &[&RowAps],
    classes: &[usize],
    names: &[String],
    counts: Option<&Vec<usize>>,
) -> Table {
    let mut columns: Vec<&&RowAps> = others.iter().filter(|row| row.style.is_some()).collect();
    columns.truncate(EMPHASISED);
    let base_name = shown(&base.name);
    let mut table = Table::new(
        &format!("Test AP of each class, percent: {base_name}, and the differences to it"),
        ["class"],
    );
    table.header.extend(counts.map(|_| Head { text: "observed positives".into(), number: true }));
    table.header.push(Head { text: base_name, number: true });
    table.header.extend(columns.iter().map(|row| Head { text: shown(&row.name), number: true }));
    for class in classes.iter().copied().take(MOST) {
        let mut row: Vec<Cell> = vec![names[class].clone().into()];
        row.extend(counts.map(|counts| counts[class].to_string().into()));
        row.push(format!("{:.1}", base.ap[class]).into());
        row.extend(columns.iter().map(|other| {
            let difference = other.ap[class] - base.ap[class];
            Cell { shade: shade(difference), ..signed(difference, 1).into() }
        }));
        table.rows.push(row);
    }
    if classes.len() > MOST {
        table
            .notes
            .push(format!("The {MOST} most frequent of {} classes; report.csv has all.", classes.len()));
    }
    if columns.len() < others.len() {
        table.notes.push(format!("{} of {} rows; report.csv has all.", columns.len(), others.len()));
    }
    let untested = names.len() - classes.len();
    if untested > 0 {
        table.notes.push(format!("Classes without a test positive are left out: {untested}."));
    }
    table
}

/// How much a difference in percentage points is marked.
fn shade(difference: f64) -> i8 {
    let steps = [1.0, 3.0, 6.0, 12.0].iter().filter(|step| difference.abs() >= **step).count() as i8;
    if difference < 0.0 { -steps } else { steps }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, ap: &[f64]) -> RowAps {
        RowAps { name: name.into(), ap: ap.to_vec(), style: Some(0) }
    }

    #[test]
    fn classes_without_a_test_positive_are_left_out_and_said() {
        let rows = [row("an", &[50.0, 0.0, 70.0]), row("hill", &[60.0, 0.0, 66.0])];
        let blocks = blocks(&rows, "an", "hill", None, |class| class != 1);
        let Some(Block::Table(table)) = blocks.last() else { panic!("{blocks:?}") };
        let cells: Vec<Vec<&str>> =
            table.rows.iter().map(|row| row.iter().map(|cell| cell.text.as_str()).collect()).collect();
        assert_eq!(cells, [["class 0", "50.0", "+10.0"], ["class 2", "70.0", "-4.0"]]);
        assert_eq!(table.rows[0][2].shade, 3);
        assert_eq!(table.rows[1][2].shade, -2);
        assert_eq!(table.notes, ["Classes without a test positive are left out: 1."]);
        assert!(super::blocks(&rows, "none", "hill", None, |_| true).is_empty());
    }
}

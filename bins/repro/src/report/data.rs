//! The label of a data set: what is in it, what is missing of it, and how.

use super::document::{Block, Cell, Table};
use lacuna_formats::shown;
use lacuna_harness::DataLabel;

/// Classes that the table shows at most; all of them are in `data.json`.
const MOST: usize = 100;

pub(super) fn blocks(data: &DataLabel) -> Vec<Block> {
    let positives: usize = data.classes.iter().map(|class| class.train).sum();
    let mut blocks = vec![Block::heading("Data")];
    let mut facts = vec![
        format!(
            "{}: {} rows train, {} validate, {} are tested on; {} features, {} classes",
            shown(&data.name),
            data.train_rows,
            data.val_rows,
            data.test_rows,
            data.features,
            data.classes.len()
        ),
        format!("Labels: {}", data.protocol),
        format!(
            "True positives: {positives} among the rows that train, {:.2} a row",
            positives as f64 / data.train_rows.max(1) as f64
        ),
        format!("Fingerprint: {}", data.fingerprint),
    ];
    facts.extend(data.caveat.iter().map(|caveat| format!("Caveat: {caveat}")));
    match data.findings.len() {
        0 => facts.push("Checks: nothing was found".to_string()),
        _ => facts.extend(data.findings.iter().map(|found| {
            format!("{}: {}", if found.error { "Error in the data" } else { "Warning" }, found.text)
        })),
    }
    blocks.push(Block::List { items: facts });
    blocks.push(Block::Table(seen(data, positives)));
    blocks.push(Block::Table(by_row(data)));
    blocks.push(Block::Table(by_class(data)));
    blocks
}

fn percent(part: usize, whole: usize) -> String {
    match whole {
        0 => String::new(),
        _ => format!("{:.1} %", 100.0 * part as f64 / whole as f64),
    }
}

fn seen(data: &DataLabel, positives: usize) -> Table {
    let header = [
        "rows of the table",
        "#positive a row",
        "#negative a row",
        "#unknown a row",
        "#hidden positives",
        "#share hidden",
    ];
    let mut table = Table::new("The labels that are trained on", header);
    for seen in &data.labels {
        let counts = &seen.counts;
        let mut row = vec![shown_list(&seen.rows)];
        row.extend([counts.positives, counts.negatives, counts.unknown].map(|x| format!("{x:.2}")));
        row.extend([seen.hidden.to_string(), percent(seen.hidden, positives)]);
        table.rows.push(row.into_iter().map(Cell::from).collect());
    }
    table.notes.push("hidden: true positives that are not observed as such".to_string());
    table
}

/// Names by comma, the first ten of them.
fn shown_list(names: &[String]) -> String {
    let mut text = names.iter().take(10).map(|name| shown(name)).collect::<Vec<_>>().join(", ");
    if names.len() > 10 {
        text += &format!(" and {} more", names.len() - 10);
    }
    text
}

/// Training rows by the number of their positives.
fn by_row(data: &DataLabel) -> Table {
    let mut table =
        Table::new("Training rows by number of positives", ["#positives", "#rows, true", "#rows, observed"]);
    let observed = data.seen().map(|seen| &seen.rows_by_positives);
    let of =
        |counts: &std::collections::BTreeMap<usize, usize>, n: usize| counts.get(&n).copied().unwrap_or(0);
    let numbers = data.rows_by_positives.keys().chain(observed.into_iter().flat_map(|counts| counts.keys()));
    let mut numbers: Vec<usize> = numbers.copied().collect();
    numbers.sort_unstable();
    numbers.dedup();
    for n in numbers {
        let observed = observed.map_or_else(String::new, |counts| of(counts, n).to_string());
        let row = [n.to_string(), of(&data.rows_by_positives, n).to_string(), observed];
        table.rows.push(row.map(Cell::from).into());
    }
    table
}

fn by_class(data: &DataLabel) -> Table {
    let header = ["class", "#true positives", "#observed", "#share hidden", "#test positives"];
    let mut table = Table::new("Classes by number of training positives", header);
    let observed = data.seen().map(|seen| &seen.positives);
    let mut classes: Vec<usize> = (0..data.classes.len()).collect();
    classes.sort_by_key(|class| std::cmp::Reverse(data.classes[*class].train));
    for class in classes.into_iter().take(MOST) {
        let of = &data.classes[class];
        let seen = observed.and_then(|counts| counts.get(class)).copied();
        let hidden = seen.map_or_else(String::new, |seen| percent(of.train.saturating_sub(seen), of.train));
        let seen = seen.map_or_else(String::new, |seen| seen.to_string());
        let row = [shown(&of.name), of.train.to_string(), seen, hidden, of.test.to_string()];
        table.rows.push(row.map(Cell::from).into());
    }
    if data.classes.len() > MOST {
        table
            .notes
            .push(format!("The {MOST} most frequent of {} classes; data.json has all.", data.classes.len()));
    }
    table
}

//! The rows after `@data`, dense (`0.5,1,0`) or sparse (`{0 0.5, 2 1}`).

use super::cursor::{Cursor, Problem};
use super::header::{Header, Kind, Labels};
use super::missing::{Attributes, Missing};
use super::spelling::Spelling;
use super::{missing, spelling};
use crate::arrays::range::not_finite;
use crate::chunks::Chunks;
use crate::error::printed;
use crate::text::lines::Lines;
use crate::{
    FeatureTable, FormatError, KeptRows, LabelLists, MissingFeatures, ReadOptions, SparseFeatures, Strings,
    Table, shown,
};
use lacuna_labels::{Features, Label};
use std::borrow::Cow;
use std::io::BufRead;
use std::path::Path;

/// A value in the file.
enum Cell {
    Feature(u32, f32),
    Label(u32, Label),
}

struct Columns<'a> {
    header: &'a Header,
    labels: &'a Labels,
    /// How the labels of each class are written.
    spellings: Vec<Spelling>,
    /// What a cell of the labels is that is not listed.
    unlisted: Label,
    /// For each attribute that is not a label its column.
    feature: Vec<u32>,
    /// An attribute whose first value, which sparse rows leave out, is not 0 or not absent.
    not_zero: Option<usize>,
    placeholder: Option<f32>,
}

/// The row at hand: it is kept as a whole or not at all.
#[derive(Default)]
struct Row {
    features: Vec<(u32, f32)>,
    labels: Vec<(u32, Label)>,
    /// Features that are missing.
    missing: u64,
    weighted: bool,
}

pub(super) fn read(
    lines: &mut Lines<'_, impl BufRead>,
    header: &Header,
    labels: &Labels,
    path: &Path,
    options: &ReadOptions,
) -> Result<Table, FormatError> {
    let mut missing = Missing::new(options.missing_features);
    let place = Columns::new(header, labels, &missing, lines, options)?;
    let columns = labels.class.len() - labels.names.len();
    let mut lists = LabelLists::new(labels.names.clone(), place.unlisted);
    let mut dense = Chunks::default();
    let mut sparse = SparseFeatures::new(columns);
    let mut is_sparse = None;
    let mut row = Row::default();
    let (mut weighted, mut found) = (0_u64, 0_u64);
    let mut kept = Vec::new();
    while let Some((number, line)) = lines.next()? {
        let mut cursor = Cursor::new(line);
        if cursor.at_end() {
            continue;
        }
        let braces = cursor.peek() == Some(b'{');
        row.clear();
        let outcome = match is_sparse.replace(braces) {
            Some(before) if before != braces => {
                Err((cursor.at, "dense and sparse rows are mixed".to_string()))
            }
            _ if braces => place.sparse(&mut cursor, &mut row, found),
            _ => place.dense(&mut cursor, &mut row, found),
        };
        outcome.map_err(|(at, problem)| FormatError::text(path, number, at as u64 + 1, problem))?;
        found += 1;
        weighted += u64::from(row.weighted);
        if missing.choice == MissingFeatures::DropRows {
            if row.missing > 0 {
                missing.dropped += 1;
                continue;
            }
            kept.push(found as usize - 1);
        }
        missing.cells += row.missing;
        for &(class, label) in row.labels.iter().filter(|(_, label)| *label != place.unlisted) {
            lists.push(class as usize, label);
        }
        lists.end_row();
        if braces {
            let values = row.features.iter().filter(|(_, value)| *value != 0.0);
            values.for_each(|&(column, value)| sparse.push(column as usize, value));
            let twice = sparse.end_row();
            debug_assert_eq!(twice, None, "attributes ascend");
        } else {
            row.features.iter().for_each(|&(_, value)| dense.push(value));
        }
    }
    if lists.rows() == 0 {
        let what = if found > 0 { "rows without a missing feature" } else { "rows" };
        return Err(FormatError::Empty { path: path.into(), what });
    }
    let attributes = Attributes { header, class: &labels.class, columns };
    let features = if is_sparse == Some(true) {
        missing.fill_sparse(&mut sparse, &attributes, path)?;
        FeatureTable::Sparse(sparse)
    } else {
        let memory = |bytes| FormatError::memory(path, "the features", bytes);
        let mut values = dense.into_vec().map_err(memory)?;
        missing.fill_dense(&mut values, &attributes, path)?;
        let features = Features::new(lists.rows(), columns, values);
        FeatureTable::Dense(features.expect("as many finite numbers as there are columns"))
    };
    let rearranged = (missing.dropped > 0).then_some("its rows with a missing feature are left out");
    let kept = (missing.dropped > 0).then_some(KeptRows { kept, of: found as usize });
    // Row 5 stays row 5 where others before it are left out.
    let numbers = kept.as_ref().map(|kept| kept.kept.iter().map(ToString::to_string).collect());
    let table = Table {
        features: Some(features),
        feature_names: Some(place.feature_names(path)?),
        nominal: place.nominal(),
        rearranged,
        kept,
        ..Table::of_lists(path, numbers, lists)
    };
    let weights = (weighted > 0).then(|| {
        format!("{}: the weights of {weighted} rows are not used: every row counts the same", printed(path))
    });
    Ok(table.noted(missing.note(path)).noted(weights).noted(place.note(path)))
}

impl Row {
    fn clear(&mut self) {
        self.features.clear();
        self.labels.clear();
        (self.missing, self.weighted) = (0, false);
    }

    fn push(&mut self, cell: Cell) {
        match cell {
            Cell::Feature(column, value) => self.features.push((column, value)),
            Cell::Label(class, label) => self.labels.push((class, label)),
        }
    }
}

impl<'a> Columns<'a> {
    fn new(
        header: &'a Header,
        labels: &'a Labels,
        missing: &Missing,
        lines: &Lines<'_, impl BufRead>,
        options: &ReadOptions,
    ) -> Result<Self, FormatError> {
        let unlisted = spelling::zero(options.convention);
        let mut spellings = Vec::with_capacity(labels.names.len());
        let mut feature = Vec::with_capacity(labels.class.len());
        let mut not_zero = None;
        let mut columns = 0;
        for (attribute, (&kind, class)) in header.kinds.iter().zip(&labels.class).enumerate() {
            feature.push(columns);
            columns += u32::from(class.is_none());
            let list = header.list(kind);
            let first = list.map(|list| &list.values[0]);
            let name = || shown(&header.names[attribute]);
            let refuse = |problem| Err(FormatError::text(lines.path(), lines.number(), 1, problem));
            if let Kind::Other(what) = kind {
                return refuse(format!(
                    "the attribute `{}` is {what}, which is not supported: remove the attribute, or replace it by numeric \
                     ones",
                    name()
                ));
            }
            let is_zero = match class {
                Some(_) => {
                    let Some(spelling) = Spelling::of(list, options.convention) else {
                        return refuse(format!(
                            "the label `{}` has values other than {}: declare it with one of these pairs, as in {{0,1}}",
                            name(),
                            spelling::PAIRS
                        ));
                    };
                    spellings.push(spelling);
                    first.is_none_or(|first| spelling.label(first) == Ok(unlisted))
                }
                None => list.is_none_or(|list| list.number(&list.values[0]) == Some(0.0)),
            };
            if !is_zero {
                not_zero = not_zero.or(Some(attribute));
            }
        }
        Ok(Self {
            header,
            labels,
            spellings,
            unlisted,
            feature,
            not_zero,
            placeholder: missing.placeholder(),
        })
    }

    fn feature_names(&self, path: &Path) -> Result<Strings, FormatError> {
        let memory = |bytes| FormatError::memory(path, "names of features", bytes);
        let count = self.labels.class.len() - self.labels.names.len();
        let mut names = Strings::reserved(count).map_err(memory)?;
        for (name, _) in self.header.names.iter().zip(&self.labels.class).filter(|(_, class)| class.is_none())
        {
            assert!(names.push(name), "less text than the attributes have");
        }
        Ok(names)
    }

    /// The lists of the features whose values are words.
    fn nominal(&self) -> Vec<(usize, Strings)> {
        let words = |attribute: usize| {
            let list = self.header.list(self.header.kinds[attribute]);
            let list = list.filter(|list| !list.numbers && self.labels.class[attribute].is_none());
            list.map(|list| (self.feature[attribute] as usize, list.values.clone()))
        };
        let attributes = || 0..self.labels.class.len();
        let mut nominal = Vec::new();
        nominal.reserve_exact(attributes().filter(|&attribute| words(attribute).is_some()).count());
        nominal.extend(attributes().filter_map(words));
        nominal
    }

    /// What the values of labels were taken for, where that is not plain.
    fn note(&self, path: &Path) -> Option<String> {
        let signed = self.spellings.iter().filter(|spelling| spelling.minus_one_is_absent()).count();
        (signed > 0).then(|| {
            format!(
                "{}: {signed} labels have the values -1 and 1: -1 is read as absent, unless --label-convention says \
                 otherwise",
                printed(path)
            )
        })
    }

    fn dense(&self, cursor: &mut Cursor<'_>, row: &mut Row, number: u64) -> Result<(), Problem> {
        let attributes = self.header.kinds.len();
        for attribute in 0..attributes {
            let cell = self.cell(cursor, attribute, row, number)?;
            row.push(cell);
            let end = cursor.at;
            cursor.skip_blanks();
            if attribute + 1 == attributes {
                break;
            }
            if cursor.at_end() {
                return Err((
                    cursor.at,
                    format!("the row has {} values, expected {attributes}", attribute + 1),
                ));
            }
            // Weka separates values by blanks as well.
            if !cursor.take(b',') && cursor.at == end {
                return Err((cursor.at, "expected `,`".into()));
            }
        }
        let comma = cursor.at;
        let more = cursor.take(b',');
        cursor.skip_blanks();
        row.weighted = cursor.weight()?;
        match more && !row.weighted && !cursor.at_end() {
            true => Err((comma, format!("the row has more than {attributes} values"))),
            false => cursor.end(),
        }
    }

    fn sparse(&self, cursor: &mut Cursor<'_>, row: &mut Row, number: u64) -> Result<(), Problem> {
        if let Some(attribute) = self.not_zero {
            let name = shown(&self.header.names[attribute]);
            let zero = if self.labels.class[attribute].is_some() { "absent" } else { "0" };
            let problem = format!(
                "sparse rows leave out the first value of `{name}`, which is not {zero}: list {zero} first, or write dense \
                 rows"
            );
            return Err((cursor.at, problem));
        }
        cursor.at += 1;
        let mut least = 0; // the next attribute is at least this one
        loop {
            cursor.skip_blanks();
            if cursor.take(b'}') {
                break;
            }
            let at = cursor.at;
            let place = cursor.plain();
            let plain = place.bytes().all(|byte| byte.is_ascii_digit());
            let attribute = place.parse::<usize>().ok().filter(|&i| plain && i < self.header.kinds.len());
            let Some(attribute) = attribute else {
                let (place, all) = (shown(place), self.header.kinds.len());
                return Err((
                    at,
                    format!("invalid attribute `{place}`: expected a number below {all}, counted from 0"),
                ));
            };
            if attribute < least {
                return Err((at, format!("attribute {attribute} is duplicated or out of order")));
            }
            let cell = self.cell(cursor, attribute, row, number)?;
            row.push(cell);
            least = attribute + 1;
            cursor.skip_blanks();
            match cursor.peek() {
                Some(b',') => cursor.at += 1,
                Some(b'}') => {}
                _ => return Err((cursor.at, "expected `,` or `}`".into())),
            }
        }
        cursor.skip_blanks();
        cursor.take(b',');
        cursor.skip_blanks();
        row.weighted = cursor.weight()?;
        cursor.end()
    }

    fn cell(
        &self,
        cursor: &mut Cursor<'_>,
        attribute: usize,
        row: &mut Row,
        number: u64,
    ) -> Result<Cell, Problem> {
        cursor.skip_blanks();
        let (at, quoted) = (cursor.at, cursor.at_quote());
        let mut value = cursor.value()?;
        let list = self.header.list(self.header.kinds[attribute]);
        if !quoted
            && let Cow::Borrowed(whole) = value
            && let Some(length) = whole.find('%')
            && list.is_none_or(|list| list.number(whole).is_none())
        {
            // A comment begins inside the word, as it does for Weka.
            if cursor.line[at + length + 1..].trim().is_empty() {
                let problem = format!(
                    "the `%` of `{}` begins a comment in place of a value: remove it, or quote a nominal value",
                    shown(whole)
                );
                return Err((at, problem));
            }
            cursor.at = at + length;
            value = whole[..length].into();
        }
        if value.is_empty() && !quoted {
            return Err((at, "a value is missing".into()));
        }
        let missing = !quoted && (value == "?" || value == "<null>");
        if let Some(class) = self.labels.class[attribute] {
            if missing {
                return Ok(Cell::Label(class, Label::Unknown));
            }
            let label = self.spellings[class as usize].label(&value).map_err(|problem| (at, problem))?;
            return Ok(Cell::Label(class, label));
        }
        let column = self.feature[attribute];
        if missing {
            let name = &self.header.names[attribute];
            let has_mean = list.is_none_or(|list| list.numbers);
            let value = self.placeholder.ok_or_else(|| (at, missing::refused(name, has_mean)))?;
            row.missing += 1;
            return Ok(Cell::Feature(column, value));
        }
        let value_read = match list {
            Some(list) => match list.number(&value) {
                Some(number) => number,
                None => {
                    let name = shown(&self.header.names[attribute]);
                    return Err((at, format!("invalid value `{}` of the attribute `{name}`", shown(&value))));
                }
            },
            None => value.parse().unwrap_or(f32::NAN),
        };
        if !value_read.is_finite() {
            return Err((at, not_finite(&value, number as usize, column as usize)));
        }
        Ok(Cell::Feature(column, value_read))
    }
}

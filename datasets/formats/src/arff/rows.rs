//! The rows behind `@data`, dense (`0.5,1,0`) or sparse (`{0 0.5, 2 1}`).

use super::header::{Cursor, Header, Kind, Labels};
use crate::arrays::range::not_finite;
use crate::chunks::Chunks;
use crate::shown;
use crate::text::lines::Lines;
use crate::{FeatureTable, FormatError, LabelLists, SparseFeatures, Table};
use lacuna_labels::{Features, Label};
use std::io::BufRead;
use std::path::Path;

/// A value in the file: a feature, or whether a label is positive.
enum Cell {
    Feature(usize, f32),
    Label(usize, bool),
}

struct Columns<'a> {
    header: &'a Header,
    labels: &'a Labels,
    /// For each attribute that is no label its column.
    feature: Vec<u32>,
    /// A nominal attribute whose first value, which sparse rows leave out, is not 0.
    not_zero: Option<usize>,
}

type Problem = (usize, String);

pub(super) fn read(
    lines: &mut Lines<'_, impl BufRead>,
    header: &Header,
    labels: &Labels,
    path: &Path,
) -> Result<Table, FormatError> {
    let mut columns = 0;
    let mut feature = Vec::with_capacity(labels.class.len());
    for class in &labels.class {
        feature.push(columns as u32);
        columns += usize::from(class.is_none());
    }
    let not_zero = header.kinds.iter().position(|kind| match kind {
        Kind::Nominal { .. } => {
            header.values(*kind).next().and_then(|first| header.nominal(*kind, first)) != Some(0.0)
        }
        Kind::Number | Kind::Other => false,
    });
    let place = Columns { header, labels, feature, not_zero };
    place.check(path, lines.number())?;
    let mut lists = LabelLists::new(labels.names.clone(), Label::Negative);
    let mut dense = Chunks::default();
    let mut sparse = SparseFeatures::new(columns);
    let mut rows = 0_u64;
    let mut is_sparse = None;
    while let Some((number, line)) = lines.next()? {
        let mut cursor = Cursor { line, at: 0 };
        cursor.skip_blanks();
        if cursor.at_end() || cursor.peek() == Some(b'%') {
            continue;
        }
        let braces = cursor.peek() == Some(b'{');
        let outcome = match is_sparse.replace(braces) {
            Some(before) if before != braces => {
                Err((cursor.at, "dense and sparse rows are mixed".to_string()))
            }
            _ if braces => place.sparse(&mut cursor, &mut sparse, &mut lists),
            _ => place.dense(&mut cursor, &mut dense, &mut lists),
        };
        outcome.map_err(|(at, problem)| FormatError::text(path, number, at as u64 + 1, problem))?;
        rows += 1;
    }
    let features = match is_sparse {
        None => return Err(FormatError::Empty { path: path.into(), what: "rows" }),
        Some(true) => FeatureTable::Sparse(sparse),
        Some(false) => {
            let memory = |bytes| FormatError::memory(path, "the features", bytes);
            let features = Features::new(rows as usize, columns, dense.into_vec().map_err(memory)?);
            FeatureTable::Dense(features.expect("as many finite numbers as there are columns"))
        }
    };
    Ok(Table { features: Some(features), ..Table::of_lists(path, None, lists) })
}

impl Columns<'_> {
    /// What the header says must be something that can be read.
    fn check(&self, path: &Path, line: u64) -> Result<(), FormatError> {
        for (i, (kind, class)) in self.header.kinds.iter().zip(&self.labels.class).enumerate() {
            let name = shown(&self.header.names[i]);
            let problem = match (kind, class) {
                (Kind::Nominal { .. }, Some(_))
                    if self.header.values(*kind).any(|v| v != "0" && v != "1") =>
                {
                    format!("the label `{name}` has values other than 0 and 1")
                }
                (Kind::Other, _) => {
                    format!("the attribute `{name}` is a string or a date, which cannot be read")
                }
                _ => continue,
            };
            return Err(FormatError::text(path, line, 1, problem));
        }
        Ok(())
    }

    fn dense(
        &self,
        cursor: &mut Cursor<'_>,
        dense: &mut Chunks<f32>,
        lists: &mut LabelLists,
    ) -> Result<(), Problem> {
        let attributes = self.header.kinds.len();
        for attribute in 0..attributes {
            match self.cell(cursor, attribute, lists)? {
                Cell::Feature(_, value) => dense.push(value),
                Cell::Label(class, true) => lists.push(class, Label::Positive),
                Cell::Label(_, false) => {}
            }
            cursor.skip_blanks();
            match cursor.peek() {
                Some(b',') if attribute + 1 < attributes => cursor.at += 1,
                Some(b',') => return Err((cursor.at, format!("the row has more than {attributes} values"))),
                None | Some(b'%') if attribute + 1 < attributes => {
                    return Err((cursor.at, format!("the row has {} values of {attributes}", attribute + 1)));
                }
                _ => {}
            }
        }
        lists.end_row();
        cursor.end()
    }

    fn sparse(
        &self,
        cursor: &mut Cursor<'_>,
        sparse: &mut SparseFeatures,
        lists: &mut LabelLists,
    ) -> Result<(), Problem> {
        if let Some(attribute) = self.not_zero {
            let problem = format!(
                "sparse rows leave out the first value of `{}`, which is not 0: list 0 first, or write dense rows",
                shown(&self.header.names[attribute])
            );
            return Err((cursor.at, problem));
        }
        cursor.at += 1;
        let mut least = 0; // the next attribute is at least this one
        loop {
            cursor.skip_blanks();
            if cursor.peek() == Some(b'}') {
                break;
            }
            let at = cursor.at;
            let number = cursor.plain();
            let plain = number.bytes().all(|byte| byte.is_ascii_digit());
            let attribute = number.parse::<usize>().ok().filter(|&i| plain && i < self.header.kinds.len());
            let Some(attribute) = attribute else {
                let (number, all) = (shown(number), self.header.kinds.len());
                return Err((at, format!("`{number}` is none of the {all} attributes, counted from 0")));
            };
            if attribute < least {
                return Err((at, format!("attribute {attribute} comes out of order, or twice")));
            }
            match self.cell(cursor, attribute, lists)? {
                Cell::Feature(column, value) => {
                    if value != 0.0 {
                        sparse.push(column, value);
                    }
                }
                Cell::Label(class, true) => lists.push(class, Label::Positive),
                Cell::Label(_, false) => {}
            }
            least = attribute + 1;
            cursor.skip_blanks();
            match cursor.peek() {
                Some(b',') => cursor.at += 1,
                Some(b'}') => {}
                _ => return Err((cursor.at, "`,` or `}` is expected".into())),
            }
        }
        cursor.at += 1;
        lists.end_row();
        let twice = sparse.end_row();
        debug_assert_eq!(twice, None, "attributes ascend");
        cursor.end()
    }

    fn cell(&self, cursor: &mut Cursor<'_>, attribute: usize, lists: &LabelLists) -> Result<Cell, Problem> {
        cursor.skip_blanks();
        let at = cursor.at;
        let value = cursor.value()?;
        if value == "?" {
            let name = shown(&self.header.names[attribute]);
            return Err((
                at,
                format!("the value of `{name}` is missing (?): fill it in or leave the row out"),
            ));
        }
        if let Some(class) = self.labels.class[attribute] {
            return match &*value {
                "1" | "1.0" => Ok(Cell::Label(class as usize, true)),
                "0" | "0.0" => Ok(Cell::Label(class as usize, false)),
                _ => Err((at, format!("`{}` is no label: 0 or 1", shown(&value)))),
            };
        }
        let number = match self.header.kinds[attribute] {
            kind @ Kind::Nominal { .. } => match self.header.nominal(kind, &value) {
                Some(number) => number,
                None => {
                    let name = shown(&self.header.names[attribute]);
                    return Err((at, format!("`{}` is no value of the attribute `{name}`", shown(&value))));
                }
            },
            _ => value.parse().unwrap_or(f32::NAN),
        };
        let column = self.feature[attribute] as usize;
        if !number.is_finite() {
            return Err((at, not_finite(&value, lists.rows(), column)));
        }
        Ok(Cell::Feature(column, number))
    }
}

//! What the columns of a CSV file are, from their names and the options.

use crate::labels::convention::LabelConvention;
use crate::text::delimited::Records;
use crate::{FormatError, ReadOptions, shown};
use std::io::BufRead;

/// Words for a column of row names, of class names and of values: in lower case, without blanks, `_` and `-`.
const IDS: &[&str] = &[
    "id",
    "image",
    "imageid",
    "imageindex",
    "imagename",
    "imagepath",
    "imagefile",
    "img",
    "imgid",
    "imgname",
    "imgpath",
    "filename",
    "file",
    "filepath",
    "name",
    "path",
    "row",
    "rowid",
    "sampleid",
    "sample",
    "uuid",
    "uid",
];
const LABELS: &[&str] = &[
    "label",
    "labels",
    "class",
    "classes",
    "category",
    "categories",
    "labelname",
    "labelnames",
    "classname",
    "classnames",
    "tag",
    "tags",
    "findinglabels",
];
const VALUES: &[&str] = &[
    "value",
    "present",
    "confidence",
    "labelvalue",
    "observed",
    "score",
    "prob",
    "probability",
    "ispositive",
    "ispresent",
    "positive",
    "relevance",
    "relevant",
    "answer",
    "truth",
];

/// Most names of columns in a message.
const MOST_NAMES: usize = 20;

/// What the columns of a file are.
#[derive(Debug)]
pub(crate) struct Columns {
    /// Number of columns.
    pub(crate) count: usize,
    /// Columns with a name; those after them have to be blank.
    pub(crate) named: usize,
    /// Whether the column of names was named, or is called like one.
    pub(crate) certain_id: bool,
    /// Columns of a long file that are ignored, the first of them.
    pub(crate) passed: Vec<usize>,
    /// The column of names.
    pub(crate) id: usize,
    pub(crate) layout: Layout,
    /// Notes.
    pub(crate) notes: Vec<String>,
}

/// The layout of labels in the columns.
#[derive(Debug)]
pub(crate) enum Layout {
    /// The columns of the classes.
    Wide(Vec<usize>),
    /// The column with names of classes, and that with values.
    Long { label: usize, value: Option<usize> },
}

impl Columns {
    /// What the columns are, from the first record of a file.
    pub(crate) fn of(
        records: &Records<'_, impl BufRead>,
        options: &ReadOptions,
    ) -> Result<Self, FormatError> {
        let count = records.len();
        let named = (0..count).rev().find(|&i| !records.field(i).is_empty()).map_or(0, |last| last + 1);
        let header = Header { records, named };
        let mut ignored = Marks::new(records, count)?;
        for name in &options.ignored_columns {
            header.find(name, "--ignore-columns")?;
            (0..named).filter(|&i| header.is(i, name)).for_each(|i| ignored.set(i));
        }
        let listed = options.class_columns.as_deref();
        let mut classes: Vec<usize> = Vec::new();
        for name in listed.unwrap_or_default() {
            let column = header.find_one(name, "--classes")?;
            // Named twice is named.
            if !ignored.get(column) && !classes.contains(&column) {
                classes.push(column);
            }
        }
        let mut notes = Vec::new();
        let index = (0..named).take_while(|&i| header.is_index(i)).count();
        let label = header.label_column(options, &ignored, &classes, listed.is_some());
        let free = |i: usize| !ignored.get(i) && !classes.contains(&i) && Some(i) != label;
        let id = match &options.id_column {
            Some(name) => header.find_one(name, "--id-column")?,
            None => {
                let called_so = (0..named).find(|&i| free(i) && header.in_words(i, IDS));
                // Without such a name it is the first that is left.
                let first = || (0..named.max(1)).find(|&i| free(i));
                let id = called_so.or_else(first).ok_or_else(|| {
                    records.error(0, "no column is left for the names of rows: name it with --id-column A")
                })?;
                if called_so.is_some() && (index..id).any(free) {
                    notes.push(format!(
                        "names of rows are read from column `{}`; --id-column A names another one",
                        shown(records.name(id))
                    ));
                }
                id
            }
        };
        let certain_id = options.id_column.is_some() || header.in_words(id, IDS) || header.is_index(id);
        if let Some(label) = label.filter(|&label| {
            // A file may be wide and have a class called `tag`: names of rows have to be certain.
            label != id
                && (options.id_column.is_some()
                    || listed.is_some()
                    || header.in_words(id, IDS)
                    || (index..named).filter(|&i| !ignored.get(i)).count() == 2)
        }) {
            let value =
                (0..named).find(|&i| i != id && i != label && !ignored.get(i) && header.in_words(i, VALUES));
            let mut passed: Vec<usize> = (index..named)
                .filter(|&i| i != id && i != label && Some(i) != value && !ignored.get(i))
                .take(MOST_NAMES + 1)
                .collect();
            if !passed.is_empty() {
                notes.push(format!(
                    "labels are read from column `{}`; ignored: {}",
                    shown(records.name(label)),
                    header.list(passed.clone())
                ));
            }
            passed.truncate(MOST_NAMES);
            return Ok(Self {
                count,
                named,
                id,
                layout: Layout::Long { label, value },
                certain_id,
                passed,
                notes,
            });
        }
        if listed.is_none() {
            let mut columns = crate::memory::reserved(named)
                .map_err(|bytes| FormatError::memory(records.path(), "the columns", bytes))?;
            // An index is not a class, unless it has the names.
            columns.extend((0..named).filter(|&i| i != id && i >= index && !ignored.get(i)));
            classes = columns;
            if index > 0 && id >= index {
                notes.push("the first column has no name and is ignored as an index".to_string());
            }
            let certain = options.id_column.is_some() || !options.ignored_columns.is_empty();
            if !certain && !header.in_words(id, IDS) && !header.is_index(id) {
                header.is_no_data(&classes)?;
            }
        }
        for &i in &classes {
            if records.field(i).is_empty() {
                return Err(records.error(i, "a class has no name"));
            }
        }
        classes.retain(|&i| i != id);
        if classes.is_empty() {
            return Err(records.error(0, "no column is left for the classes: name them with --classes A,B"));
        }
        Ok(Self { count, named, id, layout: Layout::Wide(classes), certain_id, passed: Vec::new(), notes })
    }
}

/// The first record of a file.
struct Header<'a, 'b, R> {
    records: &'a Records<'b, R>,
    named: usize,
}

impl<R: BufRead> Header<'_, '_, R> {
    fn is(&self, i: usize, name: &str) -> bool {
        self.records.name(i) == name.trim() || self.records.field(i) == name.trim()
    }

    fn in_words(&self, i: usize, words: &[&str]) -> bool {
        let field = self.records.field(i);
        // No word is longer.
        if field.len() > 40 {
            return false;
        }
        let letters = field.chars().filter(|c| !matches!(c, ' ' | '_' | '-'));
        let plain: String = letters.map(|c| c.to_ascii_lowercase()).collect();
        words.contains(&plain.as_str())
    }

    /// Whether a column is called as those are that pandas writes its index to.
    fn is_index(&self, i: usize) -> bool {
        let field = self.records.field(i);
        field.is_empty() || field.starts_with("Unnamed:")
    }

    /// The column that has names of classes.
    fn label_column(
        &self,
        options: &ReadOptions,
        ignored: &Marks,
        classes: &[usize],
        listed: bool,
    ) -> Option<usize> {
        let is_id = |i: usize| options.id_column.as_ref().is_some_and(|name| self.is(i, name));
        if listed {
            // One column is that of labels where its name or the option says so.
            let only = *classes.first().filter(|_| classes.len() == 1)?;
            let labels = self.in_words(only, LABELS) || options.label_separator.is_some();
            return Some(only).filter(|_| labels);
        }
        let left = |i: &usize| !ignored.get(*i) && !is_id(*i);
        if let Some(label) = (0..self.named).filter(left).find(|&i| self.in_words(i, LABELS)) {
            return Some(label);
        }
        // A separator is there to be used: on the one column that is left.
        options.label_separator.as_ref()?;
        let known = |i: &usize| self.is_index(*i) || (options.id_column.is_none() && self.in_words(*i, IDS));
        let mut others = (0..self.named).filter(left).filter(|i| !known(i));
        let (first, second) = (others.next(), others.next());
        let has_id = options.id_column.is_some() || (0..self.named).any(|i| known(&i));
        match (first, second, others.next()) {
            (Some(only), None, _) if has_id => Some(only),
            (Some(_), Some(last), None) if !has_id => Some(last),
            _ => None,
        }
    }

    /// The first column of a name.
    fn find(&self, name: &str, option: &str) -> Result<usize, FormatError> {
        (0..self.named.max(1)).find(|&i| self.is(i, name)).ok_or_else(|| {
            let wanted = plain(name);
            let near = (0..self.named).find(|&i| plain(self.records.name(i)) == wanted);
            let near =
                near.map_or(String::new(), |i| format!(" (did you mean `{}`?)", shown(self.records.name(i))));
            let problem = format!(
                "{option} names the missing column `{}`{near}: there are {}",
                shown(name),
                self.list(0..self.named)
            );
            self.records.error(0, problem)
        })
    }

    /// The only column of a name.
    fn find_one(&self, name: &str, option: &str) -> Result<usize, FormatError> {
        let column = self.find(name, option)?;
        match (column + 1..self.named).find(|&i| self.is(i, name)) {
            None => Ok(column),
            Some(second) => {
                let problem = format!("{option} names `{}`, and two columns have this name", shown(name));
                Err(self.records.error(second, problem))
            }
        }
    }

    fn list(&self, columns: impl IntoIterator<Item = usize>) -> String {
        let mut columns = columns.into_iter();
        let names: Vec<String> =
            columns.by_ref().take(MOST_NAMES).map(|i| format!("`{}`", shown(self.records.name(i)))).collect();
        let more = if columns.next().is_some() { ", ..." } else { "" };
        names.join(", ") + more
    }

    /// Refuses names that look like the cells of a row, which is lost where it is taken for names.
    fn is_no_data(&self, classes: &[usize]) -> Result<(), FormatError> {
        let is_label =
            |i: &usize| LabelConvention::read(Some(LabelConvention::Csl), self.records.field(*i)).is_ok();
        let number = |i: &usize| self.records.field(*i).parse::<f64>().ok();
        let labels = classes.iter().all(is_label);
        let numbers = || {
            classes.iter().all(|i| number(i).is_some() || self.records.field(*i).is_empty())
                && classes.iter().filter_map(number).any(|number| number.fract() != 0.0)
        };
        if classes.is_empty() || !(labels || numbers()) {
            return Ok(());
        }
        let problem = format!(
            "the first line looks like data, not like names of columns: add a line such as `id,cat,dog` in front of it, or, \
             if these are names, say with --id-column `{}` which column has the names of rows",
            shown(self.records.name(0))
        );
        Err(self.records.error(*classes.first().unwrap_or(&0), problem))
    }
}

/// A name without what people write in different ways.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A mark for each column.
struct Marks(Vec<bool>);

impl Marks {
    fn new(records: &Records<'_, impl BufRead>, count: usize) -> Result<Self, FormatError> {
        let marks = crate::memory::zeros(count);
        marks.map(Self).map_err(|bytes| FormatError::memory(records.path(), "the columns", bytes))
    }

    fn set(&mut self, i: usize) {
        self.0[i] = true;
    }

    fn get(&self, i: usize) -> bool {
        self.0[i]
    }
}

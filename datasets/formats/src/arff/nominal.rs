//! Lists of nominal values, each kept once.

use super::cursor::{Cursor, Problem};
use crate::{Strings, shown};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// The values of a nominal attribute.
pub(super) struct List {
    pub(super) values: Strings,
    /// Whether every value is a finite number.
    pub(super) numbers: bool,
    /// Numbers of the values in the order of their text, where the list is long.
    order: Vec<u32>,
}

/// Longest list of values that is searched from its start.
const SHORT: usize = 8;

/// Most lists that differ: a list takes more memory than its text, so that their number is bounded.
const MOST_LISTS: usize = 1 << 13;

impl List {
    /// A value as a feature: the number it is where all are numbers, else its place in the list; `None` where it is
    /// not listed.
    pub(super) fn number(&self, value: &str) -> Option<f32> {
        let place = match self.order.is_empty() {
            true => self.values.iter().position(|listed| listed == value)?,
            false => {
                let found = self.order.binary_search_by(|&i| self.values[i as usize].cmp(value));
                self.order[found.ok()?] as usize
            }
        };
        if self.numbers { value.parse().ok() } else { Some(place as f32) }
    }

    /// Puts a long list in order, and finds a value that is listed twice.
    fn sort(&mut self) -> Result<(), String> {
        let twice = match self.values.len() > SHORT {
            true => {
                self.order = self.values.sorted();
                let mut pairs = self.order.windows(2).map(|pair| (pair[0] as usize, pair[1] as usize));
                pairs.find(|&(one, next)| self.values[one] == self.values[next]).map(|(one, _)| one)
            }
            false => self.values.duplicate().map(|(later, _)| later),
        };
        match twice {
            Some(place) => Err(format!("the value `{}` is listed twice", shown(&self.values[place]))),
            None => Ok(()),
        }
    }
}

/// All lists of a file that differ.
#[derive(Default)]
pub(super) struct Lists {
    lists: Vec<List>,
    /// The list that has a hash.
    known: HashMap<u64, u32>,
    hash: RandomState,
}

impl Lists {
    pub(super) fn get(&self, number: u32) -> &List {
        &self.lists[number as usize]
    }

    /// Reads `{low, high}` and answers with the number of the list.
    pub(super) fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<u32, Problem> {
        let begin = cursor.at;
        cursor.at += 1;
        let mut values = Strings::new();
        loop {
            cursor.skip_blanks();
            if cursor.peek() == Some(b'}') {
                match values.is_empty() {
                    true => return Err((cursor.at, "a nominal attribute needs a value".into())),
                    false => break, // a comma before the brace
                }
            }
            let value = cursor.value()?;
            if values.len() >= 1 << 30 || !values.push(&value) {
                return Err((cursor.at, "the names take more than 4 GiB".into()));
            }
            cursor.skip_blanks();
            match cursor.peek() {
                Some(b',') => cursor.at += 1,
                Some(b'}') => break,
                _ => return Err((cursor.at, "expected `,` or `}`".into())),
            }
        }
        cursor.at += 1;
        self.number(values).map_err(|problem| (begin, problem))
    }

    fn number(&mut self, values: Strings) -> Result<u32, String> {
        let mut hash = self.hash.build_hasher();
        for value in values.iter() {
            hash.write(value.as_bytes());
            hash.write_u8(0xff); // no byte of a text
        }
        let hash = hash.finish();
        if let Some(&number) = self.known.get(&hash)
            && self.get(number).values == values
        {
            return Ok(number);
        }
        if self.lists.len() >= MOST_LISTS {
            return Err(format!("there are more than {MOST_LISTS} different lists of nominal values"));
        }
        // Small lists are copied into as much memory as they need.
        let values = if values.len() > 64 { values } else { copied(&values)? };
        let numbers = values.iter().all(|value| value.parse::<f32>().is_ok_and(f32::is_finite));
        let mut list = List { values, numbers, order: Vec::new() };
        list.sort()?;
        self.lists.push(list);
        let number = self.lists.len() as u32 - 1;
        self.known.insert(hash, number);
        Ok(number)
    }
}

fn copied(values: &Strings) -> Result<Strings, String> {
    let memory = |bytes| format!("not enough memory for nominal values: {bytes} bytes are needed");
    let mut copy = Strings::reserved(values.len()).map_err(memory)?;
    match values.iter().all(|value| copy.push(value)) {
        true => Ok(copy),
        false => Err("the names take more than 4 GiB".into()),
    }
}

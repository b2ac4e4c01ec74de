//! Ids of images and categories: whole numbers or texts.

use crate::chunks::Chunks;
use crate::shown;
use crate::text::strings::Interner;
use std::cmp::Ordering;
use std::fmt::Write;

/// An id as a number: a whole number between -2^62 and 2^62 is itself, a text is `TEXT` and its place among the texts.
pub(super) type Id = i64;

const TEXT: i64 = 1 << 62;

/// The texts of ids.
pub(super) struct Ids {
    texts: Interner,
}

impl Default for Ids {
    fn default() -> Self {
        Self { texts: Interner::new(Default::default()) }
    }
}

impl Ids {
    /// A whole number.
    pub(super) fn number(&mut self, number: i128) -> Result<Id, &'static str> {
        match i64::try_from(number) {
            Ok(id) if (-TEXT..TEXT).contains(&id) => Ok(id),
            _ => self.intern(&number.to_string()),
        }
    }

    /// A text. One that is written as a whole number is that number: files mix both.
    pub(super) fn text(&mut self, text: &str) -> Result<Id, &'static str> {
        let number = text.parse::<i64>().ok().filter(|number| (-TEXT..TEXT).contains(number));
        match number {
            Some(number) if Decimal::new(number).as_str() == text => Ok(number),
            _ => self.intern(text),
        }
    }

    fn intern(&mut self, text: &str) -> Result<Id, &'static str> {
        self.texts.number(text).map(|place| TEXT + i64::from(place)).ok_or("the ids take more than 4 GiB")
    }

    /// An id inside a message.
    pub(super) fn shown(&self, id: Id) -> String {
        shown(&self.with_text(id, str::to_string))
    }

    fn with_text<T>(&self, id: Id, then: impl FnOnce(&str) -> T) -> T {
        match id.checked_sub(TEXT).filter(|&place| place >= 0) {
            Some(place) => then(&self.texts.strings()[place as usize]),
            None => then(Decimal::new(id).as_str()),
        }
    }

    /// The order of ids as text: "10" before "9".
    pub(super) fn as_text(&self, a: Id, b: Id) -> Ordering {
        self.with_text(a, |a| self.with_text(b, |b| a.cmp(b)))
    }

    /// The order of ids: numbers by size, then texts.
    pub(super) fn by_value(&self, a: Id, b: Id) -> Ordering {
        match a < TEXT || b < TEXT {
            true => a.cmp(&b),
            false => self.as_text(a, b),
        }
    }
}

/// A number as text, without memory of its own.
struct Decimal {
    text: [u8; 20],
    length: usize,
}

impl Decimal {
    fn new(number: i64) -> Self {
        let mut decimal = Self { text: [0; 20], length: 0 };
        write!(decimal, "{number}").expect("20 bytes hold every i64");
        decimal
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text[..self.length]).expect("digits are text")
    }
}

impl Write for Decimal {
    fn write_str(&mut self, part: &str) -> std::fmt::Result {
        let end = self.length + part.len();
        self.text.get_mut(self.length..end).ok_or(std::fmt::Error)?.copy_from_slice(part.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// For some images a list of ids, in about as many bytes as half their digits: a list may be most of its file.
#[derive(Default)]
pub(super) struct IdLists {
    bytes: Chunks<u8>,
    /// Number of the image, and where its list ends; by image.
    ends: Vec<(u32, u32)>,
}

impl IdLists {
    /// Adds an id to the list at hand.
    pub(super) fn push(&mut self, id: Id) {
        // Small numbers of either sign first, seven bits a byte.
        let mut rest = ((id << 1) ^ (id >> 63)) as u64;
        while rest >= 0x80 {
            self.bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.bytes.push(rest as u8);
    }

    /// Ends the list of an image, which comes after those before.
    pub(super) fn end(&mut self, image: u32) -> Result<(), &'static str> {
        let end = u32::try_from(self.bytes.len()).map_err(|_| "lists of categories take more than 4 GiB")?;
        crate::text::strings::push(&mut self.ends, (image, end));
        Ok(())
    }

    /// The list of an image.
    pub(super) fn of(&self, image: u32) -> impl Iterator<Item = Id> + '_ {
        let range = match self.ends.binary_search_by_key(&image, |entry| entry.0) {
            Ok(0) => 0..self.ends[0].1,
            Ok(i) => self.ends[i - 1].1..self.ends[i].1,
            Err(_) => 0..0,
        };
        let mut bytes = range.map(|i| self.bytes.get(i as usize));
        std::iter::from_fn(move || {
            let (mut value, mut shift) = (0_u64, 0);
            loop {
                let byte = bytes.next()?;
                value |= u64::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    return Some((value >> 1) as i64 ^ -((value & 1) as i64));
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_numbers_or_texts() {
        let mut ids = Ids::default();
        assert_eq!(
            (ids.number(3), ids.text("3"), ids.number(-7), ids.text("-7")),
            (Ok(3), Ok(3), Ok(-7), Ok(-7))
        );
        let texts = ["a1", "03", "+3", "", "9223372036854775807"].map(|text| ids.text(text).unwrap());
        assert!(texts.iter().all(|&id| id >= TEXT));
        assert_eq!(ids.number(i128::from(i64::MAX)), Ok(texts[4]));
        assert_eq!(texts.map(|id| ids.shown(id)), ["a1", "03", "+3", "", "9223372036854775807"]);
        assert_eq!(ids.number(i128::from(u64::MAX)).map(|id| ids.shown(id)), Ok(u64::MAX.to_string()));
        assert_eq!(ids.as_text(10, 9), Ordering::Less);
        assert_eq!(ids.by_value(10, 9), Ordering::Greater);
        assert_eq!(ids.as_text(texts[0], 9), Ordering::Greater);
        assert_eq!(ids.by_value(texts[0], texts[1]), Ordering::Greater);
        assert_eq!(ids.by_value(texts[1], i64::from(u32::MAX)), Ordering::Greater);
        assert_eq!(Decimal::new(i64::MIN).as_str(), "-9223372036854775808");
    }

    #[test]
    fn lists_of_ids_come_back() {
        let mut lists = IdLists::default();
        let values = [0, 1, -1, 63, 64, -64, -65, 1 << 40, TEXT + 5, i64::MAX, i64::MIN];
        values.iter().for_each(|&id| lists.push(id));
        lists.end(2).unwrap();
        lists.end(5).unwrap();
        lists.push(7);
        lists.end(6).unwrap();
        assert!(lists.of(2).eq(values));
        assert!(lists.of(6).eq([7]));
        assert_eq!(lists.of(5).count() + lists.of(0).count() + lists.of(9).count(), 0);
    }
}

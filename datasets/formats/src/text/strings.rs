//! Many short strings in one piece of memory.

use std::fmt::{self, Write};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// A list of strings: one text and where each ends.
///
/// A million names of five letters take 9 MB here and 29 MB as a vector of strings, more than four times a file that
/// lists them. A list holds at most 4 GiB of text. Clones share it until one of them grows.
///
/// ```
/// use lacuna_formats::Strings;
///
/// let names: Strings = ["sky", "sea"].into_iter().collect();
/// assert_eq!((names.len(), &names[1]), (2, "sea"));
/// assert_eq!(names.to_vec(), ["sky", "sea"]);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Strings {
    list: Arc<List>,
}

#[derive(Clone, Default, PartialEq, Eq)]
struct List {
    text: String,
    ends: Vec<u32>,
}

impl Strings {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty list with capacity for `count` strings.
    pub fn with_capacity(count: usize) -> Self {
        Self { list: Arc::new(List { text: String::new(), ends: Vec::with_capacity(count) }) }
    }

    /// An empty list with memory for `count` strings, or the bytes that could not be had.
    pub(crate) fn reserved(count: usize) -> Result<Self, u64> {
        Ok(Self { list: Arc::new(List { text: String::new(), ends: crate::memory::reserved(count)? }) })
    }

    /// `prefix 0`, `prefix 1`, ... in as much memory as they need, or the bytes that could not be had.
    ///
    /// # Panics
    /// For more than 4 GiB of text.
    pub(crate) fn numbered(prefix: &str, count: usize) -> Result<Self, u64> {
        let mut digits = 0;
        let mut least = 0; // the least number of so many digits
        for power in (1..).map_while(|digits| 10_usize.checked_pow(digits)) {
            digits += count.saturating_sub(least);
            if power >= count {
                break;
            }
            least = power;
        }
        let bytes = digits + count * (prefix.len() + 1);
        let mut list = List { text: String::new(), ends: crate::memory::reserved(count)? };
        list.text.try_reserve_exact(bytes).map_err(|_| bytes as u64)?;
        for number in 0..count {
            write!(list.text, "{prefix} {number}").expect("writing to a string succeeds");
            list.ends.push(u32::try_from(list.text.len()).expect("less than 4 GiB of text"));
        }
        Ok(Self { list: Arc::new(list) })
    }

    /// Number of strings.
    pub fn len(&self) -> usize {
        self.list.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.ends.is_empty()
    }

    /// Appends a string; `false`, and nothing happens, where the list is full.
    #[must_use]
    pub fn push(&mut self, string: &str) -> bool {
        self.push_characters(string.chars())
    }

    /// Appends a string of these characters, without zeros at its end.
    pub(crate) fn push_characters(&mut self, characters: impl Iterator<Item = char>) -> bool {
        let List { text, ends } = Arc::make_mut(&mut self.list);
        let start = text.len();
        let (capacity, most) = (text.capacity(), characters.size_hint().1.unwrap_or(0).saturating_mul(4));
        if capacity - start < most {
            text.reserve_exact(most.max(capacity / 4));
        }
        text.extend(characters);
        let end = start + text[start..].trim_end_matches('\0').len();
        text.truncate(end);
        match u32::try_from(end) {
            Ok(end) => {
                push(ends, end);
                true
            }
            Err(_) => {
                text.truncate(start);
                false
            }
        }
    }

    /// The string at `i`, if there is one.
    pub fn get(&self, i: usize) -> Option<&str> {
        let List { text, ends } = &*self.list;
        let end = *ends.get(i)? as usize;
        let start = if i == 0 { 0 } else { ends[i - 1] as usize };
        Some(&text[start..end])
    }

    /// The strings in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        (0..self.len()).map(|i| &self[i])
    }

    /// The strings, each in its own memory.
    pub fn to_vec(&self) -> Vec<String> {
        self.iter().map(String::from).collect()
    }

    /// Numbers of the strings in the order of their text; equal ones in the order of the list.
    pub fn sorted(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        order.sort_unstable_by(|&a, &b| self[a as usize].cmp(&self[b as usize]).then(a.cmp(&b)));
        order
    }

    /// The first duplicate string: its position, and the position of the first occurrence.
    pub fn duplicate(&self) -> Option<(usize, usize)> {
        let order = self.sorted();
        let pairs = order.windows(2).map(|pair| (pair[1] as usize, pair[0] as usize));
        pairs.filter(|&(later, earlier)| self[later] == self[earlier]).min()
    }
}

impl std::ops::Index<usize> for Strings {
    type Output = str;

    fn index(&self, i: usize) -> &str {
        self.get(i).unwrap_or_else(|| panic!("string {i} of {}", self.len()))
    }
}

impl<S: AsRef<str>> FromIterator<S> for Strings {
    /// # Panics
    /// For more than 4 GiB of text.
    fn from_iter<I: IntoIterator<Item = S>>(strings: I) -> Self {
        let mut list = Self::new();
        for string in strings {
            assert!(list.push(string.as_ref()), "a list of strings holds at most 4 GiB of text");
        }
        list
    }
}

impl<S: AsRef<str>> From<Vec<S>> for Strings {
    fn from(strings: Vec<S>) -> Self {
        strings.into_iter().collect()
    }
}

impl fmt::Debug for Strings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Strings that are numbered in the order in which they first appear.
///
/// A table of numbers beside [`Strings`]: about 20 bytes for a short string, where a map of strings takes 100. Its hash
/// is keyed at random, so that no file can make it slow.
pub(crate) struct Interner {
    strings: Strings,
    /// A number at the position of the hash or after it, `FREE` where there is none.
    slots: Vec<u32>,
    hash: RandomState,
}

const FREE: u32 = u32::MAX;

impl Interner {
    pub(crate) fn new(strings: Strings) -> Self {
        let mut interner = Self { strings, slots: Vec::new(), hash: RandomState::new() };
        interner.grow();
        interner
    }

    pub(crate) fn strings(&self) -> &Strings {
        &self.strings
    }

    pub(crate) fn into_strings(self) -> Strings {
        self.strings
    }

    /// Where a string is, or where it would go.
    fn slot(&self, string: &str) -> usize {
        let size = self.slots.len();
        let mut slot = ((u128::from(self.hash.hash_one(string)) * size as u128) >> 64) as usize;
        while self.slots[slot] != FREE && &self.strings[self.slots[slot] as usize] != string {
            slot = if slot + 1 < size { slot + 1 } else { 0 };
        }
        slot
    }

    pub(crate) fn get(&self, string: &str) -> Option<u32> {
        Some(self.slots[self.slot(string)]).filter(|&number| number != FREE)
    }

    /// The number of a string, which is new where it was not there; `None` where the list is full.
    pub(crate) fn number(&mut self, string: &str) -> Option<u32> {
        if let Some(number) = self.get(string) {
            return Some(number);
        }
        if self.strings.len() * 5 >= self.slots.len() * 4 {
            self.grow();
        }
        let number = u32::try_from(self.strings.len()).ok().filter(|&number| number != FREE)?;
        if !self.strings.push(string) {
            return None;
        }
        let slot = self.slot(string);
        self.slots[slot] = number;
        Some(number)
    }

    fn grow(&mut self) {
        // From five eighths full to four fifths: a table that doubles would break the promise of four times the file.
        let size = (self.strings.len() * 8 / 5).max(16);
        self.slots = Vec::new();
        self.slots.resize(size, FREE);
        for number in 0..self.strings.len() {
            let slot = self.slot(&self.strings[number]);
            self.slots[slot] = number as u32;
        }
    }
}

/// Appends and, where the capacity is reached, reserves a quarter more: doubling would break the promise that reading
/// takes at most four times the file.
pub(crate) fn push<T>(list: &mut Vec<T>, value: T) {
    if list.len() == list.capacity() {
        list.reserve_exact((list.len() / 4).max(16));
    }
    list.push(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_given_in_order_of_appearance() {
        let mut interner = Interner::new(["x", "y"].into_iter().collect());
        for i in 0..1_000 {
            assert_eq!(interner.number(&format!("n{}", i % 500)), Some(2 + i % 500));
        }
        assert_eq!((interner.get("y"), interner.get("z")), (Some(1), None));
        assert_eq!(interner.into_strings().len(), 502);
    }

    #[test]
    fn a_clone_keeps_its_strings_when_the_other_grows() {
        let mut list = Strings::from(vec!["a"]);
        let clone = list.clone();
        assert!(list.push("b"));
        assert_eq!((list.to_vec(), clone.to_vec()), (vec!["a".to_string(), "b".into()], vec!["a".into()]));
    }

    #[test]
    fn strings_come_back_in_order() {
        let words = ["", "a", "żółw", "🐈", "", "z"];
        let list: Strings = words.into_iter().collect();
        assert!(list.iter().eq(words));
        assert_eq!((list.get(6), list.len()), (None, 6));
        assert_eq!(list.sorted(), [0, 4, 1, 5, 2, 3]);
        assert_eq!(list.duplicate(), Some((4, 0)));
        assert_eq!(Strings::from(vec!["x", "y"]).duplicate(), None);
        for count in [0, 1, 10, 11, 100, 101, 12_345] {
            let numbered = Strings::numbered("class", count).unwrap();
            assert!(numbered.iter().eq((0..count).map(|i| format!("class {i}"))), "{count}");
            assert_eq!(numbered.list.text.len(), numbered.list.text.capacity(), "{count}");
        }
        let mut filled = Strings::new();
        assert!(filled.push_characters("ab\0c\0\0".chars()) && filled.push_characters("\0".chars()));
        assert!(filled.iter().eq(["ab\0c", ""]));
    }
}

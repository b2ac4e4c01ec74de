//! The known name that somebody probably meant.

use std::fmt;

/// Which known names an unknown one may stand for. Its text is a clause for an error message, empty for
/// [`Suggestion::None`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Suggestion {
    /// No name is near enough.
    #[default]
    None,
    /// The nearest name.
    Nearest(String),
    /// Several names.
    OneOf(Vec<String>),
}

/// Names that the text of [`Suggestion::OneOf`] lists.
const LISTED: usize = 8;

/// The names among `candidates` that `name` may stand for.
///
/// Case does not count, and `_` and `-` are the same. In this order:
/// 1. a candidate that is the name;
/// 2. the candidates whose first words are the name, all of them;
/// 3. the first candidate that fewest edits make of the name, where an edit is a character that is inserted, deleted,
///    replaced or swapped with its neighbour. At most 1 edit for names of up to 3 characters, 2 up to 7, 3 above, and
///    never more than half as many as the name has characters.
///
/// ```
/// use lacuna_loss_api::{Suggestion, suggest};
///
/// let known = ["hill", "gr-voc", "gr-coco", "nnpu"];
/// assert_eq!(suggest("Hlil", known).to_string(), "did you mean `hill`?");
/// assert_eq!(suggest("gr", known).to_string(), "there are `gr-voc` and `gr-coco`");
/// assert_eq!(suggest("nosuch", known), Suggestion::None);
/// ```
pub fn suggest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Suggestion {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let name = folded(name);
    let name = name.as_slice();
    let word = match name.iter().rposition(|&c| c != '-') {
        Some(last) => &name[..=last],
        None => return Suggestion::None,
    };
    let mut begun = Vec::new();
    let mut nearest: Option<(usize, &str)> = None;
    let most = allowed(name.len());
    for &candidate in &candidates {
        let known = folded(candidate);
        if known == name {
            return Suggestion::Nearest(candidate.to_owned());
        }
        if known.strip_prefix(word).is_some_and(|rest| rest.first() == Some(&'-')) {
            begun.push(candidate);
        }
        let edits =
            if name.len().abs_diff(known.len()) <= most { distance(name, &known) } else { usize::MAX };
        if edits <= most && nearest.is_none_or(|(fewest, _)| edits < fewest) {
            nearest = Some((edits, candidate));
        }
    }
    match (&begun[..], nearest) {
        ([], None) => Suggestion::None,
        ([], Some((_, only))) | (&[only], _) => Suggestion::Nearest(only.to_owned()),
        _ => Suggestion::OneOf(begun.into_iter().map(String::from).collect()),
    }
}

impl fmt::Display for Suggestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Suggestion::None => Ok(()),
            Suggestion::Nearest(name) => write!(f, "did you mean `{name}`?"),
            Suggestion::OneOf(names) => {
                f.write_str(if names.len() == 1 { "there is " } else { "there are " })?;
                let more = names.len().saturating_sub(LISTED);
                for (i, name) in names.iter().take(LISTED).enumerate() {
                    let before = match i {
                        0 => "",
                        _ if i + 1 == names.len() => " and ",
                        _ => ", ",
                    };
                    write!(f, "{before}`{name}`")?;
                }
                if more > 0 { write!(f, " and {more} more") } else { Ok(()) }
            }
        }
    }
}

/// The characters of a name as they are compared.
fn folded(name: &str) -> Vec<char> {
    name.chars().flat_map(char::to_lowercase).map(|c| if c == '_' { '-' } else { c }).collect()
}

/// The most edits for a name of this length.
fn allowed(length: usize) -> usize {
    let most = match length {
        0..=4 => 1,
        5..=7 => 2,
        _ => 3,
    };
    most.min(length / 2)
}

/// Fewest insertions, deletions, substitutions and swaps of neighbours that make `b` of `a`, where no character is
/// edited twice (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let first: Vec<usize> = (0..=b.len()).collect();
    // Rows i - 1, i and i + 1 of the table.
    let (mut before, mut last, mut row) = (vec![0; first.len()], first.clone(), first);
    for i in 0..a.len() {
        row[0] = i + 1;
        for j in 0..b.len() {
            let substituted = last[j] + usize::from(a[i] != b[j]);
            let mut edits = substituted.min(row[j] + 1).min(last[j + 1] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                edits = edits.min(before[j - 1] + 1);
            }
            row[j + 1] = edits;
        }
        (before, last, row) = (last, row, before);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("hil", "hill", 1),
            ("kitten", "sitting", 3),
            ("an-ls", "an_ls", 0),
            ("hlil", "hill", 1),
            ("abcd", "badc", 2),
            ("ca", "abc", 3),
        ] {
            let (a, b) = (folded(a), folded(b));
            assert_eq!(distance(&a, &b), expected, "{a:?} {b:?}");
            assert_eq!(distance(&b, &a), expected, "{b:?} {a:?}");
        }
    }

    fn nearest(name: &str, candidates: &[&'static str]) -> Option<String> {
        match suggest(name, candidates.iter().copied()) {
            Suggestion::Nearest(name) => Some(name),
            Suggestion::None => None,
            Suggestion::OneOf(names) => panic!("{names:?}"),
        }
    }

    #[test]
    fn a_name_beyond_the_distance_is_no_guess() {
        for (name, known, is_near) in [
            ("nosuch", "nnpu", false),
            ("ldam", "an", false),
            ("a", "b", false),
            ("an", "al", true),
            ("an", "ba", false),
            ("abc", "abd", true),
            ("abc", "add", false),
            ("abcd", "abcx", true),
            ("abcd", "abxy", false),
            ("abcd", "axyz", false),
            ("abcdefg", "abcdexy", true),
            ("abcdefg", "abcdxyz", false),
            ("abcdefgh", "abcdexyz", true),
            ("abcdefgh", "abcdwxyz", false),
            ("", "an", false),
            ("--", "an", false),
        ] {
            assert_eq!(nearest(name, &[known]).is_some(), is_near, "{name} {known}");
        }
    }

    #[test]
    fn case_and_underscores_do_not_count_and_the_first_of_several_wins() {
        assert_eq!(nearest("SPLC", &["splx", "splc"]).as_deref(), Some("splc"));
        assert_eq!(nearest("an_ls", &["an-ls", "an"]).as_deref(), Some("an-ls"));
        assert_eq!(nearest("ab", &["ac", "ad"]).as_deref(), Some("ac"));
        assert_eq!(nearest("ab", &[]), None);
        assert_eq!(nearest(&"x".repeat(1_000_000), &["ab"]), None);
    }

    #[test]
    fn first_words_name_everything_that_begins_with_them() {
        let known = ["em", "em-apl", "em-apl-coco", "em-apl-nus", "gamma_pos", "gamma_neg", "drop-loss"];
        let text = |name: &str| suggest(name, known).to_string();
        assert_eq!(text("EM_apl"), "did you mean `em-apl`?", "a name of its own");
        assert_eq!(text("gamma"), "there are `gamma_pos` and `gamma_neg`");
        assert_eq!(text("gamma-"), "there are `gamma_pos` and `gamma_neg`");
        assert_eq!(text("drop"), "did you mean `drop-loss`?");
        assert_eq!(text("gam"), "");
        let many: Vec<String> = (0..10).map(|i| format!("x-{i}")).collect();
        let text = suggest("x", many.iter().map(String::as_str)).to_string();
        assert_eq!(text, "there are `x-0`, `x-1`, `x-2`, `x-3`, `x-4`, `x-5`, `x-6`, `x-7` and 2 more");
        assert_eq!(Suggestion::OneOf(vec!["x".into()]).to_string(), "there is `x`");
    }
}

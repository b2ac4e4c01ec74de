//! The known name that somebody probably meant.

/// The candidate with the smallest edit distance to `name`, the first of several.
pub(crate) fn nearest(name: &str, candidates: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    candidates.min_by_key(|candidate| distance(name, candidate))
}

/// Fewest insertions, deletions and substitutions that make `b` of `a` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in
            [("", "", 0), ("", "abc", 3), ("hil", "hill", 1), ("kitten", "sitting", 3), ("an-ls", "an_ls", 1)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn the_first_of_several_wins() {
        assert_eq!(nearest("ab", ["ac", "ad"].into_iter()), Some("ac"));
        assert_eq!(nearest("ab", std::iter::empty()), None);
    }
}

//! Rows by their hashes: which are equal.

/// The first 16 bytes of a BLAKE3 hash. Nobody can make two rows with the same one.
pub(crate) type RowHash = u128;

pub(crate) fn row_hash(bytes: &[u8]) -> RowHash {
    let hash = blake3::hash(bytes);
    let (start, _) = hash.as_bytes().split_first_chunk::<16>().expect("a hash has 32 bytes");
    RowHash::from_le_bytes(*start)
}

/// Numbers of the rows in the order of their hashes; equal ones in the order of the rows.
pub(crate) fn sorted(hashes: &[RowHash]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..hashes.len()).collect();
    order.sort_unstable_by_key(|&row| (hashes[row], row));
    order
}

/// Rows that equal an earlier one: the row, and the first that equals it, by row.
pub(crate) fn duplicates(hashes: &[RowHash], order: &[usize]) -> Vec<(usize, usize)> {
    let groups = order.chunk_by(|&a, &b| hashes[a] == hashes[b]);
    let mut pairs: Vec<(usize, usize)> =
        groups.flat_map(|group| group[1..].iter().map(|&later| (later, group[0]))).collect();
    pairs.sort_unstable();
    pairs
}

/// Rows of one part that equal one of another: the row, and the first of the other part that equals it, by row.
///
/// `order` and `other` are the rows of each part in the order of their keys.
pub(crate) fn common<K: Ord>(
    order: impl IntoIterator<Item = usize>,
    key: impl Fn(usize) -> K,
    other: impl IntoIterator<Item = usize>,
    other_key: impl Fn(usize) -> K,
) -> Vec<(usize, usize)> {
    let mut other = other.into_iter().peekable();
    let mut pairs = Vec::new();
    for row in order {
        let key = key(row);
        // Equal rows of `other` are not passed over, so that equal rows of this part all find the first.
        while other.next_if(|&candidate| other_key(candidate) < key).is_some() {}
        if let Some(&candidate) = other.peek()
            && other_key(candidate) == key
        {
            pairs.push((row, candidate));
        }
    }
    pairs.sort_unstable();
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_rows_are_found_with_the_first_of_them() {
        let hashes = [7, 3, 7, 9, 3, 7];
        let order = sorted(&hashes);
        assert_eq!(order, [1, 4, 0, 2, 5, 3]);
        assert_eq!(duplicates(&hashes, &order), [(2, 0), (4, 1), (5, 0)]);
        let other = [3, 8, 7, 7];
        let pairs = common(sorted(&other), |row| other[row], order, |row| hashes[row]);
        assert_eq!(pairs, [(0, 1), (2, 0), (3, 0)]);
        assert_eq!(common([0], |_| "b", [0, 1], |row| ["a", "c"][row]), []);
    }
}

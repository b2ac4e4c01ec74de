//! Memory for what a file names: refused with its size where there is not enough.

/// An empty list with memory for exactly `count` values, or the bytes that could not be had.
pub(crate) fn reserved<T>(count: usize) -> Result<Vec<T>, u64> {
    let mut list = Vec::new();
    reserve(&mut list, count)?;
    Ok(list)
}

/// Memory for exactly `count` more values, or the bytes that could not be had.
pub(crate) fn reserve<T>(list: &mut Vec<T>, count: usize) -> Result<(), u64> {
    list.try_reserve_exact(count).map_err(|_| (count as u64).saturating_mul(size_of::<T>() as u64))
}

/// `count` zeros, or the bytes that could not be had.
pub(crate) fn zeros<T: Copy + Default>(count: usize) -> Result<Vec<T>, u64> {
    let mut list = reserved(count)?;
    list.resize(count, T::default());
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_cannot_be_had_is_an_error_with_its_size() {
        assert_eq!(reserved::<f32>(1 << 61), Err(1 << 63));
        assert_eq!(zeros::<u16>(usize::MAX), Err(u64::MAX));
        assert_eq!(zeros::<u16>(2), Ok(vec![0, 0]));
    }
}

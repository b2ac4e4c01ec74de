//! Cells as people write them: `w`, `w[2,3]`, `w[0,1]=0.5`.

use anyhow::{Context, bail};

/// A value for a cell of a leaf.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Setting {
    pub(crate) leaf: String,
    /// Places along the axes; empty for a leaf of one number.
    pub(crate) place: Vec<usize>,
    pub(crate) value: f32,
}

impl Setting {
    /// Reads `w=0.5` or `w[0,1]=2`.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let (cell, value) = text.split_once('=').with_context(|| format!("`{text}` is not CELL=VALUE"))?;
        let value: f32 = value.trim().parse().with_context(|| format!("`{text}`: `{value}` is no number"))?;
        if !value.is_finite() {
            bail!("`{text}`: the value must be finite");
        }
        let (leaf, place) = match cell.trim().split_once('[') {
            None => (cell.trim(), Vec::new()),
            Some((leaf, place)) => {
                let place =
                    place.strip_suffix(']').with_context(|| format!("`{text}`: a bracket is not closed"))?;
                let places = place.split(',').map(|p| p.trim().parse::<usize>());
                (
                    leaf,
                    places
                        .collect::<Result<_, _>>()
                        .with_context(|| format!("`{text}`: `[{place}]` is no place"))?,
                )
            }
        };
        Ok(Self { leaf: leaf.to_string(), place, value })
    }

    /// The element of a leaf of these sizes.
    pub(crate) fn element(&self, sizes: &[usize]) -> anyhow::Result<usize> {
        let (leaf, place) = (&self.leaf, &self.place);
        if place.is_empty() && sizes.iter().product::<usize>() == 1 {
            return Ok(0);
        }
        if place.len() != sizes.len() || place.iter().zip(sizes).any(|(p, size)| p >= size) {
            bail!("{leaf} has the shape {sizes:?}: a cell is {leaf}[{}]", vec!["0"; sizes.len()].join(","));
        }
        Ok(place.iter().zip(sizes).fold(0, |element, (p, size)| element * size + p))
    }
}

/// The shortest decimal number that rounds to `x`: 0.6 and not 0.60000002. What a person wrote, and what `trace grad` and the page
/// compute with in f64.
pub(crate) fn number(x: f32) -> f64 {
    x.to_string().parse().expect("a number as text is a number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_read() {
        let set = Setting::parse("w[1,2] = -0.5").unwrap();
        assert_eq!((set.leaf.as_str(), set.place.as_slice(), set.value), ("w", &[1, 2][..], -0.5));
        assert_eq!(set.element(&[2, 3]).unwrap(), 5);
        assert_eq!(Setting::parse("w=2").unwrap().element(&[1]).unwrap(), 0);
    }

    #[test]
    fn what_is_no_cell_is_refused() {
        for text in ["w", "w=", "w=x", "w=inf", "w[1=2", "w[a]=1", "w[-1]=1"] {
            assert!(Setting::parse(text).is_err(), "{text}");
        }
        for (text, sizes) in [("w=1", &[2, 3][..]), ("w[2,0]=1", &[2, 3]), ("w[0]=1", &[2, 3])] {
            assert!(Setting::parse(text).unwrap().element(sizes).is_err(), "{text}");
        }
    }
}

//! The table of losses: the rows of each crate, joined.

use crate::{About, LossError, LossRow, suggest};

/// The crates, each with a name of its own, in the order in which their rows are listed.
macro_rules! families {
    ($($family:ident: $krate:ident,)*) => {
        /// The crates of the rows.
        pub(crate) mod crates {
            $(pub use $krate as $family;)*
        }

        const FAMILIES: &[&[LossRow]] = &[$($krate::ROWS),*];

        /// Idea and assumption of the rows of each crate.
        const ABOUT: &[&[About]] = &[$($krate::ABOUT),*];
    };
}

families! {
    spml: lacuna_spml,
    hill: lacuna_hill,
    bce: lacuna_bce,
    focal: lacuna_focal,
    asl: lacuna_asl,
    csl: lacuna_csl,
    em: lacuna_em,
    large_loss: lacuna_large_loss,
    gr: lacuna_gr,
    pu_mlc: lacuna_pu_mlc,
    pu: lacuna_pu,
    anyloss: lacuna_anyloss,
    imprecise: lacuna_imprecise,
    distribution_balanced: lacuna_distribution_balanced,
    class_balanced: lacuna_class_balanced,
    logit_adjust: lacuna_logit_adjust,
    propensity: lacuna_propensity,
    comic: lacuna_comic,
    label_set: lacuna_label_set,
    two_way: lacuna_two_way,
    lac: lacuna_lac,
    smile: lacuna_smile,
    presence: lacuna_presence,
}

/// Every loss, in the order in which losses are listed: those of their options alone, those of the statistics of a
/// training set, those over mixed rows, several heads, background rows or two views; within each, by crate.
pub static LOSSES: &[LossRow] = &joined::<{ count(FAMILIES) }>(FAMILIES);

const fn count(parts: &[&[LossRow]]) -> usize {
    let (mut n, mut part) = (0, 0);
    while part < parts.len() {
        n += parts[part].len();
        part += 1;
    }
    n
}

const fn joined<const N: usize>(parts: &[&[LossRow]]) -> [LossRow; N] {
    let mut all = [parts[0][0]; N];
    let (mut n, mut group) = (0, 0);
    while group < 3 {
        let mut part = 0;
        while part < parts.len() {
            let mut i = 0;
            while i < parts[part].len() {
                if parts[part][i].group() == group {
                    all[n] = parts[part][i].with_about(ABOUT[part]);
                    n += 1;
                }
                i += 1;
            }
            part += 1;
        }
        group += 1;
    }
    assert!(n == N);
    all
}

/// The row of this name.
///
/// # Errors
/// [`LossError::UnknownLoss`] with the names that may be meant; see [`suggest`].
pub fn find(name: &str) -> Result<&'static LossRow, LossError> {
    LOSSES.iter().find(|row| row.info.name == name).ok_or_else(|| LossError::UnknownLoss {
        name: name.to_owned(),
        suggestion: suggest(name, LOSSES.iter().map(|row| row.info.name)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_row_is_said_of_one_that_is_there() {
        for (rows, about) in FAMILIES.iter().zip(ABOUT) {
            for name in about.iter().flat_map(|about| about.rows) {
                assert!(rows.iter().any(|row| row.info.name == *name), "{name} is no row of its crate");
            }
        }
    }
}

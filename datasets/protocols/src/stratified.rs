//! Splits and folds that keep the share of every class.

use crate::{ProtocolError, Split, Stream, share};
use lacuna_labels::TrueLabels;

/// Iterative stratification: rows are dealt to parts so that every class has its share in each.
///
/// The class with the fewest rows left is dealt first (of equals the first class): each of its rows, in random order, goes to
/// the part that wants most of the class, of equals to the one that wants most rows, of those to one at random. Rows
/// without positives are dealt by what is wanted of rows.
///
/// ```
/// use lacuna_labels::TrueLabels;
/// use lacuna_protocols::Stratified;
///
/// let truth = TrueLabels::from_fn(100, 3, |row, class| row % (10 * (class + 1)) == 0);
/// let folds = Stratified { seed: 5 }.folds(&truth, 5)?;
/// assert_eq!(folds.len(), 5);
/// // Each fold validates two of the ten rows of class 0.
/// assert!(folds.iter().all(|split| truth.select(&split.val).positives_per_class()[0] == 2));
/// # Ok::<(), lacuna_protocols::ProtocolError>(())
/// ```
///
/// Source: Sechidis, Tsoumakas and Vlahavas, ECML PKDD 2011.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stratified {
    /// Seed of the order of rows and of ties.
    pub seed: u64,
}

impl Stratified {
    /// One split; `val_share` of the rows validate.
    ///
    /// # Errors
    /// [`ProtocolError::Share`] unless `val_share` is between 0 and 1.
    pub fn split(&self, truth: &TrueLabels, val_share: f64) -> Result<Split, ProtocolError> {
        let val_share = share("val_share", val_share)?;
        let part = self.deal(truth, &[1.0 - val_share, val_share]);
        Ok(split(&part, 1))
    }

    /// `count` splits, in each of which another part of the rows validates.
    ///
    /// # Errors
    /// [`ProtocolError::Setting`] for fewer than 2 folds.
    pub fn folds(&self, truth: &TrueLabels, count: usize) -> Result<Vec<Split>, ProtocolError> {
        if count < 2 {
            return Err(ProtocolError::Setting { what: "folds", value: count as f64, wanted: "at least 2" });
        }
        let part = self.deal(truth, &vec![1.0 / count as f64; count]);
        Ok((0..count).map(|fold| split(&part, fold)).collect())
    }

    /// The part of each row.
    fn deal(&self, truth: &TrueLabels, shares: &[f64]) -> Vec<usize> {
        let (rows, classes) = (truth.rows(), truth.classes());
        let mut stream = Stream::new(self.seed, "stratified");
        let order = stream.permutation(rows);
        let mut left = truth.positives_per_class();
        let mut wanted_rows: Vec<f64> = shares.iter().map(|share| share * rows as f64).collect();
        let mut wanted: Vec<Vec<f64>> =
            shares.iter().map(|share| left.iter().map(|&n| share * n as f64).collect()).collect();
        let mut part = vec![usize::MAX; rows];
        loop {
            let rarest =
                (0..classes).filter(|&class| left[class] > 0).min_by_key(|&class| (left[class], class));
            let dealt = |row: usize| match rarest {
                Some(class) => truth.get(row, class).is_positive(),
                None => true,
            };
            for &row in order.iter().filter(|&&row| dealt(row)) {
                if part[row] != usize::MAX {
                    continue;
                }
                let want = |part: usize| (rarest.map_or(0.0, |class| wanted[part][class]), wanted_rows[part]);
                let best =
                    (0..shares.len()).map(want).fold((f64::MIN, f64::MIN), |a, b| if b > a { b } else { a });
                let equal: Vec<usize> = (0..shares.len()).filter(|&part| want(part) == best).collect();
                let chosen = if equal.len() == 1 { equal[0] } else { equal[stream.below(equal.len())] };
                part[row] = chosen;
                wanted_rows[chosen] -= 1.0;
                for class in (0..classes).filter(|&class| truth.get(row, class).is_positive()) {
                    wanted[chosen][class] -= 1.0;
                    left[class] -= 1;
                }
            }
            if rarest.is_none() {
                return part;
            }
        }
    }
}

fn split(part: &[usize], val: usize) -> Split {
    let (val, train) = (0..part.len()).partition(|&row| part[row] == val);
    Split { train, val }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_dealt_once_and_shares_are_kept() {
        let mut stream = Stream::new(3, "labels");
        let truth =
            TrueLabels::from_fn(1_000, 12, |_, class| stream.uniform_f64() < 0.4 / (class + 1) as f64);
        let counts = truth.positives_per_class();
        let folds = Stratified { seed: 1 }.folds(&truth, 5).unwrap();
        let mut seen = vec![0; 1_000];
        for Split { train, val } in &folds {
            assert_eq!(train.len() + val.len(), 1_000);
            val.iter().for_each(|&row| seen[row] += 1);
            assert!((190..=210).contains(&val.len()), "{}", val.len());
            for (class, (of_fold, all)) in
                truth.select(val).positives_per_class().iter().zip(&counts).enumerate()
            {
                let error = (*of_fold as f64 - *all as f64 / 5.0).abs();
                assert!(error <= 3.0, "class {class}: {of_fold} of {all}");
            }
        }
        assert!(seen.iter().all(|&count| count == 1));
        assert_eq!(folds, Stratified { seed: 1 }.folds(&truth, 5).unwrap());
        assert_ne!(folds, Stratified { seed: 2 }.folds(&truth, 5).unwrap());
        let split = Stratified { seed: 1 }.split(&truth, 0.2).unwrap();
        assert!((190..=210).contains(&split.val.len()));
        assert!(Stratified { seed: 1 }.folds(&truth, 1).is_err());
        assert!(Stratified { seed: 1 }.split(&truth, 1.5).is_err());
    }
}

//! Principal components by orthogonal iteration.
//!
//! The covariance `[D, D]` of the training rows is built once; the K directions of largest variance are found by
//! multiplying an orthonormal basis of a slightly larger subspace with it again and again (G. H. Golub, C. F. Van Loan,
//! "Matrix Computations", section 8.2.4) and rotating the basis to the axes of the small matrix within (Rayleigh-Ritz,
//! whose eigenvectors Jacobi's rotations give). Only what converges is kept: beside K there are further directions, so
//! that the K-th is not held up by its neighbour.

use crate::TrainError;
use lacuna_labels::Features;
use lacuna_protocols::Stream;

/// Directions of the subspace beside those that are kept.
const SPARE: usize = 8;
/// Most multiplications with the covariance.
const ITERATIONS: usize = 300;
/// Largest change of a kept variance, relative to the largest, at which the iteration ends.
const TOLERANCE: f64 = 1e-12;

/// The `components` directions of largest variance around the column means, `[K, D]`; divided by the standard deviation along
/// each where `whiten`.
///
/// # Errors
/// [`TrainError::Setting`] if there are not so many directions.
pub(crate) fn directions(
    features: &Features,
    rows: &[u32],
    means: &[f64],
    components: usize,
    whiten: bool,
) -> Result<Vec<f32>, TrainError> {
    let columns = features.columns();
    let most = columns.min(rows.len().saturating_sub(1));
    if components > most {
        return Err(TrainError::Setting(format!(
            "transform pca: {} rows of {columns} features do not have {components} directions; at most {most}",
            rows.len()
        )));
    }
    let covariance = covariance(features, rows, means);
    let size = (components + SPARE).min(columns);
    let mut stream = Stream::new(0, "principal components");
    let mut basis: Vec<Vec<f64>> =
        (0..size).map(|_| (0..columns).map(|_| stream.normal()).collect()).collect();
    orthonormalise(&mut basis);
    let mut variances = vec![0.0; size];
    for _ in 0..ITERATIONS {
        let images: Vec<Vec<f64>> = basis.iter().map(|v| multiply(&covariance, v)).collect();
        // Within the subspace the covariance is a small symmetric matrix, whose axes the basis turns to.
        let small: Vec<Vec<f64>> =
            basis.iter().map(|v| images.iter().map(|image| dot(v, image)).collect()).collect();
        let (found, turns) = symmetric_eigen(small);
        basis = turns.iter().map(|turn| combine(turn, &images)).collect();
        orthonormalise(&mut basis);
        let change = found.iter().zip(&variances).take(components).map(|(a, b): (&f64, &f64)| (a - b).abs());
        let change = change.fold(0.0, f64::max);
        variances = found;
        if change <= TOLERANCE * variances[0].abs() {
            break;
        }
    }
    let mut directions = Vec::with_capacity(components * columns);
    for (direction, variance) in basis.iter().zip(&variances).take(components) {
        // Of a direction and its opposite the one whose largest number is positive.
        let largest =
            direction.iter().copied().fold(0.0, |a: f64, b: f64| if b.abs() > a.abs() { b } else { a });
        let deviation = variance.max(0.0).sqrt();
        let scale = if whiten && deviation > 1e-12 { 1.0 / deviation } else { 1.0 } * largest.signum();
        directions.extend(direction.iter().map(|x| (x * scale) as f32));
    }
    Ok(directions)
}

/// (1/N) sum (x - mean)(x - mean)^T, `[D, D]`, row by row.
fn covariance(features: &Features, rows: &[u32], means: &[f64]) -> Vec<f64> {
    let columns = means.len();
    let mut sums = vec![0.0; columns * columns];
    let mut centred = vec![0.0; columns];
    for &row in rows {
        for ((out, x), mean) in centred.iter_mut().zip(features.row(row as usize)).zip(means) {
            *out = f64::from(*x) - mean;
        }
        for (i, sums) in sums.chunks_mut(columns).enumerate() {
            let xi = centred[i];
            if xi != 0.0 {
                sums[..=i].iter_mut().zip(&centred).for_each(|(sum, xj)| *sum += xi * xj);
            }
        }
    }
    for i in 0..columns {
        for j in 0..=i {
            let value = sums[i * columns + j] / rows.len() as f64;
            (sums[i * columns + j], sums[j * columns + i]) = (value, value);
        }
    }
    sums
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn multiply(matrix: &[f64], v: &[f64]) -> Vec<f64> {
    matrix.chunks(v.len()).map(|row| dot(row, v)).collect()
}

/// Sum of vectors with these shares.
fn combine(shares: &[f64], vectors: &[Vec<f64>]) -> Vec<f64> {
    let mut sum = vec![0.0; vectors[0].len()];
    for (share, vector) in shares.iter().zip(vectors) {
        sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum += share * x);
    }
    sum
}

/// Gram-Schmidt, twice for full accuracy. A vector that depends on the others becomes 0.
fn orthonormalise(basis: &mut [Vec<f64>]) {
    for i in 0..basis.len() {
        let (before, rest) = basis.split_at_mut(i);
        let v = &mut rest[0];
        for _ in 0..2 {
            for u in &*before {
                let along = dot(u, v);
                v.iter_mut().zip(u).for_each(|(v, u)| *v -= along * u);
            }
        }
        let norm = dot(v, v).sqrt();
        let by = if norm > 1e-300 { 1.0 / norm } else { 0.0 };
        v.iter_mut().for_each(|v| *v *= by);
    }
}

/// Eigenvalues of a small symmetric matrix, the largest first, and their vectors, by Jacobi's rotations.
fn symmetric_eigen(mut a: Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = a.len();
    let mut vectors: Vec<Vec<f64>> =
        (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _ in 0..60 {
        let off: f64 = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| a[i][j].powi(2)).sum();
        let all: f64 = a.iter().flatten().map(|x| x * x).sum();
        if off <= 1e-30 * all {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                if a[p][q] == 0.0 {
                    continue;
                }
                let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let t = if theta == 0.0 { 1.0 } else { t };
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for row in a.iter_mut() {
                    let (x, y) = (row[p], row[q]);
                    (row[p], row[q]) = (c * x - s * y, s * x + c * y);
                }
                // p < q: two different rows of each matrix.
                for matrix in [&mut *a, &mut vectors] {
                    let (above, below) = matrix.split_at_mut(q);
                    for (x, y) in above[p].iter_mut().zip(&mut below[0]) {
                        (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
                    }
                }
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| a[j][j].total_cmp(&a[i][i]));
    (order.iter().map(|&i| a[i][i]).collect(), order.iter().map(|&i| vectors[i].clone()).collect())
}

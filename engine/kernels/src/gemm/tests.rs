//! Every product against a naive one in f64, for every layout; and the promises about bits.

use super::*;

fn noise(n: usize, seed: u32) -> Vec<f32> {
    (0..n as u32)
        .map(|i| {
            let h = (i ^ seed.wrapping_mul(0x9e37_79b9)).wrapping_mul(2_654_435_761);
            ((h ^ (h >> 15)).wrapping_mul(0x85eb_ca6b) >> 8) as f32 / (1 << 24) as f32 - 0.5
        })
        .collect()
}

fn naive(m: usize, k: usize, n: usize, a: &[f32], b: &[f32]) -> Vec<f64> {
    let mut c = vec![0.0; m * n];
    for i in 0..m {
        for p in 0..k {
            for j in 0..n {
                c[i * n + j] += f64::from(a[i * k + p]) * f64::from(b[p * n + j]);
            }
        }
    }
    c
}

fn transpose(rows: usize, cols: usize, x: &[f32]) -> Vec<f32> {
    (0..rows * cols).map(|i| x[i % rows * cols + i / rows]).collect()
}

#[test]
fn every_layout_and_size_agrees_with_a_naive_product() {
    let mut sizes = Vec::new();
    for n in (1..=33).chain([40, 80, 81, 128, 130, 312]) {
        for m in [1, 2, 5, 6, 7, 24, 25] {
            sizes.push((m, 19, n));
        }
    }
    sizes.extend([(16, 1280, 17), (50, 600, 130), (3, 257, 20), (130, 16, 20), (64, 1, 3), (1, 300, 1)]);
    // B beyond the second-level cache, in rows that fall into the same cache sets, and in rows that do not
    sizes.extend([(33, 300, 1024), (40, 900, 300), (200, 280, 1000)]);
    if cfg!(miri) {
        // An interpreter takes a second for a million operations.
        sizes
            .retain(|&(m, k, n)| k == 19 && [1, 7, 25].contains(&m) && [1, 7, 8, 9, 16, 17, 33].contains(&n));
        sizes.push((3, 257, 20));
    }
    for (m, k, n) in sizes {
        let (a, b) = (noise(m * k, 1), noise(k * n, 2));
        let (at, bt) = (transpose(m, k, &a), transpose(k, n, &b));
        let exact = naive(m, k, n, &a, &b);
        let start = noise(m * n, 3);
        let lhs = [Matrix::new(&a, m, k), Matrix::new(&at, k, m).transposed()];
        let rhs = [Matrix::new(&b, k, n), Matrix::new(&bt, n, k).transposed()];
        let mut bits: Option<Vec<f32>> = None;
        for a in lhs {
            for b in rhs {
                for write in [Write::Set, Write::Add] {
                    let mut c = start.clone();
                    gemm(Exec::Serial, write, a, b, &mut c);
                    for (i, (c, e)) in c.iter().zip(&exact).enumerate() {
                        let e = if write == Write::Add { e + f64::from(start[i]) } else { *e };
                        let bound = 1e-7 * (k as f64).sqrt() * 4.0 + 1e-6;
                        assert!(
                            (f64::from(*c) - e).abs() <= bound,
                            "{m} x {k} x {n}, {write:?}: {c} against {e}"
                        );
                    }
                    if write == Write::Set {
                        match &bits {
                            None => bits = Some(c),
                            Some(bits) if cfg!(target_feature = "fma") => {
                                assert_eq!(*bits, c, "{m} x {k} x {n}: the layout changed a bit");
                            }
                            Some(_) => {}
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_row_alone_has_the_bits_it_has_among_many() {
    let sizes =
        if cfg!(miri) { &[(9, 17), (9, 6)][..] } else { &[(1280, 17), (2048, 80), (300, 6), (256, 200)] };
    for &(k, n) in sizes {
        let (m, b) = (61, noise(k * n, 5));
        let a = noise(m * k, 4);
        let mut all = vec![0.0; m * n];
        gemm(Exec::Serial, Write::Set, Matrix::new(&a, m, k), Matrix::new(&b, k, n), &mut all);
        for rows in [1, 2, 3, 7, 30] {
            for i in [0, 5, 29] {
                let mut some = vec![0.0; rows * n];
                let part = Matrix::new(&a[i * k..(i + rows) * k], rows, k);
                gemm(Exec::Serial, Write::Set, part, Matrix::new(&b, k, n), &mut some);
                assert_eq!(some, all[i * n..(i + rows) * n], "{rows} rows from {i}, K {k}, N {n}");
            }
        }
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let pools = [1, 2, 3, 8].map(|n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap());
    // cut by rows, and those with 256 columns and more by columns
    let sizes = match cfg!(miri) {
        true => &[(70, 9, 17), (1, 40, 300)][..],
        false => &[
            (500, 300, 80),
            (1024, 64, 17),
            (97, 2048, 5),
            (1, 9000, 300),
            (16, 2048, 512),
            (130, 700, 1003),
        ],
    };
    for &(m, k, n) in sizes {
        let (a, b) = (noise(m * k, 6), noise(k * n, 7));
        for right in [Matrix::new(&b, k, n), Matrix::new(&b, n, k).transposed()] {
            let run = |exec, write| {
                let mut c = vec![1.0; m * n];
                gemm(exec, write, Matrix::new(&a, m, k), right, &mut c);
                c
            };
            for write in [Write::Set, Write::Add] {
                let serial = run(Exec::Serial, write);
                for pool in &pools {
                    assert!(pool.install(|| run(Exec::Rayon, write)) == serial, "{m} x {k} x {n}: {pool:?}");
                }
            }
        }
    }
}

#[test]
fn tasks_are_an_even_number_with_enough_to_do() {
    assert_eq!(Tasks::of(16, 2048, 80), Tasks::Rows(16));
    assert_eq!(Tasks::of(128, 2048, 80), Tasks::Rows(32));
    assert_eq!(Tasks::of(1024, 2048, 80), Tasks::Rows(128));
    assert_eq!(Tasks::of(2048, 1024, 512), Tasks::Rows(128));
    assert_eq!(Tasks::of(64, 64, 64), Tasks::Rows(64), "too little for a second thread");
    if cfg!(target_feature = "fma") {
        assert_eq!(Tasks::of(16, 2048, 512), Tasks::Columns(8));
        assert_eq!(Tasks::of(128, 2048, 512), Tasks::Columns(8));
    }
}

#[test]
fn nothing_to_sum_gives_zero() {
    let mut c = vec![7.0; 6];
    gemm(Exec::Serial, Write::Add, Matrix::new(&[], 2, 0), Matrix::new(&[], 0, 3), &mut c);
    assert_eq!(c, [7.0; 6]);
    gemm(Exec::Serial, Write::Set, Matrix::new(&[], 2, 0), Matrix::new(&[], 0, 3), &mut c);
    assert_eq!(c, [0.0; 6]);
    gemm(Exec::Serial, Write::Set, Matrix::new(&[], 0, 2), Matrix::new(&[0.0; 6], 2, 3), &mut []);
}

#[test]
#[should_panic(expected = "inner sizes differ")]
fn shapes_that_do_not_fit_are_refused() {
    gemm(Exec::Serial, Write::Set, Matrix::new(&[0.0; 6], 2, 3), Matrix::new(&[0.0; 8], 4, 2), &mut [0.0; 4]);
}

#[test]
fn infinity_and_nan_reach_exactly_their_row() {
    let (k, n) = (20, 17);
    let mut a = noise(3 * k, 8);
    a[k + 4] = f32::NAN;
    let mut c = vec![0.0; 3 * n];
    gemm(Exec::Serial, Write::Set, Matrix::new(&a, 3, k), Matrix::new(&noise(k * n, 9), k, n), &mut c);
    assert!(c[n..2 * n].iter().all(|c| c.is_nan()));
    assert!(c[..n].iter().chain(&c[2 * n..]).all(|c| c.is_finite()));
}

/// Products of every layout have the same bits with vectors of eight and of sixteen floats.
#[cfg(all(target_feature = "fma", target_arch = "x86_64"))]
#[test]
fn wide_vectors_do_not_change_a_bit() {
    if !is_x86_feature_detected!("avx512f") {
        println!("skipped: this processor does not have AVX-512");
        return;
    }
    let mut sizes: Vec<[usize; 3]> = (1..=70).map(|n| [1 + n % 27, 1 + 37 * n % 300, n]).collect();
    sizes.extend([[64, 2048, 80], [33, 300, 1024], [250, 257, 312], [24, 600, 81], [13, 512, 512]]);
    let draws = noise(3 * 200, 11);
    let size = |i: usize, most: f32| 1 + ((draws[i] + 0.5) * most) as usize;
    sizes.extend((0..200).map(|i| [size(i, 60.0), size(200 + i, 600.0), size(400 + i, 120.0)]));
    for [m, k, n] in sizes {
        let (a, b, start) = (noise(m * k, 1), noise(k * n, 2), noise(m * n, 3));
        for left in [Matrix::new(&a, m, k), Matrix::new(&a, k, m).transposed()] {
            for right in [Matrix::new(&b, k, n), Matrix::new(&b, n, k).transposed()] {
                for write in [Write::Set, Write::Add] {
                    let product = |level| {
                        let mut c = start.clone();
                        gemm_with(level, Exec::Serial, write, left, right, &mut c);
                        c.into_iter().map(f32::to_bits).collect::<Vec<u32>>()
                    };
                    let eight = product(Level::Built);
                    assert!(eight == product(Level::Avx512), "{m} x {k} x {n}, {write:?}");
                    assert!(eight == product(Level::Avx512InHalves), "{m} x {k} x {n}, {write:?}");
                }
            }
        }
    }
}

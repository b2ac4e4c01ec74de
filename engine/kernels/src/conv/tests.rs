//! Every product against loops in f64, and the promise about bits.

use super::*;

fn noise(n: usize, seed: u32) -> Vec<f32> {
    (0..n as u32)
        .map(|i| {
            let h = (i ^ seed.wrapping_mul(0x9e37_79b9)).wrapping_mul(2_654_435_761);
            ((h ^ (h >> 15)).wrapping_mul(0x85eb_ca6b) >> 8) as f32 / (1 << 24) as f32 - 0.5
        })
        .collect()
}

/// Calls `visit(y, w, x)` with the positions of every product of the convolution.
fn products(s: ConvShape, mut visit: impl FnMut(usize, usize, usize)) {
    let ([h, w], [oh, ow]) = (s.image, s.output());
    let [[kh, kw], [sy, sx], [py, px]] =
        [s.window.kernel, s.window.stride, s.window.padding].map(|v| v.map(|v| v as usize));
    let (cg, og) = (s.group_channels(), s.group_outputs());
    for n in 0..s.images {
        for o in 0..s.outputs {
            for (y, x) in (0..oh * ow).map(|p| (p / ow, p % ow)) {
                for k in 0..s.depth() {
                    let (c, ky, kx) = (k / (kh * kw), k / kw % kh, k % kw);
                    let (iy, ix) = ((y * sy + ky).wrapping_sub(py), (x * sx + kx).wrapping_sub(px));
                    if iy < h && ix < w {
                        let input = ((n * s.channels + o / og * cg + c) * h + iy) * w + ix;
                        visit(((n * s.outputs + o) * oh + y) * ow + x, o * s.depth() + k, input);
                    }
                }
            }
        }
    }
}

fn shape(sizes: [usize; 5], outputs: usize, window: Window, groups: usize) -> ConvShape {
    let [images, channels, h, w, _] = sizes;
    ConvShape { images, channels, image: [h, w], outputs, window, groups }
}

fn shapes() -> Vec<ConvShape> {
    let mut shapes = Vec::new();
    for (k, stride, pad) in [(1, 1, 0), (3, 1, 1), (3, 2, 1), (5, 1, 2), (2, 2, 0), (3, 3, 0)] {
        for (c, o, groups) in [(1, 1, 1), (3, 5, 1), (4, 18, 2), (6, 6, 6), (8, 32, 1)] {
            for image in [[5, 5], [8, 8], [7, 16], [9, 6]] {
                let window = Window::square(k, stride, pad);
                shapes.push(ConvShape { images: 2, channels: c, image, outputs: o, window, groups });
            }
        }
    }
    let uneven = Window { kernel: [3, 2], stride: [2, 1], padding: [0, 1] };
    shapes.push(shape([3, 2, 6, 9, 0], 7, uneven, 1));
    // more than one piece of the depth, and more than one block of panels
    shapes.push(shape([1, 72, 12, 16, 0], 9, Window::square(3, 1, 1), 1));
    if cfg!(miri) {
        // An interpreter takes a second for a million operations.
        shapes.retain(|s| s.images * s.outputs * s.output_pixels() * s.depth() < 4_000);
        shapes = shapes.into_iter().step_by(7).collect();
    }
    shapes
}

#[test]
fn every_product_agrees_with_loops() {
    for s in shapes() {
        let outputs = s.images * s.outputs * s.output_pixels();
        let (x, w) = (noise(s.images * s.channels * s.input_pixels(), 1), noise(s.outputs * s.depth(), 2));
        let (b, g) = (noise(s.outputs, 3), noise(outputs, 4));
        let (mut ey, mut edx, mut edw) =
            (vec![0.0f64; outputs], vec![0.0f64; x.len()], vec![0.0f64; w.len()]);
        for (e, y) in ey.iter_mut().enumerate() {
            *y = f64::from(b[e / s.output_pixels() % s.outputs]);
        }
        products(s, |y, k, i| {
            ey[y] += f64::from(w[k]) * f64::from(x[i]);
            edx[i] += f64::from(w[k]) * f64::from(g[y]);
            edw[k] += f64::from(x[i]) * f64::from(g[y]);
        });
        let close = |fast: &[f32], exact: &[f64], offset: f64, what: &str| {
            for (e, (a, b)) in fast.iter().zip(exact).enumerate() {
                assert!(
                    (f64::from(*a) - b - offset).abs() <= 2e-5,
                    "{what} {s:?}, element {e}: {a} against {b}"
                );
            }
        };
        for exec in [Exec::Serial, Exec::Rayon] {
            let (mut y, mut dx, mut dw) =
                (vec![f32::NAN; outputs], vec![f32::NAN; x.len()], vec![f32::NAN; w.len()]);
            forward(exec, s, &x, &w, Some(&b), &mut y);
            backward_input(exec, Write::Set, s, &g, &w, &mut dx);
            backward_weight(exec, Write::Set, s, &g, &x, &mut dw);
            close(&y, &ey, 0.0, "y");
            close(&dx, &edx, 0.0, "dx");
            close(&dw, &edw, 0.0, "dw");
            dx.fill(1.0);
            dw.fill(1.0);
            backward_input(exec, Write::Add, s, &g, &w, &mut dx);
            backward_weight(exec, Write::Add, s, &g, &x, &mut dw);
            close(&dx, &edx, 1.0, "dx");
            close(&dw, &edw, 1.0, "dw");
            let mut without = vec![f32::NAN; outputs];
            forward(exec, s, &x, &w, None, &mut without);
            let biased = |e: usize| f64::from(b[e / s.output_pixels() % s.outputs]);
            let ey: Vec<f64> = ey.iter().enumerate().map(|(e, y)| y - biased(e)).collect();
            close(&without, &ey, 0.0, "y without bias");
        }
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let sizes = if cfg!(miri) { [3, 2, 5, 4, 0] } else { [9, 12, 14, 13, 0] };
    let s = shape(sizes, if cfg!(miri) { 7 } else { 20 }, Window::square(3, 1, 1), 1);
    let (x, w) = (noise(s.images * s.channels * s.input_pixels(), 1), noise(s.outputs * s.depth(), 2));
    let g = noise(s.images * s.outputs * s.output_pixels(), 3);
    let run = |exec| {
        let (mut y, mut dx, mut dw) = (vec![0.0; g.len()], vec![0.0; x.len()], vec![0.0; w.len()]);
        forward(exec, s, &x, &w, None, &mut y);
        backward_input(exec, Write::Set, s, &g, &w, &mut dx);
        backward_weight(exec, Write::Set, s, &g, &x, &mut dw);
        (y, dx, dw)
    };
    let serial = run(Exec::Serial);
    for threads in [1, 2, 3, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert!(pool.install(|| run(Exec::Rayon)) == serial, "{threads} threads");
    }
}

#[test]
fn an_infinity_reaches_only_what_sees_it() {
    let s = shape([1, 1, 5, 5, 0], 1, Window::square(3, 1, 0), 1);
    let mut x = noise(25, 1);
    x[0] = f32::INFINITY;
    let (mut y, mut dw) = (vec![0.0; 9], vec![0.0; 9]);
    forward(Exec::Serial, s, &x, &noise(9, 2), None, &mut y);
    backward_weight(Exec::Serial, Write::Set, s, &noise(9, 3), &x, &mut dw);
    assert!(!y[0].is_finite() && y[1..].iter().all(|y| y.is_finite()), "{y:?}");
    assert!(!dw[0].is_finite() && dw[1..].iter().all(|w| w.is_finite()), "{dw:?}");
}

/// Every product has the same bits with vectors of eight and of sixteen floats.
#[cfg(all(target_feature = "fma", target_arch = "x86_64"))]
#[test]
fn wide_vectors_do_not_change_a_bit() {
    if !is_x86_feature_detected!("avx512f") {
        println!("skipped: this processor does not have AVX-512");
        return;
    }
    let draws = noise(9 * 150, 11);
    let random = |i: usize| {
        let size = |j: usize, most: f32| 1 + ((draws[9 * i + j] + 0.5) * most) as usize;
        let groups = size(0, 3.0);
        let (channels, outputs) = (groups * size(1, 7.0), groups * size(2, 25.0));
        let window = Window {
            kernel: [size(3, 4.0) as u32, size(4, 4.0) as u32],
            stride: [size(5, 2.0) as u32; 2],
            padding: [(size(6, 3.0) - 1) as u32; 2],
        };
        ConvShape {
            images: 2,
            channels,
            image: [4 + size(7, 9.0), 4 + size(8, 20.0)],
            outputs,
            window,
            groups,
        }
    };
    for s in shapes().into_iter().chain((0..150).map(random)) {
        let outputs = s.images * s.outputs * s.output_pixels();
        let (x, w) = (noise(s.images * s.channels * s.input_pixels(), 1), noise(s.outputs * s.depth(), 2));
        let (b, g) = (noise(s.outputs, 3), noise(outputs, 4));
        let run = |level| {
            let how = How { exec: Exec::Serial, level };
            let (mut y, mut dx, mut dw) = (vec![0.5; outputs], vec![0.5; x.len()], vec![0.5; w.len()]);
            forward_with(how, s, &x, &w, Some(&b), &mut y);
            backward_input_with(how, Write::Add, s, &g, &w, &mut dx);
            backward_weight_with(how, Write::Set, s, &g, &x, &mut dw);
            [y, dx, dw].concat().into_iter().map(f32::to_bits).collect::<Vec<u32>>()
        };
        let eight = run(Level::Built);
        assert!(eight == run(Level::Avx512), "{s:?}");
        assert!(eight == run(Level::Avx512InHalves), "{s:?}");
    }
}

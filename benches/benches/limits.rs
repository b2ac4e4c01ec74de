//! Kernels beside the machine's own limit: products as a share of the FMA peak, vector math and the tape at the
//! reference peak, and what a second core adds.
//!
//! `cargo bench --bench limits` prints under each of criterion's lines the share of the limit; a word behind `--` keeps
//! the rows that contain it.
#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use criterion::{Criterion, criterion_group, criterion_main};
use lacuna_benches::pattern::{INPUT, pattern};
use lacuna_benches::{Aligned, Beside, REFERENCE_PEAK, Rate, median};
use lacuna_engine::Tape;
use lacuna_kernels::gemm::{Matrix, gemm};
use lacuna_kernels::{Exec, Write, map, math};
use std::hint::black_box;
use std::time::{Duration, Instant};

#[derive(Clone, Copy)]
enum Kind {
    Plain,
    LeftTransposed,
    RightTransposed,
}

/// Sizes M, K, N of a product and how its operands lie.
type Product = (&'static str, [usize; 3], Kind);

const PRODUCTS: &[Product] = &[
    // z = x w for COCO's classes, at the batches of the papers
    ("forward", [8, 2048, 80], Kind::Plain),
    ("forward", [16, 2048, 80], Kind::Plain),
    ("forward", [64, 2048, 80], Kind::Plain),
    ("forward", [256, 2048, 80], Kind::Plain),
    // classes of UC Merced, VOC, NUS and CUB
    ("forward", [64, 2048, 17], Kind::Plain),
    ("forward", [64, 2048, 20], Kind::Plain),
    ("forward", [64, 2048, 81], Kind::Plain),
    ("forward", [64, 2048, 312], Kind::Plain),
    ("forward", [16, 1280, 17], Kind::Plain),
    // dw = x^T dz
    ("weight gradient", [2048, 16, 80], Kind::LeftTransposed),
    ("weight gradient", [2048, 64, 80], Kind::LeftTransposed),
    ("weight gradient", [2048, 256, 80], Kind::LeftTransposed),
    ("weight gradient", [1280, 16, 17], Kind::LeftTransposed),
    // dx = dz w^T, of an MLP's second layer
    ("input gradient", [64, 80, 512], Kind::RightTransposed),
    ("square", [256, 256, 256], Kind::Plain),
    ("square", [512, 512, 512], Kind::Plain),
    ("square", [1024, 1024, 1024], Kind::Plain),
];

fn matrices<'a>([m, k, n]: [usize; 3], kind: Kind, a: &'a [f32], b: &'a [f32]) -> [Matrix<'a>; 2] {
    match kind {
        Kind::Plain => [Matrix::new(a, m, k), Matrix::new(b, k, n)],
        Kind::LeftTransposed => [Matrix::new(a, k, m).transposed(), Matrix::new(b, k, n)],
        Kind::RightTransposed => [Matrix::new(a, m, k), Matrix::new(b, n, k).transposed()],
    }
}

fn products(c: &mut Criterion) {
    let beside = Beside::default();
    let mut group = c.benchmark_group("gemm");
    for (name, size, kind) in PRODUCTS {
        let [m, k, n] = *size;
        let (mut a, mut b, mut out) = (Aligned::noise(m * k), Aligned::noise(k * n), Aligned::noise(m * n));
        let (a, b, out) = (a.get(), b.get(), out.get());
        // Vectors of eight lanes cannot use more than N / (8 ceil(N / 8)) of the peak.
        let ceiling = n as f64 / (8 * n.div_ceil(8)) as f64;
        let work = || {
            let [a, b] = matrices(*size, *kind, a, b);
            gemm(Exec::Serial, Write::Set, black_box(a), black_box(b), out);
        };
        beside.bench(&mut group, &format!("{name} {m}x{k}x{n}"), (2 * m * k * n) as f64, work, |rate| {
            let share = 100.0 * rate.giga / rate.limits.peak;
            let of_ceiling = match ceiling < 1.0 {
                true => format!(" ({:.1} % of what {n} columns allow)", share / ceiling),
                false => String::new(),
            };
            format!("{:.1} GF/s, {share:.1} % of the peak{of_ceiling}", rate.giga)
        });
    }
    group.finish();
}

/// Functions of one variable over 32 k floats, which stay in the second-level cache.
fn functions(c: &mut Criterion) {
    let beside = Beside::default();
    let mut group = c.benchmark_group("math");
    let (mut x, mut y) = (Aligned::noise(32 * 1024), Aligned::noise(33 * 1024));
    // Large allocations start at the same place in a page, and a store then looks like a store to the load 4096
    // bytes on. An output that starts elsewhere measures the function and not that accident.
    let (x, y) = (x.get(), &mut y.get()[512..][..32 * 1024]);
    // A macro, since a function pointer would keep the loop from being compiled around the function.
    macro_rules! measure {
        ($($function:ident on $domain:expr;)*) => {$(
            let domain: std::ops::Range<f32> = $domain;
            for (i, x) in x.iter_mut().enumerate() {
                *x = domain.start + (domain.end - domain.start) * (pattern(i, INPUT) + 0.5);
            }
            let work = || map::unary(Exec::Serial, Write::Set, black_box(&*x), y, math::$function);
            beside.bench(&mut group, stringify!($function), x.len() as f64, work, at_reference);
        )*};
    }
    measure! {
        exp on -10.0..10.0;
        exp_sat on -10.0..10.0;
        ln on 0.01..10.0;
        sigmoid on -10.0..10.0;
        softplus on -10.0..10.0;
        tanh on -10.0..10.0;
    }
    group.finish();
}

fn at_reference(rate: Rate) -> String {
    let scaled = rate.giga * REFERENCE_PEAK / rate.limits.peak;
    format!("{:.2} G/s, {scaled:.2} at a peak of {REFERENCE_PEAK}", rate.giga)
}

/// What a node costs beside its arithmetic: operations on eight floats, recorded and differentiated.
fn tape(c: &mut Criterion) {
    const NODES: usize = 1000;
    let beside = Beside::default();
    let mut group = c.benchmark_group("tape");
    let mut tape = Tape::new();
    tape.seal();
    let show = |rate: Rate| {
        let scaled = rate.limits.peak / REFERENCE_PEAK / rate.giga;
        format!("{:.1} ns a node, {scaled:.1} at a peak of {REFERENCE_PEAK}", 1.0 / rate.giga)
    };
    let chain = || {
        tape.reset();
        let mut x = tape.variable([8], &[1.0; 8]);
        for _ in 0..NODES {
            x = tape.scale(x, black_box(1.000_1));
        }
        tape.backward_from(x, &[1.0; 8]);
    };
    beside.bench(&mut group, "scale", NODES as f64, chain, show);
    let chain = || {
        tape.reset();
        let one = tape.variable([8], &[1.000_1; 8]);
        let mut x = tape.variable([8], &[1.0; 8]);
        for _ in 0..NODES {
            x = tape.mul(x, one);
        }
        tape.backward_from(x, &[1.0; 8]);
    };
    beside.bench(&mut group, "mul", NODES as f64, chain, show);
    group.finish();
}

/// Two threads against one, beside what two cores copy against what one does.
fn threads(c: &mut Criterion) {
    let (one, two) = (Beside::default(), Beside::with_threads(2));
    let mut group = c.benchmark_group("two threads");
    let sizes = [([1024, 2048, 80], Kind::Plain), ([1024, 1024, 1024], Kind::Plain)];
    for (size, kind) in sizes {
        let [m, k, n] = size;
        let (mut a, mut b, mut out) = (Aligned::noise(m * k), Aligned::noise(k * n), Aligned::noise(m * n));
        let (a, b, out) = (a.get(), b.get(), out.get());
        let mut seconds = |exec: Exec, iterations: u64| {
            let start = Instant::now();
            for _ in 0..iterations {
                let [a, b] = matrices(size, kind, a, b);
                gemm(exec, Write::Set, black_box(a), black_box(b), out);
            }
            start.elapsed().as_secs_f64()
        };
        let (mut ratios, mut copy_ratios, mut peak_ratios) = (Vec::new(), Vec::new(), Vec::new());
        group.bench_function(format!("forward {m}x{k}x{n}"), |bencher| {
            bencher.iter_custom(|iterations| {
                let alone = seconds(Exec::Serial, iterations);
                let shared = two.run(|| seconds(Exec::Rayon, iterations));
                let (of_one, of_two) = (one.limits(), two.limits());
                copy_ratios.push(of_two.copy / of_one.copy);
                peak_ratios.push(of_two.peak / of_one.peak);
                ratios.push(alone / shared);
                Duration::from_secs_f64(shared)
            });
        });
        if ratios.len() > 2 {
            println!(
                "    {:.2} times one thread, where the peak of two cores is {:.2} times that of one and they copy {:.2} times \
                 as much\n",
                median(&ratios),
                median(&peak_ratios),
                median(&copy_ratios)
            );
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = products, functions, tape, threads
}
criterion_main!(benches);

//! Kernels beside the machine's own limit: products as a share of the FMA peak, vector math beside it.
//!
//! `cargo bench --bench limits` prints a table; a word behind `--` keeps the rows that contain it. Run as a test it
//! measures every row once, briefly.

use lacuna_benches::{against_peak, copy_rate, fma_peak};
use lacuna_engine::Tape;
use lacuna_kernels::gemm::{Matrix, gemm};
use lacuna_kernels::{Exec, Write, f32x8, map, math};
use std::hint::black_box;

fn noise(n: usize) -> Vec<f32> {
    (0..n as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32 - 0.5).collect()
}

struct Bench {
    attempts: usize,
    seconds: f64,
    filter: Option<String>,
}

impl Bench {
    fn skips(&self, name: &str) -> bool {
        self.filter.as_ref().is_some_and(|f| !name.contains(f.as_str()))
    }

    /// A product as a share of the peak.
    fn product(&self, name: &str, (m, k, n): (usize, usize, usize), kind: Kind) {
        let name = format!("{name} {m} x {k} x {n}");
        if self.skips(&name) {
            return;
        }
        let (a, b, mut c) = (noise(m * k), noise(k * n), vec![0.0; m * n]);
        let rate = against_peak(self.attempts, self.seconds, (2 * m * k * n) as f64, || {
            let (a, b) = match kind {
                Kind::Plain => (Matrix::new(&a, m, k), Matrix::new(&b, k, n)),
                Kind::LeftTransposed => (Matrix::new(&a, k, m).transposed(), Matrix::new(&b, k, n)),
            };
            gemm(Exec::Serial, Write::Set, black_box(a), black_box(b), &mut c);
        });
        match rate {
            // Vectors of eight lanes cannot use more than N of 8 ceil(N / 8) of the peak.
            Some(rate) => println!(
                "{name:<34} {:6.1} GF/s  peak {:5.1}  {:5.1} %  ({:.1} % of what N = {n} allows)",
                rate.giga,
                rate.peak,
                rate.percent(),
                rate.percent() * (8 * n.div_ceil(8)) as f64 / n as f64
            ),
            None => println!("{name:<34} the machine's speed changed during every attempt"),
        }
    }

    /// What a node costs beside its arithmetic: a chain of multiplications of eight floats, forward and backward.
    fn tape(&self) {
        const NODES: usize = 1000;
        if self.skips("tape node") {
            return;
        }
        let mut tape = Tape::new();
        tape.seal();
        let rate = against_peak(self.attempts, self.seconds, NODES as f64, || {
            tape.reset();
            let mut x = tape.variable([8], &[1.0; 8]);
            for _ in 0..NODES {
                x = tape.scale(x, black_box(1.000_1));
            }
            tape.backward_from(x, &[1.0; 8]);
        });
        match rate {
            Some(rate) => {
                println!("{:<34} {:6.1} ns    peak {:5.1}", "tape node", 1.0 / rate.giga, rate.peak)
            }
            None => println!("{:<34} the machine's speed changed during every attempt", "tape node"),
        }
    }

    /// A function of one variable over 32 k floats, which stay in the second-level cache.
    fn function(&self, name: &str, lo: f32, hi: f32, f: fn(f32x8) -> f32x8) {
        if self.skips(name) {
            return;
        }
        let x: Vec<f32> = noise(32 * 1024).iter().map(|u| lo + (hi - lo) * (u + 0.5)).collect();
        // Large allocations start at the same place in a page, and a store then looks like a store to the load
        // 4096 bytes on. An output that starts elsewhere measures the function and not that accident.
        let mut room = vec![0.0; x.len() + 512];
        let y = &mut room[512..];
        macro_rules! measure {
            ($($candidate:ident)*) => {
                // A function pointer would keep the loop from being compiled around the function.
                $(if f as usize == math::$candidate as fn(f32x8) -> f32x8 as usize {
                    return self.show(name, against_peak(self.attempts, self.seconds, x.len() as f64, || {
                        map::unary(Exec::Serial, Write::Set, black_box(&x), y, math::$candidate);
                    }));
                })*
            };
        }
        measure!(exp exp_sat ln sigmoid softplus tanh);
    }

    fn show(&self, name: &str, rate: Option<lacuna_benches::Rate>) {
        match rate {
            Some(rate) => println!(
                "{name:<34} {:6.2} G/s   peak {:5.1}  ({:.2} G/s at 81.6)",
                rate.giga,
                rate.peak,
                rate.giga * 81.6 / rate.peak
            ),
            None => println!("{name:<34} the machine's speed changed during every attempt"),
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Plain,
    LeftTransposed,
}

fn main() {
    lacuna_kernels::cpu::check_or_exit();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let measuring = args.iter().any(|a| a == "--bench");
    let filter = args.into_iter().find(|a| !a.starts_with('-'));
    let bench = match measuring {
        true => Bench { attempts: 15, seconds: 0.02, filter },
        false => Bench { attempts: 1, seconds: 0.0, filter },
    };
    println!("FMA peak {:.1} GF/s, copy {:.1} GB/s", fma_peak(), copy_rate());
    for batch in [8, 16, 64, 256] {
        bench.product("forward", (batch, 2048, 80), Kind::Plain);
    }
    for classes in [17, 20, 81, 312] {
        bench.product("forward", (64, 2048, classes), Kind::Plain);
    }
    bench.product("forward", (16, 1280, 17), Kind::Plain);
    for batch in [16, 64, 256] {
        bench.product("weight gradient", (2048, batch, 80), Kind::LeftTransposed);
    }
    bench.product("weight gradient", (1280, 16, 17), Kind::LeftTransposed);
    for size in [256, 512, 1024] {
        bench.product("square", (size, size, size), Kind::Plain);
    }
    bench.tape();
    bench.function("exp", -10.0, 10.0, math::exp);
    bench.function("exp_sat", -10.0, 10.0, math::exp_sat);
    bench.function("ln", 0.01, 10.0, math::ln);
    bench.function("sigmoid", -10.0, 10.0, math::sigmoid);
    bench.function("softplus", -10.0, 10.0, math::softplus);
    bench.function("tanh", -10.0, 10.0, math::tanh);
}

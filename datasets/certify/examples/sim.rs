//! scratch
#![allow(clippy::print_stdout)]
use lacuna_certify::*;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let reps: u64 = args[1].parse().unwrap();
    let answers: usize = args[2].parse().unwrap();
    for file in &args[3..] {
        let t: Vec<bool> = std::fs::read(file).unwrap().iter().map(|b| *b == b'1').collect();
        let n = t.iter().filter(|t| **t).count();
        let start = std::time::Instant::now();
        let (mut valid, mut found, mut pre, mut acc) = (0, 0.0, 0.0, 0);
        let cuts = [n / 4, n / 2, n];
        let mut off = [0.0f64; 3];
        let mut within = [0; 3];
        let mut cover = [0; 3];
        for seed in 0..reps {
            let mut s = Session::new(t.len(), Settings { seed, answers, ..Settings::default() }).unwrap();
            while let Some(rank) = s.question() {
                s.answer(if t[rank] { Answer::Yes } else { Answer::No });
            }
            let c = s.certificate();
            let right = c.list.iter().filter(|r| t[**r]).count();
            let wrong = c.list.len() - right;
            valid += usize::from(wrong as f64 <= 0.1 * c.list.len() as f64);
            assert!(c.share() <= 0.1 + 1e-9);
            found += right as f64 / n as f64;
            if let Basis::Tested { prefix, .. } = c.basis {
                pre += prefix as f64 / n as f64;
                acc += 1;
            }
            for (i, e) in s.estimates(&cuts).iter().enumerate() {
                let p = t[..cuts[i]].iter().filter(|t| **t).count() as f64 / cuts[i] as f64;
                off[i] += (e.mean - p).abs();
                within[i] += usize::from((e.mean - p).abs() < 0.1);
                cover[i] += usize::from(e.low <= p && p <= e.high);
            }
        }
        let r = reps as f64;
        println!(
            "{:<22} N {n:5} valid {:.3} found {:.3} tested {:.3} prefix {:.3} | est |err| {:.3} {:.3} {:.3} within .1 {:.2} {:.2} {:.2} cover {:.2} {:.2} {:.2} {:.0} ms",
            file.rsplit('/').next().unwrap(),
            valid as f64 / r,
            found / r,
            acc as f64 / r,
            pre / acc.max(1) as f64,
            off[0] / r,
            off[1] / r,
            off[2] / r,
            within[0] as f64 / r,
            within[1] as f64 / r,
            within[2] as f64 / r,
            cover[0] as f64 / r,
            cover[1] as f64 / r,
            cover[2] as f64 / r,
            start.elapsed().as_secs_f64() * 1000.0 / r
        );
    }
}

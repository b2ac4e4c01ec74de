//! What the system says of memory and processors; nothing on systems without `/proc`.

use std::time::Instant;

/// Most memory that this process has held so far, in bytes: `VmHWM` of `/proc/self/status`.
pub(crate) fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024.0 * kib)
}

/// Memory that programs can still take, in bytes.
pub(crate) fn free_memory() -> Option<f64> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = info.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024.0 * kib)
}

/// Processor time up to a moment, in ticks.
#[derive(Clone, Copy)]
pub(crate) struct Busy {
    all: f64,
    ours: f64,
    at: Instant,
}

/// Ticks a second of `/proc/stat` on every Linux that programs meet.
const TICKS: f64 = 100.0;

impl Busy {
    /// Processors that other programs took on average since then.
    pub(crate) fn others_since(self, before: Busy) -> f64 {
        let ticks = (self.all - before.all) - (self.ours - before.ours);
        (ticks / TICKS / (self.at - before.at).as_secs_f64()).max(0.0)
    }
}

/// Processor time of the machine, and of this process with the children that it has waited for.
pub(crate) fn busy() -> Option<Busy> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let numbers: Vec<f64> =
        stat.lines().next()?.split_whitespace().skip(1).map_while(|word| word.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal.
    let all = [0, 1, 2, 5, 6, 7].iter().filter_map(|&i| numbers.get(i)).sum();
    let own = std::fs::read_to_string("/proc/self/stat").ok()?;
    // utime, stime, cutime and cstime are the words 14 to 17; the second one, a name in parentheses, may have spaces.
    let words = own.rsplit_once(')')?.1.split_whitespace();
    let ours = words.skip(11).take(4).filter_map(|word| word.parse::<f64>().ok()).sum();
    Some(Busy { all, ours, at: Instant::now() })
}

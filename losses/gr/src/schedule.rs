//! How the soft pseudo-label and its confidence change over a run.

/// The parameters of k(p) = sigma(w p + b) and v(p) = exp(-(p - mu)^2 / (2 sigma^2)) in an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Slope of the pseudo-label.
    pub w: f64,
    /// Offset of the pseudo-label.
    pub b: f64,
    /// Centre of the confidence.
    pub mu: f64,
    /// Width of the confidence, > 0.
    pub sigma: f64,
}

/// Straight lines from `start` to `end` over a run of `num_epochs` epochs, the first `linear_init` of which keep
/// the start.
///
/// With e = 1, 2, ... and n0 = `linear_init` the share of the way is max(e - n0 - 1, 0) / (T - n0) for w and b
/// and max(e - n0, 0) / (T - n0) for mu and sigma: w and b never reach their ends, mu and sigma have moved one
/// step in the first epoch. Epochs beyond T are as T.
///
/// yan4xi1/GRLoss@5e13f7f9d8e4, train.py (`run_train`).
///
/// ```
/// use lacuna_gr::Schedule;
///
/// let schedule = Schedule::VOC;
/// assert_eq!(schedule.at(0).w, 0.0);
/// assert_eq!((schedule.at(7).w, schedule.at(7).mu), (2.0 * 7.0 / 8.0, 0.8));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Where the run begins.
    pub start: Point,
    /// Where it is headed.
    pub end: Point,
    /// Epochs T of the run.
    pub num_epochs: usize,
    /// Epochs that keep the start, less than T.
    pub linear_init: usize,
}

impl Schedule {
    /// beta = [0, 2, -2, -2], alpha = [0.5, 2, 0.8, 0.5], T = 8: the repository's defaults.
    pub const VOC: Self = Self {
        start: Point { w: 0.0, b: -2.0, mu: 0.5, sigma: 2.0 },
        end: Point { w: 2.0, b: -2.0, mu: 0.8, sigma: 0.5 },
        num_epochs: 8,
        linear_init: 0,
    };

    /// beta = [0, 10, -2, -8]: what GPR (ICCV 2025) uses for COCO, NUS-WIDE and CUB.
    pub const COCO: Self = Self { end: Point { w: 10.0, b: -8.0, mu: 0.8, sigma: 0.5 }, ..Self::VOC };

    /// The parameters in an epoch, counted from 0.
    pub fn at(&self, epoch: usize) -> Point {
        let e = (epoch + 1).min(self.num_epochs);
        let length = (self.num_epochs - self.linear_init) as f64;
        let past = |first: usize| e.saturating_sub(first) as f64 / length;
        let (late, early) = (past(self.linear_init + 1), past(self.linear_init));
        let between = |start: f64, end: f64, share: f64| start + (end - start) * share;
        let (a, b) = (self.start, self.end);
        Point {
            w: between(a.w, b.w, late),
            b: between(a.b, b.b, late),
            mu: between(a.mu, b.mu, early),
            sigma: between(a.sigma, b.sigma, early),
        }
    }
}

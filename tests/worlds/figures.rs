//! What is counted in a world, and how sure one can be of it.

use std::fmt;

/// A share of how many.
#[derive(Clone, Copy, Debug, Default)]
pub struct Share {
    pub yes: u32,
    pub all: u32,
}

impl Share {
    pub fn count(&mut self, yes: bool) {
        self.yes += u32::from(yes);
        self.all += 1;
    }

    pub fn value(self) -> f64 {
        f64::from(self.yes) / f64::from(self.all.max(1))
    }

    /// The share where there is anything to take it of; NaN elsewhere, which is left out of means over seeds.
    pub fn of_any(self) -> f64 {
        if self.all == 0 { f64::NAN } else { self.value() }
    }

    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { yes: self.yes + other.yes, all: self.all + other.all }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.4} of {}", self.value(), self.all)
    }
}

/// Mean over seeds and its 95 % interval: seeds are independent, what happens within one is not.
pub struct OverSeeds {
    pub mean: f64,
    pub half: f64,
    /// Seeds that have such a figure.
    pub seeds: usize,
}

impl OverSeeds {
    pub fn of(values: &[f64]) -> Self {
        let values: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count.max(1.0);
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let half = if count < 2.0 { f64::NAN } else { 1.96 * (squares / (count - 1.0) / count).sqrt() };
        Self { mean, half, seeds: values.len() }
    }
}

impl fmt::Display for OverSeeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seeds {
            0 => f.write_str("  none"),
            _ => {
                write!(f, "{:8.4} ({:.4} to {:.4})", self.mean, self.mean - self.half, self.mean + self.half)
            }
        }
    }
}

/// A named figure of one run.
pub type Figure = (&'static str, f64);

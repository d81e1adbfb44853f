//! How busy each deployment is, second by second.

use rand::rngs::StdRng;

use super::chance::{normal, source};
use super::file::WorldFile;

const COMMON: u64 = 100;
const OWN: u64 = 101;

/// The logarithm of the load of each deployment; 0 is usual.
pub struct Loads(Vec<Vec<f64>>);

impl Loads {
    /// For as many seconds as the requests last, and some more.
    pub fn new(file: &WorldFile, seed: u64) -> Self {
        let seconds = (f64::from(file.requests) / file.per_second * 1.5) as usize + 600;
        let common = spells(&mut source(seed, COMMON, 0), file.load.correlation_s, seconds);
        let share = file.load.common;
        let own = |model: usize| {
            let own = spells(&mut source(seed, OWN, model as u64), file.load.correlation_s, seconds);
            let wave = |at: usize| (at as f64 / file.load.daily_s * std::f64::consts::TAU).sin();
            let both = own.iter().zip(&common).map(|(own, common)| {
                file.load.deviation * ((1.0 - share).sqrt() * own + share.sqrt() * common)
            });
            both.enumerate().map(|(at, spell)| spell + file.load.daily * wave(at)).collect()
        };
        Self((0..file.models.len()).map(own).collect())
    }

    pub fn at(&self, model: usize, seconds: f64) -> f64 {
        let of = &self.0[model];
        of[(seconds.max(0.0) as usize).min(of.len() - 1)]
    }
}

/// Autocorrelated, mean 0, deviation 1.
fn spells(rng: &mut StdRng, correlation_s: f64, seconds: usize) -> Vec<f64> {
    let kept = (-1.0 / correlation_s).exp();
    let mut value = normal(rng);
    let step = |_| {
        value = kept * value + (1.0 - kept * kept).sqrt() * normal(rng);
        value
    };
    (0..seconds).map(step).collect()
}

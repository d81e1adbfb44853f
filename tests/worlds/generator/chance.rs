//! Random numbers that depend on what they are drawn for and on nothing else, so that an answer is the same whoever asks
//! for it and in whatever order.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// A source of its own for each (seed, purpose, number).
pub fn source(seed: u64, purpose: u64, number: u64) -> StdRng {
    let mix = |value: u64| {
        let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    };
    StdRng::seed_from_u64(mix(mix(mix(seed).wrapping_add(purpose)).wrapping_add(number)))
}

/// Standard normal (Box and Muller).
pub fn normal(rng: &mut StdRng) -> f64 {
    let (one, other): (f64, f64) = (rng.random_range(f64::MIN_POSITIVE..1.0), rng.random());
    (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos()
}

/// With median 1 and this deviation of the logarithm.
pub fn lognormal(rng: &mut StdRng, deviation: f64) -> f64 {
    (normal(rng) * deviation).exp()
}

/// At least 1, with a tail of this exponent, cut where no provider would go on.
pub fn pareto(rng: &mut StdRng, exponent: f64) -> f64 {
    let share: f64 = rng.random_range(f64::MIN_POSITIVE..1.0);
    share.powf(-1.0 / exponent).min(60.0)
}

//! Exact bounds on a share that was counted (Clopper and Pearson, Biometrika 26, 1934). They hold at least as often as they say,
//! whatever the share is and however few were counted; bounds by the normal curve do not where nothing was found.

use std::f64::consts::TAU;

/// Upper end of the one-sided interval of a share of which `hits` of `all` were counted; `alpha`: how often it may be too low.
pub(super) fn upper(hits: u64, all: u64, alpha: f64) -> f64 {
    if hits >= all {
        return 1.0;
    }
    let (mut low, mut high) = (hits as f64 / all as f64, 1.0);
    for _ in 0..HALVINGS {
        let middle = (low + high) / 2.0;
        if at_most(hits, all, middle) > alpha { low = middle } else { high = middle }
    }
    high
}

/// Lower end, likewise.
pub(super) fn lower(hits: u64, all: u64, alpha: f64) -> f64 {
    if hits == 0 { 0.0 } else { 1.0 - upper(all - hits.min(all), all, alpha) }
}

/// As often as a double tells two shares apart.
const HALVINGS: usize = 60;
/// Terms of the fraction below; it takes about the square root of what was counted.
const MOST_TERMS: usize = 100_000;

/// How likely no more than `hits` of `all` are, fewer than all.
fn at_most(hits: u64, all: u64, share: f64) -> f64 {
    beta_below((all - hits) as f64, hits as f64 + 1.0, 1.0 - share)
}

/// The regularised incomplete beta function, by its continued fraction (DLMF 8.17.22), which is quick on the side of the mean that
/// is taken.
fn beta_below(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta_below(b, a, 1.0 - x);
    }
    let front = a * x.ln() + b * (-x).ln_1p() - (ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b));
    // By Lentz's method: numerator and denominator are carried as their ratios.
    let kept_from_zero = |value: f64| if value.abs() < f64::MIN_POSITIVE { f64::MIN_POSITIVE } else { value };
    let (mut above, mut below) = (1.0, 1.0 / kept_from_zero(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = below;
    for term in 1..MOST_TERMS {
        let m = term as f64;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for step in [even, odd] {
            below = 1.0 / kept_from_zero(1.0 + step * below);
            above = kept_from_zero(1.0 + step / above);
            change = above * below;
            fraction *= change;
        }
        if (change - 1.0).abs() < 1e-14 {
            break;
        }
    }
    (front.exp() * fraction / a).clamp(0.0, 1.0)
}

/// Stirling's series, from ten on exact to twelve digits; smaller ones are led up to there.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut led) = (x, 0.0);
    while x < 10.0 {
        led += x.ln();
        x += 1.0;
    }
    let square = x * x;
    let series =
        (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - 1.0 / (1680.0 * square)) / square) / square) / x;
    (x - 0.5) * x.ln() - x + TAU.ln() / 2.0 + series - led
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(found: f64, expected: f64, within: f64) {
        assert!((found - expected).abs() <= within, "{found} and not {expected}");
    }

    #[test]
    fn bounds_are_those_of_the_tables() {
        // Of nothing found they can be written down.
        for (all, alpha) in [(1, 0.05), (10, 0.05), (300, 0.05), (1_000_000, 0.005)] {
            let exact = 1.0 - f64::powf(alpha, 1.0 / all as f64);
            near(upper(0, all, alpha), exact, 1e-9);
            near(lower(all, all, alpha), 1.0 - exact, 1e-9);
        }
        // Tables of the 95 % interval, two-sided.
        for (hits, all, low, high) in [
            (1, 10, 0.0025, 0.4450),
            (5, 20, 0.0866, 0.4910),
            (50, 100, 0.3983, 0.6017),
            (3, 4, 0.1941, 0.9937),
        ] {
            near(lower(hits, all, 0.025), low, 1e-4);
            near(upper(hits, all, 0.025), high, 1e-4);
        }
        // Of many it is what the normal curve says.
        let (hits, all) = (9_000, 1_000_000);
        let share = hits as f64 / all as f64;
        let half = 1.959_964 * (share * (1.0 - share) / all as f64).sqrt();
        near(upper(hits, all, 0.025), share + half, 2e-6);
        near(lower(hits, all, 0.025), share - half, 2e-6);
        assert_eq!((upper(7, 7, 0.05), lower(0, 7, 0.05), upper(0, 0, 0.05)), (1.0, 0.0, 1.0));
    }

    #[test]
    fn a_probability_is_the_sum_of_its_terms() {
        for (all, share) in [(12_u64, 0.3_f64), (40, 0.02), (40, 0.9)] {
            let mut sum = 0.0;
            let mut term = (1.0 - share).powi(all as i32);
            for hits in 0..all {
                sum += term;
                near(at_most(hits, all, share), sum, 1e-11);
                term *= share / (1.0 - share) * (all - hits) as f64 / (hits + 1) as f64;
            }
        }
    }
}

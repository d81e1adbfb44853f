//! A long time at a high rate: no request fails, and what the program holds does not grow.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::process::{Load, Stand};

#[test]
fn a_long_run_fails_no_request_and_does_not_grow() {
    let full = std::env::var("PROOF").as_deref() == Ok("full");
    let (rps, seconds, warm) = if full { (1000, 900.0, 180.0) } else { (100, 12.0, 4.0) };
    let mut stand = Stand::new();
    stand.start(false);
    let load = Load::mixed(&stand, rps, seconds, 0.2);
    let began = Instant::now();
    let mut samples: Vec<(f64, f64)> = Vec::new();
    while began.elapsed().as_secs_f64() < seconds - 1.0 {
        std::thread::sleep(Duration::from_millis(if full { 5000 } else { 250 }));
        let at = began.elapsed().as_secs_f64();
        if at > warm {
            samples.push((at, stand.memory_mib().0));
        }
    }
    let found = load.finish();
    assert_eq!(found["sent"], found["right"], "{found}");
    let per_ten_minutes = slope(&samples) * 600.0;
    let least_squares = least_squares(&samples) * 600.0;
    println!("MiB by minute: {:?}", by_minute(&samples));
    // Over a few seconds a slope is noise; the bound is for the run at length.
    assert!(!full || per_ten_minutes < 1.0, "{per_ten_minutes:.2} MiB in ten minutes");
    let (last, most) = stand.memory_mib();
    stand.stop();
    stand.check_ledger();
    crate::keep(
        "soak",
        &json!({ "rps": rps, "seconds": seconds, "streamed": 0.2, "requests": found["sent"], "failed": 0,
                 "rss_mib": last.round(), "most_mib": most.round(),
                 "mib_per_ten_minutes": hundredth(per_ten_minutes), "by_least_squares": hundredth(least_squares),
                 "mib_by_minute": by_minute(&samples), "p99_ms": found["whole"]["p99_ms"] }),
    );
}

fn hundredth(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// The first sample of each minute.
fn by_minute(samples: &[(f64, f64)]) -> Vec<f64> {
    let mut minutes: Vec<(u32, f64)> = samples.iter().map(|(at, mib)| ((at / 60.0) as u32, *mib)).collect();
    minutes.dedup_by_key(|(minute, _)| *minute);
    minutes.into_iter().map(|(_, mib)| hundredth(mib)).collect()
}

/// The median of the slopes between all pairs (Theil and Sen): a step, when a moment of load opens some connections more, is no
/// growth, while what leaks grows between nearly all pairs.
fn slope(samples: &[(f64, f64)]) -> f64 {
    let pairs = samples.iter().enumerate().flat_map(|(at, one)| {
        samples[at + 1..].iter().map(move |other| (other.1 - one.1) / (other.0 - one.0))
    });
    let mut slopes: Vec<f64> = pairs.collect();
    slopes.sort_by(f64::total_cmp);
    slopes[slopes.len() / 2]
}

/// Least squares, units of the second by units of the first.
fn least_squares(samples: &[(f64, f64)]) -> f64 {
    let count = samples.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|sample| sample.0), mean(|sample| sample.1));
    let covariance: f64 = samples.iter().map(|sample| (sample.0 - x) * (sample.1 - y)).sum();
    let variance: f64 = samples.iter().map(|sample| (sample.0 - x).powi(2)).sum();
    covariance / variance
}

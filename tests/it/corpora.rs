//! The fuzz targets' checks over their corpora, over what real clients sent, and over a few hundred mutations of each.
//! `MUTATIONS=100000 cargo test --release --test it corpora` looks longer; `tests/fuzz` says how to look without end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::support::fixtures;

#[path = "../fuzz/checks.rs"]
mod checks;

/// A generator of the splitmix kind (Steele and others, "Fast splittable pseudorandom number generators", 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        (self.next() % most.max(1) as u64) as usize
    }
}

/// Pieces that decoders stumble over.
const PIECES: [&str; 20] = [
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "-1",
    "1e999",
    "\\ud800",
    "\n\n",
    "\r",
    "data:",
    "event: ",
    "é",
    "\0",
    "18446744073709551616",
    "[DONE]",
];

/// A few small changes, one behind the other.
fn mutated(seed: &[u8], others: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        let until = (at + 1 + random.below(24)).min(bytes.len());
        match random.below(6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 => bytes.truncate(at),
            2 => drop(bytes.drain(at.min(until)..until)),
            3 => {
                let again = bytes[at.min(until)..until].to_vec();
                bytes.splice(at..at, again);
            }
            4 => {
                let other = &others[random.below(others.len())];
                let from = random.below(other.len() + 1);
                bytes.splice(at..at, other[from..(from + 200).min(other.len())].iter().copied());
            }
            _ => {
                let piece = PIECES[random.below(PIECES.len())];
                bytes.splice(at..at, piece.bytes());
            }
        }
    }
    bytes
}

fn files(folder: &Path) -> Vec<Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seeds = files(&root.join("tests/fuzz/corpus").join(name));
    match name {
        "requests" => {
            seeds.extend(fixtures::posts().into_iter().map(|fixture| fixture.request.body.to_vec()))
        }
        "events" => seeds.extend(files(&root.join("tests/fuzz/corpus/streams"))),
        "config" => {
            let confs = files(&root.join("conf"));
            seeds.extend(confs.into_iter().filter(|text| text.len() < 64 << 10 && text.contains(&b'[')));
        }
        _ => {}
    }
    seeds
}

fn mutations() -> usize {
    let default = if cfg!(debug_assertions) { 100 } else { 1000 };
    std::env::var("MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn holds(name: &str, check: checks::Check) {
    let seeds = seeds(name);
    assert!(seeds.len() >= 3, "{name}: a corpus of {}", seeds.len());
    let mut random = Random(7);
    for (number, seed) in seeds.iter().enumerate() {
        check(seed);
        // Long ones are not shaken as often: each takes as long as many short ones.
        let often = (mutations() * 2048 / seed.len().max(2048)).max(10);
        for round in 0..often {
            let bytes = mutated(seed, &seeds, &mut random);
            if catch_unwind(AssertUnwindSafe(|| check(&bytes))).is_err() {
                panic!("{name}: seed {number}, mutation {round}: {:?}", String::from_utf8_lossy(&bytes));
            }
        }
    }
}

#[test]
fn every_decoder_holds_over_its_corpus() {
    std::thread::scope(|scope| {
        let running = checks::ALL.map(|(name, check)| (name, scope.spawn(move || holds(name, check))));
        for (name, one) in running {
            assert!(one.join().is_ok(), "{name}");
        }
    });
}

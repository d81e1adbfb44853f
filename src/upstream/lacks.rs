//! What a deployment has said that it does not take: parameters its model refused as unsupported. Learnt from its own words,
//! kept for an hour, because models change behind their names.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

/// Parameters remembered of one deployment; more, and the oldest is forgotten.
const MOST: usize = 16;
/// How long one is remembered, ms.
const FORGET_MS: u64 = 3_600_000;

/// Parameters a deployment refuses.
#[derive(Default)]
pub(super) struct Lacks {
    /// Whether there may be any: almost never, and asked before every decision.
    any: AtomicBool,
    known: Mutex<Vec<Lack>>,
    /// Until when it is not asked how probable it finds its words. That is a question of ours, so no client's request is held to it.
    silent_until_ms: AtomicU64,
}

struct Lack {
    param: Box<str>,
    until_ms: u64,
}

impl Lacks {
    pub(super) fn learn(&self, param: &str, now_ms: u64) {
        let mut known = self.known.lock();
        known.retain(|lack| lack.until_ms > now_ms && &*lack.param != param);
        if known.len() == MOST {
            known.remove(0);
        }
        known.push(Lack { param: param.into(), until_ms: now_ms + FORGET_MS });
        self.any.store(true, Ordering::Relaxed);
    }

    /// The first of them that is asked for.
    pub(super) fn first(&self, now_ms: u64, is_asked: impl Fn(&str) -> bool) -> Option<String> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let known = self.known.lock();
        let mut fresh = known.iter().filter(|lack| lack.until_ms > now_ms);
        fresh.find(|lack| is_asked(&lack.param)).map(|lack| lack.param.to_string())
    }

    pub(super) fn learn_silent(&self, now_ms: u64) {
        self.silent_until_ms.store(now_ms + FORGET_MS, Ordering::Relaxed);
    }

    pub(super) fn is_silent(&self, now_ms: u64) -> bool {
        now_ms < self.silent_until_ms.load(Ordering::Relaxed)
    }

    pub(super) fn forget(&self) {
        self.silent_until_ms.store(0, Ordering::Relaxed);
        self.known.lock().clear();
        self.any.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_is_remembered_for_an_hour_and_no_more_than_a_few() {
        let lacks = Lacks::default();
        let asks = |wanted: &'static str| move |param: &str| param == wanted;
        assert_eq!(lacks.first(0, |_| true), None);
        lacks.learn("temperature", 1_000);
        lacks.learn("temperature", 2_000);
        assert_eq!(lacks.first(3_000, asks("temperature")).as_deref(), Some("temperature"));
        assert_eq!(lacks.first(3_000, asks("top_p")), None);
        assert_eq!(lacks.first(2_000 + FORGET_MS, asks("temperature")), None);
        for number in 0..MOST {
            lacks.learn(&format!("p{number}"), 3_000);
        }
        assert_eq!(lacks.first(3_000, asks("temperature")), None);
        assert_eq!(lacks.known.lock().len(), MOST);
        lacks.forget();
        assert_eq!(lacks.first(3_000, |_| true), None);
    }

    #[test]
    fn who_does_not_tell_how_probable_it_finds_its_words_is_not_asked_for_an_hour() {
        let lacks = Lacks::default();
        assert!(!lacks.is_silent(1_000));
        lacks.learn_silent(1_000);
        assert!(
            lacks.is_silent(1_000) && lacks.is_silent(999 + FORGET_MS) && !lacks.is_silent(1_000 + FORGET_MS)
        );
        assert_eq!(lacks.first(1_000, |_| true), None);
        lacks.forget();
        assert!(!lacks.is_silent(1_000));
    }
}

//! Purses: what is held is never held twice, and what was spent is what legs cost.

use super::*;
use crate::strategy::LegEnd;
use crate::strategy::attempt::Trail;
use crate::strategy::{Attempt, Hop};
use crate::types::{ProviderIx, Usage};
use crate::upstream::Standing;

fn capped(purse: &Arc<Purse>, ceiling: u64, period: u64) -> Capped {
    Capped { purse: purse.clone(), ceiling: NanoUsd(ceiling), period }
}

fn leg(cost: Option<u64>, worst: Option<u64>, unknown: bool, output: u64) -> Leg {
    let hop = Hop {
        provider: ProviderIx(0),
        deployment: None,
        model: None,
        rename: false,
        standing: Standing::Home,
        translated: false,
        worst_cost: worst.map(NanoUsd),
    };
    let mut trail = Trail::default();
    let mut attempt = Attempt::begin(&mut trail, &hop, tokio::time::Instant::now());
    attempt.note(|leg| {
        (leg.cost, leg.maybe_billed) = (cost.map(NanoUsd), unknown);
        leg.usage = Usage { output, ..Usage::default() };
    });
    attempt.end(LegEnd::Ok);
    trail.legs.remove(0)
}

fn state(purse: &Purse) -> (u64, u64) {
    let (spent, held) = purse.at(0);
    (spent.0, held.0)
}

#[test]
fn what_is_held_is_held_in_all_purses_or_in_none() {
    let (wide, narrow) = (Arc::new(Purse::default()), Arc::new(Purse::default()));
    let both = || vec![capped(&wide, 100, 0), capped(&narrow, 10, 0)];
    assert!(Hold::of(both(), NanoUsd(11)).is_none());
    assert_eq!((state(&wide), state(&narrow)), ((0, 0), (0, 0)));
    let hold = Hold::of(both(), NanoUsd(10)).unwrap();
    assert_eq!((state(&wide), state(&narrow)), ((0, 10), (0, 10)));
    assert!(Hold::of(both(), NanoUsd(1)).is_none(), "what is held for another is not there");
    assert_eq!(capped(&narrow, 10, 0).left(), (NanoUsd(0), NanoUsd(10)));
    drop(hold);
    assert_eq!((state(&wide), state(&narrow)), ((0, 0), (0, 0)), "what was not used comes back");
}

#[test]
fn each_leg_is_settled_when_it_has_ended() {
    let purse = Arc::new(Purse::default());
    let hold = Hold::of(vec![capped(&purse, 100, 0)], NanoUsd(60)).unwrap();
    // Three legs of 20 at most: the first cost 5, two may follow.
    let mut legs = vec![leg(Some(5), Some(20), false, 1)];
    assert!(hold.settle(&legs, NanoUsd(20), NanoUsd(40)));
    assert_eq!(state(&purse), (5, 40));
    legs.push(leg(Some(7), Some(20), false, 1));
    assert!(hold.settle(&legs, NanoUsd(20), NanoUsd(20)));
    assert_eq!(state(&purse), (12, 20));
    // One that was not foreseen needs room of its own, and another has taken some.
    let other = Hold::of(vec![capped(&purse, 100, 0)], NanoUsd(60)).unwrap();
    assert!(!hold.settle(&legs, NanoUsd(29), NanoUsd(29)), "12 + 29 + 60 are more than 100");
    assert_eq!(state(&purse), (12, 80), "then all stays held as it was");
    assert!(hold.settle(&legs, NanoUsd(28), NanoUsd(28)));
    drop(other);
    hold.close(&legs);
    assert_eq!(state(&purse), (12, 0));
    drop(hold);
    assert_eq!(state(&purse), (12, 0), "closed once");
}

#[test]
fn a_call_of_unknown_fate_counts_with_its_worst_case() {
    for (legs, spent) in [
        (vec![leg(Some(3), Some(20), true, 0)], 20),
        (vec![leg(Some(3), Some(20), true, 2)], 3),
        (vec![leg(None, Some(20), false, 0)], 20),
        (vec![leg(Some(3), None, true, 0)], 50),
        (vec![leg(Some(3), Some(20), false, 0), leg(Some(4), Some(20), true, 0)], 23),
        // A provider that bills more than could be foreseen is paid all the same.
        (vec![leg(Some(200), Some(20), false, 0)], 200),
        (Vec::new(), 0),
    ] {
        let purse = Arc::new(Purse::default());
        Hold::of(vec![capped(&purse, 100, 0)], NanoUsd(50)).unwrap().close(&legs);
        assert_eq!(state(&purse), (spent, 0), "{legs:?}");
    }
}

#[test]
fn a_period_begins_with_nothing_spent_and_no_clock_that_goes_back_brings_it_again() {
    let purse = Arc::new(Purse::with(1, NanoUsd(90)));
    assert!(Hold::of(vec![capped(&purse, 100, 1)], NanoUsd(20)).is_none());
    let hold = Hold::of(vec![capped(&purse, 100, 1)], NanoUsd(10)).unwrap();
    assert_eq!(purse.at(2), (NanoUsd(0), NanoUsd(10)), "what is held goes along");
    hold.close(&[leg(Some(8), Some(10), false, 1)]);
    assert_eq!(purse.at(2), (NanoUsd(8), NanoUsd(0)));
    assert_eq!(purse.at(1), (NanoUsd(8), NanoUsd(0)), "the clock has gone back");
}

#[test]
fn requests_side_by_side_never_hold_more_than_there_is() {
    let purse = Arc::new(Purse::default());
    let threads: Vec<_> = (0..8_u64)
        .map(|number| {
            let purse = purse.clone();
            std::thread::spawn(move || {
                let mut billed = 0;
                for round in 0..2_000 {
                    let worst = 1 + (number * 31 + round * 7) % 13;
                    let Some(hold) = Hold::of(vec![capped(&purse, 5_000, 0)], NanoUsd(worst)) else {
                        continue;
                    };
                    let cost = (round * 3) % (worst + 1);
                    hold.close(&[leg(Some(cost), Some(worst), false, 1)]);
                    billed += cost;
                }
                billed
            })
        })
        .collect();
    let billed: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(state(&purse), (billed, 0));
    assert!(4_900 < billed && billed <= 5_000, "{billed}");
}

#[test]
fn purses_are_bounded_and_none_that_is_in_use_is_forgotten() {
    let purses = Purses::new(320);
    let kept = Hold::of(vec![capped(&purses.of(7), 100, 0)], NanoUsd(10)).unwrap();
    for key in 1_000..20_000 {
        purses.of(key);
    }
    assert!(purses.len() <= 320 + 1, "{}", purses.len());
    assert_eq!(purses.of(7).at(0).1, NanoUsd(10));
    assert!(Arc::ptr_eq(&purses.of(7), &purses.of(7)));
    purses.known(7, NanoUsd(55));
    purses.known(8, NanoUsd(55));
    assert_eq!((purses.of(7).at(0).0, purses.of(8).at(0).0), (NanoUsd(0), NanoUsd(55)));
    drop(kept);
}

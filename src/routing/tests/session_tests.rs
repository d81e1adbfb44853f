//! Conversations: what a warm cache is worth, loops of tool calls, and how much switching may lose.

use super::*;
use crate::catalog::ToolLoops;
use crate::routing::{Reason, lost_by_leaving};
use crate::types::AgentStep;

/// `medium` ($0.0255 expected) is licensed beside `large` ($0.031), whose cached input costs a tenth; the session was answered by
/// `large`, which has so many of its tokens in its cache.
fn at_large(warm_tokens: u32) -> impl Fn(&mut World) {
    move |w: &mut World| {
        w.add("medium", (8.0, 25.0), 0.9);
        w.policy().candidates.retain(|ix| *ix != SMALL);
        w.evidence("medium", 0.01);
        let mut cached = price((10.0, 30.0));
        cached.cache_read = PricePerMillion::from_usd(1.0);
        w.model(LARGE).prices = PriceList::new(vec![cached]);
        w.inputs.live.session_model = Some(id("large"));
        w.inputs.live.session.warm_tokens = warm_tokens;
        w.policy().sessions.horizon_turns = 0;
    }
}

/// `at_large(1000)`, over so many further turns: `medium`, whose cached input costs a tenth as well, costs $0.0055 more than staying
/// this time and $0.0035 less every time after, for 350 tokens that it writes.
fn over(horizon_turns: u8, turns: &[(TaskClass, u16)]) -> impl Fn(&mut World) {
    let turns = turns.to_vec();
    move |w: &mut World| {
        at_large(1000)(w);
        let mut cached = price((10.0, 20.0));
        cached.cache_read = PricePerMillion::from_usd(1.0);
        w.model(ModelIx(2)).prices = PriceList::new(vec![cached]);
        w.inputs.features.prompt.asked_words = 250;
        w.policy().sessions.horizon_turns = horizon_turns;
        for (task, number) in &turns {
            for _ in 0..*number {
                w.inputs.live.session.turns.count(*task, AgentStep::None);
            }
        }
    }
}

#[test]
fn members_of_a_plan_read_what_is_cached_too() {
    let plans = |last: &str, warm: u32, marked: bool| {
        let mut world = world();
        world.add("medium", (2.0, 4.0), 0.75);
        let mut cached = price((10.0, 30.0));
        cached.cache_read = PricePerMillion::from_usd(1.0);
        cached.cache_write_5m = PricePerMillion::from_usd(12.5);
        world.model(LARGE).prices = PriceList::new(vec![cached]);
        world.policy().plans = PlanKind::ALL.to_vec();
        world.inputs.facts.cache_markers = marked;
        world.inputs.live.session_model = Some(id(last));
        world.inputs.live.session.warm_tokens = warm;
        let decided = world.decide();
        let all = candidates(&decided).iter().filter(|one| one.plan.is_compound());
        all.map(|one| (one.plan.to_string(), one.cost.unwrap().0, one.worst_cost)).collect::<Vec<_>>()
    };
    let (cold, warm) = (plans("large", 0, false), plans("large", 1000, false));
    let kinds: Vec<&str> = cold.iter().map(|(plan, ..)| plan.split('(').next().unwrap()).collect();
    assert_eq!(kinds, ["cascade", "ensemble", "debate", "draft"]);
    for ((plan, before, worst), (_, after, worst_warm)) in cold.iter().zip(&warm) {
        // `large` comes last in the cascade, half of the time, and saves $0.009; behind a draft that was rejected, an eighth of it.
        // Elsewhere it judges, writes or verifies: what it is shown is ours, and lies in no cache.
        let saved = match plan.split('(').next() {
            Some("cascade") => 4_500_000,
            Some("draft") => 1_125_000,
            _ => 0,
        };
        assert_eq!((before - after, worst), (saved, worst_warm), "{plan}");
    }
    // Elsewhere than in the cache, what is marked to be cached is written again: $0.0025 more, half of the time.
    let (cold, anew) = (plans("small", 0, true), plans("small", 1000, true));
    assert_eq!(anew[0].1 - cold[0].1, 1_250_000, "{anew:?}");
}

/// The result of a tool call came back.
fn in_a_loop(w: &mut World) {
    w.inputs.features.talk.tools = 1;
    w.inputs.features.talk.tool_calls = 1;
    w.inputs.features.talk.last_results = 1;
}

#[test]
fn what_is_cached_is_what_staying_saves() {
    check(at_large(0), "routed cheapest medium");
    // 1000 tokens read from the cache save $0.009, and medium is cheaper by $0.0055 only.
    check(at_large(1000), "routed baseline large");
    check(at_large(500), "routed cheapest medium");
    // Nobody else's cache is of use.
    let other = |w: &mut World| {
        at_large(1000)(w);
        w.inputs.live.session_model = Some(id("small"));
    };
    check(other, "routed cheapest medium");
    // Where a cache must be written anew, that is on the bill of whoever takes over.
    let mut world = world();
    at_large(1000)(&mut world);
    world.inputs.facts.cache_markers = true;
    let mut written = price((8.0, 25.0));
    written.cache_write_5m = PricePerMillion::from_usd(10.0);
    world.model(ModelIx(2)).prices = PriceList::new(vec![written]);
    let decided = world.decide();
    let cost = |plan: &str| candidate(&decided, plan).cost.unwrap().0;
    // 1000 tokens in and 700 out.
    assert!(cost("medium").abs_diff(10_000_000 + 17_500_000) < 30_000, "{}", cost("medium"));
    assert!(cost("large").abs_diff(1_000_000 + 21_000_000) < 300_000, "{}", cost("large"));
}

#[test]
fn a_loop_of_tool_calls_stays_with_who_began_it() {
    let looped = |w: &mut World| {
        w.evidence("small", 0.01);
        in_a_loop(w);
    };
    check(looped, "routed cheapest small");
    let begun = |w: &mut World| {
        looped(w);
        w.inputs.live.session_model = Some(id("large"));
    };
    check(begun, "routed tool_loop large");
    let free = |w: &mut World| {
        begun(w);
        w.policy().sessions.tool_loops = ToolLoops::Free;
    };
    check(free, "routed cheapest small");
    // The loop is over when somebody speaks again, and when its model may not serve.
    let over = |w: &mut World| {
        begun(w);
        w.inputs.features.talk.last_results = 0;
    };
    check(over, "routed cheapest small");
    let gone = |w: &mut World| {
        begun(w);
        w.live(LARGE).ready = false;
    };
    check(gone, "routed cheapest small");
    // What has no licence does not serve because it once did.
    let unlicensed = |w: &mut World| {
        in_a_loop(w);
        w.inputs.live.session_model = Some(id("small"));
    };
    check(unlicensed, "routed insufficient_evidence large");
}

#[test]
fn switches_of_a_session_lose_no_more_than_they_may() {
    let with = |lost: u64, most: f64| {
        move |w: &mut World| {
            at_large(500)(w);
            w.inputs.live.session.lost = NanoUsd(lost);
            w.policy().sessions.max_switch = usd(most);
        }
    };
    // 500 tokens at $9 a million.
    check(with(0, 0.0045), "routed cheapest medium");
    check(with(0, 0.0044), "routed switch_cap large");
    check(with(1_000_000, 0.0050), "routed switch_cap large");
    let nothing_cached = |w: &mut World| {
        with(9_000_000, 0.0)(w);
        w.inputs.live.session.warm_tokens = 0;
    };
    check(nothing_cached, "routed cheapest medium");
    let mut world = world();
    at_large(500)(&mut world);
    let (snapshot, inputs) = world.seal();
    let lost = |model: &str| lost_by_leaving(&snapshot, &id(model), 500, inputs.day);
    assert_eq!(["large", "medium", "gone"].map(lost), [4_500_000, 0, 0].map(NanoUsd));
    assert_eq!(Reason::SwitchCap.as_str(), "switch_cap");
}

#[test]
fn a_switch_is_weighed_over_the_turns_that_are_expected() {
    let code = |turns| vec![(TaskClass::Code, turns)];
    // This turn it does not pay. Over many it does, once there is reason to expect many.
    check(over(0, &code(20)), "routed baseline large");
    check(over(8, &code(20)), "routed cheapest medium");
    check(over(8, &[]), "routed baseline large");
    check(over(1, &code(20)), "routed baseline large");
    // Where half of the turns were of a class that only the baseline may serve, it would have to come back.
    check(over(8, &[(TaskClass::Code, 10), (TaskClass::Math, 10)]), "routed baseline large");
    // What is looked ahead to is on record, and costs nothing now.
    let mut world = world();
    over(8, &code(20))(&mut world);
    let decided = world.decide();
    let (medium, large) = (candidate(&decided, "medium"), candidate(&decided, "large"));
    assert!(medium.ahead.unwrap() < 0 && large.ahead.is_none(), "{medium:?}");
    assert!(medium.cost > large.cost);
    // Nothing to look ahead from: nobody has the conversation, or who has it may not serve.
    let cold = |w: &mut World| {
        over(8, &code(20))(w);
        w.inputs.live.session.warm_tokens = 0;
    };
    let mut world = super::world();
    cold(&mut world);
    assert!(candidates(&world.decide()).iter().all(|one| one.ahead.is_none()));
}

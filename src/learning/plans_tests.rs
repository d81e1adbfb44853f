//! Cascades as a ledger has them, with a truth that is known: what is counted, and how often the bounds hold.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::routing::{Decision, Draft, Reason};
use crate::types::{Served, Signals, Tried, Under, Usage};

const PLAN: &str = "cascade(small & medium | large)";

/// A request as it is on record.
#[derive(Clone, Copy)]
struct Case {
    /// Whether the first answer stood, and what the last model says beside it; `None`: nothing of it is on record.
    tried: Option<(bool, Compared)>,
    /// Who answered.
    by: &'static str,
    baseline: &'static str,
    /// What each call of the two and that of the last model cost, and the baseline's as many tokens.
    cents: (u64, u64, u64),
}

const UNDER: Under = Under { acceptor: None, audit: 0.02, unfamiliar: false };

const STOOD: Case =
    Case { tried: Some((true, Compared::NotAsked)), by: "small", baseline: "large", cents: (1, 10, 8) };
const ESCALATED: Case = Case { tried: Some((false, Compared::Differs)), by: "large", ..STOOD };

fn audited(same: Compared) -> Case {
    let by = if same == Compared::Unanswered { "small" } else { "large" };
    Case { tried: Some((true, same)), by, ..STOOD }
}

fn cents(cents: u64) -> Option<NanoUsd> {
    Some(NanoUsd(cents * 10_000_000))
}

fn entry(case: Case) -> Entry {
    let text = include_str!("../../tests/fixtures/ledger/record.json");
    let mut entry: Entry = serde_json::from_str(text).unwrap();
    let attempt = |model: &str, outcome: AttemptOutcome, cost: u64| AttemptRow {
        model: Some(model.into()),
        outcome,
        cost: cents(cost),
        usage: Usage::default(),
        tried: None,
        ..entry.attempts[0].clone()
    };
    let answered = AttemptOutcome::Answered;
    let mut attempts =
        vec![attempt("small", answered, case.cents.0), attempt("medium", answered, case.cents.0)];
    let signals = Signals::default();
    attempts[0].tried = case.tried.map(|(stood, same)| Tried { stood, same, signals, under: UNDER });
    match case.tried {
        Some((true, Compared::Unanswered)) => {
            let failed = AttemptOutcome::Failed(crate::types::FailureClass::ServerError);
            attempts.push(attempt("large", failed, case.cents.1));
        }
        Some((_, Compared::NotAsked)) => {}
        None if case.by == "small" => {}
        _ => attempts.push(attempt("large", answered, case.cents.1)),
    }
    let tries = vec!["small".into(), "medium".into()];
    entry.decision = Some(Box::new(Decision {
        served: Served::Cascade,
        reason: Reason::Cheapest,
        plan: Plan::Cascade(Cascade { tries, accept: Accept::Agreement, last: "large".into() }),
        fallback: Vec::new(),
        baseline: Some(case.baseline.into()),
        would: None,
        would_reason: None,
        candidates: Vec::new(),
        propensity: 1.0,
    }));
    (entry.outcome, entry.model, entry.attempts) = (Outcome::Ok, Some(case.by.into()), attempts);
    (entry.task, entry.baseline_cost) = (Some(TaskClass::Math), cents(case.cents.2));
    entry
}

/// No acceptor is in force.
fn none(_: &ModelId, _: TaskClass) -> Option<u32> {
    None
}

fn cells(cases: &[(Case, usize)]) -> Vec<Cell> {
    let mut plans = Plans::default();
    for (case, times) in cases {
        (0..*times).for_each(|_| plans.add(&entry(*case), none));
    }
    plans.cells()
}

fn cell(cases: &[(Case, usize)]) -> Cell {
    let [cell] = &cells(cases)[..] else { panic!("one cell is expected") };
    cell.clone()
}

#[test]
fn what_stood_what_was_audited_and_what_it_cost_is_counted() {
    let found = cell(&[
        (STOOD, 50),
        (ESCALATED, 20),
        (audited(Compared::Same), 24),
        (audited(Compared::Differs), 3),
        (audited(Compared::Incomparable), 2),
        (audited(Compared::Unanswered), 1),
    ]);
    assert_eq!((found.baseline.as_str(), found.plan.as_str(), found.task), ("large", PLAN, TaskClass::Math));
    assert_eq!((found.requests, found.stood, found.accepted.value), (100, 80, 0.8));
    assert_eq!(found.audits, Audits { same: 24, differs: 3, incomparable: 2, unanswered: 1, cut: 0 });
    let loss = found.loss.unwrap();
    assert!((loss.mean - 0.8 * 5.0 / 29.0).abs() < 1e-12);
    assert_eq!(loss.upper, upper(80, 100, 0.005) * upper(5, 29, 0.045));
    // Two calls at a cent; 20 times one of ten besides. The baseline's own ten cents are known 49 times, else it is eight.
    let cost = found.cost.unwrap();
    let expected = (100.0 * 2.0 + 20.0 * 10.0) / (49.0 * 10.0 + 51.0 * 8.0);
    assert!((cost.ratio.value - expected).abs() < 1e-12, "{cost:?} and not {expected}");
    assert_eq!((cost.requests, cost.own), (100, 49));
    assert!(cost.ratio.low < expected && cost.ratio.high > expected);
    let evidence = found.evidence().unwrap();
    assert_eq!((evidence.pairs, evidence.mean_quality, evidence.level), (29, None, EvidenceLevel::Paired));
    assert_eq!((evidence.accepted, evidence.cost_ratio), (Some(0.8), Some(cost.ratio.value)));
    assert_eq!((evidence.mean_loss, evidence.loss_upper), (loss.mean, loss.upper));
}

#[test]
fn without_audits_no_more_is_known_than_that_what_stood_may_be_lost() {
    let found = cell(&[(STOOD, 30), (ESCALATED, 70)]);
    let loss = found.loss.unwrap();
    assert_eq!((loss.mean, loss.upper), (0.0, upper(30, 100, 0.005)));
    let evidence = found.evidence().unwrap();
    assert_eq!((evidence.pairs, evidence.accepted), (0, Some(0.3)));
    // Of a few requests nothing is written down.
    assert_eq!(cell(&[(STOOD, 19)]).evidence(), None);
    assert!(cell(&[(STOOD, 20)]).evidence().is_some());
}

#[test]
fn only_what_a_plan_answered_counts() {
    let whole = entry(STOOD);
    let mut others = vec![
        Entry { outcome: Outcome::Truncated, ..whole.clone() },
        Entry { outcome: Outcome::ClientGone, model: None, ..whole.clone() },
        Entry { decision: None, ..whole.clone() },
        Entry { task: None, ..whole },
    ];
    // The last model failed, and the chain behind the plan answered, perhaps with a model of the plan's.
    let mut chain = entry(ESCALATED);
    chain.attempts[2].outcome = AttemptOutcome::Failed(crate::types::FailureClass::ServerError);
    let row = AttemptRow { outcome: AttemptOutcome::Ok, ..chain.attempts[0].clone() };
    (chain.attempts, chain.model) = ([chain.attempts, vec![row]].concat(), Some("small".into()));
    others.push(chain);
    let mut single = entry(STOOD);
    single.decision.as_mut().unwrap().plan = Plan::Single("small".into());
    others.push(single);
    let mut plans = Plans::default();
    others.iter().for_each(|entry| plans.add(entry, none));
    assert_eq!(plans.cells(), []);
}

/// Of two shares that were audited, the one of which more is known: the other's answers are not spoken for.
#[test]
fn audits_speak_for_requests_of_which_as_many_were_audited() {
    let mut plans = Plans::default();
    let mut add = |case: Case, audit: f32, times: usize| {
        let mut entry = entry(case);
        let tried = entry.attempts[0].tried.as_mut().unwrap();
        tried.under.audit = audit;
        (0..times).for_each(|_| plans.add(&entry, none));
    };
    add(audited(Compared::Same), 0.5, 60);
    add(STOOD, 0.5, 60);
    add(ESCALATED, 0.5, 80);
    add(STOOD, 0.0, 900);
    add(audited(Compared::Differs), 0.01, 5);
    let [cell] = &plans.cells()[..] else { panic!("one cell is expected") };
    assert_eq!((cell.requests, cell.stood, cell.audits.compared()), (1105, 1025, 65));
    assert_eq!(cell.loss.unwrap().upper, upper(120, 200, 0.005) * upper(0, 60, 0.045));
}

#[test]
fn an_audit_that_we_cut_off_is_lost_and_one_that_failed_is_not() {
    let mut plans = Plans::default();
    let failed = entry(audited(Compared::Unanswered));
    let mut cut = failed.clone();
    cut.attempts[2].outcome = AttemptOutcome::Cancelled;
    (0..3).for_each(|_| plans.add(&failed, none));
    (0..2).for_each(|_| plans.add(&cut, none));
    let [cell] = &plans.cells()[..] else { panic!("one cell is expected") };
    assert_eq!((cell.audits.unanswered, cell.audits.cut, cell.audits.compared()), (3, 2, 2));
    assert_eq!(cell.loss.unwrap().mean, 1.0);
}

#[test]
fn only_what_the_acceptor_in_force_tested_counts() {
    let cells = |in_force: Option<u32>| {
        let mut plans = Plans::default();
        for (acceptor, unfamiliar, times) in
            [(None, false, 500), (Some(1), false, 40), (Some(2), false, 30), (Some(2), true, 9)]
        {
            let mut entry = entry(STOOD);
            let plan = &mut entry.decision.as_mut().unwrap().plan;
            let Plan::Cascade(cascade) = plan else { panic!() };
            cascade.accept = Accept::Acceptor;
            let tried = entry.attempts[0].tried.as_mut().unwrap();
            tried.under = Under { acceptor, unfamiliar, ..UNDER };
            (0..times).for_each(|_| plans.add(&entry, |_: &ModelId, _| in_force));
        }
        plans.cells().iter().map(|cell| cell.requests).collect::<Vec<_>>()
    };
    assert_eq!((cells(Some(2)), cells(Some(1)), cells(None)), (vec![30], vec![40], vec![]));
}

#[test]
fn of_drafts_it_is_known_how_often_they_stand_and_what_they_cost() {
    let mut plans = Plans::default();
    let mut add = |case: Case, times: usize| {
        let mut entry = entry(case);
        let draft = Draft { drafter: "small".into(), verifier: "large".into() };
        entry.decision.as_mut().unwrap().plan = Plan::Draft(draft);
        (0..times).for_each(|_| plans.add(&entry, none));
    };
    add(STOOD, 30);
    add(Case { tried: Some((false, Compared::NotAsked)), by: "large", ..STOOD }, 10);
    add(Case { tried: None, ..STOOD }, 5);
    let [cell] = &plans.cells()[..] else { panic!("one cell is expected") };
    assert_eq!((cell.plan.as_str(), cell.baseline.as_str()), ("draft(small | large)", "large"));
    assert_eq!((cell.requests, cell.stood, cell.loss), (40, 30, None));
    assert!((cell.cost.unwrap().ratio.value - 2.0 / 8.0).abs() < 1e-12);
    let evidence = cell.evidence().unwrap();
    assert_eq!((evidence.pairs, evidence.loss_upper, evidence.accepted), (0, 1.0, Some(0.75)));
}

#[test]
fn records_of_before_say_who_answered() {
    let before = |by: &'static str| Case { tried: None, by, ..STOOD };
    let found = cell(&[(before("small"), 30), (before("large"), 10)]);
    assert_eq!((found.requests, found.stood, found.audits), (40, 30, Audits::default()));
    let cost = found.cost.unwrap();
    assert!((cost.ratio.value - (40.0 * 2.0 + 10.0 * 10.0) / (30.0 * 8.0 + 10.0 * 10.0)).abs() < 1e-12);
}

#[test]
fn against_another_baseline_only_shares_and_costs_are_known() {
    let other = |case: Case| Case { baseline: "huge", ..case };
    let found = cells(&[
        (other(STOOD), 60),
        (other(ESCALATED), 20),
        (other(audited(Compared::Same)), 20),
        (STOOD, 10),
    ]);
    let [huge, large] = &found[..] else { panic!("{found:?}") };
    assert_eq!((huge.baseline.as_str(), huge.requests, huge.loss), ("huge", 100, None));
    let cost = huge.cost.unwrap();
    assert!((cost.ratio.value - (200.0 + 200.0) / 800.0).abs() < 1e-12 && cost.own == 0, "{cost:?}");
    let evidence = huge.evidence().unwrap();
    assert_eq!((evidence.pairs, evidence.loss_upper, evidence.accepted), (0, 1.0, Some(0.8)));
    // Whoever has the last model as baseline learns from all, but of costs only from his own.
    assert_eq!((large.baseline.as_str(), large.requests, large.audits.same), ("large", 110, 20));
    assert_eq!(large.cost.unwrap().requests, 10);
}

#[test]
fn what_has_no_price_is_not_free() {
    let mut plans = Plans::default();
    let mut unpriced = entry(STOOD);
    unpriced.attempts[1].cost = None;
    plans.add(&unpriced, none);
    plans.add(&Entry { baseline_cost: None, ..entry(STOOD) }, none);
    let [cell] = &plans.cells()[..] else { panic!() };
    assert_eq!((cell.requests, cell.cost), (2, None));
}

/// How often the bound holds over many ledgers, and its mean; the truth is the product of the first two.
fn held((stands, differs): (f64, f64), (requests, audit): (usize, f64), seed: u64) -> (f64, f64) {
    const LEDGERS: usize = 2000;
    let mut random = StdRng::seed_from_u64(seed);
    let (mut held, mut sum) = (0, 0.0);
    for _ in 0..LEDGERS {
        let mut counts = Counts { against_last: true, ..Counts::default() };
        for _ in 0..requests {
            counts.requests += 1;
            if random.random_bool(stands) {
                counts.stood += 1;
                let is_other = random.random_bool(differs);
                if random.random_bool(audit) {
                    *(if is_other { &mut counts.audits.differs } else { &mut counts.audits.same }) += 1;
                }
            }
        }
        let cell = counts.cell(("large".into(), PLAN.into(), TaskClass::Math));
        let upper = cell.loss.unwrap().upper;
        held += usize::from(upper >= stands * differs);
        sum += upper;
    }
    (held as f64 / LEDGERS as f64, sum / LEDGERS as f64)
}

#[test]
fn the_bound_holds_as_often_as_it_says_and_is_not_idle() {
    for (seed, (truth, size)) in [
        ((0.7, 0.02), (400, 0.5)),
        ((0.7, 0.02), (2000, 0.05)),
        ((0.9, 0.005), (3000, 0.1)),
        ((0.3, 0.3), (300, 0.2)),
        ((0.95, 0.1), (1000, 0.02)),
        ((0.5, 0.0), (200, 0.1)),
        ((0.6, 0.9), (100, 0.3)),
        ((0.02, 0.5), (500, 0.5)),
    ]
    .into_iter()
    .enumerate()
    {
        let (held, mean) = held(truth, size, seed as u64);
        println!("{truth:?} {size:?}: holds {held:.4}, mean bound {mean:.4}, truth {:.4}", truth.0 * truth.1);
        // Three standard errors of 2000 ledgers under what it promises.
        assert!(held >= 0.95 - 3.0 * (0.95 * 0.05 / 2000.0_f64).sqrt(), "{truth:?} {size:?}: {held}");
    }
    // Of many audits it comes near to the truth.
    let (_, mean) = held((0.7, 0.02), (10_000, 0.5), 99);
    assert!(mean < 0.7 * 0.02 * 1.5, "{mean}");
}

#[test]
fn what_was_found_takes_the_place_of_what_rests_on_less() {
    let found = |pairs: u32| Evidence {
        baseline: "large".into(),
        model: PLAN.into(),
        task: TaskClass::Math,
        level: EvidenceLevel::Paired,
        pairs,
        mean_quality: None,
        mean_loss: 0.02,
        loss_upper: 0.05,
        accepted: Some(0.6),
        cost_ratio: None,
    };
    let old = Evidence {
        mean_quality: Some(0.9),
        mean_loss: 0.0,
        loss_upper: 0.01,
        accepted: Some(0.8),
        cost_ratio: Some(0.4),
        ..found(100)
    };
    let other = Evidence { task: TaskClass::Code, ..old.clone() };
    let of = |old: Evidence, pairs: u32| {
        let mut known = vec![old, other.clone()];
        let merged = merge(&mut known, found(pairs));
        assert_eq!((known.len(), &known[1]), (2, &other));
        (merged, known.swap_remove(0))
    };
    let labelled = Evidence { loss_upper: 0.02, ..old.clone() };
    let kept = Evidence { accepted: Some(0.6), ..labelled.clone() };
    assert_eq!(of(labelled.clone(), 99), (Merged::LossesKept, kept.clone()));
    assert_eq!(of(labelled, 100), (Merged::LossesKept, kept), "labels count for more");
    assert_eq!(of(old.clone(), 99).0, Merged::Replaced, "what was found speaks against it");
    // A cost that is not known now is not forgotten.
    let new = |pairs: u32| Evidence { cost_ratio: Some(0.4), ..found(pairs) };
    assert_eq!(of(old.clone(), 101), (Merged::Replaced, new(101)));
    let unlabelled = Evidence { mean_quality: None, ..old.clone() };
    assert_eq!(of(unlabelled, 20), (Merged::Replaced, new(20)), "of what needs no labels the newest counts");
    let predicted = Evidence { level: EvidenceLevel::Calibrated, ..old };
    assert_eq!(of(predicted, 100).0, Merged::Replaced);
    let mut known = vec![other.clone()];
    assert_eq!((merge(&mut known, found(5)), &known[..]), (Merged::Added, &[other, found(5)][..]));
}

//! The rows of the matrix about plans of several models, as data: `s` and `m` are the cheap models, `l` the dear one, `j` judges or
//! verifies. In a trail `?` marks an attempt that may have been billed.

use super::case::{Checks, Row};
use super::plans::Does::{
    Cuts, Declines, Fails, Finds, Garbles, Hangs, Picks, Rejects, Right, Says, Then, Wastes,
};
use super::plans::Got::{Behind, Left, Own, Served};
use super::plans::Kind::{
    Audited, Cascade, Debate, Draft, Ensemble, Formed, Judged, Learnt, Majority, Sure, Twice,
};
use super::plans::{Does, Got, Kind, PlanCase};
use crate::support::FINISH_TEXT;

type Hint = Option<(&'static str, &'static str)>;

const DEADLINE: Hint = Some(("x-pointsman-deadline-ms", "900"));
/// Less than any plan may come to.
const POOR: Hint = Some(("x-pointsman-max-cost-usd", "0.00001"));
/// More than any plan may come to, and less than what is wasted.
const RICH: Hint = Some(("x-pointsman-max-cost-usd", "5"));
const FIRST: &str = "judge_failure = \"first_by_order\"";
const UNVERIFIED: &str = "verify_failure = \"serve_unverified\"";
const TORN: &str = "judge_tie = \"fail\"";

const fn case(
    kind: Kind,
    name: &'static str,
    does: [Does; 4],
    gets: Got,
    trail: &'static [&'static str],
) -> PlanCase {
    PlanCase { name, kind, with: "", hint: None, does, gets, trail }
}

const fn with(lines: &'static str, case: PlanCase) -> PlanCase {
    PlanCase { with: lines, ..case }
}

const fn hint(hint: Hint, case: PlanCase) -> PlanCase {
    PlanCase { hint, ..case }
}

const fn row(number: &'static str, what: &'static str, cases: &'static [PlanCase]) -> Row {
    Row { number, what, checks: Checks::Plans(cases) }
}

/// All say another thing, and the judge takes the second.
const DIFFER: [Does; 4] = [Says("1"), Says("2"), Says("3"), Picks("2")];
const SILENT: [Does; 4] = [Hangs; 4];
/// Too long to stand by what was learnt.
const LONG: &str = "It depends on what is meant, and there are several ways to look at that; taking the first of them, forty-two.";

const QUORUM: Got = Own(502, "quorum");
const JUDGE: Got = Own(502, "judge_failed");
const VERIFIER: Got = Own(502, "verifier_failed");
const SPENT: Got = Own(402, "budget_exhausted");
const TOO_POOR: Got = Own(402, "no_plan_within_budget");
const UPSTREAM: Got = Own(502, "upstream_error");
const LATE: Got = Own(504, "upstream_timeout");

/// The rows, each on as few lines as it takes.
#[rustfmt::skip]
pub const PLAN_ROWS: &[Row] = &[
    row("P1", "a member of a plan fails", &[
        case(Cascade, "cascade, one of the first", [Fails, Hangs, Says("3"), Hangs],
            Served("3", "cascade; escalated"), &["s:server_error", "m:cancelled?", "l:answered"]),
        case(Cascade, "cascade, one of the first says what is no answer", [Hangs, Garbles, Says("3"), Hangs],
            Served("3", "cascade; escalated"), &["s:cancelled?", "m:malformed?", "l:answered"]),
        case(Cascade, "cascade, the last", [Says("1"), Says("2"), Fails, Hangs],
            UPSTREAM, &["s:answered", "m:answered", "l:server_error"]),
        case(Cascade, "cascade, the last, with a chain behind it", [Says("1"), Says("2"), Fails, Right],
            Behind(FINISH_TEXT), &["s:answered", "m:answered", "l:server_error", "j:ok"]),
        case(Majority, "cascade by majority, none", [Says("2"), Says("1"), Hangs, Says("1")],
            Served("1", "cascade; agreed=2/3"), &["s:answered", "m:answered", "j:answered"]),
        case(Majority, "cascade by majority, one of the first", [Fails, Says("2"), Hangs, Says("2")],
            Served("2", "cascade; agreed=2/3"), &["s:server_error", "m:answered", "j:answered"]),
        case(Majority, "cascade by majority, both of the first", [Fails, Garbles, Says("3"), Hangs],
            Served("3", "cascade; escalated"), &["s:server_error", "m:malformed?", "l:answered"]),
        case(Majority, "cascade by majority, the third", [Says("1"), Says("2"), Says("3"), Fails],
            Served("3", "cascade; escalated"), &["s:answered", "m:answered", "j:server_error", "l:answered"]),
        case(Majority, "cascade by majority, the last", [Says("1"), Says("2"), Fails, Says("4")],
            UPSTREAM, &["s:answered", "m:answered", "j:answered", "l:server_error"]),
        case(Judged, "cascade by judge, the first", [Fails, Hangs, Says("3"), Hangs],
            Served("3", "cascade; escalated"), &["s:server_error", "l:answered"]),
        case(Sure, "cascade by log probabilities, the first", [Fails, Hangs, Says("3"), Hangs],
            Served("3", "cascade; escalated"), &["s:server_error", "l:answered"]),
        case(Sure, "cascade by log probabilities, the first does not give them", [Says("1"), Hangs, Says("3"), Hangs],
            Served("3", "cascade; escalated"), &["s:answered", "l:answered"]),
        case(Sure, "cascade by log probabilities, the first is not sure", [Finds("1", 60), Hangs, Says("3"), Hangs],
            Served("3", "cascade; escalated"), &["s:answered", "l:answered"]),
        case(Formed, "cascade by structure, the first", [Fails, Says("2"), Hangs, Hangs],
            Served("2", "cascade; accepted=2 by structure"), &["s:server_error", "m:answered"]),
        case(Formed, "cascade by structure, both of the first", [Garbles, Fails, Says("3"), Hangs],
            Served("3", "cascade; escalated"), &["s:malformed?", "m:server_error", "l:answered"]),
        case(Learnt, "cascade by acceptor, the first", [Fails, Hangs, Says("3"), Hangs],
            Served("3", "cascade; escalated"), &["s:server_error", "l:answered"]),
        case(Twice, "cascade of one model twice, once", [Then(&Fails, &Hangs), Hangs, Says("3"), Hangs],
            Served("3", "cascade; escalated"), &["s:cancelled?", "s:server_error", "l:answered"]),
        case(Ensemble, "ensemble, one of three", [Says("1"), Fails, Says("3"), Picks("3")],
            Served("3", "ensemble; quorum=2/3; chosen=2"),
            &["s:answered", "m:server_error", "l:answered", "j:answered", "j:answered"]),
        case(Ensemble, "ensemble, two of three", [Hangs, Fails, Garbles, Hangs],
            QUORUM, &["s:cancelled?", "m:server_error", "l:malformed?"]),
        case(Debate, "debate, one of three", [Says("1"), Fails, Says("3"), Says("4")],
            Served("4", "debate; rounds=2; quorum=2/3"),
            &["s:answered", "m:server_error", "l:answered", "s:answered", "m:server_error", "l:answered", "j:answered"]),
        case(Debate, "debate, two of three", [Fails, Hangs, Fails, Hangs],
            QUORUM, &["s:server_error", "m:cancelled?", "l:server_error"]),
        case(Draft, "draft, who writes", [Fails, Hangs, Hangs, Hangs], UPSTREAM, &["s:server_error"]),
    ]),
    row("P2", "the judge of a plan fails", &[
        case(Judged, "cascade by judge: not passed", [Says("1"), Hangs, Says("3"), Fails],
            Served("3", "cascade; escalated"), &["s:answered", "j:server_error", "l:answered"]),
        case(Judged, "cascade by judge: says nothing of use", [Says("1"), Hangs, Says("3"), Says("fine")],
            Served("3", "cascade; escalated"), &["s:answered", "j:answered", "l:answered"]),
        case(Ensemble, "ensemble", [Says("1"), Says("2"), Says("3"), Fails], JUDGE,
            &["s:answered", "m:answered", "l:answered", "j:server_error", "j:server_error"]),
        case(Ensemble, "ensemble: says nothing of use", [Says("1"), Says("2"), Says("3"), Says("all of them")], JUDGE,
            &["s:answered", "m:answered", "l:answered", "j:answered", "j:answered"]),
        with(FIRST, case(Ensemble, "ensemble: the first by order", [Says("1"), Says("2"), Says("3"), Fails],
            Served("1", "ensemble; quorum=3/3; judge failed, first by order"),
            &["s:answered", "m:answered", "l:answered", "j:server_error", "j:server_error"])),
        case(Ensemble, "ensemble: torn", [Says("1"), Says("2"), Says("3"), Says("{\"best\": 1}")],
            Served("1", "ensemble; quorum=3/3; tied, first by order"),
            &["s:answered", "m:answered", "l:answered", "j:answered", "j:answered"]),
        with(TORN, case(Ensemble, "ensemble: torn, and that is a failure",
            [Says("1"), Says("2"), Says("3"), Says("{\"best\": 3}")], JUDGE,
            &["s:answered", "m:answered", "l:answered", "j:answered", "j:answered"])),
        case(Debate, "debate", [Says("1"), Says("2"), Says("3"), Garbles], JUDGE,
            &["s:answered", "m:answered", "l:answered", "s:answered", "m:answered", "l:answered", "j:malformed?"]),
        with(FIRST, case(Debate, "debate: the first by order", [Says("1"), Says("2"), Says("3"), Fails],
            Served("1", "debate; rounds=2; quorum=3/3; judge failed, first by order"),
            &["s:answered", "m:answered", "l:answered", "s:answered", "m:answered", "l:answered", "j:server_error"])),
        case(Draft, "draft: the verifier", [Says("1"), Hangs, Hangs, Fails], VERIFIER,
            &["s:answered", "j:server_error"]),
        case(Draft, "draft: the verifier says nothing of use", [Says("1"), Hangs, Hangs, Says("fine")], VERIFIER,
            &["s:answered", "j:answered"]),
        with(UNVERIFIED, case(Draft, "draft: served unverified", [Says("1"), Hangs, Hangs, Fails],
            Served("1", "draft; unverified"), &["s:answered", "j:server_error"])),
        with(UNVERIFIED, case(Draft, "draft: rejected", [Says("1"), Hangs, Hangs, Rejects("4")],
            Served("4", "draft; rejected"), &["s:answered", "j:answered", "j:answered"])),
    ]),
    row("P3", "a plan runs out of time", &[
        hint(DEADLINE, case(Cascade, "cascade, the first", SILENT, LATE, &["s:timeout?", "m:timeout?"])),
        hint(DEADLINE, case(Cascade, "cascade, the last", [Says("1"), Says("2"), Hangs, Hangs], LATE,
            &["s:answered", "m:answered", "l:timeout?"])),
        hint(DEADLINE, case(Majority, "cascade by majority, the third", [Says("1"), Says("2"), Hangs, Hangs], LATE,
            &["s:answered", "m:answered", "j:timeout?"])),
        hint(DEADLINE, case(Formed, "cascade by structure, the second", [Cuts("1"), Hangs, Says("3"), Hangs], LATE,
            &["s:answered", "m:timeout?"])),
        hint(DEADLINE, case(Learnt, "cascade by acceptor, the last", [Says(LONG), Hangs, Hangs, Hangs], LATE,
            &["s:answered", "l:timeout?"])),
        hint(DEADLINE, case(Twice, "cascade of one model twice", SILENT, LATE, &["s:timeout?", "s:timeout?"])),
        hint(DEADLINE, case(Ensemble, "ensemble, its members", SILENT, LATE,
            &["s:timeout?", "m:timeout?", "l:timeout?"])),
        hint(DEADLINE, case(Ensemble, "ensemble, its judge", [Says("1"), Says("2"), Says("3"), Hangs], JUDGE,
            &["s:answered", "m:answered", "l:answered", "j:timeout?", "j:timeout?"])),
        hint(DEADLINE, case(Debate, "debate", SILENT, LATE, &["s:timeout?", "m:timeout?", "l:timeout?"])),
        hint(DEADLINE, case(Debate, "debate, who sums up", [Says("1"), Says("2"), Says("3"), Hangs], JUDGE,
            &["s:answered", "m:answered", "l:answered", "s:answered", "m:answered", "l:answered", "j:timeout?"])),
        hint(DEADLINE, case(Draft, "draft, who writes", SILENT, LATE, &["s:timeout?"])),
        hint(DEADLINE, case(Draft, "draft, who verifies", [Says("1"), Hangs, Hangs, Hangs], VERIFIER,
            &["s:answered", "j:timeout?"])),
    ]),
    row("P4", "the client leaves a plan", &[
        case(Cascade, "cascade, the first", SILENT, Left("sm"), &["s:client_gone?", "m:client_gone?"]),
        case(Cascade, "cascade, the last", [Says("1"), Says("2"), Hangs, Hangs], Left("sml"),
            &["s:answered", "m:answered", "l:client_gone?"]),
        case(Majority, "cascade by majority, the third", [Says("1"), Says("2"), Hangs, Hangs], Left("smj"),
            &["s:answered", "m:answered", "j:client_gone?"]),
        case(Formed, "cascade by structure, the second", [Cuts("1"), Hangs, Hangs, Hangs], Left("sm"),
            &["s:answered", "m:client_gone?"]),
        case(Learnt, "cascade by acceptor, the last", [Says(LONG), Hangs, Hangs, Hangs], Left("sl"),
            &["s:answered", "l:client_gone?"]),
        case(Twice, "cascade of one model twice", SILENT, Left("ss"), &["s:client_gone?", "s:client_gone?"]),
        case(Ensemble, "ensemble, its members", SILENT, Left("sml"),
            &["s:client_gone?", "m:client_gone?", "l:client_gone?"]),
        case(Ensemble, "ensemble, its judge", [Says("1"), Says("2"), Says("3"), Hangs], Left("smljj"),
            &["s:answered", "m:answered", "l:answered", "j:client_gone?", "j:client_gone?"]),
        case(Debate, "debate", SILENT, Left("sml"), &["s:client_gone?", "m:client_gone?", "l:client_gone?"]),
        case(Draft, "draft, who verifies", [Says("1"), Hangs, Hangs, Hangs], Left("sj"),
            &["s:answered", "j:client_gone?"]),
    ]),
    row("P5", "a plan that the budget does not allow", &[
        hint(POOR, case(Cascade, "cascade", DIFFER, TOO_POOR, &[])),
        hint(POOR, case(Majority, "cascade by majority", DIFFER, TOO_POOR, &[])),
        hint(POOR, case(Judged, "cascade by judge", DIFFER, TOO_POOR, &[])),
        hint(POOR, case(Ensemble, "ensemble", DIFFER, TOO_POOR, &[])),
        hint(POOR, case(Debate, "debate", DIFFER, TOO_POOR, &[])),
        hint(POOR, case(Draft, "draft", DIFFER, TOO_POOR, &[])),
        hint(RICH, case(Cascade, "cascade, spent on the way", [Wastes("1"), Says("2"), Says("3"), Hangs], SPENT,
            &["s:answered", "m:answered"])),
        hint(RICH, case(Majority, "cascade by majority, spent on the way", [Wastes("1"), Says("2"), Says("3"), Says("2")],
            SPENT, &["s:answered", "m:answered"])),
        hint(RICH, case(Learnt, "cascade by acceptor, spent on the way", [Wastes(LONG), Hangs, Says("3"), Hangs],
            SPENT, &["s:answered"])),
        hint(RICH, case(Twice, "cascade of one model twice, spent on the way",
            [Then(&Wastes("1"), &Says("2")), Hangs, Says("3"), Hangs], SPENT, &["s:answered", "s:answered"])),
        hint(RICH, case(Ensemble, "ensemble, spent on the way", [Wastes("1"), Says("2"), Says("3"), Picks("3")], SPENT,
            &["s:answered", "m:answered", "l:answered"])),
        hint(RICH, case(Debate, "debate, spent on the way", [Wastes("1"), Says("2"), Says("3"), Says("4")], SPENT,
            &["s:answered", "m:answered", "l:answered"])),
        hint(RICH, case(Draft, "draft, spent on the way", [Wastes("1"), Hangs, Hangs, Hangs], SPENT,
            &["s:answered"])),
    ]),
    row("P6", "an answer within a plan is cut off or declined", &[
        case(Cascade, "cascade, one of the first", [Cuts("2"), Hangs, Says("3"), Hangs],
            Served("3", "cascade; escalated"), &["s:answered", "m:cancelled?", "l:answered"]),
        case(Majority, "cascade by majority, two of three", [Cuts("2"), Says("1"), Says("3"), Cuts("2")],
            Served("3", "cascade; escalated"), &["s:answered", "m:answered", "j:answered", "l:answered"]),
        case(Judged, "cascade by judge, who is not asked", [Cuts("1"), Hangs, Says("3"), Hangs],
            Served("3", "cascade; escalated"), &["s:answered", "l:answered"]),
        case(Formed, "cascade by structure, the first", [Cuts("1"), Says("2"), Hangs, Hangs],
            Served("2", "cascade; accepted=2 by structure"), &["s:answered", "m:answered"]),
        case(Learnt, "cascade by acceptor, who is brief", [Cuts("1"), Hangs, Says("3"), Hangs],
            Served("3", "cascade; escalated"), &["s:answered", "l:answered"]),
        case(Ensemble, "ensemble, one of three", [Says("1"), Declines("2"), Says("3"), Picks("3")],
            Served("3", "ensemble; quorum=2/3; chosen=2"),
            &["s:answered", "m:answered", "l:answered", "j:answered", "j:answered"]),
        case(Ensemble, "ensemble, two of three", [Hangs, Cuts("2"), Declines("3"), Hangs], QUORUM,
            &["s:cancelled?", "m:answered", "l:answered"]),
        case(Debate, "debate, who sums up", [Says("1"), Says("2"), Says("3"), Cuts("4")], JUDGE,
            &["s:answered", "m:answered", "l:answered", "s:answered", "m:answered", "l:answered", "j:answered"]),
        with(FIRST, case(Debate, "debate, who sums up declines: the first by order",
            [Says("1"), Says("2"), Says("3"), Declines("4")],
            Served("1", "debate; rounds=2; quorum=3/3; judge failed, first by order"),
            &["s:answered", "m:answered", "l:answered", "s:answered", "m:answered", "l:answered", "j:answered"])),
        with(UNVERIFIED, case(Draft, "draft: nothing to verify", [Cuts("1"), Hangs, Hangs, Says("4")],
            Served("4", "draft; rejected"), &["s:answered", "j:answered"])),
    ]),
    row("P7", "a plan does not wait for who is not needed", &[
        case(Cascade, "cascade, the rest when one has failed", [Hangs, Fails, Says("3"), Hangs],
            Served("3", "cascade; escalated"), &["s:cancelled?", "m:server_error", "l:answered"]),
        case(Sure, "cascade by log probabilities, who is sure", [Finds("1", 90), Hangs, Hangs, Hangs],
            Served("1", "cascade; accepted=1 by logprobs"), &["s:answered"]),
        case(Learnt, "cascade by acceptor, who is brief", [Says("1"), Hangs, Hangs, Hangs],
            Served("1", "cascade; accepted=1 by acceptor"), &["s:answered"]),
        case(Twice, "cascade of one model twice, who says the same", [Says("1"), Hangs, Hangs, Hangs],
            Served("1", "cascade; agreed=2"), &["s:answered", "s:answered"]),
        case(Ensemble, "ensemble, a member behind the quorum", [Says("1"), Says("2"), Hangs, Picks("2")],
            Served("2", "ensemble; quorum=2/3; chosen=2"),
            &["s:answered", "m:answered", "l:cancelled?", "j:answered", "j:answered"]),
        case(Ensemble, "ensemble, and then the client leaves", [Says("1"), Says("2"), Hangs, Hangs], Left("smljj"),
            &["s:answered", "m:answered", "l:cancelled?", "j:client_gone?", "j:client_gone?"]),
        case(Debate, "debate, a member behind the quorum", [Hangs, Says("2"), Says("3"), Says("4")],
            Served("4", "debate; rounds=2; quorum=2/3"),
            &["s:cancelled?", "m:answered", "l:answered", "s:cancelled?", "m:answered", "l:answered", "j:answered"]),
    ]),
    row("P8", "an answer that stood is audited", &[
        case(Audited, "the last model's serves", [Says("1"), Hangs, Says("3"), Hangs],
            Served("3", "cascade; accepted=1 by structure; audited"), &["s:answered", "l:answered"]),
        case(Audited, "the last model fails", [Says("1"), Hangs, Fails, Hangs],
            Served("1", "cascade; accepted=1 by structure; audit failed"), &["s:answered", "l:server_error"]),
        case(Audited, "the last model is cut off", [Says("1"), Hangs, Cuts("3"), Hangs],
            Served("1", "cascade; accepted=1 by structure; audit failed"), &["s:answered", "l:answered"]),
        hint(DEADLINE, case(Audited, "out of time", [Says("1"), Hangs, Hangs, Hangs],
            Served("1", "cascade; accepted=1 by structure; audit failed"), &["s:answered", "l:cancelled?"])),
        case(Audited, "the client leaves", [Says("1"), Hangs, Hangs, Hangs], Left("sl"),
            &["s:answered", "l:client_gone?"]),
        hint(RICH, case(Audited, "spent on the way, so that nobody is asked", [Wastes("1"), Hangs, Says("3"), Hangs],
            Served("1", "cascade; accepted=1 by structure"), &["s:answered"])),
    ]),
];

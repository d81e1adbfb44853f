//! The fault matrix: a row a fault, its cases as data; each is asked in all dialects, unless it says why not. `s` is the small model, which is asked first; `l` the large one,
//! the only fallback. In a trail `?` marks an attempt that may have been billed.

use super::case::*;
use super::fault::{Breach, Fault, Void};
use super::way::Api::{self, Chat, Gemini, Messages, Responses};
use super::{own, process};
use crate::compound;
use crate::support::ports::Port;

/// The rows, each on as few lines as it takes: this is read as a table.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("F1", "connect refused", &[
        all("next hop", &[falls(Fault::Port(Port::Refused), &["s:connect", "l:ok"], "l")]),
        all("both", &[spent(Fault::Port(Port::Refused), UNREACHABLE, &["s:connect", "l:connect"], "")]),
    ]),
    row("F2", "name without address", &[
        all("next hop", &[falls(Fault::Port(Port::NoName), &["s:dns", "l:ok"], "l")]),
        all("both", &[spent(Fault::Port(Port::NoName), UNREACHABLE, &["s:dns", "l:dns"], "")]),
    ]),
    row("F3", "TLS failure", &[
        all("nobody vouches for it, and the hop is left out from then on", &[
            Step {
                alarms: 1,
                reason: Some("tls_untrusted"),
                ..falls(Fault::Port(Port::SelfSigned), &["s:tls", "l:ok"], "l")
            },
            Step { alarms: 1, small: Fault::Port(Port::SelfSigned), ..STEP },
        ]),
        all("another version", &[Step {
            alarms: 1,
            reason: Some("tls_version"),
            ..falls(Fault::Port(Port::OtherVersion), &["s:tls", "l:ok"], "l")
        }]),
        all("no TLS there", &[Step {
            alarms: 1,
            reason: Some("tls_handshake"),
            ..falls(Fault::Port(Port::NoTls), &["s:tls", "l:ok"], "l")
        }]),
        all(
            "both",
            &[Step { alarms: 2, ..spent(Fault::Port(Port::SelfSigned), UNREACHABLE, &["s:tls", "l:tls"], "") }],
        ),
    ]),
    row("F4", "connect or handshake timeout", &[
        all("no connection", &[falls(Fault::Port(Port::Full), &["s:timeout", "l:ok"], "l")]),
        all("no handshake", &[falls(Fault::Port(Port::SilentTls), &["s:timeout", "l:ok"], "l")]),
        with(&[Tweak::Hint("x-pointsman-deadline-ms", "700")], all("the deadline bounds both", &[Step {
            within_ms: 1500,
            ..spent(Fault::Port(Port::Full), Gets::Own(504, "upstream_timeout"), &["s:timeout", "l:timeout"], "")
        }])),
    ]),
    row("F5", "429 with Retry-After", &[
        all("the hop cools down", &[falls(Fault::Limited("30"), &["s:rate_limit", "l:ok"], "sl"), STEP]),
        with(&[Tweak::Alone, Tweak::Retries(1)], all("alone: waited for, once", &[
            Step {
                once: true,
                gets: Gets::Served('s'),
                ..falls(Fault::Limited("1"), &["s:rate_limit", "s:ok"], "ss")
            },
        ])),
        with(&[Tweak::Alone, Tweak::Retries(3)], all("alone: never waited for twice", &[Step {
            gets: Gets::Own(429, "rate_limited"),
            retry_after: Some("1"),
            ..falls(Fault::Limited("1"), &["s:rate_limit", "s:rate_limit"], "ss")
        }])),
        with(&[Tweak::Alone, Tweak::Retries(1)], all("alone: too long to wait for", &[Step {
            gets: Gets::Own(429, "rate_limited"),
            retry_after: Some("600"),
            ..falls(Fault::Limited("600"), &["s:rate_limit"], "s")
        }])),
    ]),
    row("F5b", "429 with an odd Retry-After", &[
        all("a date", &[falls(Fault::LimitedUntil(40), &["s:rate_limit", "l:ok"], "sl"), STEP]),
        all("a past date", &[falls(Fault::LimitedUntil(-3600), &["s:rate_limit", "l:ok"], "sl"), SMALL]),
        all(
            "no number",
            &[
                falls(Fault::Limited("soon"), &["s:rate_limit", "l:ok"], "sl"),
                STEP,
                Step { after_ms: 1100, ..SMALL },
            ],
        ),
        all(
            "a negative number",
            &[falls(Fault::Limited("-5"), &["s:rate_limit", "l:ok"], "sl"), STEP, Step { after_ms: 1100, ..SMALL }],
        ),
    ]),
    row("F5c", "429 for a spent limit", &[
        but(GEMINIS_QUOTA, with(&[Tweak::Retries(2)], all("alarm, no retry, the hop is left out", &[
            Step {
                alarms: 1,
                gets: AUTH,
                ..falls(Fault::Coded(429, "enforced_spend_limit_reached"), &["s:billing"], "s")
            },
            Step { alarms: 1, ..STEP },
        ]))),
    ]),
    row("F6", "500, 502, 503", &[
        all("500", &[falls(Fault::Status(500), &["s:server_error", "l:ok"], "sl")]),
        all("502", &[falls(Fault::Status(502), &["s:server_error", "l:ok"], "sl")]),
        but(GEMINIS_503, all("503", &[falls(Fault::Coded(503, "oops"), &["s:server_error", "l:ok"], "sl")])),
        all(
            "both",
            &[
                spent(
                    Fault::Status(500),
                    Gets::Own(502, "upstream_error"),
                    &["s:server_error", "l:server_error"],
                    "sl",
                ),
            ],
        ),
        with(&[Tweak::Retries(2)], all("500 with retries: once more, and it answers", &[
            Step {
                once: true,
                gets: Gets::Served('s'),
                ..falls(Fault::Status(500), &["s:server_error", "s:ok"], "ss")
            },
        ])),
        with(&[Tweak::Retries(2)], all(
            "500 with retries: once more, then the next hop",
            &[falls(Fault::Status(500), &["s:server_error", "s:server_error", "l:ok"], "ssl")],
        )),
        but(GEMINIS_503, with(&[Tweak::Retries(2)], all(
            "503 with retries: at once to the next hop",
            &[falls(Fault::Coded(503, "oops"), &["s:server_error", "l:ok"], "sl")],
        ))),
    ]),
    row("F6b", "529 overloaded", &[
        all(
            "next hop, and the hop cools down",
            &[falls(Fault::Status(529), &["s:overloaded", "l:ok"], "sl"), STEP],
        ),
        all("both", &[Step {
            ..spent(
                Fault::Status(529),
                Gets::Own(503, "all_targets_failed"),
                &["s:overloaded", "l:overloaded"],
                "sl",
            )
        }]),
    ]),
    row("F6c", "504, 408 of the provider", &[
        all("504", &[falls(Fault::Coded(504, "oops"), &["s:timeout?", "l:ok"], "sl")]),
        all("408", &[falls(Fault::Coded(408, "oops"), &["s:timeout?", "l:ok"], "sl")]),
    ]),
    row("F7", "hang before headers", &[
        all("next hop", &[falls(Fault::Hang, &["s:timeout?", "l:ok"], "sl")]),
        all(
            "the last hop has the rest of the deadline",
            &[Step { large: Fault::Late(1300), ..falls(Fault::Hang, &["s:timeout?", "l:ok"], "sl") }],
        ),
        with(&[Tweak::Hint("x-pointsman-ttft-ms", "400")], stream(
            "the caller's patience for a first token cuts earlier",
            &[
                Step {
                    large: Fault::Late(200),
                    ..falls(Fault::Early(Breach::Silence), &["s:timeout?", "l:ok"], "sl")
                },
            ],
        )),
        with(
            &[Tweak::Hint("x-pointsman-deadline-ms", "1500")],
            all(
                "both",
                &[spent(Fault::Hang, Gets::Own(504, "upstream_timeout"), &["s:timeout?", "l:timeout?"], "sl")],
            ),
        ),
    ]),
    row("F8", "hang in mid-stream", &[
        stream(
            "after the first words",
            &[broken(Fault::Midway(Breach::Silence), "upstream_timeout", &["s:timeout?"])],
        ),
        stream("before them", &[falls(Fault::Early(Breach::Silence), &["s:timeout?", "l:ok"], "sl")]),
        but(BY_IDS, with(RESUME, stream("resumed", &[resumed(Fault::Midway(Breach::Silence), &["s:timeout?", "l:ok"])]))),
    ]),
    row("F9", "end of a stream without a finish", &[
        stream("cut", &[broken(Fault::Midway(Breach::Abort), "upstream_truncated", &["s:malformed?"])]),
        stream("reset", &[broken(Fault::Midway(Breach::Reset), "upstream_truncated", &["s:malformed?"])]),
        stream("well-framed", &[broken(Fault::Midway(Breach::End), "upstream_truncated", &["s:malformed?"])]),
        but(BY_IDS, with(RESUME, stream("resumed", &[resumed(Fault::Midway(Breach::Abort), &["s:malformed?", "l:ok"])]))),
        only(&[Responses], with(RESUME, stream(
            "never resumed",
            &[broken(Fault::Midway(Breach::Abort), "upstream_truncated", &["s:malformed?"])],
        ))),
        but(BY_IDS, with(RESUME, stream("not resumed by another text", &[Step {
            large: Fault::OtherText,
            calls: "sl",
            ..broken(Fault::Midway(Breach::Abort), "upstream_truncated", &["s:malformed?", "l:malformed?"])
        }]))),
        but(BY_IDS, with(RESUME, stream("not resumed by a second one that breaks", &[Step {
            large: Fault::Early(Breach::Abort),
            calls: "sl",
            ..broken(Fault::Midway(Breach::Abort), "upstream_truncated", &["s:malformed?", "l:malformed?"])
        }]))),
        but(BY_IDS, with(RESUME, stream("nor by one that refuses", &[Step {
            large: Fault::Coded(400, "no_prefill"),
            calls: "sl",
            ..broken(Fault::Midway(Breach::Abort), "upstream_truncated", &["s:malformed?", "l:bad_request"])
        }]))),
        only(&[Chat], stream("a finish without the end mark is an end", &[Step { small: Fault::NoEndMark, ..SMALL }])),
        only(&[Messages], stream("and passes as it is where clients need the mark", &[passed(Fault::NoEndMark)])),
        stream("what has finished is not waited for", &[Step { small: Fault::FinishedOpen, ..SMALL }]),
        stream(
            "cut before the first words",
            &[falls(Fault::Early(Breach::Abort), &["s:malformed?", "l:ok"], "sl")],
        ),
        stream("reset before them", &[falls(Fault::Early(Breach::Reset), &["s:malformed?", "l:ok"], "sl")]),
        stream("well-framed before them", &[falls(Fault::Early(Breach::End), &["s:empty?", "l:ok"], "sl")]),
    ]),
    row("F10", "a malformed event", &[
        stream("not JSON", &[broken(Fault::Midway(Breach::NotJson), "upstream_malformed", &["s:malformed?"])]),
        stream("not UTF-8", &[broken(Fault::Midway(Breach::NotUtf8), "upstream_malformed", &["s:malformed?"])]),
        stream(
            "a line over its cap",
            &[broken(Fault::Midway(Breach::LongLine), "upstream_malformed", &["s:malformed?"])],
        ),
        but(BY_IDS, with(RESUME, stream("resumed", &[resumed(Fault::Midway(Breach::NotJson), &["s:malformed?", "l:ok"])]))),
        stream(
            "not JSON, before the first words",
            &[falls(Fault::Early(Breach::NotJson), &["s:malformed?", "l:ok"], "sl")],
        ),
        stream("an unknown type passes", &[Step { small: Fault::UnknownEvent, ..SMALL }]),
    ]),
    row("F11", "a broken whole answer", &[
        whole("short", &[falls(Fault::HalfAnswer, &["s:malformed?", "l:ok"], "sl")]),
        whole("not JSON", &[falls(Fault::NotJson, &["s:malformed?", "l:ok"], "sl")]),
        whole("both", &[spent(Fault::HalfAnswer, MALFORMED, &["s:malformed?", "l:malformed?"], "sl")]),
    ]),
    row("F12", "a page of HTML under 200", &[all("the third raises the alarm and leaves the hop out", &[
        Step { reason: Some("content_type"), ..falls(Fault::Page, &["s:malformed?", "l:ok"], "sl") },
        falls(Fault::Page, &["s:malformed?", "l:ok"], "sl"),
        Step { alarms: 1, ..falls(Fault::Page, &["s:malformed?", "l:ok"], "sl") },
        Step { alarms: 1, ..STEP },
    ])]),
    row(
        "F13",
        "an error under 200",
        &[all("next hop", &[falls(Fault::ErrorInside, &["s:overloaded", "l:ok"], "sl")])],
    ),
    row("F14", "a slow drip", &[
        all("before anything is committed", &[falls(Fault::Drip, &["s:timeout?", "l:ok"], "sl")]),
        stream(
            "after the first words",
            &[broken(Fault::Midway(Breach::Drip), "upstream_timeout", &["s:timeout?"])],
        ),
    ]),
    row("F15", "an empty answer", &[
        all("next hop", &[falls(Fault::Empty(Void::Nothing), &["s:empty?", "l:ok"], "sl")]),
        all("both", &[spent(Fault::Empty(Void::Nothing), MALFORMED, &["s:empty?", "l:empty?"], "sl")]),
        with(&[Tweak::MaxTokens(1)], all("one token was asked for", &[passed(Fault::Empty(Void::Cut))])),
        all("a tool call", &[passed(Fault::Empty(Void::Tool))]),
    ]),
    row("F16", "refused by a content filter", &[
        but(GEMINIS_FILTER, all("as a status", &[theirs(400, "content_policy_violation", &["s:content_filter"])])),
        all("as a finish", &[passed(Fault::Empty(Void::Filtered))]),
        only(&[Gemini], all("as a prompt that is blocked", &[passed(Fault::Empty(Void::Blocked))])),
        but(GEMINIS_FILTER, with(&[Tweak::Policy("on = [\"content_filter\"]")], all(
            "another provider only where that is written",
            &[falls(Fault::Coded(400, "content_policy_violation"), &["s:content_filter", "l:ok"], "sl")],
        ))),
    ]),
    row("F17", "the context is too long", &[
        all("no larger window", &[theirs(400, "context_length_exceeded", &["s:context_length"])]),
        with(&[Tweak::LargerWindow], all(
            "a larger window",
            &[falls(Fault::Coded(400, "context_length_exceeded"), &["s:context_length", "l:ok"], "sl")],
        )),
        with(
            &[Tweak::LargerWindow, Tweak::Hint("x-pointsman-max-cost-usd", "0.0003")],
            all(
                "a larger window above the ceiling",
                &[theirs(400, "context_length_exceeded", &["s:context_length"])],
            ),
        ),
    ]),
    row("F18", "other 4xx", &[
        all("400", &[
            Step {
                small: Fault::Status(400),
                gets: Gets::Theirs(400),
                trail: &["s:bad_request"],
                calls: "s",
                ..STEP
            },
        ]),
        all("404", &[theirs(404, "no_such_path", &["s:bad_request"])]),
        all("422", &[theirs(422, "unprocessable", &["s:bad_request"])]),
        all("404 of a model that is gone", &[
            Step { alarms: 1, ..falls(Fault::Coded(404, "model_not_found"), &["s:model_gone", "l:ok"], "sl") },
            Step { alarms: 1, ..STEP },
        ]),
    ]),
    row("F19", "a refused key", &[
        all(
            "401 of ours: said so, and the hop is left out",
            &[
                Step { alarms: 1, gets: AUTH, ..falls(Fault::Status(401), &["s:auth"], "s") },
                Step { alarms: 1, ..STEP },
            ],
        ),
        only(&[Gemini], all("400 of ours, which is how Gemini says it", &[
            Step { alarms: 1, gets: AUTH, ..falls(Fault::Coded(400, "API_KEY_INVALID"), &["s:auth"], "s") },
            Step { alarms: 1, ..STEP },
        ])),
        all("403 of ours: left out after three", &[
            Step { alarms: 1, gets: AUTH, ..falls(Fault::Status(403), &["s:auth"], "s") },
            Step { alarms: 2, gets: AUTH, ..falls(Fault::Status(403), &["s:auth"], "s") },
            Step { alarms: 3, gets: AUTH, ..falls(Fault::Status(403), &["s:auth"], "s") },
            Step { alarms: 3, ..STEP },
        ]),
        with(&[Tweak::Policy("on_auth_failure = \"fallback\"")], all(
            "with the fallback written",
            &[Step { alarms: 1, ..falls(Fault::Status(401), &["s:auth", "l:ok"], "sl") }],
        )),
        with(&[Tweak::CallersKey], all("the caller's own", &[
            Step { small: Fault::Status(401), gets: Gets::Theirs(401), trail: &["s:auth"], calls: "s", ..STEP },
            SMALL,
        ])),
    ]),
    row("F20", "an account that cannot pay", &[
        all("402", &[
            Step { alarms: 1, gets: AUTH, ..falls(Fault::Coded(402, "oops"), &["s:billing"], "s") },
            Step { alarms: 1, ..STEP },
        ]),
        but(GEMINIS_QUOTA, all("429 for an empty account", &[
            Step { alarms: 1, gets: AUTH, ..falls(Fault::Coded(429, "insufficient_quota"), &["s:billing"], "s") },
            Step { alarms: 1, ..STEP },
        ])),
        only(&[Gemini], all("403 for a project without billing", &[
            Step { alarms: 1, gets: AUTH, ..falls(Fault::Coded(403, "BILLING_DISABLED"), &["s:billing"], "s") },
            Step { alarms: 1, ..STEP },
        ])),
    ]),
    row("F21", "all models down", &[
        all("told to wait", &[
            Step {
                retry_after: Some("30"),
                ..spent(
                    Fault::Limited("30"),
                    Gets::Own(429, "rate_limited"),
                    &["s:rate_limit", "l:rate_limit"],
                    "sl",
                )
            },
            Step { retry_after: Some("*"), within_ms: 500, gets: DOWN, trail: &[], calls: "", ..STEP },
        ]),
        with(&[Tweak::OnlyLarge], all("the third failure in a row opens the circuit", &[
            spent(Fault::Status(500), Gets::Own(502, "upstream_error"), &["l:server_error"], "l"),
            spent(Fault::Status(500), Gets::Own(502, "upstream_error"), &["l:server_error"], "l"),
            spent(Fault::Status(500), Gets::Own(502, "upstream_error"), &["l:server_error"], "l"),
            Step { retry_after: Some("*"), within_ms: 500, gets: DOWN, trail: &[], calls: "", ..STEP },
            Step { after_ms: 2600, ..STEP },
        ])),
    ]),
    own("F22", "the judge fails", &[("said aloud, and its costs are on record", || Box::pin(compound::judge_row()))]),
    own("F23", "one member fails", &[("enough is enough, and less is not", || Box::pin(compound::quorum_row()))]),
    own("F24", "the verifier is down", &[("never an unmarked draft", || Box::pin(compound::draft_row()))]),
    own("F24b", "the draft is rejected", &[("mended, written anew, or said aloud", || Box::pin(compound::draft_row()))]),
    row("F25", "limits that nothing meets", &[
        with(
            &[Tweak::Hint("x-pointsman-max-cost-usd", "0.00000001")],
            all("cost", &[Step { gets: Gets::Own(402, "no_plan_within_budget"), trail: &[], calls: "", ..STEP }]),
        ),
        with(
            &[Tweak::Hint("x-pointsman-deadline-ms", "1")],
            all("time", &[Step { gets: Gets::Own(422, "no_plan_within_slo"), trail: &[], calls: "", ..STEP }]),
        ),
    ]),
    own("F26", "the ledger cannot be written", &[
        ("required: refused until it can", || Box::pin(own::ledger_required())),
        ("best effort: served, and nothing is lost", || Box::pin(own::ledger_best_effort())),
    ]),
    later("F27", "the ledger's database is down", "no external database: the ledger is a file of its own"),
    later("F28", "Redis is down", "no shared limits yet"),
    later("F29", "the metrics sink is down", "no sink: Prometheus asks, nothing is pushed"),
    row("F30", "a model without price", &[
        with(
            &[Tweak::Unpriced("s"), Tweak::Hint("x-pointsman-max-cost-usd", "1")],
            all("not under a ceiling", &[STEP]),
        ),
        with(&[Tweak::Unpriced("sl"), Tweak::Hint("x-pointsman-max-cost-usd", "1")], all(
            "nor any other",
            &[Step { gets: Gets::Own(402, "no_plan_within_budget"), trail: &[], calls: "", ..STEP }],
        )),
    ]),
    own(
        "F31",
        "the profile is missing or corrupt",
        &[("start refused, reload keeps the old", || Box::pin(own::profile()))],
    ),
    own(
        "F32",
        "a reload with an invalid file",
        &[("the old one serves, the fault is named", || Box::pin(own::bad_reload()))],
    ),
    own("F33", "a reload under load", &[("each request sees one version", || Box::pin(own::reload_under_load()))]),
    alone("F34", "SIGTERM under load", &[("what was taken is finished", || Box::pin(process::stopped()))]),
    alone("F35", "kill -9 under load", &[
        ("at most a moment of records is lost, none is torn or twice", || Box::pin(process::killed())),
        ("a torn tail of the journal is cut off", || Box::pin(process::torn_tail())),
    ]),
    alone("F36", "an upgrade under load", &[("no request fails", || Box::pin(process::replaced()))]),
    own(
        "F37",
        "the clock jumps",
        &[("no wall clock in what waits, cools or counts time", || Box::pin(own::monotonic()))],
    ),
    own(
        "F38",
        "the client leaves",
        &[("the provider is let go, the cost is on record", || Box::pin(own::client_leaves()))],
    ),
    own("F39", "the client closes its sending side", &[
        ("that is leaving", || Box::pin(own::half_closed())),
        ("unless written otherwise", || Box::pin(own::half_close_allowed())),
    ]),
    own(
        "F40",
        "bodies beyond the memory set aside",
        &[("shed with Retry-After", || Box::pin(own::bodies_beyond_memory()))],
    ),
    own("F41", "more requests than may run", &[("the newest is shed", || Box::pin(own::too_many_requests()))]),
    own("F42", "a panic in a request", &[("on record, counted, and others untouched", || Box::pin(own::panic()))]),
    alone("F43", "no file descriptors left", &[("no spin, and it recovers", || Box::pin(process::no_descriptors()))]),
    row("F44", "odd framing of an answer", &[
        all("interim answers", &[Step { small: Fault::Interim(3), ..SMALL }]),
        all("too many of them", &[falls(Fault::Interim(20), &["s:malformed?", "l:ok"], "sl")]),
        all("both lengths", &[falls(Fault::Raw(BOTH_LENGTHS), &["s:malformed?", "l:ok"], "sl")]),
        all("two lengths", &[falls(Fault::Raw(TWO_LENGTHS), &["s:malformed?", "l:ok"], "sl")]),
        all("an unknown coding", &[falls(Fault::Raw(ODD_CODING), &["s:malformed?", "l:ok"], "sl")]),
    ]),
    row("F45", "a pooled connection that was closed", &[
        all("a fresh one, silently", &[SMALL, Step { small: Fault::Close, once: true, calls: "ss", ..SMALL }]),
        all("one that was fresh: next hop", &[falls(Fault::Close, &["s:connect?", "l:ok"], "sl")]),
        all("one that was reset: next hop", &[falls(Fault::Reset, &["s:connect?", "l:ok"], "sl")]),
    ]),
    later("F46", "labels twice, late, for nobody", "the learning issue: outcomes of traffic"),
];

const GEMINIS_QUOTA: &[(Api, &str)] =
    &[(Gemini, "its 429 says quota of a minute's limit and of a month's, so each is a limit")];
const GEMINIS_503: &[(Api, &str)] = &[(Gemini, "its 503 says UNAVAILABLE, which is overloaded: F6b")];
const GEMINIS_FILTER: &[(Api, &str)] =
    &[(Gemini, "it refuses in an answer of status 200, as the other cases have it")];
const BY_IDS: &[(Api, &str)] = &[(
    Responses,
    "its events carry ids of their response, which another has not: the break is said, whatever is written",
)];

const BOTH_LENGTHS: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\
                            transfer-encoding: chunked\r\n\r\n0\r\n\r\n";
const TWO_LENGTHS: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\
                           content-length: 3\r\n\r\n{}\n";
const ODD_CODING: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: xchunked\r\n\r\n{}";

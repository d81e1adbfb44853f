//! What `check` shows, by policy and failure class.

use super::failures::{Outcome, Row};
use super::{Effective, text};
use crate::config::{SecretSource, Settings, from_text};
use crate::types::{Day, FailureClass};

fn settings(credential: &str, policy: &str) -> Settings {
    let text = format!(
        "[[providers]]\nid = \"openai\"\ndialect = \"openai\"\nbase_url = \"https://api.openai.com/v1\"\n\
         credential = \"{credential}\"\nretries = 3\n\
         [[models]]\nid = \"small\"\ntier = \"edge\"\ncontext_tokens = 1000\nmax_output_tokens = 100\n\
         price = {{ input = 0.15, output = 0.6 }}\ndeployments = [{{ provider = \"openai\" }}]\n\
         [[models]]\nid = \"large\"\ntier = \"frontier\"\ncontext_tokens = 1000\nmax_output_tokens = 100\n\
         deployments = [{{ provider = \"openai\" }}]\n\
         [[policies]]\nname = \"default\"\nmatch = {{ models = [\"auto\"] }}\nbaseline = \"large\"\n{policy}\n"
    );
    from_text(&text, "", SecretSource::Dummy).unwrap_or_else(|faults| panic!("{faults}"))
}

/// What a class does before and on the last hop.
fn check(credential: &str, policy: &str, class: FailureClass, expected: (Option<Outcome>, Outcome)) {
    let effective = Effective::of(&settings(credential, policy), Day(20_000));
    let row = effective.policies[0].failures.iter().find(|row| row.class == class).unwrap();
    let (before, last) = expected;
    assert_eq!(row, &Row { class, before, last }, "{credential}, {policy}");
}

#[test]
fn each_class_does_what_the_policy_says() {
    use FailureClass::{
        Auth, BadRequest, Billing, Connect, ContentFilter, ContextLength, NoCredential, ServerError, Timeout,
    };
    use Outcome::{
        AnswerPassedThrough, ExplicitError, NextHop, NextHopWithLargerWindow, OnceMoreThenNextHop,
        RetryThenError,
    };
    let chain = "fallback = [\"large\", \"small\"]";
    check("env:KEY", chain, Connect, (Some(NextHop), RetryThenError(3)));
    check("env:KEY", "", Connect, (None, RetryThenError(3)));
    check("env:KEY", chain, Timeout, (Some(NextHop), ExplicitError));
    check("env:KEY", chain, ContextLength, (Some(NextHopWithLargerWindow), AnswerPassedThrough));
    check("env:KEY", chain, ServerError, (Some(OnceMoreThenNextHop), RetryThenError(3)));
    check("env:KEY", chain, ContentFilter, (Some(AnswerPassedThrough), AnswerPassedThrough));
    check("env:KEY", chain, BadRequest, (Some(AnswerPassedThrough), AnswerPassedThrough));
    check("env:KEY", chain, Auth, (Some(ExplicitError), ExplicitError));
    check("passthrough", chain, Auth, (Some(AnswerPassedThrough), AnswerPassedThrough));
    check("env:KEY", chain, Billing, (Some(ExplicitError), ExplicitError));
    check("env:KEY", chain, NoCredential, (Some(NextHop), ExplicitError));
    let auth = "fallback = [\"small\"]\non_auth_failure = \"fallback\"";
    check("env:KEY", auth, Auth, (Some(NextHop), ExplicitError));
    let narrow = "fallback = [\"small\"]\non = [\"billing\"]";
    check("env:KEY", narrow, Billing, (Some(NextHop), ExplicitError));
    check("env:KEY", narrow, Connect, (Some(ExplicitError), ExplicitError));
}

#[test]
fn the_text_names_everything_but_secrets() {
    let settings = settings("env:KEY", "candidates = [\"small\", \"large\"]\nmax_cost_usd = 1");
    let shown = text("x.toml", &Effective::of(&settings, Day(20_000)));
    for word in ["127.0.0.1:8080", "api.openai.com", "0.15", "unpriced", "default", "held", "rate_limit"] {
        assert!(shown.contains(word), "`{word}` is missing:\n{shown}");
    }
    assert!(shown.contains("unpriced under a cost ceiling"), "{shown}");
    assert!(!shown.contains("placeholder"), "{shown}");
    let json = super::effective_json("x.toml", &Effective::of(&settings, Day(20_000)));
    assert!(json.contains("\"retry_then_error\":3") && !json.contains("placeholder"), "{json}");
}

#[test]
fn ceilings_of_clients_and_sessions_are_shown() {
    let lines = "candidates = [\"small\", \"large\"]\n[sessions]\nmax_spend_usd = 0.5\n\
                 [[clients]]\nid = \"app\"\nkey = \"env:APP\"\nmax_spend_usd = 20\nspend_period = \"month\"";
    let shown = text("x.toml", &Effective::of(&settings("env:KEY", lines), Day(20_000)));
    for words in
        ["20.000000 USD a month", "Sessions: at most 0.500000 USD each", "unpriced under a cost ceiling"]
    {
        assert!(shown.contains(words), "`{words}` is missing:\n{shown}");
    }
}

#[test]
fn steps_and_conversations_are_shown() {
    let policy = "candidates = [\"small\", \"large\"]\nsessions = { tool_loops = \"free\", max_switch_usd = 0.05, horizon_turns = 3 }\n\
                  [policies.steps.side_call]\ncandidates = [\"small\"]\nobjective = \"best\"\nmax_cost_usd = 0.5";
    let settings = settings("env:KEY", policy);
    let effective = Effective::of(&settings, Day(20_000));
    let shown = text("x.toml", &effective);
    let line = |word: &str| {
        shown.lines().find(|line| line.contains(word)).unwrap_or_else(|| panic!("{word}: {shown}"))
    };
    let step = line("side_call");
    assert!(
        step.contains("small") && step.contains("best, license paired") && step.contains("0.5"),
        "{step}"
    );
    let session = line("0.05 USD a session");
    assert!(session.contains("whoever is chosen") && session.contains("up to 3 more"), "{session}");
    let json = serde_json::to_value(&effective).unwrap();
    let policy = &json["policies"][0];
    assert_eq!(policy["steps"][0]["step"], "side_call");
    assert_eq!(policy["sessions"]["tool_loops"], "free");
}

#[test]
fn prices_that_are_old_or_of_unknown_age_are_named() {
    let of = |valid_from: &str| {
        let text = format!(
            "[[providers]]\nid = \"o\"\ndialect = \"openai\"\nbase_url = \"https://api.openai.com/v1\"\n\
             credential = \"none\"\n[[models]]\nid = \"m\"\ntier = \"edge\"\ncontext_tokens = 1000\nmax_output_tokens = 100\n\
             price = {{ input = 1, output = 2{valid_from} }}\ndeployments = [{{ provider = \"o\" }}]\n\
             [[models]]\nid = \"free\"\ntier = \"edge\"\ncontext_tokens = 1000\nmax_output_tokens = 100\n\
             deployments = [{{ provider = \"o\" }}]\n"
        );
        from_text(&text, "", SecretSource::Dummy).unwrap_or_else(|faults| panic!("{faults}"))
    };
    let notes = |valid_from: &str, today: Day| Effective::of(&of(valid_from), today).notes;
    let (day, new_year) = (Day(20_454), ", valid_from = \"2026-01-01\"");
    assert_eq!(notes(new_year, Day(day.0 + 180)), Vec::<String>::new());
    let old = notes(new_year, Day(day.0 + 181));
    assert!(old.len() == 1 && old[0].contains("older than 180 days: m (181 days)"), "{old:?}");
    let undated = notes("", day);
    assert!(
        undated.len() == 1 && undated[0].contains("without a `valid_from`, so of unknown age: m."),
        "{undated:?}"
    );
}

#[test]
fn plans_are_said_as_written_and_as_they_will_be_formed() {
    let of =
        |policy: &str| Effective::of(&settings("env:KEY", policy), Day(20_000)).policies[0].plans.clone();
    assert_eq!(of(""), ["single"]);
    let formed = of("plans = [\"single\", \"cascade\", \"ensemble\", \"debate\", \"draft\"]");
    let expected = [
        "single",
        "cascade: the two cheapest candidates, where they agree | baseline",
        "ensemble: the cheapest candidates | judge one of another family",
        "debate: the cheapest candidates x2 | judge one of another family",
        "draft: the cheapest candidate | baseline",
    ];
    assert_eq!(formed[..5], expected);
    assert!(
        formed[5].starts_with("several models serve only once measured, or on request; at most 4 at once")
    );
    let written = of("plans = [\"cascade\"]\n[policies.compound]\nlicense = \"granted\"\n\
                      cascade = [{ tries = [\"small\"], accept = \"structure\" }]");
    assert_eq!(written[0], "cascade: small, by structure | baseline");
    assert!(written[1].starts_with("several models serve unmeasured too"), "{written:?}");
    assert_eq!(written.len(), 2);
    let audited = of("plans = [\"cascade\"]\n[policies.compound]\naudit = 0.02");
    assert!(audited[2].starts_with("of a cascade's answers that stand 2 % are audited"), "{audited:?}");
}

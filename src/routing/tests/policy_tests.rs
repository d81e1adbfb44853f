//! Which policy a request falls under.

use super::*;
use crate::routing::{Asked, select_policy};
use crate::types::{ClientId, PolicyId};

/// A request as policies see it.
#[derive(Clone, Copy)]
struct Caller {
    model: &'static str,
    client: Option<&'static str>,
    allowed: &'static [&'static str],
    path: &'static str,
    header: Option<(&'static str, &'static str)>,
}

const CALLER: Caller = Caller { model: "auto", client: None, allowed: &[], path: "/v1/chat", header: None };

/// The policy's name, `-` for none, or what the caller is told.
fn selected(policies: Vec<Policy>, caller: Caller) -> String {
    let mut world = world();
    world.parts.policies = policies;
    let snapshot = Snapshot::new(world.parts);
    let client = caller.client.map(ClientId::from);
    let allowed: Vec<PolicyId> = caller.allowed.iter().map(|&name| PolicyId::from(name)).collect();
    let asked = Asked {
        model: caller.model,
        client: client.as_ref(),
        allowed: &allowed,
        path: caller.path,
        header: &|name| caller.header.filter(|(known, _)| *known == name).map(|(_, value)| value),
    };
    match select_policy(&snapshot, &asked) {
        Ok(found) => found.map_or_else(|| "-".to_owned(), |ix| snapshot.policy(ix).id.to_string()),
        Err(unknown) => unknown.to_string(),
    }
}

#[test]
fn the_first_policy_that_matches_the_model_applies() {
    let policies = || {
        vec![
            policy("exact", &["gpt-4", "claude-1"]),
            policy("start", &["gpt-*"]),
            policy("all", &["*"]),
            policy("auto", &["auto"]),
            policy("nobody", &[]),
        ]
    };
    for (model, expected) in [
        ("gpt-4", "exact"),
        ("claude-1", "exact"),
        ("gpt-4o", "start"),
        ("gpt-", "start"),
        ("claude-2", "all"),
        ("", "all"),
        ("auto", "auto"),
        ("pointsman/all", "all"),
        ("pointsman/nobody", "nobody"),
        ("pointsman/none", "there is no policy `none`: there are `exact`, `start`, `all`, `auto`, `nobody`"),
    ] {
        assert_eq!(selected(policies(), Caller { model, ..CALLER }), expected, "{model}");
    }
    assert_eq!(selected(vec![policy("all", &["*"])], CALLER), "-", "`*` does not mean `auto`");
    assert_eq!(selected(vec![policy("au", &["au*"])], CALLER), "au", "a written start does");
}

#[test]
fn clients_paths_and_headers_narrow_a_policy() {
    let narrowed = |change: fn(&mut PolicyMatch)| {
        let mut first = policy("first", &["auto"]);
        change(&mut first.matches);
        vec![first, policy("rest", &["auto"])]
    };
    type Change = fn(&mut PolicyMatch);
    let rows: [(Change, Caller, Caller); 4] = [
        (
            |m| m.clients = vec!["a".into(), "b".into()],
            Caller { client: Some("b"), ..CALLER },
            Caller { client: Some("c"), ..CALLER },
        ),
        (|m| m.clients = vec!["a".into()], Caller { client: Some("a"), ..CALLER }, CALLER),
        (|m| m.paths = vec!["/x".into(), "/v1/".into()], CALLER, Caller { path: "/v2/chat", ..CALLER }),
        (
            |m| m.headers = vec![("x-team".into(), "red".into())],
            Caller { header: Some(("x-team", "red")), ..CALLER },
            Caller { header: Some(("x-team", "blue")), ..CALLER },
        ),
    ];
    for (change, inside, outside) in rows {
        assert_eq!(selected(narrowed(change), inside), "first");
        assert_eq!(selected(narrowed(change), outside), "rest");
    }
    let any: fn(&mut PolicyMatch) = |m| m.clients = vec!["*".into()];
    assert_eq!(selected(narrowed(any), CALLER), "first", "`*` takes the unidentified too");
    let two: fn(&mut PolicyMatch) =
        |m| m.headers = vec![("x-team".into(), "red".into()), ("x-other".into(), "1".into())];
    assert_eq!(selected(narrowed(two), Caller { header: Some(("x-team", "red")), ..CALLER }), "rest");
}

#[test]
fn a_client_gets_only_the_policies_it_may_use() {
    let policies = || {
        let mut mine = policy("mine", &["auto"]);
        mine.matches.clients = vec!["a".into()];
        vec![mine, policy("open", &["auto", "*"])]
    };
    let forbidden = |name: &str| {
        format!("this client may not use policy `{name}`: see the `policies` of its [[clients]] entry")
    };
    let a = Caller { client: Some("a"), ..CALLER };
    let b = Caller { client: Some("b"), ..CALLER };
    assert_eq!(selected(policies(), a), "mine");
    assert_eq!(selected(policies(), Caller { allowed: &["open"], ..a }), "open");
    assert_eq!(
        selected(policies(), Caller { allowed: &["other"], ..a }),
        "this client may use `other` only, and none of these takes model `auto` on this path"
    );
    assert_eq!(selected(policies(), b), "open");
    let named = |caller: Caller| selected(policies(), Caller { model: "pointsman/mine", ..caller });
    assert_eq!(named(a), "mine");
    assert_eq!(named(Caller { allowed: &["mine"], ..a }), "mine");
    assert_eq!(named(Caller { allowed: &["open"], ..a }), forbidden("mine"));
    assert_eq!(named(b), forbidden("mine"));
    assert_eq!(named(CALLER), forbidden("mine"));
}

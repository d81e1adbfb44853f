//! Plans of several models as a policy writes them: read whole, and every fault found at its place.

use super::{RIGHT, read};
use crate::catalog::{
    AcceptSpec, Compound, CompoundLicense, DraftSpec, JudgeFailure, PlanKind, VerifyFailure,
};
use crate::types::{ModelIx, Probability};

const SMALL: ModelIx = ModelIx(0);
const LARGE: ModelIx = ModelIx(1);
const MEDIUM: ModelIx = ModelIx(2);
const OTHER: ModelIx = ModelIx(3);

/// `RIGHT` with two more models, every kind of plan, and this table.
fn text(compound: &str) -> String {
    let model = |id: &str, name: &str, more: &str| {
        format!(
            "[[models]]\nid = \"{id}\"\ntier = \"edge\"\ncontext_tokens = 128000\nmax_output_tokens = 16000\n{more}\
             deployments = [{{ provider = \"openai\", upstream_name = \"{name}\" }}]\n"
        )
    };
    let models = model("medium", "qwen2.5-7b", "") + &model("other", "gpt-4o", "family = \"Acme\"\n");
    let policy = "fallback = [\"large\"]\n";
    RIGHT.replace("[[policies]]", &format!("{models}[[policies]]")).replace(
        policy,
        &format!(
            "{policy}plans = [\"single\", \"cascade\", \"ensemble\", \"debate\", \"draft\"]\n[policies.compound]\n{compound}\n"
        ),
    )
}

fn compound(written: &str) -> Compound {
    read(&text(written)).unwrap_or_else(|faults| panic!("{faults}")).snapshot.policies[0].compound.clone()
}

#[test]
fn plans_are_read_as_written_and_otherwise_formed() {
    let settings = read(&text("")).unwrap();
    let policy = &settings.snapshot.policies[0];
    assert_eq!((&policy.plans[..], &policy.compound), (&PlanKind::ALL[..], &Compound::default()));
    let families = settings.snapshot.models.iter().map(|model| &*model.family).collect::<Vec<_>>();
    assert_eq!(families, ["gpt", "large", "qwen", "acme"]);
    let written = compound(
        "cascade = [{ tries = [\"small\", \"medium\"] }, { tries = [\"small\"], accept = \"judge\", judge = \"medium\", last = \"other\" }]\n\
         draft = [{ drafter = \"small\" }, { drafter = \"medium\", verifier = \"other\" }]\n\
         members = [\"small\", \"medium\"]\njudge = \"other\"\nrounds = 3\nquorum = 1\nmax_fan_out = 2\naudit = 0.02\n\
         judge_failure = \"first_by_order\"\njudge_tie = \"fail\"\nverify_failure = \"serve_unverified\"\nlicense = \"granted\"",
    );
    let sure =
        compound("cascade = [{ tries = [\"small\"], accept = \"logprobs\", min_probability = 0.875 }]");
    assert_eq!(sure.cascades[0].accept, AcceptSpec::Logprobs(Probability::new(0.875).unwrap()));
    let cascades: Vec<_> =
        written.cascades.iter().map(|one| (&one.tries[..], one.accept, one.last)).collect();
    let expected = [
        (&[SMALL, MEDIUM][..], AcceptSpec::Agreement, None),
        (&[SMALL][..], AcceptSpec::Judge(MEDIUM), Some(OTHER)),
    ];
    assert_eq!(cascades, expected);
    let drafts =
        [DraftSpec { drafter: SMALL, verifier: None }, DraftSpec { drafter: MEDIUM, verifier: Some(OTHER) }];
    assert_eq!(
        (&written.drafts[..], &written.members[..], written.judge),
        (&drafts[..], &[SMALL, MEDIUM][..], Some(OTHER))
    );
    assert_eq!((written.rounds, written.quorum, written.max_fan_out), (3, 1, 2));
    assert_eq!(
        (written.judge_failure, written.judge_tie, written.verify_failure),
        (JudgeFailure::FirstByOrder, JudgeFailure::Fail, VerifyFailure::ServeUnverified)
    );
    assert_eq!(written.license, CompoundLicense::Granted);
    assert_eq!((written.audit, Compound::default().audit), (0.02, 0.0));
    assert_ne!(written.judge, Some(LARGE));
}

#[test]
fn a_model_may_be_asked_again_where_its_answers_must_be_the_same() {
    let written = compound(
        "cascade = [{ tries = [\"small\", \"small\"] }, { tries = [\"small\", \"small\", \"small\"], accept = \"majority\" }]",
    );
    let tries: Vec<usize> = written.cascades.iter().map(|one| one.tries.len()).collect();
    assert_eq!(tries, [2, 3]);
}

/// The keys at fault, under `policies[0].compound`.
#[track_caller]
fn faults(written: &str, expected: &[&str]) -> String {
    let faults = read(&text(written)).err().unwrap_or_else(|| panic!("`{written}` was accepted"));
    let prefix = "policies[0].compound";
    let keys: Vec<_> = faults
        .list
        .iter()
        .map(|fault| fault.key.trim_start_matches(prefix).trim_start_matches('.'))
        .collect();
    assert_eq!(keys, expected, "{faults}");
    faults.list[0].message.clone()
}

#[test]
fn faults_of_plans_are_found() {
    let cases: &[(&str, &str)] = &[
        ("cascades = []", "cascades"),
        ("cascade = [{ tries = [\"small\", \"medum\"] }]", "cascade[0].tries[1]"),
        ("cascade = [{ tries = [\"small\"] }]", "cascade[0].tries"),
        ("cascade = [{ tries = [\"small\", \"small\"], accept = \"structure\" }]", "cascade[0].tries[1]"),
        ("cascade = [{ accept = \"structure\" }]", "cascade[0].tries"),
        ("cascade = [{ tries = [\"small\", \"medium\"], accept = \"acceptor\" }]", "cascade[0].tries"),
        ("cascade = [{ tries = [], accept = \"structure\" }]", "cascade[0].tries"),
        ("cascade = [{ tries = [\"small\", \"large\"] }]", "cascade[0].tries"),
        ("cascade = [{ tries = [\"small\", \"medium\"], last = \"small\" }]", "cascade[0].last"),
        ("cascade = [{ tries = [\"small\", \"medium\"], accept = \"vote\" }]", "cascade[0].accept"),
        ("cascade = [{ tries = [\"small\"], accept = \"logprobs\" }]", "cascade[0].min_probability"),
        (
            "cascade = [{ tries = [\"small\"], accept = \"logprobs\", min_probability = 0 }]",
            "cascade[0].min_probability",
        ),
        (
            "cascade = [{ tries = [\"small\"], accept = \"logprobs\", min_probability = 1.1 }]",
            "cascade[0].min_probability",
        ),
        (
            "cascade = [{ tries = [\"small\"], accept = \"structure\", min_probability = 0.9 }]",
            "cascade[0].min_probability",
        ),
        (
            "cascade = [{ tries = [\"small\"], accept = \"judge\", judge = \"other\", min_probability = 0.9 }]",
            "cascade[0].min_probability",
        ),
        (
            "cascade = [{ tries = [\"small\"], accept = \"logprobs\", min_probability = 0.9, judge = \"other\" }]",
            "cascade[0].judge",
        ),
        (
            "cascade = [{ tries = [\"small\", \"small\"], accept = \"logprobs\", min_probability = 0.9 }]",
            "cascade[0].tries[1]",
        ),
        ("cascade = [{ tries = [\"small\", \"medium\"], accept = \"majority\" }]", "cascade[0].tries"),
        ("cascade = [{ tries = [\"small\"], accept = \"judge\" }]", "cascade[0].judge"),
        ("cascade = [{ tries = [\"small\", \"medium\"], judge = \"other\" }]", "cascade[0].judge"),
        ("max_fan_out = 2\ncascade = [{ tries = [\"small\", \"medium\", \"other\"] }]", "cascade[0].tries"),
        ("draft = [{ verifier = \"large\" }]", "draft[0].drafter"),
        ("draft = [{ drafter = \"large\" }]", "draft[0].verifier"),
        ("members = [\"small\"]", "members"),
        ("max_fan_out = 2\nmembers = [\"small\", \"medium\", \"other\"]", "members"),
        ("max_fan_out = 9", "max_fan_out"),
        ("rounds = 5", "rounds"),
        ("members = [\"small\", \"medium\"]\nquorum = 3", "quorum"),
        ("judge = \"nobody\"", "judge"),
        ("judge_failure = \"random\"", "judge_failure"),
        ("judge_tie = \"random\"", "judge_tie"),
        ("verify_failure = \"serve\"", "verify_failure"),
        ("keep_alive_ms = 10", "keep_alive_ms"),
        ("license = \"paired\"", "license"),
        ("audit = 0.51", "audit"),
        ("audit = -0.1", "audit"),
    ];
    for (written, key) in cases {
        faults(written, &[key]);
    }
    // All at once.
    faults("rounds = 0\nquorum = 0\njudge = \"nobody\"", &["rounds", "quorum", "judge"]);
    // A judge of the same family as one it judges.
    let message = faults("members = [\"small\", \"medium\"]\njudge = \"small\"", &["judge"]);
    assert!(message.contains("family `gpt`") && message.contains("`small`"), "{message}");
    let judged = "cascade = [{ tries = [\"medium\"], accept = \"judge\", judge = \"medium\" }]";
    faults(judged, &["cascade[0].judge"]);
    // A list of plans of a kind that the policy does not have.
    let written = text("draft = [{ drafter = \"small\" }]").replace(", \"draft\"]", "]");
    let keys: Vec<_> = read(&written).unwrap_err().list.into_iter().map(|fault| fault.key).collect();
    assert_eq!(keys, ["policies[0].compound.draft"]);
    let written = text("audit = 0.1").replace(", \"cascade\"", "");
    let keys: Vec<_> = read(&written).unwrap_err().list.into_iter().map(|fault| fault.key).collect();
    assert_eq!(keys, ["policies[0].compound.audit"]);
    assert!(read(&written.replace("audit = 0.1", "audit = 0")).is_ok());
}

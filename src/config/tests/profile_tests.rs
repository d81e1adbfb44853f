//! The profile: evidence and acceptors beside a configuration, refused where they cannot be.

use super::{RIGHT, broken};
use crate::config::{SecretSource, from_text};
use crate::types::TaskClass;

#[test]
fn replay_needs_neither_secrets_nor_files() {
    let text = broken("[ledger]", "[routing]\nprofile = \"/nonexistent.json\"\n[ledger]");
    let profile = r#"{"evidence":[{"baseline":"large","model":"small","task":"math","level":"paired","pairs":40,
        "mean_quality":0.8,"mean_loss":0.0,"loss_upper":0.01}]}"#;
    let settings = from_text(&text, profile, SecretSource::Dummy).unwrap();
    let cell = settings.snapshot.evidence.get(&"large".into(), &"small".into(), TaskClass::Math);
    assert_eq!(cell.map(|evidence| evidence.pairs), Some(40));
    assert_eq!(&*settings.snapshot.profile, profile);
    assert_ne!(
        settings.snapshot.version,
        from_text(&text, "", SecretSource::Dummy).unwrap().snapshot.version
    );
}

#[test]
fn acceptors_of_a_profile_are_read_and_impossible_ones_refused() {
    let profile = |stood: f64| {
        format!(
            r#"{{"evidence":[],"acceptors":[{{"plan":"cascade(small | large by acceptor)","task":"math","weights":[1,0,0,0,0,0,0,0],
            "stands_from":0.9,"answers":400,"stood":{stood},"differs_upper":0.02}}]}}"#
        )
    };
    let settings = from_text(RIGHT, &profile(0.4), SecretSource::Dummy).unwrap();
    let plan = "cascade(small | large by acceptor)".into();
    let of = |task| settings.snapshot.evidence.acceptor(&plan, task).map(|acceptor| acceptor.stood);
    assert_eq!((of(TaskClass::Math), of(TaskClass::Code)), (Some(0.4), None));
    let faults = from_text(RIGHT, &profile(1.4), SecretSource::Dummy).unwrap_err();
    assert!(faults.list[0].message.contains("acceptors[0]"), "{faults}");
}

#[test]
fn an_impossible_profile_is_refused() {
    let unlabelled = |of: &str| {
        let figures = r#""level":"paired","pairs":40,"mean_loss":0.01,"loss_upper":0.02"#;
        format!(r#"{{"evidence":[{{"baseline":"large","model":"{of}","task":"math",{figures}}}]}}"#)
    };
    assert!(from_text(RIGHT, &unlabelled("cascade(small & b | large)"), SecretSource::Dummy).is_ok());
    let faults = from_text(RIGHT, &unlabelled("small"), SecretSource::Dummy).unwrap_err();
    assert!(faults.list[0].message.contains("lacks its mean_quality"), "{faults}");
    for profile in ["[]", "{\"evidence\":[{}]}", "{\"evidence\":[],\"more\":1}"] {
        let faults = from_text(RIGHT, profile, SecretSource::Dummy).unwrap_err();
        assert_eq!(faults.list[0].key, "routing.profile", "{faults}");
    }
}

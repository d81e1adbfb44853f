//! What an acceptor is worth end to end: one cheap model before the baseline, on `train` rows without an acceptor, so that both answer
//! everything; what the ledger then has of it makes one, and `test` rows are served by that.

use pointsman::learning::Split;
use pointsman::learning::{Answers, Learnt};
use pointsman::routing::{Accept, Cascade, Plan};
use serde_json::{Value, json};

use super::figures::{self, Beside};
use super::pool::{Pool, Prompt};
use super::replay::{Policy, Served, serve, serve_on_record};

/// Shares of requests in which an answer may stand that differs from the baseline's; fixed before anything was measured. The first is
/// what policies allow unless they say otherwise.
const MOST_DIFFERING: [f64; 2] = [0.02, 0.05];

/// The cheap model that is best on `train` rows, before the baseline.
fn plan(pool: &Pool, baseline: &str) -> Plan {
    let train = pool.of(Split::Train);
    let quality = |model: &str| train.iter().map(|one| one.row.outcomes[model].score).sum::<f64>();
    let best = pool.names.cheap.iter().max_by(|one, other| quality(one).total_cmp(&quality(other)));
    let tries = vec![(*best.unwrap()).into()];
    Plan::Cascade(Cascade { tries, accept: Accept::Acceptor, last: baseline.into() })
}

async fn learnt(pool: &Pool, policy: &Policy<'_>, most_differing: f64) -> Vec<Learnt> {
    let train = pool.of(Split::Train);
    let mut answers = Answers::default();
    for (served, entry) in serve_on_record(pool, &train, policy).await {
        assert!(!served.came.stood, "without an acceptor nothing stands");
        answers.add(&entry, most_differing);
    }
    answers.learnt(|_, _| false)
}

/// Of answers that stood: the share of requests in which they differ from the baseline's.
fn differing(prompts: &[&Prompt], served: &[Served], baseline: &str) -> f64 {
    let differs = |(prompt, served): (&&Prompt, &Served)| {
        let answer = |model: &str| prompt.row.outcomes[model].ans;
        let same = answer(baseline).is_some() && answer(baseline) == answer(&served.came.model);
        served.came.stood && !same
    };
    let count = prompts.iter().zip(served).filter(|pair| differs((pair.0, pair.1))).count();
    count as f64 / served.len() as f64
}

pub async fn measured(pool: &Pool, baseline: &str) -> Value {
    let plan = plan(pool, baseline);
    let test = pool.of(Split::Test);
    let alone = serve(pool, &test, &Policy { baseline, written: &[], profile: "", asks: None }).await;
    let asked = Policy { baseline, written: std::slice::from_ref(&plan), profile: "", asks: Some("cascade") };
    let mut report = json!({ "plan": plan.to_string() });
    for most_differing in MOST_DIFFERING {
        let learnt = learnt(pool, &asked, most_differing).await;
        let classes: Vec<Value> = learnt
            .iter()
            .map(|one| json!({ "task": one.task.as_str(), "answers": one.answers, "acceptor": one.acceptor }))
            .collect();
        let acceptors: Vec<_> = learnt.into_iter().filter_map(|one| one.acceptor).collect();
        let profile = json!({ "evidence": [], "acceptors": acceptors }).to_string();
        let served = serve(pool, &test, &Policy { profile: &profile, ..asked }).await;
        report[format!("differing_at_most_{most_differing}")] = json!({
            "learnt_on_train": classes,
            "served_on_test": figures::alone(&served),
            "stood_and_differs": differing(&test, &served, baseline),
            "against_baseline": Beside::served(&served, &alone).json(),
        });
    }
    report
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nothing_tells_who_is_right_nothing_stands() {
    let folder = tempfile::tempdir().unwrap();
    let pool = Pool::ours(folder.path());
    let report = measured(&pool, "claude-sage").await;
    for most_differing in MOST_DIFFERING {
        let found = &report[format!("differing_at_most_{most_differing}")];
        let learnt = found["learnt_on_train"].as_array().unwrap();
        let answers: u64 = learnt.iter().map(|one| one["answers"].as_u64().unwrap()).sum();
        assert_eq!(answers, pool.of(Split::Train).len() as u64, "both models answered everything");
        assert!(learnt.iter().all(|one| one["acceptor"].is_null()), "{found}");
        assert_eq!(found["served_on_test"]["first_answers_stood"], json!(0.0));
    }
}

//! What cascades by agreement are worth, end to end: models that say again what is on record of them behind a running proxy, plans
//! chosen on `train` rows, served on `test` rows, costs from the ledger. `scripts/plans.sh DATA` measures it on labelled rows
//! that are not in this repository; on a few of ours the same way is kept tested.

mod acceptor;
mod figures;
mod pool;
mod replay;

use std::path::{Path, PathBuf};

use pointsman::demo::score::{Point, best_mix};
use pointsman::learning::Split;
use pointsman::routing::Plan;
use serde_json::{Value, json};

use figures::{Beside, COST, MARGIN};
use pool::{Names, Pool, Prompt};
use replay::{Policy, Served, serve};

/// The rule by which one plan is chosen for all prompts, fixed before `test` rows were served: of the cascades that lose no more
/// than the margin on `train` rows, the cheapest; where there is none, the one that loses least.
fn best_fixed(pool: &Pool, baseline: &str) -> Plan {
    let train = pool.of(Split::Train);
    let made = |plan: &Plan| -> Vec<(f64, f64)> {
        let came = train.iter().map(|prompt| prompt.ran(plan));
        came.map(|came| (came.score, came.cost_usd)).collect()
    };
    let alone = made(&Plan::Single(baseline.into()));
    let weighed = pool.cascades().into_iter().map(|plan| {
        let beside = Beside::of(&made(&plan), &alone);
        println!(
            "train: {plan}: quality {:+.4}, at least {:+.4}, cost {:.3}, at most {:.3}",
            beside.quality.value, beside.quality.at_least, beside.cost.value, beside.cost.at_most
        );
        (plan, beside)
    });
    let weighed: Vec<(Plan, Beside)> = weighed.collect();
    let holds = weighed.iter().filter(|(_, beside)| beside.holds_quality());
    let cheapest = holds.min_by(|(_, one), (_, other)| one.cost.value.total_cmp(&other.cost.value));
    let best =
        || weighed.iter().max_by(|(_, one), (_, other)| one.quality.value.total_cmp(&other.quality.value));
    cheapest.or_else(best).unwrap().0.clone()
}

/// The same prompts served three ways: by the baseline alone, by one plan for all, and as the optimiser chooses.
struct Ways {
    baseline: Vec<Served>,
    fixed: Vec<Served>,
    free: Vec<Served>,
}

async fn three_ways(pool: &Pool, prompts: &[&Prompt], (baseline, plan): (&str, &Plan)) -> Ways {
    let profile = pool.profile(baseline, &pool.of(Split::Train));
    let cascades = pool.cascades();
    let alone = Policy { baseline, written: &[], profile: "", asks: None };
    // Without evidence, which is by class: where it is thin it would stand against the plan, and this one is for all.
    let fixed = Policy { written: std::slice::from_ref(plan), asks: Some("cascade"), ..alone };
    let free = Policy { written: &cascades, profile: &profile, asks: None, ..alone };
    Ways {
        baseline: serve(pool, prompts, &alone).await,
        fixed: serve(pool, prompts, &fixed).await,
        free: serve(pool, prompts, &free).await,
    }
}

/// Parts of the `train` rows that are served by what the others say.
const FOLDS: usize = 5;

/// The `train` rows left free, each part by the evidence of the others: what a way to make evidence is worth, before a `test` row is
/// looked at.
async fn cross_validated(pool: &Pool, baseline: &str) -> Vec<Served> {
    let train = pool.of(Split::Train);
    let cascades = pool.cascades();
    let mut served: Vec<Option<Served>> = vec![None; train.len()];
    for fold in 0..FOLDS {
        let part = |inside: bool| (0..train.len()).filter(move |at| (at % FOLDS == fold) == inside);
        let known: Vec<&Prompt> = part(false).map(|at| train[at]).collect();
        let asked: Vec<&Prompt> = part(true).map(|at| train[at]).collect();
        let profile = pool.profile(baseline, &known);
        let free = Policy { baseline, written: &cascades, profile: &profile, asks: None };
        for (at, one) in part(true).zip(serve(pool, &asked, &free).await) {
            served[at] = Some(one);
        }
    }
    served.into_iter().map(Option::unwrap).collect()
}

/// What a blind mix of two single models at the same cost would have made of each prompt, on average: what choosing is worth
/// beyond spending less.
fn mixed(pool: &Pool, prompts: &[&Prompt], served: &[Served]) -> (Value, Beside) {
    let models: Vec<&str> = pool.names.all().collect();
    let mean = |of: &dyn Fn(&Prompt) -> f64| {
        prompts.iter().map(|prompt| of(prompt)).sum::<f64>() / prompts.len() as f64
    };
    let score = |model: &str, prompt: &Prompt| prompt.row.outcomes[model].score;
    let cost = |model: &str, prompt: &Prompt| prompt.row.outcomes[model].cost_usd.unwrap();
    let points: Vec<Point> = models
        .iter()
        .map(|model| Point {
            cost: mean(&|prompt| cost(model, prompt)),
            quality: mean(&|prompt| score(model, prompt)),
        })
        .collect();
    let spent = served.iter().map(|one| one.came.cost_usd).sum::<f64>() / served.len() as f64;
    let mix = best_mix(&points, spent).unwrap();
    let share = mix.share(&points, spent);
    let of = |prompt: &Prompt, what: &dyn Fn(&str, &Prompt) -> f64| {
        what(models[mix.dear], prompt) * share + what(models[mix.cheap], prompt) * (1.0 - share)
    };
    let blind: Vec<(f64, f64)> =
        prompts.iter().map(|prompt| (of(prompt, &score), of(prompt, &cost))).collect();
    let of = json!({ "dear": models[mix.dear], "cheap": models[mix.cheap], "share_of_dear": share });
    (of, Beside::of(&figures::pairs(served), &blind))
}

/// What was served is what is on record of the models under the plan on record, and costs what they cost.
fn check(prompts: &[&Prompt], served: &[Served]) {
    for (prompt, served) in prompts.iter().zip(served) {
        let ran = prompt.ran(&served.plan);
        let id = &prompt.row.id;
        assert_eq!((&served.came.model, served.came.stood), (&ran.model, ran.stood), "{id}");
        let (found, known) = (served.came.cost_usd, ran.cost_usd);
        assert!((found - known).abs() < 1e-7 + known * 0.01, "{id}: cost {found}, on record {known}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_served_is_what_the_models_said_at_what_they_cost() {
    let folder = tempfile::tempdir().unwrap();
    let pool = Pool::ours(folder.path());
    let baseline = pool.baseline();
    assert_eq!(baseline, "claude-sage");
    let plan = best_fixed(&pool, baseline);
    let test = pool.of(Split::Test);
    let ways = three_ways(&pool, &test, (baseline, &plan)).await;
    for served in [&ways.baseline, &ways.fixed, &ways.free] {
        check(&test, served);
    }
    assert!(ways.fixed.iter().all(|served| served.plan == plan));
    let stood = ways.fixed.iter().filter(|served| served.came.stood).count();
    assert!(stood > test.len() / 2 && stood < test.len(), "{stood} of {}", test.len());
    let (fixed, free) =
        (Beside::served(&ways.fixed, &ways.baseline), Beside::served(&ways.free, &ways.baseline));
    assert!(fixed.cost.value < COST, "{}", fixed.cost.value);
    assert!(free.cost.value < 1.0, "left free it uses what it knows: {}", free.cost.value);
}

/// The labelled rows, where they are.
fn labelled() -> Option<Vec<PathBuf>> {
    let folder = std::env::var("POINTSMAN_DATA").ok()?;
    let names = ["zeroeval_gsm", "zeroeval_crux", "zeroeval_mathl5"];
    let files = names.map(|name| Path::new(&folder).join(format!("{name}.jsonl.gz")));
    files.iter().all(|file| file.exists()).then(|| files.to_vec())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement on data that is not in the repository"]
async fn measured() {
    let Some(files) = labelled() else {
        println!("SKIPPED: POINTSMAN_DATA names no folder with the labelled rows, so nothing was measured");
        return;
    };
    let pool = Pool::read(Names::LABELLED, &files);
    let baseline = pool.baseline();
    let plan = best_fixed(&pool, baseline);
    let mut report = json!({
        "baseline": baseline, "plan": plan.to_string(), "margin": MARGIN, "cost_bound": COST,
        "rule": "on train rows: of the cascades that lose no more than the margin (one-sided 95 %), the cheapest",
        "models": pool.names.all().collect::<Vec<_>>(),
    });
    let train = pool.of(Split::Train);
    let validated = cross_validated(&pool, baseline).await;
    check(&train, &validated);
    let alone: Vec<(f64, f64)> = train
        .iter()
        .map(|prompt| prompt.ran(&Plan::Single(baseline.into())))
        .map(|came| (came.score, came.cost_usd))
        .collect();
    report["train_cross_validated"] = json!({
        "served": figures::alone(&validated),
        "against_baseline": Beside::of(&figures::pairs(&validated), &alone).json(),
    });
    // What is chosen is chosen on these; the rest is for once everything is.
    if std::env::var("PLANS_ON").is_ok_and(|on| on == "train") {
        println!("{}", serde_json::to_string_pretty(&report).unwrap());
        return;
    }
    for (name, split) in [("train", Split::Train), ("test", Split::Test)] {
        let prompts = pool.of(split);
        let ways = three_ways(&pool, &prompts, (baseline, &plan)).await;
        for served in [&ways.baseline, &ways.fixed, &ways.free] {
            check(&prompts, served);
        }
        report[name] = told(&ways);
        let (mix, beside) = mixed(&pool, &prompts, &ways.free);
        report[name]["free_against_blind_mix"] = beside.json();
        report[name]["blind_mix"] = mix;
    }
    report["by_acceptor"] = acceptor::measured(&pool, baseline).await;
    let text = serde_json::to_string_pretty(&report).unwrap();
    println!("{text}");
    if let Ok(out) = std::env::var("PLANS_OUT") {
        std::fs::write(out, text + "\n").unwrap();
    }
}

fn told(ways: &Ways) -> Value {
    let accepted = |beside: &Beside| json!({ "quality_holds": beside.holds_quality(), "cost_holds": beside.cost.at_most <= COST });
    let way = |served: &[Served]| {
        let beside = Beside::served(served, &ways.baseline);
        json!({
            "served": figures::alone(served), "against_baseline": beside.json(), "accepted": accepted(&beside)
        })
    };
    json!({
        "baseline": figures::alone(&ways.baseline),
        "fixed": way(&ways.fixed),
        "free": way(&ways.free),
        "free_against_fixed": Beside::served(&ways.free, &ways.fixed).json(),
    })
}

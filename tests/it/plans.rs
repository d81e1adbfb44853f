//! What cascades by agreement are worth when the optimiser chooses them: evidence from the `train` rows of a folder of
//! labelled prompts, decisions on its `test` rows, each charged what its calls cost. `POINTSMAN_DATA` names the folder:
//! `cargo test --release --test it plans -- --ignored --nocapture`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use pointsman::analysis::Limits;
use pointsman::catalog::{Evidence, EvidenceLevel};
use pointsman::config::{SecretSource, from_text};
use pointsman::demo::score::paired_loss;
use pointsman::learning::metrics::{bootstrap, mean};
use pointsman::learning::{Row, Split, read_rows};
use pointsman::routing::{DeploymentLive, Facts, Inputs, Live, Plan, analyse_and_decide};
use pointsman::types::{Capabilities, Day, Dialect, HardMarkers, TaskClass};

/// Fixed before this was first run, but not blindly: figures on all rows of these data, those of `test` among them, had been
/// published for pairs of these models. What is chosen among them is chosen on `train` rows alone.
const CHEAP: [&str; 5] = [
    "gpt-4o-mini-2024-07-18",
    "deepseek-v2.5-0908",
    "gemini-1.5-flash",
    "claude-3-haiku-20240307",
    "Meta-Llama-3.1-70B-Instruct",
];
const DEAR: [&str; 2] = ["gpt-4o-2024-08-06", "claude-3-5-sonnet-20241022"];

fn models() -> impl Iterator<Item = &'static str> {
    CHEAP.into_iter().chain(DEAR)
}

/// What a plan made of a row: score, US dollars, and whether the first answers stood.
fn ran(row: &Row, plan: &Plan) -> (f64, f64, bool) {
    let of = |model: &str| &row.outcomes[model];
    let cost = |model: &str| of(model).cost_usd.unwrap();
    match plan {
        Plan::Single(model) => (of(model.as_str()).score, cost(model.as_str()), true),
        Plan::Cascade(cascade) => {
            let [one, other] = &cascade.tries[..] else { panic!("{plan}") };
            let both = cost(one.as_str()) + cost(other.as_str());
            let answer = of(one.as_str()).ans;
            match answer.is_some() && answer == of(other.as_str()).ans {
                true => (of(one.as_str()).score, both, true),
                false => (of(cascade.last.as_str()).score, both + cost(cascade.last.as_str()), false),
            }
        }
        other => panic!("{other} was not asked for"),
    }
}

fn cascade(one: &str, other: &str, last: &str) -> Plan {
    let text =
        format!(r#"{{"cascade":{{"tries":["{one}","{other}"],"accept":"agreement","last":"{last}"}}}}"#);
    serde_json::from_str(&text).unwrap()
}

fn cascades(baseline: &str) -> Vec<Plan> {
    let pairs = (0..CHEAP.len()).flat_map(|one| (one + 1..CHEAP.len()).map(move |other| (one, other)));
    pairs.map(|(one, other)| cascade(CHEAP[one], CHEAP[other], baseline)).collect()
}

/// Paired outcomes of every plan and the baseline, by class.
fn evidence(rows: &[&Row], baseline: &str) -> Vec<Evidence> {
    let mut by_task: BTreeMap<&str, (TaskClass, Vec<&Row>)> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.unfamiliar) {
        by_task.entry(row.task.as_str()).or_insert((row.task, Vec::new())).1.push(row);
    }
    let singles = models().filter(|model| *model != baseline).map(|model| Plan::Single(model.into()));
    let plans: Vec<Plan> = singles.chain(cascades(baseline)).collect();
    let cell = |(task, rows): &(TaskClass, Vec<&Row>), plan: &Plan| {
        let came: Vec<_> = rows.iter().map(|row| ran(row, plan)).collect();
        let losses: Vec<f64> =
            rows.iter().zip(&came).map(|(row, came)| row.outcomes[baseline].score - came.0).collect();
        let loss = paired_loss(&losses);
        let share =
            |of: &dyn Fn(&(f64, f64, bool)) -> f64| came.iter().map(of).sum::<f64>() / came.len() as f64;
        Evidence {
            baseline: baseline.into(),
            model: plan.to_string().as_str().into(),
            task: *task,
            level: EvidenceLevel::Paired,
            pairs: rows.len() as u32,
            mean_quality: share(&|came| came.0),
            mean_loss: loss.mean,
            loss_upper: loss.upper.min(1.0),
            accepted: matches!(plan, Plan::Cascade(_)).then(|| share(&|came| f64::from(u8::from(came.2)))),
        }
    };
    by_task.values().flat_map(|rows| plans.iter().map(move |plan| cell(rows, plan))).collect()
}

/// US dollars a million tokens, in and out, that explain best what a model's calls cost.
fn prices(rows: &[&Row], model: &str) -> (f64, f64) {
    let mut sums = [0.0; 5];
    for row in rows {
        let outcome = &row.outcomes[model];
        let (input, output) = (row.bytes as f64 / 4.0, outcome.out_tokens.unwrap());
        let cost = outcome.cost_usd.unwrap() * 1e6;
        let products = [input * input, input * output, output * output, input * cost, output * cost];
        sums.iter_mut().zip(products).for_each(|(sum, one)| *sum += one);
    }
    let [ii, io, oo, ic, oc] = sums;
    let det = ii * oo - io * io;
    (((ic * oo - oc * io) / det).max(0.001), ((oc * ii - ic * io) / det).max(0.001))
}

fn configuration(rows: &[&Row], baseline: &str, plans: &str) -> String {
    let mut text = String::from(
        "[[providers]]\nid = \"o\"\ndialect = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\ncredential = \"none\"\n",
    );
    for model in models() {
        let (input, output) = prices(rows, model);
        let _ = write!(
            text,
            "[[models]]\nid = \"{model}\"\ntier = \"edge\"\ncontext_tokens = 128000\nmax_output_tokens = 16000\n\
             price = {{ input = {input:.6}, output = {output:.6}, valid_from = \"2025-01-01\" }}\n\
             deployments = [{{ provider = \"o\" }}]\n"
        );
    }
    let list = models().map(|model| format!("{model:?}")).collect::<Vec<_>>().join(", ");
    let _ = write!(
        text,
        "[[policies]]\nname = \"p\"\nmatch = {{ models = [\"auto\"] }}\nbaseline = \"{baseline}\"\n\
         candidates = [{list}]\nplans = {plans}\n"
    );
    if plans.contains("cascade") {
        let tries = cascades(baseline).into_iter().map(|plan| match plan {
            Plan::Cascade(cascade) => {
                format!("{{ tries = [\"{}\", \"{}\"] }}", cascade.tries[0], cascade.tries[1])
            }
            other => panic!("{other}"),
        });
        let _ = write!(text, "[policies.compound]\ncascade = [{}]\n", tries.collect::<Vec<_>>().join(", "));
    }
    text + "[routing]\npredictor = \"none\"\n"
}

/// A row as a request that is routed; every deployment there and of the same speed.
fn inputs(row: &Row) -> Inputs {
    let live = DeploymentLive {
        ready: true,
        has_credential: true,
        ttft_ms: 500,
        per_token_us: 10_000,
        measured: false,
        answers: None,
        whole: None,
    };
    // As of a client with a cap: a sum that tells of a long book is else taken for the wish for one.
    let mut features = row.features.clone();
    features.max_output_tokens = Some(4096);
    Inputs {
        observe_only: false,
        policy: "p".into(),
        features,
        facts: Facts {
            dialect: Dialect::OpenAi,
            model_named: "auto".to_owned(),
            stream: false,
            max_output_tokens: Some(4096),
            choices: 1,
            needs: Capabilities::default(),
            hard_markers: HardMarkers::default(),
            cache_markers: false,
            crossings: Vec::new(),
            refused: Vec::new(),
        },
        limits: Limits::default(),
        live: Live { deployments: vec![live; models().count()], session_model: None },
        day: Day(21_000),
        session_hash: 0,
        forecast: None,
    }
}

/// Prints what a policy with these plans makes of rows, beside the baseline for all.
fn report(name: &str, (learned, rows): (&[&Row], &[&Row]), baseline: &str, plans: &str) {
    let profile = serde_json::json!({ "evidence": evidence(learned, baseline) }).to_string();
    let text = configuration(learned, baseline, plans);
    let settings =
        from_text(&text, &profile, SecretSource::Dummy).unwrap_or_else(|faults| panic!("{faults}"));
    let mut chosen: BTreeMap<String, usize> = BTreeMap::new();
    let mut came = Vec::new();
    for row in rows {
        let plan = analyse_and_decide(&settings.snapshot, &inputs(row)).1.unwrap().plan;
        *chosen.entry(format!("{} {plan}", row.task.as_str())).or_default() += 1;
        came.push(ran(row, &plan));
    }
    let alone: Vec<_> = rows.iter().map(|row| ran(row, &Plan::Single(baseline.into()))).collect();
    let pick = |of: &[(f64, f64, bool)], part: fn(&(f64, f64, bool)) -> f64| {
        of.iter().map(part).collect::<Vec<f64>>()
    };
    let (quality, cost) = (pick(&came, |one| one.0), pick(&came, |one| one.1));
    let (best, dear) = (pick(&alone, |one| one.0), pick(&alone, |one| one.1));
    let figures = bootstrap(rows.len(), 1, |drawn| {
        let of = |values: &[f64]| mean(values, drawn);
        vec![of(&quality), of(&quality) - of(&best), of(&cost) / of(&dear)]
    });
    println!(
        "{name}, {} rows, {plans}: quality {:.4}, minus the baseline's {:.4}, cost over the baseline's {:.3}",
        rows.len(),
        figures[0],
        figures[1],
        figures[2]
    );
    chosen.iter().for_each(|(plan, rows)| println!("    {rows:5}  {plan}"));
}

#[test]
#[ignore = "a measurement on data that is not in the repository"]
fn cascades_chosen_on_train_rows_are_measured_on_test_rows() {
    let folder = std::env::var("POINTSMAN_DATA").unwrap();
    let rows = read_rows(Path::new(&folder)).unwrap();
    let whole = |row: &&Row| {
        row.source.starts_with("zeroeval_")
            && models().all(|model| row.outcomes.get(model).is_some_and(|one| one.cost_usd.is_some()))
    };
    let of = |split: Split| rows.iter().filter(whole).filter(|row| row.split == split).collect::<Vec<_>>();
    let (train, test) = (of(Split::Train), of(Split::Test));
    let quality = |model: &str| train.iter().map(|row| row.outcomes[model].score).sum::<f64>();
    let baseline = models().max_by(|one, other| quality(one).total_cmp(&quality(other))).unwrap();
    println!("baseline, the best single model on train rows: {baseline}");
    for plans in ["[\"single\"]", "[\"single\", \"cascade\"]"] {
        report("train (learned from)", (&train, &train), baseline, plans);
        report("test", (&train, &test), baseline, plans);
    }
    for plan in cascades(baseline) {
        let came: Vec<_> = train.iter().map(|row| ran(row, &plan)).collect();
        let of = |part: fn(&(f64, f64, bool)) -> f64| came.iter().map(part).sum::<f64>() / came.len() as f64;
        let stands = of(|one| f64::from(u8::from(one.2)));
        println!("train, everywhere {plan}: quality {:.4}, {stands:.3} stand", of(|one| one.0));
    }
}

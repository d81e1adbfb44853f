//! Prompts with what several models made of them: a folder of labelled rows, or a small one of ours. What a plan would have
//! made of a row, what its evidence comes to, and the configuration that offers the plans.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::io::Read;
use std::path::Path;

use pointsman::catalog::{Evidence, EvidenceLevel};
use pointsman::demo::score::paired_loss;
use pointsman::learning::{Row, Split, read_rows};
use pointsman::routing::{Cascade, Plan};
use pointsman::types::{ModelId, TaskClass};
use serde_json::{Value, json};

/// The models of a pool. Those whose names begin with `claude` speak Anthropic's dialect, all others OpenAI's.
#[derive(Clone, Copy)]
pub struct Names {
    /// Who may be asked first.
    pub cheap: &'static [&'static str],
    /// Who may be the baseline.
    pub dear: &'static [&'static str],
}

impl Names {
    /// Of the labelled rows. Fixed before anything was first measured, but not blindly: figures on all rows of these data, those
    /// of `test` among them, had been published for pairs of these models. What is chosen among them is chosen on `train` rows alone.
    pub const LABELLED: Self = Self {
        cheap: &[
            "gpt-4o-mini-2024-07-18",
            "deepseek-v2.5-0908",
            "gemini-1.5-flash",
            "claude-3-haiku-20240307",
            "Meta-Llama-3.1-70B-Instruct",
        ],
        dear: &["gpt-4o-2024-08-06", "claude-3-5-sonnet-20241022"],
    };

    /// Of the rows of ours.
    pub const OURS: Self = Self { cheap: &["quick", "claude-brisk", "hasty"], dear: &["claude-sage"] };

    pub fn all(self) -> impl Iterator<Item = &'static str> {
        self.cheap.iter().chain(self.dear).copied()
    }
}

/// Input and output tokens.
pub type Tokens = (u64, u64);

/// A row with what is needed to ask it again.
pub struct Prompt {
    pub row: Row,
    pub text: String,
    /// Of each model.
    pub tokens: HashMap<String, Tokens>,
}

/// Prompts and the models that answered all of them.
pub struct Pool {
    pub names: Names,
    pub prompts: Vec<Prompt>,
}

/// What a plan made of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Came {
    pub score: f64,
    pub cost_usd: f64,
    /// Whose answer it is.
    pub model: String,
    /// Whether the first answers stood.
    pub stood: bool,
}

impl Pool {
    /// Rows of files that every model answered at a known cost.
    pub fn read(names: Names, files: &[impl AsRef<Path>]) -> Self {
        let mut prompts = Vec::new();
        for file in files {
            let mut asked = asked(file.as_ref());
            for row in read_rows(file.as_ref()).unwrap() {
                let known = |model| row.outcomes.get(model).is_some_and(|one| one.cost_usd.is_some());
                if names.all().all(known) {
                    let (text, tokens) = asked.remove(&row.id).unwrap();
                    prompts.push(Prompt { row, text, tokens });
                }
            }
        }
        Self { names, prompts }
    }

    /// Sums of ours: answers by chance, but the same in every run.
    pub fn ours(folder: &Path) -> Self {
        let file = folder.join("ours.jsonl");
        let rows: Vec<String> = (0..340_u64).map(|number| our_row(number).to_string()).collect();
        std::fs::write(&file, rows.join("\n")).unwrap();
        Self::read(Names::OURS, &[file])
    }

    pub fn of(&self, split: Split) -> Vec<&Prompt> {
        self.prompts.iter().filter(|prompt| prompt.row.split == split).collect()
    }

    /// The best single model on `train` rows.
    pub fn baseline(&self) -> &'static str {
        let train = self.of(Split::Train);
        let quality = |model: &str| train.iter().map(|one| one.row.outcomes[model].score).sum::<f64>();
        self.names.all().max_by(|one, other| quality(one).total_cmp(&quality(other))).unwrap()
    }

    /// Every pair of cheap models alone and with every third one, each dear model behind it.
    pub fn cascades(&self) -> Vec<Plan> {
        let cheap = self.names.cheap;
        let pairs = (0..cheap.len()).flat_map(|one| (one + 1..cheap.len()).map(move |other| (one, other)));
        let mut tries: Vec<Vec<&str>> = Vec::new();
        for (one, other) in pairs {
            tries.push(vec![cheap[one], cheap[other]]);
            let third = (0..cheap.len()).filter(|third| ![one, other].contains(third));
            tries.extend(third.map(|third| vec![cheap[one], cheap[other], cheap[third]]));
        }
        let behind = |last: &'static str| tries.iter().map(move |tries| cascade(tries, last));
        self.names.dear.iter().flat_map(|last| behind(last)).collect()
    }

    /// Paired outcomes of every plan and the baseline on some rows, by class, as a profile.
    pub fn profile(&self, baseline: &str, rows: &[&Prompt]) -> String {
        let mut by_task: BTreeMap<&str, (TaskClass, Vec<&Prompt>)> = BTreeMap::new();
        for prompt in rows.iter().copied().filter(|prompt| !prompt.row.unfamiliar) {
            let task = prompt.row.task;
            by_task.entry(task.as_str()).or_insert((task, Vec::new())).1.push(prompt);
        }
        let singles =
            self.names.all().filter(|model| *model != baseline).map(|model| Plan::Single(model.into()));
        let plans: Vec<Plan> = singles.chain(self.cascades()).collect();
        let cell = |(task, prompts): &(TaskClass, Vec<&Prompt>), plan: &Plan| {
            let came: Vec<Came> = prompts.iter().map(|prompt| prompt.ran(plan)).collect();
            let alone = |prompt: &Prompt| prompt.row.outcomes[baseline].score;
            let losses: Vec<f64> =
                prompts.iter().zip(&came).map(|(prompt, came)| alone(prompt) - came.score).collect();
            let loss = paired_loss(&losses);
            let share = |of: fn(&Came) -> f64| came.iter().map(of).sum::<f64>() / came.len() as f64;
            Evidence {
                baseline: baseline.into(),
                model: plan.to_string().as_str().into(),
                task: *task,
                level: EvidenceLevel::Paired,
                pairs: prompts.len() as u32,
                mean_quality: Some(share(|came| came.score)),
                mean_loss: loss.mean,
                loss_upper: loss.upper.min(1.0),
                accepted: plan.is_compound().then(|| share(|came| f64::from(u8::from(came.stood)))),
                cost_ratio: plan.is_compound().then(|| {
                    let alone = |prompt: &&Prompt| prompt.row.outcomes[baseline].cost_usd.unwrap();
                    came.iter().map(|came| came.cost_usd).sum::<f64>()
                        / prompts.iter().map(alone).sum::<f64>()
                }),
            }
        };
        let cells: Vec<Evidence> =
            by_task.values().flat_map(|of| plans.iter().map(move |plan| cell(of, plan))).collect();
        json!({ "evidence": cells }).to_string()
    }

    /// A proxy before providers at one root, with one policy. `written`: its cascades; none: the baseline alone.
    pub fn configuration(&self, (root, ledger): (&str, &Path), baseline: &str, written: &[Plan]) -> String {
        let mut text = format!(
            "[server]\nlisten = [\"127.0.0.1:0\"]\nadmin = \"127.0.0.1:0\"\ndefault_provider = {{ openai = \"o\" }}\n\
             [[providers]]\nid = \"o\"\ndialect = \"openai\"\nbase_url = \"{root}/v1\"\ncredential = \"none\"\n\
             [[providers]]\nid = \"a\"\ndialect = \"anthropic\"\nbase_url = \"{root}\"\ncredential = \"none\"\n"
        );
        for model in self.names.all() {
            let provider = if is_anthropic(model) { "a" } else { "o" };
            let (input, output) = self.prices(model);
            let _ = write!(
                text,
                "[[models]]\nid = \"{model}\"\ntier = \"edge\"\ncontext_tokens = 128000\nmax_output_tokens = 16000\n\
                 price = {{ input = {input:?}, output = {output:?}, valid_from = \"2025-01-01\" }}\n\
                 deployments = [{{ provider = \"{provider}\" }}]\n"
            );
        }
        let list = self.names.all().collect::<Vec<_>>();
        let (candidates, plans) = match written.is_empty() {
            true => (vec![baseline], "[\"single\"]"),
            false => (list, "[\"single\", \"cascade\"]"),
        };
        let _ = write!(
            text,
            "[[policies]]\nname = \"p\"\nmatch = {{ models = [\"auto\"] }}\nbaseline = \"{baseline}\"\n\
             candidates = {candidates:?}\nplans = {plans}\n"
        );
        if !written.is_empty() {
            let tries = written.iter().map(|plan| match plan {
                Plan::Cascade(Cascade { tries, accept, last }) => {
                    let accept = json!(accept);
                    let accept = accept.as_str().unwrap();
                    let tries: Vec<&str> = tries.iter().map(ModelId::as_str).collect();
                    format!("{{ tries = {tries:?}, accept = \"{accept}\", last = \"{last}\" }}")
                }
                other => panic!("{other}"),
            });
            let _ =
                writeln!(text, "[policies.compound]\ncascade = [{}]", tries.collect::<Vec<_>>().join(", "));
        }
        let _ = write!(text, "[routing]\npredictor = \"none\"\n[ledger]\npath = {ledger:?}\n");
        text
    }

    /// The list price the rows' costs were reckoned with, US dollars a million tokens, in and out: fitted, and then checked.
    fn prices(&self, model: &str) -> (f64, f64) {
        let mut sums = [0.0; 5];
        for prompt in &self.prompts {
            let (input, output) = prompt.tokens[model];
            let (input, output) = (input as f64, output as f64);
            let cost = prompt.row.outcomes[model].cost_usd.unwrap() * 1e6;
            let products = [input * input, input * output, output * output, input * cost, output * cost];
            sums.iter_mut().zip(products).for_each(|(sum, one)| *sum += one);
        }
        let [ii, io, oo, ic, oc] = sums;
        let det = ii * oo - io * io;
        let round = |price: f64| (price * 1e4).round() / 1e4;
        let price = (round((ic * oo - oc * io) / det), round((oc * ii - ic * io) / det));
        for prompt in &self.prompts {
            let (input, output) = prompt.tokens[model];
            let reckoned = (input as f64 * price.0 + output as f64 * price.1) / 1e6;
            let known = prompt.row.outcomes[model].cost_usd.unwrap();
            assert!((reckoned - known).abs() < 1e-7 + known * 0.01, "{model}: {reckoned} is not {known}");
        }
        price
    }
}

impl Prompt {
    /// What a plan makes of it, by what is on record of its models.
    pub fn ran(&self, plan: &Plan) -> Came {
        let cost = |model: &str| self.row.outcomes[model].cost_usd.unwrap();
        let came = |model: &str, cost_usd, stood| Came {
            score: self.row.outcomes[model].score,
            cost_usd,
            model: model.to_owned(),
            stood,
        };
        match plan {
            Plan::Single(model) => came(model.as_str(), cost(model.as_str()), true),
            Plan::Cascade(Cascade { tries, last, .. }) => {
                let alike = |one: &ModelId, other: &ModelId| {
                    let answer = |model: &ModelId| self.row.outcomes[model.as_str()].ans;
                    answer(one).is_some() && answer(one) == answer(other)
                };
                let [one, other, third @ ..] = &tries[..] else { panic!("{plan}") };
                let mut spent = cost(one.as_str()) + cost(other.as_str());
                if alike(one, other) {
                    return came(one.as_str(), spent, true);
                }
                if let [third] = third {
                    spent += cost(third.as_str());
                    if let Some(stands) = [one, other].into_iter().find(|first| alike(first, third)) {
                        return came(stands.as_str(), spent, true);
                    }
                }
                came(last.as_str(), spent + cost(last.as_str()), false)
            }
            other => panic!("{other} was not asked for"),
        }
    }
}

pub fn is_anthropic(model: &str) -> bool {
    model.starts_with("claude")
}

fn cascade(tries: &[&str], last: &str) -> Plan {
    let accept = if tries.len() == 2 { "agreement" } else { "majority" };
    let plan = json!({ "cascade": { "tries": tries, "accept": accept, "last": last } });
    serde_json::from_value(plan).unwrap()
}

/// A prompt and each model's tokens.
type Asked = (String, HashMap<String, Tokens>);

/// By the rows' names.
fn asked(file: &Path) -> HashMap<String, Asked> {
    let mut text = String::new();
    let bytes = std::fs::File::open(file).unwrap();
    match file.extension().is_some_and(|extension| extension == "gz") {
        true => flate2::read::MultiGzDecoder::new(bytes).read_to_string(&mut text).unwrap(),
        false => std::io::BufReader::new(bytes).read_to_string(&mut text).unwrap(),
    };
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let word = |key: &str| line[key].as_str().unwrap().to_owned();
            let tokens = line["outcomes"].as_object().unwrap().iter().map(|(model, outcome)| {
                let count = |key: &str| outcome[key].as_u64().unwrap_or_default();
                (model.clone(), (count("in_tokens"), count("out_tokens")))
            });
            (word("id"), (word("prompt"), tokens.collect()))
        })
        .collect()
}

/// One of our rows: a sum in words. Who errs, errs by one of three answers, so that two sometimes err alike; `hasty` now and then
/// comes to no answer at all.
fn our_row(number: u64) -> Value {
    let drawn = |purpose: &str| {
        let hash = blake3::hash(format!("{purpose} {number}").as_bytes());
        u64::from_le_bytes(hash.as_bytes()[..8].try_into().unwrap())
    };
    let (one, other) = (11 + drawn("one") % 900, 11 + drawn("other") % 900);
    let outcome = |model: &str, right_of_100: u64, (input_price, output_price): (f64, f64)| {
        let right = drawn(model) % 100 < right_of_100;
        let wrong = 1 + drawn(&format!("{model} errs")) % 3;
        let none = model == "hasty" && !right && wrong == 3;
        let (input, output) = (40 + number % 9, 30 + drawn(&format!("{model} writes")) % 90);
        json!({
            "score": u8::from(right), "in_tokens": input, "out_tokens": output,
            "ans": if none { Value::Null } else { json!(if right { 0 } else { wrong }) },
            "cost_usd": (input as f64 * input_price + output as f64 * output_price) / 1e6,
        })
    };
    json!({
        "id": format!("ours/{number}"), "source": "ours", "domain": "math/sum",
        "split": if number < 260 { "train" } else { "test" },
        "prompt": format!(
            "Calculate the sum. A shop sold {one} apples in the morning and {other} in the afternoon of day {number}. \
             How many apples did it sell? Solve step by step and give the number."
        ),
        "outcomes": {
            "quick": outcome("quick", 88, (0.15, 0.6)), "claude-brisk": outcome("claude-brisk", 85, (0.25, 1.25)),
            "hasty": outcome("hasty", 70, (0.1, 0.3)), "claude-sage": outcome("claude-sage", 92, (3.0, 15.0)),
        },
    })
}

//! Labelled rows go through `train` and `eval` as a user would run them. The rows are made up, so that what can be known of
//! them is known.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use pointsman::cmd::eval::{EvalArgs, Part, Plans};
use pointsman::cmd::train::TrainArgs;
use pointsman::cmd::{eval, train};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tempfile::TempDir;

const WORDS: [&str; 24] = [
    "river", "engine", "contract", "garden", "planet", "market", "enzyme", "bridge", "melody", "harvest",
    "battery", "glacier", "senate", "pigment", "virus", "harbour", "lantern", "fabric", "orbit", "canyon",
    "theorem", "torque", "statute", "plasma",
];
/// Where each third word is behind these the weak model fails.
const HARD: usize = 20;

/// How scores come about.
#[derive(Clone, Copy, PartialEq)]
enum Labels {
    /// The weak model fails on nearly every hard prompt; on others it is right where the strong one is.
    Planted,
    /// Both models fail by lot.
    ByLot,
}

/// Rows of one source; answers are found, costs are known.
fn rows(source: &str, split: &str, (count, seed): (usize, u64), labels: Labels) -> String {
    let mut random = StdRng::seed_from_u64(seed);
    let mut lines = String::new();
    for number in 0..count {
        let hard = random.random_bool(0.3);
        let length = random.random_range(6..30);
        let mut words: Vec<&str> = (0..length).map(|_| WORDS[random.random_range(0..HARD)]).collect();
        for word in words.iter_mut().step_by(3).filter(|_| hard) {
            *word = WORDS[random.random_range(HARD..WORDS.len())];
        }
        let prompt = format!("Please tell me what the {} is and why it is so.", words.join(" and the "));
        let right = |chance: f64, random: &mut StdRng| u8::from(random.random_bool(chance));
        let strong = right(if labels == Labels::Planted { 0.95 } else { 0.8 }, &mut random);
        let weak = match labels {
            Labels::Planted if hard => right(0.05, &mut random),
            Labels::Planted => strong,
            Labels::ByLot => right(0.5, &mut random),
        };
        let other = right(0.5, &mut random);
        // Right answers are the same one; wrong ones differ.
        let outcome = |score: u8, cost: f64, wrong: i64| json!({ "score": score, "cost_usd": cost, "out_tokens": 20, "ans": if score == 1 { 0 } else { wrong } });
        let row = json!({
            "id": format!("{split}-{number}"), "source": source, "split": split, "domain": "words", "prompt": prompt,
            "outcomes": {
                "strong": outcome(strong, 0.01, 1), "weak": outcome(weak, 0.001, 2), "other": outcome(other, 0.0005, 3),
            },
        });
        writeln!(lines, "{row}").unwrap();
    }
    lines
}

/// What a case changes in arguments that are right.
type Change<'c, Args> = Box<dyn Fn(&mut Args) + 'c>;

struct Bench {
    folder: TempDir,
}

impl Bench {
    /// With a file of rows for each source.
    fn new(files: &[(&str, String)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        let bench = Self { folder };
        for (name, lines) in files {
            std::fs::write(bench.data().join(format!("{name}.jsonl")), lines).unwrap();
        }
        bench
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn profile(&self) -> PathBuf {
        self.folder.path().join("p.pred")
    }

    fn training(&self) -> TrainArgs {
        TrainArgs {
            data: self.data(),
            exclude_source: Vec::new(),
            exclude_domain: Vec::new(),
            models: Vec::new(),
            tiers: None,
            ridge: 10.0,
            out: self.profile(),
        }
    }

    fn train(&self) -> Value {
        serde_json::from_str(&train::run(&self.training(), true).unwrap()).unwrap()
    }

    fn asking(&self) -> EvalArgs {
        EvalArgs {
            profile: Some(self.profile()),
            data: None,
            split: None,
            source: Vec::new(),
            domain: Vec::new(),
            pair: Vec::new(),
            pool: Vec::new(),
            plans: Vec::new(),
            calibration: false,
            complexity: false,
            classes: None,
            writer: None,
            plot: None,
        }
    }

    fn eval(&self, change: impl FnOnce(&mut EvalArgs)) -> Result<Value, String> {
        let mut args = self.asking();
        change(&mut args);
        eval::run(&args, true).map(|text| serde_json::from_str(&text).unwrap())
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn number(report: &Value, path: &str) -> f64 {
    report.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("no number at {path}: {report:#}"))
}

fn gain_over<'r>(report: &'r Value, name: &str) -> &'r Value {
    let orders = report["orders"].as_array().unwrap();
    &orders.iter().find(|order| order["name"] == name).unwrap()["apgr_gain"]
}

#[test]
fn what_words_tell_is_found_and_measured() {
    let bench = Bench::new(&[(
        "a",
        rows("a", "train", (600, 1), Labels::Planted) + &rows("a", "test", (300, 2), Labels::Planted),
    )]);
    let card = bench.train();
    assert_eq!(
        card["card"]["sources"],
        json!([{ "name": "a", "rows": 600 }]),
        "test rows are not learned from"
    );
    let crossed = bench.eval(|args| args.pair = names(&["strong", "weak"])).unwrap();
    // Rows of others alone, as somebody has them who has not the rows it was learned from.
    let hidden = Bench::new(&[("hidden", rows("a", "test", (300, 3), Labels::Planted))]);
    let elsewhere = bench
        .eval(|args| (args.data, args.pair) = (Some(hidden.data()), names(&["strong", "weak"])))
        .unwrap();
    for (report, rows) in [(&crossed, 600.0), (&elsewhere, 300.0)] {
        assert_eq!(number(report, "/rows"), rows);
        assert!(number(report, "/apgr/value") > 0.75, "{report:#}");
        assert!(number(gain_over(report, "length"), "/low") > 0.1, "{report:#}");
        assert!(number(gain_over(report, "domain mean"), "/low") > 0.1, "one domain tells nothing");
        let cpt = ["/cpt50/value", "/cpt80/value", "/cpt95/value"].map(|path| number(report, path));
        assert!(cpt[0] > 1.0 && cpt[0] < cpt[1] && cpt[1] < cpt[2] && cpt[2] < 90.0, "in percent: {cpt:?}");
        assert!(number(report, "/frozen/weak_share") > 0.2 && number(report, "/frozen/loss/value") < 0.02);
        assert_eq!(report["learned_rows"], 0);
    }
    let seen = bench
        .eval(|args| {
            (args.data, args.pair, args.split) = (Some(bench.data()), names(&["strong", "weak"]), None)
        })
        .unwrap();
    assert_eq!(seen["learned_rows"], 600, "what was learned from is no test, and the report says so");
    let test = bench
        .eval(|args| {
            (args.data, args.split, args.calibration) = (Some(bench.data()), Some(Part::Test), true);
            args.complexity = true;
        })
        .unwrap();
    assert!(number(&test, "/calibration/skill_over_class/low") > 0.0, "{test:#}");
    assert!(number(&test, "/complexity/0/gain/low") > 0.0, "{test:#}");
}

#[test]
fn where_nothing_can_be_known_nothing_is_found() {
    let bench = Bench::new(&[("a", rows("a", "train", (1200, 4), Labels::ByLot))]);
    bench.train();
    let report = bench.eval(|args| args.pair = names(&["strong", "weak"])).unwrap();
    let [value, low, high] = ["/apgr/value", "/apgr/low", "/apgr/high"].map(|path| number(&report, path));
    assert!((value - 0.5).abs() < 0.08 && low < 0.5 && high > 0.5, "{value} ({low} to {high})");
    let report = bench.eval(|args| (args.calibration, args.complexity) = (true, true)).unwrap();
    assert!(number(&report, "/calibration/skill_over_class/value") < 0.01, "{report:#}");
    assert!(number(&report, "/complexity/0/learned/value").abs() < 0.12, "{report:#}");
}

#[test]
fn a_pool_saves_where_its_models_agree() {
    let bench = Bench::new(&[("a", rows("a", "train", (500, 5), Labels::Planted))]);
    bench.train();
    let plot = bench.folder.path().join("pool.svg");
    let report = bench
        .eval(|args| {
            (args.pool, args.plans) = (names(&["all"]), vec![Plans::Single, Plans::Cascade]);
            args.plot = Some(plot.clone());
        })
        .unwrap();
    assert_eq!(
        (&report["models"], &report["best_single"]),
        (&json!(["other", "strong", "weak"]), &json!("strong"))
    );
    assert!(number(&report, "/cost_save/low") > 0.2, "{report:#}");
    assert!(number(&report, "/quality_difference/high") > -0.01, "{report:#}");
    assert!(number(&report, "/aiq/value") > 0.5 && number(&report, "/perf_gain/low") > -0.05);
    let text = std::fs::read_to_string(plot).unwrap();
    for part in ["strong", "weak", "other", "predictor and cascades", "oracle", "frontier", "US dollars"] {
        assert!(text.contains(part), "`{part}` is missing");
    }
    for (ask, parts) in [
        ("pair", ["recovered", "domain mean (", "oracle ("]),
        ("calibration", ["mean predicted quality", "a tenth", "mean what they say"]),
    ] {
        let plot = bench.folder.path().join("other.svg");
        let asked = bench.eval(|args| {
            args.plot = Some(plot.clone());
            if ask == "pair" { args.pair = names(&["strong", "weak"]) } else { args.calibration = true }
        });
        assert!(asked.is_ok(), "{asked:?}");
        let text = std::fs::read_to_string(plot).unwrap();
        assert!(parts.iter().all(|part| text.contains(part)), "{ask}: {text}");
    }
}

#[test]
fn what_is_excluded_is_not_learned_from() {
    let bench = Bench::new(&[
        ("a", rows("a", "train", (200, 6), Labels::Planted)),
        ("b", rows("b", "train", (200, 7), Labels::Planted).replace("\"weak\"", "\"weaker\"")),
    ]);
    let learned = |change: &dyn Fn(&mut TrainArgs)| -> Value {
        let mut args = bench.training();
        change(&mut args);
        serde_json::from_str(&train::run(&args, true).unwrap()).unwrap()
    };
    let models = |card: &Value| -> Vec<String> {
        let kinds = card["card"]["targets"].as_array().unwrap().iter().map(|target| &target["kind"]["model"]);
        kinds.filter_map(|kind| Some(kind.as_str()?.to_owned())).collect()
    };
    assert_eq!(models(&learned(&|_| ())), ["other", "strong", "weak", "weaker"]);
    let card = learned(&|args| args.exclude_source = names(&["b"]));
    assert_eq!(card["card"]["sources"], json!([{ "name": "a", "rows": 200 }]));
    assert_eq!(models(&card), ["other", "strong", "weak"]);
    let report = bench.eval(|args| (args.source, args.calibration) = (names(&["b"]), true)).unwrap_err();
    assert!(report.contains("no source `b`; there are a"), "nor is it in the held-out sheet: {report}");
    let transfer = bench
        .eval(|args| {
            (args.data, args.source) = (Some(bench.data()), names(&["b"]));
            args.pair = names(&["strong", "other"]);
        })
        .unwrap();
    assert_eq!((&transfer["rows"], &transfer["learned_rows"]), (&json!(200), &json!(0)));
    assert_eq!(models(&learned(&|args| args.models = names(&["strong"]))), ["strong"]);
}

#[test]
fn a_damaged_predictor_is_refused() {
    let bench = Bench::new(&[("a", rows("a", "train", (150, 8), Labels::Planted))]);
    bench.train();
    let good = std::fs::read(bench.profile()).unwrap();
    let refused = |bytes: &[u8], what: &str| {
        std::fs::write(bench.profile(), bytes).unwrap();
        let fault = bench.eval(|args| args.pair = names(&["strong", "weak"])).unwrap_err();
        assert!(fault.contains("p.pred") && fault.contains(what), "{fault}");
    };
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 4;
    refused(&bad, "damaged");
    refused(&good[..middle], "damaged");
    refused(b"", "not a predictor");
    refused(b"{}", "not a predictor");
    std::fs::write(bench.profile(), good).unwrap();
    assert!(bench.eval(|args| args.pair = names(&["strong", "weak"])).is_ok());
}

#[test]
fn no_report_holds_what_is_not_json() {
    // Every answer of every model is right: nothing to tell apart, no spread, no gap.
    let lines = rows("a", "train", (150, 9), Labels::Planted).replace("\"score\":0", "\"score\":1");
    let bench = Bench::new(&[("a", lines)]);
    bench.train();
    let report = bench.eval(|args| (args.calibration, args.complexity) = (true, true)).unwrap();
    assert_eq!(report["complexity"][0]["learned"]["value"], Value::Null, "{report:#}");
    assert!(bench.eval(|args| args.pool = names(&["all"])).is_ok());
    let fault = bench.eval(|args| args.pair = names(&["strong", "weak"])).unwrap_err();
    assert!(fault.contains("`strong` (1.000) is not better than `weak` (1.000)"), "{fault}");
}

#[test]
fn a_wrong_question_gets_a_clear_answer() {
    let unpriced = |lines: String| lines.replace("\"cost_usd\":0.0005", "\"cost_usd\":null");
    let bench = Bench::new(&[("a", unpriced(rows("a", "train", (150, 10), Labels::Planted)))]);
    bench.train();
    let data = Some(bench.data());
    let pair = names(&["strong", "weak"]);
    let cases: Vec<(&str, Change<'_, EvalArgs>)> = vec![
        ("say what to report", Box::new(|_| ())),
        ("one at a time", Box::new(|args| (args.pair, args.pool) = (pair.clone(), names(&["all"])))),
        (
            "--pair takes two models, STRONG,WEAK; 1 are given",
            Box::new(|args| args.pair = names(&["strong"])),
        ),
        ("no outcomes of `nobody` in the learned rows; there are those of other, strong, weak", {
            Box::new(|args| args.pair = names(&["strong", "nobody"]))
        }),
        ("`weak` (0.7", Box::new(|args| args.pair = names(&["weak", "strong"]))),
        ("no gap to recover", Box::new(|args| args.pair = names(&["strong", "strong"]))),
        ("no outcomes of `nobody`", Box::new(|args| args.pool = names(&["strong", "nobody"]))),
        ("`other` is unpriced", Box::new(|args| args.pool = names(&["strong", "other"]))),
        ("`weak` is twice in the pool", Box::new(|args| args.pool = names(&["weak", "strong", "weak"]))),
        ("two models or more", Box::new(|args| args.pool = names(&["strong"]))),
        (
            "--plans belongs to --pool",
            Box::new(|args| {
                (args.pair, args.plans) = (pair.clone(), vec![Plans::Cascade]);
            }),
        ),
        (
            "--split chooses among the rows of --data",
            Box::new(|args| {
                (args.pair, args.split) = (pair.clone(), Some(Part::Test));
            }),
        ),
        (
            "no row is of that split",
            Box::new(|args| {
                (args.pair, args.data, args.split) = (pair.clone(), data.clone(), Some(Part::Test));
            }),
        ),
        (
            "no source `x`; there are a",
            Box::new(|args| (args.pair, args.source) = (pair.clone(), names(&["x"]))),
        ),
        (
            "no domain `x`; there are words",
            Box::new(|args| {
                (args.pair, args.data, args.domain) = (pair.clone(), data.clone(), names(&["x"]));
            }),
        ),
        (
            "--plot draws one report",
            Box::new(|args| {
                (args.complexity, args.plot) = (true, Some("x.svg".into()));
            }),
        ),
        ("No such file", Box::new(|args| (args.pair, args.data) = (pair.clone(), Some("nowhere".into())))),
        ("No such file", Box::new(|args| (args.pair, args.profile) = (pair.clone(), Some("nowhere".into())))),
    ];
    for (what, change) in cases {
        let fault = bench.eval(change).unwrap_err();
        assert!(fault.contains(what), "`{what}`: {fault}");
    }
    // `all` leaves the unpriced one out.
    assert_eq!(bench.eval(|args| args.pool = names(&["all"])).unwrap()["models"], json!(["strong", "weak"]));
}

#[test]
fn what_cannot_be_learned_is_refused() {
    let bench = Bench::new(&[("a", rows("a", "train", (150, 11), Labels::Planted))]);
    let small = Bench::new(&[("a", rows("a", "train", (50, 12), Labels::Planted))]);
    let tested = Bench::new(&[("a", rows("a", "test", (150, 13), Labels::Planted))]);
    let cases: Vec<(&str, &Bench, Change<'_, TrainArgs>)> = vec![
        ("no source `x`; there are a", &bench, Box::new(|args| args.exclude_source = names(&["x"]))),
        ("no domain `x`; there are words", &bench, Box::new(|args| args.exclude_domain = names(&["x"]))),
        ("no model `x`; there are other, strong, weak", &bench, Box::new(|args| args.models = names(&["x"]))),
        ("no row to learn from", &bench, Box::new(|args| args.exclude_source = names(&["a"]))),
        ("no row to learn from", &tested, Box::new(|_| ())),
        ("no model has the 100 rows", &small, Box::new(|_| ())),
        (
            "`weak` has 50 rows to learn from; 100 are needed",
            &small,
            Box::new(|args| args.models = names(&["weak"])),
        ),
        ("the ridge must be a number above 0, not 0", &bench, Box::new(|args| args.ridge = 0.0)),
        ("the ridge must be a number above 0, not NaN", &bench, Box::new(|args| args.ridge = f32::NAN)),
        ("No such file", &bench, Box::new(|args| args.tiers = Some("nowhere.toml".into()))),
        ("there is no folder", &bench, Box::new(|args| args.out = args.data.join("none/p.pred"))),
        ("No such file", &bench, Box::new(|args| args.data = "nowhere".into())),
    ];
    for (what, bench, change) in cases {
        let mut args = bench.training();
        change(&mut args);
        let fault = train::run(&args, true).unwrap_err();
        assert!(fault.contains(what), "`{what}`: {fault}");
        assert!(!bench.profile().exists(), "nothing is written: {what}");
    }
}

#[test]
fn rows_that_cannot_be_right_are_refused_and_repeated_ones_read_once() {
    let row = rows("a", "train", (1, 14), Labels::Planted);
    let fault_of = |lines: &str| {
        let bench = Bench::new(&[("a", lines.to_owned())]);
        train::run(&bench.training(), true).unwrap_err()
    };
    let changed = |from: &str, to: &str| {
        assert!(row.contains(from), "{row}");
        row.replacen(from, to, 1)
    };
    for (lines, what) in [
        (changed("\"cost_usd\":0.0005", "\"cost_usd\":-0.1"), "`other`: the cost is negative"),
        (changed("\"out_tokens\":20", "\"out_tokens\":-20"), "the number of output tokens is negative"),
        (changed("\"score\":", "\"score\":1"), "the score is not between 0 and 1"),
        (changed("\"split\":\"train\"", "\"split\":\"dev\""), "dev"),
        (changed("\"prompt\":", "\"question\":"), "prompt"),
        ("not json".to_owned(), "expected"),
        (row.clone() + &changed("Please", "Kindly"), "there was another row `train-0` of `a`"),
        (String::new(), "no row to learn from"),
    ] {
        let fault = fault_of(&lines);
        assert!(fault.contains(what), "`{what}`: {fault}");
        assert!(lines.is_empty() || fault.contains("a.jsonl, line "), "{fault}");
    }
    let empty = Bench::new(&[]);
    assert!(train::run(&empty.training(), true).unwrap_err().contains("no .jsonl or .jsonl.gz file there"));
    let lines = rows("a", "train", (150, 15), Labels::Planted);
    let twice = Bench::new(&[("a", lines.clone()), ("copy", lines)]);
    assert_eq!(twice.train()["card"]["sources"][0]["rows"], 150);
    assert!(Path::new(&twice.profile()).exists());
}

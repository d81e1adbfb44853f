//! The demo's words: introduction, summary, and how to go on. Formats what the summary holds, nothing else.

use std::fmt::{self, Write};
use std::net::SocketAddr;

use super::sample::{SHELVES, Sample};
use super::score::Interval;
use super::settings::MAX_QUALITY_LOSS;
use super::summary::{Misroute, Probe, Summary};
use super::table::{WIDTH, cut};
use crate::catalog::Evidence;

/// Least pairs for which evidence is worth a line; smaller classes license nothing.
const PAIRS: u32 = 20;

/// What the demo is, and what it knows before the first question.
pub fn introduction(sample: &Sample, evidence: &[Evidence]) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = write_introduction(&mut text, sample, evidence);
    text
}

/// What came of it.
pub fn summary(summary: &Summary) -> String {
    let mut text = String::new();
    let _ = write_summary(&mut text, summary);
    text
}

/// How to put the proxy in front of one's own application.
pub fn how_to_go_on(files: &str, proxy: SocketAddr) -> String {
    let title = title("In front of your own application");
    format!(
        "{title}\n\
         This demo's proxy was at {proxy}; it is gone now. Its configuration, evidence and ledger are in\n  {files}\n\
         Look at them:   pointsman --config {files}/demo.toml report --by model\n\
         \x20               pointsman --config {files}/demo.toml explain REQUEST_ID\n\n\
         Start your own: pointsman serve --config conf/pointsman.toml      (observes; changes no request)\n\
         then tell your SDK where it is, and nothing else:\n\n  \
         Python   OpenAI(base_url=\"http://127.0.0.1:8080/v1\")        Anthropic(base_url=\"http://127.0.0.1:8080\")\n  \
         Shell    export OPENAI_BASE_URL=http://127.0.0.1:8080/v1    ANTHROPIC_BASE_URL=http://127.0.0.1:8080\n\n\
         Requests that name a model keep it. Requests for model \"auto\" are routed by the policy you write.\n"
    )
}

fn write_introduction(out: &mut String, sample: &Sample, evidence: &[Evidence]) -> fmt::Result {
    writeln!(out, "{}", title("Pointsman demo"))?;
    writeln!(
        out,
        "Three simulated providers and the proxy on loopback; {} prompts of GSM8K (maths) and CRUXEval (code).\n\
         Outcomes, token counts and prices are recorded ones of models of 2023-24; nothing is called outside this\n\
         machine. Whether an answer is right is looked up after it arrived; the proxy never learns it.\n",
        sample.test.len()
    )?;
    writeln!(out, "{:<18} {:<11} {:>14} {:>15}", "model", "tier", "$/M tokens in", "$/M tokens out")?;
    for (shelf, model) in SHELVES.iter().zip(&sample.models) {
        let tier = shelf.tier.as_str();
        writeln!(out, "{:<18} {tier:<11} {:>14.2} {:>15.2}", shelf.id, model.input, model.output)?;
    }
    writeln!(
        out,
        "\nEvidence, from {} train rows that are not served. A cheaper model may serve a class when its loss of\n\
         quality against {} is below {:.1} points with 95 % confidence:\n",
        sample.train.len(),
        SHELVES[super::sample::BASELINE].id,
        MAX_QUALITY_LOSS * 100.0
    )?;
    write_evidence(out, evidence)
}

fn write_evidence(out: &mut String, evidence: &[Evidence]) -> fmt::Result {
    let head = ["class", "model", "pairs", "mean loss", "at most", "may serve"];
    writeln!(
        out,
        "{:<16} {:<18} {:>6} {:>10} {:>9}   {}",
        head[0], head[1], head[2], head[3], head[4], head[5]
    )?;
    for cell in evidence.iter().filter(|cell| cell.pairs >= PAIRS) {
        writeln!(
            out,
            "{:<16} {:<18} {:>6} {:>10} {:>9}   {}",
            cell.task.as_str(),
            cell.model.as_str(),
            cell.pairs,
            points(cell.mean_loss),
            points(cell.loss_upper),
            if cell.loss_upper <= MAX_QUALITY_LOSS { "yes" } else { "no" }
        )?;
    }
    let small: u32 = evidence
        .iter()
        .filter(|cell| cell.pairs < PAIRS && cell.model.as_str() == SHELVES[0].id)
        .map(|cell| cell.pairs)
        .sum();
    writeln!(out, "(classes of fewer than {PAIRS} rows license nothing: {small} rows)\n")
}

fn write_summary(out: &mut String, summary: &Summary) -> fmt::Result {
    writeln!(out, "\n{}", title(&format!("What came of {} prompts", summary.test_rows)))?;
    write_ways(out, summary)?;
    write_differences(out, summary)?;
    let served = summary.served.iter().map(|(model, count)| format!("{model} {count}"));
    writeln!(out, "Served by        {}", served.collect::<Vec<_>>().join(", "))?;
    let reasons = summary.reasons.iter().map(|(reason, count)| format!("{reason} {count}"));
    writeln!(out, "Because          {}", reasons.collect::<Vec<_>>().join(", "))?;
    if let (Some(p50), Some(p99)) = (summary.overhead_p50_us, summary.overhead_p99_us) {
        writeln!(
            out,
            "Added by proxy   {p50:.0} us at the median, {p99:.0} us at the 99th percentile, as it says itself"
        )?;
    }
    writeln!(
        out,
        "Cost headers     {} of {} whole answers agree with tokens x list price",
        summary.costs_agree, summary.costs_compared
    )?;
    write_misroutes(out, summary)?;
    write_probes(out, summary)?;
    write_caveats(out, summary)
}

fn write_ways(out: &mut String, summary: &Summary) -> fmt::Result {
    writeln!(out, "{:<72} {:>8} {:>10}", "way to serve", "right", "cost $")?;
    writeln!(out, "{}", "-".repeat(92))?;
    for way in &summary.ways {
        writeln!(out, "{:<72} {:>6.1} % {:>10.4}", cut(&way.name, 72), way.quality * 100.0, way.cost_usd)?;
    }
    writeln!(out)
}

fn write_differences(out: &mut String, summary: &Summary) -> fmt::Result {
    let baseline = SHELVES[super::sample::BASELINE].id;
    let share = &summary.cost_share;
    writeln!(
        out,
        "Against always {baseline} (95 % intervals, paired bootstrap, n = {}):",
        summary.test_rows
    )?;
    writeln!(out, "  quality        {} points", interval(&summary.quality_difference))?;
    writeln!(
        out,
        "  cost           {:+.0} %  ({:+.0} .. {:+.0})",
        (share.value - 1.0) * 100.0,
        (share.low - 1.0) * 100.0,
        (share.high - 1.0) * 100.0
    )?;
    writeln!(out, "The quality difference is the sum of two things:")?;
    writeln!(
        out,
        "  downgrading    {} points: spending this little without looking at the prompt",
        points(summary.downgrading)
    )?;
    let lift = &summary.routing_lift;
    writeln!(out, "  routing lift   {} points: choosing by the prompt; {}\n", interval(lift), verdict(lift))
}

/// Whether the interval tells a sign.
fn verdict(lift: &Interval) -> &'static str {
    match lift {
        lift if lift.low > 0.0 => "above zero",
        lift if lift.high < 0.0 => "below zero",
        _ => "not proved, the interval holds zero",
    }
}

fn write_misroutes(out: &mut String, summary: &Summary) -> fmt::Result {
    writeln!(
        out,
        "\n{}\n{} answers were lost that {} had right, {} won that it had wrong. The worst (least saved):",
        title("Misroutes"),
        summary.lost,
        SHELVES[super::sample::BASELINE].id,
        summary.won
    )?;
    summary.misroutes.iter().try_for_each(|misroute| write_misroute(out, misroute))
}

fn write_misroute(out: &mut String, misroute: &Misroute) -> fmt::Result {
    let complexity = misroute.complexity.map_or_else(|| String::from("-"), |score| format!("{score:.2}"));
    writeln!(
        out,
        "  {}  {} {complexity}, served by {} ({}), {}  {}",
        misroute.id,
        misroute.task,
        misroute.model,
        misroute.reason,
        saving(misroute.saved_usd),
        misroute.request
    )?;
    writeln!(out, "      {}", cut(&misroute.excerpt.replace('\n', " "), WIDTH - 6))
}

fn saving(usd: f64) -> String {
    if usd < 0.0 { format!("${:.6} dearer", -usd) } else { format!("saved ${usd:.6}") }
}

fn write_probes(out: &mut String, summary: &Summary) -> fmt::Result {
    writeln!(out, "\n{}", title("Two requests that were meant to go wrong"))?;
    let no_route = &summary.probes.no_route;
    writeln!(
        out,
        "No route: `auto` with x-pointsman-max-cost-usd: 0.0000001 -> {}{}",
        no_route.status,
        unmeant(no_route)
    )?;
    write_wrapped(out, &no_route.message)?;
    let fallback = &summary.probes.fallback;
    writeln!(
        out,
        "Fallback: its only candidate refuses connections -> {}, path {}, served by {}{}",
        fallback.status,
        fallback.path,
        fallback.model,
        unmeant(fallback)
    )?;
    write_wrapped(out, &format!("attempts: {}", fallback.attempts))?;
    if fallback.message.is_empty() { Ok(()) } else { write_wrapped(out, &fallback.message) }
}

fn unmeant(probe: &Probe) -> &'static str {
    if probe.as_meant { "" } else { "   NOT as it should be" }
}

fn write_wrapped(out: &mut String, text: &str) -> fmt::Result {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + word.chars().count() + 7 > WIDTH {
            writeln!(out, "      {line}")?;
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    writeln!(out, "      {}", cut(&line, WIDTH - 6))
}

fn write_caveats(out: &mut String, summary: &Summary) -> fmt::Result {
    writeln!(
        out,
        "\nRead this with care: models and prices are of 2023-24; two public benchmarks are not your traffic; outcomes\n\
         are recorded ones, one answer a model ({} train, {} test rows); the three models and the limit were picked\n\
         with these data at hand; latencies are simulated. Nothing here says how today's models would do.\n\
         Provenance and licences: benches/data/README.md.\n",
        summary.train_rows, summary.test_rows
    )
}

fn points(share: f64) -> String {
    format!("{:+.1}", share * 100.0)
}

fn interval(interval: &Interval) -> String {
    format!("{}  ({} .. {})", points(interval.value), points(interval.low), points(interval.high))
}

fn title(text: &str) -> String {
    format!("{text}\n{}", "=".repeat(text.chars().count()))
}

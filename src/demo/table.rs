//! The live table: one line an answer, in columns that do not move. Formats, and decides nothing.

use super::Observation;

/// Widest line.
pub const WIDTH: usize = 110;

/// The head of the table and a rule below it.
pub fn heading() -> String {
    let head = format!(
        "{:>4}  {:<13} {:>5}  {:<17} {:<8} {:<21} {:>10} {:>7} {:>7}  {:<6}",
        "row", "class", "cplx", "model", "path", "reason", "cost $", "ms", "+us", "answer"
    );
    format!("{head}\n{}", "-".repeat(WIDTH))
}

/// One answer; a problem stands in a line of its own.
pub fn line(observation: &Observation) -> String {
    let verdict = if observation.score > 0.5 { "right" } else { "wrong" };
    let line = format!(
        "{:>4}  {:<13} {:>5}  {:<17} {:<8} {:<21} {:>10.6} {:>7.0} {:>7}  {:<6}",
        observation.row + 1,
        cut(or_dash(&observation.task), 13),
        observation.complexity.map_or_else(|| String::from("-"), |score| format!("{score:.2}")),
        cut(or_dash(&observation.model), 17),
        cut(or_dash(&observation.path), 8),
        cut(or_dash(&observation.reason), 21),
        observation.cost_usd,
        observation.latency_ms,
        observation.overhead_us.map_or_else(|| String::from("-"), |us| format!("{us:.0}")),
        verdict
    );
    match &observation.problem {
        Some(problem) => format!("{line}\n      ! {}", cut(problem, WIDTH - 8)),
        None => line,
    }
}

/// At most `width` characters; what is missing is marked.
pub fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_at_a_character() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö…");
        assert!(heading().lines().all(|line| line.chars().count() <= WIDTH));
    }
}

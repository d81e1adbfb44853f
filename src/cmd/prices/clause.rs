//! The rules by which genai-prices says what names mean a model. Letters count alike in either case, but in patterns.

use regex::RegexBuilder;
use serde::Deserialize;

/// A pattern that takes more memory than this is not tried.
const PATTERN_BYTES: usize = 1 << 20;

/// One rule.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Clause {
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    Equals(String),
    Regex(String),
    Or(Vec<Clause>),
    And(Vec<Clause>),
}

impl Clause {
    /// Whether the rule takes a name. A pattern that cannot be read takes none. serde_json bounds how deep rules nest.
    pub(super) fn matches(&self, name: &str) -> bool {
        let lower = name.to_lowercase();
        match self {
            Self::StartsWith(part) => lower.starts_with(&part.to_lowercase()),
            Self::EndsWith(part) => lower.ends_with(&part.to_lowercase()),
            Self::Contains(part) => lower.contains(&part.to_lowercase()),
            Self::Equals(whole) => lower == whole.to_lowercase(),
            Self::Regex(pattern) => RegexBuilder::new(pattern)
                .size_limit(PATTERN_BYTES)
                .build()
                .is_ok_and(|pattern| pattern.is_match(name)),
            Self::Or(rules) => rules.iter().any(|rule| rule.matches(name)),
            Self::And(rules) => rules.iter().all(|rule| rule.matches(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_take_the_names_they_mean() {
        let rule = r#"{"or": [{"equals": "GPT-4o"}, {"and": [{"starts_with": "gpt-4o-"}, {"ends_with": "-06"}]},
            {"contains": "omni"}, {"regex": "^o[0-9](-\\d{4})?$"}, {"regex": "("}]}"#;
        let rule: Clause = serde_json::from_str(rule).unwrap();
        for (name, taken) in [
            ("gpt-4o", true),
            ("gpt-4o-2024-08-06", true),
            ("gpt-4o-mini", false),
            ("xOMNIx", true),
            ("o3-2025", true),
            ("o3-mini", false),
        ] {
            assert_eq!(rule.matches(name), taken, "{name}");
        }
    }
}

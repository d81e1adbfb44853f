//! Ids of calls: ones of ours where a provider gives none, and ones that fit where a target does not take what a client has.

use xxhash_rust::xxh3::xxh3_64;

use super::text::Text;

/// What a target takes for the id of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallIds {
    /// Any text, as long as 40 characters at most (OpenAI's API refuses longer ones).
    Short,
    /// Letters, digits, `_` and `-` (Anthropic's `^[a-zA-Z0-9_-]+$`).
    Plain,
    /// Nine letters and digits, as Mistral's API wants them.
    Nine,
}

/// Longest id of `CallIds::Short`, bytes.
const SHORT: usize = 40;
/// Letters of an id of nine.
const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// An id for a call whose provider gave none: like no other's of the conversation, as answers have ids of their own. `second`
/// is when the answer was asked for, for providers whose answers have none.
pub(super) fn made(answer: &Text<'_>, second: u64, call: usize) -> Text<'static> {
    let stem = xxh3_64(answer.escaped().as_bytes()) ^ second;
    Text::plain(&format!("call_{stem:016x}_{call}"))
}

impl CallIds {
    /// The id as it is where the target takes it, else one that follows from it: a call and its result still agree.
    pub(super) fn fit<'a>(self, id: &Text<'a>) -> Text<'a> {
        let given = id.escaped();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let fits = match self {
            Self::Short => given.len() <= SHORT,
            Self::Plain => !given.is_empty() && given.bytes().all(plain),
            Self::Nine => given.len() == 9 && given.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        };
        match self {
            _ if fits => id.clone(),
            Self::Short | Self::Plain => Text::plain(&format!("call_{:016x}", xxh3_64(given.as_bytes()))),
            Self::Nine => Text::plain(&nine(xxh3_64(given.as_bytes()))),
        }
    }
}

fn nine(mut hash: u64) -> String {
    let letter = |_| {
        let at = (hash % 62) as usize;
        hash /= 62;
        char::from(LETTERS[at])
    };
    (0..9).map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_fit_their_target_and_agree() {
        let long = "x".repeat(41);
        let cases = [
            (CallIds::Short, "functions.f:0", true),
            (CallIds::Short, long.as_str(), false),
            (CallIds::Plain, "toolu_01-a", true),
            (CallIds::Plain, "functions.f:0", false),
            (CallIds::Plain, "", false),
            (CallIds::Nine, "abcDEF123", true),
            (CallIds::Nine, "call_7", false),
        ];
        for (ids, given, stays) in cases {
            let text = Text::plain(given);
            let fitted = ids.fit(&text);
            assert_eq!(fitted == text, stays, "{ids:?} {given}");
            assert_eq!(ids.fit(&fitted), fitted, "{ids:?} takes what it made of {given}");
        }
        let short = |at: usize| CallIds::Nine.fit(&Text::plain(&format!("toolu_{at}"))).escaped().to_owned();
        let many: std::collections::HashSet<String> = (0..10_000).map(short).collect();
        assert_eq!(many.len(), 10_000);
    }

    #[test]
    fn made_ids_are_an_answers_own() {
        let (one, two) = (Text::plain("r1"), Text::plain("r2"));
        assert_ne!(made(&one, 1, 0), made(&two, 1, 0));
        assert_ne!(made(&one, 1, 0), made(&one, 1, 1));
        assert_ne!(made(&Text::default(), 1, 0), made(&Text::default(), 2, 0));
        assert!(made(&one, u64::MAX, 255).escaped().len() <= SHORT);
    }
}

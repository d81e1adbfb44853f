//! What we read of a body is what others read of it: bodies made to be read in two ways go through our reader and through
//! `serde_json`, and whatever ours accepts must mean the same to both. `INPUTS=1000000` runs more of them.

use pointsman::codec::{Scratch, read};
use pointsman::types::Operation;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::Value;

/// Keys that a decision reads, and look-alikes that it must not.
const KEYS: &[&str] = &[
    "model",
    "messages",
    "stream",
    "max_tokens",
    "max_completion_tokens",
    "n",
    "tools",
    "temperature",
    "system",
    "stream_options",
    "Model",
    "MODEL",
    "model ",
    "mod\\u0065l",
    "\\u006dodel",
    "m\\u006fdel",
    "model\\u0000",
    "stre\\u0061m",
    "max_token\\u0073",
    "x",
    "user",
    "metadata",
    "response_format",
    "",
];
/// Numbers; the first ones are right.
const NUMBERS: &[&str] = &[
    "1",
    "5",
    "4096",
    "0",
    "-1",
    "-0",
    "1.0",
    "1e2",
    "1E2",
    "1.5",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "18446744073709551615",
    "1e-400",
    "18446744073709551616",
    "123456789012345678901234567890",
    "1e400",
    "-1e400",
    "01",
    "+1",
    ".5",
    "1.",
    "0x10",
    "NaN",
    "Infinity",
];
/// Texts; the first ones are right.
const TEXTS: &[&str] = &[
    "\"gpt-9\"",
    "\"auto\"",
    "\"small\"",
    "\"a\\u0062c\"",
    "\"\\ud83d\\ude00\"",
    "\"tab\\there\"",
    "\"\\u0000\"",
    "\"\\/\"",
    "\"caf\u{e9}\"",
    "\"\"",
    "\"gpt\\\"9\"",
    "\"\u{2028}\"",
    "\"\u{feff}\"",
    "\"\\ud800\"",
    "\"\\udc00x\"",
    "\"\t\"",
    "\"\u{0}\"",
    "\"\\x\"",
    "'single'",
    "\"open",
];
const SPACES: &[&str] = &["", "", "", " ", "\n", "\r\n", "\t", "  ", "\u{b}", "\u{a0}", "/* */", "//\n"];

struct Maker {
    random: StdRng,
}

impl Maker {
    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from.choose(&mut self.random).copied().unwrap_or_default()
    }

    fn space(&mut self) -> &'static str {
        // Odd blanks are rare, or nothing would be accepted.
        let few = if self.random.random_ratio(1, 60) { SPACES.len() } else { 8 };
        self.pick(&SPACES[..few])
    }

    fn value(&mut self, depth: u32) -> String {
        match self.random.random_range(0..if depth > 3 { 5 } else { 8 }) {
            0 => {
                let words = if self.rare() { 5 } else { 3 };
                self.pick(&["true", "false", "null", "True", "nul"][..words]).to_owned()
            }
            1 | 2 => self.number().to_owned(),
            3 | 4 => self.text().to_owned(),
            5 => self.object(depth + 1, KEYS),
            6 => {
                let items: Vec<String> =
                    (0..self.random.random_range(0..4)).map(|_| self.value(depth + 1)).collect();
                let comma = if self.rare() { ",," } else { "," };
                format!("[{}]", items.join(comma))
            }
            _ => self.message(),
        }
    }

    fn number(&mut self) -> &'static str {
        let some = if self.rare() { NUMBERS.len() } else { 15 };
        self.pick(&NUMBERS[..some])
    }

    fn text(&mut self) -> &'static str {
        let some = if self.rare() { TEXTS.len() } else { 13 };
        self.pick(&TEXTS[..some])
    }

    fn rare(&mut self) -> bool {
        self.random.random_ratio(1, 25)
    }

    fn message(&mut self) -> String {
        let role = self.pick(&[
            "\"user\"",
            "\"assistant\"",
            "\"system\"",
            "\"tool\"",
            "\"developer\"",
            "\"us\\u0065r\"",
        ]);
        let content = match self.random.random_range(0..3) {
            0 => format!("[{{\"type\":\"text\",\"text\":{}}}]", self.text()),
            _ => self.text().to_owned(),
        };
        let again = if self.rare() { ",\"role\":\"assistant\"" } else { "" };
        format!("{{\"role\":{role},\"content\":{content}{again}}}")
    }

    fn member(&mut self, key: &str, depth: u32) -> String {
        let value = match key {
            // Mostly what a request has, so that most bodies are read.
            "model" if !self.rare() => self.pick(&TEXTS[..4]).to_owned(),
            "messages" if !self.rare() => {
                let messages: Vec<String> =
                    (0..self.random.random_range(1..4)).map(|_| self.message()).collect();
                format!("[{}]", messages.join(","))
            }
            "stream" if !self.rare() => self.pick(&["true", "false"]).to_owned(),
            "max_tokens" | "max_completion_tokens" | "n" if !self.rare() => {
                self.pick(&NUMBERS[..3]).to_owned()
            }
            _ => self.value(depth),
        };
        format!("{}\"{key}\"{}:{}{value}{}", self.space(), self.space(), self.space(), self.space())
    }

    fn object(&mut self, depth: u32, keys: &[&'static str]) -> String {
        let count = self.random.random_range(0..4);
        let members: Vec<String> = (0..count)
            .map(|_| {
                let key = self.pick(keys);
                self.member(key, depth)
            })
            .collect();
        let end = if self.rare() { "," } else { "" };
        format!("{{{}{end}}}", members.join(","))
    }

    fn body(&mut self) -> Vec<u8> {
        let mut members = vec![self.member("model", 0), self.member("messages", 0)];
        for _ in 0..self.random.random_range(0..5) {
            let key = self.pick(KEYS);
            members.push(self.member(key, 0));
        }
        if self.random.random_ratio(1, 30) {
            // Past thirty-two members some maps change their form, and with it which of two equal keys they find.
            members.extend((0..40).map(|at| format!("\"k{at}\":{at}")));
        }
        for at in (1..members.len()).rev() {
            let other = self.random.random_range(0..=at);
            members.swap(at, other);
        }
        let mut body = format!("{}{{{}}}{}", self.space(), members.join(","), self.space()).into_bytes();
        match self.random.random_range(0..30) {
            0 => body.truncate(self.random.random_range(0..=body.len())),
            1 => {
                let at = self.random.random_range(0..body.len());
                body[at] = self.random.random();
            }
            2 => body.splice(0..0, *b"\xef\xbb\xbf").for_each(drop),
            3 => body.extend_from_slice(self.pick(&["{}", " null", "\u{0}", "]", "x"]).as_bytes()),
            _ => {}
        }
        body
    }
}

/// The keys whose second occurrence could show one thing to us and another to a provider.
const ONCE: &[&str] =
    &["model", "messages", "stream", "max_tokens", "max_completion_tokens", "n", "tools", "stream_options"];

/// The members of an object's text as they stand, repeated keys and all.
fn members(text: &str) -> Option<Vec<(String, Value)>> {
    struct All(Vec<(String, Value)>);
    impl<'de> serde::Deserialize<'de> for All {
        fn deserialize<D: serde::Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
            struct Each;
            impl<'de> serde::de::Visitor<'de> for Each {
                type Value = All;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object")
                }
                fn visit_map<M: serde::de::MapAccess<'de>>(self, mut map: M) -> Result<All, M::Error> {
                    let mut found = Vec::new();
                    while let Some(member) = map.next_entry()? {
                        found.push(member);
                    }
                    Ok(All(found))
                }
            }
            reader.deserialize_map(Each)
        }
    }
    serde_json::from_str::<All>(text).ok().map(|all| all.0)
}

/// A whole number; `-0` is none to `serde_json`.
fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| (value.as_f64() == Some(0.0)).then_some(0))
}

/// What is wrong with a body that our reader takes, if anything is.
fn divergence(body: &[u8], scratch: &mut Scratch) -> Result<bool, String> {
    let Ok((request, turns)) =
        read(Operation::ChatCompletions, body, scratch, |view| view.turns.len() + view.system.len())
    else {
        return Ok(false);
    };
    let text = std::str::from_utf8(body).map_err(|_| "it is not UTF-8".to_owned())?;
    let members = members(text).ok_or("serde_json does not read it")?;
    let all = |key: &str| {
        members.iter().filter(|(name, _)| name == key).map(|(_, value)| value).collect::<Vec<_>>()
    };
    if let Some(key) = ONCE.iter().find(|key| all(key).len() > 1) {
        return Err(format!("`{key}` stands twice"));
    }
    let value = |key: &str| all(key).first().copied().filter(|value| !value.is_null());
    let same = [
        ("model", value("model").and_then(Value::as_str) == Some(&request.model)),
        ("stream", value("stream").and_then(Value::as_bool).unwrap_or(false) == request.stream),
        (
            "n",
            value("n").map_or(1, |n| whole(n).map_or(u64::MAX, |n| n.min(u64::from(u32::MAX))))
                == u64::from(request.choices),
        ),
        (
            "messages",
            value("messages").and_then(Value::as_array).is_some_and(|messages| messages.len() >= turns),
        ),
    ];
    if let Some((key, _)) = same.iter().find(|(_, same)| !same) {
        return Err(format!("`{key}` differs: {request:?}"));
    }
    // Larger ones are as good as none.
    let bounded = |cap: &Value| whole(cap).map(|cap| cap.min(u64::from(u32::MAX)));
    let caps: Vec<Option<u64>> =
        ["max_tokens", "max_completion_tokens"].iter().filter_map(|key| value(key)).map(bounded).collect();
    match (request.max_output_tokens, caps.as_slice()) {
        (None, []) => Ok(true),
        (Some(ours), caps) if caps.contains(&Some(u64::from(ours))) => Ok(true),
        (ours, caps) => Err(format!("the output cap is {ours:?} to us and {caps:?} to others")),
    }
}

#[test]
fn what_we_read_is_what_others_read() {
    let inputs: u64 = std::env::var("INPUTS").ok().and_then(|text| text.parse().ok()).unwrap_or(20_000);
    let seed = std::env::var("SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let mut maker = Maker { random: StdRng::seed_from_u64(seed) };
    let mut scratch = Scratch::default();
    let mut accepted = 0_u64;
    for input in 0..inputs {
        let body = maker.body();
        match divergence(&body, &mut scratch) {
            Ok(taken) => accepted += u64::from(taken),
            Err(what) => panic!("input {input}: {what}\n{}", String::from_utf8_lossy(&body)),
        }
    }
    println!("{inputs} inputs, {accepted} accepted, 0 read in two ways");
    assert!(accepted * 5 > inputs, "{accepted} of {inputs} accepted: too few to prove anything");
}

//! The text of a test's configuration: two shelves (small and large) in two dialects, a key of ours for each provider,
//! short clocks. A test changes what it is about and leaves the rest.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

use super::FakeProvider;

/// Our own key at the small OpenAI-dialect provider.
pub const KEY_A: &str = "sk-canary-A-71c2e0d4a9";
/// Our own key at the large OpenAI-dialect provider.
pub const KEY_B: &str = "sk-canary-B-0f5be3317d";
/// Our own key at the small Anthropic-dialect provider.
pub const KEY_C: &str = "sk-canary-C-9a4410be62";
/// Our own key at the large Anthropic-dialect provider.
pub const KEY_D: &str = "sk-canary-D-55d8c1f07e";
/// Our own key at the small Gemini-dialect provider.
pub const KEY_E: &str = "AIza-canary-E-2b8f60c417";
/// Our own key at the large Gemini-dialect provider.
pub const KEY_F: &str = "AIza-canary-F-c30d97ab58";
/// The key of the one client, in tests that configure one.
pub const CLIENT_KEY: &str = "pk-canary-client-3b9d21";

/// What a large model costs in USD per million tokens: input and output. Cached input costs a tenth of input, and a
/// small model a tenth of a large one.
pub const LARGE_PRICE: (f64, f64) = (2.5, 10.0);
/// What one right answer of a large model costs in nano-dollars: 16 input, 5 cached, 7 output tokens.
pub const LARGE_COST: u64 = 16 * 2500 + 5 * 250 + 7 * 10_000;
/// The same of a small model.
pub const SMALL_COST: u64 = LARGE_COST / 10;

/// Every class a chain goes on after in the tests.
pub const CLASSES: &str = "[\"connect\", \"dns\", \"tls\", \"timeout\", \"rate_limit\", \"overloaded\", \
     \"server_error\", \"malformed\", \"empty\", \"context_length\", \"unsupported\"]";

/// A configuration before it is text. Providers `a`, `b` speak OpenAI's dialect, `c`, `d` Anthropic's, `g` Gemini's;
/// `a` and `c` serve the small models, the others the large ones.
#[derive(Clone, Debug)]
pub struct TestConfig {
    /// Root of the provider that serves the small models.
    pub small: String,
    /// Root of the provider that serves the large models.
    pub large: String,
    /// `observe`, `canary` or `route`, for models that the client named.
    pub mode: &'static str,
    /// Model names the policies are for.
    pub models: Vec<String>,
    /// Whether the chain goes from the small to the large models.
    pub fallback: bool,
    /// Extra attempts on the last hop.
    pub retries: u32,
    /// `true`: our keys; `false`: the caller's own.
    pub held: bool,
    /// Whether callers must present [`CLIENT_KEY`].
    pub client_auth: bool,
    /// Clocks of every provider: connect, first byte, idle, total.
    pub clocks_ms: [u32; 4],
    /// The policies' deadline.
    pub deadline_ms: u32,
    /// Largest request body.
    pub max_body_bytes: usize,
    /// Certificate and key of the data listener.
    pub tls: Option<(String, String)>,
    /// Upstream names declared besides, on the large shelf: provider and name.
    pub named: Vec<(&'static str, String)>,
    /// Whether clients of Responses and of Gemini have models of their own dialect, too: `small` and `large` serve Responses, and
    /// providers `e` and `f` speak Gemini's dialect.
    pub every_client: bool,
    /// Share of sessions that `canary` routes, and share that the baseline always serves.
    pub shares: (f64, f64),
    /// More lines of the policies.
    pub policy_lines: String,
    /// Pieces of the finished text and what stands in their place; each must be there.
    pub swaps: Vec<(String, String)>,
}

impl TestConfig {
    /// `auto` goes to the small model with the large one behind it; everything else is observed.
    pub fn new(small: &FakeProvider, large: &FakeProvider) -> Self {
        Self {
            small: small.url(),
            large: large.url(),
            mode: "observe",
            models: vec!["*".to_owned()],
            fallback: true,
            retries: 0,
            held: true,
            client_auth: false,
            clocks_ms: [1000, 2000, 2000, 15_000],
            deadline_ms: 15_000,
            max_body_bytes: 33_554_432,
            tls: None,
            named: Vec::new(),
            every_client: false,
            shares: (0.0, 0.0),
            policy_lines: String::new(),
            swaps: Vec::new(),
        }
    }

    /// The secrets its `env:` references mean.
    pub fn secrets() -> HashMap<String, String> {
        let known = [("KEY_A", KEY_A), ("KEY_B", KEY_B), ("KEY_C", KEY_C), ("KEY_D", KEY_D)];
        let more = [("KEY_E", KEY_E), ("KEY_F", KEY_F), ("CLIENT_KEY", CLIENT_KEY)];
        let known = known.into_iter().chain(more);
        known.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Puts something else in the place of a piece of the finished text.
    pub fn swap(&mut self, piece: &str, instead: &str) {
        self.swaps.push((piece.to_owned(), instead.to_owned()));
    }

    /// The text, with the ledger at this path.
    pub fn text(&self, ledger: &Path) -> String {
        let mut text = self.server();
        if self.client_auth {
            text += "[[clients]]\nid = \"app\"\nkey = \"env:CLIENT_KEY\"\ntags = { team = \"search\" }\n\n";
        }
        text += &self.providers();
        text += &self.models();
        text += &self.policy("chat", "/v1/chat/completions", ["small", "large"]);
        text += &self.policy("messages", "/v1/messages", ["claude-small", "claude-large"]);
        if self.every_client {
            text += &self.policy("responses", "/v1/responses", ["small", "large"]);
            text += &self.policy("gemini", "/v1beta/models/", ["gemini-small", "gemini-large"]);
        }
        let _ = writeln!(text, "[ledger]\npath = {ledger:?}\nmode = \"best_effort\"");
        for (piece, instead) in &self.swaps {
            assert!(text.contains(piece), "the configuration of the tests has no `{piece}`");
            text = text.replace(piece, instead);
        }
        text
    }

    fn server(&self) -> String {
        let listen = match &self.tls {
            None => "\"127.0.0.1:0\"".to_owned(),
            Some((cert, key)) => {
                format!("{{ addr = \"127.0.0.1:0\", tls = {{ cert = {cert:?}, key = {key:?} }} }}")
            }
        };
        format!(
            "[server]\nlisten = [{listen}]\nadmin = \"127.0.0.1:0\"\nmax_body_bytes = {}\n\
             default_provider = {{ openai = \"a\", anthropic = \"c\", gemini = \"{}\" }}\n\n",
            self.max_body_bytes,
            if self.every_client { "e" } else { "g" }
        )
    }

    fn providers(&self) -> String {
        let [connect, first_byte, idle, total] = self.clocks_ms;
        let rows = [
            ("a", "openai", format!("{}/v1", self.small), "bearer", "KEY_A"),
            ("b", "openai", format!("{}/v1", self.large), "bearer", "KEY_B"),
            ("c", "anthropic", self.small.clone(), "x-api-key", "KEY_C"),
            ("d", "anthropic", self.large.clone(), "x-api-key", "KEY_D"),
            ("g", "gemini", self.large.clone(), "x-goog-api-key", ""),
            ("e", "gemini", self.small.clone(), "x-goog-api-key", "KEY_E"),
            ("f", "gemini", self.large.clone(), "x-goog-api-key", "KEY_F"),
        ];
        let rows = rows.into_iter().filter(|row| self.every_client || !["e", "f"].contains(&row.0));
        let mut text = String::new();
        let retries = self.retries;
        for (id, dialect, url, auth, key) in rows {
            let held = self.held && !key.is_empty();
            let credential = if held { format!("env:{key}") } else { "passthrough".to_owned() };
            let _ = writeln!(
                text,
                "[[providers]]\nid = \"{id}\"\ndialect = \"{dialect}\"\nbase_url = \"{url}\"\nauth = \"{auth}\"\n\
                 credential = \"{credential}\"\nretries = {retries}\ntimeouts = {{ connect_ms = {connect}, \
                 first_byte_ms = {first_byte}, idle_ms = {idle}, total_ms = {total} }}\n"
            );
        }
        text
    }

    fn models(&self) -> String {
        let large = (0.9, LARGE_PRICE.0, LARGE_PRICE.1);
        let small = (0.8, LARGE_PRICE.0 / 10.0, LARGE_PRICE.1 / 10.0);
        let mut text = model("small", ("a", "small-1"), small);
        text += &model("large", ("b", "large-1"), large);
        if self.every_client {
            text = text.replace("\"sampling\"]", "\"sampling\", \"responses\"]");
            text += &model("gemini-small", ("e", "gemini-small-1"), small);
            text += &model("gemini-large", ("f", "gemini-large-1"), large);
        }
        text += &model("claude-small", ("c", "claude-small-1"), small);
        text += &model("claude-large", ("d", "claude-large-1"), large);
        for (number, (provider, name)) in self.named.iter().enumerate() {
            text += &model(&format!("named-{number}"), (provider, name), large);
        }
        text
    }

    fn policy(&self, name: &str, path: &str, [small, large]: [&str; 2]) -> String {
        let fallback = if self.fallback { format!("\"{large}\"") } else { String::new() };
        let mut models = vec!["auto".to_owned()];
        models.extend(self.models.iter().cloned());
        format!(
            "[[policies]]\nname = \"{name}\"\nmatch = {{ models = {models:?}, paths = [\"{path}\"] }}\n\
             mode = \"{}\"\nbaseline = \"{large}\"\ncandidates = [\"{small}\", \"{large}\"]\nlicense = \"prior\"\n\
             max_quality_loss = 0.5\ndeadline_ms = {}\nobjective = \"cheapest\"\nfallback = [{fallback}]\non = {CLASSES}\n\
             canary_share = {:?}\nholdout = {:?}\n{}\n\n",
            self.mode, self.deadline_ms, self.shares.0, self.shares.1, self.policy_lines
        )
    }
}

fn model(id: &str, (provider, name): (&str, &str), (quality, input, output): (f64, f64, f64)) -> String {
    let tier = if quality > 0.85 { "frontier" } else { "edge" };
    format!(
        "[[models]]\nid = \"{id}\"\ntier = \"{tier}\"\ncontext_tokens = 8000000\nmax_output_tokens = 128000\n\
         capabilities = [\"tools\", \"json_schema\", \"json_object\", \"vision\", \"audio\", \"documents\", \
         \"thinking\", \"logprobs\", \"n\", \"server_tools\", \"prefill\", \"sampling\"]\n\
         price = {{ input = {input}, output = {output}, cache_read = {} }}\nquality = {{ default = {quality} }}\n\
         deployments = [{{ provider = \"{provider}\", upstream_name = \"{name}\", ttft_ms = 20, \
         per_token_us = 100 }}]\n\n",
        input / 10.0
    )
}

//! What goes over the wire to one hop and what comes back of it: the client's own bytes with a few values spliced where the
//! provider speaks its dialect, a translation both ways where it speaks another.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::chain::Failure;
use super::job::{Hop, Job};
use super::rules::Rules;
use crate::catalog::{CapKey, Credential, Provider, StreamUsage};
use crate::codec::{
    self, Asker, Composed, Destination, Edit, GeminiPath, Obstacle, Origin, StreamCrossing, StreamOptions,
};
use crate::types::{Capabilities, Dialect, FailureClass, Operation};
use crate::upstream::{Standing, deployment_path, own_path, path_as_it_is};

/// The request asks for something the provider's dialect has no word for.
const NOT_EXPRESSIBLE: &str = "not_expressible";
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// The dialect and operation spoken with one hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wire {
    pub(super) dialect: Dialect,
    pub(super) operation: Operation,
    /// Who asks in another dialect; `None`: it is the client's own.
    pub(super) asker: Option<Asker>,
}

/// A request as it goes to one hop.
pub(super) struct Outgoing {
    pub(super) path: String,
    pub(super) body: Bytes,
    /// The usage chunk was asked for by us and must not reach the client.
    pub(super) hides_usage: bool,
    /// What was left out in translation because it says nothing about the answer.
    pub(super) dropped: Vec<&'static str>,
}

impl Job<'_> {
    /// What is spoken with a hop.
    pub(super) fn wire(&self, position: usize) -> Wire {
        let hop = &self.hops[position];
        let dialect = self.snapshot.provider(hop.provider).dialect;
        if !hop.translated {
            return Wire { dialect, operation: self.operation, asker: None };
        }
        let operation = match dialect {
            Dialect::OpenAi if self.operation.embeds() => Operation::Embeddings,
            Dialect::OpenAi => Operation::ChatCompletions,
            Dialect::Anthropic => Operation::Messages,
            Dialect::Gemini if self.operation.embeds() => Operation::EmbedContent,
            Dialect::Gemini => Operation::GenerateContent,
        };
        Wire { dialect, operation, asker: Some(self.asker()) }
    }

    /// How the client wants its answer.
    pub(super) fn asker(&self) -> Asker {
        let asked = self.request.map(|request| &request.stream_options);
        Asker {
            operation: self.operation,
            usage_in_stream: matches!(asked, Some(StreamOptions::IncludeUsage)),
            created: self.id.unix_ms() / 1000,
        }
    }

    /// What the client asks of a hop, for a whole answer, whatever it wants itself.
    pub(super) fn whole(&self, position: usize) -> Result<Outgoing, Failure> {
        let edits = self.request.and_then(|request| codec::unstreamed(request, self.body));
        let Some(mut edits) = edits else { return self.outgoing(position) };
        let hop = &self.hops[position];
        let provider = self.snapshot.provider(hop.provider);
        let whole = |path: GeminiPath| Cow::Owned(path.whole(self.path));
        let path = self.gemini_path().map_or(Cow::Borrowed(self.path), whole);
        if self.wire(position).asker.is_some() {
            return self.crossed(hop, provider, (&path, &codec::splice(self.body, &mut edits)));
        }
        edits.extend(self.request.and_then(|request| self.renamed(hop, request)));
        let body = codec::splice(self.body, &mut edits);
        let path = self.path_at(hop, provider, (&self.path_of(hop, &path), false));
        Ok(Outgoing { path, body, hides_usage: false, dropped: Vec::new() })
    }

    /// Whether what a hop answers can be asked for with log probabilities.
    pub(super) fn tells_how_probable(&self, position: usize) -> bool {
        let refused = self.hops[position].deployment.is_some_and(|ix| self.board.is_without_logprobs(ix));
        let model = self.hops[position].model.map(|ix| self.snapshot.model(ix));
        !refused
            && model.is_some_and(|model| model.capabilities.has(Capabilities::LOGPROBS))
            && self.wire(position).dialect != Dialect::Anthropic
    }

    /// What the client asks of a hop, for a whole answer with log probabilities; unchanged where the hop's dialect has none.
    pub(super) fn whole_with_logprobs(&self, position: usize) -> Result<Outgoing, Failure> {
        let Outgoing { path, body, hides_usage, dropped } = self.whole(position)?;
        let asking = codec::ask_for_logprobs(self.wire(position).dialect, &body);
        Ok(Outgoing { path, body: asking.unwrap_or(body), hides_usage, dropped })
    }

    /// A checked answer in the client's dialect.
    pub(super) fn answer(&self, position: usize, body: Bytes) -> Result<Bytes, Failure> {
        let Wire { dialect, asker, .. } = self.wire(position);
        let Some(asker) = asker else { return Ok(body) };
        let crossed = if self.operation.embeds() {
            let hop = &self.hops[position];
            let asked = self.destination(hop, self.snapshot.provider(hop.provider));
            codec::cross_vectors(dialect, &self.origin(), asked.model, &body)
        } else {
            codec::cross_answer(dialect, asker, &body)
        };
        crossed.map_err(|fault| {
            let detail = format!("the answer cannot be put into the client's dialect: {}", fault.message);
            Failure { sent: true, ..Failure::new(FailureClass::Malformed, detail) }
        })
    }

    fn origin(&self) -> Origin<'_> {
        Origin { operation: self.operation, path: self.path, body: self.body }
    }

    /// A question of ours to a hop.
    pub(super) fn composed(&self, position: usize, composed: &Composed<'_>) -> Result<Outgoing, Failure> {
        let hop = &self.hops[position];
        let provider = self.snapshot.provider(hop.provider);
        let model = hop.model.map(|ix| self.snapshot.model(ix));
        let held = model.is_some_and(|model| model.capabilities.has(Capabilities::JSON_SCHEMA));
        let composed = Composed { schema: composed.schema.filter(|_| held), ..*composed };
        let crossed = codec::compose(&composed, &self.destination(hop, provider)).map_err(not_expressible)?;
        let path = self.path_at(hop, provider, (&crossed.path, false));
        Ok(Outgoing { path, body: crossed.body, hides_usage: false, dropped: crossed.dropped })
    }

    /// What the client asks, as one text that can be shown to another model; `None` where it holds what cannot.
    pub(super) fn question(&self) -> Option<String> {
        codec::conversation(&self.origin())
    }

    /// The request for one hop.
    pub(super) fn outgoing(&self, position: usize) -> Result<Outgoing, Failure> {
        let hop = &self.hops[position];
        let provider = self.snapshot.provider(hop.provider);
        if self.wire(position).asker.is_none() {
            return Ok(self.as_asked(hop, provider));
        }
        self.crossed(hop, provider, (self.path, self.body))
    }

    fn path_at(&self, hop: &Hop, provider: &Provider, (path, keep_key): (&str, bool)) -> String {
        let name = hop.deployment.map(|ix| &*self.snapshot.deployment(ix).upstream_name);
        name.and_then(|name| deployment_path(provider, path, name))
            .unwrap_or_else(|| own_path(provider, path, keep_key))
    }

    fn destination(&self, hop: &Hop, provider: &Provider) -> Destination<'_> {
        let name = hop.deployment.map(|ix| &*self.snapshot.deployment(ix).upstream_name);
        Destination {
            dialect: provider.dialect,
            model: name.unwrap_or_default(),
            max_output_tokens: hop.model.map_or(0, |ix| self.snapshot.model(ix).max_output_tokens),
            max_tokens_key: provider.quirks.cap_key == CapKey::MaxTokens,
            asks_for_usage: asks_for_usage(provider),
            nine_letter_ids: provider.quirks.nine_letter_ids,
            takes_user: provider.quirks.takes_user,
        }
    }

    fn crossed(
        &self,
        hop: &Hop,
        provider: &Provider,
        (path, body): (&str, &[u8]),
    ) -> Result<Outgoing, Failure> {
        let origin = Origin { operation: self.operation, path, body };
        let destination = self.destination(hop, provider);
        let crossed = codec::cross_request(&origin, &destination).map_err(not_expressible)?;
        Ok(Outgoing {
            path: self.path_at(hop, provider, (&crossed.path, false)),
            body: crossed.body,
            hides_usage: false,
            dropped: crossed.dropped,
        })
    }

    /// The client's own bytes, with the deployment's name for the model and the wish for usage.
    fn as_asked(&self, hop: &Hop, provider: &Provider) -> Outgoing {
        let keep_key = hop.standing == Standing::Home && self.keeps_query_key(provider);
        let path = match self.came_by.filter(|_| hop.standing == Standing::Home && !hop.rename) {
            // Nobody chose for it, so it arrives where it was going, by its own path.
            Some(path) => path_as_it_is(path, keep_key),
            None => self.path_at(hop, provider, (&self.path_of(hop, self.path), keep_key)),
        };
        let unchanged = |body: &Bytes| (body.clone(), false);
        let (body, hides_usage) =
            self.request.map_or_else(|| unchanged(self.body), |request| self.spliced(hop, request));
        Outgoing { path, body, hides_usage, dropped: Vec::new() }
    }

    /// Whether a `key` in the query is the provider's and may stay.
    fn keeps_query_key(&self, provider: &Provider) -> bool {
        self.caller.credential_is_providers && matches!(provider.credential, Credential::Passthrough)
    }

    fn spliced(&self, hop: &Hop, request: &codec::ChatRequest) -> (Bytes, bool) {
        let mut edits: Vec<Edit> = self.renamed(hop, request).into_iter().collect();
        if let (Operation::EmbedContent, Some(name)) = (self.operation, self.other_name(hop)) {
            edits.extend(codec::set_embedding_model(self.body, &request.model, name));
        }
        let asks = match self.rules {
            Rules::Guarded { .. } if asks_for_usage(self.snapshot.provider(hop.provider)) => {
                codec::ask_for_usage(request, self.body)
            }
            Rules::Guarded { .. } | Rules::Verbatim => None,
        };
        let hides_usage = asks.is_some();
        edits.extend(asks);
        let body = if edits.is_empty() { self.body.clone() } else { codec::splice(self.body, &mut edits) };
        (body, hides_usage)
    }
}

impl Job<'_> {
    /// The deployment's name for the model, where it is another than the client's.
    fn renamed(&self, hop: &Hop, request: &codec::ChatRequest) -> Option<Edit> {
        let name = self.other_name(hop)?;
        let in_body = !request.operation.names_in_path();
        (in_body && *name != *request.model).then(|| codec::set_model(request, name))
    }

    /// A path with the deployment's name for the model, where the name stands in it.
    fn path_of<'p>(&self, hop: &Hop, path: &'p str) -> Cow<'p, str> {
        let named = self.other_name(hop).zip(self.gemini_path());
        let put = |(name, read): (&str, GeminiPath)| {
            (read.model != name).then(|| Cow::Owned(read.with_model(path, name)))
        };
        named.and_then(put).unwrap_or(Cow::Borrowed(path))
    }

    /// What the client's path says, where it names model and streaming.
    fn gemini_path(&self) -> Option<GeminiPath> {
        self.operation.names_in_path().then(|| GeminiPath::of(self.path)).flatten()
    }

    /// What a hop that is to be named anew calls its model.
    fn other_name(&self, hop: &Hop) -> Option<&str> {
        let deployment = hop.deployment.filter(|_| hop.rename)?;
        Some(&self.snapshot.deployment(deployment).upstream_name)
    }
}

impl Wire {
    /// The translation of a stream, where there is one.
    pub(super) fn stream(&self) -> Option<StreamCrossing> {
        self.asker.map(|asker| StreamCrossing::new(self.dialect, asker))
    }

    /// A provider's error in the client's dialect; what is translated is JSON, whatever it was.
    pub(super) fn error(
        &self,
        client: Dialect,
        status: u16,
        (headers, body): (HeaderMap, Bytes),
    ) -> (HeaderMap, Bytes) {
        let mut headers = self.headers(client, headers);
        let body = match self.asker {
            None => body,
            Some(_) => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                codec::cross_error(self.dialect, client, status, &body)
            }
        };
        (headers, body)
    }

    /// An answer's headers for the client: SDKs look for the provider's id under their own vendor's name.
    pub(super) fn headers(&self, client: Dialect, mut headers: HeaderMap) -> HeaderMap {
        if self.asker.is_some() {
            let (theirs, ours) = match client {
                Dialect::Anthropic => (X_REQUEST_ID, REQUEST_ID),
                Dialect::OpenAi | Dialect::Gemini => (REQUEST_ID, X_REQUEST_ID),
            };
            if let Some(id) = headers.remove(theirs) {
                headers.entry(ours).or_insert(id);
            }
        }
        headers
    }
}

/// Whether a provider has to be asked for a stream's usage, and takes the question.
fn asks_for_usage(provider: &Provider) -> bool {
    provider.quirks.stream_usage == StreamUsage::Asked
}

fn not_expressible(obstacle: Obstacle) -> Failure {
    let detail = format!("`{}`: {}", obstacle.param, obstacle.message);
    Failure { fault: Some(NOT_EXPRESSIBLE), ..Failure::new(FailureClass::BadRequest, detail) }
}

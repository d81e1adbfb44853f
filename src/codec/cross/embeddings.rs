//! Embeddings across OpenAI and Gemini: texts in, a vector for each. Vectors are carried as the provider gave them, neither scaled
//! nor cut; only their encoding is the client's. What would make other vectors of the same text (a task type, a title, another
//! tokenizer's numbers) is an obstacle, never left out.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::fields::{Raw, body_text, count, misfit, note, parse, text};
use super::hub::Obstacle;
use super::text::{Text, Writer};
use super::{Crossed, Destination, Origin};
use crate::codec::answer::Malformed;
use crate::codec::gemini_path::{GeminiPath, encoded};
use crate::codec::usage::{GeminiUsage, OpenAiUsage};
use crate::types::{Dialect, Operation, Usage};

/// Most vectors in one answer: what OpenAI takes in one request.
const MAX_TEXTS: usize = 2048;

/// What is to be embedded.
#[derive(Debug, PartialEq)]
struct Wanted<'a> {
    texts: Vec<Text<'a>>,
    /// How many numbers a vector shall have; `None`: as many as the model likes.
    dimensions: Option<u32>,
    form: Form,
    dropped: Vec<&'static str>,
}

/// How the client wants its vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// OpenAI's list, as numbers.
    Floats,
    /// OpenAI's list, as little-endian floats in base64.
    Base64,
    /// Gemini's one vector.
    One,
    /// Gemini's list.
    Batch,
}

/// Translates a request, or says what is in the way.
pub(super) fn cross_request(origin: &Origin<'_>, to: &Destination<'_>) -> Result<Crossed, Obstacle> {
    let wanted = read_request(origin)?;
    match to.dialect {
        Dialect::OpenAi => Ok(write_openai(wanted, to.model)),
        Dialect::Gemini => Ok(write_gemini(wanted, to.model)),
        Dialect::Anthropic => Err(Obstacle::new("model", "Anthropic's API has no embeddings")),
    }
}

/// Translates a whole answer of status 200 that `read_answer` found good. `origin` is what was asked, `model` who was asked.
pub fn cross_vectors(
    from: Dialect,
    origin: &Origin<'_>,
    model: &str,
    body: &[u8],
) -> Result<Bytes, Malformed> {
    let wanted = read_request(origin).map_err(|obstacle| Malformed::new(obstacle.message))?;
    let given = match from {
        Dialect::OpenAi => read_openai_answer(body)?,
        Dialect::Gemini => read_gemini_answer(body)?,
        Dialect::Anthropic => return Err(Malformed::new("Anthropic's API has no embeddings")),
    };
    let (found, asked) = (given.vectors.len(), wanted.texts.len());
    if found != asked {
        return Err(Malformed::new(format!("{found} vectors for {asked} texts")));
    }
    if let Some(dimensions) = wanted.dimensions {
        let fits = |vector: &Vector<'_>| vector.values.len() == dimensions as usize;
        if let Some(other) = given.vectors.iter().find(|vector| !fits(vector)) {
            let message = format!("a vector of {} numbers, {dimensions} were asked for", other.values.len());
            return Err(Malformed::new(message));
        }
    }
    let mut out = Writer::with_capacity(body.len() + 256);
    match wanted.form {
        Form::Floats | Form::Base64 => write_openai_answer(&given, (wanted.form, model), &mut out),
        Form::One | Form::Batch => write_gemini_answer(&given, wanted.form, &mut out),
    }
    Ok(out.into_bytes())
}

fn read_request<'a>(origin: &Origin<'a>) -> Result<Wanted<'a>, Obstacle> {
    let wanted = match origin.operation {
        Operation::Embeddings => read_openai(origin.body)?,
        Operation::EmbedContent => read_gemini(origin)?,
        _ => return Err(super::never()),
    };
    let param = if origin.operation == Operation::Embeddings { "input" } else { "requests" };
    match wanted.texts.len() {
        0 => Err(Obstacle::new(param, format!("`{param}` holds no text"))),
        1..=MAX_TEXTS => Ok(wanted),
        more => {
            let message = format!("`{param}` holds {more} texts; send at most {MAX_TEXTS} at once");
            Err(Obstacle::new(param, message))
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenAiRequest<'a> {
    #[serde(borrow, default, rename = "model")]
    _model: Raw<'a>,
    #[serde(borrow, default)]
    input: Raw<'a>,
    #[serde(borrow, default)]
    dimensions: Raw<'a>,
    #[serde(borrow, default)]
    encoding_format: Raw<'a>,
    #[serde(borrow, default)]
    user: Raw<'a>,
}

fn read_openai(body: &[u8]) -> Result<Wanted<'_>, Obstacle> {
    let asked: OpenAiRequest<'_> = serde_json::from_slice(body).map_err(|error| misfit("", &error))?;
    let Some(input) = asked.input else { return Err(Obstacle::new("input", "`input` holds no text")) };
    let texts = match Text::of(input) {
        Some(text) => vec![text],
        None => {
            let list: Vec<&RawValue> = parse("input", input.get())?;
            list.into_iter().map(one_text).collect::<Result<_, _>>()?
        }
    };
    let format = text("encoding_format", asked.encoding_format)?;
    let form = match format.as_ref().map(Text::escaped) {
        None | Some("float") => Form::Floats,
        Some("base64") => Form::Base64,
        Some(_) => {
            return Err(Obstacle::new("encoding_format", "`encoding_format` must be `float` or `base64`"));
        }
    };
    let mut dropped = Vec::new();
    if asked.user.is_some() {
        note(&mut dropped, "user");
    }
    Ok(Wanted { texts, dimensions: count("dimensions", asked.dimensions)?, form, dropped })
}

fn one_text(raw: &RawValue) -> Result<Text<'_>, Obstacle> {
    Text::of(raw).ok_or_else(|| {
        let message = "`input` holds tokens, which are one model's own numbers; send texts, or name a model of your \
                       own dialect";
        Obstacle::new("input", message)
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GeminiBatch<'a> {
    #[serde(borrow)]
    requests: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct GeminiRequest<'a> {
    #[serde(borrow, default)]
    model: Raw<'a>,
    #[serde(borrow)]
    content: Content<'a>,
    #[serde(borrow, default, alias = "task_type")]
    task_type: Raw<'a>,
    #[serde(borrow, default)]
    title: Raw<'a>,
    #[serde(borrow, default, alias = "output_dimensionality")]
    output_dimensionality: Raw<'a>,
    #[serde(borrow, default, alias = "embed_content_config")]
    embed_content_config: Raw<'a>,
}

/// Newer clients put the same settings here.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config<'a> {
    #[serde(borrow, default, alias = "task_type")]
    task_type: Raw<'a>,
    #[serde(borrow, default)]
    title: Raw<'a>,
    #[serde(borrow, default, alias = "output_dimensionality")]
    output_dimensionality: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Content<'a> {
    #[serde(borrow, default, rename = "role")]
    _role: Raw<'a>,
    #[serde(borrow)]
    parts: Vec<Part<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part<'a> {
    #[serde(borrow)]
    text: Text<'a>,
}

fn read_gemini<'a>(origin: &Origin<'a>) -> Result<Wanted<'a>, Obstacle> {
    let path = GeminiPath::of(origin.path).ok_or_else(super::never)?;
    let body = body_text(origin.body)?;
    if !path.batch {
        let (text, dimensions) = one_content("", body, &path.model)?;
        return Ok(Wanted { texts: vec![text], dimensions, form: Form::One, dropped: Vec::new() });
    }
    let batch: GeminiBatch<'a> = parse("", body)?;
    let mut texts = Vec::with_capacity(batch.requests.len());
    let mut all = None;
    for request in batch.requests {
        let (text, dimensions) = one_content("requests[]", request.get(), &path.model)?;
        if *all.get_or_insert(dimensions) != dimensions {
            let param = "requests[].outputDimensionality";
            let message =
                format!("`{param}` differs within the batch, and OpenAI's API has one for all; split it");
            return Err(Obstacle::new(param, message));
        }
        texts.push(text);
    }
    Ok(Wanted { texts, dimensions: all.flatten(), form: Form::Batch, dropped: Vec::new() })
}

/// One text and how many numbers its vector shall have. `place` is where it stands in the body.
fn one_content<'a>(place: &str, json: &'a str, model: &str) -> Result<(Text<'a>, Option<u32>), Obstacle> {
    let within = |param: &str| if place.is_empty() { param.to_owned() } else { format!("{place}.{param}") };
    let request: GeminiRequest<'a> = parse(place, json)?;
    let config_place = within("embedContentConfig");
    let config: Config<'a> =
        request.embed_content_config.map_or(Ok(Config::default()), |raw| parse(&config_place, raw.get()))?;
    if let Some(named) = text(&within("model"), request.model)? {
        let named = named.unescaped().unwrap_or(Cow::Borrowed(""));
        if named.strip_prefix("models/").unwrap_or(&named) != model {
            let param = within("model");
            let message = format!("`{param}` is another model than the one of the path");
            return Err(Obstacle::new(param, message));
        }
    }
    for (param, raw) in [("taskType", request.task_type), ("embedContentConfig.taskType", config.task_type)] {
        let said = raw.map(RawValue::get).filter(|said| *said != "\"TASK_TYPE_UNSPECIFIED\"");
        if said.is_some() {
            return Err(Obstacle::field(&within(param), "OpenAI"));
        }
    }
    for (param, raw) in [("title", request.title), ("embedContentConfig.title", config.title)] {
        if raw.is_some() {
            return Err(Obstacle::field(&within(param), "OpenAI"));
        }
    }
    let dimensions = request.output_dimensionality.or(config.output_dimensionality);
    let dimensions = count(&within("outputDimensionality"), dimensions)?;
    match <[Part<'a>; 1]>::try_from(request.content.parts) {
        Ok([part]) => Ok((part.text, dimensions)),
        Err(parts) => {
            let param = within("content.parts");
            let message = format!("`{param}` holds {} texts for one vector; send one", parts.len());
            Err(Obstacle::new(param, message))
        }
    }
}

fn write_openai(wanted: Wanted<'_>, model: &str) -> Crossed {
    let mut out =
        Writer::with_capacity(256 + wanted.texts.iter().map(|text| text.escaped().len()).sum::<usize>());
    out.open(b'{');
    out.text_member("model", &Text::plain(model));
    out.key("input");
    match wanted.texts.as_slice() {
        [one] => out.text(one),
        several => {
            out.open(b'[');
            several.iter().for_each(|text| out.text(text));
            out.close(b']');
        }
    }
    if let Some(dimensions) = wanted.dimensions {
        out.key("dimensions");
        out.number(u64::from(dimensions));
    }
    out.close(b'}');
    Crossed { path: "/v1/embeddings".to_owned(), body: out.into_bytes(), dropped: wanted.dropped }
}

fn write_gemini(wanted: Wanted<'_>, model: &str) -> Crossed {
    let named = Text::plain(&format!("models/{model}"));
    let mut out = Writer::with_capacity(wanted.texts.iter().map(|text| text.escaped().len() + 128).sum());
    let request = |text: &Text<'_>, out: &mut Writer| {
        out.open(b'{');
        out.text_member("model", &named);
        out.raw_member("content", "{\"parts\":[{\"text\":");
        out.text(text);
        out.frame(b"}]}");
        if let Some(dimensions) = wanted.dimensions {
            out.key("outputDimensionality");
            out.number(u64::from(dimensions));
        }
        out.close(b'}');
    };
    let method = match wanted.texts.as_slice() {
        [one] => {
            request(one, &mut out);
            "embedContent"
        }
        several => {
            out.open(b'{');
            out.key("requests");
            out.open(b'[');
            several.iter().for_each(|text| request(text, &mut out));
            out.close(b']');
            out.close(b'}');
            "batchEmbedContents"
        }
    };
    let path = format!("/v1beta/models/{}:{method}", encoded(model));
    Crossed { path, body: out.into_bytes(), dropped: wanted.dropped }
}

/// An answer's vectors, in the order of the texts.
struct Given<'a> {
    vectors: Vec<Vector<'a>>,
    /// The provider's count; Gemini often gives none.
    usage: Option<Usage>,
    model: Option<Text<'a>>,
}

struct Vector<'a> {
    values: Vec<f32>,
    /// The list of numbers as the provider wrote it; `None`: it wrote them in base64.
    written: Option<&'a str>,
}

impl<'a> Vector<'a> {
    fn of(raw: &'a RawValue) -> Result<Self, Malformed> {
        let (values, written) = match Text::of(raw) {
            None => {
                let values: Vec<f32> = serde_json::from_str(raw.get())
                    .map_err(|error| Malformed::new(format!("a vector that is none: {error}")))?;
                (values, Some(raw.get()))
            }
            Some(text) => {
                let bytes = text.unescaped().and_then(|text| STANDARD.decode(text.as_bytes()).ok());
                let bytes = bytes.filter(|bytes| bytes.len() % 4 == 0);
                let bytes = bytes.ok_or_else(|| Malformed::new("a vector that is no base64 of floats"))?;
                let float = |four: &[u8]| f32::from_le_bytes([four[0], four[1], four[2], four[3]]);
                (bytes.chunks_exact(4).map(float).collect(), None)
            }
        };
        if values.is_empty() || !values.iter().all(|value| value.is_finite()) {
            return Err(Malformed::new("a vector without numbers, or with one that is not finite"));
        }
        Ok(Self { values, written })
    }

    fn write_floats(&self, out: &mut Writer) {
        match self.written {
            Some(written) => out.raw(written),
            None => {
                out.open(b'[');
                self.values.iter().for_each(|value| out.raw(&value.to_string()));
                out.close(b']');
            }
        }
    }

    fn write_base64(&self, out: &mut Writer) {
        let bytes: Vec<u8> = self.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        out.text(&Text::word(&STANDARD.encode(bytes)));
    }
}

#[derive(Deserialize)]
struct OpenAiAnswer<'a> {
    #[serde(borrow)]
    data: Vec<Datum<'a>>,
    #[serde(borrow, default)]
    model: Option<Text<'a>>,
    #[serde(default)]
    usage: Option<OpenAiUsage>,
}

#[derive(Deserialize)]
struct Datum<'a> {
    #[serde(default)]
    index: Option<usize>,
    #[serde(borrow)]
    embedding: &'a RawValue,
}

/// OpenAI numbers its vectors; they need not come in order.
fn read_openai_answer(body: &[u8]) -> Result<Given<'_>, Malformed> {
    let OpenAiAnswer { mut data, model, usage } =
        serde_json::from_slice(body).map_err(|error| Malformed::new(error.to_string()))?;
    if data.iter().any(|datum| datum.index.is_some()) {
        data.sort_by_key(|datum| datum.index);
        if !data.iter().enumerate().all(|(at, datum)| datum.index == Some(at)) {
            return Err(Malformed::new("the vectors are not numbered from 0 on, each once"));
        }
    }
    let vectors = data.iter().map(|datum| Vector::of(datum.embedding)).collect::<Result<_, _>>()?;
    Ok(Given { vectors, usage: usage.map(|usage| usage.usage()), model })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GeminiAnswer<'a> {
    #[serde(borrow, default)]
    embedding: Option<Values<'a>>,
    #[serde(borrow, default)]
    embeddings: Option<Vec<Values<'a>>>,
    #[serde(default)]
    usage_metadata: Option<GeminiUsage>,
}

#[derive(Deserialize)]
struct Values<'a> {
    #[serde(borrow)]
    values: &'a RawValue,
}

fn read_gemini_answer(body: &[u8]) -> Result<Given<'_>, Malformed> {
    let GeminiAnswer { embedding, embeddings, usage_metadata } =
        serde_json::from_slice(body).map_err(|error| Malformed::new(error.to_string()))?;
    let all = embedding.into_iter().chain(embeddings.into_iter().flatten());
    let vectors = all.map(|one| Vector::of(one.values)).collect::<Result<_, _>>()?;
    Ok(Given { vectors, usage: usage_metadata.map(|usage| usage.usage()), model: None })
}

/// Without a count of the provider's there is no `usage`: a zero would be taken for true.
fn write_openai_answer(given: &Given<'_>, (form, model): (Form, &str), out: &mut Writer) {
    out.open(b'{');
    out.word_member("object", "list");
    out.key("data");
    out.open(b'[');
    for (index, vector) in (0..).zip(&given.vectors) {
        out.open(b'{');
        out.word_member("object", "embedding");
        out.key("index");
        out.number(index);
        out.key("embedding");
        if form == Form::Base64 {
            vector.write_base64(out)
        } else {
            vector.write_floats(out)
        }
        out.close(b'}');
    }
    out.close(b']');
    out.text_member("model", &given.model.clone().unwrap_or_else(|| Text::plain(model)));
    if let Some(usage) = &given.usage {
        let tokens = usage.total_input();
        out.raw_member("usage", &format!("{{\"prompt_tokens\":{tokens},\"total_tokens\":{tokens}}}"));
    }
    out.close(b'}');
}

fn write_gemini_answer(given: &Given<'_>, form: Form, out: &mut Writer) {
    let one = |vector: &Vector<'_>, out: &mut Writer| {
        out.open(b'{');
        out.key("values");
        vector.write_floats(out);
        out.close(b'}');
    };
    out.open(b'{');
    match (form, given.vectors.as_slice()) {
        (Form::One, [vector]) => {
            out.key("embedding");
            one(vector, out);
        }
        (_, vectors) => {
            out.key("embeddings");
            out.open(b'[');
            vectors.iter().for_each(|vector| one(vector, out));
            out.close(b']');
        }
    }
    if let Some(usage) = &given.usage {
        out.raw_member("usageMetadata", &format!("{{\"promptTokenCount\":{}}}", usage.total_input()));
    }
    out.close(b'}');
}

#[cfg(test)]
#[path = "embeddings_tests.rs"]
mod tests;

//! Reading a body field by field: what the spokes share. Owns how an unknown field, a wrong type and a field without a
//! counterpart become an obstacle that names it.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::hub::{Block, Effort, Media, Number, Obstacle};
use super::text::{Json, Text};

/// Among what was left out: that a system message in mid-conversation speaks as the user's, at its place.
pub(super) const SYSTEM_AS_USER: &str = "messages[].role=system";

/// A value as it stands; absent when null.
pub(super) type Raw<'a> = Option<&'a RawValue>;

/// Parses a value; what it does not fit is told by the field's name where serde tells it.
pub(super) fn parse<'a, T: Deserialize<'a>>(param: &str, json: &'a str) -> Result<T, Obstacle> {
    serde_json::from_str(json).map_err(|error| misfit(param, &error))
}

/// `unknown field `x`, expected …` names the field; anything else is about the value as a whole.
pub(super) fn misfit(param: &str, error: &serde_json::Error) -> Obstacle {
    let text = error.to_string();
    let quoted = text.split('`').nth(1).filter(|_| text.contains("field `"));
    let param = match (param, quoted) {
        ("", Some(field)) => field.to_owned(),
        ("", None) => "body".to_owned(),
        (place, Some(field)) => format!("{place}.{field}"),
        (place, None) => place.to_owned(),
    };
    let what = if text.starts_with("unknown field") {
        "is not known here"
    } else {
        "cannot be read for translation"
    };
    Obstacle::new(param.clone(), format!("`{param}` {what}, so it cannot be put into another dialect"))
}

/// A body as text, which its parts are then taken from without another look at their letters.
pub(super) fn body_text(body: &[u8]) -> Result<&str, Obstacle> {
    std::str::from_utf8(body)
        .map_err(|error| Obstacle::new("body", format!("the body is not UTF-8: {error}")))
}

/// What is in the way of a body that does not fit, with its place in the piece where it is in one of these.
pub(super) fn misplaced<'a, T: Deserialize<'a>>(
    param: &str,
    pieces: impl IntoIterator<Item = &'a RawValue>,
    error: &serde_json::Error,
) -> Obstacle {
    let mut misfits = pieces.into_iter().filter_map(|piece| parse::<T>(param, piece.get()).err());
    misfits.next().unwrap_or_else(|| misfit("", error))
}

/// Parses a list at once. One that does not fit is read piece by piece, so that what is told names the place in the piece.
pub(super) fn list<'a, T: Deserialize<'a>>(
    param: &str,
    raw: &'a RawValue,
    piece: impl Fn(&'a RawValue) -> Result<T, Obstacle>,
) -> Result<Vec<T>, Obstacle> {
    serde_json::from_str(raw.get()).or_else(|_| {
        let pieces: Vec<&'a RawValue> = parse(param, raw.get())?;
        pieces.into_iter().map(piece).collect()
    })
}

/// What a message says: a text, of which an empty one says nothing, or a list of parts.
pub(super) fn content<'a, T: Deserialize<'a>>(
    param: &str,
    raw: &'a RawValue,
    part: impl Fn(&'a RawValue) -> Result<T, Obstacle>,
    block: impl FnMut(T) -> Result<Block<'a>, Obstacle>,
) -> Result<Vec<Block<'a>>, Obstacle> {
    match Text::of(raw) {
        Some(text) if text.is_empty() => Ok(Vec::new()),
        Some(text) => Ok(vec![Block::Text(text)]),
        None => list(param, raw, part)?.into_iter().map(block).collect(),
    }
}

/// What a tool gave back, of which dialects know texts and images only.
pub(super) fn given<'a>(param: &str, blocks: Vec<Block<'a>>) -> Result<Vec<Block<'a>>, Obstacle> {
    match blocks.iter().all(|block| matches!(block, Block::Text(_) | Block::Image(_))) {
        true => Ok(blocks),
        false => Err(Obstacle::new(param, "a tool's result of anything but text and images")),
    }
}

/// Refuses the first of these fields that is there.
pub(super) fn refuse(dialect: &str, fields: &[(&str, Raw<'_>)]) -> Result<(), Obstacle> {
    match fields.iter().find(|(_, raw)| raw.is_some()) {
        None => Ok(()),
        Some((param, _)) => Err(Obstacle::field(param, dialect)),
    }
}

/// Notes the fields that are there and say nothing about the answer.
pub(super) fn drop_named(dropped: &mut Vec<&'static str>, fields: &[(&'static str, Raw<'_>)]) {
    for (name, _) in fields.iter().filter(|(_, raw)| raw.is_some()) {
        note(dropped, name);
    }
}

pub(super) fn note(dropped: &mut Vec<&'static str>, name: &'static str) {
    if !dropped.contains(&name) {
        dropped.push(name);
    }
}

pub(super) fn number<'a>(param: &str, raw: Raw<'a>) -> Result<Option<Number<'a>>, Obstacle> {
    let Some(raw) = raw else { return Ok(None) };
    match raw.get().parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Some(Number { raw: raw.get(), value })),
        _ => Err(Obstacle::new(param, format!("`{param}` must be a number"))),
    }
}

/// A penalty, of which zero is what a request without one means.
pub(super) fn penalty<'a>(param: &str, raw: Raw<'a>) -> Result<Option<Number<'a>>, Obstacle> {
    Ok(number(param, raw)?.filter(|number| number.value != 0.0))
}

/// How hard the model shall think, in the words that OpenAI and Anthropic share.
pub(super) fn effort(param: &str, raw: Raw<'_>) -> Result<Option<Effort>, Obstacle> {
    let Some(word) = text(param, raw)? else { return Ok(None) };
    match Effort::parse(word.escaped()) {
        Some(effort) => Ok(Some(effort)),
        None => Err(Obstacle::new(param, format!("`{}` is no effort that is known", word.escaped()))),
    }
}

pub(super) fn flag(param: &str, raw: Raw<'_>) -> Result<Option<bool>, Obstacle> {
    match raw.map(RawValue::get) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(Obstacle::new(param, format!("`{param}` must be true or false"))),
    }
}

pub(super) fn count(param: &str, raw: Raw<'_>) -> Result<Option<u32>, Obstacle> {
    let Some(raw) = raw else { return Ok(None) };
    let count =
        raw.get().parse().map_err(|_| Obstacle::new(param, format!("`{param}` must be a whole number")))?;
    Ok(Some(count))
}

pub(super) fn text<'a>(param: &str, raw: Raw<'a>) -> Result<Option<Text<'a>>, Obstacle> {
    let Some(raw) = raw else { return Ok(None) };
    Text::of(raw).map(Some).ok_or_else(|| Obstacle::new(param, format!("`{param}` must be a string")))
}

/// A JSON object out of a value.
pub(super) fn object<'a>(param: &str, raw: &'a RawValue) -> Result<Json<'a>, Obstacle> {
    let json = Json::of(raw);
    if json.is_object() {
        Ok(json)
    } else {
        Err(Obstacle::new(param, format!("`{param}` must be an object")))
    }
}

/// The arguments of a call, which OpenAI writes as a text of JSON; none at all mean none.
pub(super) fn arguments(text: Option<Text<'_>>) -> Option<Json<'static>> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Json::parse("{}".into()) };
    Json::parse(text.unescaped()?.into_owned().into()).filter(Json::is_object)
}

/// `data:image/png;base64,…` or an address.
pub(super) fn media<'a>(param: &str, url: Text<'a>) -> Result<Media<'a>, Obstacle> {
    let url = url.simplified();
    if url.escaped().starts_with("http://") || url.escaped().starts_with("https://") {
        return Ok(Media::Url(url));
    }
    let parts = url.strip_prefix("data:").and_then(|data| data.split_once(";base64,"));
    match parts {
        Some((media_type, base64)) if !media_type.is_empty() => Ok(Media::Inline { media_type, base64 }),
        _ => Err(Obstacle::new(param, format!("`{param}` must be an https address or a base64 data URL"))),
    }
}

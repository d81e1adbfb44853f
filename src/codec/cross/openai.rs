//! What the two languages of OpenAI, Chat and Responses, say in the same words at other places.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::fields::{Raw, drop_named, flag, object, text};
use super::hub::{Format, OTHER, Obstacle, Prompt, ToolChoice};
use super::text::Text;

/// A form of the answer, apart from its `type`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Schema<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) description: Raw<'a>,
    #[serde(borrow)]
    pub(super) schema: Raw<'a>,
    #[serde(borrow)]
    pub(super) strict: Raw<'a>,
}

/// Where a form stands in a request.
pub(super) struct FormatPlace {
    pub(super) whole: &'static str,
    pub(super) schema: &'static str,
    pub(super) strict: &'static str,
    pub(super) description: &'static str,
}

/// The form of the answer: text, any object, or JSON by a schema.
pub(super) fn format<'a>(
    place: &FormatPlace,
    kind: &Text<'_>,
    given: Option<Schema<'a>>,
    dropped: &mut Vec<&'static str>,
) -> Result<Format<'a>, Obstacle> {
    match (kind.escaped(), given) {
        ("text", None) => Ok(Format::Text),
        ("json_object", None) => Ok(Format::Object),
        ("json_schema", Some(Schema { name, description, schema: Some(schema), strict })) => {
            drop_named(dropped, &[(place.description, description)]);
            let schema = object(place.schema, schema)?;
            Ok(Format::Schema { name, schema, strict: flag(place.strict, strict)? })
        }
        _ => Err(Obstacle::field(place.whole, OTHER)),
    }
}

/// Which tool may be called: a word, or one tool's name, which the two write differently.
pub(super) fn tool_choice<'a>(
    raw: &'a RawValue,
    named: impl FnOnce(&'a str) -> Result<Text<'a>, Obstacle>,
) -> Result<ToolChoice<'a>, Obstacle> {
    match raw.get() {
        r#""auto""# => Ok(ToolChoice::Auto),
        r#""none""# => Ok(ToolChoice::None),
        r#""required""# => Ok(ToolChoice::Any),
        other => named(other).map(ToolChoice::Named),
    }
}

/// Who the end user is. The newer field counts.
pub(super) fn user<'a>(identifier: Raw<'a>, user: Raw<'a>, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    let (identifier, older) = (text("safety_identifier", identifier)?, text("user", user)?);
    drop_named(&mut prompt.dropped, &[("user", user.filter(|_| identifier.is_some()))]);
    prompt.user = identifier.or(older);
    Ok(())
}

/// How much is said, where it is not the usual.
pub(super) fn verbosity<'a>(param: &str, raw: Raw<'a>) -> Result<Option<Text<'a>>, Obstacle> {
    text(param, raw.filter(|raw| raw.get() != r#""medium""#))
}

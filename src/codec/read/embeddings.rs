//! Embeddings: the texts as one turn, so that their length is known. Tokens given as numbers count by what they take in the body.

use super::Refusal;
use super::walk::{Json, Source, Top, fields, present, text};
use crate::codec::hub::{ChatView, Part, Role, Turn};

/// OpenAI's `input`: a text, several, or tokens.
pub(super) fn openai<'i>(source: Source<'_>, top: &Top<'_, 'i>, view: &mut ChatView<'i>) {
    let Some(field) = top.input.filter(|field| !field.value.is_null()) else { return };
    let parts: Vec<Part<'i>> = match field.value.string() {
        Some(text) => vec![Part::Text(text)],
        None if field.value.elements().all(|value| value.string().is_some()) => {
            field.value.elements().filter_map(Json::string).map(Part::Text).collect()
        }
        None => vec![Part::Unknown(source.size(field))],
    };
    view.turns.push(Turn { role: Role::User, parts });
}

fields!(Body at "" { requests = "requests", content = "content" });
fields!(Request at "in requests[]" { content = "content" });
fields!(Content at "in content" { parts = "parts" });
fields!(ContentPart at "in content" { text = "text" });

/// Gemini's `content`, of one request or of each of a batch.
pub(super) fn gemini<'i>(root: Json<'_, 'i>, view: &mut ChatView<'i>) -> Result<(), Refusal> {
    let body = Body::of(root)?;
    let mut parts = Vec::new();
    let batch = present(body.requests).into_iter().flat_map(Json::elements);
    let batch = batch.map(|request| Request::of(request).map(|request| request.content));
    for content in std::iter::once(Ok(body.content)).chain(batch) {
        let Some(content) = present(content?) else { continue };
        for part in present(Content::of(content)?.parts).into_iter().flat_map(Json::elements) {
            parts.extend(text(ContentPart::of(part)?.text).map(Part::Text));
        }
    }
    view.turns.push(Turn { role: Role::User, parts });
    Ok(())
}

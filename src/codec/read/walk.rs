//! Walking a simd-json tape: borrowed values, objects read by name with duplicates refused, and the way back from a
//! string of the tape to its place in the client's bytes. Knows no dialect.

use std::borrow::Cow;
use std::ops::Range;

use simd_json::{Node, StaticNode};

use super::scan::{decode, skip_space, string_end, value_end};
use super::{ReadFaultKind, Refusal};

/// A value on the tape: its node and everything below it.
#[derive(Clone, Copy)]
pub(super) struct Json<'t, 'i>(&'t [Node<'i>]);

/// A member's value, with its key to find its place by.
#[derive(Clone, Copy)]
pub(super) struct Field<'t, 'i> {
    pub(super) key: &'i str,
    pub(super) value: Json<'t, 'i>,
}

impl<'t, 'i> Json<'t, 'i> {
    pub(super) fn root(nodes: &'t [Node<'i>]) -> Self {
        Self(nodes)
    }

    pub(super) fn string(self) -> Option<&'i str> {
        match self.0.first() {
            Some(Node::String(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn bool(self) -> Option<bool> {
        match self.0.first() {
            Some(Node::Static(StaticNode::Bool(value))) => Some(*value),
            _ => None,
        }
    }

    /// A non-negative integer.
    pub(super) fn count(self) -> Option<u64> {
        match self.0.first() {
            Some(Node::Static(StaticNode::U64(value))) => Some(*value),
            Some(Node::Static(StaticNode::I64(value))) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    /// A number.
    pub(super) fn number(self) -> Option<f64> {
        match self.0.first() {
            Some(Node::Static(StaticNode::F64(value))) => Some(*value),
            Some(Node::Static(StaticNode::U64(value))) => Some(*value as f64),
            Some(Node::Static(StaticNode::I64(value))) => Some(*value as f64),
            _ => None,
        }
    }

    pub(super) fn is_null(self) -> bool {
        matches!(self.0.first(), Some(Node::Static(StaticNode::Null)))
    }

    pub(super) fn is_array(self) -> bool {
        matches!(self.0.first(), Some(Node::Array { .. }))
    }

    pub(super) fn is_object(self) -> bool {
        matches!(self.0.first(), Some(Node::Object { .. }))
    }

    /// Number of elements or members; 0 for scalars.
    pub(super) fn len(self) -> usize {
        match self.0.first() {
            Some(Node::Array { len, .. } | Node::Object { len, .. }) => *len,
            _ => 0,
        }
    }

    /// Elements of an array; none for anything else.
    pub(super) fn elements(self) -> Elements<'t, 'i> {
        Elements(if self.is_array() { &self.0[1..] } else { &[] })
    }

    /// Members of an object in order; none for anything else.
    pub(super) fn members(self) -> impl Iterator<Item = Field<'t, 'i>> {
        let mut rest = Elements(if self.is_object() { &self.0[1..] } else { &[] });
        std::iter::from_fn(move || Some(Field { key: rest.next()?.string()?, value: rest.next()? }))
    }

    /// What it is, for a message: `a string`, `the number -1`.
    pub(super) fn describe(self) -> Cow<'static, str> {
        match self.0.first() {
            Some(Node::String(_)) => Cow::Borrowed("a string"),
            Some(Node::Object { .. }) => Cow::Borrowed("an object"),
            Some(Node::Array { .. }) => Cow::Borrowed("an array"),
            Some(Node::Static(StaticNode::Null)) => Cow::Borrowed("null"),
            Some(Node::Static(StaticNode::Bool(value))) => Cow::Owned(value.to_string()),
            Some(Node::Static(StaticNode::I64(value))) => Cow::Owned(format!("the number {value}")),
            Some(Node::Static(StaticNode::U64(value))) => Cow::Owned(format!("the number {value}")),
            Some(Node::Static(StaticNode::F64(value))) => Cow::Owned(format!("the number {value:?}")),
            None => Cow::Borrowed("missing"),
        }
    }
}

/// Neighbouring values on the tape.
pub(super) struct Elements<'t, 'i>(&'t [Node<'i>]);

impl<'t, 'i> Iterator for Elements<'t, 'i> {
    type Item = Json<'t, 'i>;

    fn next(&mut self) -> Option<Self::Item> {
        let nodes = match self.0.first()? {
            Node::Object { count, .. } | Node::Array { count, .. } => count + 1,
            _ => 1,
        };
        let (value, rest) = self.0.split_at_checked(nodes)?;
        self.0 = rest;
        Some(Json(value))
    }
}

/// A struct with one optional field a key, filled in one pass over an object; a key that stands twice is refused
/// after unescaping, because the provider may read the other one.
macro_rules! fields {
    ($(#[$doc:meta])* $name:ident at $place:literal { $($field:ident = $key:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default)]
        #[allow(dead_code)] // some keys are listed only so that they cannot stand twice
        pub(super) struct $name<'t, 'i> {
            $(pub(super) $field: Option<$crate::codec::read::walk::Field<'t, 'i>>,)*
        }

        impl<'t, 'i> $name<'t, 'i> {
            #[allow(dead_code)]
            pub(super) const KEYS: &'static [&'static str] = &[$($key),*];

            pub(super) fn of(object: $crate::codec::read::walk::Json<'t, 'i>)
                -> Result<Self, $crate::codec::read::Refusal>
            {
                let mut fields = Self::default();
                for member in object.members() {
                    let (slot, key) = match member.key {
                        $($key => (&mut fields.$field, $key),)*
                        _ => continue,
                    };
                    if slot.replace(member).is_some() {
                        return Err($crate::codec::read::Refusal::duplicate($place, key));
                    }
                }
                Ok(fields)
            }
        }
    };
}
pub(super) use fields;

fields!(
    /// Everything at the top level that routing reads, of all dialects together: a key that only one of them knows is
    /// just as ambiguous when it stands twice.
    Top at "" {
        model = "model",
        messages = "messages",
        stream = "stream",
        stream_options = "stream_options",
        system = "system",
        tools = "tools",
        functions = "functions",
        tool_choice = "tool_choice",
        max_tokens = "max_tokens",
        max_completion_tokens = "max_completion_tokens",
        max_output_tokens = "max_output_tokens",
        n = "n",
        response_format = "response_format",
        output_config = "output_config",
        output_format = "output_format",
        thinking = "thinking",
        reasoning_effort = "reasoning_effort",
        reasoning = "reasoning",
        logprobs = "logprobs",
        top_logprobs = "top_logprobs",
        temperature = "temperature",
        top_p = "top_p",
        top_k = "top_k",
        seed = "seed",
        modalities = "modalities",
        audio = "audio",
        metadata = "metadata",
        prompt_cache_key = "prompt_cache_key",
        prompt_cache_retention = "prompt_cache_retention",
        cache_control = "cache_control",
        container = "container",
        mcp_servers = "mcp_servers",
        previous_response_id = "previous_response_id",
        conversation = "conversation",
        input = "input",
        instructions = "instructions",
        text = "text",
        contents = "contents",
        system_instruction = "systemInstruction",
        system_instruction_ = "system_instruction",
        tool_config = "toolConfig",
        tool_config_ = "tool_config",
        generation_config = "generationConfig",
        generation_config_ = "generation_config",
        cached_content = "cachedContent",
        cached_content_ = "cached_content",
    }
);

/// Keys of the top level that must not stand twice.
pub(in crate::codec) const ROUTING_KEYS: &[&str] = Top::KEYS;

/// A field that is there and not null. Null is not absence on the wire, but for routing both say nothing.
pub(super) fn present<'t, 'i>(field: Option<Field<'t, 'i>>) -> Option<Json<'t, 'i>> {
    field.map(|field| field.value).filter(|value| !value.is_null())
}

/// The text of a field, when it is one.
pub(super) fn text<'i>(field: Option<Field<'_, 'i>>) -> Option<&'i str> {
    field.and_then(|field| field.value.string())
}

/// The client's bytes beside the copy that the tape's strings lie in. simd-json unescapes in place, so a string starts
/// at the same offset in both; this is not a documented promise, so every place is checked before it is used.
#[derive(Clone, Copy)]
pub(super) struct Source<'b> {
    pub(super) body: &'b [u8],
    /// Address of the copy's first byte.
    pub(super) base: usize,
}

impl Source<'_> {
    /// Where a member's value stands, as written.
    pub(super) fn span(&self, field: Field<'_, '_>) -> Result<Range<usize>, Refusal> {
        self.locate(field.key).ok_or_else(|| Refusal {
            kind: ReadFaultKind::NotJson,
            message: format!("the place of `{}` in the body could not be told", field.key),
            param: None,
        })
    }

    /// Size of a member's value as written; 0 when its place cannot be told.
    pub(super) fn size(&self, field: Field<'_, '_>) -> usize {
        self.locate(field.key).map_or(0, |span| span.len())
    }

    /// Size of an object as written, found by its first key; the length of a string; 0 for other values.
    pub(super) fn size_of(&self, value: Json<'_, '_>) -> usize {
        if let Some(text) = value.string() {
            return text.len();
        }
        let Some(first) = value.members().next() else { return 0 };
        let brace = self
            .quote_before(first.key)
            .and_then(|quote| self.body[..quote].iter().rposition(|byte| *byte == b'{'));
        brace.and_then(|open| Some(value_end(self.body, open)? - open)).unwrap_or(0)
    }

    fn locate(&self, key: &str) -> Option<Range<usize>> {
        let quote = self.quote_before(key)?;
        let key_end = string_end(self.body, quote)?;
        if decode(&self.body[quote..key_end])? != key {
            return None;
        }
        let colon = skip_space(self.body, key_end);
        if self.body.get(colon) != Some(&b':') {
            return None;
        }
        let start = skip_space(self.body, colon + 1);
        Some(start..value_end(self.body, start)?)
    }

    fn quote_before(&self, text: &str) -> Option<usize> {
        let quote = (text.as_ptr() as usize).checked_sub(self.base)?.checked_sub(1)?;
        (self.body.get(quote) == Some(&b'"')).then_some(quote)
    }
}

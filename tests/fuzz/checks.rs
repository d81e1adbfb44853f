//! What must hold for any bytes, one function a decoder. `cargo fuzz` calls them without end, the tests with the corpora and
//! with mutations of them.

use bytes::Bytes;
use pointsman::codec::{
    self, Asker, Destination, KeyScan, Origin, Scratch, SseSplitter, StreamCrossing, StreamFault, StreamTee,
};
use pointsman::config::{self, SecretSource};
use pointsman::types::{Dialect, Operation};
use serde::de::IgnoredAny;

/// What must hold for any bytes; panics where it does not.
pub type Check = fn(&[u8]);

/// All of them by name.
pub const ALL: [(&str, Check); 6] = [
    ("requests", requests),
    ("answers", answers),
    ("streams", streams),
    ("errors", errors),
    ("events", events),
    ("config", configuration),
];

const DIALECTS: [Dialect; 3] = [Dialect::OpenAi, Dialect::Anthropic, Dialect::Gemini];
/// What a client may call, and what its dialect is.
const ASKED: [(Operation, Dialect); 4] = [
    (Operation::ChatCompletions, Dialect::OpenAi),
    (Operation::Responses, Dialect::OpenAi),
    (Operation::Messages, Dialect::Anthropic),
    (Operation::GenerateContent, Dialect::Gemini),
];

/// Whether what a client says has to be put into other words: OpenAI's own dialect has two languages.
fn crosses(operation: Operation, own: Dialect, other: Dialect) -> bool {
    own != other || operation == Operation::Responses
}

/// Gemini's clients name model and streaming there; to the others it is any path.
const PATH: &str = "/v1beta/models/m:streamGenerateContent?alt=sse";

/// Where vectors are asked for, and a request for one and for two.
const EMBEDDED: [(Operation, &str, &str); 3] = [
    (Operation::Embeddings, "/v1/embeddings", r#"{"input":"a","encoding_format":"base64"}"#),
    (Operation::EmbedContent, "/v1beta/models/m:embedContent", r#"{"content":{"parts":[{"text":"a"}]}}"#),
    (
        Operation::EmbedContent,
        "/v1beta/models/m:batchEmbedContents",
        r#"{"requests":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"}]}}]}"#,
    ),
];

/// Everything a client may call, with a path of it and its dialect.
fn asked() -> impl Iterator<Item = (Operation, &'static str, Dialect)> {
    let embedded = EMBEDDED.map(|(operation, path, _)| match operation {
        Operation::Embeddings => (operation, path, Dialect::OpenAi),
        _ => (operation, path, Dialect::Gemini),
    });
    ASKED.into_iter().map(|(operation, own)| (operation, PATH, own)).chain(embedded)
}

fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(bytes).is_ok()
}

fn asker(operation: Operation) -> Asker {
    Asker { operation, usage_in_stream: true, created: 1 }
}

/// A request is read or refused, and what a translation writes is JSON.
pub fn requests(body: &[u8]) {
    let mut scratch = Scratch::default();
    let _: KeyScan = codec::scan_keys(body);
    for operation in [
        Operation::ChatCompletions,
        Operation::Messages,
        Operation::Responses,
        Operation::GenerateContent,
        Operation::Embeddings,
        Operation::EmbedContent,
    ] {
        let _ = codec::read(operation, body, &mut scratch, |_| ());
    }
    let _ = codec::set_embedding_model(body, "m", "n");
    for (operation, path, own) in asked() {
        for dialect in DIALECTS.into_iter().filter(|dialect| crosses(operation, own, *dialect)) {
            let origin = Origin { operation, path, body };
            let to = Destination {
                dialect,
                model: "m",
                max_output_tokens: 100,
                max_tokens_key: true,
                asks_for_usage: true,
                nine_letter_ids: false,
                takes_user: true,
            };
            if let Ok(crossed) = codec::cross_request(&origin, &to) {
                assert!(is_json(&crossed.body), "{dialect:?}: {}", String::from_utf8_lossy(&crossed.body));
            }
        }
    }
}

/// A whole answer is read or refused, and what a translation writes is JSON.
pub fn answers(body: &[u8]) {
    for dialect in DIALECTS {
        let _ = codec::read_usage(dialect, body);
        let _ = codec::spoken(dialect, body);
        for operation in [
            Operation::ChatCompletions,
            Operation::Messages,
            Operation::Responses,
            Operation::GenerateContent,
            Operation::Embeddings,
            Operation::EmbedContent,
            Operation::CountTokens,
        ] {
            let _ = codec::read_answer(dialect, operation, body);
            let _ = codec::visible_usage(dialect, operation, body);
        }
        for (operation, path, asked) in EMBEDDED {
            let origin = Origin { operation, path, body: asked.as_bytes() };
            if let Ok(crossed) = codec::cross_vectors(dialect, &origin, "m", body) {
                assert!(is_json(&crossed), "{dialect:?}: {}", String::from_utf8_lossy(&crossed));
            }
        }
        for (operation, _) in ASKED.iter().filter(|(operation, own)| crosses(*operation, *own, dialect)) {
            if let Ok(crossed) = codec::cross_answer(dialect, asker(*operation), body) {
                assert!(is_json(&crossed), "{dialect:?}: {}", String::from_utf8_lossy(&crossed));
            }
        }
    }
}

/// A stream means the same however its bytes were cut; one that is a fault whole is a fault in pieces.
pub fn streams(stream: &[u8]) {
    for dialect in DIALECTS {
        for hides_usage in [false, true] {
            let told = |pieces: &mut dyn Iterator<Item = &[u8]>| watched(dialect, hides_usage, pieces);
            alike(told(&mut std::iter::once(stream)), told(&mut stream.chunks(1)));
        }
        for (operation, _) in ASKED.iter().filter(|(operation, own)| crosses(*operation, *own, dialect)) {
            let told = |pieces: &mut dyn Iterator<Item = &[u8]>| crossed(dialect, *operation, pieces);
            alike(told(&mut std::iter::once(stream)), told(&mut stream.chunks(1)));
        }
    }
}

type Told = Result<(Vec<u8>, String), StreamFault>;

fn watched(dialect: Dialect, hides_usage: bool, pieces: &mut dyn Iterator<Item = &[u8]>) -> Told {
    let mut tee = StreamTee::new(dialect, hides_usage).in_whole_events();
    let mut out = Vec::new();
    for piece in pieces {
        out.extend_from_slice(&tee.feed(Bytes::copy_from_slice(piece))?);
    }
    out.extend_from_slice(&tee.rest());
    Ok((out, format!("{:?} {:?}", tee.end(), tee.error())))
}

fn crossed(dialect: Dialect, operation: Operation, pieces: &mut dyn Iterator<Item = &[u8]>) -> Told {
    let mut crossing = StreamCrossing::new(dialect, asker(operation));
    let mut out = Vec::new();
    for piece in pieces {
        out.extend_from_slice(&crossing.feed(piece)?);
    }
    out.extend_from_slice(&crossing.finish());
    Ok((out, String::new()))
}

fn alike(whole: Told, pieces: Told) {
    match (whole, pieces) {
        (Ok(whole), Ok(pieces)) => {
            assert_eq!(whole.1, pieces.1);
            assert_eq!(String::from_utf8_lossy(&whole.0), String::from_utf8_lossy(&pieces.0));
        }
        (Err(_), Err(_)) => {}
        (whole, pieces) => panic!("whole {:?}, in pieces {:?}", whole.err(), pieces.err()),
    }
}

/// Lines become the same events however they were cut.
pub fn events(stream: &[u8]) {
    let split = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut splitter = SseSplitter::default();
        let mut found = Vec::new();
        for piece in pieces {
            splitter.feed(piece, |event| {
                found.push((event.name.to_owned(), event.data.to_owned()));
                Ok::<(), codec::SseFault>(())
            })?;
        }
        Ok::<_, codec::SseFault>(found)
    };
    let (whole, pieces) = (split(&mut std::iter::once(stream)), split(&mut stream.chunks(1)));
    assert_eq!(whole.is_ok(), pieces.is_ok());
    if let (Ok(whole), Ok(pieces)) = (whole, pieces) {
        assert_eq!(whole, pieces);
    }
}

/// An error becomes a class, a code that is a word, and a bounded message; in another dialect it is JSON.
pub fn errors(body: &[u8]) {
    for dialect in DIALECTS {
        for status in [200, 302, 400, 401, 404, 429, 500, 529] {
            let found = codec::classify(dialect, status, body);
            let is_word = found.code.bytes().all(|byte| byte.is_ascii_graphic());
            assert!(is_word && found.code.len() <= 48, "{}", found.code);
            assert!(found.message.len() <= 512);
            for other in DIALECTS {
                assert!(is_json(&codec::cross_error(dialect, other, status, body)));
            }
        }
    }
}

/// A configuration is taken or its faults are told.
pub fn configuration(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let _ = config::from_text(text, "", SecretSource::Map(std::collections::HashMap::new()));
}

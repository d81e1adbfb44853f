use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::*;
use crate::codec::cross::{cross_request, cross_vectors};

const ONE: &str = "/v1beta/models/m:embedContent";
const BATCH: &str = "/v1/models/m:batchEmbedContents";

fn to(dialect: Dialect) -> Destination<'static> {
    Destination {
        dialect,
        model: "up/stream",
        max_output_tokens: 1,
        max_tokens_key: true,
        asks_for_usage: true,
        nine_letter_ids: false,
        takes_user: true,
    }
}

fn openai(body: &str) -> Origin<'_> {
    Origin { operation: Operation::Embeddings, path: "/v1/embeddings", body: body.as_bytes() }
}

fn gemini<'a>(path: &'a str, body: &'a str) -> Origin<'a> {
    Origin { operation: Operation::EmbedContent, path, body: body.as_bytes() }
}

fn value(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn openais_texts_are_asked_of_gemini() {
    let body =
        r#"{"input":"a\ud800 \"é\"","model":"x","encoding_format":"base64","user":"u","dimensions":256}"#;
    let crossed = cross_request(&openai(body), &to(Dialect::Gemini)).unwrap();
    assert_eq!(crossed.path, "/v1beta/models/up%2Fstream:embedContent");
    let expected = r#"{"model":"models/up/stream","content":{"parts":[{"text":"a\ud800 \"é\""}]},"outputDimensionality":256}"#;
    assert_eq!(crossed.body, expected, "half a surrogate pair is carried as it is");
    assert_eq!(crossed.dropped, ["user"]);
    let several = r#"{"model":"x","input":["a","b"],"encoding_format":null,"dimensions":null}"#;
    let crossed = cross_request(&openai(several), &to(Dialect::Gemini)).unwrap();
    assert_eq!(crossed.path, "/v1beta/models/up%2Fstream:batchEmbedContents");
    let one = |text: &str| json!({"model": "models/up/stream", "content": {"parts": [{"text": text}]}});
    assert_eq!(value(&crossed.body), json!({"requests": [one("a"), one("b")]}));
}

#[test]
fn geminis_texts_are_asked_of_openai() {
    let body = r#"{"model":"models/m","content":{"role":"user","parts":[{"text":"a"}]},"output_dimensionality":8,
                   "taskType":"TASK_TYPE_UNSPECIFIED","title":null}"#;
    let crossed = cross_request(&gemini(ONE, body), &to(Dialect::OpenAi)).unwrap();
    assert_eq!(crossed.path, "/v1/embeddings");
    assert_eq!(value(&crossed.body), json!({"model": "up/stream", "input": "a", "dimensions": 8}));
    let body = r#"{"requests":[{"model":"models/m","content":{"parts":[{"text":"a"}]},"outputDimensionality":8},
                  {"content":{"parts":[{"text":"b"}]},"embedContentConfig":{"outputDimensionality":8}}]}"#;
    let crossed = cross_request(&gemini(BATCH, body), &to(Dialect::OpenAi)).unwrap();
    assert_eq!(value(&crossed.body), json!({"model": "up/stream", "input": ["a", "b"], "dimensions": 8}));
}

#[test]
fn what_would_give_other_vectors_is_in_the_way() {
    let openai_cases = [
        (r#"{"model":"x","input":[1,2,3]}"#, "input"),
        (r#"{"model":"x","input":[[1,2],[3]]}"#, "input"),
        (r#"{"model":"x","input":["a",1]}"#, "input"),
        (r#"{"model":"x","input":[]}"#, "input"),
        (r#"{"model":"x"}"#, "input"),
        (r#"{"model":"x","input":7}"#, "input"),
        (r#"{"model":"x","input":"a","encoding_format":"int8"}"#, "encoding_format"),
        (r#"{"model":"x","input":"a","dimensions":-1}"#, "dimensions"),
        (r#"{"model":"x","input":"a","truncate":"END"}"#, "truncate"),
    ];
    for (body, param) in openai_cases {
        let obstacle = cross_request(&openai(body), &to(Dialect::Gemini)).unwrap_err();
        assert_eq!(obstacle.param, param, "{body}: {}", obstacle.message);
    }
    let content = r#""content":{"parts":[{"text":"a"}]}"#;
    let one = |more: &str| format!("{{{content}{more}}}");
    let gemini_cases = [
        (ONE, one(r#","taskType":"RETRIEVAL_QUERY""#), "taskType"),
        (ONE, one(r#","task_type":"CLUSTERING""#), "taskType"),
        (ONE, one(r#","title":"t""#), "title"),
        (ONE, one(r#","embedContentConfig":{"taskType":"CLUSTERING"}"#), "embedContentConfig.taskType"),
        (ONE, one(r#","embedContentConfig":{"autoTruncate":false}"#), "embedContentConfig.autoTruncate"),
        (ONE, one(r#","model":"models/other""#), "model"),
        (ONE, r#"{"content":{"parts":[{"text":"a"},{"text":"b"}]}}"#.to_owned(), "content.parts"),
        (ONE, r#"{"content":{"parts":[]}}"#.to_owned(), "content.parts"),
        (ONE, r#"{"content":{"parts":[{"inlineData":{}}]}}"#.to_owned(), "inlineData"),
        (BATCH, format!("{{\"requests\":[{}]}}", one(r#","title":"t""#)), "requests[].title"),
        (
            BATCH,
            format!("{{\"requests\":[{},{}]}}", one(""), one(r#","outputDimensionality":2"#)),
            "requests[].outputDimensionality",
        ),
        (BATCH, r#"{"requests":[]}"#.to_owned(), "requests"),
    ];
    for (path, body, param) in gemini_cases {
        let obstacle = cross_request(&gemini(path, &body), &to(Dialect::OpenAi)).unwrap_err();
        assert_eq!(obstacle.param, param, "{body}: {}", obstacle.message);
    }
    let nobody = cross_request(&openai(r#"{"model":"x","input":"a"}"#), &to(Dialect::Anthropic)).unwrap_err();
    assert_eq!(nobody.param, "model");
}

#[test]
fn vectors_are_carried_as_they_are() {
    let asked = r#"{"model":"x","input":["a","b"]}"#;
    let given = r#"{"embeddings":[{"values":[0.10,-2e-3]},{"values":[1,0]}]}"#;
    let told = cross_vectors(Dialect::Gemini, &openai(asked), "m", given.as_bytes()).unwrap();
    let expected = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.10,-2e-3]},{"object":"embedding","index":1,"embedding":[1,0]}],"model":"m"}"#;
    assert_eq!(told, expected, "no usage is said where none was given");
    let counted = r#"{"embedding":{"values":[1.0,0.0]},"usageMetadata":{"promptTokenCount":9}}"#;
    let asked = r#"{"model":"x","input":"a","encoding_format":"base64"}"#;
    let told = value(&cross_vectors(Dialect::Gemini, &openai(asked), "m", counted.as_bytes()).unwrap());
    assert_eq!(told["data"][0]["embedding"], "AACAPwAAAAA=");
    assert_eq!(told["usage"], json!({"prompt_tokens": 9, "total_tokens": 9}));
    let asked = r#"{"requests":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"}]}}]}"#;
    let given = r#"{"data":[{"index":1,"embedding":"AACAPwAAAAA="},{"index":0,"embedding":[0.5]}],"usage":{"prompt_tokens":4}}"#;
    let told = value(&cross_vectors(Dialect::OpenAi, &gemini(BATCH, asked), "m", given.as_bytes()).unwrap());
    let expected = json!({"embeddings": [{"values": [0.5]}, {"values": [1, 0]}], "usageMetadata": {"promptTokenCount": 4}});
    assert_eq!(told, expected, "in the order of the texts");
    let one = r#"{"content":{"parts":[{"text":"a"}]}}"#;
    let told = cross_vectors(Dialect::OpenAi, &gemini(ONE, one), "m", br#"{"data":[{"embedding":[2]}]}"#);
    assert_eq!(told.unwrap(), r#"{"embedding":{"values":[2]}}"#);
}

#[test]
fn what_is_no_vector_for_each_text_is_malformed() {
    let asked = r#"{"model":"x","input":["a","b"],"dimensions":2}"#;
    let batch = r#"{"requests":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"}]}}]}"#;
    for given in [
        r#"{"embeddings":[{"values":[1,2]}]}"#,
        r#"{"embeddings":[{"values":[1,2]},{"values":[1,2,3]}]}"#,
        r#"{"embeddings":[{"values":[1,2]},{"values":[]}]}"#,
        r#"{"embeddings":[{"values":[1,2]},{"values":[1,"x"]}]}"#,
        r#"{"embeddings":[{"values":[1,2]},{"values":[1,1e300]}]}"#,
        r#"{"embeddings":[{"values":[1,2]},{}]}"#,
        "{}",
        "[]",
    ] {
        let told = cross_vectors(Dialect::Gemini, &openai(asked), "m", given.as_bytes());
        assert!(told.is_err(), "{given}");
    }
    for given in [
        r#"{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}"#,
        r#"{"data":[{"index":0,"embedding":[1]},{"embedding":[1]}]}"#,
        r#"{"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":"AAA="}]}"#,
        r#"{"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":"AADAfw=="}]}"#,
        r#"{"data":[]}"#,
    ] {
        let told = cross_vectors(Dialect::OpenAi, &gemini(BATCH, batch), "m", given.as_bytes());
        assert!(told.is_err(), "{given}");
    }
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    vec("[a-zé \"\\\\\n/\u{1}🦀]{0,12}", 1..6)
}

proptest! {
    /// There and back: the same texts, the same number of dimensions.
    #[test]
    fn requests_survive_both_ways(texts in texts(), dimensions in option::of(1_u32..4096)) {
        let input = if texts.len() == 1 { json!(texts[0]) } else { json!(texts) };
        let mut asked = json!({"model": "up/stream", "input": input});
        if let Some(dimensions) = dimensions {
            asked["dimensions"] = json!(dimensions);
        }
        let body = asked.to_string();
        let there = cross_request(&openai(&body), &to(Dialect::Gemini)).unwrap();
        let there_body = std::str::from_utf8(&there.body).unwrap();
        let back = cross_request(&gemini(&there.path, there_body), &to(Dialect::OpenAi)).unwrap();
        prop_assert_eq!(value(&back.body), asked);
    }

    /// The same numbers, whatever the encoding on the way.
    #[test]
    fn vectors_survive_both_ways(
        vectors in vec(vec(-1.0_f32..1.0, 3), 1..4),
        encoding in select(vec!["float", "base64"]),
    ) {
        let texts: Vec<&str> = vectors.iter().map(|_| "t").collect();
        let list: Vec<Value> = vectors.iter().map(|vector| json!({"values": vector})).collect();
        let given = json!({"embeddings": list}).to_string();
        let asked = json!({"model": "x", "input": texts, "encoding_format": encoding}).to_string();
        let told = cross_vectors(Dialect::Gemini, &openai(&asked), "m", given.as_bytes()).unwrap();
        let requests: Vec<Value> = texts.iter().map(|text| json!({"content": {"parts": [{"text": text}]}})).collect();
        let batch = json!({"requests": requests}).to_string();
        let back = cross_vectors(Dialect::OpenAi, &gemini(BATCH, &batch), "m", &told).unwrap();
        let back = read_gemini_answer(&back).unwrap().vectors;
        let back: Vec<Vec<f32>> = back.into_iter().map(|vector| vector.values).collect();
        prop_assert_eq!(back, vectors);
    }

    /// Bytes changed at random never end in a panic.
    #[test]
    fn odd_bytes_are_refused_and_no_more(at in 0_usize..200, byte in any::<u8>()) {
        let mut given = br#"{"data":[{"index":0,"embedding":[0.25,1]},{"index":1,"embedding":"AACAPwAAAAA="}],"usage":{"prompt_tokens":4}}"#.to_vec();
        let mut asked = br#"{"model":"x","input":["a","b"],"dimensions":2,"encoding_format":"base64"}"#.to_vec();
        let (in_given, in_asked) = (at % given.len(), at % asked.len());
        given[in_given] = byte;
        let batch = r#"{"requests":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"}]}}]}"#;
        if let Ok(told) = cross_vectors(Dialect::OpenAi, &gemini(BATCH, batch), "m", &given) {
            value(&told);
        }
        asked[in_asked] = byte;
        let origin = Origin { operation: Operation::Embeddings, path: "", body: &asked };
        if let Ok(crossed) = cross_request(&origin, &to(Dialect::Gemini)) {
            value(&crossed.body);
        }
    }
}

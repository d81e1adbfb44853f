use super::*;

#[track_caller]
fn check<T: serde::de::DeserializeOwned>(json: &str, usage: impl Fn(&T) -> Usage, wanted: Usage) {
    let parsed: T = serde_json::from_str(json).expect(json);
    assert_eq!(usage(&parsed), wanted, "{json}");
}

#[test]
fn openai_includes_parts_in_totals() {
    let cases = [
        (
            r#"{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120}"#,
            Usage { input: 100, output: 20, ..Usage::default() },
        ),
        (
            r#"{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,
                "prompt_tokens_details":{"cached_tokens":64,"audio_tokens":10,"cache_write_tokens":6},
                "completion_tokens_details":{"reasoning_tokens":30,"audio_tokens":5}}"#,
            Usage {
                input: 20,
                cache_read: 64,
                cache_write_5m: 6,
                audio_input: 10,
                output: 15,
                reasoning: 30,
                audio_output: 5,
                ..Usage::default()
            },
        ),
        (
            r#"{"input_tokens":9,"output_tokens":8,"input_tokens_details":{"cached_tokens":4},"output_tokens_details":{"reasoning_tokens":6}}"#,
            Usage { input: 5, cache_read: 4, output: 2, reasoning: 6, ..Usage::default() },
        ),
        (
            r#"{"prompt_tokens":9,"input_tokens":9,"completion_tokens":1,"output_tokens":1}"#,
            Usage { input: 9, output: 1, ..Usage::default() },
        ),
        (
            r#"{"prompt_tokens":9,"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":5}"#,
            Usage { input: 5, cache_read: 4, ..Usage::default() },
        ),
        (
            r#"{"prompt_tokens":10,"completion_tokens":3,"total_tokens":20,"completion_tokens_details":{"reasoning_tokens":7}}"#,
            Usage { input: 10, output: 3, reasoning: 7, ..Usage::default() },
        ),
        (r#"{"prompt_tokens":7}"#, Usage { input: 7, ..Usage::default() }),
        (
            r#"{"prompt_tokens":3,"prompt_tokens_details":null,"completion_tokens":null}"#,
            Usage { input: 3, ..Usage::default() },
        ),
    ];
    for (json, wanted) in cases {
        check::<OpenAiUsage>(json, OpenAiUsage::usage, wanted);
    }
}

#[test]
fn absurd_counts_are_clamped() {
    let json = r#"{"prompt_tokens":-5,"completion_tokens":1e30,"total_tokens":"x",
        "prompt_tokens_details":{"cached_tokens":99},"completion_tokens_details":{"reasoning_tokens":[1]}}"#;
    check::<OpenAiUsage>(json, OpenAiUsage::usage, Usage { output: MAX_TOKENS, ..Usage::default() });
    let json = r#"{"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":99,"audio_tokens":99}}"#;
    check::<OpenAiUsage>(json, OpenAiUsage::usage, Usage { cache_read: 10, ..Usage::default() });
    let json = r#"{"input_tokens":123456789012345678901234567890,"output_tokens":2.9}"#;
    check::<AnthropicUsage>(
        json,
        AnthropicUsage::usage,
        Usage { input: MAX_TOKENS, output: 2, ..Usage::default() },
    );
}

#[test]
fn anthropic_is_disjoint_already() {
    let cases = [
        (r#"{"input_tokens":10,"output_tokens":5}"#, Usage { input: 10, output: 5, ..Usage::default() }),
        (
            r#"{"input_tokens":1,"cache_read_input_tokens":100,"cache_creation_input_tokens":30,
                "cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20},"output_tokens":5}"#,
            Usage {
                input: 1,
                cache_read: 100,
                cache_write_5m: 10,
                cache_write_1h: 20,
                output: 5,
                ..Usage::default()
            },
        ),
        (
            r#"{"input_tokens":1,"cache_creation_input_tokens":30,"cache_creation":null}"#,
            Usage { input: 1, cache_write_5m: 30, ..Usage::default() },
        ),
        (
            r#"{"output_tokens":9,"output_tokens_details":{"thinking_tokens":4}}"#,
            Usage { output: 5, reasoning: 4, ..Usage::default() },
        ),
    ];
    for (json, wanted) in cases {
        check::<AnthropicUsage>(json, AnthropicUsage::usage, wanted);
    }
}

#[test]
fn later_figures_of_a_stream_replace_earlier_ones() {
    let mut all: AnthropicUsage =
        serde_json::from_str(r#"{"input_tokens":10,"cache_read_input_tokens":3,"output_tokens":1}"#).unwrap();
    all.overlay(&serde_json::from_str(r#"{"output_tokens":40}"#).unwrap());
    all.overlay(&serde_json::from_str(r#"{"output_tokens":50,"cache_read_input_tokens":null}"#).unwrap());
    assert_eq!(all.usage(), Usage { input: 10, cache_read: 3, output: 50, ..Usage::default() });
}

#[test]
fn gemini_counts_thoughts_apart() {
    let json = r#"{"promptTokenCount":100,"cachedContentTokenCount":40,"candidatesTokenCount":7,"thoughtsTokenCount":9,
        "toolUsePromptTokenCount":2,"promptTokensDetails":[{"modality":"TEXT","tokenCount":50},{"modality":"IMAGE","tokenCount":10}]}"#;
    let wanted =
        Usage { input: 52, cache_read: 40, image_input: 10, output: 7, reasoning: 9, ..Usage::default() };
    check::<GeminiUsage>(json, GeminiUsage::usage, wanted);
}

use super::*;

#[test]
fn classes_are_told_from_status_and_words() {
    use Dialect::*;
    use FailureClass as F;
    let openai = |code: &str, kind: &str, message: &str| {
        json!({ "error": { "code": code, "type": kind, "message": message } }).to_string()
    };
    let anthropic = |kind: &str, message: &str| {
        json!({ "type": "error", "error": { "type": kind, "message": message } }).to_string()
    };
    let gemini = |code: u16, status: &str, message: &str| {
        json!({ "error": { "code": code, "status": status, "message": message } }).to_string()
    };
    let reason = |reason: &str, message: &str| {
        let details = json!([{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason }]);
        json!({ "error": { "code": 400, "status": "X", "message": message, "details": details } }).to_string()
    };
    let cases = [
        (OpenAi, 429, openai("rate_limit_exceeded", "tokens", "slow down"), F::RateLimit),
        (OpenAi, 429, openai("insufficient_quota", "insufficient_quota", "pay"), F::Billing),
        (OpenAi, 429, openai("enforced_spend_limit_reached", "", ""), F::Billing),
        (OpenAi, 402, openai("", "", "pay"), F::Billing),
        (OpenAi, 400, openai("context_length_exceeded", "invalid_request_error", ""), F::ContextLength),
        (OpenAi, 400, openai("", "", "This model's maximum context length is 8192 tokens"), F::ContextLength),
        (OpenAi, 400, openai("content_policy_violation", "", ""), F::ContentFilter),
        (OpenAi, 400, openai("content_filter", "", ""), F::ContentFilter),
        (OpenAi, 400, openai("invalid_value", "invalid_request_error", "n"), F::BadRequest),
        (OpenAi, 400, openai("unsupported_value", "invalid_request_error", ""), F::Unsupported),
        (OpenAi, 400, openai("", "", "logprobs are not supported with this model"), F::Unsupported),
        (OpenAi, 401, openai("invalid_api_key", "invalid_request_error", ""), F::Auth),
        (OpenAi, 403, openai("", "", "country"), F::Auth),
        (OpenAi, 404, openai("model_not_found", "", ""), F::ModelGone),
        (OpenAi, 404, "{}".to_owned(), F::BadRequest),
        (OpenAi, 408, String::new(), F::Timeout),
        (OpenAi, 504, "<html>".to_owned(), F::Timeout),
        (OpenAi, 500, openai("", "server_error", ""), F::ServerError),
        (OpenAi, 503, openai("", "", "The engine is currently overloaded"), F::Overloaded),
        (OpenAi, 503, "down".to_owned(), F::ServerError),
        (OpenAi, 422, openai("", "", ""), F::BadRequest),
        (OpenAi, 302, String::new(), F::Malformed),
        (OpenAi, 508, openai("loop_detected", "", ""), F::BadRequest),
        (OpenAi, 400, r#"{"error":"prompt is too long"}"#.to_owned(), F::ContextLength),
        (Anthropic, 529, anthropic("overloaded_error", "Overloaded"), F::Overloaded),
        (Anthropic, 529, String::new(), F::Overloaded),
        (Anthropic, 500, anthropic("api_error", ""), F::ServerError),
        (Anthropic, 400, anthropic("invalid_request_error", "prompt is too long: 9 > 8"), F::ContextLength),
        (
            Anthropic,
            400,
            anthropic("invalid_request_error", "Your credit balance is too low to access"),
            F::Billing,
        ),
        (Anthropic, 404, anthropic("not_found_error", "model: claude-1"), F::ModelGone),
        (Anthropic, 404, anthropic("not_found_error", "Not Found"), F::BadRequest),
        (Anthropic, 401, anthropic("authentication_error", "invalid x-api-key"), F::Auth),
        (Anthropic, 429, anthropic("rate_limit_error", ""), F::RateLimit),
        (Anthropic, 413, anthropic("request_too_large", ""), F::BadRequest),
        (Gemini, 429, gemini(429, "RESOURCE_EXHAUSTED", "quota"), F::RateLimit),
        (Gemini, 400, gemini(400, "INVALID_ARGUMENT", "API key not valid. Please"), F::Auth),
        (Gemini, 404, gemini(404, "NOT_FOUND", "models/x is not found"), F::ModelGone),
        (Gemini, 503, gemini(503, "UNAVAILABLE", "The model is overloaded"), F::Overloaded),
        (Gemini, 400, reason("API_KEY_INVALID", "API key expired. Please renew the API key."), F::Auth),
        (Gemini, 403, reason("BILLING_DISABLED", "This API method requires billing."), F::Billing),
        (OpenAi, 503, openai("server_is_overloaded", "service_unavailable_error", ""), F::Overloaded),
    ];
    for (dialect, status, body, class) in cases {
        assert_eq!(classify(dialect, status, body.as_bytes()).class, class, "{status} {body}");
    }
}

#[test]
fn a_member_that_is_refused_as_unknown_is_named() {
    let detail = json!([{ "type": "extra_forbidden", "loc": ["body", "max_completion_tokens"], "input": 9 }]);
    for body in [json!({ "detail": detail }), json!({ "object": "error", "message": { "detail": detail } })] {
        let found = classify(Dialect::OpenAi, 422, body.to_string().as_bytes());
        assert_eq!(found.class, FailureClass::Unsupported, "{body}");
        assert_eq!(found.param.as_deref(), Some("max_completion_tokens"));
    }
    let prompt = json!({ "detail": "extra_forbidden" }).to_string();
    assert_eq!(classify(Dialect::OpenAi, 422, prompt.as_bytes()).class, FailureClass::BadRequest);
}

/// A message may repeat what the caller wrote; that must not take a provider away from all the others.
#[test]
fn an_echo_takes_no_provider_away() {
    for said in ["your credit balance is too low", "api key not valid", "insufficient balance", "the model m"]
    {
        let body = json!({ "error": { "message": format!("invalid value: `{said}`") } }).to_string();
        for status in [400, 404, 422] {
            for dialect in [Dialect::OpenAi, Dialect::Anthropic, Dialect::Gemini] {
                let found = classify(dialect, status, body.as_bytes());
                assert_eq!(found.class, FailureClass::BadRequest, "{dialect:?} {status} {said}");
            }
        }
    }
    let gone = |message: &str| {
        let body = json!({ "error": { "message": message } }).to_string();
        classify(Dialect::OpenAi, 404, body.as_bytes()).class
    };
    assert_eq!(gone("The model `m` does not exist."), FailureClass::ModelGone);
    assert_eq!(gone("model \"m\" not found, try pulling it first"), FailureClass::ModelGone);
}

#[test]
fn a_code_is_a_word() {
    for (code, kept) in [("rate-limit.v2_x", "rate-limit.v2_x"), ("my secret", "http_400"), ("", "http_400")]
    {
        let body = json!({ "error": { "code": code, "message": "m" } }).to_string();
        assert_eq!(classify(Dialect::OpenAi, 400, body.as_bytes()).code, kept);
    }
    let long = json!({ "error": { "code": "a".repeat(49), "type": "t" } }).to_string();
    assert_eq!(classify(Dialect::OpenAi, 400, long.as_bytes()).code, "t");
}

#[test]
fn what_a_model_does_not_take_is_named() {
    let body = |message: &str, param: Value| {
        json!({"error": {"code": "unsupported_parameter", "message": message, "param": param}}).to_string()
    };
    let said = "Unsupported parameter: 'max_tokens' is not supported with this model.";
    for (message, param, named) in [
        (said, json!("reasoning.effort"), Some("reasoning")),
        (said, json!("tools[0].type"), Some("tools")),
        (said, Value::Null, Some("max_tokens")),
        ("it is not", Value::Null, None),
        ("`a b` is not", Value::Null, None),
        ("it is not", json!("x".repeat(65)), None),
    ] {
        let found = classify(Dialect::OpenAi, 400, body(message, param).as_bytes());
        assert_eq!((found.class, found.param.as_deref()), (FailureClass::Unsupported, named), "{message}");
    }
    let other = json!({"error": {"code": "invalid_value", "message": "'n'", "param": "n"}}).to_string();
    assert_eq!(classify(Dialect::OpenAi, 400, other.as_bytes()).param, None);
}

#[test]
fn code_and_message_are_the_providers_and_bounded() {
    let found = classify(Dialect::OpenAi, 400, br#"{"error":{"code":"c","type":"t","message":"m"}}"#);
    assert_eq!((found.code.as_str(), found.message.as_str()), ("c", "m"));
    let found = classify(
        Dialect::Anthropic,
        400,
        br#"{"error":{"type":"t","message":"m","details":{"error_code":"d"}}}"#,
    );
    assert_eq!(found.code, "d");
    assert_eq!(classify(Dialect::OpenAi, 418, b"").code, "http_418");
    let long = json!({ "error": { "message": "ä".repeat(4000) } }).to_string();
    assert!(classify(Dialect::OpenAi, 400, long.as_bytes()).message.len() <= MAX_MESSAGE_BYTES);
}

fn own(attempts: &[AttemptNote]) -> OwnError<'_> {
    OwnError {
        kind: "pointsman_upstream_error",
        code: "all_targets_failed",
        message: "nothing \"worked\"\n",
        param: None,
        request_id: "pm-1",
        attempts,
        status: 503,
    }
}

#[test]
fn our_errors_speak_the_callers_dialect() {
    let attempts = [AttemptNote {
        model: "m".into(),
        outcome: "timeout".into(),
        ms: 12,
        cost_usd: Some("0.000001".into()),
    }];
    let body = |dialect| serde_json::from_slice::<Value>(&error_body(dialect, &own(&attempts))).unwrap();
    let openai = body(Dialect::OpenAi);
    assert_eq!(openai["error"]["type"], "pointsman_upstream_error");
    assert_eq!(openai["error"]["pointsman"]["attempts"][0]["outcome"], "timeout");
    let anthropic = body(Dialect::Anthropic);
    assert_eq!(
        (&anthropic["type"], &anthropic["error"]["type"]),
        (&json!("error"), &json!("overloaded_error"))
    );
    assert_eq!(anthropic["error"]["details"]["error_code"], "all_targets_failed");
    assert_eq!(anthropic["request_id"], "pm-1");
    let gemini = body(Dialect::Gemini);
    assert_eq!((&gemini["error"]["code"], &gemini["error"]["status"]), (&json!(503), &json!("UNAVAILABLE")));
}

#[test]
fn our_error_events_are_one_event_that_our_own_tee_sees_as_an_error() {
    for dialect in [Dialect::OpenAi, Dialect::Anthropic, Dialect::Gemini] {
        let event = error_event(dialect, &own(&[]));
        let mut tee = crate::codec::StreamTee::new(dialect, false);
        tee.feed(event).unwrap();
        assert!(tee.error().is_some() && !tee.end().finished, "{dialect:?}");
    }
}

#[test]
fn gemini_says_in_the_body_how_long_to_wait() {
    let wait = |delay: &str| {
        let details = json!([{ "@type": "QuotaFailure" }, { "@type": "RetryInfo", "retryDelay": delay }]);
        let body = json!({ "error": { "code": 429, "status": "RESOURCE_EXHAUSTED", "details": details } });
        classify(Dialect::Gemini, 429, body.to_string().as_bytes()).retry_after.unwrap()
    };
    assert_eq!(wait("58s"), Duration::from_secs(58));
    assert_eq!(wait("34.5s"), Duration::from_millis(34_500));
    let wrapped = br#"[{"error":{"code":429,"details":[{"retryDelay":"2s"}]}}]"#;
    assert_eq!(classify(Dialect::Gemini, 429, wrapped).retry_after, Some(Duration::from_secs(2)));
    for odd in ["-5s", "soon", "", "NaNs", "1e300s", "5"] {
        assert_eq!(wait(odd), Duration::from_secs(1), "{odd}");
    }
    assert_eq!(classify(Dialect::Gemini, 429, b"{\"error\":{\"code\":429}}").retry_after, None);
}

#[test]
fn the_error_event_of_a_response_is_numbered_and_told_by_its_type() {
    let mut number = crate::codec::EventNumber::default();
    number.note(b"data: {\"sequence_number\":6}\n\n");
    let event = response_error_event(number, &own(&[]));
    let text = std::str::from_utf8(&event).unwrap();
    let data = text.strip_prefix("event: error\ndata: ").unwrap();
    let value: Value = serde_json::from_str(data).unwrap();
    assert_eq!((&value["type"], &value["sequence_number"]), (&json!("error"), &json!(7)));
    assert_eq!((&value["code"], &value["message"]), (&value["error"]["code"], &value["error"]["message"]));
    assert!(value["code"].is_string() && value["param"].is_null() && value["error"]["pointsman"].is_object());
    let mut tee = crate::codec::StreamTee::new(Dialect::OpenAi, false);
    tee.feed(event.clone()).unwrap();
    assert!(tee.error().is_some() && !tee.end().finished);
}

//! What an error of the proxy's own must look like to each dialect's SDKs.

use super::Answer;

/// Error types Anthropic's SDKs know.
const ANTHROPIC: [&str; 10] = [
    "invalid_request_error",
    "authentication_error",
    "billing_error",
    "permission_error",
    "not_found_error",
    "request_too_large",
    "rate_limit_error",
    "api_error",
    "overloaded_error",
    "timeout_error",
];

/// Words of google.rpc.Code for what an error of ours can be.
const GEMINI: [&str; 9] = [
    "INVALID_ARGUMENT",
    "FAILED_PRECONDITION",
    "UNAUTHENTICATED",
    "PERMISSION_DENIED",
    "NOT_FOUND",
    "RESOURCE_EXHAUSTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DEADLINE_EXCEEDED",
];

/// Checks an error body of OpenAI's shape; returns its code.
pub fn openai(answer: &Answer, case: &str) -> String {
    let error = &answer.json()["error"];
    let kind = error["type"].as_str().unwrap_or_default();
    assert!(kind.starts_with("pointsman_"), "{case}: type in {error}");
    assert!(error["message"].as_str().is_some_and(|text| text.len() > 20), "{case}: message in {error}");
    assert!(error.get("param").is_some(), "{case}: `param` is a member of every OpenAI error: {error}");
    common(answer, case);
    error["code"].as_str().unwrap_or_else(|| panic!("{case}: no code in {error}")).to_owned()
}

/// Checks an error body of Anthropic's shape; returns its code.
pub fn anthropic(answer: &Answer, case: &str) -> String {
    let body = answer.json();
    assert_eq!(body["type"], "error", "{case}: {body}");
    let kind = body["error"]["type"].as_str().unwrap_or_default();
    assert!(ANTHROPIC.contains(&kind), "{case}: an SDK does not know the type in {body}");
    assert!(
        body["error"]["message"].as_str().is_some_and(|text| text.len() > 20),
        "{case}: message in {body}"
    );
    assert!(body["request_id"].is_string(), "{case}: request id in {body}");
    common(answer, case);
    let code = body["error"]["details"]["error_code"].as_str();
    code.unwrap_or_else(|| panic!("{case}: no code in {body}")).to_owned()
}

/// Checks an error body of Gemini's shape; returns its code.
pub fn gemini(answer: &Answer, case: &str) -> String {
    let error = &answer.json()["error"];
    assert_eq!(error["code"], answer.status, "{case}: {error}");
    let word = error["status"].as_str().unwrap_or_default();
    assert!(GEMINI.contains(&word), "{case}: no canonical status in {error}");
    assert!(error["message"].as_str().is_some_and(|text| text.len() > 20), "{case}: message in {error}");
    let details = &error["details"][0];
    assert_eq!(details["@type"], "type.googleapis.com/google.rpc.ErrorInfo", "{case}: {error}");
    assert!(details["domain"].as_str().is_some_and(|kind| kind.starts_with("pointsman_")), "{case}: {error}");
    common(answer, case);
    details["reason"].as_str().unwrap_or_else(|| panic!("{case}: no reason in {error}")).to_owned()
}

/// Checks an error body of the dialect that a path belongs to; returns its code.
pub fn of_path(target: &str, answer: &Answer, case: &str) -> String {
    if target.starts_with("/v1/messages") {
        anthropic(answer, case)
    } else if target.contains("/models/") {
        gemini(answer, case)
    } else {
        openai(answer, case)
    }
}

fn common(answer: &Answer, case: &str) {
    assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("application/json")), "{case}");
    assert!(answer.header("x-pointsman-id").is_some_and(|id| id.starts_with("pm-")), "{case}: no request id");
    assert!(answer.complete, "{case}: the error was cut");
}

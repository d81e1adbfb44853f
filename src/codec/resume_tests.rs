use serde_json::json;

use super::*;

const DIALECTS: [Dialect; 3] = Dialect::ALL;

/// One event of Gemini's.
fn candidate(text: &str, finish: &str) -> String {
    let mut candidate = json!({"content": {"role": "model", "parts": [{"text": text}]}, "index": 0});
    if !finish.is_empty() {
        candidate["finishReason"] = json!(finish);
    }
    format!("data: {}\n\n", json!({"candidates": [candidate], "usageMetadata": {"promptTokenCount": 1}}))
}

fn opening(dialect: Dialect) -> String {
    match dialect {
        Dialect::Anthropic => {
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{}}\n\n\
             event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\
             \"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\n"
                .to_owned()
        }
        Dialect::Gemini => candidate("", ""),
        Dialect::OpenAi => "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n".to_owned(),
    }
}

fn piece(dialect: Dialect, text: &str) -> String {
    match dialect {
        Dialect::Anthropic => {
            let delta = json!({"type": "text_delta", "text": text});
            let event = json!({"type": "content_block_delta", "index": 0, "delta": delta});
            format!("event: content_block_delta\ndata: {event}\n\n")
        }
        Dialect::Gemini => candidate(text, ""),
        Dialect::OpenAi => format!(
            "data: {}\n\n",
            json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]})
        ),
    }
}

fn ending(dialect: Dialect) -> String {
    match dialect {
        Dialect::Anthropic => {
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n\
             event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n\
             event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
                .to_owned()
        }
        Dialect::Gemini => candidate("", "STOP"),
        Dialect::OpenAi => "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n".to_owned(),
    }
}

fn answer(dialect: Dialect, pieces: &[&str]) -> String {
    let pieces: String = pieces.iter().map(|text| piece(dialect, text)).collect();
    opening(dialect) + &pieces + &ending(dialect)
}

fn delivered(dialect: Dialect, pieces: &[&str]) -> Transcript {
    let mut transcript = Transcript::new(dialect);
    transcript.note(opening(dialect).as_bytes());
    for text in pieces {
        transcript.note(piece(dialect, text).as_bytes());
    }
    transcript
}

#[test]
fn what_lies_behind_the_sent_text_passes_however_it_is_cut() {
    let whole = "Où est 王? \"here\"";
    for dialect in DIALECTS {
        for sent in whole.char_indices().map(|(at, _)| at).skip(1) {
            let transcript = delivered(dialect, &[&whole[..sent]]);
            for cut in whole.char_indices().map(|(at, _)| at) {
                let mut splice = transcript.splice();
                let out = splice.feed(answer(dialect, &[&whole[..cut], &whole[cut..]]).as_bytes()).unwrap();
                let mut both = delivered(dialect, &[&whole[..sent]]);
                let out = std::str::from_utf8(&out).unwrap();
                let text_ends = out.len() - ending(dialect).len();
                both.note(&out.as_bytes()[..text_ends]);
                assert_eq!(both.text, whole, "{dialect:?}, {sent} sent, cut at {cut}");
                assert!(out.ends_with(&ending(dialect)) && splice.is_open(), "{dialect:?} {out}");
            }
        }
    }
}

#[test]
fn another_text_a_shorter_one_and_calls_do_not_pass() {
    for dialect in DIALECTS {
        let transcript = delivered(dialect, &["Bonjour, ", "mon"]);
        for pieces in [&["Bonsoir"][..], &["Bonjour"], &["Bonjour, ", "tout le monde"], &[]] {
            let fed = transcript.splice().feed(answer(dialect, pieces).as_bytes());
            assert_eq!(fed, Err(Mismatch), "{dialect:?} {pieces:?}");
        }
    }
    let call = "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0}]}}]}\n\n";
    assert_eq!(delivered(Dialect::OpenAi, &["a"]).splice().feed(call.as_bytes()), Err(Mismatch));
}

#[test]
fn only_plain_text_of_one_choice_can_be_continued() {
    let plain = |events: &[&str]| {
        let mut transcript = Transcript::new(Dialect::OpenAi);
        events.iter().for_each(|event| transcript.note(event.as_bytes()));
        transcript.is_plain()
    };
    let text = piece(Dialect::OpenAi, "a");
    assert!(plain(&[&text]) && !plain(&[]));
    assert!(!plain(&[&text, "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"}}]}\n\n"]));
    assert!(!plain(&[
        &text,
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"b\"}}]}\n\n"
    ]));
    assert!(!plain(&[&text, &ending(Dialect::OpenAi)]));
    let thinking =
        "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\"}}\n\n";
    let mut transcript = delivered(Dialect::Anthropic, &["a"]);
    assert!(transcript.is_plain());
    transcript.note(thinking.as_bytes());
    assert!(!transcript.is_plain());
    let mut long = delivered(Dialect::OpenAi, &["a"]);
    long.note(piece(Dialect::OpenAi, &"x".repeat(MAX_TEXT)).as_bytes());
    assert!(!long.is_plain());
}

#[test]
fn a_last_piece_of_geminis_keeps_its_finish() {
    let said = |sent: &str, events: &[String]| {
        let transcript = delivered(Dialect::Gemini, &[sent]);
        let out = transcript.splice().feed(events.concat().as_bytes())?;
        Ok::<_, Mismatch>(String::from_utf8(out.to_vec()).unwrap())
    };
    let whole = [candidate("", ""), candidate("Bonjour", ""), candidate(", monde.", "STOP")];
    for (sent, rest) in [("Bonjour", ", monde."), ("Bonjour, mon", "de."), ("Bonjour, monde.", "")] {
        assert_eq!(said(sent, &whole).unwrap(), candidate(rest, "STOP"), "{sent}");
    }
    assert_eq!(said("Bonjour, monde. Oui", &whole), Err(Mismatch));
    let signed = candidate("Bonjour", "").replace("\"text\"", "\"thoughtSignature\":\"s\",\"text\"");
    assert_eq!(said("Bonjour", &[signed]), Err(Mismatch));
    let blocked =
        "data: {\"promptFeedback\":{\"blockReason\":\"OTHER\"},\"usageMetadata\":{}}\n\n".to_owned();
    assert_eq!(said("Bonjour", &[blocked]), Err(Mismatch));
}

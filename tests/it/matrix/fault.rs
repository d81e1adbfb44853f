//! What a provider does in a row of the matrix, in whatever way it is asked; `form` is how that looks in each dialect.

use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::form;
use super::way::{Api, Way};
use crate::support::ports::Port;
use crate::support::{End, Script, Whole, answers};

/// What a provider does.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Answers rightly.
    None,
    /// A port that fails before HTTP begins.
    Port(Port),
    /// A status with the dialect's error body. Gemini says 503 where others say 529.
    Status(u16),
    /// A status, the error's code, and whether it names the model.
    Coded(u16, &'static str),
    /// 429 with this `retry-after`; Gemini says it in the body.
    Limited(&'static str),
    /// 429 with a date as `retry-after`, this many seconds from now.
    LimitedUntil(i64),
    /// Reads the request, never answers.
    Hang,
    /// Reads the request, closes.
    Close,
    /// Reads the request, resets.
    Reset,
    /// The right answer, this many milliseconds late.
    Late(u64),
    /// Half of a whole answer.
    HalfAnswer,
    /// The right length of something that is no longer JSON.
    NotJson,
    /// A page of HTML under 200.
    Page,
    /// An error under 200; in a stream as its first event.
    ErrorInside,
    /// A whole answer or a first event that comes byte by byte.
    Drip,
    /// An answer without content.
    Empty(Void),
    /// A stream that breaks before anything of it was said.
    Early(Breach),
    /// A stream that breaks after its first words.
    Midway(Breach),
    /// A right stream of another text.
    OtherText,
    /// A right stream with an event of an unknown type in it.
    UnknownEvent,
    /// A right stream whose end mark is missing, where the dialect has one behind the finish; the connection ends.
    NoEndMark,
    /// Everything was said, of Chat but for its end mark; the connection stays open.
    FinishedOpen,
    /// Interim answers, then the right one.
    Interim(usize),
    /// Bytes that are no answer one could frame.
    Raw(&'static str),
}

/// In which way an answer is empty.
#[derive(Clone, Copy, Debug)]
pub enum Void {
    /// No choices, no content.
    Nothing,
    /// Finished by a content filter.
    Filtered,
    /// Finished by the cap.
    Cut,
    /// A tool call and no text.
    Tool,
    /// Gemini's word that the prompt was blocked, in place of any candidate.
    Blocked,
}

/// How a stream breaks.
#[derive(Clone, Copy, Debug)]
pub enum Breach {
    /// The connection closes without a last chunk.
    Abort,
    /// The connection is reset.
    Reset,
    /// It ends well-framed, without a finish.
    End,
    /// Nothing more comes.
    Silence,
    /// Bytes come one by one and never make an event.
    Drip,
    /// An event that is not JSON.
    NotJson,
    /// An event that is not UTF-8.
    NotUtf8,
    /// A line above its cap.
    LongLine,
}

impl Fault {
    /// Whether a clock has to run out before it is noticed.
    pub fn waits(self) -> bool {
        let silent = |breach| matches!(breach, Breach::Silence | Breach::Drip);
        match self {
            Self::Hang | Self::Drip | Self::Late(_) => true,
            Self::Port(port) => matches!(port, Port::Full | Port::SilentTls),
            Self::Early(breach) | Self::Midway(breach) => silent(breach),
            _ => false,
        }
    }

    /// The script for a way of asking; ports have none.
    pub fn script(self, way: Way) -> Script {
        match self {
            Self::None | Self::Port(_) => Script::Right,
            Self::Status(529) if way.api == Api::Gemini => Script::Status(503, None),
            Self::Status(status) => Script::Status(status, None),
            Self::Coded(status, code) => {
                Script::Whole(Whole::json(status, form::coded(way, status, code).to_string()))
            }
            Self::Limited(after) if way.api == Api::Gemini => {
                Script::Whole(Whole::json(429, form::retry_info(after).to_string()))
            }
            Self::Limited(after) => Script::Status(429, Some(after)),
            Self::LimitedUntil(seconds) => {
                let now = SystemTime::now();
                let by = match u64::try_from(seconds) {
                    Ok(ahead) => now + Duration::from_secs(ahead),
                    Err(_) => now - Duration::from_secs(seconds.unsigned_abs()),
                };
                let body = answers::error(way.target(), 429);
                Script::Whole(Whole::json(429, body).with("retry-after", &httpdate::fmt_http_date(by)))
            }
            Self::Hang => Script::HangBeforeHeaders,
            Self::Close => Script::CloseBeforeHeaders,
            Self::Reset => Script::Reset,
            Self::Late(ms) => Script::After(Duration::from_millis(ms), Box::new(Script::Right)),
            Self::HalfAnswer => Script::TruncatedJson,
            Self::NotJson => Script::BrokenJson,
            Self::Page => Script::Whole(Whole {
                status: 200,
                headers: vec![("content-type".to_owned(), "text/html".to_owned())],
                body: Bytes::from_static(b"<html>Welcome to the hotel</html>"),
            }),
            Self::ErrorInside if way.stream => Script::Stream(form::error_inside(way)),
            Self::ErrorInside => Script::ErrorBody200,
            Self::Drip => Script::Stream(form::dripping(way)),
            Self::Empty(void) if way.stream => Script::Stream(form::empty_stream(way, void)),
            Self::Empty(void) => Script::Whole(Whole::json(200, form::empty(way, void).to_string())),
            Self::Early(breach) => Script::Stream(form::broken(way, breach, form::opening(way))),
            Self::Midway(breach) => Script::Stream(form::broken(way, breach, form::opening(way) + 1)),
            Self::UnknownEvent => Script::Stream(form::with_unknown_event(way)),
            Self::OtherText => {
                let mut stream = form::right(way);
                for chunk in &mut stream.chunks {
                    let text = String::from_utf8(chunk.bytes.to_vec()).unwrap();
                    chunk.bytes = text.replace("Bonjour", "Bonsoir").into();
                }
                Script::Stream(stream)
            }
            Self::NoEndMark => Script::Stream(form::without_mark(way)),
            Self::FinishedOpen if way.api == Api::Chat => {
                Script::Stream(form::without_mark(way).ending(End::Hang))
            }
            Self::FinishedOpen => Script::Stream(form::right(way).ending(End::Hang)),
            Self::Interim(times) => {
                let heads = ["HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"].repeat(times).concat();
                Script::Informational(heads.leak().as_bytes(), Box::new(Script::Right))
            }
            Self::Raw(bytes) => Script::Raw(Bytes::from_static(bytes.as_bytes())),
        }
    }
}

use super::*;
use proptest::prelude::*;

/// Events of a stream that arrives in the given pieces: name, data.
fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<(String, String)>, SseFault> {
    let mut splitter = SseSplitter::default();
    let mut found = Vec::new();
    for piece in pieces {
        splitter.feed(piece, |event| {
            assert!(event.begin <= event.end && event.end <= piece.len());
            found.push((event.name.to_owned(), event.data.to_owned()));
            Ok::<_, SseFault>(())
        })?;
    }
    Ok(found)
}

#[track_caller]
fn check(stream: &str, wanted: &[(&str, &str)]) {
    let wanted: Vec<_> = wanted.iter().map(|(name, data)| ((*name).to_owned(), (*data).to_owned())).collect();
    assert_eq!(events([stream.as_bytes()]).unwrap(), wanted, "{stream:?}");
    for cut in 0..=stream.len() {
        let (head, tail) = stream.as_bytes().split_at(cut);
        assert_eq!(events([head, tail]).unwrap(), wanted, "{stream:?} cut at {cut}");
    }
    assert_eq!(events(stream.as_bytes().chunks(1)).unwrap(), wanted, "{stream:?} byte by byte");
}

#[test]
fn fields_and_line_ends_are_read_however_the_bytes_are_cut() {
    check("data: a\n\ndata:b\n\n", &[("", "a"), ("", "b")]);
    check("event: e\r\ndata: ä\r\n\r\ndata: b\r\r", &[("e", "ä"), ("", "b")]);
    check("data: one\ndata: two\ndata\n\n", &[("", "one\ntwo\n")]);
    check(": comment\n\nid: 7\nretry: 3\ndata:  x\n\n", &[("", " x")]);
    check("event: lost\n\ndata: x\n\n", &[("", "x")]);
    check("\u{feff}data: x\n\n", &[("", "x")]);
    check("data: x\n\ndata: never closed\n", &[("", "x")]);
    check("data:\n\n", &[("", "")]);
}

#[test]
fn begin_and_end_enclose_an_event() {
    let stream = b": c\n\nevent: e\ndata: x\n\nrest";
    let mut splitter = SseSplitter::default();
    let mut found = None;
    splitter
        .feed(stream, |event| {
            found = Some(event.begin..event.end);
            Ok::<_, SseFault>(())
        })
        .unwrap();
    assert_eq!(&stream[found.unwrap()], b"event: e\ndata: x\n\n");
    assert_eq!(&stream[splitter.boundary()..], b"rest");
}

#[test]
fn bounds_are_kept() {
    let long = vec![b'x'; MAX_LINE_BYTES + 1];
    assert_eq!(events([long.as_slice()]), Err(SseFault::LineTooLong));
    assert_eq!(events(long.chunks(1000)), Err(SseFault::LineTooLong));
    assert_eq!(events([long.as_slice(), b"\n"]), Err(SseFault::LineTooLong));
    let line = format!("data: {}\n", "x".repeat(MAX_LINE_BYTES - 10));
    assert_eq!(events(std::iter::repeat_n(line.as_bytes(), 5)), Err(SseFault::EventTooLarge));
    assert_eq!(events([b"data: \xff\n\n".as_slice()]), Err(SseFault::NotUtf8));
    assert_eq!(events([b": \xff\n\n".as_slice()]), Ok(vec![]), "comments are nobody's business");
}

#[test]
fn the_readers_own_fault_stops_the_reading() {
    let mut seen = 0;
    let outcome = SseSplitter::default().feed(b"data: a\n\ndata: b\n\n", |_| {
        seen += 1;
        Err(SseFault::NotUtf8)
    });
    assert_eq!((outcome, seen), (Err(SseFault::NotUtf8), 1));
}

proptest! {
    #[test]
    fn cuts_never_matter(bytes in "(data: ?|event: |:|\n|\r|\r\n|[a-c ]|é){0,60}", cuts in prop::collection::vec(0_usize..200, 0..6)) {
        let whole = events([bytes.as_bytes()]).unwrap();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| &bytes.as_bytes()[pair[0]..pair[1]]);
        prop_assert_eq!(events(pieces).unwrap(), whole);
    }
}

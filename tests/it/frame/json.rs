//! JSON lines, streamed arrays and whole bodies.

use rigtape::frame::{Framer, Framing};

use super::{read, read_whole};

#[test]
fn ndjson_lines_blank_lines_and_the_last_one() {
    let reading = read_whole(
        Framing::NdJson,
        b"\xEF\xBB\xBF{\"a\":1}\r\n\n \r\nnot json\n{\"b\":\xFF}\n{\"c\":3}",
    );
    assert_eq!(
        reading.texts(),
        ["{\"a\":1}", "not json", "{\"b\":\u{FFFD}}", "{\"c\":3}"]
    );
    assert_eq!(reading.frames[0].span, 0..12);
    let torn = read_whole(Framing::NdJson, b"{}\n{\"c\":");
    assert_eq!(
        (torn.texts(), torn.torn[0].span.clone()),
        (vec!["{}"], 3..8)
    );
}

#[test]
fn array_gives_garbage_on_and_keeps_the_torn_element() {
    let texts = |body: &str| {
        let reading = read_whole(Framing::JsonArray, body.as_bytes());
        let torn = reading.torn.len();
        (reading.texts().join("|"), torn)
    };
    assert_eq!(
        texts("[{\"a\":\"]}\\\"\"},\n,oops {}]"),
        ("{\"a\":\"]}\\\"\"}|oops|{}".to_owned(), 0)
    );
    assert_eq!(texts("[{\"a\":1},{\"b\""), ("{\"a\":1}".to_owned(), 1));
    assert_eq!(texts("{\"error\":{}}\n"), ("{\"error\":{}}".to_owned(), 0));
    assert_eq!(texts(",]{}"), ("]|{}".to_owned(), 0));
    assert_eq!(texts("[1] [2]"), ("1|[2]".to_owned(), 0));
    assert_eq!(texts("[\n]"), (String::new(), 0));
    let deep = "[".repeat(1 << 20);
    assert_eq!(texts(&deep), (String::new(), 1));
}

#[test]
fn whole_gives_the_body_once() {
    let mut framer = Framer::new(Framing::Whole);
    let reading = read(framer.clone(), [&b"{\"a\""[..], b":\xFF}"]);
    assert_eq!(reading.texts(), ["{\"a\":\u{FFFD}}"]);
    assert_eq!(framer.finish(), None, "nothing came");
}

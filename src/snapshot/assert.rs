/// Asserts the stable view of a transcript, an answer, an interaction or several against its insta
/// snapshot.
///
/// Takes what [`insta::assert_snapshot!`] takes: a value; a name and a value; a value and an
/// inline snapshot. Names, files and settings are those of the calling crate, so `cargo insta
/// test` and `cargo insta review` work as for any other snapshot.
///
/// ```
/// let mut assembler = rigtape::dialect::by_name("openai-chat").unwrap().assembler();
/// assembler.feed(b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n\n");
/// rigtape::assert_transcript!(assembler.finish(), @r"
/// dialect     openai-chat
/// ending      complete, but no terminator
/// choice 0    stop
///   text
///     | Hi
/// usage       none
/// violations  none
/// ");
/// ```
#[macro_export]
macro_rules! assert_transcript {
    ($value:expr, @$inline:literal $(,)?) => {
        $crate::__insta::with_settings!({omit_expression => true}, {
            $crate::__insta::assert_snapshot!($crate::snapshot::View::view(&$value), @$inline)
        })
    };
    ($name:expr, $value:expr $(,)?) => {
        $crate::__insta::with_settings!({omit_expression => true}, {
            $crate::__insta::assert_snapshot!($name, $crate::snapshot::View::view(&$value))
        })
    };
    ($value:expr $(,)?) => {
        $crate::__insta::with_settings!({omit_expression => true}, {
            $crate::__insta::assert_snapshot!($crate::snapshot::View::view(&$value))
        })
    };
}

/// Asserts the stable view of a tape against its insta snapshot: requests with their bodies, the
/// steps of each answer, and how long each took, in steps of ten.
///
/// Takes a cassette, an interaction or several, and in every other way what
/// [`assert_transcript!`](crate::assert_transcript!) takes. A tape that was recorded anew shows in
/// `cargo insta review` as what changed in what was asked and in what came, not as changed bytes.
///
/// ```
/// use rigtape::cassette::Cassette;
///
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/cassettes/openai-chat/error_400.jsonl");
/// let tape = Cassette::open(path)?;
/// let answer = tape.interaction(1)?.unwrap();
/// assert!(rigtape::snapshot::TapeView::tape_view(&answer).starts_with("request     POST"));
/// # Ok::<(), rigtape::cassette::Error>(())
/// ```
#[macro_export]
macro_rules! assert_tape {
    ($value:expr, @$inline:literal $(,)?) => {
        $crate::__insta::with_settings!({omit_expression => true}, {
            $crate::__insta::assert_snapshot!($crate::snapshot::TapeView::tape_view(&$value), @$inline)
        })
    };
    ($name:expr, $value:expr $(,)?) => {
        $crate::__insta::with_settings!({omit_expression => true}, {
            $crate::__insta::assert_snapshot!($name, $crate::snapshot::TapeView::tape_view(&$value))
        })
    };
    ($value:expr $(,)?) => {
        $crate::__insta::with_settings!({omit_expression => true}, {
            $crate::__insta::assert_snapshot!($crate::snapshot::TapeView::tape_view(&$value))
        })
    };
}

use rigtape::Offset;
use rigtape::cassette::{Body, Cassette, Chunk, End, How, Interaction, Request, Response};
use rigtape::diff::{self, Aspect, Heard, Options, TapeDiff};
use serde_json::{Value, json};

fn asked(number: u64, body: &Value) -> Request {
    let mut request = Request::new(number, "POST", "/v1/chat/completions");
    request.body = Body::from_bytes(body.to_string());
    request
}

/// A chat answer with these chunks.
fn said(request: Request, chunks: &[Value]) -> Interaction {
    let number = request.interaction;
    let mut of = Interaction::new(request);
    let at = Offset::from_micros;
    let mut head = Response::new(number, at(100), 200);
    head.headers.push("content-type", "text/event-stream");
    of.response = Some(head);
    let lines = chunks.iter().map(|chunk| format!("data: {chunk}\n\n"));
    for (step, line) in lines.chain(["data: [DONE]\n\n".to_owned()]).enumerate() {
        of.chunks
            .push(Chunk::new(number, at(200 + 100 * step as u64), line));
    }
    of.end = Some(End::new(number, at(9_000), How::Complete));
    of
}

fn delta(delta: &Value) -> Value {
    json!({"id": "chatcmpl-1", "choices": [{"index": 0, "delta": delta}]})
}

fn finish(reason: &str) -> Value {
    json!({"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

fn text(text: &str) -> Interaction {
    let question = json!({"messages": [{"role": "user", "content": "Hi"}]});
    said(
        asked(1, &question),
        &[delta(&json!({"content": text})), finish("stop")],
    )
}

fn call(id: &str, name: &str, arguments: &str) -> Value {
    delta(
        &json!({"tool_calls": [{"index": 0, "id": id, "type": "function",
        "function": {"name": name, "arguments": arguments}}]}),
    )
}

fn compare_with(options: Options, a: &[Interaction], b: &[Interaction]) -> TapeDiff {
    let hear = |of: &[Interaction]| of.iter().map(Heard::of).collect::<Vec<_>>();
    diff::tapes(&hear(a), &hear(b), &options)
}

fn compare(a: &[Interaction], b: &[Interaction]) -> TapeDiff {
    compare_with(Options::default(), a, b)
}

/// The differences in short: `aspect place path: a -> b`.
fn lines(of: &TapeDiff) -> Vec<String> {
    let line = |difference: &diff::Difference| {
        let value = |of: &Option<rigtape::json::Json>| {
            of.as_ref().map_or("-".to_owned(), ToString::to_string)
        };
        let path = difference.path.as_deref().unwrap_or_default();
        format!(
            "{} {} {path}: {} -> {}",
            difference.aspect.as_str(),
            difference.place,
            value(&difference.a),
            value(&difference.b)
        )
    };
    of.differences().map(line).collect()
}

#[test]
fn times_and_chunk_borders_make_no_difference_but_are_told() {
    let slow = {
        let mut slow = text("Hello there");
        let body = slow.body();
        let (head, tail) = body.split_at(11);
        let at = Offset::from_micros;
        slow.chunks = vec![
            Chunk::new(1, at(5_000), head.to_vec()),
            Chunk::new(1, at(8_000), tail.to_vec()),
        ];
        slow
    };
    let diff = compare(&[text("Hello there")], &[slow]);
    assert!(diff.is_same(), "{:?}", lines(&diff));
    let pair = &diff.interactions[0];
    assert_eq!(pair.timing_a.first_chunk_us, Some(200));
    assert_eq!(
        (pair.timing_b.first_chunk_us, pair.timing_b.longest_gap_us),
        (Some(5_000), Some(3_000))
    );
    assert_eq!((pair.timing_a.chunks, pair.timing_b.chunks), (3, 2));
}

#[test]
fn wording_is_told_word_by_word() {
    let diff = compare(
        &[text("It is 7 degrees in Oslo.")],
        &[text("It is 9 degrees in Oslo.")],
    );
    assert_eq!(
        lines(&diff),
        [
            r#"part choice 0, part 0 (text) : "It is 7 degrees in Oslo." -> "It is 9 degrees in Oslo.""#
        ]
    );
    let words = diff.interactions[0].differences[0].words.as_ref().unwrap();
    let words: Vec<_> = words
        .iter()
        .map(|word| (word.op, word.text.as_str()))
        .collect();
    assert_eq!(
        words,
        [
            (diff::Op::Same, "It is "),
            (diff::Op::Removed, "7"),
            (diff::Op::Added, "9"),
            (diff::Op::Same, " degrees in Oslo."),
        ]
    );
}

#[test]
fn arguments_differ_by_path_whatever_their_fragments_and_key_order() {
    let question = json!({"messages": []});
    let of = |arguments: &[&str]| {
        let mut chunks = vec![call("call_1", "search", "")];
        chunks.extend(arguments.iter().map(|piece| {
            delta(&json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}))
        }));
        chunks.push(finish("tool_calls"));
        said(asked(1, &question), &chunks)
    };
    let a = of(&[
        r#"{"q":"oslo","limit":3,"#,
        r#""tags":["a","b","c"],"deep":{"x y":1.0}}"#,
    ]);
    let same = of(&[r#"{"limit":3,"tags":["a","b","c"],"q":"oslo","deep":{"x y":1.00}}"#]);
    let other = of(&[r#"{"q":"bergen","tags":["a","c"],"deep":{"x y":2},"new":null}"#]);
    assert!(compare(std::slice::from_ref(&a), &[same]).is_same());
    assert_eq!(
        lines(&compare(&[a], &[other])),
        [
            r#"tool_call choice 0, part 0 (call search) $.q: "oslo" -> "bergen""#,
            r#"tool_call choice 0, part 0 (call search) $.limit: 3 -> -"#,
            r#"tool_call choice 0, part 0 (call search) $.tags[1]: "b" -> -"#,
            r#"tool_call choice 0, part 0 (call search) $.deep["x y"]: 1.0 -> 2"#,
            r#"tool_call choice 0, part 0 (call search) $.new: - -> null"#,
        ]
    );
}

/// A call, and the turn that answers it.
fn agent(call_id: &str, answers: &str) -> [Interaction; 2] {
    let first = said(
        asked(
            1,
            &json!({"messages": [{"role": "user", "content": "Weather?"}]}),
        ),
        &[call(call_id, "weather", "{}"), finish("tool_calls")],
    );
    let history = json!({"messages": [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "tool_calls": [{"id": call_id, "type": "function",
            "function": {"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}}]},
        {"role": "tool", "tool_call_id": answers, "content": "7 degrees"},
    ]});
    [
        first,
        said(
            asked(2, &history),
            &[delta(&json!({"content": "Cold."})), finish("stop")],
        ),
    ]
}

#[test]
fn ids_count_by_what_they_link() {
    let a = agent("call_a", "call_a");
    let diff = compare(&a, &agent("call_b", "call_b"));
    assert!(diff.is_same(), "{:?}", lines(&diff));
    assert_eq!(diff.ids_aligned, 1);

    let strayed = compare(&a, &agent("call_b", "call_x"));
    assert_eq!(
        lines(&strayed),
        [r#"request body $.messages[2].tool_call_id: "call_a" -> "call_x""#]
    );

    let literal = compare_with(Options::default().ids(true), &a, &agent("call_b", "call_b"));
    assert_eq!(literal.count(), 3, "{:?}", lines(&literal));
}

#[test]
fn json_inside_a_string_has_paths_too() {
    let a = agent("call_a", "call_a");
    let mut b = agent("call_a", "call_a");
    let body = String::from_utf8(b[1].request.body.as_bytes().to_vec()).unwrap();
    b[1].request.body = Body::from_bytes(body.replace("Oslo", "Bergen"));
    assert_eq!(
        lines(&compare(&a, &b)),
        [
            r#"request body $.messages[1].tool_calls[0].function.arguments|$.city: "Oslo" -> "Bergen""#
        ]
    );
}

#[test]
fn parts_that_came_or_went_are_said_and_the_others_still_compared() {
    let question = json!({"messages": []});
    let a = said(
        asked(1, &question),
        &[
            delta(&json!({"content": "One moment."})),
            call("call_1", "weather", r#"{"city":"Oslo"}"#),
            finish("tool_calls"),
        ],
    );
    let b = said(
        asked(1, &question),
        &[
            call("call_9", "weather", r#"{"city":"Bergen"}"#),
            finish("stop"),
        ],
    );
    assert_eq!(
        lines(&compare(&[a], &[b])),
        [
            r#"part choice 0, part 0 (text) : "One moment." -> -"#,
            r#"tool_call choice 0, part 1 (call weather) $.city: "Oslo" -> "Bergen""#,
            r#"finish choice 0 : "tool_calls" -> "stop""#,
        ]
    );
}

#[test]
fn endings_violations_and_errors_are_compared() {
    let whole = text("Hi there");
    let mut cut = text("Hi there");
    cut.chunks.truncate(1);
    cut.end = Some(End::new(1, Offset::from_micros(300), How::Reset));
    let aspects = |of: &TapeDiff| -> Vec<Aspect> {
        of.differences()
            .map(|difference| difference.aspect)
            .collect()
    };
    let diff = compare(std::slice::from_ref(&whole), &[cut]);
    assert_eq!(
        lines(&diff),
        [
            r#"finish choice 0 : "stop" -> -"#,
            r#"ending turn : "complete" -> "truncated""#,
            "ending terminator : true -> false",
            r#"ending body : "complete" -> "reset""#,
        ]
    );
    let mut broken = text("Hi there");
    broken.chunks.insert(
        1,
        Chunk::new(1, Offset::from_micros(250), "data: {oops\n\n"),
    );
    let diff = compare(std::slice::from_ref(&whole), &[broken]);
    assert_eq!(lines(&diff), ["violations invalid_json : - -> 1"]);
    let failed = said(
        asked(1, &json!({"messages": [{"role": "user", "content": "Hi"}]})),
        &[json!({"error": {"message": "overloaded", "code": 529}})],
    );
    assert!(aspects(&compare(&[whole], &[failed])).contains(&Aspect::Error));
}

#[test]
fn when_counts_differ_interactions_are_paired_by_what_they_ask() {
    let turn = |number: u64, question: &str| {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": question}]});
        said(
            asked(number, &body),
            &[delta(&json!({"content": question})), finish("stop")],
        )
    };
    let (one, two, three) = (
        "please translate this sentence into Norwegian for me",
        "how many inhabitants does Bergen have nowadays, roughly",
        "write a limerick about a lighthouse keeper and his cat",
    );
    let a = [turn(1, one), turn(2, two), turn(3, three)];
    let b = [turn(1, one), turn(2, three)];
    let diff = compare(&a, &b);
    let pairs: Vec<_> = diff
        .interactions
        .iter()
        .map(|pair| (pair.a, pair.b))
        .collect();
    assert_eq!(pairs, [(1, 1), (3, 2)]);
    assert_eq!(
        diff.only_a
            .iter()
            .map(|lone| lone.interaction)
            .collect::<Vec<_>>(),
        [2]
    );
    assert!(diff.only_b.is_empty() && diff.differences().next().is_none());
    assert!(!diff.is_same());
    let back = compare(&b, &a);
    assert_eq!(
        back.only_b
            .iter()
            .map(|lone| lone.interaction)
            .collect::<Vec<_>>(),
        [2]
    );
}

#[test]
fn bodies_of_no_model_are_compared_by_type_and_digest() {
    let list = |body: &'static str| {
        let mut of = Interaction::new(Request::new(1, "GET", "/v1/models"));
        let mut head = Response::new(1, Offset::ZERO, 200);
        head.headers.push("content-type", "application/json");
        of.response = Some(head);
        of.chunks = vec![Chunk::new(1, Offset::ZERO, body)];
        of
    };
    let a = list(r#"{"data":["x"]}"#);
    assert!(compare(std::slice::from_ref(&a), std::slice::from_ref(&a)).is_same());
    let diff = compare(&[a], &[list(r#"{"data":["y"]}"#)]);
    assert!(
        lines(&diff)[0].starts_with("body sha256 : "),
        "{:?}",
        lines(&diff)
    );
}

/// Whatever is on a tape, it means what it means, and another tape means something else.
#[test]
fn every_tape_is_the_same_as_itself() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("cassettes");
    let mut seen = 0;
    for folder in std::fs::read_dir(root).unwrap().flatten() {
        let Ok(entries) = std::fs::read_dir(folder.path()) else {
            continue;
        };
        for tape in entries
            .flatten()
            .filter(|tape| tape.path().extension().is_some_and(|e| e == "jsonl"))
        {
            let tape = Cassette::open(tape.path()).unwrap();
            let heard: Vec<Heard> = tape
                .interactions()
                .map(|one| Heard::of(&one.unwrap()))
                .collect();
            for ids in [false, true] {
                let diff = diff::tapes(&heard, &heard, &Options::default().ids(ids));
                assert!(
                    diff.is_same(),
                    "{}: {:?}",
                    tape.path().display(),
                    lines(&diff)
                );
                assert_eq!(diff.ids_aligned, 0);
            }
            seen += 1;
        }
    }
    assert!(seen > 100, "{seen} tapes");
}

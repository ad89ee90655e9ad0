use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rigtape::cassette::{Body, Cassette, Interaction, Request};
use rigtape::matching::{Chosen, Library, Miss, Options, Project, Rules, Uses, learn};

/// A tape of requests to `/v1/chat/completions`, one for each body; an empty one is absent.
fn tape(name: &str, header: &str, bodies: &[&str]) -> Cassette {
    let line = |body: &&str| match *body {
        "" => r#""target":"/v1/chat/completions""#.to_owned(),
        body => format!(r#""target":"/v1/chat/completions","body":{{"json":{body}}}"#),
    };
    let requests: Vec<String> = bodies.iter().map(line).collect();
    tape_of(name, header, &requests)
}

/// A tape of requests, each by the keys of its line.
fn tape_of(name: &str, header: &str, requests: &[impl AsRef<str>]) -> Cassette {
    Cassette::read(text_of(header, requests).as_bytes(), name).unwrap()
}

fn text_of(header: &str, requests: &[impl AsRef<str>]) -> String {
    let mut text = format!("{{\"rigtape\":1,\"synthetic\":true{header}}}\n");
    for (index, keys) in requests.iter().enumerate() {
        let (number, keys) = (index + 1, keys.as_ref());
        let method = if keys.contains("\"method\"") {
            ""
        } else {
            r#""method":"POST","#
        };
        text += &format!(
            "{{\"request\":{number},\"at\":0,{method}{keys}}}\n\
             {{\"response\":{number},\"at\":1,\"status\":200,\"headers\":[]}}\n\
             {{\"end\":{number},\"at\":2,\"how\":\"complete\"}}\n"
        );
    }
    text
}

fn ask(body: &str) -> Request {
    ask_at("/v1/chat/completions", body)
}

fn ask_at(target: &str, body: &str) -> Request {
    let mut request = Request::new(0, "POST", target);
    request.body = Body::from_bytes(body.to_owned());
    request
}

fn under(rules: &str) -> Options {
    Options::new().rules(serde_json::from_str(rules).unwrap())
}

/// Whether a request of `asked` matches one that was recorded with `recorded`.
fn matches(rules: &str, recorded: &str, asked: &str) -> bool {
    let library = under(rules).cassettes([tape("t.jsonl", "", &[recorded])]);
    library.choose(&mut Uses::new(), &ask(asked)).is_ok()
}

/// The same by the keys of the recorded request's line.
fn matches_line(rules: &str, recorded: &str, asked: &Request) -> bool {
    let library = under(rules).cassettes([tape_of("t.jsonl", "", &[recorded])]);
    library.choose(&mut Uses::new(), asked).is_ok()
}

fn number(chosen: Result<Chosen, Box<Miss>>) -> Option<u64> {
    chosen.ok().map(|chosen| chosen.interaction.number())
}

#[test]
fn bodies_of_json_are_compared_by_value() {
    for (recorded, asked, expected) in [
        (
            r#"{"a":1,"b":[true,null]}"#,
            " {\n\"b\": [true, null], \"a\": 1.0 }",
            true,
        ),
        (r#"{"a":"\u00e9"}"#, r#"{"a":"é"}"#, true),
        (r#"{"a":1}"#, r#"{"a":2}"#, false),
        (r#"{"a":1}"#, r#"{"a":"1"}"#, false),
        (r#"{"a":null}"#, "{}", false),
        (r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#, false),
        ("{}", "[]", false),
        // What serde_json's Value rounds, drops or refuses.
        (
            r#"{"a":9007199254740993}"#,
            r#"{"a":9007199254740992}"#,
            false,
        ),
        (
            r#"{"a":18446744073709551616}"#,
            r#"{"a":18446744073709551617}"#,
            false,
        ),
        (
            r#"{"a":18446744073709551616}"#,
            r#"{"a": 18446744073709551616}"#,
            true,
        ),
        (r#"{"a":1e999}"#, r#"{"a":1e999}"#, true),
        (r#"{"a":1,"a":2}"#, r#"{"a":3,"a":2}"#, false),
        (r#"{"a":1,"a":2}"#, r#"{"a":1,"a":2}"#, true),
        (r#"{"a":"\ud83d"}"#, r#"{"a":"\ud83d"}"#, true),
        (r#"{"a":"\ud83d"}"#, r#"{"a":"\ud83e"}"#, false),
        // A tape without a body does not know it.
        ("", r#"{"a":1}"#, true),
        ("", "", true),
        (r#"{"a":1}"#, "", false),
        (r#"{"a":1}"#, "a=1", false),
    ] {
        assert_eq!(
            matches("{}", recorded, asked),
            expected,
            "{recorded} {asked}"
        );
    }
    let deep = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert!(matches("{}", &deep(20_000), &deep(20_000)));
    assert!(!matches("{}", &deep(20_000), &deep(20_001)));
}

#[test]
fn other_bodies_are_compared_as_bytes() {
    let line = r#""target":"/v1/x","body":"name=a b""#;
    assert!(matches_line("{}", line, &ask_at("/v1/x", "name=a b")));
    assert!(!matches_line("{}", line, &ask_at("/v1/x", "name=a  b")));
    let line = r#""target":"/v1/x","body":{"base64":"//79"}"#;
    let mut asked = ask_at("/v1/x", "");
    asked.body = Body::from_bytes(vec![0xFF, 0xFE, 0xFD]);
    assert!(matches_line("{}", line, &asked));
    asked.body = Body::from_bytes(vec![0xFF, 0xFE, 0xFC]);
    assert!(!matches_line("{}", line, &asked));
}

#[test]
fn multipart_bodies_are_compared_part_by_part_without_their_boundary() {
    let form = |boundary: &str, model: &str, audio: &str| {
        format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n\
             --{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\
             Content-Type: audio/wav\r\n\r\n{audio}\r\n--{boundary}--\r\n"
        )
    };
    let asked = |boundary: &str, model: &str, audio: &str| {
        let mut request = ask_at("/v1/audio/transcriptions", &form(boundary, model, audio));
        let of = format!("multipart/form-data; boundary=\"{boundary}\"");
        request.headers.push("Content-Type", of);
        request
    };
    let body = serde_json::to_string(&form("one", "whisper", "RIFF")).unwrap();
    let named = r#""headers":[["content-type","multipart/form-data; boundary=one"]],"#;
    for headers in [named, ""] {
        let line = format!(r#""target":"/v1/audio/transcriptions",{headers}"body":{body}"#);
        assert!(matches_line("{}", &line, &asked("two", "whisper", "RIFF")));
        assert!(!matches_line("{}", &line, &asked("two", "other", "RIFF")));
        assert!(!matches_line("{}", &line, &asked("two", "whisper", "RIFX")));
        let rules = r#"{"ignore":["/*[name=file]/body"]}"#;
        assert!(matches_line(rules, &line, &asked("two", "whisper", "RIFX")));
    }
}

#[test]
fn paths_are_the_same_with_a_provider_in_front_and_any_version() {
    for (recorded, asked, expected) in [
        ("/v1/chat/completions", "/chat/completions", true),
        ("/v1/chat/completions", "/v1/v1/chat/completions", true),
        ("/v1/chat/completions", "/openai/v1/chat/completions", true),
        ("/groq/v1/chat/completions", "/v1/chat/completions", true),
        (
            "/api/v1/chat/completions",
            "/openrouter/v1/chat/completions",
            true,
        ),
        (
            "/openai/deployments/D/chat/completions",
            "/azure/openai/deployments/D/chat/completions",
            true,
        ),
        ("/v1/chat/completions", "/v1/responses", false),
        ("/v1/chat/completions", "/v2/chat", false),
        ("/api/chat", "/ollama/api/chat", true),
        ("/api/chat", "/chat", false),
        (
            "/v1/models/gemini-x:streamGenerateContent",
            "/gemini/v1beta/models/gemini-x:streamGenerateContent",
            true,
        ),
        (
            "/v1beta/models/gemini-x%3AgenerateContent",
            "/v1/models/gemini-x:generateContent",
            true,
        ),
        (
            "/v1/models/gemini-x:streamGenerateContent",
            "/v1/models/gemini-x:generateContent",
            false,
        ),
        (
            "/v1/models/gemini-x:streamGenerateContent",
            "/v1/models/gemini-y:streamGenerateContent",
            false,
        ),
    ] {
        let line = format!(r#""target":"{recorded}","body":"x y""#);
        assert_eq!(
            matches_line("{}", &line, &ask_at(asked, "x y")),
            expected,
            "{recorded} {asked}"
        );
    }
    let mut get = ask_at("/v1/models", "");
    get.method = "get".into();
    let line = r#""method":"GET","target":"/v1/models""#;
    assert!(matches_line("{}", line, &get));
    assert!(!matches_line("{}", line, &ask_at("/v1/models", "")));
}

#[test]
fn queries_are_compared_as_multisets() {
    let matches = |rules: &str, recorded: &str, asked: &str| {
        let line = format!(r#""target":"/v1/x?{recorded}","body":"x y""#);
        matches_line(rules, &line, &ask_at(&format!("/v1/x?{asked}"), "x y"))
    };
    assert!(matches("{}", "a=1&b=x%20y", "b=x+y&a=1"));
    assert!(!matches("{}", "a=1&a=1", "a=1"));
    assert!(!matches("{}", "a=1", "a=2"));
    assert!(!matches("{}", "a=1", ""));
    let rules = r#"{"ignore-query":["api-version"]}"#;
    assert!(matches(rules, "a=1&api-version=1", "a=1&api-version=2"));
    assert!(matches(rules, "a=1&api-version=1", "a=1"));
    // A masked credential may be another one, or stand in a header.
    assert!(matches(
        "{}",
        "key=1-REDACTED-xxxx&alt=sse",
        "alt=sse&key=2-REDACTED-xx"
    ));
    assert!(matches("{}", "key=1-REDACTED-xxxx&alt=sse", "alt=sse"));
}

#[test]
fn placeholders_match_any_value_in_their_place() {
    for (recorded, asked, expected) in [
        (r#"{"u":"1-REDACTED-xx"}"#, r#"{"u":"someone"}"#, true),
        (
            r#"{"u":"1-REDACTED-xx","m":1}"#,
            r#"{"u":"someone","m":2}"#,
            false,
        ),
        (r#"{"u":"call_REDACTED_1"}"#, r#"{"u":"call_a1"}"#, true),
        (r#"{"u":"REDACTED"}"#, r#"{"u":{"a":1}}"#, true),
        (
            r#"{"u":"key sk-1-REDACTED-xx!"}"#,
            r#"{"u":"key abc!"}"#,
            true,
        ),
        (
            r#"{"u":"key sk-1-REDACTED-xx!"}"#,
            r#"{"u":"key abc?"}"#,
            false,
        ),
        (r#"{"u":10000000}"#, r#"{"u":12345678}"#, true),
        (r#"{"u":"x"}"#, r#"{"u":"y"}"#, false),
        // The asked one stands for nothing but itself.
        (r#"{"u":"someone"}"#, r#"{"u":"1-REDACTED-xx"}"#, false),
    ] {
        assert_eq!(
            matches("{}", recorded, asked),
            expected,
            "{recorded} {asked}"
        );
    }
}

#[test]
fn what_is_masked_while_recording_matches_what_was_sent() {
    let key = ["sk-", "proj-", &"a1B2".repeat(8)].concat();
    let rules = serde_json::from_str(r#"{"pointers":["/metadata/user"]}"#).unwrap();
    let redactor = rigtape::redact::Redactor::with_rules(&rules, Vec::new()).unwrap();
    let sent = |user: &str| {
        let body =
            serde_json::json!({"metadata": {"user": user}, "prompt": format!("my key is {key}")});
        let mut request = ask(&body.to_string());
        request
            .headers
            .push("authorization", format!("Bearer {key}"));
        request
    };
    let own = redactor.for_request(&sent("someone@example.org")).unwrap();
    let recorded = own.request(sent("someone@example.org"));
    assert!(!String::from_utf8_lossy(recorded.body.as_bytes()).contains(&key));
    let body = std::str::from_utf8(recorded.body.as_bytes()).unwrap();
    let library = Options::new().cassettes([tape("t.jsonl", "", &[body])]);
    for user in ["someone@example.org", "x", "another.one@example.org"] {
        let own = redactor.for_cassette().for_request(&sent(user)).unwrap();
        for asked in [sent(user), own.request(sent(user))] {
            assert!(library.choose(&mut Uses::new(), &asked).is_ok(), "{user}");
        }
    }
}

#[test]
fn what_rules_ignore_is_not_compared() {
    let pairs = [
        ("/a", r#"{"a":1,"b":1}"#, r#"{"b":1}"#, true),
        ("/a", r#"{"a":1,"b":1}"#, r#"{"a":2,"b":2}"#, false),
        (
            "/m/*/id",
            r#"{"m":[{"id":1},{"id":2}]}"#,
            r#"{"m":[{"id":3},{}]}"#,
            true,
        ),
        (
            "/m/*/id",
            r#"{"m":[{"id":1},{"id":2}]}"#,
            r#"{"m":[{"id":1}]}"#,
            false,
        ),
        ("/m/*", r#"{"m":[1,2]}"#, r#"{"m":[3]}"#, true),
        ("/m/0", r#"{"m":[1,2]}"#, r#"{"m":[3,2]}"#, true),
        ("/m/0", r#"{"m":[1,2]}"#, r#"{"m":[1,3]}"#, false),
        (
            "/**/id",
            r#"{"id":1,"m":[{"x":{"id":1}}]}"#,
            r#"{"m":[{"x":{"id":9}}]}"#,
            true,
        ),
        ("/**", r#"{"a":1}"#, "", true),
        (
            "/m/*[role=tool]/c",
            r#"{"m":[{"role":"tool","c":1}]}"#,
            r#"{"m":[{"role":"tool","c":2}]}"#,
            true,
        ),
        (
            "/m/*[role=tool]/c",
            r#"{"m":[{"role":"user","c":1}]}"#,
            r#"{"m":[{"role":"user","c":2}]}"#,
            false,
        ),
        (
            "/m/*[role=tool]/c",
            r#"{"m":[{"role":"tool","c":1}]}"#,
            r#"{"m":[{"role":"user","c":1}]}"#,
            false,
        ),
        ("/a~1b", r#"{"a/b":1}"#, r#"{"a/b":2}"#, true),
        (
            "/c/#json/now",
            r#"{"c":"{\"now\":1,\"t\":2}"}"#,
            r#"{"c":"{\"t\":2, \"now\":5}"}"#,
            true,
        ),
        (
            "/c/#json/now",
            r#"{"c":"{\"now\":1,\"t\":2}"}"#,
            r#"{"c":"{\"now\":1,\"t\":3}"}"#,
            false,
        ),
        (
            "/c/#json/now",
            r#"{"c":"no json"}"#,
            r#"{"c":"no json"}"#,
            true,
        ),
    ];
    for (pointer, recorded, asked, expected) in pairs {
        let rules = format!(r#"{{"ignore":["{pointer}"]}}"#);
        assert_eq!(
            matches(&rules, recorded, asked),
            expected,
            "{pointer} {recorded} {asked}"
        );
    }
}

#[test]
fn values_of_a_named_shape_are_equal() {
    for (shape, recorded, asked, expected) in [
        (
            "uuid",
            r#"{"a":"run 7f2c9a4e-1111-4222-8333-444455556666"}"#,
            r#"{"a":"run 00000000-1111-4222-8333-444455556666"}"#,
            true,
        ),
        (
            "uuid",
            r#"{"a":"7f2c9a4e-1111-4222-8333-444455556666"}"#,
            r#"{"a":"none"}"#,
            false,
        ),
        (
            "rfc3339",
            r#"{"a":"at 2026-01-01T00:00:00Z"}"#,
            r#"{"a":"at 2026-11-22T10:11:12.131+02:00"}"#,
            true,
        ),
        (
            "rfc3339",
            r#"{"a":"2026-01-01"}"#,
            r#"{"a":"2026-01-02"}"#,
            false,
        ),
        ("epoch", r#"{"a":1795341600}"#, r#"{"a":1795341999}"#, true),
        ("epoch", r#"{"a":1795341600}"#, r#"{"a":5}"#, false),
        (
            "generated-id",
            r#"{"a":"call_a1B2c3D4"}"#,
            r#"{"a":"call_zz99zz99zz"}"#,
            true,
        ),
        (
            "generated-id",
            r#"{"a":"get_weather"}"#,
            r#"{"a":"get_forecast"}"#,
            false,
        ),
    ] {
        let rules = format!(r#"{{"normalise":["{shape}"]}}"#);
        assert_eq!(
            matches(&rules, recorded, asked),
            expected,
            "{shape} {recorded} {asked}"
        );
        assert!(!matches("{}", recorded, asked), "{shape} without the rule");
    }
}

#[test]
fn headers_are_compared_where_a_rule_asks() {
    let line = r#""target":"/v1/x","headers":[["x-team","a"]],"dropped":["x-lost"],"body":"x y""#;
    let with = |fields: &[(&str, &str)]| {
        let mut asked = ask_at("/v1/x", "x y");
        for (name, value) in fields {
            asked.headers.push(*name, (*value).to_owned());
        }
        asked
    };
    let rules = r#"{"headers":["X-Team"]}"#;
    assert!(matches_line("{}", line, &with(&[("x-team", "b")])));
    assert!(matches_line(
        rules,
        line,
        &with(&[("X-Team", " a"), ("x-other", "1")])
    ));
    assert!(!matches_line(rules, line, &with(&[("x-team", "b")])));
    assert!(!matches_line(rules, line, &with(&[])));
    assert!(!matches_line(
        rules,
        line,
        &with(&[("x-team", "a"), ("x-team", "a")])
    ));
    // The tape does not know the value of a field that was left out.
    assert!(matches_line(
        r#"{"headers":["x-lost"]}"#,
        line,
        &with(&[("x-lost", "b")])
    ));
}

#[test]
fn the_host_counts_where_two_upstreams_of_a_tape_would_clash() {
    let line = |host: &str| {
        format!(
            r#""target":"/v1/chat/completions","url":"https://{host}/v1/chat/completions","body":"x y""#
        )
    };
    let lines = [line("api.openai.com"), line("api.mistral.ai")];
    let both = Options::new().cassettes([tape_of("t.jsonl", "", &lines)]);
    let ask = |target: &str| number(both.choose(&mut Uses::new(), &ask_at(target, "x y")));
    assert_eq!(ask("/mistral/v1/chat/completions"), Some(2));
    assert_eq!(ask("/openai/v1/chat/completions"), Some(1));
    assert_eq!(ask("/v1/chat/completions"), Some(1));
    assert_eq!(ask("/groq/v1/chat/completions"), Some(1));
    let groq = ask_at("/groq/v1/chat/completions", "x y");
    assert!(matches_line("{}", &lines[0], &groq));
    assert!(!matches_line(r#"{"host":true}"#, &lines[0], &groq));
    let never = under(r#"{"host":false}"#).cassettes([tape_of("t.jsonl", "", &lines)]);
    let mistral = ask_at("/mistral/v1/chat/completions", "x y");
    assert_eq!(number(never.choose(&mut Uses::new(), &mistral)), Some(1));
}

#[test]
fn any_order_takes_the_first_unplayed_of_the_first_tape() {
    let tapes = [
        tape("a.jsonl", "", &[r#"{"q":1}"#, r#"{"q":2}"#, r#"{"q":1}"#]),
        tape("b.jsonl", "", &[r#"{"q":1}"#]),
    ];
    let library = Options::new().cassettes(tapes);
    let mut uses = Uses::new();
    let mut ask = |body: &str| {
        let chosen = library.choose(&mut uses, &ask(body)).ok()?;
        Some((
            chosen.tape.path().display().to_string(),
            chosen.interaction.number(),
        ))
    };
    let at = |tape: &str, number| Some((tape.to_owned(), number));
    assert_eq!(ask(r#"{"q":2}"#), at("a.jsonl", 2));
    assert_eq!(ask(r#"{"q":1}"#), at("a.jsonl", 1));
    assert_eq!(ask(r#"{"q":1}"#), at("a.jsonl", 3));
    assert_eq!(ask(r#"{"q":1}"#), at("b.jsonl", 1));
    assert_eq!(ask(r#"{"q":1}"#), None);
    assert_eq!(uses.total(), 4);
}

#[test]
fn repeat_last_plays_the_last_match_again() {
    let library = under(r#"{"reuse":"repeat-last"}"#).cassettes([tape(
        "a.jsonl",
        "",
        &[r#"{"q":1}"#, r#"{"q":1}"#, r#"{"q":2}"#],
    )]);
    let mut uses = Uses::new();
    let mut played = Vec::new();
    for _ in 0..4 {
        let chosen = library.choose(&mut uses, &ask(r#"{"q":1}"#)).unwrap();
        played.push((chosen.interaction.number(), chosen.is_repeat));
    }
    assert_eq!(played, [(1, false), (2, false), (2, true), (2, true)]);
    assert!(library.choose(&mut uses, &ask(r#"{"q":3}"#)).is_err());
}

#[test]
fn ordered_plays_the_next_one_only() {
    let bodies = [r#"{"q":1}"#, r#"{"q":2}"#, r#"{"q":2}"#];
    let once = under(r#"{"order":"ordered"}"#).cassettes([tape("a.jsonl", "", &bodies)]);
    let mut uses = Uses::new();
    assert_eq!(number(once.choose(&mut uses, &ask(r#"{"q":2}"#))), None);
    assert_eq!(number(once.choose(&mut uses, &ask(r#"{"q":1}"#))), Some(1));
    assert_eq!(number(once.choose(&mut uses, &ask(r#"{"q":1}"#))), None);
    assert_eq!(number(once.choose(&mut uses, &ask(r#"{"q":2}"#))), Some(2));

    let again = under(r#"{"order":"ordered","reuse":"repeat-last"}"#)
        .cassettes([tape("a.jsonl", "", &bodies)]);
    let mut uses = Uses::new();
    let asked = [1, 1, 2, 1, 2, 2];
    let played = asked.map(|q| number(again.choose(&mut uses, &ask(&format!(r#"{{"q":{q}}}"#)))));
    assert_eq!(played, [Some(1), Some(1), Some(2), None, Some(3), Some(3)]);
}

#[test]
fn an_interaction_without_a_response_is_chosen_too() {
    let text = concat!(
        "{\"rigtape\":1}\n",
        "{\"request\":1,\"at\":0,\"method\":\"GET\",\"target\":\"/v1/models\"}\n",
        "{\"end\":1,\"at\":9,\"how\":\"failed\"}\n",
    );
    let library = Options::new().cassettes([Cassette::read(text.as_bytes(), "t.jsonl").unwrap()]);
    let asked = Request::new(0, "GET", "/models");
    let chosen = library.choose(&mut Uses::new(), &asked).unwrap();
    assert!(chosen.interaction.response.is_none());
}

#[test]
fn scopes_do_not_eat_each_others_interactions() {
    let library = Options::new().cassettes([tape("a.jsonl", "", &[r#"{"q":1}"#])]);
    for mut uses in [Uses::new(), Uses::new()] {
        assert!(library.choose(&mut uses, &ask(r#"{"q":1}"#)).is_ok());
        assert!(library.choose(&mut uses, &ask(r#"{"q":1}"#)).is_err());
    }
}

#[test]
fn a_matcher_has_a_further_verdict() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let options = Options::new().matcher(move |recorded, asked| {
        count.fetch_add(1, Ordering::Relaxed);
        match recorded.query().eq(asked.query()) {
            true => Ok(()),
            false => Err("the query is in another order".to_owned()),
        }
    });
    let library = options.cassettes([tape_of("t.jsonl", "", &[r#""target":"/v1/x?a=1&b=2""#])]);
    let mut uses = Uses::new();
    let miss = library
        .choose(&mut uses, &ask_at("/v1/x?b=2&a=1", ""))
        .unwrap_err();
    assert!(
        miss.to_string()
            .contains("a matcher says: the query is in another order"),
        "{miss}"
    );
    assert!(
        library
            .choose(&mut uses, &ask_at("/v1/x?a=1&b=2", ""))
            .is_ok()
    );
    assert!(asked.load(Ordering::Relaxed) >= 2);
}

#[test]
fn unused_interactions_are_those_of_touched_tapes() {
    let body = r#"{"messages":[{"role":"user","content":"Weather\nin   Oslo?"},{"role":"assistant","content":"ok"}]}"#;
    let tapes = [
        tape("a.jsonl", "", &[r#"{"q":1}"#, body]),
        tape("b.jsonl", "", &[r#"{"q":3}"#]),
    ];
    let library = Options::new().cassettes(tapes);
    let mut uses = Uses::new();
    assert!(library.unused(&uses).is_empty());
    library.choose(&mut uses, &ask(r#"{"q":1}"#)).unwrap();
    let [unused] = &library.unused(&uses)[..] else {
        panic!("one is left")
    };
    assert_eq!(
        (&*unused.cassette, unused.interaction, unused.line),
        ("a.jsonl", 2, 5)
    );
    assert_eq!(unused.summary.as_deref(), Some("Weather in Oslo?"));
}

#[test]
fn the_nearer_home_of_a_rule_goes_before() {
    let project: Project = serde_json::from_str(
        r#"{"order":"ordered","ignore":["/all"],"for":[{"tapes":"w/*.jsonl","reuse":"repeat-last","host":true,"ignore":["/some"]}]}"#,
    )
    .unwrap();
    let header = r#","match":{"order":"any","ignore":["/own"]}"#;
    let tapes = [
        tape("w/a.jsonl", header, &["1"]),
        tape("v/a.jsonl", "", &["1"]),
    ];
    let options = Options::new()
        .project(project)
        .rules("reuse=once".parse().unwrap())
        .rules("ignore=/line".parse().unwrap());
    let library = options.cassettes(tapes);
    let shown: Vec<String> = library
        .tapes()
        .iter()
        .map(|tape| tape.rules().to_toml())
        .collect();
    insta::assert_snapshot!(shown.join("--\n"), @r#"
    order = "any"
    reuse = "once"
    ignore = ["/line", "/own", "/some", "/all"]
    host = true
    --
    order = "ordered"
    reuse = "once"
    ignore = ["/line", "/all"]
    "#);
}

#[test]
fn what_is_no_rule_is_named_with_what_is_allowed() {
    let wrong = |json: &str| {
        serde_json::from_str::<Project>(json)
            .unwrap_err()
            .to_string()
    };
    insta::assert_snapshot!(
        [
            wrong(r#"{"oder":"any"}"#),
            wrong(r#"{"order":"anny"}"#),
            wrong(r#"{"reuse":"twice"}"#),
            wrong(r#"{"normalise":["guid"]}"#),
            wrong(r#"{"ignore":["messages"]}"#),
            wrong(r#"{"ignore":["/a/*[role]"]}"#),
            wrong(r#"{"for":[{"order":"any"}]}"#),
            wrong(r#"{"for":[{"tapes":"x","fr":1}]}"#),
            "order".parse::<Rules>().unwrap_err().to_string(),
            "order=none".parse::<Rules>().unwrap_err().to_string(),
            "ignore=x".parse::<Rules>().unwrap_err().to_string(),
        ]
        .join("\n"),
        @"
    unknown key `oder` among the matching rules; the keys are `for`, `order`, `reuse`, `ignore`, `normalise`, `headers`, `ignore-query`, `host` at line 1 column 7
    unknown order `anny`; there are `any`, `ordered` at line 1 column 16
    unknown reuse `twice`; there are `once`, `repeat-last` at line 1 column 17
    unknown normaliser `guid`; there are `uuid`, `rfc3339`, `epoch`, `generated-id` at line 1 column 21
    `messages` is no JSON pointer: it has to begin with `/` (`/**` is the whole value) at line 1 column 22
    `/a/*[role]` is no JSON pointer: what stands in `[…]` has to be `member=value` at line 1 column 24
    [[match.for]] needs `tapes`, a glob or a list of them at line 1 column 23
    unknown key `fr` among the matching rules; the keys are `tapes`, `order`, `reuse`, `ignore`, `normalise`, `headers`, `ignore-query`, `host` at line 1 column 25
    `order` is no matching rule: write KEY=VALUE; the keys are order=…, reuse=…, ignore=…, normalise=…, headers=…, ignore-query=…, host=…
    `order=none` is no matching rule: unknown order `none`; there are `any`, `ordered`
    `ignore=x` is no matching rule: `x` is no JSON pointer: it has to begin with `/` (`/**` is the whole value)
    "
    );
    let library =
        Library::open(Vec::<&str>::new()).with([tape("t.jsonl", r#","match":{"oder":1}"#, &["1"])]);
    assert!(library.tapes().is_empty());
    insta::assert_snapshot!(library.faults()[0], @"t.jsonl: line 1, `match`: unknown key `oder` among the matching rules; the keys are `order`, `reuse`, `ignore`, `normalise`, `headers`, `ignore-query`, `host` at line 1 column 7");
}

#[test]
fn a_miss_names_what_differs_and_the_rule() {
    let body = |city: &str, run: &str| {
        format!(
            r#"{{"model":"m","metadata":{{"run":"{run}"}},"messages":[{{"role":"user","content":"Weather in {city}?"}}]}}"#
        )
    };
    let bodies = [body("Oslo", "r1"), body("Bergen", "r2")];
    let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    let library = Options::new().cassettes([tape("weather.jsonl", "", &bodies)]);
    let mut uses = Uses::new();
    let miss = |uses: &mut Uses, body: &str| library.choose(uses, &ask(body)).unwrap_err();
    insta::assert_snapshot!(miss(&mut uses, &body("Oslo", "r9")), @r#"
    no recorded interaction matches POST /v1/chat/completions

    interaction 1 of weather.jsonl (line 2) differs:
      /metadata/run
        recorded: "r1"
        asked:    "r9"

    interaction 2 of weather.jsonl (line 5) differs:
      /messages/0/content
        recorded: "Weather in Bergen?"
        asked:    "Weather in Oslo?"
      /metadata/run
        recorded: "r2"
        asked:    "r9"

    record it again, or let it match by a rule in rigtape.toml:
      [match]
      ignore = ["/metadata/run"]
    "#);
    library.choose(&mut uses, &ask(bodies[1])).unwrap();
    insta::assert_snapshot!(miss(&mut uses, bodies[1]), @r#"
    no recorded interaction matches POST /v1/chat/completions

    it matches interaction 2 of weather.jsonl (line 5), which has been played already (reuse = "once"; "repeat-last" would play it again)

    interaction 1 of weather.jsonl (line 2) differs:
      /messages/0/content
        recorded: "Weather in Oslo?"
        asked:    "Weather in Bergen?"
      /metadata/run
        recorded: "r1"
        asked:    "r2"
    "#);
    let mut other = ask_at("/v1/embeddings", "{}");
    insta::assert_snapshot!(library.choose(&mut uses, &other).unwrap_err(), @"
    no recorded interaction matches POST /v1/embeddings

    nothing was recorded under this method and path; there is
      POST /v1/chat/completions (2)
    ");
    other.target = "/v1/chat/completions?beta=\u{1b}[31m".into();
    insta::assert_snapshot!(library.choose(&mut uses, &other).unwrap_err(), @r#"
    no recorded interaction matches POST /v1/chat/completions?beta=\u{1b}[31m

    interaction 1 of weather.jsonl (line 2) differs:
      query parameter beta
        recorded: (absent)
        asked:    "\u001b[31m"
      /messages
        recorded: [{"content":"Weather in Oslo?","role":"user"}]
        asked:    (absent)
      /metadata
        recorded: {"run":"r1"}
        asked:    (absent)
      /model
        recorded: "m"
        asked:    (absent)

    interaction 2 of weather.jsonl (line 5), played already, differs:
      query parameter beta
        recorded: (absent)
        asked:    "\u001b[31m"
      /messages
        recorded: [{"content":"Weather in Bergen?","role":"user"}]
        asked:    (absent)
      /metadata
        recorded: {"run":"r2"}
        asked:    (absent)
      and 1 more
    "#);
}

#[test]
fn a_miss_of_an_ordered_tape_names_the_next_one() {
    let library = under(r#"{"order":"ordered"}"#).cassettes([tape(
        "a.jsonl",
        "",
        &[r#"{"q":"first"}"#, r#"{"q":"second"}"#],
    )]);
    let miss = library
        .choose(&mut Uses::new(), &ask(r#"{"q":"second"}"#))
        .unwrap_err();
    insta::assert_snapshot!(miss, @r#"
    no recorded interaction matches POST /v1/chat/completions

    it matches interaction 2 of a.jsonl (line 5), but interaction 1 is next (order = "ordered")

    interaction 1 of a.jsonl (line 2) differs:
      /q
        recorded: "first"
        asked:    "second"
    "#);
}

#[test]
fn one_changed_word_of_a_long_prompt_is_shown_as_that_word() {
    let words: String = (0..5000).map(|n| format!("word{n} ")).collect();
    let body = |city: &str, day: &str| {
        format!(r#"{{"prompt":"{words}\u001b[1m in {city} today {words} on {day}."}}"#)
    };
    let (monday, tuesday) = (body("Oslo", "Monday"), body("Bergen", "Tuesday"));
    let library = Options::new().cassettes([tape("long.jsonl", "", &[&monday])]);
    let miss = library
        .choose(&mut Uses::new(), &ask(&tuesday))
        .unwrap_err();
    assert!(miss.to_string().len() < 2_000);
    insta::assert_snapshot!(miss, @r#"
    no recorded interaction matches POST /v1/chat/completions

    interaction 1 of long.jsonl (line 2) differs:
      /prompt (change 1 of 2)
        recorded: "…rd4998 word4999 \u001b[1m in Oslo today word0 word1 word2…"
        asked:    "…rd4998 word4999 \u001b[1m in Bergen today word0 word1 word2…"
      /prompt (change 2 of 2)
        recorded: "…7 word4998 word4999  on Monday."
        asked:    "…7 word4998 word4999  on Tuesday."

    record it again, or let it match by a rule in rigtape.toml:
      [match]
      ignore = ["/prompt"]
    "#);
}

#[test]
fn a_miss_stays_short_whatever_was_asked() {
    let recorded: Vec<String> = (0..300)
        .map(|n| {
            format!(
                r#"{{"n":{n},"list":[{}]}}"#,
                vec!["\"long text of all sorts\""; 200].join(",")
            )
        })
        .collect();
    let recorded: Vec<&str> = recorded.iter().map(String::as_str).collect();
    let library = Options::new().cassettes([tape("many.jsonl", "", &recorded)]);
    let members: Vec<String> = (0..5_000)
        .map(|n| format!("\"k{n}\":\"{}\"", "v".repeat(500)))
        .collect();
    let asked = format!("{{{}}}", members.join(","));
    let miss = library.choose(&mut Uses::new(), &ask(&asked)).unwrap_err();
    assert!(miss.to_string().len() < 6_000, "{}", miss.to_string().len());
    assert_eq!(miss.nearest.len(), 3);
}

#[test]
fn every_request_of_the_tapes_matches_its_own_recording() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/cassettes");
    let library = Library::open([folder]);
    assert!(library.faults().is_empty(), "{:?}", library.faults());
    assert!(library.len() > 100);
    let mut uses = Uses::new();
    for (of, tape) in library.tapes().iter().enumerate() {
        let again = Cassette::open(tape.path()).unwrap();
        let alone = Options::new().cassettes([again]);
        let mut own = Uses::new();
        for (index, interaction) in tape.cassette().interactions().enumerate() {
            let mut request = interaction.unwrap().request;
            if let Ok(json) = request.json::<serde_json::Value>() {
                let body = shuffled(&json, of + index);
                request.body = Body::from_bytes(body);
            }
            let chosen = alone
                .choose(&mut own, &request)
                .unwrap_or_else(|miss| panic!("{miss}"));
            assert!(chosen.index <= index);
            library
                .choose(&mut uses, &request)
                .unwrap_or_else(|miss| panic!("{miss}"));
        }
        assert!(alone.unused(&own).is_empty());
    }
    assert!(library.unused(&uses).is_empty());
}

/// The value with its members in another order and white space everywhere.
fn shuffled(value: &serde_json::Value, seed: usize) -> String {
    let rotated = |mut items: Vec<String>| {
        let by = seed % items.len().max(1);
        items.rotate_left(by);
        items.join(" ,\n ")
    };
    match value {
        serde_json::Value::Object(members) => {
            let member = |(name, value): (&String, &serde_json::Value)| {
                format!(
                    "{} :\t{}",
                    serde_json::Value::from(name.as_str()),
                    shuffled(value, seed + 1)
                )
            };
            format!("{{ {} }}", rotated(members.iter().map(member).collect()))
        }
        serde_json::Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| shuffled(item, seed + 1)).collect();
            format!("[ {} ]", items.join(" ,\r\n"))
        }
        leaf => leaf.to_string(),
    }
}

#[test]
fn two_recordings_teach_what_is_volatile() {
    let turn = |run: &str, id: &str, now: &str, temperature: u32| {
        let tool = |at: &str| {
            format!(
                r#"{{"role":"tool","tool_call_id":"{id}","content":"{{\"now\":\"{at}\",\"sky\":\"clear\"}}"}}"#
            )
        };
        format!(
            r#"{{"model":"m","metadata":{{"run":"{run}"}},"temperature":{temperature},"messages":[{{"role":"user","content":"Weather?"}},{},{}]}}"#,
            tool(now),
            tool(&now.replace(':', "."))
        )
    };
    let one = turn("a", "call_a1B2c3D4", "10:00", 0);
    let other = turn("b", "call_zz99yy88", "10:07", 0);
    let first = tape("one.jsonl", "", &[&one, r#"{"messages":[1,2]}"#]);
    let second = tape("two.jsonl", "", &[&other, r#"{"messages":[1,2]}"#]);
    let read =
        |tape: &Cassette| -> Vec<Interaction> { tape.interactions().map(Result::unwrap).collect() };
    let learned = learn(&read(&first), &read(&second));
    insta::assert_snapshot!(learned, @r#"
    # learned from 2 pairs of requests
    # normalise generated-id: /messages/1/tool_call_id was "call_a1B2c3D4", then "call_zz99yy88"
    # ignore /messages/*[role=tool]/content/#json/now: /messages/1/content/#json/now was "10:00", then "10:07"
    # ignore /metadata/run: /metadata/run was "a", then "b"
    [match]
    ignore = ["/messages/*[role=tool]/content/#json/now", "/metadata/run"]
    normalise = ["generated-id"]
    "#);
    let library = Options::new().rules(learned.rules).cassettes([first]);
    let mut uses = Uses::new();
    for interaction in read(&second) {
        library.choose(&mut uses, &interaction.request).unwrap();
    }

    let first = tape("one.jsonl", "", &[r#"{"messages":[1,2]}"#, r#"{"x":1}"#]);
    let second = tape("two.jsonl", "", &[r#"{"messages":[1,2,3]}"#]);
    insta::assert_snapshot!(learn(&read(&first), &read(&second)), @"
    # learned from 1 pair of requests
    # no rule for this: interaction 2 of the first recording (POST /v1/chat/completions) has no partner in the second
    # no rule for this: interactions 1 and 1: only the second has /messages/2: 3
    ");
    insta::assert_snapshot!(learn(&read(&first), &read(&first)), @"# 2 pairs of requests, all equal: no rule is needed");
}

#[test]
fn a_reopened_library_shares_unchanged_tapes() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bodies: &[&str]| {
        let line =
            |body: &&str| format!(r#""target":"/v1/chat/completions","body":{{"json":{body}}}"#);
        let lines: Vec<String> = bodies.iter().map(line).collect();
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text_of("", &lines)).unwrap();
    };
    write("a.jsonl", &["1", "2"]);
    write("sub/b.jsonl", &["3"]);
    write("c.rejected.jsonl", &["4"]);
    std::fs::write(folder.path().join("d.jsonl"), "no tape\n").unwrap();
    std::fs::write(folder.path().join("notes.txt"), "x").unwrap();

    let library = Library::open([folder.path()]);
    assert_eq!(library.tapes().len(), 2);
    assert_eq!(library.faults().len(), 1);
    assert!(library.faults()[0].leaves_out());
    assert!(
        library.faults()[0].to_string().contains("d.jsonl"),
        "{}",
        library.faults()[0]
    );

    let mut uses = Uses::new();
    library.choose(&mut uses, &ask("1")).unwrap();
    library.choose(&mut uses, &ask("3")).unwrap();
    write("sub/b.jsonl", &["3", "5", "6"]);
    write("e.jsonl", &["7"]);
    let library = library.reopened();
    assert_eq!(library.tapes().len(), 3);
    assert!(
        library.choose(&mut uses, &ask("1")).is_err(),
        "a.jsonl is as it was"
    );
    assert!(
        library.choose(&mut uses, &ask("3")).is_ok(),
        "b.jsonl is another tape now"
    );
    assert!(library.choose(&mut uses, &ask("7")).is_ok());
    let left: Vec<_> = library
        .unused(&uses)
        .iter()
        .map(|u| u.interaction)
        .collect();
    assert_eq!(left, [2, 2, 3]);

    let nothing = Library::open([
        folder.path().join("none.jsonl"),
        folder.path().join("sub/none"),
    ]);
    assert_eq!((nothing.faults().len(), nothing.is_empty()), (2, true));
    let miss = nothing.choose(&mut Uses::new(), &ask("1")).unwrap_err();
    assert!(
        miss.to_string().contains("there is no interaction at all"),
        "{miss}"
    );
}

#[test]
fn interactions_beyond_the_cache_are_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.jsonl");
    let lines: Vec<String> = (0..50)
        .map(|n| format!(r#""target":"/v1/x","body":{{"json":{n}}}"#))
        .collect();
    std::fs::write(&path, text_of("", &lines)).unwrap();
    let library = Options::new().cache_bytes(10_000).open([&path]);
    for _ in 0..2 {
        let mut uses = Uses::new();
        for n in (0..50).rev() {
            let chosen = library
                .choose(&mut uses, &ask_at("/v1/x", &n.to_string()))
                .unwrap();
            assert_eq!(chosen.interaction.number(), n + 1);
        }
    }
    std::fs::write(&path, "gone\n").unwrap();
    let mut uses = Uses::new();
    let miss = library
        .choose(&mut uses, &ask_at("/v1/x", "49"))
        .unwrap_err();
    assert!(miss.to_string().contains("a tape cannot be read"), "{miss}");
}

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rigtape::Offset;
use rigtape::cassette::{Body, Chunk, End, How, Record, Request, Response};
use rigtape::redact::{
    Finding, Kind, Mender, Place, REQUEST_HEADERS, RESPONSE_HEADERS, Redactor, Rules,
    SECRET_HEADERS, SECRET_PARAMETERS, audit,
};

use crate::redact::fake_key;
use crate::support::corpus;

fn echoed(request: &Request, echo: &str) -> String {
    let own = Redactor::new().for_request(request).unwrap();
    let mut masker = own.masker();
    let mut out = masker.push(Chunk::new(1, Offset::ZERO, echo.as_bytes().to_vec()));
    out.extend(masker.finish());
    String::from_utf8(out[0].bytes.to_vec()).unwrap()
}

#[test]
fn every_part_of_a_request_that_is_a_credential_is_known() {
    let basic = STANDARD.encode("user-name:the-password");
    let signature = fake_key("", 64).to_lowercase();
    let key_id = fake_key("AKIA", 16).to_uppercase();
    let signed = format!(
        "AWS4-HMAC-SHA256 Credential={key_id}/20260101/us-east-1/bedrock/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature={signature}"
    );
    let cases = [
        ("authorization", "Bearer the-password".to_owned()),
        ("authorization", "bearer  the-password".to_owned()),
        ("authorization", "the-password".to_owned()),
        ("authorization", format!("Basic {basic}")),
        ("proxy-authorization", format!("Basic {basic}")),
        ("x-api-key", "the-password".to_owned()),
        ("api-key", "the-password".to_owned()),
        ("x-goog-api-key", "the-password".to_owned()),
        ("cf-aig-authorization", "Bearer the-password".to_owned()),
        ("helicone-auth", "Bearer the-password".to_owned()),
        ("x-portkey-api-key", "the-password".to_owned()),
        ("x-amz-security-token", "the-password".to_owned()),
    ];
    for (name, value) in cases {
        let mut request = Request::new(1, "POST", "/");
        request.headers.push(name, value);
        assert_eq!(
            echoed(&request, "say the-password!"),
            "say 1-REDACTED-x!",
            "{name}"
        );
    }
    let mut request = Request::new(1, "POST", "/");
    request
        .headers
        .push("authorization", format!("Basic {basic}"));
    assert!(!echoed(&request, &basic).contains(&basic[4..12]));
    let mut request = Request::new(1, "POST", "/");
    request.headers.push("authorization", signed);
    let echo = format!("{key_id} {signature} us-east-1 bedrock");
    let masked = echoed(&request, &echo);
    assert!(
        !masked.contains(&key_id[4..]) && !masked.contains(&signature),
        "{masked}"
    );
    assert!(masked.ends_with(" us-east-1 bedrock"));
    let mut request = Request::new(1, "POST", "/");
    request.headers.push(
        "cookie",
        "theme=darkmode; session=s3ss10n-v4lue; flag=\"Tr4cker-1\"",
    );
    assert_eq!(
        echoed(&request, "darkmode s3ss10n-v4lue Tr4cker-1"),
        "darkmode 1-REDACTED-xx 2REDACTED"
    );
}

#[test]
fn headers_are_kept_from_lists_and_the_rest_is_named() {
    let redactor = Redactor::new();
    let mut request = Request::new(1, "POST", "/v1/messages");
    for (name, value) in [
        ("Content-Type", "application/json"),
        ("x-api-key", "0123456789abcdef"),
        ("anthropic-version", "2023-06-01"),
        ("User-Agent", "sdk/1"),
        ("x-api-key", "0123456789abcdef"),
    ] {
        request.headers.push(name, value);
    }
    let own = redactor.for_request(&request).unwrap();
    let request = own.request(request);
    let names: Vec<_> = request.headers.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["content-type", "anthropic-version"]);
    assert_eq!(request.dropped, ["x-api-key", "user-agent"]);

    let mut response = Response::new(1, Offset::ZERO, 429);
    for (name, value) in [
        ("retry-after", "2"),
        ("content-length", "12"),
        ("x-request-id", "req-0123456789abcdef"),
        ("set-cookie", "session=1"),
    ] {
        response.headers.push(name, value);
    }
    let response = own.response(response);
    let fields: Vec<_> = response.headers.iter().map(|(n, v)| (n, &v[..])).collect();
    assert_eq!(
        fields,
        [
            ("retry-after", &b"2"[..]),
            ("x-request-id", b"req-1-REDACTED-xxxxx")
        ]
    );
    assert_eq!(response.dropped, ["content-length", "set-cookie"]);
}

#[test]
fn secrets_in_target_and_url_are_masked_in_place() {
    let mut request = Request::new(
        1,
        "POST",
        "/v1beta/models/m:x?alt=sse&key=ab%2Fcd0123456789&sig=no",
    );
    request.url = Some("https://user:the-password@host/p?api_key=ab%2Fcd0123456789#frag".into());
    request.body = Body::from_bytes(&br#"{"a":"ab/cd0123456789","b":"ab\/cd0123456789"}"#[..]);
    let request = Redactor::new()
        .for_request(&request)
        .unwrap()
        .request(request);
    assert_eq!(
        request.target,
        "/v1beta/models/m:x?alt=sse&key=1-REDACTED-xxxxxx&sig=xx"
    );
    assert_eq!(
        request.url.unwrap(),
        "https://3-REDACTED-xxxxxx@host/p?api_key=1-REDACTED-xxxxxx#frag"
    );
    assert!(matches!(request.body, Body::Json(_)));
    assert_eq!(
        request.body.as_bytes(),
        br#"{"a":"1-REDACTED-xxxx","b":"1-REDACTED-xxxxx"}"#
    );
}

#[test]
fn rules_add_headers_secrets_pointers_shapes_and_exceptions() {
    let allowed = fake_key("sk-", 40);
    let rules: Rules = serde_json::from_value(serde_json::json!({
        "keep-headers": ["X-Team", "x-api-key"],
        "drop-headers": ["x-request-id"],
        "env": ["MY_TOKEN", "NOT_SET"],
        "pointers": ["/user", "/messages/*/name", "/deep~1er"],
        "allow": [allowed],
        "keys": [{"prefix": "acme_", "min": 12, "chars": "hex"}],
    }))
    .unwrap();
    let secrets = rules.secrets(|name| (name == "MY_TOKEN").then(|| "from-the-environment".into()));
    let redactor = Redactor::with_rules(&rules, secrets).unwrap();

    let mut request = Request::new(1, "POST", "/");
    request.headers.push("x-team", "blue");
    request.headers.push("x-api-key", "0123456789abcdef");
    let acme = format!("acme_{}", "0a1b2c3d4e5f");
    let body = format!(
        r#"{{"user":"jane doe","messages":[{{"name":"jo\"e"}},{{"name":7,"x":"jane"}}],"deep/er":{{"a":["bcd",1]}},"t":"from-the-environment {acme} {allowed}"}}"#
    );
    request.body = Body::from_bytes(body.clone());
    let own = redactor.for_request(&request).unwrap();
    let request = own.request(request);
    let names: Vec<_> = request.headers.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["x-team"], "a credential is never kept");
    let masked = std::str::from_utf8(request.body.as_bytes()).unwrap();
    assert_eq!(masked.len(), body.len());
    assert!(matches!(request.body, Body::Json(_)), "{masked}");
    for gone in ["jane doe", "jo\\\"e", "bcd", "environment", "0a1b2c"] {
        assert!(!masked.contains(gone), "{gone} in {masked}");
    }
    for kept in [r#""x":"jane""#, r#""name":7"#, &allowed, "acme_"] {
        assert!(masked.contains(kept), "{kept} in {masked}");
    }

    let mut response = Response::new(1, Offset::ZERO, 200);
    response.headers.push("x-request-id", "r1");
    assert!(own.response(response).headers.is_empty());
}

#[test]
fn rules_that_make_no_sense_are_refused_by_name() {
    let refuse = |rules: serde_json::Value| {
        let rules: Rules = serde_json::from_value(rules).unwrap();
        Redactor::with_rules(&rules, []).unwrap_err().to_string()
    };
    assert!(
        refuse(serde_json::json!({"pointers": ["user"]})).contains("`user` is no JSON pointer")
    );
    assert!(refuse(serde_json::json!({"keys": [{"prefix": "", "min": 3}]})).contains("prefix"));
    assert!(serde_json::from_value::<Rules>(serde_json::json!({"headers": []})).is_err());
}

#[test]
fn a_key_spelled_over_two_deltas_is_found_in_the_assembled_text() {
    let key = fake_key("sk-proj-", 60);
    let mut request = Request::new(1, "POST", "/");
    request.headers.push("x-api-key", "own-credential-0");
    let own = Redactor::new().for_request(&request).unwrap();
    let delta = |text: &str| format!("data: {{\"delta\":\"{text}\"}}\n\n");
    let wire = format!("{}{}", delta(&key[..15]), delta(&key[15..]));
    let mut masker = own.masker();
    let mut out = masker.push(Chunk::new(1, Offset::ZERO, wire.clone().into_bytes()));
    out.extend(masker.finish());
    assert_eq!(out[0].bytes, wire, "invisible to bytes");

    let findings = own.audit_text(&format!("your key is {key}. And own-cred{}", "ential-0"));
    let places: Vec<_> = findings
        .iter()
        .map(|f| (&f.place, &f.kind, f.length))
        .collect();
    assert_eq!(places.len(), 2);
    assert_eq!(places[0].0, &Place::Text { offset: 12 });
    assert_eq!(
        (places[0].1, places[0].2),
        (&Kind::Key("sk-proj-".into()), key.len())
    );
    assert_eq!(places[1].1, &Kind::Credential);
    let shown = findings[0].clone().in_interaction(3).to_string();
    assert_eq!(
        shown,
        "interaction 3, assembled text, byte 12: a key that begins with sk-proj- (68 bytes)"
    );
    assert!(
        own.audit_text("sk-1-REDACTED-xxxxxxxxxxxxxxxxxxxxxxxx and sk-learn")
            .is_empty()
    );
    let half = format!("sk-1-REDACTED-xxxxxxxxxxxxxxxxxx{}", &key[40..]);
    assert_eq!(
        own.audit_text(&half).len(),
        1,
        "the rest of a key that was half masked"
    );
}

fn tape(key: &str) -> Vec<Record> {
    let mut request = Request::new(1, "POST", "/v1/x");
    request
        .headers
        .push("authorization", "Bearer recorded-by-mistake");
    request.headers.push("x-kept", "as recorded-by-mistake");
    request.body = Body::from_bytes(format!("{{\"prompt\":\"{key}\"}}"));
    let mut response = Response::new(1, Offset::ZERO, 200);
    response.headers.push("set-cookie", "a=b");
    let stream = format!("data: {key}\n\n");
    let (left, right) = stream.split_at(20);
    let mut end = End::new(1, Offset::ZERO, How::Error);
    end.detail = Some("GET recorded-by-mistake".into());
    vec![
        Record::Request(request),
        Record::Response(response),
        Record::Chunk(Chunk::new(1, Offset::ZERO, left.to_owned().into_bytes())),
        Record::Chunk(Chunk::new(2, Offset::ZERO, "without a request")),
        Record::Chunk(Chunk::new(1, Offset::ZERO, right.to_owned().into_bytes())),
        Record::End(end),
    ]
}

#[test]
fn a_tape_is_mended_and_then_has_no_findings() {
    let key = fake_key("sk-", 48);
    let found = audit(&Redactor::new(), tape(&key)).unwrap();
    let places: Vec<String> = found.iter().map(Finding::to_string).collect();
    assert_eq!(
        places,
        [
            "interaction 1, request header authorization: a header that holds a credential (26 bytes)",
            "interaction 1, request header x-kept: a credential (19 bytes)",
            "interaction 1, request body, byte 11: a key that begins with sk- (51 bytes)",
            "interaction 1, response header set-cookie: a header that holds a credential (3 bytes)",
            "interaction 1, detail of the end, byte 4: a credential (19 bytes)",
            "interaction 1, chunk 1, byte 6: a key that begins with sk- (51 bytes)",
        ],
    );

    let mut mender = Mender::new(Redactor::new());
    let mut mended = Vec::new();
    for record in tape(&key) {
        mended.extend(mender.push(record).unwrap());
    }
    mended.extend(mender.finish());
    assert_eq!(mended.len(), 6);
    let shown = format!("{mended:?}");
    assert!(
        !shown.contains(&key[10..30]) && !shown.contains("recorded-by-mistake"),
        "{shown}"
    );
    assert_eq!(mender.findings(), found);
    assert_eq!(audit(&Redactor::new(), mended).unwrap(), []);
}

#[test]
fn lists_of_names_are_sorted_lower_case_and_apart() {
    for list in [
        REQUEST_HEADERS,
        RESPONSE_HEADERS,
        SECRET_HEADERS,
        SECRET_PARAMETERS,
    ] {
        assert!(list.is_sorted_by(|a, b| a < b), "{list:?}");
        assert!(list.iter().all(|name| *name == name.to_lowercase()));
    }
    for name in SECRET_HEADERS {
        assert!(!REQUEST_HEADERS.contains(name) && !RESPONSE_HEADERS.contains(name));
    }
}

#[test]
fn real_sessions_hold_nothing_that_looks_like_a_key() {
    let Some(sessions) = corpus::sessions() else {
        return;
    };
    for session in sessions {
        let own = Redactor::new()
            .for_request(&Request::new(1, "POST", "/"))
            .unwrap();
        let mut masker = own.masker();
        for piece in session.body.chunks(1000) {
            masker.push(Chunk::new(1, Offset::ZERO, piece.to_vec()));
        }
        masker.finish();
        assert!(
            masker.findings().is_empty(),
            "{}: {:?}",
            session.name,
            masker.findings()
        );
    }
}

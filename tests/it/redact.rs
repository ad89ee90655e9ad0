use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use rigtape::Offset;
use rigtape::cassette::{Chunk, Redacted, Request};
use rigtape::redact::{InteractionRedactor, Redactor, Rules};

/// Keys are put together here, so that none stands in the repository.
pub fn fake_key(prefix: &str, length: usize) -> String {
    let alphabet = b"aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0";
    let body = (0..length).map(|at| char::from(alphabet[(at * 7 + length) % alphabet.len()]));
    format!("{prefix}{}", body.collect::<String>())
}

fn with_bearer(secret: &str) -> InteractionRedactor {
    own(&Redactor::new(), secret)
}

fn own(redactor: &Redactor, secret: &str) -> InteractionRedactor {
    let mut request = Request::new(1, "POST", "/v1/chat/completions");
    request
        .headers
        .push("authorization", format!("Bearer {secret}"));
    redactor.for_request(&request).unwrap()
}

/// Plays `pieces` through a masker; every border, length and time must come out as it went in.
fn mask<P: AsRef<[u8]>>(own: &InteractionRedactor, pieces: &[P]) -> Vec<Chunk> {
    let mut masker = own.masker();
    let mut out = Vec::new();
    for (number, piece) in pieces.iter().enumerate() {
        let at = Offset::from_micros(number as u64 * 1000);
        out.extend(masker.push(Chunk::new(1, at, piece.as_ref().to_vec())));
    }
    out.extend(masker.finish());
    assert_eq!(out.len(), pieces.len());
    for (number, (chunk, piece)) in out.iter().zip(pieces).enumerate() {
        assert_eq!(chunk.at.as_micros(), number as u64 * 1000);
        assert_eq!(chunk.bytes.len(), piece.as_ref().len());
        assert_differs_only_where_noted(chunk, piece.as_ref());
    }
    out
}

fn assert_differs_only_where_noted(chunk: &Chunk, original: &[u8]) {
    let noted = |at: usize| {
        chunk
            .redacted
            .iter()
            .any(|r| (r.offset..r.offset + r.length).contains(&at))
    };
    for (at, (now, then)) in chunk.bytes.iter().zip(original).enumerate() {
        assert!(now == then || noted(at), "byte {at} changed without a note");
    }
    for range in &chunk.redacted {
        assert!(range.length > 0 && range.offset + range.length <= original.len());
    }
}

fn joined(chunks: &[Chunk]) -> Vec<u8> {
    chunks
        .iter()
        .flat_map(|chunk| chunk.bytes.iter().copied())
        .collect()
}

fn text(chunks: &[Chunk]) -> String {
    String::from_utf8(joined(chunks)).unwrap()
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

/// A secret with characters that every encoding spells in its own way.
const AWKWARD: &str = "pä\"ss/w+rd=\\<k&y> 'tok'";

fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn lower_hex(encoded: &str) -> String {
    let mut parts = encoded.split('%');
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| {
        format!("{text}%{}{}", part[..2].to_lowercase(), &part[2..])
    })
}

/// What a server may answer with `secret` in it, and the spelling that must not be on the tape.
fn echoes(secret: &str) -> Vec<(String, String)> {
    let json = serde_json::to_string(secret).unwrap();
    let json = json[1..json.len() - 1].to_owned();
    let twice = serde_json::to_string(&json).unwrap();
    let twice = twice[1..twice.len() - 1].to_owned();
    let slashes = json.replace('/', "\\/");
    let spellings = vec![
        slashes,
        secret.to_owned(),
        json,
        twice,
        percent(secret),
        lower_hex(&percent(secret)),
    ];
    let mut echoes: Vec<_> = spellings
        .into_iter()
        .map(|spelling| (format!("data: <{spelling}>\n\n"), spelling))
        .collect();
    for before in ["", "a", "ab"] {
        let whole = format!("{before}{secret}-after");
        let [first, last] = [
            (8 * before.len()).div_ceil(6),
            8 * (before.len() + secret.len()) / 6,
        ];
        for encoded in [STANDARD.encode(&whole), URL_SAFE_NO_PAD.encode(&whole)] {
            let determined = encoded[first..last].to_owned();
            echoes.push((format!("data: {{\"image\":\"{encoded}\"}}\n\n"), determined));
        }
    }
    echoes
}

#[test]
fn an_echoed_credential_is_masked_in_every_spelling_and_two_way_cut() {
    for secret in [
        AWKWARD.to_owned(),
        fake_key("sk-proj-", 40),
        fake_key("", 9),
    ] {
        let own = with_bearer(&secret);
        for (echo, spelling) in echoes(&secret) {
            let echo = echo.as_bytes();
            for cut in 0..=echo.len() {
                let out = mask(&own, &[&echo[..cut], &echo[cut..]]);
                assert!(
                    !holds(&joined(&out), spelling.as_bytes()),
                    "{spelling} cut at {cut}"
                );
                let noted: usize = out.iter().flat_map(|c| &c.redacted).map(|r| r.length).sum();
                assert!(noted >= spelling.len());
            }
        }
    }
}

#[test]
fn an_echoed_credential_is_masked_in_every_three_way_cut() {
    for secret in [AWKWARD.to_owned(), fake_key("sk-ant-", 22)] {
        let own = with_bearer(&secret);
        for (echo, spelling) in echoes(&secret) {
            let echo = echo.as_bytes();
            for first in 0..=echo.len() {
                for second in (first..=echo.len()).step_by(if echo.len() > 50 { 7 } else { 1 }) {
                    let pieces = [&echo[..first], &echo[first..second], &echo[second..]];
                    let out = mask(&own, &pieces);
                    assert!(
                        !holds(&joined(&out), spelling.as_bytes()),
                        "{first}, {second}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_key_of_a_known_shape_is_masked_however_it_is_cut() {
    let pem = format!(
        "-----BEGIN {} KEY-----\\n{}\\n",
        "PRIVATE",
        fake_key("MII", 90)
    );
    let token = [fake_key("eyJ", 20), fake_key("eyJ", 30), fake_key("", 43)].join(".");
    let keys = [
        fake_key("sk-", 48),
        fake_key("sk-ant-api03-", 95),
        fake_key("sk-or-v1-", 64),
        fake_key("gsk_", 52),
        fake_key("xai-", 80),
        fake_key("AIza", 35),
        fake_key("ya29.", 120),
        fake_key("hf_", 34),
        fake_key("ghp_", 36),
        fake_key("github_pat_", 82),
        fake_key("AKIA", 16).to_uppercase(),
        fake_key("r8_", 37),
        fake_key("pplx-", 48),
        fake_key("nvapi-", 64),
        fake_key("xoxb-", 50),
        token,
        pem,
    ];
    let own = with_bearer("short");
    for key in &keys {
        let stream = format!("data: {{\"content\":\"use {key}\"}}\n\ndata: [DONE]\n\n");
        for cut in 0..=stream.len() {
            let (left, right) = stream.split_at(cut);
            let masked = text(&mask(&own, &[left, right]));
            assert!(
                !masked.contains(&key[key.len() / 2..]),
                "{} cut at {cut}",
                &key[..6]
            );
            assert!(masked.starts_with("data: {\"content\":\"use ") && masked.contains("REDACTED"));
            assert!(masked.ends_with("\"}\n\ndata: [DONE]\n\n"));
        }
        for prefix in [
            "\\n",
            "\\u003d",
            "%20",
            "=",
            ": ",
            "Bearer ",
            "https://host/",
        ] {
            let stream = format!("{{\"a\":\"{prefix}{key}\"}}");
            let bytes: Vec<_> = stream.bytes().map(|byte| [byte]).collect();
            assert!(
                text(&mask(&own, &bytes)).contains("REDACTED"),
                "{prefix} {}",
                &key[..6]
            );
        }
    }
}

#[test]
fn what_is_no_key_stays_as_it_is() {
    let own = with_bearer("short");
    let image = STANDARD.encode(
        (0..60_000u32)
            .map(|n| ((n * n) >> 3) as u8)
            .collect::<Vec<_>>(),
    );
    let harmless = [
        "a task-oriented-programming-environment-for-2024-and-beyond".to_owned(),
        "disk-0123456789abcdef0123456789abcdef".to_owned(),
        "sk-learn-estimators-and-how-to-tune-their-parameters".to_owned(),
        "risk-management-framework-2024-edition".to_owned(),
        "the prefix sk- begins OpenAI keys, sk-ant- Anthropic's, AIza Google's".to_owned(),
        "sk-...".to_owned(),
        "hf_transfer and hf_hub_download_options_for_everyone".to_owned(),
        "AKIAN is a word, so is ASIATIC".to_owned(),
        format!("{{\"chatcmpl\":\"chatcmpl-{}\"}}", fake_key("", 29)),
        format!(
            "{{\"id\":\"msg_{}\",\"call\":\"call_{}\"}}",
            fake_key("", 24),
            fake_key("", 24)
        ),
        format!("{{\"request\":\"req_{}\"}}", fake_key("", 24)),
        format!(
            "{{\"signature\":\"{}\"}}",
            STANDARD.encode(fake_key("Er", 400))
        ),
        format!(
            "{{\"encrypted_content\":\"gAAAAAB{}\"}}",
            fake_key("sk-", 600).replacen("sk-", "-sk-", 1)
        ),
        format!(
            "{{\"thoughtSignature\":\"Cs{}/AKIA{}\"}}",
            image,
            fake_key("", 16).to_uppercase()
        ),
        format!(
            "{{\"config\":\"{}\"}}",
            STANDARD.encode("{\"a\":1,\"text\":\"a JSON object in base64\"}")
        ),
        format!("data:image/png;base64,{image}"),
        "[0.0123,-0.4567,1e-9]".repeat(100),
    ];
    for stream in &harmless {
        for size in [1, 7, 4096] {
            let pieces: Vec<_> = stream.as_bytes().chunks(size).collect();
            let out = mask(&own, &pieces);
            assert_eq!(text(&out), *stream);
            assert!(out.iter().all(|chunk| chunk.redacted.is_empty()));
        }
    }
}

#[test]
fn only_chunks_in_which_a_secret_may_begin_are_held_back() {
    let secret = fake_key("sk-", 48);
    let own = with_bearer(&secret);
    let mut masker = own.masker();
    let mut push = |bytes: &str| {
        let released = masker.push(Chunk::new(1, Offset::ZERO, bytes.as_bytes().to_vec()));
        (released.len(), masker.held_back())
    };
    assert_eq!(push("data: {\"content\":\"hello\"}\n\n"), (1, 0));
    assert_eq!(push(&format!("data: {}", &secret[..10])), (0, 1));
    assert_eq!(push(&secret[10..20]), (0, 2));
    assert_eq!(push("\n\n"), (3, 0), "it was no secret after all");
    assert_eq!(push(&secret[..20]), (0, 1));
    assert_eq!(
        push(&secret[20..]),
        (0, 2),
        "a longer key may have this one as its beginning"
    );
    assert_eq!(push("."), (3, 0));
}

#[test]
fn placeholders_are_stable_within_a_cassette_and_tell_secrets_apart() {
    let redactor = Redactor::new();
    let (one, other) = (fake_key("sk-", 40), fake_key("hf_", 34));
    let stream = format!("{one} {other} {one} {}", percent(&one));
    let first = text(&mask(&own(&redactor, &one), &[&stream]));
    let words: Vec<_> = first.split(' ').collect();
    assert_eq!(words[0], words[2]);
    assert!(words[0].starts_with("sk-1-REDACTED-x") && words[1].starts_with("hf_2-REDACTED-x"));
    assert_eq!(
        text(&mask(&own(&redactor, &one), &[&stream])),
        first,
        "the next interaction"
    );
    let elsewhere = redactor.for_cassette();
    assert!(text(&mask(&own(&elsewhere, &other), &[&other])).starts_with("hf_1-REDACTED"));
}

#[test]
fn of_two_secrets_that_overlap_neither_is_left() {
    let mut request = Request::new(1, "POST", "/");
    let (left, right) = ("alpha-beta-gamma1", "gamma1-delta-epsilon");
    request.headers.push("x-api-key", left);
    request.headers.push("api-key", right);
    request.headers.push("x-goog-api-key", "alpha-beta");
    let own = Redactor::new().for_request(&request).unwrap();
    let stream = "x alpha-beta-gamma1-delta-epsilon alpha-beta alpha-beta-gamma1 y";
    for first in 0..stream.len() {
        for second in first..stream.len() {
            let out = mask(
                &own,
                &[&stream[..first], &stream[first..second], &stream[second..]],
            );
            let masked = text(&out);
            for part in ["alpha", "beta", "gamma", "delta", "epsilon"] {
                assert!(!masked.contains(part), "{masked}");
            }
            let whole = text(&mask(&own, &[stream]));
            assert_eq!(masked, whole, "the cut at {first} and {second} shows");
        }
    }
}

#[test]
fn a_long_stream_of_single_bytes_takes_linear_time() {
    let secret = fake_key("sk-proj-", 160);
    let own = with_bearer(&secret);
    let time = |count: usize| {
        let stream = format!("data: {{\"text\":\"{}s\"}}\n\n", &secret[..150]).repeat(count / 170);
        let begin = Instant::now();
        let mut masker = own.masker();
        for byte in stream.bytes() {
            masker.push(Chunk::new(1, Offset::ZERO, vec![byte]));
        }
        masker.finish();
        begin.elapsed()
    };
    let short = (0..3).map(|_| time(20_000)).min().unwrap();
    let long = (0..3).map(|_| time(200_000)).min().unwrap();
    assert!(
        long < short * 40 + Duration::from_millis(200),
        "{short:?} and {long:?}"
    );
}

#[test]
fn a_key_without_end_is_masked_to_a_ceiling_and_holds_little_back() {
    let own = with_bearer("short");
    let stream = fake_key("sk-", 100_000);
    let mut masker = own.masker();
    let mut most = 0;
    for piece in stream.as_bytes().chunks(10) {
        masker.push(Chunk::new(1, Offset::ZERO, piece.to_vec()));
        most = most.max(masker.held_back());
    }
    assert!(most < 60, "{most} chunks of ten bytes were held back");
    masker.finish();
    assert_eq!(masker.findings()[0].length, 3 + 512);
}

#[test]
fn a_number_is_hidden_by_a_number() {
    let own = with_bearer("1234567890123");
    let out = text(&mask(
        &own,
        &["data: {\"id\":1234567890123,\"s\":\"1234567890123\"}\n\n"],
    ));
    assert_eq!(
        out,
        "data: {\"id\":1000000000000,\"s\":\"1000000000000\"}\n\n"
    );
}

#[test]
fn line_breaks_inside_a_masked_key_stay() {
    let lines = format!("{}\n{}\r\n", fake_key("MII", 61), fake_key("", 64));
    let stream = format!(
        "-----BEGIN {k}-----\n{lines}-----END {k}-----\n",
        k = "PRIVATE KEY"
    );
    let masked = text(&mask(&with_bearer("short"), &[&stream]));
    assert_eq!(masked.lines().count(), stream.lines().count());
    assert!(masked.contains("REDACTED") && !masked.contains(&lines[5..40]));
}

#[test]
fn notes_name_offset_length_and_number() {
    let own = with_bearer("my-secret-token");
    let out = mask(&own, &["a my-secret", "-token b my-secret-token"]);
    assert_eq!(
        out[0].redacted,
        [Redacted {
            offset: 2,
            length: 9,
            placeholder: 1
        }]
    );
    let [rest, again] = out[1].redacted[..] else {
        panic!("{:?}", out[1].redacted)
    };
    assert_eq!((rest.offset, rest.length), (0, 6));
    assert_eq!((again.offset, again.length, again.placeholder), (9, 15, 1));
}

#[test]
fn nothing_shows_a_secret_when_printed() {
    let secret = fake_key("sk-", 48);
    let rules = Rules::default();
    let redactor = Redactor::with_rules(&rules, [secret.clone()]).unwrap();
    let own = own(&redactor, &secret);
    let mut masker = own.masker();
    masker.push(Chunk::new(1, Offset::ZERO, secret.clone().into_bytes()));
    let shown = format!("{redactor:?} {own:?} {masker:?}");
    masker.push(Chunk::new(1, Offset::ZERO, "."));
    let shown = format!("{shown} {:?} {}", masker.findings(), masker.findings()[0]);
    assert!(!shown.contains(&secret[8..20]), "{shown}");
}

proptest! {
    #[test]
    fn output_differs_from_input_only_where_noted(
        cuts in proptest::collection::vec(0usize..400, 0..12),
        words in proptest::collection::vec(0usize..8, 1..12),
    ) {
        let secret = fake_key("sk-", 30);
        let own = with_bearer(&secret);
        let vocabulary = [
            secret.clone(), secret[..20].to_owned(), fake_key("hf_", 34), "s".to_owned(),
            "data: {}\n\n".to_owned(), STANDARD.encode(&secret), "\\n".to_owned(), "-".to_owned(),
        ];
        let stream: String = words.iter().map(|word| vocabulary[*word].as_str()).collect();
        let mut cuts: Vec<_> = cuts.into_iter().filter(|cut| *cut <= stream.len()).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
        let out = text(&mask(&own, &pieces));
        prop_assert!(!out.contains(&secret));
        prop_assert_eq!(out, text(&mask(&own, &[stream])));
    }

    #[test]
    fn arbitrary_bytes_pass_unchanged_or_noted(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 1..20)) {
        let own = with_bearer(&fake_key("sk-", 30));
        let out = mask(&own, &pieces);
        prop_assert!(out.iter().all(|chunk| chunk.redacted.is_empty()));
        prop_assert_eq!(joined(&out), pieces.concat());
    }
}

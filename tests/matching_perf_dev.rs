use rigtape::cassette::{Body, Request};
use rigtape::matching::{Library, Options, Uses};
use std::time::Instant;
#[test]
fn perf() {
    let dir = tempfile::tempdir().unwrap();
    let chunk = "data: {\\\"id\\\":\\\"chatcmpl-1\\\",\\\"choices\\\":[{\\\"index\\\":0,\\\"delta\\\":{\\\"content\\\":\\\"hello there\\\"}}]}\\n\\n";
    let body = |n: usize| {
        format!(
            "{{\"model\":\"m\",\"stream\":true,\"messages\":[{{\"role\":\"system\",\"content\":\"{}\"}},{{\"role\":\"user\",\"content\":\"question {n}\"}}]}}",
            "You are a helpful assistant. ".repeat(20)
        )
    };
    for n in 0..10_000 {
        let mut t = format!(
            "{{\"rigtape\":1,\"synthetic\":true}}\n{{\"request\":1,\"at\":0,\"method\":\"POST\",\"target\":\"/v1/chat/completions\",\"body\":{{\"json\":{}}}}}\n{{\"response\":1,\"at\":1,\"status\":200,\"headers\":[]}}\n",
            body(n)
        );
        for at in 0..30 {
            t += &format!("[1,{},\"{chunk}\"]\n", at + 10);
        }
        t += "{\"end\":1,\"at\":99,\"how\":\"complete\"}\n";
        std::fs::write(dir.path().join(format!("{n:05}.jsonl")), t).unwrap();
    }
    let hundred: Vec<_> = (0..100)
        .map(|n| dir.path().join(format!("{n:05}.jsonl")))
        .collect();
    let s = Instant::now();
    let l = Library::open(&hundred);
    println!("open 100: {:?}", s.elapsed());
    drop(l);
    let s = Instant::now();
    let lib = Library::open([dir.path()]);
    println!("open 10000: {:?} {}", s.elapsed(), lib.len());
    let ask = |n: usize| {
        let mut r = Request::new(0, "POST", "/v1/chat/completions");
        r.body = Body::from_bytes(body(n));
        r
    };
    let mut u = Uses::new();
    let s = Instant::now();
    lib.choose(&mut u, &ask(9_999)).unwrap();
    println!("first (last tape): {:?}", s.elapsed());
    let s = Instant::now();
    lib.choose(&mut u, &ask(5_000)).unwrap();
    println!("then: {:?}", s.elapsed());
    let s = Instant::now();
    let m = lib.choose(&mut u, &ask(20_000)).unwrap_err();
    println!("miss: {:?}\n{m}", s.elapsed());
    let s = Instant::now();
    let re = lib.reopened();
    println!("reopened: {:?} {}", s.elapsed(), re.len());
    let one = Options::new()
        .rules("reuse=repeat-last".parse().unwrap())
        .open(&hundred);
    let q = ask(50);
    let s = Instant::now();
    for _ in 0..20_000 {
        one.choose(&mut u, &q).unwrap();
    }
    println!("hot: {:?} each", s.elapsed() / 20_000);
}

mod append;
mod damage;
mod format;
mod memory;
mod round_trip;

use rigtape::cassette::{Error, Reader, Record, Writer};

/// A small tape with two interactions that take turns, one left open.
pub const TAPE: &str = r#"{"rigtape":1,"creator":"hand","synthetic":true}
{"request":1,"at":0,"method":"POST","target":"/v1/chat/completions?a=1&b=%C3%A4+c","headers":[["content-type","application/json"]],"body":{"json":{"model":"m",  "stream":true}}}
{"comment":"two streams take turns"}
{"request":2,"at":50,"method":"GET","target":"/v1/models"}
{"response":1,"at":400,"status":200,"version":"HTTP/2","framing":"chunked","headers":[["content-type","text/event-stream"],["x-odd",{"base64":"/w=="}]]}
[1,410,"data: {\"id\":\"é\"}\n\n"]
{"response":2,"at":420,"status":404}
[2,430,{"base64":"ZGF0YTogeyLD"}]
[1,440,"data: [DONE]\n\n",{"redacted":[[0,4,1]]},"note",{"later":1}]
{"end":1,"at":500,"how":"complete","chunks":2,"bytes":33,"trailers":[["x-t","1"]]}
[2,450,"\u0000\u001b\u007f"]
"#;

/// The error that reading `tape` comes to first.
fn error(tape: impl AsRef<[u8]>) -> Error {
    errors(tape)
        .into_iter()
        .next()
        .expect("the tape is damaged")
}

fn errors(tape: impl AsRef<[u8]>) -> Vec<Error> {
    Reader::new(tape.as_ref(), "t.jsonl")
        .filter_map(Result::err)
        .collect()
}

fn records(tape: impl AsRef<[u8]>) -> Vec<Record> {
    Reader::new(tape.as_ref(), "t.jsonl")
        .collect::<Result<_, _>>()
        .expect("the tape is sound")
}

fn written(records: &[Record]) -> String {
    let [Record::Header(header), rest @ ..] = records else {
        panic!("a tape begins with a header")
    };
    let mut writer = Writer::new(Vec::new(), "w.jsonl", header).expect("memory takes it");
    for record in rest {
        writer
            .write(record)
            .expect("a record that was read can be written");
    }
    String::from_utf8(writer.into_inner()).expect("tapes are UTF-8")
}

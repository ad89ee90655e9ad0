//! Undoes the content codings of a whole body, within bounds.

use std::io::{self, Read};

use bytes::Bytes;

/// The most that a body may decode to: 256 MiB.
const LIMIT: u64 = 256 << 20;

/// A body without its content codings.
pub(super) struct Decoded {
    pub(super) bytes: Bytes,
    /// The codings that were undone, in the wire's order.
    pub(super) codings: Vec<String>,
    /// Why it is as it came, though a coding was declared.
    pub(super) kept: Option<String>,
}

/// Undoes the codings that `declared` lists, all of them or none.
pub(super) fn decode(bytes: Bytes, declared: &[String]) -> Decoded {
    let mut body = bytes.clone();
    // An empty body has nothing to undo, as the answer to HEAD.
    if bytes.is_empty() || declared.is_empty() {
        return Decoded {
            bytes,
            codings: Vec::new(),
            kept: None,
        };
    }
    for coding in declared.iter().rev() {
        match undo(coding, &body) {
            Ok(decoded) => body = decoded.into(),
            Err(why) => {
                return Decoded {
                    bytes,
                    codings: Vec::new(),
                    kept: Some(format!("{coding}: {why}")),
                };
            }
        }
    }
    Decoded {
        bytes: body,
        codings: declared.to_vec(),
        kept: None,
    }
}

/// The codings that `content-encoding` values name, in lower case.
pub(super) fn declared<'a>(values: impl Iterator<Item = &'a Bytes>) -> Vec<String> {
    let text: Vec<String> = values
        .map(|value| String::from_utf8_lossy(value).to_ascii_lowercase())
        .collect();
    let codings = text.iter().flat_map(|value| value.split(','));
    codings
        .map(str::trim)
        .filter(|coding| !coding.is_empty() && *coding != "identity")
        .map(str::to_owned)
        .collect()
}

fn undo(coding: &str, bytes: &[u8]) -> io::Result<Vec<u8>> {
    match coding {
        "gzip" | "x-gzip" => read(flate2::read::MultiGzDecoder::new(bytes)),
        // Some servers leave the zlib wrapper out.
        "deflate" => read(flate2::read::ZlibDecoder::new(bytes))
            .or_else(|_| read(flate2::read::DeflateDecoder::new(bytes))),
        "br" => read(brotli::Decompressor::new(bytes, 4096)),
        "zstd" => read(zstd::stream::read::Decoder::with_buffer(bytes)?),
        _ => Err(io::Error::other("a coding that is not known")),
    }
}

fn read(decoder: impl Read) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    decoder.take(LIMIT + 1).read_to_end(&mut out)?;
    if out.len() as u64 > LIMIT {
        return Err(io::Error::other(format!("more than {LIMIT} bytes")));
    }
    Ok(out)
}

//! One request, as curl would send it, recorded while it streams.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anyhow::{Context as _, bail};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};

use super::super::replay::Page;
use super::super::signals::Signals;
use super::super::{Outcome, print, replay};
use super::{Args, close, progress};
use crate::Offset;
use crate::cassette::{Request, Response};
use crate::dialect::{Answer, AnswerReader};
use crate::record::Recorder;
use crate::transcript::Delta;

pub(super) async fn run(url: &str, args: &Args) -> anyhow::Result<Outcome> {
    let request = request(url, args)?;
    let mut signals = Signals::listen()?;
    let recorder = args.recorder()?;
    let failed = tokio::select! {
        failed = exchange(&recorder, request, args) => failed?,
        asked = signals.asked() => {
            asked?;
            Some("stopped; the tape holds what had arrived".to_owned())
        }
    };
    let report = recorder.close().await;
    if let Some(failed) = failed {
        print::error(&failed);
        close(&report, args);
        return Ok(Outcome::Failed);
    }
    Ok(close(&report, args))
}

fn request(url: &str, args: &Args) -> anyhow::Result<reqwest::Request> {
    let url = Url::parse(url).with_context(|| format!("{url:?} is no URL to send a request to"))?;
    let mut headers = HeaderMap::new();
    if args.json.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    }
    for header in &args.headers {
        let Some((name, value)) = header.split_once(':') else {
            bail!("--header: expected \"NAME: VALUE\", found a text without a colon");
        };
        let name: HeaderName = name
            .trim()
            .parse()
            .with_context(|| format!("--header: {:?} is no header name", name.trim()))?;
        let value = HeaderValue::from_str(value.trim())
            .with_context(|| format!("--header: the value of {name} holds what HTTP forbids"))?;
        headers.insert(name, value);
    }
    let method = match (&args.method, &args.json) {
        (Some(method), _) => method.to_ascii_uppercase().parse()?,
        (None, Some(_)) => Method::POST,
        (None, None) => Method::GET,
    };
    let mut request = reqwest::Request::new(method, url);
    *request.headers_mut() = headers;
    if let Some(json) = &args.json {
        *request.body_mut() = Some(body(json)?.into());
    }
    Ok(request)
}

fn body(json: &str) -> anyhow::Result<Vec<u8>> {
    match json.strip_prefix('@') {
        Some("-") => {
            let mut body = Vec::new();
            std::io::Read::read_to_end(&mut std::io::stdin(), &mut body)?;
            Ok(body)
        }
        Some(path) => std::fs::read(path).with_context(|| format!("cannot read {path}")),
        None => Ok(json.as_bytes().to_vec()),
    }
}

/// Sends the request and reads its answer to the end; what went wrong, if anything did.
async fn exchange(
    recorder: &Recorder,
    request: reqwest::Request,
    args: &Args,
) -> anyhow::Result<Option<String>> {
    let mut asked = Request::new(1, request.method().as_str(), request.url().path());
    asked.url = Some(request.url().to_string());
    let response = match recorder.send(request).await {
        Ok(response) => response,
        Err(error) => return Ok(Some(format!("no answer: {error}"))),
    };
    let mut head = Response::new(1, Offset::ZERO, response.status().as_u16());
    if let Some(value) = response.headers().get(CONTENT_TYPE) {
        head.headers.push("content-type", value.as_bytes().to_vec());
    }
    let mut reader = AnswerReader::new(&asked, &head);
    if let Some(dialect) = args.dialect {
        reader = reader.with_dialect(dialect);
    }
    read(recorder, response, reader).await
}

/// Shows the answer on a terminal as it comes; reads it in silence when piped.
async fn read(
    recorder: &Recorder,
    mut response: reqwest::Response,
    mut reader: AnswerReader,
) -> anyhow::Result<Option<String>> {
    let status = response.status();
    let terminal = std::io::stdout().is_terminal();
    let tokens = Arc::new(AtomicU64::new(0));
    let shown = progress::show(recorder.clone(), Some(tokens.clone()));
    let mut page = Page::default();
    let cut = loop {
        let chunk = match response.chunk().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => break None,
            Err(error) => break Some(error),
        };
        let mut text = Vec::new();
        reader.feed_with(&chunk, &mut |delta| {
            if let Delta::Usage(usage) = &delta {
                tokens.store(usage.output_tokens.unwrap_or(0), Relaxed);
            }
            // Writing to a vector does not fail.
            let _ = page.step(&delta, &mut text);
        });
        if terminal && !text.is_empty() {
            shown.suspend(|| print::stdout().write_all(&text))?;
        }
    };
    drop(shown);
    let answer = reader.finish();
    if terminal {
        let mut out = print::stdout();
        page.end_line(&mut out)?;
        if let Answer::Transcript(transcript) = &answer {
            replay::summary(transcript, &mut out)?;
        }
    }
    if !status.is_success() {
        print::warning(&format!(
            "the server answered {status}; that is on the tape"
        ));
    } else if let Answer::Opaque(opaque) = &answer {
        print::warning(&format!(
            "the answer is no model's answer that is known ({}, {}); it is on the tape",
            opaque.content_type.as_deref().unwrap_or("no content type"),
            print::size(opaque.bytes)
        ));
    }
    if let Some(error) = cut {
        print::warning(&format!(
            "the answer broke off ({error}); what had arrived is on the tape"
        ));
    }
    Ok(None)
}

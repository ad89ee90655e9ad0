//! A provider on loopback that answers each request with the next recorded interaction, at its
//! recorded pace, long waits shortened.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::cassette::Interaction;
use crate::policy::{Policy, Timing};
use crate::replay::{Player, ReplayError};

/// Nobody watches a demo to see a small model think for longer.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

type Body = UnsyncBoxBody<Bytes, ReplayError>;

/// Starts listening on a free port; its URL.
pub(super) async fn start(turns: Vec<Interaction>) -> std::io::Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let turns = Arc::new(turns);
    let next = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let _ = socket.set_nodelay(true);
            let (turns, next) = (turns.clone(), next.clone());
            let service = service_fn(move |request| answer(turns.clone(), next.clone(), request));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
        }
    });
    Ok(url)
}

async fn answer(
    turns: Arc<Vec<Interaction>>,
    next: Arc<AtomicUsize>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    // Read the request to its end, as a provider would before it answers.
    let _ = request.into_body().collect().await;
    let turn = next.fetch_add(1, Relaxed) % turns.len().max(1);
    let player = Player::new(Policy::new().timing(Timing::MaxGap(LONGEST_WAIT)));
    let played = match turns.get(turn) {
        Some(turn) => player.http_response(turn).await.ok(),
        None => None,
    };
    Ok(match played {
        Some(response) => {
            response.map(|body| StreamBody::new(body.map(|b| b.map(Frame::data))).boxed_unsync())
        }
        None => {
            let words = Full::new(Bytes::from_static(b"nothing is recorded"));
            let mut response = Response::new(words.map_err(|never| match never {}).boxed_unsync());
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    })
}

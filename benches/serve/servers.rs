//! The contenders, each on threads of its own.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body as AxumBody;
use axum::routing::post;
use axum::serve::ListenerExt;
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rigtape::matching::{Reuse, Rules};
use rigtape::policy::Timing;
use rigtape::serve::MockServer;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tokio::time::{Instant, Sleep, sleep_until};

use super::tape::{self, CHUNKS};

/// A server that is running, stopped when dropped.
pub struct Served {
    pub name: &'static str,
    pub addr: SocketAddr,
    _alive: Box<dyn std::any::Any>,
}

pub fn runtime(threads: usize) -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let built = builder.worker_threads(threads).enable_all().build();
    built.expect("a runtime")
}

impl Served {
    /// Chunks at so many times `gap` after the request.
    pub fn hyper(gap: Duration) -> Served {
        let runtime = runtime(2);
        let listener = runtime.block_on(listen());
        let addr = listener.local_addr().expect("an address");
        let chunks: &'static [Bytes] = (0..CHUNKS).map(tape::chunk).collect::<Vec<_>>().leak();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let service = service_fn(move |request| answer(request, chunks, gap));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Served {
            name: "bare hyper",
            addr,
            _alive: Box::new(runtime),
        }
    }

    /// The same, from a tape.
    pub fn rigtape(gap: Duration) -> Served {
        let timing = if gap.is_zero() {
            Timing::Instant
        } else {
            Timing::Recorded
        };
        let mut rules = Rules::new();
        rules.reuse = Some(Reuse::RepeatLast);
        let server = MockServer::builder()
            .tapes(tape::interaction(1, CHUNKS, gap))
            .rules(rules)
            .timing(timing)
            .workers(2)
            .start_blocking()
            .expect("a server");
        Served {
            name: "rigtape",
            addr: server.addr(),
            _alive: Box::new(server),
        }
    }

    pub fn axum() -> Served {
        let runtime = runtime(2);
        let listener = runtime.block_on(listen());
        let addr = listener.local_addr().expect("an address");
        let chunks: &'static [Bytes] = (0..CHUNKS).map(tape::chunk).collect::<Vec<_>>().leak();
        let stream = move |_: Bytes| async move {
            let chunks = chunks
                .iter()
                .map(|chunk| Ok::<_, Infallible>(chunk.clone()));
            let body = AxumBody::from_stream(futures::stream::iter(chunks));
            ([("content-type", "text/event-stream")], body)
        };
        let app = axum::Router::new().route("/v1/chat/completions", post(stream));
        // Not axum's default, and every other contender has it.
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        runtime.spawn(async move { axum::serve(listener, app).await });
        Served {
            name: "axum",
            addr,
            _alive: Box::new(runtime),
        }
    }

    /// One body: it cannot stream.
    pub fn wiremock() -> Served {
        let runtime = runtime(2);
        let server = runtime.block_on(async {
            let server = wiremock::MockServer::start().await;
            let body: Vec<u8> = (0..CHUNKS).flat_map(|i| tape::chunk(i).to_vec()).collect();
            let answer =
                wiremock::ResponseTemplate::new(200).set_body_raw(body, "text/event-stream");
            wiremock::Mock::given(wiremock::matchers::path("/v1/chat/completions"))
                .respond_with(answer)
                .mount(&server)
                .await;
            server
        });
        Served {
            name: "wiremock",
            addr: *server.address(),
            _alive: Box::new((server, runtime)),
        }
    }
}

async fn listen() -> TcpListener {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind("127.0.0.1:0".parse().expect("an address"))
        .expect("a free port");
    socket.listen(4096).expect("a socket")
}

async fn answer(
    request: Request<Incoming>,
    chunks: &'static [Bytes],
    gap: Duration,
) -> Result<Response<Chunks>, Infallible> {
    let begun = Instant::now();
    let _ = request.into_body().collect().await;
    let body = Chunks {
        chunks,
        next: 0,
        begun,
        gap,
        sleep: None,
    };
    let mut response = Response::new(body);
    let event_stream = http::HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert("content-type", event_stream);
    Ok(response)
}

struct Chunks {
    chunks: &'static [Bytes],
    next: usize,
    begun: Instant,
    gap: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(chunk) = self.chunks.get(self.next) else {
            return Poll::Ready(None);
        };
        let due = self.begun + self.gap * (self.next as u32 + 1);
        if !self.gap.is_zero() && Instant::now() < due {
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(due)));
            if sleep.deadline() != due {
                sleep.as_mut().reset(due);
            }
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        self.next += 1;
        Poll::Ready(Some(Ok(Frame::data(chunk.clone()))))
    }
}

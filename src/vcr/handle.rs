use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Extensions;
use reqwest_middleware::{Middleware, Next};

use super::SendError;
use crate::serve::Inside;

/// The door to a [`Vcr`](super::Vcr) inside the process, for clients that outlive a borrow. Clones
/// share what is used up.
#[derive(Debug, Clone)]
pub struct Handle(pub(super) Inside);

impl Handle {
    /// As [`Vcr::send`](super::Vcr::send).
    ///
    /// # Errors
    ///
    /// As [`Vcr::send`](super::Vcr::send).
    pub async fn send(&self, request: reqwest::Request) -> Result<reqwest::Response, SendError> {
        self.0.send(request).await
    }
}

/// As a middleware it answers, and asks no further: it belongs behind all others.
#[async_trait::async_trait]
impl Middleware for Handle {
    async fn handle(
        &self,
        request: reqwest::Request,
        _: &mut Extensions,
        _: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        let sent = self.send(request).await;
        sent.map_err(reqwest_middleware::Error::middleware)
    }
}

/// A `tower::Service` that answers from a [`Vcr`](super::Vcr); made by
/// [`Vcr::service`](super::Vcr::service).
#[derive(Clone)]
pub struct Service<F> {
    pub(super) handle: Handle,
    pub(super) build: F,
}

impl<F> fmt::Debug for Service<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").finish_non_exhaustive()
    }
}

type BoxError = Box<dyn StdError + Send + Sync>;

impl<R, F, B, E> tower_service::Service<R> for Service<F>
where
    F: Fn(R) -> B,
    B: Future<Output = Result<reqwest::Request, E>> + Send + 'static,
    E: Into<BoxError>,
{
    type Response = reqwest::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<reqwest::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, asked: R) -> Self::Future {
        let handle = self.handle.clone();
        let built = (self.build)(asked);
        Box::pin(async move {
            let request = built.await.map_err(Into::into)?;
            Ok(handle.send(request).await?)
        })
    }
}

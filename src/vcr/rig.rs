//! What the HTTP client of a user's own rig is made of.

use std::error::Error as StdError;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use http::header::{CONTENT_TYPE, HeaderMap};
use http::{Request, Response, StatusCode};

use super::Handle;

/// Why there is no answer that rig takes for one.
pub enum Failed {
    /// There is none.
    Transport(Box<dyn StdError + Send + Sync>),
    /// It has another status than a successful one: its head and its words.
    Status(StatusCode, HeaderMap, String),
}

/// A body on its way.
pub struct Body(reqwest::Response);

impl<E: Into<Box<dyn StdError + Send + Sync>>> From<E> for Failed {
    fn from(error: E) -> Failed {
        Failed::Transport(error.into())
    }
}

/// The head of a successful answer, and its body.
pub async fn send(handle: Handle, request: Request<Bytes>) -> Result<(Response<()>, Body), Failed> {
    let request = reqwest::Request::try_from(request.map(reqwest::Body::from))?;
    let answer = handle.send(request).await?;
    let mut head = Response::new(());
    *head.status_mut() = answer.status();
    *head.version_mut() = answer.version();
    *head.headers_mut() = answer.headers().clone();
    if head.status().is_success() {
        return Ok((head, Body(answer)));
    }
    let words = answer.text().await;
    let words = words.unwrap_or_else(|error| format!("(its body cannot be read: {error})"));
    let (head, ()) = head.into_parts();
    Err(Failed::Status(head.status, head.headers, words))
}

/// A request with a form for its body, encoded with `boundary`.
pub fn form(mut head: Request<()>, boundary: &str, body: Bytes) -> Request<Bytes> {
    let kind = format!("multipart/form-data; boundary={boundary}");
    if let Ok(kind) = kind.try_into() {
        head.headers_mut().insert(CONTENT_TYPE, kind);
    }
    head.map(|()| body)
}

impl Body {
    /// All of it.
    pub async fn whole(self) -> Result<Bytes, Failed> {
        Ok(self.0.bytes().await?)
    }

    /// Piece by piece.
    pub fn chunks<E: 'static>(
        self,
        wrap: impl Fn(Failed) -> E + Send + 'static,
    ) -> impl futures_core::Stream<Item = Result<Bytes, E>> + Send + 'static {
        let chunks = self.0.bytes_stream();
        chunks.map_err(move |error| wrap(error.into()))
    }
}

/// Defines `VcrHttpClient`, an HTTP client for the rig that the calling crate depends on: give it
/// the name of the crate that has the module `http_client`, which is `rig_core`.
///
/// Each minor version of rig has a client trait of its own, so it is implemented where it is
/// called, over the caller's version. It is tested with rig-core 0.44.
///
/// ```text
/// rigtape::rig_http_client!(rig_core);
///
/// let vcr = rigtape::vcr!().in_process().await?;
/// let http = VcrHttpClient::new(&vcr);
/// ```
#[macro_export]
macro_rules! rig_http_client {
    ($rig:ident) => {
        /// Answers rig's requests from a tape, or records them.
        #[derive(Debug, Clone)]
        pub struct VcrHttpClient($crate::vcr::Handle);

        impl VcrHttpClient {
            /// A client of `vcr`.
            pub fn new(vcr: &$crate::vcr::Vcr) -> Self {
                VcrHttpClient(vcr.handle())
            }
        }

        const _: () = {
            use $crate::vcr::__private::rig::{Bytes, Failed, form, send};
            use $rig::http_client::{
                Error, HttpClientExt, LazyBody, MultipartForm, Request, Response, Result,
                StreamingResponse,
            };
            use $rig::wasm_compat::WasmCompatSend;

            fn wrong(failed: Failed) -> Error {
                match failed {
                    Failed::Transport(error) => Error::Instance(error),
                    Failed::Status(status, headers, body) => {
                        Error::non_success_with_details(status, headers, body)
                    }
                }
            }

            async fn unary<U>(
                handle: $crate::vcr::Handle,
                request: Request<Bytes>,
            ) -> Result<Response<LazyBody<U>>>
            where
                U: From<Bytes> + WasmCompatSend + 'static,
            {
                let (head, body) = send(handle, request).await.map_err(wrong)?;
                let body: LazyBody<U> =
                    Box::pin(async move { body.whole().await.map(U::from).map_err(wrong) });
                Ok(head.map(|()| body))
            }

            impl HttpClientExt for VcrHttpClient {
                fn send<T, U>(
                    &self,
                    request: Request<T>,
                ) -> impl Future<Output = Result<Response<LazyBody<U>>>> + WasmCompatSend + 'static
                where
                    T: Into<Bytes>,
                    T: WasmCompatSend,
                    U: From<Bytes>,
                    U: WasmCompatSend + 'static,
                {
                    unary(self.0.clone(), request.map(Into::into))
                }

                fn send_multipart<U>(
                    &self,
                    request: Request<MultipartForm>,
                ) -> impl Future<Output = Result<Response<LazyBody<U>>>> + WasmCompatSend + 'static
                where
                    U: From<Bytes>,
                    U: WasmCompatSend + 'static,
                {
                    let (head, parts) = request.into_parts();
                    let (boundary, body) = parts.encode();
                    let request = form(Request::from_parts(head, ()), &boundary, body);
                    unary(self.0.clone(), request)
                }

                fn send_streaming<T>(
                    &self,
                    request: Request<T>,
                ) -> impl Future<Output = Result<StreamingResponse>> + WasmCompatSend
                where
                    T: Into<Bytes> + WasmCompatSend,
                {
                    let sent = send(self.0.clone(), request.map(Into::into));
                    async move {
                        let (head, body) = sent.await.map_err(wrong)?;
                        Ok(head.map(|()| Box::pin(body.chunks(wrong)) as _))
                    }
                }
            }
        };
    };
}

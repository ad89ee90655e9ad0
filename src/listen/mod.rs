//! What the servers of this crate share: connections taken and stopped in order, requests that are
//! refused before anybody looks at them, and a socket that tells when it has been flushed.

mod accept;
mod body;
mod guard;
mod headers;
#[cfg(feature = "serve")]
mod linger;
mod refusal;
mod scope;
mod socket;

pub(crate) use accept::{Listening, Respond, Settings};
pub(crate) use body::collect;
pub(crate) use guard::Guard;
pub(crate) use headers::strip_hop_by_hop;
pub use refusal::Refusal;
pub(crate) use refusal::error_body;
pub(crate) use scope::{check_scope, split_scope};
#[cfg(feature = "serve")]
pub(crate) use socket::Ending;
pub(crate) use socket::Wire;

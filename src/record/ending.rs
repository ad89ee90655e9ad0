//! What an error of the HTTP client says about how a body ended.

use std::error::Error;
use std::io::{self, ErrorKind};

use crate::cassette::How;

/// How a body ended that ended with `error`, and the same in words, without URLs.
pub(super) fn of_body(error: &(dyn Error + 'static)) -> (How, String) {
    let how = chain(error).find_map(how).unwrap_or(How::Error);
    (how, words(error))
}

fn how(error: &(dyn Error + 'static)) -> Option<How> {
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        // HTTP/2 keeps its stream resets in a type of its own, under this one.
        let reset = || {
            error
                .source()
                .is_some_and(|h2| h2.to_string().starts_with("stream error"))
        };
        return match error {
            e if e.is_incomplete_message() => Some(How::Eof),
            e if e.is_timeout() => Some(How::Timeout),
            _ if reset() => Some(How::Reset),
            _ => None,
        };
    }
    match error.downcast_ref::<io::Error>()?.kind() {
        ErrorKind::UnexpectedEof => Some(How::Eof),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            Some(How::Reset)
        }
        ErrorKind::TimedOut => Some(How::Timeout),
        _ => None,
    }
}

/// The errors from `error` down to its root. An `io::Error` hides the error it wraps from
/// `source`, so it is unwrapped here.
pub(super) fn chain<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    fn cause<'a>(error: &&'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
        let error: &'a (dyn Error + 'static) = *error;
        match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        }
    }
    std::iter::successors(Some(error), cause)
}

/// The messages of a chain, each once, outermost first; URLs stay out, for they may carry keys.
pub(super) fn words(error: &(dyn Error + 'static)) -> String {
    let mut words = String::new();
    for error in chain(error) {
        if error.is::<reqwest::Error>() {
            continue;
        }
        let message = error.to_string();
        if message.is_empty() || words.contains(&message) {
            continue;
        }
        if !words.is_empty() {
            words.push_str(": ");
        }
        words.push_str(&message);
    }
    if words.is_empty() {
        "the stream broke off".to_owned()
    } else {
        words
    }
}

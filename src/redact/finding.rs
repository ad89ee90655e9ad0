use std::fmt;

/// A secret that was found: where, of what kind and how long; never what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Number of the interaction, where the finder knows it.
    pub interaction: Option<u64>,
    /// Where it stands.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
    /// Its length in bytes as it stands there.
    pub length: usize,
}

impl Finding {
    /// The same finding, in interaction `number`.
    pub fn in_interaction(mut self, number: u64) -> Finding {
        self.interaction = Some(number);
        self
    }
}

/// Where in an interaction a secret stands; offsets are in bytes and count from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// In the request's target.
    Target {
        /// In the target.
        offset: usize,
    },
    /// In the request's URL.
    Url {
        /// In the URL.
        offset: usize,
    },
    /// In a header of the request.
    RequestHeader {
        /// Its name.
        name: String,
    },
    /// In the request's body.
    RequestBody {
        /// In the body.
        offset: usize,
    },
    /// In a header of the response.
    ResponseHeader {
        /// Its name.
        name: String,
    },
    /// In the response's body.
    Chunk {
        /// Number of the chunk it begins in; the first is 1.
        number: u64,
        /// In that chunk.
        offset: usize,
    },
    /// In a trailer of the response.
    Trailer {
        /// Its name.
        name: String,
    },
    /// In the words about how the interaction ended.
    Detail {
        /// In these words.
        offset: usize,
    },
    /// In text assembled from the stream.
    Text {
        /// In the text.
        offset: usize,
    },
    /// In a part of the answer, its pieces joined.
    Part {
        /// Index of the choice.
        choice: u64,
        /// Number of the part within its stream, from 0 in order of first appearance.
        part: usize,
        /// What the part is: `text`, `reasoning`, `refusal`, `arguments`, `logprobs`.
        what: &'static str,
        /// In the joined pieces.
        offset: usize,
    },
}

impl Place {
    pub(super) fn target(offset: usize) -> Place {
        Place::Target { offset }
    }

    pub(super) fn url(offset: usize) -> Place {
        Place::Url { offset }
    }

    pub(super) fn body(offset: usize) -> Place {
        Place::RequestBody { offset }
    }

    pub(super) fn detail(offset: usize) -> Place {
        Place::Detail { offset }
    }
}

/// What a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A credential of the request, or a secret named by a rule.
    Credential,
    /// What looks like a key with this prefix.
    Key(String),
    /// The value of a header field that holds a credential, recorded.
    Header,
    /// What a pointer of the rules names.
    Pointer,
}

/// `interaction 2, chunk 14, byte 31: a key that begins with sk- (51 bytes)`
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(number) = self.interaction {
            write!(f, "interaction {number}, ")?;
        }
        write!(f, "{}: {} ({} bytes)", self.place, self.kind, self.length)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Target { offset } => write!(f, "request target, byte {offset}"),
            Place::Url { offset } => write!(f, "request URL, byte {offset}"),
            Place::RequestHeader { name } => write!(f, "request header {name}"),
            Place::RequestBody { offset } => write!(f, "request body, byte {offset}"),
            Place::ResponseHeader { name } => write!(f, "response header {name}"),
            Place::Chunk { number, offset } => write!(f, "chunk {number}, byte {offset}"),
            Place::Trailer { name } => write!(f, "trailer {name}"),
            Place::Detail { offset } => write!(f, "detail of the end, byte {offset}"),
            Place::Text { offset } => write!(f, "assembled text, byte {offset}"),
            Place::Part {
                choice,
                part,
                what,
                offset,
            } => write!(f, "choice {choice}, part {part} ({what}), byte {offset}"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Credential => f.write_str("a credential"),
            Kind::Key(prefix) => write!(f, "a key that begins with {prefix}"),
            Kind::Header => f.write_str("a header that holds a credential"),
            Kind::Pointer => f.write_str("a value that a rule hides"),
        }
    }
}

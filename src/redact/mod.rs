//! Keeps secrets off tapes: masks them before they are written, finds them where they stand.
//!
//! A [`Redactor`] belongs to one cassette. For each request it makes an [`InteractionRedactor`],
//! which knows that request's own credentials and masks them wherever they turn up: in the target
//! and the body, in the response's head and in its chunks, raw, JSON-escaped, percent-encoded or
//! in base64, however the chunks cut them. What looks like a key is masked too ([`known`]).
//!
//! A placeholder is as long as what it hides and carries the number of the secret, so borders and
//! lengths stay true and two places that held one secret can still be told to have done so. Header
//! fields are recorded from allow-lists ([`REQUEST_HEADERS`], [`RESPONSE_HEADERS`]).
//!
//! ```
//! use rigtape::Offset;
//! use rigtape::cassette::{Chunk, Request};
//! use rigtape::redact::Redactor;
//!
//! let redactor = Redactor::new();
//! let mut request = Request::new(1, "POST", "/v1/chat/completions");
//! request.headers.push("authorization", "Bearer my-secret-token");
//! let own = redactor.for_request(&request)?;
//! assert!(own.request(request).headers.is_empty());
//!
//! let mut masker = own.masker();
//! let mut tape = masker.push(Chunk::new(1, Offset::ZERO, "you sent my-sec"));
//! assert!(tape.is_empty());
//! tape.extend(masker.push(Chunk::new(1, Offset::ZERO, "ret-token, friend")));
//! tape.extend(masker.finish());
//! assert_eq!(&tape[0].bytes[..], b"you sent 1-REDA");
//! assert_eq!(&tape[1].bytes[..], b"CTED-xxxx, friend");
//! assert_eq!((tape[1].redacted[0].offset, tape[1].redacted[0].length), (0, 9));
//! # Ok::<(), rigtape::redact::Error>(())
//! ```
//!
//! Bytes cannot show everything: a key that a model spells over two deltas has other bytes between
//! its halves. When an interaction has ended, [`InteractionRedactor::audit_text`] looks at what was
//! assembled, and [`Mender`] looks at whole tapes.

mod carry;
mod credentials;
mod finding;
mod forms;
mod headers;
mod interaction;
mod mend;
mod placeholder;
mod pointer;
mod rules;
mod scan;
mod shapes;
mod url;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use carry::Masker;
pub use finding::{Finding, Kind, Place};
pub use headers::{REQUEST_HEADERS, RESPONSE_HEADERS, SECRET_HEADERS};
pub use interaction::InteractionRedactor;
pub use mend::{Mender, audit, last_placeholder};
pub use rules::Rules;
pub use shapes::{Chars, Look, Shape, known};
pub use url::SECRET_PARAMETERS;

use crate::cassette::Request;
use crate::json::{Pointer, PointerError};
use headers::AllowLists;
use placeholder::Table;
use scan::{Literals, Scanner, Shapes};

/// Masks secrets for one cassette.
///
/// It is cheap to clone, and the clones share one table of placeholders, so interactions recorded
/// side by side give one secret one number.
#[derive(Clone)]
pub struct Redactor {
    shared: Arc<Shared>,
}

impl Redactor {
    /// A redactor with the built-in rules.
    pub fn new() -> Redactor {
        static BUILT_IN: std::sync::LazyLock<Arc<Compiled>> = std::sync::LazyLock::new(|| {
            // The built-in shapes are a constant, and a test builds them.
            Arc::new(Compiled::new(&Rules::default(), Vec::new()).expect("built-in rules compile"))
        });
        Redactor::of(BUILT_IN.clone())
    }

    /// A redactor with `rules` beside the built-in ones, and `secrets` that are masked wherever
    /// they stand (see [`Rules::secrets`]); those of less than four bytes are not, since they would
    /// be found everywhere.
    ///
    /// # Errors
    ///
    /// When a rule makes no sense: a pointer that does not begin with `/`, a shape without prefix.
    pub fn with_rules(
        rules: &Rules,
        secrets: impl IntoIterator<Item = String>,
    ) -> Result<Redactor, Error> {
        let secrets = secrets.into_iter().map(String::into_bytes).collect();
        Ok(Redactor::of(Arc::new(Compiled::new(rules, secrets)?)))
    }

    /// A redactor with the same rules for another cassette: its placeholders count from 1.
    pub fn for_cassette(&self) -> Redactor {
        Redactor::of(self.shared.compiled.clone())
    }

    /// Leaves placeholder numbers up to `number` to those that stand on the cassette already, for
    /// a recording that goes on with one.
    pub fn reserve(&self, number: u64) {
        self.shared.table().skip_to(number);
    }

    /// What is needed to mask the interaction that `request` begins. Its headers must be as they
    /// were sent, before any was left out.
    ///
    /// # Errors
    ///
    /// When the request's credentials are too large to look for, which takes gigabytes.
    pub fn for_request(&self, request: &Request) -> Result<InteractionRedactor, Error> {
        let compiled = &self.shared.compiled;
        let mut found = credentials::of(request, |name| compiled.headers.drops(name));
        found.retain(|secret| !self.shared.is_masked(secret));
        let mut secrets = compiled.secrets.clone();
        secrets.extend(found.into_iter().map(Secret));
        secrets.dedup();
        let literals = self.shared.literals(secrets)?;
        Ok(InteractionRedactor::new(self.shared.clone(), literals))
    }

    fn of(compiled: Arc<Compiled>) -> Redactor {
        let (table, last) = (Mutex::default(), Mutex::default());
        Redactor {
            shared: Arc::new(Shared {
                compiled,
                table,
                last,
            }),
        }
    }
}

impl Default for Redactor {
    fn default() -> Redactor {
        Redactor::new()
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

/// Bytes that no one may see, [`Debug`](fmt::Debug) included.
#[derive(Clone, PartialEq, Eq)]
struct Secret(Vec<u8>);

impl Secret {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Rules, ready for use.
struct Compiled {
    headers: AllowLists,
    shapes: Arc<Shapes>,
    secrets: Vec<Secret>,
    pointers: Vec<Pointer>,
    allow: Vec<String>,
}

impl Compiled {
    fn new(rules: &Rules, mut secrets: Vec<Vec<u8>>) -> Result<Compiled, Error> {
        let mut shapes = known();
        for shape in &rules.keys {
            if shape.prefix.is_empty() || shape.min == 0 {
                return Err(Error::Shape {
                    prefix: shape.prefix.clone(),
                });
            }
            shapes.push(shape.clone());
        }
        secrets.retain(|secret| secret.len() >= 4);
        Ok(Compiled {
            headers: AllowLists::new(rules),
            shapes: Arc::new(Shapes::new(shapes)?),
            secrets: secrets.into_iter().map(Secret).collect(),
            pointers: rules
                .pointers
                .iter()
                .map(|text| text.parse())
                .collect::<Result<_, _>>()?,
            allow: rules.allow.clone(),
        })
    }
}

/// What the interactions of a cassette share.
struct Shared {
    compiled: Arc<Compiled>,
    table: Mutex<Table>,
    /// A client sends one key with every request: what was built for the last one mostly serves.
    last: Mutex<Option<Arc<Literals>>>,
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn number(&self, secret: &[u8]) -> u64 {
        self.table().number(secret)
    }

    fn allows(&self, bytes: &[u8]) -> bool {
        self.compiled
            .allow
            .iter()
            .any(|allowed| allowed.as_bytes() == bytes)
    }

    /// Whether `bytes` are a placeholder, with or without the prefix of a key.
    fn is_masked(&self, bytes: &[u8]) -> bool {
        let prefix = self.compiled.shapes.prefix_of(bytes).len();
        placeholder::is_placeholder(&bytes[prefix..])
    }

    fn literals(&self, secrets: Vec<Secret>) -> Result<Arc<Literals>, Error> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(literals) = last.as_ref().filter(|literals| literals.secrets == secrets) {
            return Ok(literals.clone());
        }
        let literals = Arc::new(Literals::new(secrets)?);
        *last = Some(literals.clone());
        Ok(literals)
    }

    fn scanner(&self, literals: &Arc<Literals>) -> Scanner {
        Scanner::new(literals.clone(), self.compiled.shapes.clone())
    }
}

/// Why a redactor cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A pointer of the rules is none.
    #[error("redact: {0}")]
    Pointer(#[from] PointerError),
    /// A shape of the rules would be found everywhere.
    #[error("redact: the key shape `{prefix}` needs a prefix and a `min` of at least 1")]
    Shape {
        /// Its prefix, as written.
        prefix: String,
    },
    /// The secrets are too large to look for.
    #[error("redact: the secrets are too large to look for: {0}")]
    TooLarge(#[from] aho_corasick::BuildError),
    /// The search cannot be started.
    #[error("redact: the search for secrets cannot be started")]
    Automaton,
}

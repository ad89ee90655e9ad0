//! `[redact]` of `rigtape.toml`.

use serde::Deserialize;

use super::shapes::Shape;

/// What a project adds to the built-in rules: the `[redact]` table of `rigtape.toml`.
///
/// ```toml
/// [redact]
/// keep-headers = ["x-team"]          # record these too (never one that holds a credential)
/// drop-headers = ["x-request-id"]    # and not these; their values are masked elsewhere too
/// env = ["MY_TOKEN"]                 # the values of these variables are secrets
/// pointers = ["/metadata/user_id", "/messages/*/name"]   # in request bodies
/// allow = ["sk-test-0000000000000000"]                   # looks like a key and is none
///
/// [[redact.keys]]                    # keys of a shape of your own
/// prefix = "acme_"
/// min = 24
/// chars = "alnum"                    # alnum, upper, hex, base64url (default), dotted, pem
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Rules {
    /// Names of headers to record beside the built-in allow-lists.
    pub keep_headers: Vec<String>,
    /// Names of headers to leave out; the values they had are masked wherever else they stand.
    pub drop_headers: Vec<String>,
    /// Names of environment variables whose values are secrets. This module reads no environment:
    /// whoever builds the [`Redactor`](super::Redactor) hands it the values.
    pub env: Vec<String>,
    /// [Pointers](crate::json::Pointer) to what is masked in request bodies: a string, or all
    /// strings inside an object or an array. A step into the JSON that a string holds masks that
    /// whole string.
    pub pointers: Vec<String>,
    /// Texts that are no secrets although they look like keys.
    pub allow: Vec<String>,
    /// Shapes of keys beside the built-in ones.
    pub keys: Vec<Shape>,
}

impl Rules {
    /// The secrets that [`env`](Rules::env) names, by `lookup`, which is `|name|
    /// std::env::var(name).ok()` in a program. A variable that is not set adds nothing.
    pub fn secrets(&self, mut lookup: impl FnMut(&str) -> Option<String>) -> Vec<String> {
        self.env.iter().filter_map(|name| lookup(name)).collect()
    }
}

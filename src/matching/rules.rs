//! What a user may say about the choice of an interaction.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::json::Pointer;

/// Rules for one tape: what of a request is compared, and in which order interactions answer.
///
/// They stand in `[match]` of `rigtape.toml`, in the key `match` of a tape's header, on the command
/// line, or are made in code. What is not said here is said by the next home: see
/// [`over`](Rules::over).
///
/// ```
/// use rigtape::matching::{Order, Rules};
///
/// let header: Rules = serde_json::from_str(r#"{"order":"ordered","ignore":["/metadata/run"]}"#)?;
/// let line: Rules = "ignore=/user".parse().unwrap();
/// let rules = line.over(&header);
/// assert_eq!(rules.order, Some(Order::Ordered));
/// assert_eq!(rules.ignore.len(), 2);
///
/// let typo = serde_json::from_str::<Rules>(r#"{"oder":"any"}"#).unwrap_err();
/// assert!(typo.to_string().contains("`oder`"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Rules {
    /// Which of the unplayed interactions may answer; [`Order::Any`] unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// Whether a played interaction may answer again; [`Reuse::Once`] unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reuse: Option<Reuse>,
    /// What is not compared in a body of JSON or of parts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<Pointer>,
    /// Shapes of values that count as equal to any other value of the shape.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub normalise: Vec<Normaliser>,
    /// Names of header fields that are compared; none is otherwise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// Names of query parameters that are not compared.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore_query: Vec<String>,
    /// Whether the upstream's host is compared wherever both are known; otherwise it is only where
    /// a tape has the same route of several hosts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<bool>,
}

impl Rules {
    /// The keys of a table of rules.
    pub const KEYS: &'static [&'static str] = &[
        "order",
        "reuse",
        "ignore",
        "normalise",
        "headers",
        "ignore-query",
        "host",
    ];

    /// No rules: everything is as unless said.
    pub fn new() -> Rules {
        Rules::default()
    }

    /// These rules where they say something, else the `farther` ones. Lists are joined.
    #[must_use]
    pub fn over(mut self, farther: &Rules) -> Rules {
        join(&mut self.ignore, &farther.ignore);
        join(&mut self.normalise, &farther.normalise);
        join(&mut self.headers, &farther.headers);
        join(&mut self.ignore_query, &farther.ignore_query);
        self.order = self.order.or(farther.order);
        self.reuse = self.reuse.or(farther.reuse);
        self.host = self.host.or(farther.host);
        self
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Rules::default()
    }

    /// The lines of a table in `rigtape.toml`, without its title.
    pub fn to_toml(&self) -> String {
        let mut lines = String::new();
        let mut say = |key: &str, value: String| {
            lines.push_str(&format!("{key} = {value}\n"));
        };
        if let Some(order) = self.order {
            say("order", toml_string(order.as_str()));
        }
        if let Some(reuse) = self.reuse {
            say("reuse", toml_string(reuse.as_str()));
        }
        let mut list = |key: &str, of: Vec<&str>| {
            if !of.is_empty() {
                let quoted: Vec<String> = of.into_iter().map(toml_string).collect();
                say(key, format!("[{}]", quoted.join(", ")));
            }
        };
        list("ignore", self.ignore.iter().map(Pointer::as_str).collect());
        list(
            "normalise",
            self.normalise.iter().map(|n| n.as_str()).collect(),
        );
        list("headers", self.headers.iter().map(String::as_str).collect());
        let ignored = self.ignore_query.iter().map(String::as_str);
        list("ignore-query", ignored.collect());
        if let Some(host) = self.host {
            say("host", host.to_string());
        }
        lines
    }

    pub(super) fn has(&self, normaliser: Normaliser) -> bool {
        self.normalise.contains(&normaliser)
    }

    /// Reads the value of `key`; false when there is no such key.
    pub(super) fn read_key<'de, M: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut M,
    ) -> Result<bool, M::Error> {
        match key {
            "order" => self.order = Some(map.next_value()?),
            "reuse" => self.reuse = Some(map.next_value()?),
            "ignore" => self.ignore = map.next_value()?,
            "normalise" => self.normalise = map.next_value()?,
            "headers" => self.headers = map.next_value()?,
            "ignore-query" => self.ignore_query = map.next_value()?,
            "host" => self.host = Some(map.next_value()?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn join<T: Clone + PartialEq>(own: &mut Vec<T>, farther: &[T]) {
    for item in farther {
        if !own.contains(item) {
            own.push(item.clone());
        }
    }
}

/// A TOML basic string, which spells what it has to as JSON does.
fn toml_string(text: &str) -> String {
    crate::json::quoted(text).replace('\u{7f}', "\\u007f")
}

pub(super) fn unknown_key<E: de::Error>(key: &str, also: &[&str]) -> E {
    let keys = also.iter().chain(Rules::KEYS).map(|key| format!("`{key}`"));
    E::custom(format_args!(
        "unknown key `{key}` among the matching rules; the keys are {}",
        keys.collect::<Vec<_>>().join(", ")
    ))
}

impl<'de> Deserialize<'de> for Rules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Rules, D::Error> {
        struct Table;
        impl<'de> Visitor<'de> for Table {
            type Value = Rules;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of matching rules")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Rules, M::Error> {
                let mut rules = Rules::default();
                while let Some(key) = map.next_key::<String>()? {
                    if !rules.read_key(&key, &mut map)? {
                        return Err(unknown_key(&key, &[]));
                    }
                }
                Ok(rules)
            }
        }
        deserializer.deserialize_map(Table)
    }
}

/// One rule as the command line has it: `order=ordered`, `ignore=/metadata/run`, `host=true`; of
/// the keys with lists, one value.
impl FromStr for Rules {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Rules, RuleError> {
        let wrong = |reason: String| RuleError {
            rule: text.to_owned(),
            reason,
        };
        let allowed = || {
            let keys = Rules::KEYS.join("=…, ");
            wrong(format!("write KEY=VALUE; the keys are {keys}=…"))
        };
        let (key, value) = text.split_once('=').ok_or_else(allowed)?;
        let mut rules = Rules::default();
        match key {
            "order" => rules.order = Some(value.parse().map_err(wrong)?),
            "reuse" => rules.reuse = Some(value.parse().map_err(wrong)?),
            "ignore" => {
                let pointer: Result<Pointer, _> = value.parse();
                rules.ignore = vec![pointer.map_err(|error| wrong(error.to_string()))?];
            }
            "normalise" => rules.normalise = vec![value.parse().map_err(wrong)?],
            "headers" => rules.headers = vec![value.to_owned()],
            "ignore-query" => rules.ignore_query = vec![value.to_owned()],
            "host" => {
                let host = value.parse::<bool>();
                rules.host = Some(host.map_err(|_| wrong("host is `true` or `false`".into()))?);
            }
            _ => return Err(allowed()),
        }
        Ok(rules)
    }
}

/// Why a text is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{rule}` is no matching rule: {reason}")]
pub struct RuleError {
    /// The text, as written.
    pub rule: String,
    reason: String,
}

/// A closed list of words.
macro_rules! words {
    ($(#[$of:meta])* $name:ident, $what:literal: $($(#[$doc:meta])* $variant:ident = $word:literal,)*) => {
        $(#[$of])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The word in rules.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)*
                }
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(word: &str) -> Result<$name, String> {
                match word {
                    $($word => Ok($name::$variant),)*
                    _ => {
                        let words = [$($word),*].map(|word| format!("`{word}`"));
                        Err(format!("unknown {} `{word}`; there are {}", $what, words.join(", ")))
                    }
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

words! {
    /// Which of a tape's unplayed interactions may answer.
    Order, "order":
    /// The first that matches, in the order of the tape.
    Any = "any",
    /// The next one, which has to match.
    Ordered = "ordered",
}

words! {
    /// Whether an interaction that was played may answer again.
    Reuse, "reuse":
    /// It may not.
    Once = "once",
    /// When all that match were played, the last of them answers again.
    RepeatLast = "repeat-last",
}

words! {
    /// A shape of values that change from run to run: two of one shape count as equal.
    Normaliser, "normaliser":
    /// A UUID, wherever it stands in a string: `7f2c9a4e-1111-4222-8333-444455556666`.
    Uuid = "uuid",
    /// A date and time of RFC 3339, wherever it stands in a string: `2026-11-22T10:00:00Z`.
    Rfc3339 = "rfc3339",
    /// Seconds, milliseconds, microseconds or nanoseconds since 1970, from the year 2001 on, as a
    /// number or as a whole string: `1795341600`.
    Epoch = "epoch",
    /// An identifier as providers and SDKs make them, wherever it stands in a string: a word, `_` or
    /// `-`, then at least 8 letters and digits of which one is a digit (`call_a1B2c3D4`).
    GeneratedId = "generated-id",
}

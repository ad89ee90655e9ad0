//! The arguments of a fault: a closed list of keys, each with one form.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::Listed;
use super::super::timing::{Written, parse_duration};
use super::catalogue::{FAULTS, FaultInfo};

/// What a key takes.
#[derive(Debug)]
enum Form {
    Number(RangeInclusive<u64>),
    Time,
    Word(&'static [&'static str]),
    MediaType,
}

/// Every key that some fault takes. A key means the same wherever it stands.
const KEYS: &[(&str, Form)] = &[
    ("frame", Form::Number(0..=u64::MAX)),
    ("byte", Form::Number(0..=u64::MAX)),
    ("time", Form::Time),
    ("seed", Form::Number(0..=u64::MAX)),
    ("for", Form::Time),
    ("gap", Form::Time),
    ("size", Form::Number(1..=u64::MAX)),
    ("count", Form::Number(2..=u64::MAX)),
    ("bytes", Form::Number(1..=65_536)),
    ("at", Form::Word(&["utf8", "crlf", "data"])),
    ("as", Form::MediaType),
    ("code", Form::Number(400..=599)),
    ("retry-after", Form::Time),
];

/// Keys that say where; a fault takes one of them.
const PLACES: [&str; 5] = ["frame", "byte", "time", "seed", "at"];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Number(u64),
    Time(Duration),
    Word(String),
}

/// The arguments of one fault, in the catalogue's order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Args(Vec<(&'static str, Value)>);

impl Args {
    pub(super) fn parse(
        info: &'static FaultInfo,
        text: Option<&str>,
    ) -> Result<Args, ParseFaultError> {
        let mut given = Vec::new();
        for pair in text.into_iter().flat_map(|text| text.split(',')) {
            let (found, value) = pair.split_once('=').unwrap_or((pair, ""));
            let key = info.keys().iter().copied().find(|key| *key == found);
            let Some(key) = key else {
                return Err(ParseFaultError::Key {
                    fault: info.name(),
                    found: found.to_owned(),
                });
            };
            if given.iter().any(|(known, _)| *known == key) {
                return Err(ParseFaultError::Twice {
                    fault: info.name(),
                    key,
                });
            }
            given.push((key, parse_value(info, key, value)?));
        }
        let mut places = given.iter().map(|(key, _)| *key);
        let mut places = places.by_ref().filter(|key| PLACES.contains(key));
        if let (Some(first), Some(second)) = (places.next(), places.next()) {
            return Err(ParseFaultError::Places {
                fault: info.name(),
                first,
                second,
            });
        }
        let rank = |key: &str| info.keys().iter().position(|known| *known == key);
        given.sort_by_key(|(key, _)| rank(key));
        Ok(Args(given))
    }

    pub(super) fn number(&self, key: &str) -> Option<u64> {
        match self.get(key)? {
            Value::Number(number) => Some(*number),
            Value::Time(_) | Value::Word(_) => None,
        }
    }

    pub(super) fn time(&self, key: &str) -> Option<Duration> {
        match self.get(key)? {
            Value::Time(time) => Some(*time),
            Value::Number(_) | Value::Word(_) => None,
        }
    }

    pub(super) fn word(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Value::Word(word) => Some(word),
            Value::Number(_) | Value::Time(_) => None,
        }
    }

    pub(super) fn seed(&self) -> u64 {
        self.number("seed").unwrap_or(0)
    }

    fn get(&self, key: &str) -> Option<&Value> {
        let found = self.0.iter().find(|(known, _)| *known == key);
        found.map(|(_, value)| value)
    }

    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (key, value)) in self.0.iter().enumerate() {
            f.write_str(if place == 0 { ":" } else { "," })?;
            match value {
                Value::Number(number) => write!(f, "{key}={number}")?,
                Value::Time(time) => write!(f, "{key}={}", Written(*time))?,
                Value::Word(word) => write!(f, "{key}={word}")?,
            }
        }
        Ok(())
    }
}

fn parse_value(
    info: &'static FaultInfo,
    key: &'static str,
    text: &str,
) -> Result<Value, ParseFaultError> {
    let form = KEYS.iter().find(|(known, _)| *known == key);
    let value = form.and_then(|(_, form)| form.parse(text));
    value.ok_or_else(|| ParseFaultError::Value {
        fault: info.name(),
        key,
        found: text.to_owned(),
        expected: form.map(|(_, form)| form.words()).unwrap_or_default(),
    })
}

impl Form {
    fn parse(&self, text: &str) -> Option<Value> {
        match self {
            Form::Number(range) => {
                let number = text.parse().ok().filter(|number| range.contains(number));
                number.map(Value::Number)
            }
            Form::Time => parse_duration(text).map(Value::Time),
            Form::Word(words) => words.contains(&text).then(|| Value::Word(text.to_owned())),
            Form::MediaType => {
                let is_safe = |byte: u8| byte.is_ascii_graphic() && byte != b',';
                let is_one = !text.is_empty() && text.bytes().all(is_safe);
                is_one.then(|| Value::Word(text.to_owned()))
            }
        }
    }

    fn words(&self) -> String {
        match self {
            Form::Number(range) if *range.end() == u64::MAX => {
                format!("a whole number from {}", range.start())
            }
            Form::Number(range) => {
                format!("a whole number from {} to {}", range.start(), range.end())
            }
            Form::Time => "whole microseconds with their unit, such as `20ms`".to_owned(),
            Form::Word(words) => format!("one of {}", Listed(words)),
            Form::MediaType => "a media type, such as `text/plain`".to_owned(),
        }
    }
}

/// A fault's spelling that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseFaultError {
    /// No fault of this name.
    #[error(
        "unknown fault `{found}`: expected one of {}",
        Listed(&FAULTS.iter().map(FaultInfo::name).collect::<Vec<_>>())
    )]
    Name {
        /// What was given.
        found: String,
    },
    /// The fault takes no such key.
    #[error("fault `{fault}` takes no `{found}`: {}", allowed(.fault))]
    Key {
        /// The fault.
        fault: &'static str,
        /// What was given.
        found: String,
    },
    /// A key that stands twice.
    #[error("fault `{fault}`: `{key}` is given twice")]
    Twice {
        /// The fault.
        fault: &'static str,
        /// The key.
        key: &'static str,
    },
    /// Two keys that both say where.
    #[error("fault `{fault}`: `{first}` and `{second}` both say where; give one of them")]
    Places {
        /// The fault.
        fault: &'static str,
        /// One key.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// A value that is none of its key.
    #[error("fault `{fault}`: `{key}={found}`: expected {expected}")]
    Value {
        /// The fault.
        fault: &'static str,
        /// The key.
        key: &'static str,
        /// What was given.
        found: String,
        /// What the key takes, in words.
        expected: String,
    },
}

fn allowed(fault: &str) -> String {
    match FaultInfo::by_name(fault).map(FaultInfo::keys) {
        None | Some([]) => "it takes none".to_owned(),
        Some(keys) => format!("expected {}", Listed(keys)),
    }
}

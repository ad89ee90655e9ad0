//! Pointers to places in a JSON value: RFC 6901, and a little more.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::{SmallVec, smallvec};

/// A place, or many, in a JSON value: a JSON pointer (RFC 6901) with wildcards.
///
/// | step | stands for |
/// |---|---|
/// | `name`, `3` | the member of that name, the element of that index |
/// | `*` | every member or element |
/// | `**` | any number of steps, none too |
/// | `*[role=tool]`, `3[role=tool]` | those of them that are objects whose member `role` is `tool` |
/// | `#json` | into the JSON that a string holds |
///
/// In a name, `~0` spells `~`, `~1` spells `/`, `~2` spells `[`, `~3` spells `#` and `~4` spells `*`;
/// the last three are needed only where the name would otherwise be one of the steps above.
///
/// ```
/// use rigtape::json::Pointer;
///
/// let now: Pointer = "/messages/*[role=tool]/content/#json/now".parse()?;
/// assert_eq!(now.as_str(), "/messages/*[role=tool]/content/#json/now");
/// assert!("messages".parse::<Pointer>().is_err());
/// # Ok::<(), rigtape::json::PointerError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pointer {
    text: Box<str>,
    steps: Box<[Step]>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Step {
    Child {
        /// None for any.
        name: Option<Box<str>>,
        filter: Option<(Box<str>, Box<str>)>,
    },
    Deep,
    Json,
}

impl Pointer {
    /// The pointer as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The root of a value, before any step.
    pub(crate) fn start(&self) -> Cursor<'_> {
        let mut cursor = Cursor {
            steps: &self.steps,
            at: SmallVec::new(),
        };
        cursor.reach(0);
        cursor
    }
}

/// The step that stands for exactly this name.
pub(crate) fn step_of(name: &str) -> Cow<'_, str> {
    let is_plain = !name.contains(['~', '/', '*']) && name != JSON && !name.ends_with(']');
    if is_plain {
        return Cow::Borrowed(name);
    }
    let mut step = name.replace('~', "~0").replace('/', "~1");
    if step == JSON {
        step = step.replace('#', "~3");
    }
    if step.ends_with(']') {
        step = step.replace('[', "~2");
    }
    if step.starts_with('*') {
        step = step.replace('*', "~4");
    }
    Cow::Owned(step)
}

/// The step into the JSON that a string holds.
pub(crate) const JSON: &str = "#json";

impl FromStr for Pointer {
    type Err = PointerError;

    fn from_str(text: &str) -> Result<Pointer, PointerError> {
        let wrong = |reason: &'static str| PointerError {
            pointer: text.to_owned(),
            reason,
        };
        let Some(rest) = text.strip_prefix('/') else {
            return Err(wrong("it has to begin with `/` (`/**` is the whole value)"));
        };
        let steps = rest.split('/').map(|token| step(token).map_err(wrong));
        Ok(Pointer {
            text: text.into(),
            steps: steps.collect::<Result<_, _>>()?,
        })
    }
}

fn step(token: &str) -> Result<Step, &'static str> {
    match token {
        "**" => return Ok(Step::Deep),
        JSON => return Ok(Step::Json),
        _ => {}
    }
    let (name, filter) = match token.strip_suffix(']').and_then(|t| t.split_once('[')) {
        None => (token, None),
        Some((name, filter)) => match filter.split_once('=') {
            Some((member, value)) if !member.is_empty() => {
                (name, Some((unescaped(member)?, unescaped(value)?)))
            }
            _ => return Err("what stands in `[…]` has to be `member=value`"),
        },
    };
    let name = match name {
        "*" => None,
        "**" | JSON => return Err("`[…]` follows a name, an index or `*`"),
        name => Some(unescaped(name)?),
    };
    Ok(Step::Child { name, filter })
}

fn unescaped(name: &str) -> Result<Box<str>, &'static str> {
    let mut out = String::with_capacity(name.len());
    let mut chars = name.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '~' => match chars.next() {
                Some('0') => '~',
                Some('1') => '/',
                Some('2') => '[',
                Some('3') => '#',
                Some('4') => '*',
                _ => return Err("`~` is written `~0`"),
            },
            c => c,
        });
    }
    Ok(out.into())
}

/// How far a [`Pointer`] has come on the way to some value: the steps that may come next.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'p> {
    steps: &'p [Step],
    at: SmallVec<[usize; 4]>,
}

impl<'p> Cursor<'p> {
    /// Whether the pointer names this very value.
    pub(crate) fn is_here(&self) -> bool {
        self.at.contains(&self.steps.len())
    }

    /// Whether the pointer names nothing in this value.
    pub(crate) fn is_dead(&self) -> bool {
        self.at.is_empty()
    }

    /// Whether the pointer names something in the JSON that this value, a string, holds.
    pub(crate) fn wants_json(&self) -> bool {
        self.at
            .iter()
            .any(|at| matches!(self.steps.get(*at), Some(Step::Json)))
    }

    /// One step down, to the child called `name`; `member` gives the child's own members, as text
    /// where they are strings, numbers or booleans.
    pub(crate) fn child<'v>(
        &self,
        name: &str,
        member: impl Fn(&str) -> Option<Cow<'v, str>>,
    ) -> Cursor<'p> {
        let mut next = self.nowhere();
        for &at in &self.at {
            match self.steps.get(at) {
                Some(Step::Deep) => next.reach(at),
                Some(Step::Child { name: own, filter }) => {
                    let named = own.as_deref().is_none_or(|own| own == name);
                    let fits = |(key, value): &(Box<str>, Box<str>)| {
                        member(key).is_some_and(|found| *found == **value)
                    };
                    if named && filter.as_ref().is_none_or(fits) {
                        next.reach(at + 1);
                    }
                }
                Some(Step::Json) | None => {}
            }
        }
        next
    }

    /// Into the JSON that this value, a string, holds.
    pub(crate) fn json(&self) -> Cursor<'p> {
        let mut next = self.nowhere();
        for &at in &self.at {
            if matches!(self.steps.get(at), Some(Step::Json)) {
                next.reach(at + 1);
            }
        }
        next
    }

    fn nowhere(&self) -> Cursor<'p> {
        Cursor {
            steps: self.steps,
            at: smallvec![],
        }
    }

    fn reach(&mut self, mut at: usize) {
        while !self.at.contains(&at) {
            self.at.push(at);
            if !matches!(self.steps.get(at), Some(Step::Deep)) {
                break;
            }
            at += 1;
        }
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl<'de> Deserialize<'de> for Pointer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pointer, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Pointer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// Why a text is no [`Pointer`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{pointer}` is no JSON pointer: {reason}")]
pub struct PointerError {
    /// The text, as written.
    pub pointer: String,
    reason: &'static str,
}

//! The lean types of a chunk: only the fields that a transcript needs, borrowed from the frame.
//!
//! They are small, because serde moves each of them a few times: what is rare stands in a box.
//!
//! They are strict: a value of an unexpected type, a duplicate member or a lone surrogate fails
//! them, and `tolerant` fills the same types by name.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use crate::json::{Raw, Str};

#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct Chunk<'a> {
    #[serde(borrow, default)]
    pub id: Text<'a>,
    #[serde(borrow, default)]
    pub model: Text<'a>,
    #[serde(borrow, default)]
    pub choices: Few<Choice<'a>>,
    #[serde(borrow, default)]
    pub usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub x_groq: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub error: Option<&'a RawValue>,
}

#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct Choice<'a> {
    pub index: Option<u64>,
    /// The `message` of an answer that was not streamed stands here, too.
    #[serde(borrow, default)]
    pub delta: Option<Message<'a>>,
    #[serde(borrow, default)]
    pub finish_reason: Text<'a>,
    #[serde(borrow, default)]
    pub logprobs: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub error: Option<&'a RawValue>,
}

#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, default)]
    pub content: Text<'a>,
    /// The elements of a `content` that is an array.
    #[serde(skip)]
    pub content_parts: Vec<Raw<'a>>,
    #[serde(borrow, default)]
    pub refusal: Text<'a>,
    #[serde(borrow, default)]
    pub reasoning_content: Text<'a>,
    #[serde(borrow, default)]
    pub reasoning: Text<'a>,
    #[serde(borrow, default)]
    pub reasoning_details: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub tool_calls: Few<Box<Call<'a>>>,
    #[serde(borrow, default)]
    pub function_call: Option<Box<Function<'a>>>,
}

impl<'a> Message<'a> {
    pub(super) fn reasoning_details(&self) -> Vec<Raw<'a>> {
        let mut details = Vec::new();
        if let Some(raw) = self.reasoning_details {
            Raw::from(raw).elements(|detail| details.push(detail));
        }
        details
    }
}

#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct Call<'a> {
    pub index: Option<u64>,
    #[serde(borrow, default)]
    pub id: Text<'a>,
    #[serde(borrow, default)]
    pub function: Option<Function<'a>>,
    #[serde(borrow, default)]
    pub custom: Option<Custom<'a>>,
}

#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct Function<'a> {
    #[serde(borrow, default)]
    pub name: Text<'a>,
    #[serde(borrow, default)]
    pub arguments: Text<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct Custom<'a> {
    #[serde(borrow, default)]
    pub name: Text<'a>,
    #[serde(borrow, default)]
    pub input: Text<'a>,
}

/// A string field; absent, `null` and empty are one.
#[derive(Debug, Default)]
pub(super) struct Text<'a>(pub(super) Option<Str<'a>>);

impl<'a> Text<'a> {
    /// The string when it says something.
    pub(super) fn some(self) -> Option<Str<'a>> {
        self.0.filter(|text| !text.is_empty())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text<'a>, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or null")
            }

            fn visit_unit<E: Error>(self) -> Result<Text<'de>, E> {
                Ok(Text(None))
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Some(Str::Text(Cow::Borrowed(text)))))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Some(Str::Text(Cow::Owned(text.to_owned())))))
            }
        }

        deserializer.deserialize_any(TextVisitor)
    }
}

/// A list that nearly always has one element; `null` is an empty one.
#[derive(Debug)]
pub(super) struct Few<T>(pub(super) SmallVec<[T; 1]>);

impl<T> Default for Few<T> {
    fn default() -> Few<T> {
        Few(SmallVec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Few<T>, D::Error> {
        struct FewVisitor<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for FewVisitor<T> {
            type Value = Few<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array or null")
            }

            fn visit_unit<E: Error>(self) -> Result<Few<T>, E> {
                Ok(Few::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Few<T>, A::Error> {
                let mut list = SmallVec::new();
                while let Some(element) = seq.next_element()? {
                    list.push(element);
                }
                Ok(Few(list))
            }
        }

        deserializer.deserialize_any(FewVisitor(std::marker::PhantomData))
    }
}

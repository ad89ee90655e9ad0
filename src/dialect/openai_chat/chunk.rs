//! The lean types of a chunk: only the fields that a transcript needs, borrowed from the frame.
//!
//! They are read in place: moving values of this size through serde's results costs as much as
//! reading them. What is rare stands in a box.
//!
//! They are strict: a value of an unexpected type, an escape in a name or a lone surrogate fails
//! them, and `tolerant` fills the same types by name. Of duplicate members the last wins in both.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::in_place::{Into, IntoFew, IntoOption, Members};
use crate::json::{Raw, Str};

#[derive(Debug, Default)]
pub(super) struct Chunk<'a> {
    pub id: Text<'a>,
    pub model: Text<'a>,
    pub choices: Few<Choice<'a>>,
    pub usage: Option<&'a RawValue>,
    pub x_groq: Option<&'a RawValue>,
    pub error: Option<&'a RawValue>,
}

#[derive(Debug, Default)]
pub(super) struct Choice<'a> {
    pub index: Option<u64>,
    /// The `message` of an answer that was not streamed stands here, too.
    pub delta: Option<Message<'a>>,
    pub finish_reason: Text<'a>,
    pub logprobs: Option<&'a RawValue>,
    pub error: Option<&'a RawValue>,
}

#[derive(Debug, Default)]
pub(super) struct Message<'a> {
    pub content: Text<'a>,
    /// The elements of a `content` that is an array.
    pub content_parts: Vec<Raw<'a>>,
    pub refusal: Text<'a>,
    pub reasoning_content: Text<'a>,
    pub reasoning: Text<'a>,
    pub reasoning_details: Option<&'a RawValue>,
    pub tool_calls: Few<Box<Call<'a>>>,
    pub function_call: Option<Box<Function<'a>>>,
}

impl<'a> Chunk<'a> {
    pub(super) fn parse(data: &'a str) -> Result<Chunk<'a>, serde_json::Error> {
        let mut chunk = Chunk::default();
        let mut deserializer = serde_json::Deserializer::from_str(data);
        Into(&mut chunk).deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(chunk)
    }
}

impl<'de> Members<'de> for Chunk<'de> {
    fn read<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "id" => self.id = map.next_value()?,
            "model" => self.model = map.next_value()?,
            "choices" => map.next_value_seed(IntoFew(&mut self.choices))?,
            "usage" => self.usage = map.next_value()?,
            "x_groq" => self.x_groq = map.next_value()?,
            "error" => self.error = map.next_value()?,
            _ => _ = map.next_value::<IgnoredAny>()?,
        }
        Ok(())
    }
}

impl<'de> Members<'de> for Choice<'de> {
    fn read<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "index" => self.index = map.next_value()?,
            "delta" => map.next_value_seed(IntoOption(&mut self.delta))?,
            "finish_reason" => self.finish_reason = map.next_value()?,
            "logprobs" => self.logprobs = map.next_value()?,
            "error" => self.error = map.next_value()?,
            _ => _ = map.next_value::<IgnoredAny>()?,
        }
        Ok(())
    }
}

impl<'de> Members<'de> for Message<'de> {
    fn read<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "content" => self.content = map.next_value()?,
            "refusal" => self.refusal = map.next_value()?,
            "reasoning_content" => self.reasoning_content = map.next_value()?,
            "reasoning" => self.reasoning = map.next_value()?,
            "reasoning_details" => self.reasoning_details = map.next_value()?,
            "tool_calls" => self.tool_calls = map.next_value()?,
            "function_call" => self.function_call = map.next_value()?,
            _ => _ = map.next_value::<IgnoredAny>()?,
        }
        Ok(())
    }
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
    /// Takes the string out, when it says something.
    pub(super) fn some(&mut self) -> Option<Str<'a>> {
        self.0.take().filter(|text| !text.is_empty())
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

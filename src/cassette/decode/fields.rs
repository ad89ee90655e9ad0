//! The fields of one JSON object, taken out by name; what is left over is kept as written.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::text;
use crate::cassette::error::shown;
use crate::cassette::{Extra, Fault};

/// One value with its place, for messages.
pub(super) struct Item<'a> {
    pub(super) record: &'static str,
    pub(super) key: &'static str,
    pub(super) raw: &'a RawValue,
}

impl<'a> Item<'a> {
    pub(super) fn text(&self) -> Option<Cow<'a, str>> {
        text(self.raw)
    }

    pub(super) fn number(&self, expected: &'static str) -> Result<u64, Fault> {
        serde_json::from_str(self.raw.get()).map_err(|_| self.wrong(expected))
    }

    pub(super) fn wrong(&self, expected: &'static str) -> Fault {
        let found = shown(self.raw.get().as_bytes());
        Fault::Wrong {
            record: self.record,
            key: self.key,
            expected,
            found,
        }
    }
}

/// The fields of an object that have not been taken yet, in order.
pub(super) struct Fields<'a> {
    pub(super) record: &'static str,
    fields: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Fields<'a> {
    pub(super) fn parse(record: &'static str, object: &'a str) -> Result<Fields<'a>, Fault> {
        let Pairs(fields) = serde_json::from_str(object)?;
        Ok(Fields { record, fields })
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(key, _)| &**key)
    }

    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Takes out a field; `null` counts as absent.
    pub(super) fn take(&mut self, key: &'static str) -> Result<Option<Item<'a>>, Fault> {
        let raw = self.embedded_ref(key)?.filter(|raw| raw.get() != "null");
        Ok(raw.map(|raw| Item {
            record: self.record,
            key,
            raw,
        }))
    }

    /// Takes out a field when `wanted` says so, and tells whether it did.
    pub(super) fn take_if(
        &mut self,
        key: &'static str,
        wanted: impl FnOnce(&Item<'a>) -> bool,
    ) -> bool {
        let Some(index) = self.fields.iter().position(|(name, _)| name == key) else {
            return false;
        };
        let item = Item {
            record: self.record,
            key,
            raw: self.fields[index].1,
        };
        let wanted = wanted(&item);
        if wanted {
            self.fields.remove(index);
        }
        wanted
    }

    /// Takes out a field as written, `null` too.
    pub(super) fn embedded(&mut self, key: &'static str) -> Option<Box<RawValue>> {
        self.embedded_ref(key)
            .ok()
            .flatten()
            .map(RawValue::to_owned)
    }

    pub(super) fn text(&mut self, key: &'static str) -> Result<Option<String>, Fault> {
        let Some(item) = self.take(key)? else {
            return Ok(None);
        };
        let text = item.text().ok_or_else(|| item.wrong("a string"))?;
        Ok(Some(text.into_owned()))
    }

    pub(super) fn required_text(&mut self, key: &'static str) -> Result<String, Fault> {
        self.text(key)?.ok_or_else(|| self.missing(key, "a string"))
    }

    pub(super) fn texts(&mut self, key: &'static str) -> Result<Vec<String>, Fault> {
        let Some(item) = self.take(key)? else {
            return Ok(Vec::new());
        };
        serde_json::from_str(item.raw.get()).map_err(|_| item.wrong("a list of strings"))
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Result<bool, Fault> {
        let Some(item) = self.take(key)? else {
            return Ok(false);
        };
        serde_json::from_str(item.raw.get()).map_err(|_| item.wrong("true or false"))
    }

    pub(super) fn number(
        &mut self,
        key: &'static str,
        expected: &'static str,
    ) -> Result<u64, Fault> {
        self.take(key)?
            .ok_or_else(|| self.missing(key, expected))?
            .number(expected)
    }

    pub(super) fn optional_number(&mut self, key: &'static str) -> Result<Option<u64>, Fault> {
        self.take(key)?
            .map(|item| item.number(super::NUMBER))
            .transpose()
    }

    pub(super) fn status(&mut self) -> Result<u16, Fault> {
        let expected = "a status code, 100 to 999";
        let item = self
            .take("status")?
            .ok_or_else(|| self.missing("status", expected))?;
        let status = item.number(expected)?;
        u16::try_from(status).map_err(|_| item.wrong(expected))
    }

    /// What has not been taken, as written.
    pub(super) fn rest(self) -> Extra {
        self.fields
            .into_iter()
            .map(|(key, raw)| (key.into_owned(), raw.to_owned()))
            .collect()
    }

    /// What has not been taken, as one object.
    pub(super) fn to_raw(&self) -> Result<Box<RawValue>, Fault> {
        let mut object = String::from("{");
        for (key, raw) in &self.fields {
            if object.len() > 1 {
                object.push(',');
            }
            object.push_str(&serde_json::to_string(key)?);
            object.push(':');
            object.push_str(raw.get());
        }
        object.push('}');
        Ok(RawValue::from_string(object)?)
    }

    fn embedded_ref(&mut self, key: &'static str) -> Result<Option<&'a RawValue>, Fault> {
        let Some(index) = self.fields.iter().position(|(name, _)| name == key) else {
            return Ok(None);
        };
        let (_, raw) = self.fields.remove(index);
        if self.fields[index..].iter().any(|(name, _)| name == key) {
            return Err(Fault::Twice {
                record: self.record,
                key,
            });
        }
        Ok(Some(raw))
    }

    fn missing(&self, key: &'static str, expected: &'static str) -> Fault {
        Fault::Missing {
            record: self.record,
            key,
            expected,
        }
    }
}

struct Pairs<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pairs<'a>, D::Error> {
        struct PairsVisitor;

        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Pairs<'de>, M::Error> {
                let mut pairs = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    pairs.push((key, map.next_value()?));
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(PairsVisitor)
    }
}

/// A key that borrows from the line where it can.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

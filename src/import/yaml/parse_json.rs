//! JSON as the same tree. A YAML parser would refuse characters that JSON allows.

use std::borrow::Cow;
use std::fmt;
use std::rc::Rc;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{Fault, Kind, Node};

pub(super) fn parse(text: &str) -> Result<Rc<Node<'_>>, Fault> {
    let node: Node<'_> = serde_json::from_str(text).map_err(|error| Fault {
        line: error.line() as u64,
        found: format!("no JSON: {error}"),
    })?;
    Ok(Rc::new(node))
}

impl<'de: 'a, 'a> Deserialize<'de> for Node<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node<'a>, D::Error> {
        // No line is known of a value within JSON.
        let kind = deserializer.deserialize_any(AnyKind)?;
        Ok(Node { line: 1, kind })
    }
}

struct AnyKind;

fn plain<'a>(text: impl Into<Cow<'a, str>>) -> Kind<'a> {
    Kind::Scalar {
        text: text.into(),
        plain: true,
        binary: false,
    }
}

fn quoted<'a>(text: impl Into<Cow<'a, str>>) -> Kind<'a> {
    Kind::Scalar {
        text: text.into(),
        plain: false,
        binary: false,
    }
}

impl<'de> Visitor<'de> for AnyKind {
    type Value = Kind<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Kind<'de>, E> {
        Ok(plain("null"))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Kind<'de>, E> {
        Ok(plain(if value { "true" } else { "false" }))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Kind<'de>, E> {
        Ok(plain(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Kind<'de>, E> {
        Ok(plain(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Kind<'de>, E> {
        Ok(plain(format!("{value:?}")))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Kind<'de>, E> {
        Ok(quoted(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Kind<'de>, E> {
        Ok(quoted(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Kind<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(Rc::new(item));
        }
        Ok(Kind::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind<'de>, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry()? {
            entries.push((Rc::new(key), Rc::new(value)));
        }
        Ok(Kind::Map(entries))
    }
}

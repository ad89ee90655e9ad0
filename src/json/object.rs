use std::collections::HashMap;

use super::Raw;

/// The members of an object in the making: in the order in which they first stood, values as
/// written.
#[derive(Debug, Clone, Default)]
pub(crate) struct ObjectDraft {
    members: Vec<(String, String)>,
    places: HashMap<String, usize>,
}

impl ObjectDraft {
    /// Takes over the members of `object`. A later value replaces an earlier one; a `null` only
    /// fills a place that was empty.
    pub(crate) fn merge(&mut self, object: Raw<'_>) {
        object.members(|name, value| {
            if !value.is_null() || !self.places.contains_key(name) {
                self.set(name, value.text());
            }
        });
    }

    /// Sets one member to a JSON text.
    pub(crate) fn set(&mut self, name: &str, json: &str) {
        match self.places.get(name) {
            Some(place) => json.clone_into(&mut self.members[*place].1),
            None => {
                self.places.insert(name.to_owned(), self.members.len());
                self.members.push((name.to_owned(), json.to_owned()));
            }
        }
    }

    /// The object's JSON text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::from("{");
        for (name, value) in &self.members {
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(&quoted(name));
            text.push(':');
            text.push_str(value);
        }
        text.push('}');
        text
    }
}

/// The JSON of an object whose members stand in the order in which they are written here: whether
/// another crate turns on serde_json's `preserve_order` changes nothing.
macro_rules! object {
    ($($name:tt: $value:expr),* $(,)?) => {
        $crate::json::Json::of_members(&[
            $(($name, $crate::json::Json::of(&$value))),*
        ])
    };
}

pub(crate) use object;

/// `text` as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

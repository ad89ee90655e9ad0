//! A few numbers by which similar requests are found without reading them again.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::form::Form;
use super::value::Value;

const PLACES: usize = 16;

/// The least hash of each of 16 groups of a form's leaves and words (one-permutation MinHash: the
/// share of equal places estimates how much two forms have in common).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sketch([u32; PLACES]);

impl Sketch {
    pub(super) fn of(form: &Form) -> Sketch {
        let mut sketch = Sketch([u32::MAX; PLACES]);
        for pair in &form.query {
            sketch.add(|hasher| pair.hash(hasher));
        }
        if let Some(value) = form.body.value() {
            sketch.value("", value);
        }
        sketch
    }

    /// How much they have in common, 0 to 16.
    pub(super) fn common(&self, other: &Sketch) -> usize {
        let pairs = self.0.iter().zip(&other.0);
        pairs.filter(|(one, other)| one == other).count()
    }

    fn value(&mut self, name: &str, value: &Value) {
        match value {
            Value::Array(elements) => {
                for element in elements {
                    self.value(name, element);
                }
            }
            Value::Object(members) => {
                for (name, value) in members {
                    self.value(name, value);
                }
            }
            Value::Inner(inner) => self.value(name, inner),
            Value::Text(text) => {
                for word in text.split_ascii_whitespace() {
                    self.add(|hasher| (name, word).hash(hasher));
                }
            }
            leaf => self.add(|hasher| (name, leaf.written()).hash(hasher)),
        }
    }

    fn add(&mut self, feature: impl FnOnce(&mut DefaultHasher)) {
        let mut hasher = DefaultHasher::new();
        feature(&mut hasher);
        let hash = hasher.finish();
        let least = &mut self.0[(hash % PLACES as u64) as usize];
        *least = (*least).min((hash >> 32) as u32);
    }
}

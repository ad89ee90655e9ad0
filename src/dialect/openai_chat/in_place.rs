//! Reading JSON objects into places that are there already.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use smallvec::SmallVec;

use super::chunk::Few;

/// An object whose members are read one by one into their places.
pub(super) trait Members<'de>: Default {
    fn read<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error>;
}

/// Reads an object into its place.
pub(super) struct Into<'p, T>(pub(super) &'p mut T);

impl<'de, T: Members<'de>> DeserializeSeed<'de> for Into<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Members<'de>> Visitor<'de> for Into<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<&str>()? {
            self.0.read(name, &mut map)?;
        }
        Ok(())
    }
}

/// Reads an object or `null` into its place.
pub(super) struct IntoOption<'p, T>(pub(super) &'p mut Option<T>);

impl<'de, T: Members<'de>> DeserializeSeed<'de> for IntoOption<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, T: Members<'de>> Visitor<'de> for IntoOption<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or null")
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        *self.0 = None;
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        Into(self.0.insert(T::default())).deserialize(deserializer)
    }
}

/// Reads an array or `null` into its place.
pub(super) struct IntoFew<'p, T>(pub(super) &'p mut Few<T>);

impl<'de, T: Members<'de>> DeserializeSeed<'de> for IntoFew<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.0.0.clear();
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Members<'de>> Visitor<'de> for IntoFew<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array or null")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(IntoNext(&mut self.0.0))?.is_some() {}
        Ok(())
    }
}

/// Reads an object into a new last place of a list.
struct IntoNext<'p, T>(&'p mut SmallVec<[T; 1]>);

impl<'de, T: Members<'de>> DeserializeSeed<'de> for IntoNext<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.0.push(T::default());
        match self.0.last_mut() {
            Some(place) => Into(place).deserialize(deserializer),
            None => Ok(()),
        }
    }
}

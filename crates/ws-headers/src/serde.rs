//! Feature `serde`: `Headers` as a sequence of pairs, as in `[["Host", "example.com"]]`.

use std::fmt;

use ::serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use ::serde::ser::{Serialize, Serializer};

use crate::Headers;

/// Writes a sequence of pairs of name and value, in order.
impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self)
    }
}

/// Reads a sequence of pairs of name and value, and checks each as [`Headers::insert`] does.
impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Pairs)
    }
}

struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Headers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence of header names and values")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pairs: A) -> Result<Headers, A::Error> {
        // Nothing is reserved: the input may claim any length.
        let mut headers = Headers::new();
        while let Some((name, value)) = pairs.next_element::<(String, String)>()? {
            headers.insert(&name, &value).map_err(Error::custom)?;
        }
        Ok(headers)
    }
}

#![doc = include_str!("../README.md")]
#![doc(html_root_url = "https://docs.rs/ws-headers/latest")]
//!
//! Start reading at [`Headers`]. Nothing here parses requests or knows the meaning of a header, but for
//! [`CREDENTIALS`] and other [secrets](is_secret), which aren't for logs.

mod convert;
mod error;
mod field;
mod headers;
#[cfg(feature = "http")]
mod http;
mod index;
mod iter;
mod latin1;
mod lines;
#[cfg(feature = "serde")]
mod serde;
mod table;
mod wire;

pub use error::{
    InvalidHeaderField, InvalidHeaderName, InvalidHeaderValue, MultipleValuesError, SetDefaultError,
};
pub use field::{CREDENTIALS, HeaderName, HeaderValue, is_secret};
pub use headers::Headers;
pub use iter::{GetAll, IntoIter, Items, Key, Keys, RawItems, Values};

//! Conversions of responses from and to the types of the crate `http`.

use ::http::HeaderMap;
use ws_headers::{Headers, InvalidHeaderField};

use crate::Response;

/// The head, without a body.
///
/// # Errors
/// A header that can't be held.
impl<T> TryFrom<&::http::Response<T>> for Response {
    type Error = InvalidHeaderField;

    fn try_from(response: &::http::Response<T>) -> Result<Self, InvalidHeaderField> {
        let status = response.status();
        let reason = status.canonical_reason().unwrap_or_default();
        Ok(Self::new(status.as_u16(), reason, Headers::try_from(response.headers())?, Vec::new()))
    }
}

/// Head and body. The reason phrase is lost.
///
/// # Errors
/// A status below 100, or more headers than a [`HeaderMap`] holds.
impl TryFrom<&Response> for ::http::Response<Vec<u8>> {
    type Error = ::http::Error;

    fn try_from(response: &Response) -> Result<Self, ::http::Error> {
        let builder = ::http::Response::builder().status(response.status_code);
        let mut converted = builder.body(response.body.clone())?;
        *converted.headers_mut() = HeaderMap::try_from(&response.headers)?;
        Ok(converted)
    }
}

//! Conversions of requests from and to the types of the crate `http`; `ws-errors` has those of responses.

use ::http::{HeaderMap, Uri, Version};
use ws_errors::{InvalidHandshake, InvalidHeaderValue, InvalidProtocol};
use ws_headers::{Headers, InvalidHeaderField};

use super::{HttpVersion, Request};

/// The head. The target is the path and the query, or the whole URI if it has an authority. The `:protocol` of HTTP/2
/// is elsewhere, in an extension of another crate: [`Request::with_protocol`].
///
/// # Errors
/// [`InvalidProtocol`] unless it is HTTP/1.0, 1.1 or 2; [`InvalidHeaderValue`] when the target has characters that
/// aren't visible ASCII.
impl<T> TryFrom<&::http::Request<T>> for Request {
    type Error = InvalidHandshake;

    fn try_from(request: &::http::Request<T>) -> Result<Self, InvalidHandshake> {
        let version = match request.version() {
            Version::HTTP_10 => HttpVersion::Http10,
            Version::HTTP_11 => HttpVersion::Http11,
            Version::HTTP_2 => HttpVersion::Http2,
            other => return Err(InvalidProtocol::new(format!("{other:?}")).into()),
        };
        let method = request.method().as_str().to_owned();
        let mut converted = Self::new(method, target(request.uri()))?.with_version(version);
        *converted.headers_mut() = headers(request.headers())?;
        Ok(converted)
    }
}

/// The head, without the `:protocol` of HTTP/2.
///
/// # Errors
/// A target that isn't a URI, or more headers than a [`HeaderMap`] holds.
impl TryFrom<&Request> for ::http::Request<()> {
    type Error = ::http::Error;

    fn try_from(request: &Request) -> Result<Self, ::http::Error> {
        let version = match request.version() {
            HttpVersion::Http10 => Version::HTTP_10,
            HttpVersion::Http11 => Version::HTTP_11,
            HttpVersion::Http2 => Version::HTTP_2,
        };
        let builder = Self::builder().method(request.method()).uri(request.target());
        let mut converted = builder.version(version).body(())?;
        *converted.headers_mut() = HeaderMap::try_from(request.headers())?;
        Ok(converted)
    }
}

fn target(uri: &Uri) -> String {
    match (uri.authority(), uri.path_and_query()) {
        // The form of `CONNECT`.
        (Some(authority), None) => authority.to_string(),
        (Some(_), Some(_)) => uri.to_string(),
        (None, path) => path.map_or("/", |path| path.as_str()).to_owned(),
    }
}

fn headers(map: &HeaderMap) -> Result<Headers, InvalidHandshake> {
    Headers::try_from(map).map_err(|e| match e {
        InvalidHeaderField::Name(e) => InvalidHeaderValue::new(e.to_string(), None).into(),
        InvalidHeaderField::Value(e) => e.into(),
    })
}

//! Redirects of the opening handshake ([RFC 9110 §15.4]): where they lead, and whether they may be followed;
//! no I/O.
//!
//! [RFC 9110 §15.4]: https://www.rfc-editor.org/rfc/rfc9110#section-15.4

use std::borrow::Cow;

use ws_errors::{InvalidURI, SecurityError, SecurityErrorKind, WebSocketException};
use ws_types::is_scheme;

use crate::Uri;
use crate::http::Response;

/// The URI that a response redirects to from `uri`; `None` if it is no redirect: its status isn't 300, 301,
/// 302, 303, 307 or 308, or it has no `Location`, or several.
///
/// `http` and `https` in `Location` mean `ws` and `wss`. Its octets are UTF-8 if they can be, as most servers
/// mean it, else ISO-8859-1.
///
/// # Errors
/// [`InvalidURI`] for a `Location` that leads nowhere; [`SecurityError`] for one that leads from `wss` to `ws`.
///
/// ```
/// use ws_proto::http::Response;
/// use ws_proto::{Headers, Uri, redirect};
///
/// let uri = Uri::parse("wss://example.com/chat?room=1")?;
/// let headers = Headers::try_from([("Location", "/v2/chat")]).unwrap();
/// let moved = Response::new(301, "Moved Permanently", headers, "");
/// assert_eq!(redirect(&uri, &moved)?.unwrap().to_string(), "wss://example.com/v2/chat");
/// # Ok::<(), ws_errors::WebSocketException>(())
/// ```
pub fn redirect(uri: &Uri, response: &Response) -> Result<Option<Uri>, WebSocketException> {
    if !matches!(response.status_code, 300..=303 | 307 | 308) {
        return Ok(None);
    }
    let Ok(Some(location)) = response.headers.get("Location") else { return Ok(None) };
    let to = uri.join(&as_sent(location))?;
    if uri.secure() && !to.secure() {
        let uri = to.redacted().to_string().into();
        return Err(SecurityError::from(SecurityErrorKind::InsecureRedirect { uri }).into());
    }
    Ok(Some(to))
}

impl Uri {
    /// Resolves a reference to a URI, absolute or relative to this one ([RFC 3986 §5.2]). Schemes of the web
    /// mean those of WebSockets. A reference without a host keeps the user information; a fragment is dropped,
    /// and dot segments of the reference's path are removed.
    ///
    /// # Errors
    /// [`InvalidURI`] if the result isn't valid.
    ///
    /// [RFC 3986 §5.2]: https://www.rfc-editor.org/rfc/rfc3986#section-5.2
    pub fn join(&self, reference: &str) -> Result<Self, InvalidURI> {
        let reference = reference.split('#').next().unwrap_or(reference);
        let scheme = if self.secure() { "wss" } else { "ws" };
        if let Some((reference_scheme, rest)) = split_scheme(reference) {
            let scheme = match &*reference_scheme.to_ascii_lowercase() {
                "http" => "ws".to_owned(),
                "https" => "wss".to_owned(),
                other => other.to_owned(),
            };
            return Self::parse(&format!("{scheme}:{rest}"))?.without_dot_segments();
        }
        if reference.starts_with("//") {
            return Self::parse(&format!("{scheme}:{reference}"))?.without_dot_segments();
        }
        let (path, query) = match reference.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (reference, None),
        };
        let query = match (path, query) {
            ("", None) => self.query(),
            (_, query) => query,
        };
        let path = match path {
            "" => self.path().to_owned(),
            _ if path.starts_with('/') => remove_dot_segments(path),
            _ => {
                let folder = self.path().rsplit_once('/').map_or("", |(folder, _)| folder);
                remove_dot_segments(&format!("{folder}/{path}"))
            }
        };
        self.with_resource(&path, query)
    }

    fn without_dot_segments(self) -> Result<Self, InvalidURI> {
        self.with_resource(&remove_dot_segments(self.path()), self.query())
    }

    /// Whether scheme, host and port are the same ([RFC 6454 §5](https://www.rfc-editor.org/rfc/rfc6454#section-5)).
    #[must_use]
    pub fn is_same_origin(&self, other: &Self) -> bool {
        (self.secure(), self.host(), self.port()) == (other.secure(), other.host(), other.port())
    }
}

/// The text of a header as the server wrote it: each character of a value stands for an octet.
fn as_sent(value: &str) -> Cow<'_, str> {
    let octets: Result<Vec<u8>, _> = value.chars().map(u8::try_from).collect();
    match octets.map(String::from_utf8) {
        Ok(Ok(text)) => Cow::Owned(text),
        _ => Cow::Borrowed(value),
    }
}

/// Splits off a scheme, if there is one.
fn split_scheme(reference: &str) -> Option<(&str, &str)> {
    reference.split_once(':').filter(|(scheme, _)| is_scheme(scheme))
}

/// Resolves `.` and `..` in an absolute path
/// ([RFC 3986 §5.2.4](https://www.rfc-editor.org/rfc/rfc3986#section-5.2.4)).
fn remove_dot_segments(path: &str) -> String {
    let mut segments = Vec::new();
    let mut is_folder = false;
    for segment in path.split('/').skip(1) {
        is_folder = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => _ = segments.pop(),
            segment => segments.push(segment),
        }
    }
    let mut path = String::new();
    for segment in segments {
        path.push('/');
        path.push_str(segment);
    }
    if is_folder || path.is_empty() {
        path.push('/');
    }
    path
}

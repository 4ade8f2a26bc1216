//! `Authorization` and `WWW-Authenticate` for the Basic scheme ([RFC 7617]).
//!
//! Callers compare credentials, in constant time.
//!
//! [RFC 7617]: https://www.rfc-editor.org/rfc/rfc7617

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ws_errors::{InvalidHeader, InvalidHeaderFormat, InvalidHeaderValue};

use super::cursor::Cursor;

const NAME: &str = "Authorization";

/// A user name and a password, as octets: their charset isn't known. UTF-8 is usual, but some
/// clients use ISO-8859-1.
///
/// `{:?}` shows the user name only.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct Credentials {
    /// The user name: everything before the first colon. May be empty.
    pub username: Vec<u8>,
    /// The password: everything after the first colon. May be empty and may hold colons.
    pub password: Vec<u8>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username.escape_ascii().to_string())
            .finish_non_exhaustive()
    }
}

/// Parses an `Authorization` header of the Basic scheme ([RFC 7617 §2]).
///
/// Base64 has to be canonical: no other characters, complete padding.
///
/// # Errors
/// - [`InvalidHeaderFormat`] (`expected token`,
///   `expected space after scheme`, `expected token68`, `trailing data`) when the value isn't a
///   scheme, one space and a token68; it has `***` instead of the value, which may be a password;
/// - [`InvalidHeaderValue`] when the scheme isn't Basic (`unsupported scheme: Bearer`, without its name
///   unless something follows it, since credentials may stand alone), when the
///   token68 isn't base64 (`expected base64-encoded credentials`), or when no colon is in it
///   (`expected username:password credentials`).
///
/// ```
/// use ws_proto::grammar::parse_authorization_basic;
/// let credentials = parse_authorization_basic("Basic aGVsbG86aWxvdmV5b3U=")?;
/// assert_eq!(credentials.username, b"hello");
/// assert_eq!(credentials.password, b"iloveyou");
/// # Ok::<(), ws_errors::InvalidHeader>(())
/// ```
///
/// [RFC 7617 §2]: https://www.rfc-editor.org/rfc/rfc7617#section-2
pub fn parse_authorization_basic(header: &str) -> Result<Credentials, InvalidHeader> {
    let mut cursor = Cursor::new(NAME, header);
    let scheme = cursor.token("expected token").map_err(hide)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(match cursor.peek() {
            Some(b' ') => invalid(format!("unsupported scheme: {scheme}")).into(),
            _ => invalid("unsupported scheme").into(),
        });
    }
    if !cursor.eat(b' ') {
        return Err(hide(cursor.fail("expected space after scheme")).into());
    }
    let start = cursor.mark();
    let is_token68 = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b);
    if cursor.take_while(is_token68).is_empty() {
        return Err(hide(cursor.fail("expected token68")).into());
    }
    cursor.take_while(|b| b == b'=');
    let token68 = cursor.since(start);
    if !cursor.at_end() {
        return Err(hide(cursor.fail("trailing data")).into());
    }
    let mut username =
        STANDARD.decode(token68).map_err(|_| invalid("expected base64-encoded credentials"))?;
    let colon = username
        .iter()
        .position(|&b| b == b':')
        .ok_or_else(|| invalid("expected username:password credentials"))?;
    let password = username.split_off(colon + 1);
    username.truncate(colon);
    Ok(Credentials { username, password })
}

/// Writes an `Authorization` header of the Basic scheme, in UTF-8 ([RFC 7617 §2]).
///
/// # Errors
/// [`InvalidHeaderValue`] when `username` has a colon, which would end it, or when either has a
/// control character. The credentials aren't part of the error.
///
/// ```
/// use ws_proto::grammar::build_authorization_basic;
/// assert_eq!(build_authorization_basic("hello", "iloveyou")?, "Basic aGVsbG86aWxvdmV5b3U=");
/// assert!(build_authorization_basic("he:llo", "iloveyou").is_err());
/// # Ok::<(), ws_errors::InvalidHeaderValue>(())
/// ```
///
/// [RFC 7617 §2]: https://www.rfc-editor.org/rfc/rfc7617#section-2
pub fn build_authorization_basic(
    username: &str,
    password: &str,
) -> Result<String, InvalidHeaderValue> {
    if username.contains(':') {
        return Err(invalid("user name contains a colon"));
    }
    if username.chars().chain(password.chars()).any(char::is_control) {
        return Err(invalid("credentials contain a control character"));
    }
    let mut header = String::from("Basic ");
    STANDARD.encode_string(format!("{username}:{password}"), &mut header);
    Ok(header)
}

/// Writes a `WWW-Authenticate` header that asks for Basic credentials in UTF-8
/// ([RFC 7617 §2.1]); `realm` tells the user their purpose.
///
/// # Errors
/// [`InvalidHeaderValue`] when `realm` has a character that a header can't hold: a control
/// character other than tab, or one above U+00FF.
///
/// ```
/// use ws_proto::grammar::build_www_authenticate_basic;
/// assert_eq!(
///     build_www_authenticate_basic(r#"the "inner" circle"#)?,
///     r#"Basic realm="the \"inner\" circle", charset="UTF-8""#,
/// );
/// # Ok::<(), ws_errors::InvalidHeaderValue>(())
/// ```
///
/// [RFC 7617 §2.1]: https://www.rfc-editor.org/rfc/rfc7617#section-2.1
pub fn build_www_authenticate_basic(realm: &str) -> Result<String, InvalidHeaderValue> {
    let mut header = String::from("Basic realm=\"");
    for c in realm.chars() {
        match c {
            '"' | '\\' => header.extend(['\\', c]),
            '\t' | ' '..='~' | '\u{80}'..='\u{ff}' => header.push(c),
            _ => return Err(InvalidHeaderValue::new("WWW-Authenticate", Some(realm.to_owned()))),
        }
    }
    header.push_str("\", charset=\"UTF-8\"");
    Ok(header)
}

/// The same error without the value of the header. An empty one tells that there are no credentials.
fn hide(mut error: InvalidHeaderFormat) -> InvalidHeaderFormat {
    if !error.header.is_empty() {
        error.header = "***".into();
    }
    error
}

fn invalid(value: impl Into<String>) -> InvalidHeaderValue {
    InvalidHeaderValue::new(NAME, Some(value.into()))
}

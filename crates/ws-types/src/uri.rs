//! URIs that aren't taken apart: the check of a scheme, and texts for people without secrets.

/// Whether `text` can be the scheme of a URI ([RFC 3986 §3.1]): a letter, then letters, digits, `+`, `-`
/// and `.`.
///
/// [RFC 3986 §3.1]: https://www.rfc-editor.org/rfc/rfc3986#section-3.1
#[must_use]
pub fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

/// A URI for people, valid or not, without all that may be a secret: user information, values of the query
/// and the fragment, each as `***`.
///
/// User information ends at the last `@`. A question mark or a number sign before that may be part of a
/// password, or begin the query; in doubt nothing but the scheme is shown. Text before `://` that can't be
/// a scheme isn't taken for one. Control characters stay as they are: see [`Escaped`](crate::Escaped).
///
/// ```
/// use ws_types::redact_uri;
///
/// let text = "http://user:secret@example.com/chat?room=1&token=secret#top";
/// assert_eq!(redact_uri(text), "http://***@example.com/chat?room=***&token=***#***");
/// assert_eq!(redact_uri("http://example.com/chat?email=me@example.com&token=secret"), "http://***");
/// ```
#[must_use]
pub fn redact_uri(uri: &str) -> String {
    let (mut redacted, mut rest) = (String::new(), uri);
    if let Some((scheme, behind)) = uri.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) {
        redacted.push_str(scheme);
        redacted.push_str("://");
        rest = behind;
    }
    if let Some((hidden, behind)) = rest.rsplit_once('@') {
        redacted.push_str(HIDDEN);
        if hidden.contains(['?', '#']) {
            return redacted;
        }
        redacted.push('@');
        rest = behind;
    }
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (base, query) = rest.split_once('?').unwrap_or((rest, ""));
    redacted.push_str(base);
    let query = redact_query(query);
    if !query.is_empty() {
        redacted.push('?');
        redacted.push_str(&query);
    }
    if !fragment.is_empty() {
        redacted.push('#');
        redacted.push_str(HIDDEN);
    }
    redacted
}

/// A query for people, without its question mark: names, and `***` for values. A part without a value may
/// be a secret as a whole, with the padding of base64 perhaps; empty parts are left out.
///
/// ```
/// use ws_types::redact_query;
///
/// assert_eq!(redact_query("room=1&token=secret&c2VjcmV0IQ=="), "room=***&token=***&***");
/// ```
#[must_use]
pub fn redact_query(query: &str) -> String {
    let mut redacted = String::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        if !redacted.is_empty() {
            redacted.push('&');
        }
        if let Some((name, value)) = part.split_once('=')
            && !value.bytes().all(|b| b == b'=')
        {
            redacted.push_str(name);
            redacted.push('=');
        }
        redacted.push_str(HIDDEN);
    }
    redacted
}

const HIDDEN: &str = "***";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_begins_with_a_letter_and_has_no_colon() {
        for scheme in ["ws", "WSS", "x-1.2+3", "a"] {
            assert!(is_scheme(scheme), "{scheme}");
        }
        for text in ["", "1a", "-a", "a:b", "a@b", "a_b", "a b", "\u{e9}", "a\u{e9}"] {
            assert!(!is_scheme(text), "{text}");
        }
    }

    #[test]
    fn secrets_of_uris_are_hidden() {
        for (uri, redacted) in [
            ("", ""),
            ("ws://host:0/path", "ws://host:0/path"),
            ("localhost:80", "localhost:80"),
            // User information.
            ("ws://user:secret@host:0/", "ws://***@host:0/"),
            ("ws://user:se@cret@host:0/", "ws://***@host:0/"),
            ("ws://user:se/cret@host:0/", "ws://***@host:0/"),
            ("ws://secret@host/a?b=secret", "ws://***@host/a?b=***"),
            ("ws:user:secret@host", "***@host"),
            ("user:secret@host", "***@host"),
            ("ws://host/secret@a", "ws://***@a"),
            // Where it ends isn't clear.
            ("ws://user:se?cret@host:0/", "ws://***"),
            ("ws://user:se?cret@host:0/?a=secret", "ws://***"),
            ("ws://user:se#cret@host:0/", "ws://***"),
            ("ws://user:secret@host/?email=a@b&token=secret", "ws://***"),
            ("ws://u:secret:0/?q=x@y&sig=secret", "ws://***"),
            ("http://host/chat?email=a@b.com&token=secret", "http://***"),
            ("ws://host/#a=secret@b", "ws://***"),
            ("user:se?cret@host", "***"),
            // Not a scheme.
            ("alice:secret@http://proxy:3128", "***@http://proxy:3128"),
            ("alice:http://secret@host", "***@host"),
            ("//secret://secret@host", "***@host"),
            ("1://secret@host", "***@host"),
            ("://secret@host", "***@host"),
            ("host/?a=http://secret", "host/?a=***"),
            ("alice:secret?@http://host?a=secret", "***"),
            // The query.
            ("ws://host:0/?a=secret&b&=secret", "ws://host:0/?a=***&***&=***"),
            ("ws://host:0/?secret", "ws://host:0/?***"),
            ("ws://host:0/?secret=", "ws://host:0/?***"),
            ("ws://host:0/?secret==&a==secret", "ws://host:0/?***&a=***"),
            ("ws://host:0/?secret?a=secret?b", "ws://host:0/?secret?a=***"),
            ("ws://host:0/?&&a=secret&", "ws://host:0/?a=***"),
            ("ws://host:0/?", "ws://host:0/"),
            ("ws://host:0?=", "ws://host:0?***"),
            // The fragment.
            ("ws://host/#secret", "ws://host/#***"),
            ("ws://host#secret?a=secret", "ws://host#***"),
            ("ws://host/?a=secret#secret#", "ws://host/?a=***#***"),
            ("ws://secret@host/#secret", "ws://***@host/#***"),
            ("ws://host/#", "ws://host/"),
        ] {
            assert_eq!(redact_uri(uri), redacted, "{uri}");
        }
    }
}

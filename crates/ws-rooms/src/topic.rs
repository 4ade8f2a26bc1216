//! Topics, and the subjects that stand for them on a backplane.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The longest topic, in bytes.
const MAX_LEN: usize = 255;

/// Everything but letters, digits, `-` and `_` is encoded: dots, blanks and stars have a meaning in engines.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// A topic that can't be one.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TopicError {
    /// The topic has no bytes.
    #[error("the topic is empty")]
    Empty,
    /// The topic has more than 255 bytes.
    #[error("the topic has {0} bytes, of which 255 are allowed")]
    TooLong(usize),
}

/// Checks a topic: peers may have chosen it.
pub(crate) fn check(topic: &str) -> Result<(), TopicError> {
    match topic.len() {
        0 => Err(TopicError::Empty),
        1..=MAX_LEN => Ok(()),
        len => Err(TopicError::TooLong(len)),
    }
}

/// The subject of a topic: `prefix.topic`, with two tokens whatever the topic; without a prefix, one.
pub(crate) fn encode(prefix: &str, topic: &str) -> String {
    match prefix {
        "" => encode_token(topic),
        _ => format!("{}.{}", encode_token(prefix), encode_token(topic)),
    }
}

fn encode_token(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// The topic of a subject, if it is one of ours.
pub(crate) fn decode(prefix: &str, subject: &str) -> Option<String> {
    let topic = match prefix {
        "" => Some(subject).filter(|subject| !subject.contains('.'))?,
        _ => subject.strip_prefix(&encode_token(prefix))?.strip_prefix('.')?,
    };
    let topic = percent_decode_str(topic).decode_utf8().ok()?;
    check(&topic).is_ok().then(|| topic.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_have_1_to_255_bytes() {
        assert_eq!(check(""), Err(TopicError::Empty));
        assert_eq!(check("a"), Ok(()));
        assert_eq!(check(&"é".repeat(127)), Ok(()));
        assert_eq!(check(&"é".repeat(128)), Err(TopicError::TooLong(256)));
    }

    /// Topics that would be something else in an engine.
    #[test]
    fn no_topic_is_a_pattern_or_reaches_another_prefix() {
        let table = [
            ("lobby", "chat.lobby"),
            ("Ab-9_", "chat.Ab-9_"),
            // Wildcards of NATS, patterns of Redis.
            ("*", "chat.%2A"),
            (">", "chat.%3E"),
            ("[ab]?", "chat.%5Bab%5D%3F"),
            // More tokens, or another prefix.
            ("a.b", "chat.a%2Eb"),
            ("..other.x", "chat.%2E%2Eother%2Ex"),
            // What ends a line or an argument.
            ("a b\tc", "chat.a%20b%09c"),
            ("x\r\nPUB y 1\r\nz", "chat.x%0D%0APUB%20y%201%0D%0Az"),
            ("\0", "chat.%00"),
            // Reserved beginnings, and an encoded topic.
            ("$SYS", "chat.%24SYS"),
            ("_INBOX", "chat._INBOX"),
            ("%2A", "chat.%252A"),
            ("é", "chat.%C3%A9"),
        ];
        for (topic, subject) in table {
            assert_eq!(encode("chat", topic), subject, "{topic:?}");
            assert_eq!(decode("chat", subject).as_deref(), Some(topic), "{topic:?}");
        }
        assert_eq!(encode("a.>", "b"), "a%2E%3E.b");
        // No token is empty, which NATS refuses.
        assert_eq!(encode("", "a.b"), "a%2Eb");
        assert_eq!(decode("", "a%2Eb").as_deref(), Some("a.b"));
    }

    #[test]
    fn foreign_subjects_have_no_topic() {
        for subject in ["", "chat", "chat.", "other.a", "chatter.a", "chat.%FF"] {
            assert_eq!(decode("chat", subject), None, "{subject:?}");
        }
        assert_eq!(decode("", "chat.a"), None);
        assert_eq!(decode("chat", &format!("chat.{}", "a".repeat(256))), None);
    }
}

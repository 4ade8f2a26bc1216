//! The payload of a close frame ([RFC 6455 §5.5.1], [§7.4]).
//!
//! [RFC 6455 §5.5.1]: https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1
//! [§7.4]: https://www.rfc-editor.org/rfc/rfc6455#section-7.4

use ws_errors::{ProtocolError, ProtocolErrorKind, WebSocketException};
use ws_types::{Close, CloseCode, Opcode};

use super::{MAX_CONTROL_LEN, check_control, decode_text};

/// The longest reason of a close frame, in bytes: what the code leaves of a control frame.
pub(crate) const MAX_REASON_LEN: usize = MAX_CONTROL_LEN as usize - 2;

/// Encodes the payload of a close frame, at most 125 bytes: the code in two bytes, then the reason.
/// [`Close::no_status`] is encoded as nothing at all ([RFC 6455 §5.5.1]).
///
/// ```
/// use ws_proto::{decode_close, encode_close};
/// use ws_types::Close;
///
/// let close = Close::new(1001, "bye");
/// let payload = encode_close(&close)?;
/// assert_eq!(payload, b"\x03\xE9bye");
/// assert_eq!(decode_close(&payload)?, close);
/// assert!(encode_close(&Close::new(1006, "")).is_err());
/// # Ok::<(), ws_errors::WebSocketException>(())
/// ```
///
/// # Errors
/// [`ProtocolError`] for a code that can't be in a close frame ([§7.4]), a reason without a code, or a
/// reason of more than 123 bytes.
///
/// [RFC 6455 §5.5.1]: https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1
/// [§7.4]: https://www.rfc-editor.org/rfc/rfc6455#section-7.4
pub fn encode_close(close: &Close) -> Result<Vec<u8>, ProtocolError> {
    if close.code == CloseCode::NO_STATUS_RCVD {
        return match close.reason.is_empty() {
            true => Ok(Vec::new()),
            false => Err(ProtocolErrorKind::ReasonWithoutCode.into()),
        };
    }
    if !close.code.is_sendable() {
        return Err(ProtocolErrorKind::InvalidStatusCode(close.code.as_u16()).into());
    }
    let payload = [&close.code.as_u16().to_be_bytes(), close.reason.as_bytes()].concat();
    check_control(Opcode::Close, true, payload.len() as u64)?;
    Ok(payload)
}

/// Decodes the payload of a close frame; an empty one is [`Close::no_status`].
///
/// # Errors
/// [`ProtocolError`] for a payload of one byte, or a code that can't be in a close frame
/// ([RFC 6455 §7.4]); [`InvalidUtf8`](ws_errors::InvalidUtf8) for a reason that isn't UTF-8, whatever the
/// code is.
///
/// [RFC 6455 §7.4]: https://www.rfc-editor.org/rfc/rfc6455#section-7.4
pub fn decode_close(payload: &[u8]) -> Result<Close, WebSocketException> {
    let Some((&code, reason)) = payload.split_first_chunk() else {
        return match payload {
            [] => Ok(Close::no_status()),
            _ => Err(ProtocolErrorKind::CloseFrameTooShort.into()),
        };
    };
    let code = CloseCode::new(u16::from_be_bytes(code));
    let reason = decode_text(reason)?;
    if !code.is_sendable() {
        return Err(ProtocolErrorKind::InvalidStatusCode(code.as_u16()).into());
    }
    Ok(Close::new(code, reason))
}

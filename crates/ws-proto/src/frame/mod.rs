//! Frames: headers, reserved bits, masking, UTF-8 in pieces, the payload of close frames
//! ([RFC 6455 §5], [§8.1]). The order of frames is judged in `connection`.
//!
//! [RFC 6455 §5]: https://www.rfc-editor.org/rfc/rfc6455#section-5
//! [§8.1]: https://www.rfc-editor.org/rfc/rfc6455#section-8.1

mod close;
mod header;
mod mask;
mod rsv;
mod utf8;

pub(crate) use close::MAX_REASON_LEN;
pub use close::{decode_close, encode_close};
pub(crate) use header::check_control;
pub use header::{FrameHeader, MAX_CONTROL_LEN, MAX_HEADER_LEN};
pub(crate) use mask::Mask;
pub use mask::apply_mask;
pub use rsv::Rsv;
pub(crate) use utf8::{Utf8Decoder, decode_text};

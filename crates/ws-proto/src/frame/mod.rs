//! Frames: headers, masking and incremental UTF-8 ([RFC 6455 §5], [§8.1]). No rule about the order of
//! frames lives here; that is `connection`.
//!
//! [RFC 6455 §5]: https://www.rfc-editor.org/rfc/rfc6455#section-5
//! [§8.1]: https://www.rfc-editor.org/rfc/rfc6455#section-8.1

mod header;
mod mask;
mod utf8;

pub use header::{FrameHeader, MAX_HEADER_LEN};
pub(crate) use header::{MAX_CONTROL_LEN, long_header, short_header};
pub use mask::apply_mask;
pub(crate) use mask::{BLOCK, Mask, append};
pub(crate) use utf8::Utf8Validator;

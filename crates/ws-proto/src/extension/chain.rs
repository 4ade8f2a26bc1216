//! The extensions of one connection, one after the other ([RFC 6455 §9.1]).
//!
//! [RFC 6455 §9.1]: https://www.rfc-editor.org/rfc/rfc6455#section-9.1

use std::any::TypeId;
use std::mem;
use std::time::Duration;

use ws_errors::{ProtocolError, ProtocolErrorKind};

use super::{DataFrame, Extension, Rsv};

/// At most this much, in bytes, stands between two extensions that decode one after the other.
const BETWEEN: usize = 16 << 10;

/// The extensions that a connection uses, in the order of the server's answer.
///
/// The opening handshakes make it; it is made by hand for a connection whose handshake somebody else
/// did.
#[derive(Debug, Default)]
pub struct Extensions {
    stages: Vec<Stage>,
}

#[derive(Debug)]
struct Stage {
    extension: Box<dyn Extension>,
    /// Whether the frame that is being received passes through it.
    active: bool,
    /// Whether it has taken in all that was there when it was called last, and has nothing more to give.
    exhausted: bool,
    /// Whether that was the end of the frame.
    ended: bool,
    /// Decoded data that the extensions before it have not taken yet.
    decoded: Vec<u8>,
}

/// The extensions that a message was prepared for, and their settings.
pub(crate) type PreparedKey = Vec<(TypeId, u64)>;

/// In this order. No two of them may have a [reserved bit](Extension::reserved_bits) in common; the opening
/// handshake sees to that, here it is up to the caller.
impl From<Vec<Box<dyn Extension>>> for Extensions {
    fn from(extensions: Vec<Box<dyn Extension>>) -> Self {
        let stages = extensions.into_iter().map(|extension| Stage {
            extension,
            active: false,
            exhausted: false,
            ended: false,
            decoded: Vec::new(),
        });
        Self { stages: stages.collect() }
    }
}

impl Extensions {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// The reserved bits that belong to them.
    #[must_use]
    pub fn reserved_bits(&self) -> Rsv {
        self.stages.iter().fold(Rsv::NONE, |bits, stage| bits | stage.extension.reserved_bits())
    }

    /// Adds one at the end; `false` if it claims a reserved bit that another one has.
    pub(super) fn push(&mut self, extension: Box<dyn Extension>) -> bool {
        if !(self.reserved_bits() & extension.reserved_bits()).is_empty() {
            return false;
        }
        self.stages.extend(Self::from(vec![extension]).stages);
        true
    }

    /// Encodes the payload of a frame; gives it with the reserved bits, or `None` if all extensions
    /// leave it as it is.
    pub(crate) fn encode(&mut self, frame: DataFrame, payload: &[u8]) -> Option<(Rsv, Vec<u8>)> {
        let mut encoded: Option<(Rsv, Vec<u8>)> = None;
        for Stage { extension, .. } in &mut self.stages {
            let (before, input) = match &encoded {
                Some((rsv, payload)) => (*rsv, &payload[..]),
                None => (Rsv::NONE, payload),
            };
            let mut out = Vec::new();
            if let Some(rsv) = extension.encode(frame, input, &mut out) {
                encoded = Some((before | rsv & extension.reserved_bits(), out));
            }
        }
        encoded
    }

    /// A data frame begins to arrive; tells whether its payload has to be decoded.
    pub(crate) fn begin_decode(&mut self, frame: DataFrame) -> Result<bool, ProtocolError> {
        // RFC 6455 §5.2: "MUST be 0 unless an extension is negotiated that defines meanings for
        // non-zero values."
        if !(frame.rsv & !self.reserved_bits()).is_empty() {
            return Err(ProtocolErrorKind::ReservedBits.into());
        }
        let mut any = false;
        for stage in self.stages.iter_mut().rev() {
            let rsv = frame.rsv & stage.extension.reserved_bits();
            stage.active = stage.extension.begin_decode(DataFrame { rsv, ..frame })?;
            stage.exhausted = false;
            stage.ended = false;
            stage.decoded = Vec::new();
            any |= stage.active;
        }
        Ok(any)
    }

    /// Decodes a part of a frame's payload, like [`Extension::decode`].
    pub(crate) fn decode(
        &mut self,
        input: &mut &[u8],
        end: bool,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Result<bool, ProtocolError> {
        decode(&mut self.stages, input, end, out, room)
    }

    /// Gives back memory for decoding.
    pub(crate) fn release(&mut self) {
        for stage in &mut self.stages {
            stage.extension.release();
        }
    }

    /// How long after the last message the encoders are to forget.
    pub(crate) fn encoder_idle(&self) -> Option<Duration> {
        self.stages.iter().filter_map(|stage| stage.extension.encoder_idle()).max()
    }

    /// Makes the encoders forget; `false` if one of them can't.
    pub(crate) fn forget(&mut self) -> bool {
        let mut all = true;
        for stage in &mut self.stages {
            all &= stage.extension.forget();
        }
        all
    }

    /// Whether a message that was prepared for these extensions fits this connection.
    pub(crate) fn matches(&self, key: &PreparedKey) -> bool {
        key.len() == self.stages.len()
            && key.iter().zip(&self.stages).all(|(one, stage)| stage.key() == Some(*one))
    }

    /// The key of a prepared message; `None` if messages can't be prepared.
    pub(crate) fn prepared_key(&self) -> Option<PreparedKey> {
        self.stages.iter().map(Stage::key).collect()
    }
}

impl Stage {
    fn key(&self) -> Option<(TypeId, u64)> {
        let extension: &dyn Extension = &*self.extension;
        Some((extension.type_id(), extension.prepared_key()?))
    }
}

/// Decodes with the last of the stages, and passes what comes out on to the ones before it.
fn decode(
    stages: &mut [Stage],
    input: &mut &[u8],
    end: bool,
    out: &mut Vec<u8>,
    room: usize,
) -> Result<bool, ProtocolError> {
    let Some((stage, before)) = stages.split_last_mut() else {
        let (now, later) = input.split_at(input.len().min(room));
        out.extend_from_slice(now);
        *input = later;
        return Ok(later.is_empty());
    };
    if !stage.active {
        return decode(before, input, end, out, room);
    }
    if !before.iter().any(|stage| stage.active) {
        return stage.extension.decode(input, end, out, room);
    }
    let limit = out.len().saturating_add(room);
    loop {
        if stage.decoded.is_empty() && !stage.ended {
            stage.exhausted = stage.extension.decode(input, end, &mut stage.decoded, BETWEEN)?;
            stage.ended = stage.exhausted && end;
        }
        let decoded = mem::take(&mut stage.decoded);
        let mut left = &decoded[..];
        let room = limit - out.len();
        let done = decode(before, &mut left, stage.ended, out, room)?;
        if !done {
            stage.decoded = left.to_vec();
            return Ok(false);
        }
        // Since it was called last, more may have arrived.
        if stage.exhausted && input.is_empty() && stage.ended == end {
            return Ok(true);
        }
    }
}

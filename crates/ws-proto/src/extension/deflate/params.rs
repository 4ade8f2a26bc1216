//! The parameters of permessage-deflate ([RFC 7692 §7.1]).
//!
//! [RFC 7692 §7.1]: https://www.rfc-editor.org/rfc/rfc7692#section-7.1

use ws_errors::{
    DuplicateParameter, InvalidParameterName, InvalidParameterValue, NegotiationError,
};
use ws_types::ExtensionParameter;

use super::{ClientWindow, WindowBits};

const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// The four parameters of an offer or a response.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Parameters {
    pub(super) server_no_context_takeover: bool,
    pub(super) client_no_context_takeover: bool,
    pub(super) server_max_window_bits: Option<WindowBits>,
    /// `None`: absent; `Some(None)`: present without a value.
    pub(super) client_max_window_bits: Option<Option<WindowBits>>,
}

impl Parameters {
    /// Parses the parameters of a client's offer (`offer`) or a server's response.
    pub(super) fn parse(
        params: &[ExtensionParameter],
        offer: bool,
    ) -> Result<Self, NegotiationError> {
        let mut parsed = Self::default();
        for (at, param) in params.iter().enumerate() {
            let (name, value) = (param.name(), param.value());
            let invalid = || InvalidParameterValue::new(name, value);
            match name {
                SERVER_NO_CONTEXT_TAKEOVER | CLIENT_NO_CONTEXT_TAKEOVER if value.is_some() => {
                    return Err(invalid().into());
                }
                SERVER_NO_CONTEXT_TAKEOVER => parsed.server_no_context_takeover = true,
                CLIENT_NO_CONTEXT_TAKEOVER => parsed.client_no_context_takeover = true,
                SERVER_MAX_WINDOW_BITS => {
                    parsed.server_max_window_bits = Some(value.and_then(bits).ok_or_else(invalid)?);
                }
                // RFC 7692 §7.1.2.2: it may have no value in an offer, only there.
                CLIENT_MAX_WINDOW_BITS if value.is_none() && offer => {
                    parsed.client_max_window_bits = Some(None);
                }
                CLIENT_MAX_WINDOW_BITS => {
                    let bits = value.and_then(bits).ok_or_else(invalid)?;
                    parsed.client_max_window_bits = Some(Some(bits));
                }
                _ => return Err(InvalidParameterName::new(name).into()),
            }
            if params.iter().take(at).any(|earlier| earlier.name() == name) {
                return Err(DuplicateParameter::new(name).into());
            }
        }
        Ok(parsed)
    }

    /// Builds the parameters, in their usual order.
    pub(super) fn build(self) -> Vec<ExtensionParameter> {
        let bits = |bits: WindowBits| Some(bits.get().to_string());
        let lines = [
            self.server_no_context_takeover.then_some((SERVER_NO_CONTEXT_TAKEOVER, None)),
            self.client_no_context_takeover.then_some((CLIENT_NO_CONTEXT_TAKEOVER, None)),
            self.server_max_window_bits.map(|n| (SERVER_MAX_WINDOW_BITS, bits(n))),
            self.client_max_window_bits.map(|n| (CLIENT_MAX_WINDOW_BITS, n.and_then(bits))),
        ];
        lines
            .into_iter()
            .flatten()
            // Can't fail: names and numbers are tokens.
            .filter_map(|(name, value)| ExtensionParameter::new(name, value.as_deref()).ok())
            .collect()
    }
}

impl From<ClientWindow> for Option<Option<WindowBits>> {
    fn from(window: ClientWindow) -> Self {
        match window {
            ClientWindow::Unlimited => None,
            ClientWindow::Any => Some(None),
            ClientWindow::AtMost(bits) => Some(Some(bits)),
        }
    }
}

/// Parses window bits: 8 to 15, without a leading zero.
fn bits(value: &str) -> Option<WindowBits> {
    match value.as_bytes() {
        [digit @ b'8'..=b'9'] => WindowBits::new(digit - b'0').ok(),
        [b'1', digit @ b'0'..=b'5'] => WindowBits::new(10 + digit - b'0').ok(),
        _ => None,
    }
}

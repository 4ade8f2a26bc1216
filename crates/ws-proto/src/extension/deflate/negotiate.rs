//! Negotiation of permessage-deflate ([RFC 7692 §5], [§7.1]).
//!
//! [RFC 7692 §5]: https://www.rfc-editor.org/rfc/rfc7692#section-5
//! [§7.1]: https://www.rfc-editor.org/rfc/rfc7692#section-7.1

use std::sync::Arc;

use ws_errors::NegotiationError;
use ws_types::ExtensionParameter;

use super::decoder::Decoder;
use super::encoder::Encoder;
use super::params::Parameters;
use super::{ClientDeflate, ClientWindow, NAME, PerMessageDeflate, ServerDeflate, WindowBits};
use crate::extension::{ClientExtensionFactory, Extension, ServerExtensionFactory};

impl ClientExtensionFactory for ClientDeflate {
    fn name(&self) -> &str {
        NAME
    }

    fn offer(&self) -> Vec<ExtensionParameter> {
        let offer = Parameters {
            server_no_context_takeover: self.server_no_context_takeover,
            client_no_context_takeover: self.client_no_context_takeover,
            server_max_window_bits: self.server_max_window_bits,
            client_max_window_bits: self.client_max_window_bits.into(),
        };
        offer.build()
    }

    fn process_response(
        &self,
        params: &[ExtensionParameter],
    ) -> Result<Box<dyn Extension>, NegotiationError> {
        let agreed = self.agree(Parameters::parse(params, false)?)?;
        Ok(Box::new(PerMessageDeflate {
            encoder: Encoder::new(
                Arc::clone(&self.encoder),
                agreed.client_window(),
                !agreed.client_no_context_takeover,
            ),
            decoder: Decoder::new(agreed.server_window(), !agreed.server_no_context_takeover),
            decoding: false,
        }))
    }
}

impl ClientDeflate {
    /// Checks a response against the offer; returns the agreed parameters.
    fn agree(&self, response: Parameters) -> Result<Parameters, NegotiationError> {
        // RFC 7692 §7.1.1.1: "A server accepts [...] by including the
        // 'server_no_context_takeover' extension parameter in the corresponding extension negotiation
        // response", and may include it unasked.
        if self.server_no_context_takeover && !response.server_no_context_takeover {
            return Err(NegotiationError::new("expected server_no_context_takeover"));
        }
        match (self.server_max_window_bits, response.server_max_window_bits) {
            (Some(_), None) => {
                return Err(NegotiationError::new("expected server_max_window_bits"));
            }
            (Some(own), Some(bits)) if bits > own => {
                return Err(NegotiationError::new("unsupported server_max_window_bits"));
            }
            _ => {}
        }
        let answered = response.client_window();
        let client_bits = match self.client_max_window_bits {
            // RFC 7692 §7.1.2.2: if the offer doesn't have it, "the corresponding extension negotiation
            // response to the offer MUST NOT include the 'client_max_window_bits' extension parameter."
            ClientWindow::Unlimited if response.client_max_window_bits.is_some() => {
                return Err(NegotiationError::new("unexpected client_max_window_bits"));
            }
            // RFC 7692 §7.1.2.2: the offered value is a hint, which the server may ignore. So a greater
            // one is legal; the client keeps to its own.
            ClientWindow::AtMost(own) => own.min(answered),
            ClientWindow::Unlimited | ClientWindow::Any => answered,
        };
        Ok(Parameters {
            client_no_context_takeover: self.client_no_context_takeover
                || response.client_no_context_takeover,
            client_max_window_bits: Some(Some(client_bits)),
            ..response
        })
    }
}

impl ServerExtensionFactory for ServerDeflate {
    fn name(&self) -> &str {
        NAME
    }

    fn process_offer(
        &self,
        params: &[ExtensionParameter],
    ) -> Result<(Vec<ExtensionParameter>, Box<dyn Extension>), NegotiationError> {
        let agreed = self.respond(Parameters::parse(params, true)?)?;
        let extension = PerMessageDeflate {
            encoder: Encoder::new(
                Arc::clone(&self.encoder),
                agreed.server_window(),
                !agreed.server_no_context_takeover,
            ),
            decoder: Decoder::new(agreed.client_window(), !agreed.client_no_context_takeover),
            decoding: false,
        };
        Ok((agreed.build(), Box::new(extension)))
    }
}

impl ServerDeflate {
    /// Returns the response to an offer.
    fn respond(&self, offer: Parameters) -> Result<Parameters, NegotiationError> {
        let least = |own: Option<WindowBits>, offered: Option<WindowBits>| match (own, offered) {
            (Some(own), Some(offered)) => Some(own.min(offered)),
            (own, offered) => own.or(offered),
        };
        let server_max_window_bits =
            least(self.server_max_window_bits, offer.server_max_window_bits);
        let client_max_window_bits = match offer.client_max_window_bits {
            Some(offered) => least(self.client_max_window_bits, offered),
            None if self.require_client_max_window_bits
                && self.client_max_window_bits.is_some() =>
            {
                return Err(NegotiationError::new("required client_max_window_bits"));
            }
            None => None,
        };
        Ok(Parameters {
            server_no_context_takeover: self.server_no_context_takeover
                || offer.server_no_context_takeover,
            client_no_context_takeover: self.client_no_context_takeover
                || offer.client_no_context_takeover,
            server_max_window_bits,
            client_max_window_bits: client_max_window_bits.map(Some),
        })
    }
}

impl Parameters {
    /// The window of the server's encoder: the largest unless it is limited.
    fn server_window(self) -> WindowBits {
        self.server_max_window_bits.unwrap_or(WindowBits::MAX)
    }

    /// The window of the client's encoder: the largest unless it is limited.
    fn client_window(self) -> WindowBits {
        self.client_max_window_bits.flatten().unwrap_or(WindowBits::MAX)
    }
}

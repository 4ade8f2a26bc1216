//! Negotiation of extensions ([RFC 6455 §9.1]): the client's offers, the server's choice from them,
//! and the client's check of it.
//!
//! [RFC 6455 §9.1]: https://www.rfc-editor.org/rfc/rfc6455#section-9.1

use std::sync::Arc;

use ws_errors::{NegotiationError, NegotiationErrorKind, UnsupportedExtension};
use ws_types::ExtensionName;

use super::{ClientExtensionFactory, Extensions, ServerExtensionFactory};
use crate::grammar::ExtensionHeader;

/// Makes the client's offers.
pub(crate) fn offers(
    factories: &[Arc<dyn ClientExtensionFactory>],
) -> Result<Vec<ExtensionHeader>, NegotiationError> {
    let offer = |factory: &Arc<dyn ClientExtensionFactory>| {
        let name = ExtensionName::new(factory.name())
            .map_err(|invalid| NegotiationError::new(invalid.to_string()))?;
        Ok(ExtensionHeader { name, params: factory.offer() })
    };
    factories.iter().map(offer).collect()
}

/// Chooses from the client's offers; returns what the response says, and the instances.
pub(crate) fn process_offers(
    factories: &[Arc<dyn ServerExtensionFactory>],
    offers: &[ExtensionHeader],
) -> (Vec<ExtensionHeader>, Extensions) {
    let mut chosen: Vec<ExtensionHeader> = Vec::new();
    let mut extensions = Extensions::default();
    for ExtensionHeader { name, params } in offers {
        // A further offer of an extension is a fallback: not needed once one was accepted.
        if chosen.iter().any(|earlier| earlier.name == *name) {
            continue;
        }
        let accepted = factories
            .iter()
            .filter(|factory| *name == factory.name())
            .filter_map(|factory| factory.process_offer(params).ok())
            .find_map(|(params, extension)| extensions.push(extension).then_some(params));
        if let Some(params) = accepted {
            chosen.push(ExtensionHeader { name: name.clone(), params });
        }
    }
    (chosen, extensions)
}

/// Checks the server's response against the offers; returns the instances.
pub(crate) fn process_response(
    factories: &[Arc<dyn ClientExtensionFactory>],
    response: &[ExtensionHeader],
) -> Result<Extensions, NegotiationError> {
    let mut extensions = Extensions::default();
    for (at, ExtensionHeader { name, params }) in response.iter().enumerate() {
        if response.iter().take(at).any(|earlier| earlier.name == *name) {
            return Err(NegotiationError::new(format!("received duplicate {name}")));
        }
        let offered = factories
            .iter()
            .filter(|factory| *name == factory.name())
            .filter_map(|factory| factory.process_response(params).ok())
            .any(|extension| extensions.push(extension));
        // RFC 6455 §4.1: "[...] indicates the use of an extension that was not present in the
        // client's handshake [...], the client MUST _Fail the WebSocket Connection_."
        if !offered {
            let unsupported = UnsupportedExtension::new(name.clone(), params.clone());
            return Err(NegotiationErrorKind::from(unsupported).into());
        }
    }
    Ok(extensions)
}

//! The negotiation against the text of [RFC 7692 §7.1]: all offers, all answers, all settings.
//!
//! What the RFC allows is written down here once more, from the parameters alone.
//!
//! [RFC 7692 §7.1]: https://www.rfc-editor.org/rfc/rfc7692#section-7.1

use ws_proto::Compress;
use ws_proto::MessageKind;
use ws_proto::extension::{
    ClientDeflate, ClientExtensionFactory, ClientWindow, DataFrame, Extension, Rsv, ServerDeflate,
    ServerExtensionFactory,
};
use ws_proto::server::ServerOptions;
use ws_types::ExtensionParameter;

use crate::handshakes::answered;
use crate::setup::{letters, window_bits};

/// The values of parameters: `None` for one that is absent, `Some("")` for one without a value.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Terms<'a> {
    server_no_context_takeover: Option<&'a str>,
    client_no_context_takeover: Option<&'a str>,
    server_max_window_bits: Option<&'a str>,
    client_max_window_bits: Option<&'a str>,
}

const FLAGS: [Option<&str>; 3] = [None, Some(""), Some("1")];

/// All that is legal, and its neighbours.
const WINDOWS: [Option<&str>; 12] = [
    None,
    Some(""),
    Some("7"),
    Some("8"),
    Some("9"),
    Some("10"),
    Some("11"),
    Some("12"),
    Some("13"),
    Some("14"),
    Some("15"),
    Some("16"),
];

/// All combinations of these values.
fn all_terms() -> impl Iterator<Item = Terms<'static>> {
    let flags = FLAGS.into_iter().flat_map(|one| FLAGS.map(|other| (one, other)));
    flags.flat_map(|(server_no_context_takeover, client_no_context_takeover)| {
        let windows = WINDOWS.into_iter().flat_map(|one| WINDOWS.map(|other| (one, other)));
        windows.map(move |(server_max_window_bits, client_max_window_bits)| Terms {
            server_no_context_takeover,
            client_no_context_takeover,
            server_max_window_bits,
            client_max_window_bits,
        })
    })
}

impl<'a> Terms<'a> {
    fn of(params: &'a [ExtensionParameter]) -> Self {
        let mut terms = Self::default();
        for param in params {
            let value = match param.name() {
                "server_no_context_takeover" => &mut terms.server_no_context_takeover,
                "client_no_context_takeover" => &mut terms.client_no_context_takeover,
                "server_max_window_bits" => &mut terms.server_max_window_bits,
                "client_max_window_bits" => &mut terms.client_max_window_bits,
                name => panic!("{name} doesn't exist"),
            };
            assert_eq!(value.replace(param.value().unwrap_or_default()), None, "{param} twice");
        }
        terms
    }

    fn params(&self) -> Vec<ExtensionParameter> {
        let values = [
            // Not in the usual order, which doesn't count.
            ("client_max_window_bits", self.client_max_window_bits),
            ("server_no_context_takeover", self.server_no_context_takeover),
            ("server_max_window_bits", self.server_max_window_bits),
            ("client_no_context_takeover", self.client_no_context_takeover),
        ];
        let param = |(name, value): (&str, Option<&str>)| {
            let value = value?;
            ExtensionParameter::new(name, Some(value).filter(|value| !value.is_empty())).ok()
        };
        values.into_iter().filter_map(param).collect()
    }

    /// Whether a client may offer this.
    fn is_offer(&self) -> bool {
        is_flag(self.server_no_context_takeover)
            && is_flag(self.client_no_context_takeover)
            && self.server_max_window_bits.is_none_or(|value| bits(value).is_some())
            && self
                .client_max_window_bits
                .is_none_or(|value| value.is_empty() || bits(value).is_some())
    }

    /// Whether a server may answer this offer so.
    fn allows(&self, answer: &Terms<'_>) -> bool {
        // §7.1.1.1: it accepts by including it, and may include it unasked.
        let server_takeover = match self.server_no_context_takeover {
            None => is_flag(answer.server_no_context_takeover),
            Some(_) => answer.server_no_context_takeover == Some(""),
        };
        // §7.1.1.2: an offer is a hint, and it may be included unasked.
        let client_takeover = is_flag(answer.client_no_context_takeover);
        // §7.1.2.1: "with the same or smaller value as the offer", and it may be included unasked.
        let server_window = match (self.server_max_window_bits, answer.server_max_window_bits) {
            (offered, None) => offered.is_none(),
            (offered, Some(value)) => {
                let most = offered.and_then(bits).unwrap_or(15);
                bits(value).is_some_and(|bits| bits <= most)
            }
        };
        // §7.1.2.2: only if it was offered; the value in the offer is a hint, which may be ignored.
        let client_window = match (self.client_max_window_bits, answer.client_max_window_bits) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(_), Some(value)) => bits(value).is_some(),
        };
        server_takeover && client_takeover && server_window && client_window
    }

    /// Whether the server's parameters are all absent, and the client's flag.
    fn has_only_the_client_window(&self) -> bool {
        *self == Terms { client_max_window_bits: self.client_max_window_bits, ..Terms::default() }
    }
}

/// Whether this is how a parameter without a value may be.
fn is_flag(value: Option<&str>) -> bool {
    value.is_none_or(str::is_empty)
}

/// "a decimal integer value without leading zeroes between 8 to 15, inclusive"
fn bits(value: &str) -> Option<u8> {
    (8..=15).find(|bits| bits.to_string() == value)
}

/// Each offer that the settings of a client can make, without the ones that differ in its flags.
fn clients() -> Vec<ClientDeflate> {
    let mut windows = vec![ClientWindow::Unlimited, ClientWindow::Any];
    windows.extend((8..=15).map(|bits| ClientWindow::AtMost(window_bits(bits))));
    let limits = || (7..=15).map(|bits| (bits > 7).then(|| window_bits(bits)));
    let all = windows.into_iter().flat_map(|window| limits().map(move |limit| (window, limit)));
    let client = |(window, limit)| {
        ClientDeflate::default().client_max_window_bits(window).server_max_window_bits(limit)
    };
    all.map(client).collect()
}

/// Whether the first message is compressed, if it has to be.
fn compresses(mut extension: Box<dyn Extension>) -> bool {
    let mut frame = DataFrame::new(MessageKind::Binary);
    frame.compress = Compress::Always;
    let rsv = extension.encode(frame, &letters(300, 1), &mut Vec::new());
    assert!(matches!(rsv, None | Some(Rsv::RSV1)));
    rsv.is_some()
}

#[test]
fn rfc7692_7_1_a_client_takes_exactly_the_answers_that_its_offer_allows() {
    let answers: Vec<_> = all_terms().map(|terms| (terms, terms.params())).collect();
    let unknown = ExtensionParameter::new("x", None).unwrap();
    let mut taken = 0;
    for client in clients() {
        for flags in 0..4 {
            let client = client
                .clone()
                .server_no_context_takeover(flags & 1 != 0)
                .client_no_context_takeover(flags & 2 != 0);
            let offer = client.offer();
            let offer = Terms::of(&offer);
            assert!(offer.is_offer(), "{offer:?}");
            for (answer, params) in &answers {
                let result = client.process_response(params);
                assert_eq!(result.is_ok(), offer.allows(answer), "{offer:?} {answer:?} {result:?}");
                let Ok(extension) = result else { continue };
                taken += 1;
                if answer.has_only_the_client_window() && offer.has_only_the_client_window() {
                    let compressed = compresses(extension);
                    assert_eq!(
                        compressed,
                        answer.client_max_window_bits != Some("8"),
                        "{answer:?}"
                    );
                    // One parameter too many.
                    for extra in params.iter().chain([&unknown]) {
                        let params = [&params[..], std::slice::from_ref(extra)].concat();
                        client.process_response(&params).map(drop).unwrap_err();
                    }
                }
            }
        }
    }
    assert!(taken > 10_000, "{taken}");
}

#[test]
fn rfc7692_7_1_a_server_answers_each_offer_as_it_allows() {
    let offers: Vec<_> = all_terms().map(|terms| (terms, terms.params())).collect();
    let limits = || (7..=15).map(|bits| (bits > 7).then(|| window_bits(bits)));
    for (server_limit, client_limit) in
        limits().flat_map(|server| limits().map(move |client| (server, client)))
    {
        for flags in 0..8 {
            let server = ServerDeflate::default()
                .server_max_window_bits(server_limit)
                .client_max_window_bits(client_limit)
                .server_no_context_takeover(flags & 1 != 0)
                .client_no_context_takeover(flags & 2 != 0)
                .require_client_max_window_bits(flags & 4 != 0);
            for (offer, params) in &offers {
                let result = server.process_offer(params);
                let missing = flags & 4 != 0
                    && client_limit.is_some()
                    && offer.client_max_window_bits.is_none();
                assert_eq!(result.is_ok(), offer.is_offer() && !missing, "{offer:?} {result:?}");
                let Ok((answer, extension)) = result else { continue };
                let answer = Terms::of(&answer);
                assert!(offer.allows(&answer), "{offer:?} {answer:?}");
                // And as its own settings want it.
                assert!(answer.server_no_context_takeover.is_some() || flags & 1 == 0);
                assert!(answer.client_no_context_takeover.is_some() || flags & 2 == 0);
                let window = |value: Option<&str>| value.and_then(bits).unwrap_or(15);
                let server_window = window(answer.server_max_window_bits);
                assert!(server_limit.is_none_or(|own| server_window <= own.get().max(9)));
                if let (Some(own), Some(_)) = (client_limit, offer.client_max_window_bits) {
                    assert!(window(answer.client_max_window_bits) <= own.get(), "{answer:?}");
                }
                if offer.client_max_window_bits.is_none() && flags == 0 {
                    assert_eq!(compresses(extension), server_window > 8, "{offer:?} {answer:?}");
                }
            }
        }
    }
}

#[test]
fn an_offer_that_is_declined_leaves_a_connection_without_compression() {
    let settings = [ServerDeflate::default(), {
        ServerDeflate::default().require_client_max_window_bits(true)
    }];
    for (n, deflate) in settings.into_iter().enumerate() {
        let options = ServerOptions::default().extension(deflate);
        for offer in all_terms() {
            let params: String = offer.params().iter().map(|param| format!("; {param}")).collect();
            let answer = answered(&[&format!("permessage-deflate{params}")], &options);
            let declined = !offer.is_offer() || (n == 1 && offer.client_max_window_bits.is_none());
            assert_eq!(answer.is_empty(), declined, "{params}: {answer}");
        }
    }
}

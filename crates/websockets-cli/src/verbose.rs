//! The description of connections for `--verbose`, in the manner of curl: `> ` the request, `< ` the response,
//! `* ` everything else.

use std::future::ready;

use websockets::datastructures::Headers;
use websockets::protocol::{ProxyUri, Uri, proxy_from_env};
use websockets::{Connect, Error, Proxy, Request, Response, Transport, WebSocket};

use crate::notices::Notices;

/// The headers whose values aren't shown.
const SECRET: [&str; 4] = ["Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie"];

/// The proxy, as far as it is known beforehand.
#[derive(Clone, Debug)]
pub(crate) enum ProxyChoice {
    /// That of the environment, if there is one.
    Environment,
    /// None.
    Direct,
    /// This one.
    Fixed(ProxyUri),
}

impl ProxyChoice {
    fn for_uri(&self, uri: &Uri) -> Option<ProxyUri> {
        match self {
            // An error is that of connecting.
            Self::Environment => {
                proxy_from_env(uri, |name| std::env::var(name).ok()).ok().flatten()
            }
            Self::Direct => None,
            Self::Fixed(proxy) => Some(proxy.clone()),
        }
    }
}

impl From<ProxyChoice> for Proxy {
    fn from(choice: ProxyChoice) -> Self {
        match choice {
            ProxyChoice::Environment => Self::environment(),
            ProxyChoice::Direct => Self::direct(),
            ProxyChoice::Fixed(uri) => uri.into(),
        }
    }
}

/// The description of one connection after another.
#[derive(Clone, Debug)]
pub(crate) struct Verbose {
    notices: Notices,
    /// The proxy that is used, unless a Unix socket is.
    proxy: Option<ProxyChoice>,
    /// The authority to connect to instead of the URI's.
    connect_to: Option<String>,
}

impl Verbose {
    /// Describes on `notices`.
    pub(crate) fn new(
        notices: Notices,
        proxy: Option<ProxyChoice>,
        connect_to: Option<String>,
    ) -> Self {
        Self { notices, proxy, connect_to }
    }

    /// Tells of attempts and redirects as they happen.
    pub(crate) fn watch(&self, connect: Connect) -> Connect {
        let (before_attempt, before_redirect) = (self.clone(), self.clone());
        connect
            .redirect_if(move |from, to| {
                let line = format!("* Redirected from {} to {}", from.redacted(), to.redacted());
                before_redirect.notices.say(&line);
                true
            })
            .headers_with(move |uri| {
                before_attempt.attempt(uri);
                ready(Ok(Headers::new()))
            })
    }

    fn attempt(&self, uri: &Uri) {
        self.notices.say(&format!("* Connecting to {}", uri.redacted()));
        let scheme = if uri.secure() { "wss" } else { "ws" };
        let target = self.connect_to.as_ref().map(|authority| format!("{scheme}://{authority}"));
        let target = target.and_then(|target| Uri::parse(&target).ok());
        let proxy = self.proxy.as_ref();
        if let Some(proxy) = proxy.and_then(|proxy| proxy.for_uri(target.as_ref().unwrap_or(uri))) {
            self.notices.say(&format!("* Through the proxy {proxy}"));
        }
    }

    /// Describes a connection that was opened.
    pub(crate) fn opened(&self, ws: &WebSocket) {
        if let Some(peer) = ws.peer_addr() {
            let local = ws.local_addr().map(|local| format!(" from {local}")).unwrap_or_default();
            self.notices.say(&format!("* Connected to {peer}{local}"));
        }
        if let Some(tls) = ws.with_stream(tls).flatten() {
            self.notices.say(&format!("* {tls}"));
        }
        if let Some(request) = ws.request() {
            self.request(request);
        }
        if let Some(response) = ws.response() {
            self.response(response);
        }
    }

    /// Describes a failure to connect, as far as its text doesn't.
    pub(crate) fn failed(&self, error: &Error) {
        if let Some(response) = error.response() {
            self.response(response);
        }
    }

    fn request(&self, request: &Request) {
        let line = format!("> {} {} {}", request.method(), request.target(), request.version());
        self.notices.say(&line);
        self.headers('>', request.headers());
    }

    fn response(&self, response: &Response) {
        let Response { status_code, reason_phrase, headers, .. } = response;
        self.notices.say(format!("< HTTP/1.1 {status_code} {reason_phrase}").trim_end());
        self.headers('<', headers);
    }

    fn headers(&self, mark: char, headers: &Headers) {
        for (name, value) in headers.raw_items() {
            let is_secret = SECRET.iter().any(|secret| name.eq_ignore_ascii_case(secret));
            self.notices.say(&format!("{mark} {name}: {}", if is_secret { "***" } else { value }));
        }
        self.notices.say(&mark.to_string());
    }
}

/// The version of TLS and the cipher.
fn tls(stream: &Transport) -> Option<String> {
    let session = stream.tls()?;
    let version = format!("{:?}", session.protocol_version()?).replacen("TLSv1_", "TLS 1.", 1);
    let suite = session.negotiated_cipher_suite()?.suite();
    Some(format!("{version}, {suite:?}"))
}

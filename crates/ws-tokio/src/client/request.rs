//! [`ClientRequest`]: the target of a client, in each of its forms.

use std::borrow::Cow;
use std::fmt;

use ws_errors::InvalidHandshake;
use ws_proto::Uri;
use ws_proto::http::Request;

use crate::error::Error;
use crate::settings::ClientSettings;

/// The URI that a client connects to, and what the program has put into a request for it.
///
/// Functions take it as `impl Into<ClientRequest>`: a text, a [`Uri`], with the feature `http` an `http::Uri` or a whole
/// `http::Request<()>`, with the feature `url` a `url::Url`.
///
/// Of a request, the headers are sent, unless the settings have them, too. `Sec-WebSocket-Protocol` offers
/// subprotocols. The rest of an opening handshake, which requests for other libraries carry, is made anew:
/// [`take_over`](ws_proto::client::ClientOptions::take_over) has the rules.
#[cfg_attr(
    feature = "http",
    doc = r#"
```no_run
# async fn run() -> Result<(), Box<dyn std::error::Error>> {
let request = http::Request::get("wss://example.com/chat")
    .header("Authorization", "Bearer mF_9.B5f-4.1JqM")
    .header("Sec-WebSocket-Protocol", "chat")
    .body(())?;
let ws = ws_tokio::connect(request).await?;
# Ok(()) }
```
"#
)]
///
/// Errors come when the connection is opened: [`InvalidURI`](ws_errors::InvalidURI), or an exception of the opening
/// handshake for a request that contradicts it.
#[doc(alias = "IntoClientRequest")]
#[derive(Clone)]
pub struct ClientRequest {
    uri: String,
    request: Option<Result<Request, InvalidHandshake>>,
}

impl ClientRequest {
    /// The same with the schemes of WebSockets, for HTTP clients, which have their own for them.
    pub(crate) fn of_http_client(mut self) -> Self {
        if self.uri.starts_with("http://") || self.uri.starts_with("https://") {
            self.uri.replace_range(.."http".len(), "ws");
        }
        self
    }

    /// The URI, and the settings that go with it, complete.
    pub(crate) fn into_parts(
        self,
        mut settings: ClientSettings,
    ) -> Result<(Uri, ClientSettings), Error> {
        let uri = Uri::parse(&self.uri)?;
        if let Some(request) = self.request {
            settings.options = settings.options.take_over(&request?)?;
        }
        Ok((uri, settings.complete()))
    }
}

/// The URI without user information and values of the query; no headers.
impl fmt::Debug for ClientRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uri =
            Uri::parse(&self.uri).map_or_else(|e| e.uri.into(), |uri| uri.redacted().to_string());
        fmt::Debug::fmt(&uri, f)
    }
}

macro_rules! from {
    ($($uri:ty)*) => {$(
        impl From<$uri> for ClientRequest {
            fn from(uri: $uri) -> Self {
                Self { uri: uri.to_string(), request: None }
            }
        }
    )*};
}

from!(&str &String Cow<'_, str> Uri &Uri);
#[cfg(feature = "http")]
from!(http::Uri & http::Uri);
#[cfg(feature = "url")]
from!(&url::Url);

impl From<String> for ClientRequest {
    fn from(uri: String) -> Self {
        Self { uri, request: None }
    }
}

#[cfg(feature = "url")]
impl From<url::Url> for ClientRequest {
    fn from(uri: url::Url) -> Self {
        Self::from(String::from(uri))
    }
}

#[cfg(feature = "http")]
impl From<http::Request<()>> for ClientRequest {
    fn from(request: http::Request<()>) -> Self {
        Self { uri: request.uri().to_string(), request: Some(Request::try_from(&request)) }
    }
}

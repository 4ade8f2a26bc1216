//! The attempts of one connection: redirects, answers to challenges, headers that are made anew.

use std::pin::Pin;
use std::sync::Arc;

use tokio::time::Instant;
use ws_errors::InvalidStatus;
use ws_headers::Headers;
use ws_proto::Uri;
use ws_proto::client::ClientOptions;

use super::auth::Answered;
use super::redirect;
use crate::WebSocket;
use crate::error::{Attempt, ConnectError, Error};
use crate::handshake;
use crate::metrics;
use crate::settings::ClientSettings;
use crate::trace::{Trace, debug};

/// Makes the headers of a request.
pub(crate) type MakeHeaders =
    Arc<dyn Fn(&Uri) -> Pin<Box<dyn Future<Output = Result<Headers, Error>> + Send>> + Send + Sync>;

/// Opens a connection. `settings` are complete.
pub(super) async fn open(mut uri: Uri, settings: ClientSettings) -> Result<WebSocket, Error> {
    if settings.credentials.is_some() {
        uri = uri.without_user_info();
    }
    let trace = Trace::client(&uri, settings.trace_payloads);
    let opening = Opening {
        uri,
        settings,
        origin: Instant::now(),
        followed: 0,
        is_foreign: false,
        authorization: None,
        answered: Answered::default(),
        is_authorized: false,
        trace: trace.clone(),
    };
    trace.instrument(opening.open()).await
}

/// A connection that is being opened.
struct Opening {
    /// The present target.
    uri: Uri,
    settings: ClientSettings,
    /// When it began.
    origin: Instant,
    /// The redirects that were followed.
    followed: usize,
    /// A redirect has led to another origin, which sees no credentials.
    is_foreign: bool,
    /// The answer to the last challenge.
    authorization: Option<String>,
    answered: Answered,
    /// The program itself has sent an `Authorization`, which stays as it is.
    is_authorized: bool,
    trace: Trace,
}

impl Opening {
    /// Makes attempts until there is a connection, or another attempt wouldn't help.
    async fn open(mut self) -> Result<WebSocket, Error> {
        loop {
            debug!(uri = %self.uri.redacted(), "connecting");
            let (mut attempt, mut response) = (Attempt::default(), None);
            let cause = match self.attempt(&mut attempt, &mut response).await {
                Ok(ws) => return Ok(ws),
                Err(cause) => cause,
            };
            // Only a response of this server is heeded, not one in an error of the program's own.
            let next = if response.is_some() { self.go_on(&cause) } else { Ok(false) };
            let cause = match next {
                Ok(true) => continue,
                Ok(false) => cause,
                Err(refused) => refused,
            };
            metrics::not_connected();
            let error = Error::from(ConnectError::new(self.uri, attempt, response, cause));
            debug!("{error}");
            return Err(error);
        }
    }

    async fn attempt(
        &mut self,
        attempt: &mut Attempt,
        response: &mut Option<Box<ws_proto::http::Response>>,
    ) -> Result<WebSocket, Error> {
        let mut settings = self.settings.clone();
        settings.options = self.options().await?;
        let (user_agent, limits) =
            (settings.options.user_agent_header(), settings.options.handshake_limits());
        let stream = settings.dial.open(&self.uri, user_agent, limits, attempt);
        handshake::connect(stream, &self.uri, &settings, self.origin, response, &self.trace).await
    }

    /// The settings of this attempt's request.
    async fn options(&mut self) -> Result<ClientOptions, Error> {
        let mut options = self.settings.options.clone();
        if let Some(make) = &self.settings.make_headers {
            let limit = options.handshake_limits().open_timeout;
            let made = handshake::within(self.origin, limit, make(&self.uri).as_mut()).await?;
            for (name, value) in made.raw_items() {
                options = options.header(name, value);
            }
        }
        if self.is_foreign {
            options = options.without_credentials();
        }
        self.is_authorized = options.added_headers().contains("Authorization");
        if let Some(authorization) = &self.authorization
            && !self.is_authorized
        {
            options = options.header("Authorization", authorization);
        }
        Ok(options)
    }

    /// Whether another attempt may do better than the one that failed with `cause`.
    fn go_on(&mut self, cause: &Error) -> Result<bool, Error> {
        if let Some(to) = redirect::follow(&self.uri, cause, &self.settings, self.followed)? {
            self.is_foreign |= !self.uri.is_same_origin(&to);
            if self.is_foreign {
                self.settings.dial.forget_identity();
                self.settings.credentials = None;
            }
            debug!(to = %to.redacted(), "following a redirect");
            self.uri = to;
            self.followed += 1;
            (self.authorization, self.answered) = (None, Answered::default());
            return Ok(true);
        }
        let Some(refusal) = cause.get::<InvalidStatus>() else { return Ok(false) };
        let Some(credentials) = &self.settings.credentials else { return Ok(false) };
        if refusal.response.status_code != 401 || self.is_authorized {
            return Ok(false);
        }
        let answer = self.answered.answer(
            &refusal.response.headers,
            "WWW-Authenticate",
            credentials,
            "GET",
            self.uri.resource_name(),
        );
        self.authorization = answer.map(|answer| {
            debug!(scheme = ?answer.scheme, "answering a challenge");
            answer.value
        });
        Ok(self.authorization.is_some())
    }
}

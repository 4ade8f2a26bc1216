//! [`basic_auth`]: a hook that asks for a user name and a password.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::hint::black_box;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;

use ws_proto::grammar::{build_www_authenticate_basic, parse_authorization_basic};
use ws_proto::http::Response;

use crate::hooks::Handshake;

/// The name of a user that [`basic_auth`] has let in, for the handler: `ws.data::<Username>()`.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct Username(Box<str>);

impl Deref for Username {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

/// Makes a hook that lets in clients whose user name and password `check` approves, by Basic authentication
/// ([RFC 7617 §2]), and answers the others with 401. The realm tells people what it is for; characters that a header can't
/// hold become question marks. [`credentials`] is a check against a list.
///
/// Browsers can't be made to send a password with a WebSocket by a script; they do so after a page of the same server
/// has asked for it. The password is in clear: use TLS.
///
/// ```
/// use ws_tokio::{Error, Username, WebSocket, basic_auth, connect, credentials, serve};
///
/// async fn greet(ws: WebSocket) -> Result<(), Error> {
///     let name = ws.data::<Username>().expect("the hook has put it there");
///     ws.send(format!("hello {name}")).await
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let server = serve("127.0.0.1:0", greet)
///     .process_request(basic_auth("chat", credentials([("anna", "s3cret")])))
///     .await?;
/// let uri = format!("ws://anna:s3cret@{}/", server.local_addr());
/// assert_eq!(connect(uri).await?.recv().await?, Some("hello anna".into()));
///
/// // A check may wait, for a database perhaps.
/// let hook = basic_auth("chat", async |name: String, password: String| name == password);
/// # _ = serve("127.0.0.1:0", greet).process_request(hook);
/// # server.shutdown().await;
/// # Ok(()) }
/// ```
///
/// [RFC 7617 §2]: https://www.rfc-editor.org/rfc/rfc7617#section-2
pub fn basic_auth<C, F>(
    realm: &str,
    check: C,
) -> impl Fn(Handshake) -> Pin<Box<dyn Future<Output = Result<Handshake, Response>> + Send>>
+ Send
+ Sync
+ 'static
where
    C: Fn(String, String) -> F + Send + Sync + 'static,
    F: Future<Output = bool> + Send + 'static,
{
    let is_legal = |c: char| c == '\t' || matches!(c, ' '..='~' | '\u{80}'..='\u{ff}');
    let realm: String = realm.chars().map(|c| if is_legal(c) { c } else { '?' }).collect();
    let challenge: Arc<str> = build_www_authenticate_basic(&realm).unwrap_or_default().into();
    let check = Arc::new(check);
    move |handshake| {
        let (challenge, check) = (Arc::clone(&challenge), Arc::clone(&check));
        Box::pin(async move {
            let refuse = |text: &str| {
                let mut response = Response::text(401, text);
                _ = response.headers.insert("WWW-Authenticate", &challenge);
                response
            };
            // Of several ones, a proxy may have checked another one.
            let header = match handshake.request().headers().get("Authorization") {
                Ok(Some(header)) => header,
                Ok(None) => return Err(refuse("Missing credentials\n")),
                Err(_) => return Err(refuse("Unsupported credentials\n")),
            };
            let given = parse_authorization_basic(header).ok().and_then(|given| {
                let name = String::from_utf8(given.username).ok()?;
                Some((name, String::from_utf8(given.password).ok()?))
            });
            let Some((name, password)) = given else {
                return Err(refuse("Unsupported credentials\n"));
            };
            match check(name.clone(), password).await {
                true => Ok(handshake.data(Username(name.into()))),
                false => Err(refuse("Invalid credentials\n")),
            }
        })
    }
}

/// Makes a check for [`basic_auth`]: whether a user name and its password are in the list. How long it takes tells the
/// lengths of names and passwords at most, not which of them was right.
pub fn credentials<N, P>(
    list: impl IntoIterator<Item = (N, P)>,
) -> impl Fn(String, String) -> Ready<bool> + Send + Sync + 'static
where
    N: Into<String>,
    P: Into<String>,
{
    let list: Vec<(String, String)> =
        list.into_iter().map(|(name, password)| (name.into(), password.into())).collect();
    move |name, password| {
        // All are compared, whatever the others say.
        let is = |entry: &(String, String)| is_same(&entry.0, &name) & is_same(&entry.1, &password);
        ready(list.iter().fold(false, |is_known, entry| is_known | is(entry)))
    }
}

/// Whether both are the same. How long it takes tells only whether their lengths are.
fn is_same(a: &str, b: &str) -> bool {
    let differences = a.bytes().zip(b.bytes()).fold(0, |all, (a, b)| black_box(all | (a ^ b)));
    (a.len() == b.len()) & (differences == 0)
}

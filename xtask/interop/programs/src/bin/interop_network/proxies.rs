//! Proxies of others, each on the way to a plain server and to one with TLS.

use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use websockets::{Connect, connect};

use crate::parts::{Auth, Lab, PASSWORD, Part, ServerTls, USER, free_addr};
use crate::{Outcome, Scenario, refused, talk};

pub(crate) fn scenarios(lab: &Lab) -> Vec<Scenario<'_>> {
    let mut scenarios: Vec<Scenario<'_>> = Vec::new();
    for &(name, kind, scheme, auth) in PROXIES {
        scenarios.push((format!("proxy_{name}"), Box::pin(through(lab, kind, scheme, auth))));
    }
    for scheme in ["http", "https", "socks5", "socks5h"] {
        scenarios.push((format!("proxy_that_hangs_{scheme}"), Box::pin(hanging(lab, scheme))));
        scenarios.push((format!("proxy_that_is_down_{scheme}"), Box::pin(down(scheme))));
    }
    scenarios
}

#[derive(Clone, Copy)]
enum Kind {
    Squid,
    SquidDigest,
    Tinyproxy,
    /// In front of tinyproxy.
    Haproxy,
    Microsocks,
    Dante,
}

/// A name, the proxy, the scheme of its address, and whether it asks for a password.
const PROXIES: &[(&str, Kind, &str, Auth)] = &[
    ("squid", Kind::Squid, "http", Auth::None),
    ("squid_basic", Kind::Squid, "http", Auth::Password),
    ("squid_digest", Kind::SquidDigest, "http", Auth::Password),
    ("tinyproxy", Kind::Tinyproxy, "http", Auth::None),
    ("tinyproxy_basic", Kind::Tinyproxy, "http", Auth::Password),
    ("haproxy", Kind::Haproxy, "https", Auth::None),
    ("haproxy_basic", Kind::Haproxy, "https", Auth::Password),
    ("microsocks", Kind::Microsocks, "socks5", Auth::None),
    ("microsocks_resolving", Kind::Microsocks, "socks5h", Auth::None),
    ("microsocks_password", Kind::Microsocks, "socks5", Auth::Password),
    ("microsocks_password_resolving", Kind::Microsocks, "socks5h", Auth::Password),
    ("dante", Kind::Dante, "socks5", Auth::None),
    ("dante_resolving", Kind::Dante, "socks5h", Auth::None),
];

impl Kind {
    /// Starts it, with what is behind it.
    async fn start(self, lab: &Lab, auth: Auth) -> Outcome<(Part, Option<Part>)> {
        Ok(match (self, auth) {
            (Self::Squid, Auth::None) => (lab.squid("").await?, None),
            (Self::Squid, Auth::Password) => (lab.squid_with_basic().await?, None),
            (Self::SquidDigest, _) => (lab.squid_with_digest().await?, None),
            (Self::Tinyproxy, auth) => (lab.tinyproxy(auth).await?, None),
            (Self::Haproxy, auth) => {
                let proxy = lab.tinyproxy(auth).await?;
                (lab.haproxy(proxy.addr).await?, Some(proxy))
            }
            (Self::Microsocks, auth) => (lab.microsocks(auth).await?, None),
            (Self::Dante, _) => (lab.dante().await?, None),
        })
    }
}

/// Everything about one proxy.
async fn through(lab: &Lab, kind: Kind, scheme: &str, auth: Auth) -> Outcome<String> {
    let (proxy, behind) = kind.start(lab, auth).await?;
    let plain = lab.echo_server().await?;
    let secure = lab.nginx(ServerTls::new("valid"), plain.addr).await?;
    let port = proxy.addr.port();
    let shown = format!("{scheme}://localhost:{port}");
    let address = |user_info: &str| format!("{scheme}://{user_info}localhost:{port}");
    let to = |uri: &str, proxy: String| -> Connect {
        let tls = || lab.certificates.tls();
        connect(uri).proxy(proxy).tls(tls()).proxy_tls(tls())
    };
    let right = match auth {
        Auth::None => address(""),
        Auth::Password => address(&format!("{USER}:{PASSWORD}@")),
    };
    let uris =
        [format!("ws://{}/", plain.addr), format!("wss://localhost:{}/", secure.addr.port())];
    for uri in &uris {
        talk(to(uri, right.clone())).await.map_err(|e| format!("{uri}: {e}"))?;
        if auth == Auth::Password {
            for wrong in ["me:wrong@", "you:wrong@", ""] {
                refused(to(uri, address(wrong)), false, &[uri, &shown]).await?;
            }
        }
    }
    let mut saw = String::new();
    if auth == Auth::Password {
        saw = refused(to(&uris[0], address("me:wrong@")), false, &[&shown]).await? + "; ";
    }
    // A server that restarts: trying again helps.
    let nobody = format!("ws://{}/", free_addr()?);
    saw += &refused(to(&nobody, right), true, &[&nobody, &shown]).await?;
    secure.stop().await?;
    plain.stop().await?;
    proxy.stop().await?;
    if let Some(part) = behind {
        part.stop().await?;
    }
    Ok(saw)
}

/// A proxy that accepts connections, and says nothing.
async fn hanging(lab: &Lab, scheme: &str) -> Outcome<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let proxy = format!("{scheme}://{}", listener.local_addr()?);
    let (limit, start) = (Duration::from_secs(1), Instant::now());
    let connecting = connect("wss://localhost:1/").proxy(&*proxy).open_timeout(limit);
    let connecting = connecting.proxy_tls(lab.certificates.tls());
    let stage = match scheme {
        "https" => "in the TLS handshake of the proxy",
        _ => "waiting for the proxy",
    };
    let saw = refused(connecting, true, &["through", &proxy, "after 1 s", stage]).await?;
    let took = start.elapsed();
    if took > limit + limit / 2 {
        return Err(format!("it took {took:?}").into());
    }
    Ok(saw)
}

/// A proxy that isn't there.
async fn down(scheme: &str) -> Outcome<String> {
    let proxy = format!("{scheme}://{}", free_addr()?);
    refused(connect("ws://localhost:1/").proxy(&*proxy), true, &["through", &proxy, "refused"])
        .await
}

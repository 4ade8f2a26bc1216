//! TLS servers of others: certificates that are right and wrong, versions, certificates of clients, alerts.

use websockets::{ClientTls, Connect, Proxy, connect};

use crate::certificates::{BAD, GOOD};
use crate::parts::{Lab, Part, ServerTls};
use crate::{Outcome, Scenario, refused, talk};

pub(crate) fn scenarios(lab: &Lab) -> Vec<Scenario<'_>> {
    let mut scenarios: Vec<Scenario<'_>> = Vec::new();
    for server in [Server::Python, Server::Nginx, Server::OpenSsl] {
        let mut add = |name: &str, scenario| {
            let server = format!("{server:?}").to_lowercase();
            scenarios.push((format!("tls_{server}_{name}"), scenario));
        };
        for name in GOOD {
            add(name, Box::pin(right(lab, server, ServerTls::new(name), None)));
        }
        for (name, text) in BAD {
            add(name, Box::pin(wrong(lab, server, name, text)));
        }
        for (name, version) in [("1.2", "TLSv1_2"), ("1.3", "TLSv1_3")] {
            let tls = ServerTls::new("valid").version(name);
            add(name, Box::pin(right(lab, server, tls, Some(version))));
            add(&format!("{name}_client_certificates"), Box::pin(clients(lab, server, name)));
        }
    }
    for (name, args, text) in ALERTS {
        scenarios.push((format!("tls_alert_{name}"), Box::pin(alert(lab, args, text))));
    }
    scenarios.push((
        "tls_openssl_retry_with_another_group".to_owned(),
        Box::pin(async { openssl_answers(lab, &["-groups", "P-384"]).await }),
    ));
    scenarios
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Server {
    Python,
    Nginx,
    /// It does the handshake, and answers that there is no such file.
    OpenSsl,
}

/// Options of `openssl s_server` with which there is nothing to agree on, and a part of the error.
const ALERTS: [(&str, &[&str], &str); 3] = [
    ("old_version", &["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"], "ProtocolVersion"),
    ("no_cipher", &["-tls1_2", "-cipher", "AES128-SHA"], "HandshakeFailure"),
    ("no_protocol", &["-alpn", "h2"], "NoApplicationProtocol"),
];

impl Server {
    /// Starts it, with what is behind it.
    async fn start(self, lab: &Lab, tls: ServerTls<'_>) -> Outcome<(Part, Option<Part>)> {
        Ok(match self {
            Self::Python => (lab.python(tls).await?, None),
            Self::Nginx => {
                let echo = lab.echo_server().await?;
                (lab.nginx(tls, echo.addr).await?, Some(echo))
            }
            Self::OpenSsl => {
                let mut args = Vec::new();
                args.extend(tls.version.map(|it| if it == "1.2" { "-tls1_2" } else { "-tls1_3" }));
                if tls.asks_clients {
                    args.extend(["-Verify", "1", "-verify_return_error"]);
                }
                (lab.openssl(tls.certificate, &args).await?, None)
            }
        })
    }
}

/// A direct connection to a part.
fn to(part: &Part, tls: ClientTls) -> Connect {
    connect(format!("wss://localhost:{}/", part.addr.port())).proxy(Proxy::direct()).tls(tls)
}

/// A server that can be talked to, with this version of TLS.
async fn right(
    lab: &Lab,
    server: Server,
    tls: ServerTls<'_>,
    version: Option<&str>,
) -> Outcome<String> {
    let (part, _behind) = server.start(lab, tls).await?;
    if server == Server::OpenSsl {
        return refused(to(&part, lab.certificates.tls()), false, &[OPENSSL_ANSWER]).await;
    }
    let saw = talk(to(&part, lab.certificates.tls())).await?;
    match version {
        Some(version) if saw != version => Err(format!("{saw} instead of {version}").into()),
        _ => Ok(saw),
    }
}

/// The answer of `openssl s_server -WWW` when there is no such file: HTTP 1.0, and not what was asked for.
const OPENSSL_ANSWER: &str = "HTTP";

async fn openssl_answers(lab: &Lab, args: &[&str]) -> Outcome<String> {
    let part = lab.openssl("valid", args).await?;
    refused(to(&part, lab.certificates.tls()), false, &[OPENSSL_ANSWER]).await
}

/// A certificate that isn't right is refused, unless the program doesn't want to know.
async fn wrong(lab: &Lab, server: Server, certificate: &str, text: &str) -> Outcome<String> {
    let (part, _behind) = server.start(lab, ServerTls::new(certificate)).await?;
    let parts = ["wss://localhost:", "the TLS handshake failed", text];
    let saw = refused(to(&part, lab.certificates.tls()), false, &parts).await?;
    let blind = to(&part, lab.certificates.tls().dangerous_no_verification());
    match server {
        Server::OpenSsl => refused(blind, false, &[OPENSSL_ANSWER]).await?,
        Server::Python | Server::Nginx => talk(blind).await?,
    };
    Ok(saw)
}

/// A server that wants to see a certificate.
async fn clients(lab: &Lab, server: Server, version: &str) -> Outcome<String> {
    let tls = ServerTls::new("valid").version(version).asking_clients();
    let (part, _behind) = server.start(lab, tls).await?;
    let known = to(&part, lab.certificates.tls_with_certificate());
    match server {
        Server::OpenSsl => refused(known, false, &[OPENSSL_ANSWER]).await?,
        Server::Python | Server::Nginx => talk(known).await?,
    };
    // nginx says it in HTTP, OpenSSL with an alert. Python's event loop drops the alert: that may pass.
    let (alert, retryable) = match server {
        Server::Nginx => ("HTTP 400", false),
        Server::OpenSsl => ("the TLS handshake failed: received fatal alert", false),
        Server::Python => ("cannot connect", true),
    };
    let none = refused(to(&part, lab.certificates.tls()), retryable, &[alert]).await?;
    let stranger = to(&part, lab.certificates.tls_of_a_stranger());
    let stranger = refused(stranger, retryable, &[alert]).await?;
    Ok(format!("without: {none}; of a stranger: {stranger}"))
}

/// A server that ends the handshake with an alert.
async fn alert(lab: &Lab, args: &[&str], text: &str) -> Outcome<String> {
    let part = lab.openssl("valid", args).await?;
    let parts = ["the TLS handshake failed", text];
    refused(to(&part, lab.certificates.tls()), false, &parts).await
}

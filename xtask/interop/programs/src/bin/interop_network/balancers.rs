//! Load balancers of others in front of a server of ours that wants to know its clients.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use websockets::rustls::pki_types::pem::PemObject;
use websockets::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use websockets::{
    Error, ForwardedHeader, Listen, Proxy, Server, ServerTls, TrustedProxies, WebSocket, connect,
    serve,
};

use crate::parts::{Lab, Part};
use crate::{Outcome, Scenario};

pub(crate) fn scenarios(lab: &Lab) -> Vec<Scenario<'_>> {
    BALANCERS
        .iter()
        .map(|&(name, balancer)| -> Scenario<'_> {
            (format!("behind_{name}"), Box::pin(behind(lab, balancer)))
        })
        .collect()
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Balancer {
    /// nginx with TLS that writes a header of the request.
    Nginx(ForwardedHeader),
    /// haproxy that speaks HTTP, and writes `X-Forwarded-For`.
    HaproxyHttp,
    /// haproxy that passes on bytes, behind a header of the PROXY protocol.
    Haproxy(&'static str),
    /// The same, with TLS that ends at our server.
    HaproxyTls(&'static str),
}

const BALANCERS: &[(&str, Balancer)] = &[
    ("nginx_x_forwarded_for", Balancer::Nginx(ForwardedHeader::XForwardedFor)),
    ("nginx_forwarded", Balancer::Nginx(ForwardedHeader::Forwarded)),
    ("haproxy_x_forwarded_for", Balancer::HaproxyHttp),
    ("haproxy_send_proxy", Balancer::Haproxy("send-proxy")),
    ("haproxy_send_proxy_v2", Balancer::Haproxy("send-proxy-v2 check inter 100ms")),
    (
        "haproxy_send_proxy_v2_options",
        Balancer::Haproxy("send-proxy-v2 proxy-v2-options unique-id,crc32c"),
    ),
    ("haproxy_send_proxy_tls", Balancer::HaproxyTls("send-proxy")),
    ("haproxy_send_proxy_v2_tls", Balancer::HaproxyTls("send-proxy-v2")),
];

/// Tells each client its address and that of the load balancer.
async fn tell(ws: WebSocket) -> Result<(), Error> {
    let through = ws.with_stream(|stream| stream.peer_addr()).transpose()?;
    ws.send(format!("{:?} {through:?}", ws.peer_addr())).await
}

/// A server that trusts this machine; with TLS, if the load balancer passes it on.
async fn server(lab: &Lab, balancer: Balancer) -> Outcome<Server> {
    let trusted: TrustedProxies = "127.0.0.1".parse()?;
    let listen = Listen::tcp("127.0.0.1:0");
    let server = match balancer {
        Balancer::Nginx(header) => serve(listen, tell).forwarded(header, trusted),
        Balancer::HaproxyHttp => {
            serve(listen, tell).forwarded(ForwardedHeader::XForwardedFor, trusted)
        }
        Balancer::Haproxy(_) => serve(listen.proxy_protocol(trusted), tell),
        Balancer::HaproxyTls(_) => {
            let chain = CertificateDer::pem_file_iter(lab.file("valid.pem"))?;
            let key = PrivateKeyDer::from_pem_file(lab.file("valid.key"))?;
            let tls = ServerTls::new(chain.collect::<Result<Vec<_>, _>>()?, key);
            serve(listen.proxy_protocol(trusted).tls(tls), tell)
        }
    };
    Ok(server.await?)
}

async fn start(lab: &Lab, balancer: Balancer, server: &Server) -> Outcome<Part> {
    let addr = server.local_addr();
    match balancer {
        Balancer::Nginx(header) => lab.nginx_that_tells(header, addr).await,
        Balancer::HaproxyHttp => lab.haproxy_with("mode http\n  option forwardfor", "", addr).await,
        Balancer::Haproxy(options) | Balancer::HaproxyTls(options) => {
            lab.haproxy_with("mode tcp", options, addr).await
        }
    }
}

/// Clients of several addresses, which they know themselves, and one that lies.
async fn behind(lab: &Lab, balancer: Balancer) -> Outcome<String> {
    let server = server(lab, balancer).await?;
    let part = start(lab, balancer, &server).await?;
    let scheme = if let Balancer::HaproxyTls(_) = balancer { "wss" } else { "ws" };
    let mut saw = String::new();
    let v4 = [2, 3, 250].map(|last| IpAddr::from([127, 0, 0, last]));
    // Of those that are started here, only this one listens there.
    let v6 = matches!(balancer, Balancer::Nginx(_)).then_some(Ipv6Addr::LOCALHOST.into());
    for from in v6.into_iter().chain(v4) {
        let to =
            SocketAddr::new(if from.is_ipv4() { part.addr.ip() } else { from }, part.addr.port());
        let mut ws = connect(format!("{scheme}://localhost/"))
            .connect_to(to.to_string())
            .proxy(Proxy::direct())
            .tls(lab.certificates.tls())
            .local_addr(from)
            .header("X-Forwarded-For", "192.0.2.1")
            .header("Forwarded", "for=192.0.2.1, for=\"")
            .await?;
        let ours = ws.local_addr().ok_or("no address")?;
        saw = match ws.recv().await? {
            Some(message) => message.into_text()?.to_string(),
            None => return Err("it says nothing".into()),
        };
        // The header of a request has no port.
        let port = match balancer {
            Balancer::Nginx(_) | Balancer::HaproxyHttp => 0,
            Balancer::Haproxy(_) | Balancer::HaproxyTls(_) => ours.port(),
        };
        let shown = SocketAddr::new(from, port);
        let expected = format!("Some({shown}) Some(127.0.0.1:");
        if !saw.starts_with(&expected) {
            return Err(format!("{saw} instead of {expected}").into());
        }
        ws.close(1000, "").await?;
    }
    server.shutdown().await;
    part.stop().await?;
    Ok(saw)
}

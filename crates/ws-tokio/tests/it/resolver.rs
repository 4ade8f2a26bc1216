//! A resolver of others: the recipes show the same code.

use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ProtocolConfig, ResolverConfig,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use tokio::net::UdpSocket;
use ws_tokio::{Proxy, Resolve, Resolving, WebSocket, connect, serve};

/// Finds addresses with hickory.
struct Hickory(Arc<TokioResolver>);

impl Resolve for Hickory {
    fn resolve(&self, host: &str, port: u16) -> Resolving {
        let (resolver, host) = (Arc::clone(&self.0), host.to_owned());
        Box::pin(async move {
            let found = resolver.lookup_ip(host).await.map_err(io::Error::other)?;
            Ok(found.iter().map(|ip| SocketAddr::new(ip, port)).collect())
        })
    }
}

/// A name server that knows `host.test`, whose address is 127.0.0.1.
async fn name_server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let addr = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut memory = [0; 512];
        while let Ok((len, from)) = socket.recv_from(&mut memory).await {
            let query = &memory[..len];
            // The header, one question: the name, its type, its class (RFC 1035 §4.1).
            let name_len = query[12..].iter().position(|&byte| byte == 0).unwrap() + 1;
            let question = &query[12..12 + name_len + 4];
            let is_known = question.starts_with(b"\x04host\x04test\0\0\x01");
            let mut answer = query[..2].to_vec();
            let code = if question.starts_with(b"\x04host\x04test\0") { 0 } else { 3 };
            answer.extend([0x81, 0x80 | code, 0, 1, 0, u8::from(is_known), 0, 0, 0, 0]);
            answer.extend(question);
            if is_known {
                answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 127, 0, 0, 1]);
            }
            socket.send_to(&answer, from).await.unwrap();
        }
    });
    addr
}

#[tokio::test]
async fn hickory_finds_the_addresses_of_a_host() {
    let server = serve("127.0.0.1:0", |_: WebSocket| async {}).await.unwrap();
    let dns = name_server().await;
    let mut connection = ConnectionConfig::new(ProtocolConfig::Udp);
    connection.port = dns.port();
    let name_server = NameServerConfig::new(dns.ip(), true, vec![connection]);
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![name_server]);
    let resolver =
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()).build();
    let resolver = Arc::new(resolver.unwrap());
    let open = |host: &str| {
        let uri = format!("ws://{host}:{}/", server.local_addr().port());
        let connecting =
            connect(uri).proxy(Proxy::direct()).resolver(Hickory(Arc::clone(&resolver)));
        tokio::time::timeout(Duration::from_secs(20), connecting.into_future())
    };
    let mut ws = open("host.test").await.unwrap().unwrap();
    assert_eq!(ws.peer_addr(), Some(server.local_addr()));
    assert_eq!(ws.recv().await.unwrap(), None);
    let error = open("other.test").await.unwrap().unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert!(error.to_string().contains("cannot resolve the host: "), "{error}");
}

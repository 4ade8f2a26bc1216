//! Settings of the library, made of the arguments.

use std::path::Path;
use std::time::Duration;

use websockets::datastructures::Headers;
use websockets::protocol::client::{ClientHandshake, ClientOptions};
use websockets::protocol::{ProxyUri, Uri};
use websockets::rustls::RootCertStore;
use websockets::rustls::pki_types::pem::PemObject;
use websockets::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use websockets::{ClientTls, Connect, Error, Origin, Proxy, Subprotocol, connect};

use crate::args::{self, ConnectArgs, Limit};

/// The settings of a connection; the error is the text of a line.
pub(crate) fn build(args: &ConnectArgs) -> Result<Connect, String> {
    let uri = Uri::parse(&args.url).map_err(text)?;
    let mut connect = connect(&*args.url)
        .proxy(proxy(&args.proxy)?)
        .connect_timeout(args.connect_timeout)
        .max_redirects(args.max_redirects);
    let mut options = ClientOptions::default();
    let mut headers = Headers::new();
    for header in &args.headers {
        let (name, value) = args::header(header)?;
        headers.insert(name, value).map_err(text)?;
    }
    options = options.headers(headers.clone());
    connect = connect.headers(headers);
    if let Some(user_agent) = &args.user_agent {
        options = options.user_agent(&**user_agent);
        connect = connect.user_agent(&**user_agent);
    }
    if let Some(origin) = &args.origin {
        let origin = Origin::from(&**origin);
        options = options.origin(origin.clone());
        connect = connect.origin(origin);
    }
    // It refuses headers that only the handshake may set.
    ClientHandshake::new(&uri, &options, [0; 16], Duration::ZERO).map_err(text)?;

    let subprotocols =
        args.subprotocols.iter().map(|name| name.parse::<Subprotocol>().map_err(text));
    connect = connect.subprotocols(subprotocols.collect::<Result<Vec<_>, _>>()?);
    if let Some(user) = &args.user {
        let (name, password) = args::user(user)?;
        connect = connect.credentials(name, password);
    }
    let (tls, proxy_tls) = tls(args)?;
    connect = connect.tls(tls).proxy_tls(proxy_tls);
    if let Some(authority) = &args.connect_to {
        let wrong = || format!("`{authority}` isn't HOST:PORT");
        let target = Uri::parse(&format!("ws://{authority}")).map_err(|_| wrong())?;
        if target.resource_name() != "/" || target.user_info().is_some() {
            return Err(wrong());
        }
        connect = connect.connect_to(&**authority);
    }
    #[cfg(unix)]
    if let Some(path) = &args.unix {
        connect = connect.unix_socket(path);
    }
    if let Some(addr) = args.bind {
        connect = connect.local_addr(addr);
    }
    if let Some(limit) = args.open_timeout {
        connect = connect.open_timeout(limit);
    }
    if let Some(limit) = args.close_timeout {
        connect = connect.close_timeout(limit);
    }
    if let Some(Limit(interval)) = args.ping_interval {
        connect = connect.ping_interval(interval);
    }
    if let Some(Limit(bytes)) = args.max_size {
        connect = connect.max_message_size(bytes);
    }
    if args.no_compression {
        connect = connect.compression(None);
    }
    Ok(connect)
}

/// The proxy that the arguments name.
fn proxy(proxy: &str) -> Result<Proxy, String> {
    match proxy {
        "env" => Ok(Proxy::environment()),
        "none" => Ok(Proxy::direct()),
        proxy => ProxyUri::parse(proxy).map(Proxy::from).map_err(text),
    }
}

/// TLS with the server, and with a proxy.
fn tls(args: &ConnectArgs) -> Result<(ClientTls, ClientTls), String> {
    let mut tls = ClientTls::new();
    if let Some(path) = &args.ca_file {
        let roots = certificates(path)?;
        let mut store = RootCertStore::empty();
        for root in &roots {
            store.add(root.clone()).map_err(|e| of_file(path, e))?;
        }
        tls = tls.only_roots(roots);
    }
    if args.insecure {
        tls = tls.dangerous_no_verification();
    }
    let proxy_tls = tls.clone();
    if let (Some(cert), Some(key)) = (&args.cert, &args.key) {
        let chain = certificates(cert)?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(|e| of_file(key, e))?;
        tls = tls.client_certificate(chain, key);
    }
    if let Some(name) = &args.server_name {
        ServerName::try_from(&**name).map_err(|e| format!("--server-name {name}: {e}"))?;
        tls = tls.server_name(&**name);
    }
    Ok((tls, proxy_tls))
}

/// The certificates of a file, at least one; the error is the text of a line.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = found.map_err(|e| of_file(path, e))?;
    if found.is_empty() { Err(of_file(path, "no certificate in it")) } else { Ok(found) }
}

/// An error about a file as one line.
pub(crate) fn of_file(path: &Path, error: impl std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}

/// An error as one line.
pub(crate) fn text(error: impl Into<Error>) -> String {
    format!("{:?}", error.into())
}

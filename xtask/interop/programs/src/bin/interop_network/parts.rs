//! Servers and proxies of others: processes that are started for a scenario, and ended with it.

use std::cell::Cell;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use websockets::ForwardedHeader;

use crate::Outcome;
use crate::certificates::Certificates;

/// Everything that parts are made of.
pub(crate) struct Lab {
    /// For certificates, settings and logs.
    pub(crate) folder: PathBuf,
    pub(crate) echo_server: PathBuf,
    python: PathBuf,
    /// The script of Python's server with TLS.
    tls_server: PathBuf,
    pub(crate) certificates: Certificates,
    /// The number of parts that were started.
    started: Cell<u32>,
}

/// A process that listens; it is killed when this is dropped.
pub(crate) struct Part {
    child: Child,
    pub(crate) addr: SocketAddr,
}

/// The time until a part has to listen.
const START: Duration = Duration::from_secs(15);

/// The time until a part that was asked to end is killed.
const END: Duration = Duration::from_secs(3);

/// The TLS of a server.
#[derive(Clone, Copy)]
pub(crate) struct ServerTls<'a> {
    pub(crate) certificate: &'a str,
    /// `1.2` or `1.3`; `None` for both.
    pub(crate) version: Option<&'a str>,
    /// Whether clients have to show a certificate of our authority.
    pub(crate) asks_clients: bool,
}

impl<'a> ServerTls<'a> {
    pub(crate) fn new(certificate: &'a str) -> Self {
        Self { certificate, version: None, asks_clients: false }
    }

    pub(crate) fn version(self, version: &'a str) -> Self {
        Self { version: Some(version), ..self }
    }

    pub(crate) fn asking_clients(self) -> Self {
        Self { asks_clients: true, ..self }
    }
}

impl Lab {
    pub(crate) fn new(
        folder: &Path,
        echo_server: &str,
        python: &str,
        tls_server: &str,
    ) -> Outcome<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            echo_server: echo_server.into(),
            python: python.into(),
            tls_server: tls_server.into(),
            certificates: Certificates::make(folder)?,
            started: Cell::new(0),
        })
    }

    /// A file in the folder.
    pub(crate) fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// Writes a file with settings.
    fn settings(&self, program: &str, text: &str) -> Outcome<String> {
        let path = self.file(&format!("{program}-{}.conf", self.started.get()));
        std::fs::write(&path, text)?;
        Ok(path)
    }

    /// Starts a program, and waits until it listens.
    async fn start(&self, name: &str, command: &mut Command, addr: SocketAddr) -> Outcome<Part> {
        let number = self.started.replace(self.started.get() + 1);
        let path = self.folder.join(format!("{name}-{number}.log"));
        let log = std::fs::File::create(&path)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        let child = command.spawn().map_err(|e| format!("{name} can't be started: {e}"))?;
        let mut part = Part { child, addr };
        let listens = async {
            while TcpStream::connect(addr).await.is_err() {
                if part.child.try_wait()?.is_some() {
                    return Outcome::Err("it has ended".into());
                }
                sleep(Duration::from_millis(20)).await;
            }
            Ok(())
        };
        let listens = timeout(START, listens).await.unwrap_or_else(|_| Err("it hangs".into()));
        listens.map_err(|e| {
            let said = std::fs::read_to_string(path).unwrap_or_default();
            format!("{name} doesn't listen: {e}; it said: {}", said.trim_end())
        })?;
        Ok(part)
    }

    /// Our own example, with plain `ws://`.
    pub(crate) async fn echo_server(&self) -> Outcome<Part> {
        self.echo_server_at(free_addr()?).await
    }

    pub(crate) async fn echo_server_at(&self, addr: SocketAddr) -> Outcome<Part> {
        let mut command = Command::new(&self.echo_server);
        self.start("echo_server", command.arg(addr.to_string()), addr).await
    }

    /// Python's `websockets`, which echoes.
    pub(crate) async fn python(&self, tls: ServerTls<'_>) -> Outcome<Part> {
        let addr = free_addr()?;
        let mut command = Command::new(&self.python);
        command.env("PYTHONDONTWRITEBYTECODE", "1").arg(&self.tls_server);
        command.arg(addr.port().to_string());
        command.arg(self.file(&format!("{}.pem", tls.certificate)));
        command.arg(self.file(&format!("{}.key", tls.certificate)));
        if let Some(version) = tls.version {
            command.args(["--version", version]);
        }
        if tls.asks_clients {
            command.args(["--client-ca", &self.file("ours.pem")]);
        }
        self.start("python", &mut command, addr).await
    }

    /// `openssl s_server`, which answers HTTP requests with files.
    pub(crate) async fn openssl(&self, certificate: &str, args: &[&str]) -> Outcome<Part> {
        let addr = free_addr()?;
        let mut command = Command::new("openssl");
        command.args(["s_server", "-WWW", "-accept", &addr.to_string()]);
        command.args(["-cert", &self.file(&format!("{certificate}.pem"))]);
        command.args(["-key", &self.file(&format!("{certificate}.key"))]);
        command.args(["-CAfile", &self.file("ours.pem")]).args(args);
        self.start("openssl", command.current_dir(&self.folder), addr).await
    }

    /// nginx with TLS in front of a server.
    pub(crate) async fn nginx(&self, tls: ServerTls<'_>, server: SocketAddr) -> Outcome<Part> {
        self.nginx_at(free_addr()?, tls, server).await
    }

    pub(crate) async fn nginx_at(
        &self,
        addr: SocketAddr,
        tls: ServerTls<'_>,
        server: SocketAddr,
    ) -> Outcome<Part> {
        let certificate = self.file(tls.certificate);
        let version = match tls.version {
            Some(version) => format!("ssl_protocols TLSv{version};"),
            None => "ssl_protocols TLSv1.2 TLSv1.3;".to_owned(),
        };
        let clients = match tls.asks_clients {
            true => {
                let ours = self.file("ours.pem");
                format!("ssl_client_certificate {ours}; ssl_verify_client on;")
            }
            false => String::new(),
        };
        let listen = format!(
            "listen {addr} ssl; ssl_certificate {certificate}.pem; \
             ssl_certificate_key {certificate}.key; {version} {clients}"
        );
        self.nginx_with(addr, &listen, server).await
    }

    /// nginx in front of a server, which tells it the client in this header, beside what that has sent there.
    pub(crate) async fn nginx_that_tells(
        &self,
        header: ForwardedHeader,
        server: SocketAddr,
    ) -> Outcome<Part> {
        let addr = free_addr()?;
        let header = match header {
            ForwardedHeader::XForwardedFor => "X-Forwarded-For $proxy_add_x_forwarded_for",
            _ => "Forwarded \"$http_forwarded, $client;proto=$scheme\"",
        };
        let listen =
            format!("listen {addr}; listen [::1]:{}; proxy_set_header {header};", addr.port());
        self.nginx_with(addr, &listen, server).await
    }

    /// nginx with these settings of its server.
    async fn nginx_with(
        &self,
        addr: SocketAddr,
        listen: &str,
        server: SocketAddr,
    ) -> Outcome<Part> {
        let folder = self.file("");
        let settings = format!(
            r#"
            daemon off; master_process off; error_log stderr; pid {folder}nginx.pid;
            events {{}}
            http {{
                access_log off;
                client_body_temp_path {folder}nginx; proxy_temp_path {folder}nginx;
                fastcgi_temp_path {folder}nginx; uwsgi_temp_path {folder}nginx;
                scgi_temp_path {folder}nginx;
                map $remote_addr $client {{
                    "~:" "for=\"[$remote_addr]\""; default "for=$remote_addr";
                }}
                server {{
                    {listen}
                    proxy_http_version 1.1;
                    proxy_set_header Upgrade $http_upgrade;
                    proxy_set_header Connection "upgrade";
                    location / {{ proxy_pass http://{server}; }}
                }}
            }}
            "#
        );
        let settings = self.settings("nginx", &settings)?;
        let mut command = Command::new("nginx");
        command.args(["-e", "stderr", "-c", &settings]);
        self.start("nginx", &mut command, addr).await
    }

    /// squid; `auth` are lines about authentication.
    pub(crate) async fn squid(&self, auth: &str) -> Outcome<Part> {
        let addr = free_addr()?;
        let access = match auth {
            "" => "http_access allow localhost",
            _ => "acl known proxy_auth REQUIRED\nhttp_access allow known",
        };
        let settings = format!(
            "http_port {addr}\npid_filename none\naccess_log none\ncache_log /dev/null\n\
             cache deny all\npinger_enable off\nshutdown_lifetime 0 seconds\n\
             visible_hostname squid.test\n{auth}\n{access}\nhttp_access deny all\n"
        );
        let settings = self.settings("squid", &settings)?;
        let mut command = Command::new("squid");
        command.args(["-N", "-d", "1", "-f", &settings]);
        self.start("squid", &mut command, addr).await
    }

    /// squid that asks for Basic.
    pub(crate) async fn squid_with_basic(&self) -> Outcome<Part> {
        let mut command = Command::new("openssl");
        let output = command.args(["passwd", "-apr1", PASSWORD]).output().await?;
        let hash = String::from_utf8(output.stdout)?;
        let file = self.file("basic.passwords");
        std::fs::write(&file, format!("{USER}:{hash}"))?;
        let helper = "/usr/lib/squid/basic_ncsa_auth";
        let auth = format!("auth_param basic program {helper} {file}\nauth_param basic realm r");
        self.squid(&auth).await
    }

    /// squid that asks for Digest.
    pub(crate) async fn squid_with_digest(&self) -> Outcome<Part> {
        let file = self.file("digest.passwords");
        std::fs::write(&file, format!("{USER}:{PASSWORD}\n"))?;
        let helper = "/usr/lib/squid/digest_file_auth";
        let auth = format!("auth_param digest program {helper} {file}\nauth_param digest realm r");
        self.squid(&auth).await
    }

    pub(crate) async fn tinyproxy(&self, auth: Auth) -> Outcome<Part> {
        let addr = free_addr()?;
        let auth = match auth {
            Auth::None => String::new(),
            Auth::Password => format!("BasicAuth {USER} {PASSWORD}\n"),
        };
        let port = addr.port();
        let settings = format!("Port {port}\nListen 127.0.0.1\nTimeout 600\nMaxClients 50\n{auth}");
        let settings = self.settings("tinyproxy", &settings)?;
        let mut command = Command::new("tinyproxy");
        self.start("tinyproxy", command.args(["-d", "-c", &settings]), addr).await
    }

    /// haproxy with TLS in front of a plain proxy.
    pub(crate) async fn haproxy(&self, proxy: SocketAddr) -> Outcome<Part> {
        let addr = free_addr()?;
        let certificate = self.file("valid.both");
        let settings = format!(
            "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n\
             listen https\n  bind {addr} ssl crt {certificate}\n  server plain {proxy}\n"
        );
        self.haproxy_at(addr, &settings).await
    }

    /// haproxy with this mode in front of a server, with options of its connections.
    pub(crate) async fn haproxy_with(
        &self,
        mode: &str,
        options: &str,
        server: SocketAddr,
    ) -> Outcome<Part> {
        let addr = free_addr()?;
        let settings = format!(
            "defaults\n  {mode}\n  unique-id-format %[uuid]\n  timeout connect 5s\n  timeout client 60s\n\
             \x20 timeout server 60s\n  timeout tunnel 60s\nlisten websockets\n  bind {addr}\n\
             \x20 server ours {server} {options}\n"
        );
        self.haproxy_at(addr, &settings).await
    }

    async fn haproxy_at(&self, addr: SocketAddr, settings: &str) -> Outcome<Part> {
        let settings = self.settings("haproxy", settings)?;
        let mut command = Command::new("haproxy");
        self.start("haproxy", command.args(["-db", "-f", &settings]), addr).await
    }

    pub(crate) async fn microsocks(&self, auth: Auth) -> Outcome<Part> {
        let addr = free_addr()?;
        let mut command = Command::new("microsocks");
        command.args(["-i", "127.0.0.1", "-p", &addr.port().to_string()]);
        if auth == Auth::Password {
            command.args(["-u", USER, "-P", PASSWORD]);
        }
        self.start("microsocks", &mut command, addr).await
    }

    /// Dante, a SOCKS server without authentication.
    pub(crate) async fn dante(&self) -> Outcome<Part> {
        let addr = free_addr()?;
        let port = addr.port();
        let settings = format!(
            "errorlog: stderr\nlogoutput: stderr\ninternal: 127.0.0.1 port = {port}\nexternal: 127.0.0.1\n\
             clientmethod: none\nsocksmethod: none\n\
             client pass {{ from: 127.0.0.1/32 to: 0.0.0.0/0 }}\n\
             socks pass {{ from: 127.0.0.1/32 to: 0.0.0.0/0 command: connect }}\n"
        );
        let settings = self.settings("danted", &settings)?;
        let pid = self.file("danted.pid");
        let mut command = Command::new("danted");
        self.start("danted", command.args(["-f", &settings, "-p", &pid]), addr).await
    }
}

/// Whether a proxy asks for a password.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Auth {
    None,
    Password,
}

/// The credentials that proxies know.
pub(crate) const USER: &str = "me";
pub(crate) const PASSWORD: &str = "secret";

impl Part {
    /// Sends a signal: `STOP`, `CONT`, `TERM` …
    pub(crate) async fn signal(&self, name: &str) -> Outcome {
        let pid = self.child.id().ok_or("the process has ended")?.to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status().await?;
        if status.success() { Ok(()) } else { Err(format!("no signal {name} to {pid}").into()) }
    }

    /// Asks the process to end; one that doesn't is killed.
    pub(crate) async fn stop(mut self) -> Outcome {
        self.signal("TERM").await?;
        if timeout(END, self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        Ok(())
    }

    /// Ends the process without a word.
    pub(crate) async fn kill(mut self) -> Outcome {
        Ok(self.child.kill().await?)
    }
}

/// An address that nothing listens on now.
pub(crate) fn free_addr() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

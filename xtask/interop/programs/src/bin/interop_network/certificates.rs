//! Certificates for servers and clients, made anew for each run.

use std::path::Path;
use std::process::Command;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, PKCS_ECDSA_P384_SHA384, date_time_ymd,
};
use websockets::ClientTls;
use websockets::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use crate::Outcome;

/// The authorities, and the certificates of clients. Those of servers are in files: `NAME.pem`, `NAME.key`, and
/// both in `NAME.both`; `ours.pem` is the authority's.
pub(crate) struct Certificates {
    root: CertificateDer<'static>,
    client: Signed,
    stranger: Signed,
}

/// The certificates of servers that aren't right, each with a part of the text of the error.
pub(crate) const BAD: [(&str, &str); 3] = [
    ("expired", "certificate expired"),
    ("other_name", "not valid for name \"localhost\""),
    ("unknown", "UnknownIssuer"),
];

/// The right ones, for `localhost`: with different keys.
pub(crate) const GOOD: [&str; 3] = ["valid", "p384", "rsa"];

struct Signed {
    cert: CertificateDer<'static>,
    key: KeyPair,
}

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Outcome<Self> {
        let mut params = CertificateParams::new([])?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    /// Signs a certificate, and writes it and its key into files.
    fn sign(
        &self,
        folder: &Path,
        name: &str,
        key: KeyPair,
        mut params: CertificateParams,
    ) -> Outcome<Signed> {
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let cert = params.signed_by(&key, &self.0)?;
        let (cert_pem, key_pem) = (cert.pem(), key.serialize_pem());
        let file = |ending: &str| folder.join(format!("{name}.{ending}"));
        std::fs::write(file("pem"), &cert_pem)?;
        std::fs::write(file("key"), &key_pem)?;
        std::fs::write(file("both"), cert_pem + &key_pem)?;
        Ok(Signed { cert: cert.der().clone(), key })
    }
}

impl Certificates {
    pub(crate) fn make(folder: &Path) -> Outcome<Self> {
        let (ours, theirs) = (Authority::new("ours")?, Authority::new("theirs")?);
        std::fs::write(folder.join("ours.pem"), ours.0.pem())?;
        let local = || CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]);
        let ec = KeyPair::generate;
        ours.sign(folder, "valid", ec()?, local()?)?;
        ours.sign(folder, "p384", KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?, local()?)?;
        ours.sign(folder, "rsa", rsa_key()?, local()?)?;
        let mut expired = local()?;
        expired.not_before = date_time_ymd(2001, 1, 1);
        expired.not_after = date_time_ymd(2002, 1, 1);
        ours.sign(folder, "expired", ec()?, expired)?;
        let other = CertificateParams::new(["example.com".to_owned()])?;
        ours.sign(folder, "other_name", ec()?, other)?;
        theirs.sign(folder, "unknown", ec()?, local()?)?;
        let client = CertificateParams::new(["client".to_owned()])?;
        Ok(Self {
            root: ours.0.der().clone(),
            client: ours.sign(folder, "client", ec()?, client.clone())?,
            stranger: theirs.sign(folder, "stranger", ec()?, client)?,
        })
    }

    /// TLS of a client that trusts our authority only.
    pub(crate) fn tls(&self) -> ClientTls {
        ClientTls::new().only_roots([self.root.clone()])
    }

    /// The same with a certificate of our authority.
    pub(crate) fn tls_with_certificate(&self) -> ClientTls {
        self.client.add_to(self.tls())
    }

    /// The same with a certificate of another authority.
    pub(crate) fn tls_of_a_stranger(&self) -> ClientTls {
        self.stranger.add_to(self.tls())
    }
}

impl Signed {
    fn add_to(&self, tls: ClientTls) -> ClientTls {
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        tls.client_certificate([self.cert.clone()], key.into())
    }
}

/// A key that only OpenSSL can make here.
fn rsa_key() -> Outcome<KeyPair> {
    let args = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
    let output = Command::new("openssl").args(args).output()?;
    Ok(KeyPair::from_pem(&String::from_utf8(output.stdout)?)?)
}

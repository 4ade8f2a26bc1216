//! The cryptography of TLS: by feature, never the default of the process.

use std::io;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::CryptoProvider;

#[cfg(feature = "ring")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature there may be none")]
pub(crate) fn default_provider() -> io::Result<Arc<CryptoProvider>> {
    Ok(Arc::new(tokio_rustls::rustls::crypto::ring::default_provider()))
}

#[cfg(all(feature = "aws-lc-rs", not(feature = "ring")))]
#[expect(clippy::unnecessary_wraps, reason = "without the feature there may be none")]
pub(crate) fn default_provider() -> io::Result<Arc<CryptoProvider>> {
    Ok(Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider()))
}

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
pub(crate) fn default_provider() -> io::Result<Arc<CryptoProvider>> {
    let text = "TLS has no cryptography: turn on the feature ring or aws-lc-rs, or set a provider";
    Err(io::Error::new(io::ErrorKind::Unsupported, text))
}

//! What every client over HTTP begins with.

/// A builder of clients. Their TLS is rustls over ring, which needs nothing but a C compiler, and
/// trusts the certificates that this machine trusts.
pub(crate) fn builder() -> reqwest::ClientBuilder {
    // Refused where the process has one already, and then that one is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}

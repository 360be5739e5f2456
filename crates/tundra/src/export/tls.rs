//! TLS for exporters: rustls over the socket that the HTTP client made, with the public root certificates or given ones.
//!
//! Only built with feature `tls`. Deadlines stay with the socket below, so a server that is slow in the handshake cannot
//! hold the sender for longer than a request may take.

use super::endpoint::EndpointError;
use super::http::Timed;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Error, ErrorKind, Read, Result};
use std::sync::{Arc, OnceLock};

/// What a server's certificate is checked against; made when it is first needed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roots(Arc<OnceLock<Arc<ClientConfig>>>);

impl PartialEq for Roots {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Roots {}

impl Roots {
    /// Trusts these certificates and no others.
    pub(crate) fn from_pem(pem: &[u8]) -> std::result::Result<Self, EndpointError> {
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|_| EndpointError::Certificate)?;
            store.add(certificate).map_err(|_| EndpointError::Certificate)?;
        }
        if store.is_empty() {
            return Err(EndpointError::Certificate);
        }
        let config = config(store).map_err(|_| EndpointError::Certificate)?;
        let roots = Self::default();
        roots.0.get_or_init(|| config);
        Ok(roots)
    }

    fn config(&self) -> Result<Arc<ClientConfig>> {
        if let Some(config) = self.0.get() {
            return Ok(Arc::clone(config));
        }
        let store = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let config = config(store)?;
        Ok(Arc::clone(self.0.get_or_init(|| config)))
    }
}

/// The application may use another provider of cryptography: ours is chosen here and not for the process.
fn config(store: RootCertStore) -> Result<Arc<ClientConfig>> {
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(Error::other)?;
    Ok(Arc::new(builder.with_root_certificates(store).with_no_client_auth()))
}

/// TLS over a socket.
pub(crate) type Stream = StreamOwned<ClientConnection, Timed>;

/// What the other side said, for somebody who cannot write any more.
pub(crate) struct Heard<'s>(pub(crate) &'s mut Stream);

impl Read for Heard<'_> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let Stream { conn, sock } = self.0;
        loop {
            match conn.reader().read(into) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return read,
            }
            if conn.read_tls(sock)? == 0 {
                return Ok(0);
            }
            conn.process_new_packets().map_err(Error::other)?;
        }
    }
}

/// Speaks TLS over a connected socket.
pub(crate) fn wrap(socket: Timed, name: &str, roots: &Roots) -> Result<Stream> {
    let name = name.trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(name).map_err(|_| Error::from(ErrorKind::InvalidInput))?;
    let connection = ClientConnection::new(roots.config()?, name).map_err(Error::other)?;
    Ok(StreamOwned::new(connection, socket))
}

//! TLS of the listener: 1.2 and 1.3, with or without certificates of the clients.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, pem,
};
use tokio_rustls::rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};

use crate::users::mode_of_others;

/// Which certificate the broker shows, and which it asks of clients. All files are PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The broker's certificate, then those between it and the root.
    pub cert: PathBuf,
    /// Its private key: PKCS #8, PKCS #1 or SEC 1; only its owner may be able to read it.
    pub key: PathBuf,
    /// Who may sign clients' certificates. With it every client must show one, and its name (the
    /// first DNS name, else the common name) is the user.
    pub client_ca: Option<PathBuf>,
    /// Certificates of clients that are no longer good, as lists of `client_ca`.
    pub client_crl: Option<PathBuf>,
}

/// Why TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or holds nothing of what it should.
    #[error("could not read {what} from {path}")]
    File {
        /// What was looked for.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What was wrong.
        source: pem::Error,
    },
    /// The key can be read by others.
    #[error("TLS key {path} can be read by others (mode {mode:o}): expected 600 or less")]
    ReadByOthers {
        /// The key's file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Certificate and key cannot be used, or not together.
    #[error("could not use the TLS certificate and key")]
    Certificate(#[source] rustls::Error),
    /// The clients' certificate authority or its lists cannot be used.
    #[error("could not use the certificate authority of clients")]
    ClientCa(#[source] VerifierBuilderError),
}

impl Tls {
    fn load(&self) -> Result<TlsAcceptor, TlsError> {
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(TlsError::Certificate)?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(ca) => {
                let mut roots = RootCertStore::empty();
                for root in read::<CertificateDer<'_>>("certificates", ca)? {
                    roots.add(root).map_err(TlsError::Certificate)?;
                }
                let lists = match &self.client_crl {
                    None => Vec::new(),
                    Some(list) => {
                        read::<CertificateRevocationListDer<'_>>("revocation lists", list)?
                    }
                };
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                        .with_crls(lists)
                        .only_check_end_entity_revocation()
                        .build()
                        .map_err(TlsError::ClientCa)?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let chain = read("certificates", &self.cert)?;
        let config = builder
            .with_single_cert(chain, self.read_key()?)
            .map_err(TlsError::Certificate)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    fn read_key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let path = || self.key.clone();
        let file = |source| TlsError::File {
            what: "a private key",
            path: path(),
            source,
        };
        let mode = mode_of_others(&self.key).map_err(|error| file(pem::Error::Io(error)))?;
        if let Some(mode) = mode {
            let path = path();
            return Err(TlsError::ReadByOthers { path, mode });
        }
        PrivateKeyDer::from_pem_file(&self.key).map_err(file)
    }
}

/// All items of a kind that a file holds, at least one.
fn read<T: PemObject>(what: &'static str, path: &Path) -> Result<Vec<T>, TlsError> {
    let file = |source| TlsError::File {
        what,
        path: path.to_owned(),
        source,
    };
    let items = T::pem_file_iter(path).map_err(file)?;
    let items: Vec<T> = items.collect::<Result<_, _>>().map_err(file)?;
    if items.is_empty() {
        return Err(file(pem::Error::NoItemsFound));
    }
    Ok(items)
}

/// The acceptor of new connections, which can be replaced while the broker runs.
pub(crate) struct Doorkeeper {
    tls: Tls,
    current: Mutex<TlsAcceptor>,
}

impl Doorkeeper {
    pub(crate) fn new(tls: Tls) -> Result<Self, TlsError> {
        let current = Mutex::new(tls.load()?);
        Ok(Self { tls, current })
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.clone()
    }

    /// Reads the files again; if they cannot be used, all stays as it was.
    pub(crate) fn reload(&self) -> Result<(), TlsError> {
        let acceptor = self.tls.load()?;
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = acceptor;
        Ok(())
    }

    /// True if clients must show a certificate.
    pub(crate) fn asks_for_certificates(&self) -> bool {
        self.tls.client_ca.is_some()
    }
}

impl std::fmt::Debug for Doorkeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Doorkeeper")
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

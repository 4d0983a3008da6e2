//! TLS to the broker: files into settings, and the library's errors into sentences that name what
//! is to be put right.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, InvalidDnsNameError, PrivateKeyDer, ServerName,
};
use rustls::{AlertDescription, CertificateError, ClientConfig, Error, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::config::TlsConfig;

/// Why there is no TLS connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("cannot read {0}: {1}")]
    File(PathBuf, pem::Error),
    #[error("{0} holds no certificate: expected PEM with BEGIN CERTIFICATE")]
    NoCertificate(PathBuf),
    #[error("{0} holds a certificate that cannot be used: {1}")]
    Certificate(PathBuf, Error),
    #[error("the certificate in {0} and the key in {1} cannot be used together: {2}")]
    Pair(PathBuf, PathBuf, Error),
    #[error("the revocations in {0} cannot be used: {1}")]
    Revocations(PathBuf, String),
    #[error("the system has no certificates to trust: name a ca_file")]
    NoSystemCertificates,
    #[error("{0:?} is neither a host name nor an address: {1}")]
    Name(String, InvalidDnsNameError),
    #[error("TLS cannot be set up: {0}")]
    Setup(Error),
    #[error("{0}")]
    Handshake(String),
}

/// Encrypts the connection, or says why not.
pub(crate) async fn wrap(
    config: &TlsConfig,
    host: &str,
    socket: TcpStream,
) -> Result<TlsStream<TcpStream>, TlsError> {
    let name = config.server_name.as_deref().unwrap_or(host);
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let server = ServerName::try_from(name.to_owned())
        .map_err(|error| TlsError::Name(name.to_owned(), error))?;
    let connector = TlsConnector::from(Arc::new(settings(config)?));
    connector.connect(server, socket).await.map_err(|error| {
        let is_cut = matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
        );
        TlsError::Handshake(if is_cut {
            "the broker cut the TLS handshake off: perhaps the port does not speak TLS".to_owned()
        } else {
            explain(&error, config, name)
        })
    })
}

/// Reads the files anew, so that a renewed certificate is used from the next connection on.
fn settings(config: &TlsConfig) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Setup)?;
    let roots = roots(config.ca_file.as_deref())?;
    let builder = match &config.crl_file {
        None => builder.with_root_certificates(roots),
        Some(file) => {
            let lists = CertificateRevocationListDer::pem_file_iter(file)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|error| TlsError::File(file.clone(), error))?;
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
                .with_crls(lists)
                .allow_unknown_revocation_status()
                .build()
                .map_err(|error| TlsError::Revocations(file.clone(), error.to_string()))?;
            builder.with_webpki_verifier(verifier)
        }
    };
    let (Some(cert_file), Some(key_file)) = (&config.cert_file, &config.key_file) else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates(cert_file)?;
    let key = PrivateKeyDer::from_pem_file(key_file)
        .map_err(|error| TlsError::File(key_file.clone(), error))?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| TlsError::Pair(cert_file.clone(), key_file.clone(), error))
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let Some(file) = ca_file else {
        let found = rustls_native_certs::load_native_certs();
        let (usable, _) = roots.add_parsable_certificates(found.certs);
        if usable == 0 {
            return Err(TlsError::NoSystemCertificates);
        }
        return Ok(roots);
    };
    for certificate in certificates(file)? {
        roots
            .add(certificate)
            .map_err(|error| TlsError::Certificate(file.to_owned(), error))?;
    }
    Ok(roots)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| TlsError::File(file.to_owned(), error))?;
    if found.is_empty() {
        return Err(TlsError::NoCertificate(file.to_owned()));
    }
    Ok(found)
}

/// What went wrong, in words that name the setting. Also for errors after the handshake: a broker
/// of TLS 1.3 judges our certificate only once we believe to be connected.
pub(crate) fn explain(error: &io::Error, config: &TlsConfig, name: &str) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(Error::InvalidCertificate(fault)) => of_certificate(fault, config, name),
        Some(Error::AlertReceived(alert)) => of_alert(*alert, config),
        Some(Error::InvalidMessage(_)) => "the port does not speak TLS".to_owned(),
        Some(Error::PeerIncompatible(why)) => {
            format!("the broker offers no TLS that we accept, 1.2 or above: {why:?}")
        }
        Some(other) => format!("TLS failed: {other}"),
        None => format!("TLS failed: {error}"),
    }
}

fn of_certificate(fault: &CertificateError, config: &TlsConfig, name: &str) -> String {
    let trusted = match &config.ca_file {
        Some(file) => file.display().to_string(),
        None => "the certificates that the system trusts".to_owned(),
    };
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the others say in the library's words what they are"
    )]
    match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the broker's certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the broker's certificate is not valid yet: perhaps our clock is behind".to_owned()
        }
        CertificateError::Revoked => "the broker's certificate was revoked".to_owned(),
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            format!("the broker's certificate is signed by none of those in {trusted}")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("the broker's certificate is for another name than {name:?}")
        }
        other => format!("the broker's certificate cannot be accepted: {other}"),
    }
}

fn of_alert(alert: AlertDescription, config: &TlsConfig) -> String {
    let ours = match &config.cert_file {
        Some(file) => format!("our certificate in {}", file.display()),
        None => "our connection, which shows no client certificate: set cert_file and key_file"
            .to_owned(),
    };
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the others are named as the standard names them"
    )]
    match alert {
        AlertDescription::CertificateRequired => {
            "the broker wants a client certificate: set cert_file and key_file".to_owned()
        }
        AlertDescription::CertificateExpired => {
            format!("the broker says that it has expired: {ours}")
        }
        AlertDescription::CertificateRevoked => {
            format!("the broker says that it was revoked: {ours}")
        }
        AlertDescription::UnknownCA => {
            format!("the broker does not know the issuer of {ours}")
        }
        AlertDescription::ProtocolVersion => {
            "the broker offers no TLS that we accept, 1.2 or above".to_owned()
        }
        other => format!("the broker refused {ours} ({other:?})"),
    }
}

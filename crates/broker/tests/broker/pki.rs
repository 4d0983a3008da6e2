//! Certificates for a test, and clients that show them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use huitian_broker::Tls;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    SerialNumber,
};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use super::support::{Client, Hello, soon};
use super::users::write_secret;

pub type Issuer = CertifiedIssuer<'static, KeyPair>;

/// Two authorities, the broker's certificate by the first, and files for all.
pub struct Pki {
    folder: TempDir,
    pub ours: Issuer,
    pub theirs: Issuer,
}

fn authority(name: &str) -> Issuer {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A client's certificate: its name is the common name.
pub fn client(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from(1));
    params
}

impl Pki {
    pub fn new() -> Self {
        let pki = Self {
            folder: TempDir::new().unwrap(),
            ours: authority("our authority"),
            theirs: authority("another authority"),
        };
        write_secret(&pki.file("ca.pem"), &pki.ours.pem());
        write_secret(&pki.file("other-ca.pem"), &pki.theirs.pem());
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        pki.issue("broker", &CertificateParams::new(names).unwrap(), &pki.ours);
        pki
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes `{name}.pem` and `{name}.key`.
    pub fn issue(&self, name: &str, params: &CertificateParams, issuer: &Issuer) {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, issuer).unwrap();
        write_secret(&self.file(&format!("{name}.pem")), &certificate.pem());
        write_secret(&self.file(&format!("{name}.key")), &key.serialize_pem());
    }

    pub fn tls(&self) -> Tls {
        Tls {
            cert: self.file("broker.pem"),
            key: self.file("broker.key"),
            client_ca: None,
            client_crl: None,
        }
    }

    pub fn mutual(&self) -> Tls {
        let client_ca = Some(self.file("ca.pem"));
        Tls {
            client_ca,
            ..self.tls()
        }
    }

    pub async fn connect(
        &self,
        broker: SocketAddr,
        certificate: Option<&str>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let socket = TcpStream::connect(broker).await.unwrap();
        self.over(socket, certificate, &TLS13).await
    }

    pub async fn over(
        &self,
        socket: TcpStream,
        certificate: Option<&str>,
        version: &'static SupportedProtocolVersion,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.ours.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots);
        let config = match certificate {
            None => config.with_no_client_auth(),
            Some(name) => {
                let certificate = self.file(&format!("{name}.pem"));
                let certificate = CertificateDer::from_pem_file(certificate).unwrap();
                let key = self.file(&format!("{name}.key"));
                let key = PrivateKeyDer::from_pem_file(key).unwrap();
                config
                    .with_client_auth_cert(vec![certificate], key)
                    .unwrap()
            }
        };
        let connector = TlsConnector::from(Arc::new(config));
        let name = "localhost".try_into().unwrap();
        soon("a handshake", connector.connect(name, socket)).await
    }

    /// True if the certificate's owner gets in as `user`. With TLS 1.3 a refused certificate shows
    /// only in the first answer.
    pub async fn lets_in(
        &self,
        broker: SocketAddr,
        certificate: Option<&str>,
        hello: &Hello,
    ) -> bool {
        match self.connect(broker, certificate).await {
            Ok(stream) => Client::over(stream, hello).await.is_ok(),
            Err(_) => false,
        }
    }
}

//! Where the broker listens, by what it asks of clients.

use std::sync::Arc;

use super::{BrokerConfig, BrokerError, check};
use crate::access::Access;
use crate::tls::Tls;
use crate::users::Users;

fn users() -> Access {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("users");
    std::fs::write(&file, "gate-3 edge\n").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let users: Arc<Users> = Users::load(&file).unwrap();
    assert_eq!(users.count(), 1);
    Access::Users(users)
}

fn tls(has_ca: bool) -> Tls {
    Tls {
        cert: "cert.pem".into(),
        key: "key.pem".into(),
        client_ca: has_ca.then(|| "ca.pem".into()),
        client_crl: None,
    }
}

#[test]
fn a_network_is_listened_on_only_with_users_and_tls_unless_it_is_said_to_be_insecure() {
    let at = |listen: &str| BrokerConfig::new(listen.parse().unwrap());
    for listen in ["0.0.0.0:8883", "192.0.2.7:8883", "[::]:8883"] {
        for insecure in [false, true] {
            for tls in [None, Some(tls(false))] {
                let open = BrokerConfig {
                    tls,
                    insecure,
                    ..at(listen)
                };
                assert!(matches!(check(&open), Err(BrokerError::NotLoopback(_))));
            }
        }
        let config = |tls, insecure| {
            let access = users();
            check(&BrokerConfig {
                access,
                tls,
                insecure,
                ..at(listen)
            })
        };
        assert!(matches!(
            config(None, false),
            Err(BrokerError::NotSecure(_))
        ));
        assert!(config(None, true).is_ok());
        assert!(config(Some(tls(false)), false).is_ok());
        assert!(config(Some(tls(true)), false).is_ok());
    }
    let loopback = |access, tls| {
        check(&BrokerConfig {
            access,
            tls,
            ..at("[::1]:1883")
        })
    };
    assert!(loopback(Access::Open, None).is_ok());
    assert!(loopback(Access::Open, Some(tls(false))).is_ok());
    assert!(loopback(users(), None).is_ok());
    let certificates = loopback(Access::Open, Some(tls(true)));
    assert!(matches!(
        certificates,
        Err(BrokerError::CertificatesWithoutUsers)
    ));
}

#[test]
fn a_users_file_that_others_can_read_is_refused() {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("users");
        std::fs::write(&file, "gate-3 edge\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = Users::load(&file).unwrap_err().to_string();
        assert!(error.contains("mode 640"), "{error}");
    }
}

//! A real mosquitto behind TLS, with certificates that are as they should be, and that are not.

use std::path::Path;
use std::process::{Command, Stdio};

use huitian_mqtt::{Login, Protocol, Qos, SessionConfig, TlsConfig, Verdict};

use super::certificates::{Authority, Identity};
use super::programs::{Running, find, free_port};
use super::support::{BOTH, begin, next, soon, until};

/// A mosquitto with these lines besides its listener; none, said aloud, where there is none.
fn serve(folder: &Path, lines: &str) -> Option<(Running, u16)> {
    let (program, port) = (find("mosquitto")?, free_port());
    let file = folder.join(format!("{port}.conf"));
    std::fs::write(
        &file,
        format!("listener {port} 127.0.0.1\nlog_dest none\n{lines}"),
    )
    .unwrap();
    let mut command = Command::new(program);
    Some((Running::serve(command.arg("-c").arg(file), port), port))
}

/// The lines of a listener that shows this certificate and wants one of that authority.
fn tls_lines(server: &Identity, clients: &Authority<'_>, crl: &Path) -> String {
    format!(
        "allow_anonymous true\ncertfile {}\nkeyfile {}\ncafile {}\nrequire_certificate true\n\
         crlfile {}\n",
        server.cert.display(),
        server.key.display(),
        clients.file().display(),
        crl.display()
    )
}

fn config(port: u16, protocol: Protocol, tls: TlsConfig) -> SessionConfig {
    SessionConfig {
        protocol,
        tls: Some(tls),
        ..SessionConfig::new("127.0.0.1", port, "hub", &["huitian/#"])
    }
}

fn tls(ca: &Authority<'_>, client: Option<&Identity>) -> TlsConfig {
    TlsConfig {
        ca_file: Some(ca.file()),
        cert_file: client.map(|client| client.cert.clone()),
        key_file: client.map(|client| client.key.clone()),
        ..TlsConfig::default()
    }
}

async fn error_of(config: SessionConfig) -> String {
    let (session, _deliveries) = begin(config);
    let failed = until(&mut session.status(), |status| {
        assert!(!status.connected, "it must not be let in");
        status.last_error.is_some()
    })
    .await;
    failed.last_error.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_both_ways_behind_client_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let ca = Authority::new(folder.path(), "ca");
    let (server, client) = (ca.issue("server", 1, false), ca.issue("client", 2, false));
    let crl = ca.revoke(&[9]);
    let Some((_mosquitto, port)) = serve(folder.path(), &tls_lines(&server, &ca, &crl)) else {
        return;
    };
    for protocol in BOTH {
        let tls = TlsConfig {
            crl_file: Some(crl.clone()),
            ..tls(&ca, Some(&client))
        };
        let (session, mut deliveries) = begin(config(port, protocol, tls));
        until(&mut session.status(), |status| status.connected).await;
        let publisher = session.publisher();
        for bytes in [1, 100_000, 1_000_000] {
            let token = publisher
                .publish("huitian/x", vec![b'x'; bytes].into(), Qos::AtLeastOnce)
                .await
                .unwrap();
            let delivery = next(&mut deliveries).await;
            assert_eq!(delivery.payload.len(), bytes);
            delivery.answer(Verdict::Durable);
            let fate = soon("a fate", token.fate()).await;
            assert_eq!(fate, huitian_mqtt::Fate::Taken);
        }
        session.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_not_who_it_should_be_is_refused_by_name_of_the_fault() {
    let folder = tempfile::tempdir().unwrap();
    let (ca, other) = (
        Authority::new(folder.path(), "ca"),
        Authority::new(folder.path(), "other"),
    );
    let client = ca.issue("client", 2, false);
    let crl = ca.revoke(&[9]);
    let good = || tls(&ca, Some(&client));
    let named = TlsConfig {
        server_name: Some("broker.example".to_owned()),
        ..good()
    };
    let listed = TlsConfig {
        crl_file: Some(crl.clone()),
        ..good()
    };
    for (server, tls, wanted) in [
        (
            ca.issue("old", 3, true),
            good(),
            "the broker's certificate has expired",
        ),
        (
            other.issue("foreign", 4, false),
            good(),
            "the broker's certificate is signed by none of those in ",
        ),
        (
            ca.issue("server", 5, false),
            named,
            "the broker's certificate is for another name than \"broker.example\"",
        ),
        (
            ca.issue("revoked", 9, false),
            listed,
            "the broker's certificate was revoked",
        ),
    ] {
        let Some((_mosquitto, port)) = serve(folder.path(), &tls_lines(&server, &ca, &crl)) else {
            return;
        };
        let error = error_of(config(port, Protocol::V5, tls)).await;
        assert!(error.starts_with(wanted), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_refuses_our_certificate_is_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let (ca, other) = (
        Authority::new(folder.path(), "ca"),
        Authority::new(folder.path(), "other"),
    );
    let server = ca.issue("server", 1, false);
    let crl = ca.revoke(&[9]);
    for version in ["tlsv1.2", "tlsv1.3"] {
        let lines = tls_lines(&server, &ca, &crl) + &format!("tls_version {version}\n");
        let Some((_mosquitto, port)) = serve(folder.path(), &lines) else {
            return;
        };
        let cases = [
            (None, "set cert_file and key_file"),
            (
                Some(ca.issue("old", 3, true)),
                "it has expired: our certificate in ",
            ),
            (
                Some(other.issue("foreign", 4, false)),
                "does not know the issuer of our certificate",
            ),
            (
                Some(ca.issue("revoked", 9, false)),
                "it was revoked: our certificate in ",
            ),
        ];
        for (client, wanted) in cases {
            let tls = tls(&ca, client.as_ref());
            let error = error_of(config(port, Protocol::V4, tls)).await;
            assert!(error.contains(wanted), "{version}: {error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_tls_1_2_or_above_on_both_sides_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let ca = Authority::new(folder.path(), "ca");
    let server = ca.issue("server", 1, false);
    let crl = ca.revoke(&[9]);
    let Some((_encrypted, port)) = serve(folder.path(), &tls_lines(&server, &ca, &crl)) else {
        return;
    };
    // Plain words to a TLS port: mosquitto 2.0 closes without an alert, others send one.
    let plain = SessionConfig::new("127.0.0.1", port, "hub", &["huitian/#"]);
    let error = error_of(plain).await;
    assert!(error.contains("TLS"), "{error}");

    let Some((_plain, port)) = serve(folder.path(), "allow_anonymous true\n") else {
        return;
    };
    let error = error_of(config(port, Protocol::V4, tls(&ca, None))).await;
    assert!(error.contains("port does not speak TLS"), "{error}");

    let Some(openssl) = find("openssl") else {
        return;
    };
    let port = free_port();
    let mut command = Command::new(openssl);
    command
        .args(["s_server", "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"])
        .args(["-accept", &format!("127.0.0.1:{port}"), "-quiet", "-cert"])
        .arg(&server.cert)
        .arg("-key")
        .arg(&server.key)
        .stdin(Stdio::piped())
        .stderr(Stdio::null());
    let _old = Running::serve(&mut command, port);
    let error = error_of(config(port, Protocol::V4, tls(&ca, None))).await;
    assert_eq!(
        error,
        "the broker offers no TLS that we accept, 1.2 or above"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_said_and_the_right_one_lets_in() {
    let folder = tempfile::tempdir().unwrap();
    // mosquitto's form: user hub with the password "right".
    let passwords = folder.path().join("passwords");
    std::fs::write(&passwords, include_str!("passwords.txt")).unwrap();
    let lines = format!(
        "allow_anonymous false\npassword_file {}\n",
        passwords.display()
    );
    let Some((_mosquitto, port)) = serve(folder.path(), &lines) else {
        return;
    };
    for protocol in BOTH {
        let config = |password: Option<&str>| SessionConfig {
            protocol,
            login: password.map(|password| Login {
                username: "hub".to_owned(),
                password: password.to_owned(),
            }),
            ..SessionConfig::new("127.0.0.1", port, "hub", &["huitian/#"])
        };
        for password in [None, Some("wrong")] {
            let error = error_of(config(password)).await;
            let wanted = "the broker refused the connection: not authorised: user name, password";
            assert!(error.starts_with(wanted), "{error}");
        }
        let (session, _deliveries) = begin(config(Some("right")));
        until(&mut session.status(), |status| status.connected).await;
        session.stop().await;
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let ca = Authority::new(folder.path(), "ca");
    let (one, two) = (ca.issue("one", 1, false), ca.issue("two", 2, false));
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "no certificate at all\n").unwrap();
    let missing = folder.path().join("missing.pem");
    // Files are read once the port answers.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let with_ca = |file: &Path| TlsConfig {
        ca_file: Some(file.to_owned()),
        ..TlsConfig::default()
    };
    let with_pair = |cert: &Path, key: &Path| TlsConfig {
        cert_file: Some(cert.to_owned()),
        key_file: Some(key.to_owned()),
        ..tls(&ca, None)
    };
    for (tls, file, wanted) in [
        (with_ca(&missing), &missing, "cannot read "),
        (with_ca(&empty), &empty, "holds no certificate"),
        (with_pair(&missing, &one.key), &missing, "cannot read "),
        (with_pair(&one.cert, &missing), &missing, "cannot read "),
        (with_pair(&one.cert, &empty), &empty, "cannot read "),
        (
            with_pair(&one.cert, &two.key),
            &two.key,
            "cannot be used together",
        ),
    ] {
        let error = error_of(config(port, Protocol::V4, tls)).await;
        let names = error.contains(&*file.to_string_lossy());
        assert!(names && error.contains(wanted), "{error}");
    }
}

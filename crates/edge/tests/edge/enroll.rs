//! How an edge comes into the fleet: with a token that it shows once, at a broker that lets in
//! nobody without one.

use std::net::Ipv4Addr;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use huitian_broker::{Access, BrokerConfig, PasswordHash, Users, draw_token};
use huitian_edge::agent::EdgeError;
use huitian_edge::clock;
use huitian_model::uplink::{Down, Up};

use crate::support::{Edge, Hub, LONGEST, Place, free_addr};

/// Lets gate-1 in with this password alone.
fn let_in(path: &Path, password: &str) {
    use std::io::Write;
    let hash = PasswordHash::of_token(password).unwrap();
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .unwrap();
    writeln!(file, "gate-1 edge password={hash}").unwrap();
}

async fn hub(users: &Arc<Users>) -> Hub {
    let mut config = BrokerConfig::new((Ipv4Addr::LOCALHOST, 0).into());
    config.access = Access::Users(Arc::clone(users));
    Hub::with(config).await
}

#[tokio::test]
async fn an_edge_comes_in_with_its_token_and_later_with_the_password_that_it_was_given() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("users");
    let (token, password) = (draw_token().unwrap(), draw_token().unwrap());
    let_in(&file, &token);
    let users = Users::load(&file).unwrap();
    let mut hub = hub(&users).await;
    let listen = free_addr();
    let place = Place::new(&hub, listen, "");

    let edge = Edge::with(&place, clock::wall, Some(&token));
    let shown = hub.until(|up| {
        let Up::Enroll { instance, token } = up else {
            return None;
        };
        Some((*instance, token.clone()))
    });
    let (instance, shown) = shown.await;
    assert_eq!(shown, token);
    hub.say(&Down::Enrolled {
        instance,
        password: password.clone(),
    });
    let ended = tokio::time::timeout(LONGEST, edge.task).await.unwrap();
    ended.unwrap().unwrap();
    let kept = place.data().join("password");
    let mode = std::fs::metadata(&kept).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), password);

    let_in(&file, &password);
    users.reload().unwrap();
    let edge = Edge::start(&place);
    assert_eq!(hub.hello().await, 0);
    edge.stop().await;
}

#[tokio::test]
async fn a_wrong_token_ends_the_enrolment_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("users");
    let_in(&file, &draw_token().unwrap());
    let hub = hub(&Users::load(&file).unwrap()).await;
    let place = Place::new(&hub, free_addr(), "");
    let edge = Edge::with(&place, clock::wall, Some(&draw_token().unwrap()));
    let ended = tokio::time::timeout(LONGEST, edge.task).await.unwrap();
    let Err(EdgeError::Other(text)) = ended.unwrap() else {
        panic!("the token was taken")
    };
    assert!(text.contains("does not take this token"), "{text}");
    assert!(!place.data().join("password").exists());
}

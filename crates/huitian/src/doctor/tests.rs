//! What the doctor says of ports.

use super::{is_hub, port, store};

#[tokio::test]
async fn a_free_port_is_free_and_one_of_another_program_is_a_fault() {
    let held = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = held.local_addr().unwrap();
    assert!(
        port(at, false)
            .await
            .unwrap_err()
            .contains("no hub answers")
    );
    assert!(port(at, true).await.unwrap().contains("a hub is running"));
    drop(held);
    assert!(port(at, false).await.unwrap().contains("is free"));
    assert!(!is_hub(at).await, "nobody is no hub");
}

#[test]
fn a_folder_without_a_store_is_no_fault_and_a_damaged_one_is() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(store(dir.path()).unwrap(), "none yet");
    std::fs::write(dir.path().join("huitian.db"), "not a database").unwrap();
    assert!(store(dir.path()).is_err());
}

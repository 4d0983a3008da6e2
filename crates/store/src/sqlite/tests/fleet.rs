//! What the hub keeps of its edges.

use huitian_model::uplink::{ConfigFile, ConfigOutcome};
use huitian_model::{LossReason, Lost};

use crate::{EdgeConfigRow, EdgeRow};

use super::*;

fn edge() -> EdgeId {
    EdgeId::new("gate-3").unwrap()
}

#[tokio::test]
async fn a_token_serves_once_in_time_and_only_for_its_edge() {
    let folder = Folder::new();
    let store = folder.open();
    let (now, later) = (UtcMs(1_000), UtcMs(2_000));
    store
        .add_edge_token("aa".to_owned(), edge(), later)
        .await
        .unwrap();
    store
        .add_edge_token("bb".to_owned(), edge(), now)
        .await
        .unwrap();
    assert_eq!(
        store.use_edge_token("cc".to_owned(), now).await.unwrap(),
        None
    );
    let past = store.use_edge_token("bb".to_owned(), later).await.unwrap();
    assert_eq!(past, None);
    let first = store.use_edge_token("aa".to_owned(), now).await.unwrap();
    assert_eq!(first, Some(edge()));
    drop(store);
    let store = folder.open();
    assert_eq!(
        store.use_edge_token("aa".to_owned(), now).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn what_an_edge_gave_up_is_kept_once() {
    let folder = Folder::new();
    let store = folder.open();
    let lost = Lost {
        edge: edge(),
        epoch: u64::MAX,
        first_n: 10,
        count: 5,
        reason: LossReason::QueueFull,
        at: UtcMs(500),
        devices: vec![(DeviceId::new("urm-7").unwrap(), 5)],
    };
    say(&store, vec![Output::Lost(lost.clone())]).await;
    say(&store, vec![Output::Lost(lost.clone())]).await;
    assert_eq!(store.losses(UtcMs(0), UtcMs(501)).unwrap(), [lost]);
    assert_eq!(store.losses(UtcMs(0), UtcMs(500)).unwrap(), []);
}

#[tokio::test]
async fn edges_and_their_last_configurations_are_found_again() {
    let folder = Folder::new();
    let store = folder.open();
    let row = EdgeRow {
        edge: edge(),
        enrolled_at: Some(UtcMs(1)),
        credential: Some("salted".to_owned()),
        heard_at: None,
        heartbeat: None,
        conflict: None,
    };
    store.set_edge(row.clone()).await.unwrap();
    assert_eq!(store.edges().unwrap(), [row]);
    for version in 1..=60 {
        let file = ConfigFile {
            name: "edge.toml".to_owned(),
            text: String::new(),
        };
        let row = EdgeConfigRow {
            edge: edge(),
            version,
            made_at: UtcMs(2),
            dry_run: false,
            files: vec![file],
            outcome: Some((UtcMs(3), ConfigOutcome::Applied)),
        };
        store.set_edge_config(row).await.unwrap();
    }
    let versions = store.edge_configs(&edge()).unwrap();
    let versions: Vec<u64> = versions.iter().map(|row| row.version).collect();
    assert_eq!(versions, (9..=60).rev().collect::<Vec<u64>>());
}

//! Who is told what, and how often.

use Transition::{Activated, Amended, Raised, Returned};

use crate::OutboxState;

use super::*;

async fn tell(store: &Sqlite, raised_at: i64, transitions: &[Transition]) {
    let rows = transitions
        .iter()
        .map(|transition| alert(raised_at, *transition));
    say(store, rows.map(Output::Alert).collect()).await;
}

fn due(store: &Sqlite) -> Vec<(i64, Transition)> {
    let items = store.outbox_due(UtcMs(1_000_000), 100).unwrap();
    items
        .into_iter()
        .map(|item| (item.id, item.alert.transition))
        .collect()
}

#[tokio::test]
async fn people_are_told_once_that_it_is_active_and_once_that_it_has_returned() {
    let folder = Folder::new();
    let store = folder.open();
    for _ in 0..2 {
        tell(&store, 100, &[Raised, Activated, Amended, Returned]).await;
    }
    // That it has returned waits until that it is active was delivered.
    assert_eq!(due(&store), [(1, Activated)]);
    store.outbox_done(1, UtcMs(500)).await.unwrap();
    assert_eq!(due(&store), [(2, Returned)]);
    tell(&store, 100, &[Activated, Returned]).await;
    assert_eq!(due(&store), [(2, Returned)]);
}

#[tokio::test]
async fn nobody_is_told_of_what_vanished_before_anybody_was_told() {
    let folder = Folder::new();
    let store = folder.open();
    let returned = AlertRow {
        activated_at: None,
        ..alert(100, Transition::Returned)
    };
    let rows = [
        alert(100, Transition::Raised),
        alert(100, Transition::Dropped),
        returned,
    ];
    say(&store, rows.map(Output::Alert).to_vec()).await;
    assert_eq!(due(&store), []);
}

#[tokio::test]
async fn a_message_is_tried_again_later_or_given_up() {
    let folder = Folder::new();
    let store = folder.open();
    tell(&store, 100, &[Transition::Activated]).await;
    tell(&store, 200, &[Transition::Activated]).await;
    let error = "x".repeat(10_000);
    store.outbox_retry(1, UtcMs(700), &error).await.unwrap();
    store.outbox_undeliverable(2, "410 gone").await.unwrap();
    assert_eq!(store.outbox_due(UtcMs(699), 9).unwrap(), []);
    let again = store.outbox_due(UtcMs(700), 9).unwrap();
    assert_eq!(
        (again[0].id, again[0].attempts, again[0].state),
        (1, 1, OutboxState::Queued)
    );
    assert_eq!(again[0].error.as_ref().unwrap().len(), 500);
    // What is done stays done, whoever says otherwise later.
    store.outbox_done(2, UtcMs(800)).await.unwrap();
    drop(store);
    let list = folder.open().outbox_list(9).unwrap();
    let states: Vec<_> = list.iter().map(|item| (item.id, item.state)).collect();
    assert_eq!(
        states,
        [(2, OutboxState::Undeliverable), (1, OutboxState::Queued)]
    );
    assert_eq!(list[0].error.as_deref(), Some("410 gone"));
}

#[tokio::test]
async fn nobody_is_told_of_the_past() {
    let folder = Folder::new();
    let store = folder.open();
    store.set_outbox_from(UtcMs(1_000)).await.unwrap();
    drop(store);
    let store = folder.open();
    tell(&store, 100, &[Transition::Activated]).await;
    tell(&store, 990, &[Transition::Activated]).await;
    let told = store.outbox_due(UtcMs(9_999), 9).unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].alert.changed_at, UtcMs(1_000));
}

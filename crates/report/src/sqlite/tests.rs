//! The embedded store answers as a source.

use huitian_model::{
    Commit, CommitNumber, LotFigures, Output, Partition, Position, UtcMs, WindowBody, WindowKey,
    WindowLength, WindowStatus,
};
use huitian_store::Backend;

use super::*;
use crate::history::Walk;

const STEP: i64 = 300_000;

fn window(n: i64) -> Output {
    Output::Window(WindowRow {
        key: WindowKey {
            site: SiteId::new("s1").unwrap(),
            facility: FacilityId::new("p1").unwrap(),
            length: WindowLength::Min5,
            start: UtcMs(n * STEP),
        },
        end: UtcMs((n + 1) * STEP),
        revision: 0,
        status: WindowStatus::Final,
        body: WindowBody::Lot(LotFigures::default()),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_over_stored_windows_meets_each_once_and_in_order() {
    let store = Sqlite::open_ephemeral().unwrap();
    let partition = Partition::new(0).unwrap();
    let commit = Commit {
        partition,
        number: CommitNumber(1),
        epoch: 1,
        reached: Position(0),
        outputs: (0..2_500).map(window).collect(),
    };
    let outcomes = store.commit(vec![commit]).await.unwrap();
    outcomes.first().unwrap().accepted().unwrap();
    let mut walk = Walk::new(WindowQuery {
        site: SiteId::new("s1").unwrap(),
        facility: FacilityId::new("p1").unwrap(),
        length: WindowLength::Min5,
        span: Span {
            from: UtcMs(10 * STEP),
            to: UtcMs(2_400 * STEP),
        },
        after: None,
        limit: 2_000,
    });
    let mut starts = Vec::new();
    loop {
        let chunk = walk.next_chunk(&store).unwrap();
        if chunk.is_empty() {
            break;
        }
        starts.extend(chunk.iter().map(|row| row.key.start.0 / STEP));
    }
    assert_eq!(starts, (10..2_010).collect::<Vec<_>>());
    assert_eq!(
        walk.next_after(),
        Some(UtcMs(2_009 * STEP)),
        "there is more"
    );
}

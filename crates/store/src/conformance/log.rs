//! Claims about the log and snapshots.

use huitian_model::Position;
use tokio::task::JoinSet;

use super::{
    Claim, Subject, Violation, all, append_ticks, commit, parts, shared, snapshot, tick, ticks,
    unshared,
};
use crate::{Backend, StoreError};

/// Tasks that append at the same time, and how often each does.
const TASKS: u64 = 8;
const APPENDS: u64 = 25;

pub(super) async fn positions_are_contiguous_per_partition<S: Subject>(
    subject: &mut S,
) -> Result<(), Violation> {
    let claim = Claim("positions of a partition are contiguous and begin at 1");
    let store = claim.ok(subject.fresh().await)?;
    let mut expected = Vec::new();
    let mut records = Vec::new();
    for now in 1..=10 {
        for partition in parts() {
            records.push((partition, tick(now)));
            expected.push(Position(now));
        }
    }
    let empty = claim.ok(store.append(Vec::new()).await)?;
    claim.equal(&empty, &Vec::new())?;
    let positions = claim.ok(store.append(records).await)?;
    claim.equal(&positions, &expected)?;
    for partition in parts() {
        let next = claim.ok(store.append(vec![(partition, tick(11))]).await)?;
        claim.equal(&next, &vec![Position(11)])?;
        let expected: Vec<_> = (1..=11).map(|now| (now, now)).collect();
        claim.equal(&ticks(claim, &store, partition).await?, &expected)?;
    }
    Ok(())
}

pub(super) async fn acknowledged_records_survive<S: Subject>(
    subject: &mut S,
) -> Result<(), Violation> {
    let claim = Claim("acknowledged records are there after a restart");
    let mut store = claim.ok(subject.fresh().await)?;
    for partition in parts() {
        append_ticks(claim, &store, partition, 1..6).await?;
    }
    store = claim.ok(subject.restart(store).await)?;
    for partition in parts() {
        append_ticks(claim, &store, partition, 6..9).await?;
        let expected: Vec<_> = (1..9).map(|now| (now, now)).collect();
        claim.equal(&ticks(claim, &store, partition).await?, &expected)?;
    }
    Ok(())
}

pub(super) async fn concurrent_appends_interleave_without_loss<S: Subject>(
    subject: &mut S,
) -> Result<(), Violation> {
    let claim = Claim("appends at the same time interleave without loss");
    let store = shared(claim.ok(subject.fresh().await)?);
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let store = store.clone();
        tasks.spawn(async move {
            for n in 0..APPENDS {
                let number = task * APPENDS + n;
                let records = parts().map(|partition| (partition, tick(number))).collect();
                let given = claim.ok(store.append(records).await)?;
                for (partition, position) in parts().zip(given) {
                    let found = claim.ok(store.read(partition, position, 1).await)?;
                    claim.equal(&found, &vec![(position, tick(number))])?;
                }
            }
            Ok(())
        });
    }
    all(claim, tasks).await?;
    let store = claim.ok(subject.restart(unshared(claim, store)?).await)?;
    for partition in parts() {
        let found = ticks(claim, &store, partition).await?;
        let positions: Vec<u64> = found.iter().map(|(position, _)| *position).collect();
        claim.equal(&positions, &(1..=TASKS * APPENDS).collect())?;
        let mut numbers: Vec<u64> = found.iter().map(|(_, number)| *number).collect();
        for task in 0..TASKS {
            let of_task = |number: &&u64| **number / APPENDS == task;
            let order: Vec<u64> = numbers.iter().filter(of_task).copied().collect();
            claim.equal(&order.is_sorted(), &true)?;
        }
        numbers.sort_unstable();
        claim.equal(&numbers, &(0..TASKS * APPENDS).collect())?;
    }
    Ok(())
}

pub(super) async fn a_read_is_a_page_of_the_log<S: Subject>(
    subject: &mut S,
) -> Result<(), Violation> {
    let claim = Claim("a read gives the records from a position on, as many as asked for");
    let store = claim.ok(subject.fresh().await)?;
    let Some(partition) = parts().next() else {
        return Ok(());
    };
    append_ticks(claim, &store, partition, 1..21).await?;
    for (from, max, expected) in [
        (1, 3, 1..4),
        (0, 2, 1..3),
        (19, 9, 19..21),
        (21, 9, 0..0),
        (5, 0, 0..0),
    ] {
        let page = claim.ok(store.read(partition, Position(from), max).await)?;
        let expected: Vec<_> = expected.map(|now| (Position(now), tick(now))).collect();
        claim.equal(&page, &expected)?;
    }
    for other in parts().skip(1) {
        claim.equal(&ticks(claim, &store, other).await?, &Vec::new())?;
    }
    Ok(())
}

pub(super) async fn trim_keeps_what_a_restart_needs<S: Subject>(
    subject: &mut S,
) -> Result<(), Violation> {
    let claim = Claim("a trim keeps the records after the oldest kept snapshot, and the last one");
    let mut store = claim.ok(subject.fresh().await)?;
    let Some(partition) = parts().next() else {
        return Ok(());
    };
    append_ticks(claim, &store, partition, 1..11).await?;
    let first = async |store: &S::Store| {
        claim.ok(store.trim(partition, Position(u64::MAX)).await)?;
        let kept = ticks(claim, store, partition).await?;
        Ok::<_, Violation>(kept.first().map(|(position, _)| *position))
    };
    claim.equal(&first(&store).await?, &Some(1))?;
    for position in [4, 6] {
        claim.ok(store.save_snapshot(partition, snapshot(position, 0)).await)?;
    }
    claim.ok(store.trim(partition, Position(3)).await)?;
    claim.equal(&ticks(claim, &store, partition).await?.len(), &8)?;
    claim.equal(&first(&store).await?, &Some(5))?;
    for position in [10, 10, 9, 10] {
        claim.ok(store.save_snapshot(partition, snapshot(position, 0)).await)?;
    }
    claim.equal(&first(&store).await?, &Some(7))?;
    append_ticks(claim, &store, partition, 11..12).await?;
    claim.ok(store.save_snapshot(partition, snapshot(11, 0)).await)?;
    claim.equal(&first(&store).await?, &Some(11))?;
    // Positions go on where they were, also where hardly anything is left.
    store = claim.ok(subject.restart(store).await)?;
    append_ticks(claim, &store, partition, 12..13).await?;
    claim.equal(
        &ticks(claim, &store, partition).await?,
        &vec![(11, 11), (12, 12)],
    )
}

pub(super) async fn the_newest_snapshot_wins<S: Subject>(subject: &mut S) -> Result<(), Violation> {
    let claim = Claim("the snapshot at the highest position wins");
    let mut store = claim.ok(subject.fresh().await)?;
    let Some(partition) = parts().next() else {
        return Ok(());
    };
    claim.equal(&claim.ok(store.load_snapshot(partition).await)?, &None)?;
    append_ticks(claim, &store, partition, 1..11).await?;
    claim.ok(store.commit(vec![commit(partition, 1, 1)]).await)?;
    for position in [2, 8, 5] {
        claim.ok(store.save_snapshot(partition, snapshot(position, 1)).await)?;
    }
    store = claim.ok(subject.restart(store).await)?;
    let expected = Some(snapshot(8, 1));
    claim.equal(&claim.ok(store.load_snapshot(partition).await)?, &expected)?;
    for beyond in [snapshot(11, 1), snapshot(10, 2)] {
        let refused = store.save_snapshot(partition, beyond).await;
        claim.equal(&matches!(refused, Err(StoreError::Refused(_))), &true)?;
    }
    for other in parts().skip(1) {
        claim.equal(&claim.ok(store.load_snapshot(other).await)?, &None)?;
    }
    Ok(())
}

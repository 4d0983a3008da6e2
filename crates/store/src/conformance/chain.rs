//! Claims about the chain of commits and the cursors of sinks.

use huitian_model::{Commit, CommitNumber, Partition, Position};
use tokio::task::JoinSet;

use super::{
    Claim, Subject, Violation, all, append_ticks, commit, parts, shared, sink, snapshot, unshared,
};
use crate::CommitOutcome::{Fenced, Ok as Done};
use crate::{Backend, CommitHead, CommitOutcome};

/// Commits that two owners each try to make at the same time.
const CONTESTED: u64 = 40;

/// Commits one commit and holds its outcome against the expected.
async fn expect(
    claim: Claim,
    store: &impl Backend,
    commit: Commit,
    expected: CommitOutcome,
) -> Result<(), Violation> {
    let (number, epoch) = (commit.number.0, commit.epoch);
    let found = claim.ok(store.commit(vec![commit]).await)?;
    if found == [expected] {
        Ok(())
    } else {
        let found = format!("commit {number} of epoch {epoch}: expected {expected:?}: {found:?}");
        Err(claim.broken(found))
    }
}

async fn numbers(
    claim: Claim,
    store: &impl Backend,
    partition: Partition,
) -> Result<Vec<u64>, Violation> {
    let commits = claim.ok(store.commits(partition, CommitNumber(0), usize::MAX).await)?;
    Ok(commits.iter().map(|commit| commit.number.0).collect())
}

pub(super) async fn a_commit_continues_its_chain_or_is_fenced<S: Subject>(
    subject: &mut S,
) -> Result<(), Violation> {
    let claim = Claim("a commit is fenced unless its number is the next and its epoch not lower");
    let store = claim.ok(subject.fresh().await)?;
    for partition in parts() {
        claim.equal(&claim.ok(store.head(partition).await)?, &None)?;
        let of = |number, epoch| commit(partition, number, epoch);
        expect(claim, &store, of(2, 5), Fenced).await?;
        expect(claim, &store, of(0, 5), Fenced).await?;
        expect(claim, &store, of(1, 5), Done).await?;
        expect(claim, &store, of(2, 4), Fenced).await?;
        expect(claim, &store, of(3, 5), Fenced).await?;
        expect(claim, &store, of(2, 5), Done).await?;
        expect(claim, &store, of(3, u64::MAX), Done).await?;
        expect(claim, &store, of(4, u64::MAX - 1), Fenced).await?;
        let reached = Position(3);
        let head = CommitHead {
            number: CommitNumber(3),
            epoch: u64::MAX,
            reached,
        };
        claim.equal(&claim.ok(store.head(partition).await)?, &Some(head))?;
    }
    let several = parts().flat_map(|partition| [4, 6].map(|n| commit(partition, n, u64::MAX)));
    let found = claim.ok(store.commit(several.collect()).await)?;
    claim.equal(&found, &vec![Done, Fenced, Done, Fenced])?;
    for partition in parts() {
        claim.equal(&numbers(claim, &store, partition).await?, &vec![1, 2, 3, 4])?;
        let page = claim.ok(store.commits(partition, CommitNumber(2), 2).await)?;
        let expected = vec![commit(partition, 2, 5), commit(partition, 3, u64::MAX)];
        claim.equal(&page, &expected)?;
    }
    Ok(())
}

pub(super) async fn the_same_commit_again_is_ok<S: Subject>(
    subject: &mut S,
) -> Result<(), Violation> {
    let claim = Claim("the same commit again is ok and changes nothing");
    let store = claim.ok(subject.fresh().await)?;
    for partition in parts() {
        for number in 1..4 {
            expect(claim, &store, commit(partition, number, 1), Done).await?;
        }
        for number in [3, 2, 3] {
            expect(claim, &store, commit(partition, number, 1), Done).await?;
        }
        let other = Commit {
            reached: Position(99),
            ..commit(partition, 3, 1)
        };
        expect(claim, &store, other, Fenced).await?;
        expect(claim, &store, commit(partition, 3, 2), Fenced).await?;
        claim.equal(&numbers(claim, &store, partition).await?, &vec![1, 2, 3])?;
    }
    Ok(())
}

pub(super) async fn acknowledged_commits_survive<S: Subject>(
    subject: &mut S,
) -> Result<(), Violation> {
    let claim = Claim("acknowledged commits and cursors are there after a restart");
    let store = claim.ok(subject.fresh().await)?;
    let sink = sink(claim, "influx")?;
    for partition in parts() {
        expect(claim, &store, commit(partition, 1, 3), Done).await?;
        expect(claim, &store, commit(partition, 2, 3), Done).await?;
        claim.ok(store.advance(&sink, partition, CommitNumber(1)).await)?;
    }
    let store = claim.ok(subject.restart(store).await)?;
    for partition in parts() {
        claim.equal(&numbers(claim, &store, partition).await?, &vec![1, 2])?;
        let passed = claim.ok(store.cursor(&sink, partition).await)?;
        claim.equal(&passed, &CommitNumber(1))?;
        expect(claim, &store, commit(partition, 3, 2), Fenced).await?;
        expect(claim, &store, commit(partition, 3, 3), Done).await?;
    }
    Ok(())
}

pub(super) async fn of_two_owners_one_is_fenced<S: Subject>(
    subject: &mut S,
) -> Result<(), Violation> {
    let claim = Claim("two owners cannot both continue a chain");
    let store = shared(claim.ok(subject.fresh().await)?);
    let Some(partition) = parts().next() else {
        return Ok(());
    };
    let mut tasks = JoinSet::new();
    for epoch in [1, 2] {
        let store = store.clone();
        tasks.spawn(async move {
            for number in 1..=CONTESTED {
                let made = claim.ok(store.commit(vec![commit(partition, number, epoch)]).await)?;
                if made == [Fenced] {
                    break;
                }
            }
            Ok(())
        });
    }
    all(claim, tasks).await?;
    let store = unshared(claim, store)?;
    let chain = claim.ok(store.commits(partition, CommitNumber(1), usize::MAX).await)?;
    let numbers: Vec<u64> = chain.iter().map(|commit| commit.number.0).collect();
    claim.equal(
        &numbers,
        &(1..=chain.len())
            .map(|n| u64::try_from(n).unwrap_or(0))
            .collect(),
    )?;
    claim.equal(&chain.is_sorted_by_key(|commit| commit.epoch), &true)
}

pub(super) async fn cursors_only_advance<S: Subject>(subject: &mut S) -> Result<(), Violation> {
    let claim = Claim("a sink's cursor only advances");
    let store = claim.ok(subject.fresh().await)?;
    let (one, two) = (sink(claim, "influx")?, sink(claim, "archive")?);
    for partition in parts() {
        claim.equal(
            &claim.ok(store.cursor(&one, partition).await)?,
            &CommitNumber(0),
        )?;
        for (to, expected) in [(3, 3), (2, 3), (3, 3), (7, 7)] {
            claim.ok(store.advance(&one, partition, CommitNumber(to)).await)?;
            let passed = claim.ok(store.cursor(&one, partition).await)?;
            claim.equal(&passed, &CommitNumber(expected))?;
        }
        claim.equal(
            &claim.ok(store.cursor(&two, partition).await)?,
            &CommitNumber(0),
        )?;
    }
    Ok(())
}

pub(super) async fn trim_keeps_commits_that_a_sink_has_not_read<S: Subject>(
    subject: &mut S,
) -> Result<(), Violation> {
    let claim = Claim("a trim keeps commits that a sink or snapshot has not passed, and the head");
    let store = claim.ok(subject.fresh().await)?;
    let (one, two) = (sink(claim, "influx")?, sink(claim, "archive")?);
    let Some(partition) = parts().next() else {
        return Ok(());
    };
    append_ticks(claim, &store, partition, 1..11).await?;
    for number in 1..11 {
        expect(claim, &store, commit(partition, number, 1), Done).await?;
    }
    claim.ok(store.register_sink(&two).await)?;
    claim.ok(store.advance(&one, partition, CommitNumber(9)).await)?;
    let first = async || {
        claim.ok(store.trim_commits(partition, CommitNumber(u64::MAX)).await)?;
        Ok::<_, Violation>(numbers(claim, &store, partition).await?.first().copied())
    };
    claim.equal(&first().await?, &Some(1))?;
    claim.ok(store.save_snapshot(partition, snapshot(8, 8)).await)?;
    claim.equal(&first().await?, &Some(1))?;
    claim.ok(store.advance(&two, partition, CommitNumber(4)).await)?;
    claim.ok(store.trim_commits(partition, CommitNumber(3)).await)?;
    claim.equal(&numbers(claim, &store, partition).await?.first(), &Some(&3))?;
    claim.equal(&first().await?, &Some(5))?;
    claim.ok(store.advance(&two, partition, CommitNumber(10)).await)?;
    claim.equal(&first().await?, &Some(9))?;
    claim.ok(store.advance(&one, partition, CommitNumber(10)).await)?;
    for position in [9, 10] {
        claim.ok(store.save_snapshot(partition, snapshot(position, 10)).await)?;
    }
    claim.equal(&first().await?, &Some(10))?;
    expect(claim, &store, commit(partition, 11, 1), Done).await
}

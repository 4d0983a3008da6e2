//! Both backends conform, every flaw is found, and random operations agree with a naive model.

use std::collections::VecDeque;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::{CommitOutcome, Faults, Flaw, Memory, Sqlite, StoreConfig};

struct InMemory(Option<Flaw>);

impl Subject for InMemory {
    type Store = Memory;

    async fn fresh(&mut self) -> Result<Memory, StoreError> {
        Ok(Memory::flawed(Faults::default(), self.0))
    }

    async fn restart(&mut self, store: Memory) -> Result<Memory, StoreError> {
        store.crash();
        Ok(store)
    }
}

#[derive(Default)]
struct OnDisk(Vec<TempDir>);

impl Subject for OnDisk {
    type Store = Sqlite;

    async fn fresh(&mut self) -> Result<Sqlite, StoreError> {
        let dir = TempDir::new().unwrap();
        let store = Sqlite::open(StoreConfig::new(dir.path()))?;
        self.0.push(dir);
        Ok(store)
    }

    async fn restart(&mut self, store: Sqlite) -> Result<Sqlite, StoreError> {
        let config = StoreConfig::new(store.dir());
        drop(store);
        // A child that another test is just starting holds every lock until it has become
        // another program.
        for _ in 0..1_000 {
            match Sqlite::open(config.clone()) {
                Err(StoreError::InUse(_)) => tokio::task::yield_now().await,
                opened => return opened,
            }
        }
        Sqlite::open(config)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_conforms() {
    assert_eq!(run(&mut OnDisk::default()).await, Ok(()));
}

#[tokio::test]
async fn memory_conforms() {
    assert_eq!(run(&mut InMemory(None)).await, Ok(()));
}

#[tokio::test]
async fn every_flaw_is_found_by_the_suite() {
    for (flaw, claim) in [
        (
            Flaw::AcknowledgesBeforeSync,
            "acknowledged records are there after a restart",
        ),
        (
            Flaw::TakesLowerEpochs,
            "a commit is fenced unless its number is the next and its epoch not lower",
        ),
        (
            Flaw::RefusesTheSameCommit,
            "the same commit again is ok and changes nothing",
        ),
        (Flaw::CursorsGoBack, "a sink's cursor only advances"),
        (
            Flaw::TrimsUnreadCommits,
            "a trim keeps commits that a sink or snapshot has not passed, and the head",
        ),
        (
            Flaw::SkipsRecords,
            "positions of a partition are contiguous and begin at 1",
        ),
    ] {
        let found = run(&mut InMemory(Some(flaw))).await.unwrap_err();
        assert_eq!(found.claim, claim, "{flaw:?}");
    }
}

/// What may be done to a store, in any order.
#[derive(Clone, Debug)]
enum Step {
    Append(Vec<u8>),
    Read(u8, u64, usize),
    Trim(u8, u64),
    Snapshot(u8, u64),
    Commit(u8, u64, u64),
    TrimCommits(u8, u64),
    Advance(u8, u64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let part = 0..3_u8;
    prop_oneof![
        4 => prop::collection::vec(part.clone(), 0..6).prop_map(Step::Append),
        2 => (part.clone(), 0..20_u64, 0..9_usize).prop_map(|(p, n, max)| Step::Read(p, n, max)),
        2 => (part.clone(), 0..20_u64).prop_map(|(p, n)| Step::Trim(p, n)),
        2 => (part.clone(), 0..9_u64).prop_map(|(p, back)| Step::Snapshot(p, back)),
        4 => (part.clone(), 0..4_u64, 0..4_u64).prop_map(|(p, n, e)| Step::Commit(p, n, e)),
        2 => (part.clone(), 0..9_u64).prop_map(|(p, n)| Step::TrimCommits(p, n)),
        2 => (part, 0..9_u64).prop_map(|(p, n)| Step::Advance(p, n)),
        1 => Just(Step::Restart),
    ]
}

/// One partition, as simply as it can be said.
#[derive(Default)]
struct Naive {
    log: VecDeque<(u64, u64)>,
    last: u64,
    chain: VecDeque<Commit>,
    snapshots: VecDeque<(u64, u64)>,
    passed: u64,
}

impl Naive {
    fn head(&self) -> (u64, u64) {
        self.chain
            .back()
            .map_or((0, 0), |head| (head.number.0, head.epoch))
    }
}

fn partition(number: u8) -> Partition {
    Partition::new(number * 20).unwrap()
}

async fn compare<S: Subject>(subject: &mut S, steps: &[Step]) {
    let claim = Claim("what a naive model does");
    let mut store = subject.fresh().await.unwrap();
    let influx = SinkName::new("influx").unwrap();
    store.register_sink(&influx).await.unwrap();
    let mut model: [Naive; 3] = Default::default();
    let mut now = 0;
    for step in steps {
        match step {
            Step::Restart => store = subject.restart(store).await.unwrap(),
            Step::Append(parts) => append(&store, &mut model, &mut now, parts).await,
            Step::Read(..) | Step::Trim(..) | Step::Snapshot(..) => {
                of_log(&store, &mut model, step).await;
            }
            Step::Commit(..) | Step::TrimCommits(..) | Step::Advance(..) => {
                of_chain(&store, &mut model, &influx, step).await;
            }
        }
        for (number, naive) in (0..).zip(&model) {
            let found = ticks(claim, &store, partition(number)).await.unwrap();
            assert_eq!(found, Vec::from(naive.log.clone()), "log after {step:?}");
            let found = store
                .commits(partition(number), CommitNumber(1), usize::MAX)
                .await
                .unwrap();
            assert_eq!(
                found,
                Vec::from(naive.chain.clone()),
                "chain after {step:?}"
            );
            let found = store.cursor(&influx, partition(number)).await.unwrap();
            assert_eq!(found.0, naive.passed, "cursor after {step:?}");
        }
    }
}

async fn append(store: &impl Backend, model: &mut [Naive; 3], now: &mut u64, parts: &[u8]) {
    let (mut records, mut expected) = (Vec::new(), Vec::new());
    for number in parts {
        *now += 1;
        let naive = &mut model[usize::from(*number)];
        naive.last += 1;
        naive.log.push_back((naive.last, *now));
        expected.push(Position(naive.last));
        records.push((partition(*number), tick(*now)));
    }
    assert_eq!(store.append(records).await.unwrap(), expected);
}

async fn of_log(store: &impl Backend, model: &mut [Naive; 3], step: &Step) {
    match *step {
        Step::Read(part, from, max) => {
            let found = store
                .read(partition(part), Position(from), max)
                .await
                .unwrap();
            let log = model[usize::from(part)].log.iter();
            let expected: Vec<_> = log
                .filter(|(position, _)| *position >= from)
                .take(max)
                .map(|(position, now)| (Position(*position), tick(*now)))
                .collect();
            assert_eq!(found, expected);
        }
        Step::Trim(part, before) => {
            store.trim(partition(part), Position(before)).await.unwrap();
            let naive = &mut model[usize::from(part)];
            if let Some((oldest, _)) = naive.snapshots.front() {
                let before = before.min(oldest + 1).min(naive.last);
                naive.log.retain(|(position, _)| *position >= before);
            }
        }
        Step::Snapshot(part, back) => {
            let naive = &mut model[usize::from(part)];
            let (position, (commit, _)) = (naive.last.saturating_sub(back), naive.head());
            let bytes = snapshot(position, commit);
            store
                .save_snapshot(partition(part), bytes.clone())
                .await
                .unwrap();
            if naive
                .snapshots
                .back()
                .is_none_or(|(newest, _)| *newest <= position)
            {
                naive.snapshots.retain(|(other, _)| *other != position);
                naive.snapshots.push_back((position, commit));
                while naive.snapshots.len() > 2 {
                    naive.snapshots.pop_front();
                }
                let newest = store.load_snapshot(partition(part)).await.unwrap();
                assert_eq!(newest, Some(bytes));
            }
        }
        Step::Append(_)
        | Step::Restart
        | Step::Commit(..)
        | Step::TrimCommits(..)
        | Step::Advance(..) => unreachable!("{step:?}"),
    }
}

async fn of_chain(store: &impl Backend, model: &mut [Naive; 3], influx: &SinkName, step: &Step) {
    match *step {
        Step::Commit(part, back, epoch) => {
            let naive = &mut model[usize::from(part)];
            let (number, head_epoch) = naive.head();
            let asked = commit(partition(part), (number + 1).saturating_sub(back), epoch);
            let expected = if back == 0 && epoch >= head_epoch {
                naive.chain.push_back(asked.clone());
                CommitOutcome::Ok
            } else if naive.chain.contains(&asked) {
                CommitOutcome::Ok
            } else {
                CommitOutcome::Fenced
            };
            assert_eq!(store.commit(vec![asked]).await.unwrap(), [expected]);
        }
        Step::TrimCommits(part, before) => {
            store
                .trim_commits(partition(part), CommitNumber(before))
                .await
                .unwrap();
            let naive = &mut model[usize::from(part)];
            if let Some((_, oldest)) = naive.snapshots.front() {
                let before = before
                    .min(naive.passed + 1)
                    .min(oldest + 1)
                    .min(naive.head().0);
                naive.chain.retain(|commit| commit.number.0 >= before);
            }
        }
        Step::Advance(part, to) => {
            store
                .advance(influx, partition(part), CommitNumber(to))
                .await
                .unwrap();
            let naive = &mut model[usize::from(part)];
            naive.passed = naive.passed.max(to);
        }
        Step::Append(_) | Step::Restart | Step::Read(..) | Step::Trim(..) | Step::Snapshot(..) => {
            unreachable!("{step:?}")
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn memory_does_what_a_naive_model_does(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(compare(&mut InMemory(None), &steps));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn sqlite_does_what_a_naive_model_does(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(compare(&mut OnDisk::default(), &steps));
    }
}

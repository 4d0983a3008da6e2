//! The store in memory fails as its seed says, and as a real one may.

use huitian_model::{Tick, UtcMs};

use super::*;

fn part() -> Partition {
    Partition::new(3).unwrap()
}

fn tick(n: i64) -> Vec<(Partition, Record)> {
    vec![(part(), Record::Tick(Tick { now: UtcMs(n) }))]
}

fn commit(number: u64, epoch: u64) -> Commit {
    Commit {
        partition: part(),
        number: CommitNumber(number),
        epoch,
        reached: Position(number * 10 + epoch),
        outputs: Vec::new(),
    }
}

#[tokio::test]
async fn an_append_whose_answer_was_lost_is_there_or_not_after_a_crash() {
    let (mut there, mut gone) = (0, 0);
    for seed in 0..64 {
        let faults = Faults {
            seed,
            lost_answers_percent: 100,
            read_errors_percent: 0,
        };
        let store = Memory::new(faults);
        assert_eq!(store.append(tick(1)).await, Err(StoreError::Indeterminate));
        let seen = store.read(part(), Position(1), 9).await.unwrap();
        assert_eq!(seen.len(), 1, "seen until the crash");
        store.crash();
        match store.read(part(), Position(1), 9).await.unwrap().len() {
            0 => gone += 1,
            _ => there += 1,
        }
    }
    assert!(
        there > 10 && gone > 10,
        "both happen: {there} there, {gone} gone"
    );
}

#[tokio::test]
async fn the_same_seed_fails_in_the_same_places() {
    let run = async |seed| {
        let faults = Faults {
            seed,
            lost_answers_percent: 30,
            read_errors_percent: 30,
        };
        let store = Memory::new(faults);
        let mut answers = Vec::new();
        for n in 0..50 {
            answers.push(store.append(tick(n)).await.is_ok());
            answers.push(store.read(part(), Position(1), 1).await.is_ok());
        }
        answers
    };
    assert_eq!(run(7).await, run(7).await);
    assert_ne!(run(7).await, run(8).await);
}

#[tokio::test]
async fn of_two_owners_the_one_with_the_lower_epoch_is_fenced() {
    let first = Memory::new(Faults::default());
    let second = first.clone();
    assert_eq!(
        first.commit(vec![commit(1, 1)]).await,
        Ok(vec![CommitOutcome::Ok])
    );
    assert_eq!(
        second.commit(vec![commit(2, 2)]).await,
        Ok(vec![CommitOutcome::Ok])
    );
    assert_eq!(
        first.commit(vec![commit(2, 1)]).await,
        Ok(vec![CommitOutcome::Fenced])
    );
    assert_eq!(
        first.commit(vec![commit(3, 1)]).await,
        Ok(vec![CommitOutcome::Fenced])
    );
}

#[tokio::test]
async fn an_indeterminate_commit_tells_when_it_is_made_again() {
    let faults = Faults {
        seed: 5,
        lost_answers_percent: 100,
        read_errors_percent: 0,
    };
    let store = Memory::new(faults);
    let lost = store.commit(vec![commit(1, 1)]).await;
    assert_eq!(lost, Ok(vec![CommitOutcome::Indeterminate]));
    store.crash();
    store.set_faults(Faults::default());
    assert_eq!(
        store.commit(vec![commit(1, 1)]).await,
        Ok(vec![CommitOutcome::Ok])
    );
    assert_eq!(
        store.head(part()).await.unwrap().unwrap().number,
        CommitNumber(1)
    );
}

//! Writes the folder that `tests/fixtures/v1` holds: `cargo run -p huitian-queue --example fixture
//! -- FOLDER`. Run it only for a new format version, and never over an old fixture.

use std::error::Error;

use huitian_queue::{Folder, Limits, NewEntry, Queue, WhenFull};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args()
        .nth(1)
        .ok_or("expected the folder to write")?;
    let limits = Limits {
        bytes_max: 8192,
        segment_bytes: 2048,
        when_full: WhenFull::ThinOut,
        reserve_bytes: 0,
        ..Limits::default()
    };
    let (mut queue, _) = Queue::open(Folder::new(path), limits, 1_790_000_000_000, 1)?;
    for at in 0_u8..30 {
        let payload = [at; 100];
        let entry = NewEntry {
            lane: at % 2,
            count: 2,
            at_ms: 1_790_000_000_000 + i64::from(at),
            payload: &payload,
        };
        queue.append_and_permit(entry.at_ms, &[entry, NewEntry { lane: 63, ..entry }])?;
    }
    queue.release(0, 20)?;
    queue.close()?;
    Ok(())
}

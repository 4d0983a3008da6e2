//! Measures the queue on this machine: `cargo run --release -p huitian-queue --example measure`.
//!
//! Appends with one and with a hundred readings per sync, fills 1 GiB, opens it, drains it, and
//! prints what that took of time and memory. An argument names the folder's disk.
#![expect(
    clippy::print_stdout,
    reason = "a program that prints what it measured"
)]

use std::error::Error;
use std::time::Instant;

use huitian_queue::{Folder, Limits, NewEntry, Position, Queue};

const AT: i64 = 1_790_000_000_000;
const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

fn memory_kib() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    line.unwrap_or_default()
        .split_whitespace()
        .nth(1)
        .unwrap_or_default()
        .to_owned()
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = match std::env::args().nth(1) {
        Some(parent) => tempfile::TempDir::new_in(parent)?,
        None => tempfile::TempDir::new()?,
    };
    let limits = Limits {
        bytes_max: 2 * 1024 * 1024 * 1024,
        ..Limits::default()
    };
    let (mut queue, _) = Queue::open(Folder::new(dir.path()), limits, AT, 1)?;
    let payload = [7; 60];
    let one = NewEntry {
        lane: 3,
        count: 1,
        at_ms: AT,
        payload: &payload,
    };
    for (entries, rounds) in [(1_usize, 2000_u32), (100, 1000)] {
        let batch = vec![one; entries];
        let start = Instant::now();
        for _ in 0..rounds {
            queue.append(AT, &batch)?;
        }
        let each = start.elapsed().as_secs_f64() / f64::from(rounds);
        println!("{entries} readings an append: {:.0} appends/s", 1.0 / each);
    }
    println!("memory before the backlog: {} KiB", memory_kib());
    let payload = [9; 400];
    let batch = vec![
        NewEntry {
            lane: 4,
            count: 10,
            payload: &payload,
            ..one
        };
        2000
    ];
    let start = Instant::now();
    while queue.stats().bytes < 1024 * 1024 * 1024 {
        queue.append(AT, &batch)?;
    }
    let stats = queue.stats();
    println!(
        "filled 1 GiB, {} entries, in {:.1} s",
        stats.entries,
        start.elapsed().as_secs_f64()
    );
    println!("memory with the backlog: {} KiB", memory_kib());
    drop(queue);
    let start = Instant::now();
    let (mut queue, _) = Queue::open(Folder::new(dir.path()), limits, AT, 2)?;
    println!("opened 1 GiB in {:.2} s", start.elapsed().as_secs_f64());
    println!("memory after opening: {} KiB", memory_kib());
    let (start, mut from) = (Instant::now(), Position::default());
    let mut entries = 0_usize;
    loop {
        let out = queue.read(from, 256 * 1024, &mut |_, _| true)?;
        if out.entries.is_empty() {
            break;
        }
        from = out.next;
        entries += out.entries.len();
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "drained {entries} entries at {:.0} MB/s",
        GIB / 1e6 / seconds
    );
    println!("memory after draining: {} KiB", memory_kib());
    Ok(())
}

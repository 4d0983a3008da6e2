//! The slowest input of every corpus: `cargo bench -p huitian-fuzz [TARGET]`.
//!
//! A message may take 1 ms at most, whoever sent it. Texts of profiles and register maps come
//! from an operator and may take longer; `uplink_bytes` and `registers` go through all built-in
//! profiles and maps, so their time is that of some dozens of messages. What fuzzing found on
//! this machine (`target/fuzz/corpus`) is measured too.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a bench reads the clock, prints its figures, and fails by a panic"
)]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use huitian_fuzz::{TARGETS, Target};

/// Times each input runs: the least of them is free of what else the machine did.
const RUNS: u32 = 5;

fn inputs(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    paths.collect()
}

fn least(target: Target, bytes: &[u8]) -> Duration {
    let once = || {
        let begun = Instant::now();
        target(black_box(bytes));
        begun.elapsed()
    };
    (0..RUNS).map(|_| once()).min().unwrap_or_default()
}

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wanted = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    println!(
        "{:<16} {:>7} {:>12}  slowest",
        "target", "inputs", "at most"
    );
    for (name, target) in TARGETS {
        if wanted.as_ref().is_some_and(|wanted| wanted != name) {
            continue;
        }
        let found = root.join("../../target/fuzz/corpus").join(name);
        let mut paths = inputs(&root.join("corpus").join(name));
        paths.extend(inputs(&found));
        let timed = paths.iter().map(|path| {
            let bytes = std::fs::read(path).expect("an input can be read");
            (least(target, &bytes), bytes.len(), path)
        });
        let (slowest, length, path) = timed.max().expect("every corpus holds an input");
        let input = path.file_name().unwrap_or_default().display();
        let count = paths.len();
        println!("{name:<16} {count:>7} {slowest:>12.1?}  {input} ({length} bytes)");
    }
}

//! In which order the rows of a series are fed.

use super::series::Series;

/// The orders.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Order {
    /// As they stand in the file.
    File,
    /// As they arrived; rows that arrived together as they stand in the file.
    Arrival,
    /// Shuffled.
    Shuffled,
    /// As they arrived, every row three times.
    Thrice,
}

impl Order {
    /// The name on the command line and in the report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Arrival => "arrival",
            Self::Shuffled => "shuffled",
            Self::Thrice => "thrice",
        }
    }
}

/// A feeding: which rows are fed, by their index in the series, in order.
pub struct Feeding {
    /// What was asked for.
    pub order: Order,
    /// Indices into [`Series::rows`].
    pub rows: Vec<usize>,
}

/// How many rows are fed, for the progress bar.
pub fn length(feeding: &Feeding) -> u64 {
    u64::try_from(feeding.rows.len()).unwrap_or(u64::MAX)
}

/// The feeding of a series. The same seed gives the same shuffle on every machine.
pub fn feeding(series: &Series, order: Order, seed: u64) -> Feeding {
    let mut rows: Vec<usize> = (0..series.rows.len()).collect();
    let arrival = |index: &usize| series.rows.get(*index).map(|row| row.received_at);
    match order {
        Order::File => {}
        Order::Arrival => rows.sort_by_key(arrival),
        Order::Shuffled => shuffle(&mut rows, seed),
        Order::Thrice => {
            rows.sort_by_key(arrival);
            rows = rows.iter().flat_map(|index| [*index; 3]).collect();
        }
    }
    Feeding { order, rows }
}

/// Fisher and Yates' shuffle on Vigna's splitmix64.
pub fn shuffle(rows: &mut [usize], seed: u64) {
    let mut state = seed;
    for last in (1..rows.len()).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // A remainder below the number of rows fits; its bias is below 2^-40 for any file.
        let among = u64::try_from(last + 1).unwrap_or(u64::MAX);
        let other = usize::try_from(mixed % among).unwrap_or(0);
        rows.swap(last, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffle_keeps_every_row_and_follows_its_seed() {
        let sorted: Vec<usize> = (0..1_000).collect();
        let with = |seed| {
            let mut rows = sorted.clone();
            shuffle(&mut rows, seed);
            rows
        };
        assert_eq!(with(7), with(7));
        assert_ne!(with(7), with(8));
        assert_ne!(with(7), sorted);
        let mut back = with(7);
        back.sort_unstable();
        assert_eq!(back, sorted);
    }
}

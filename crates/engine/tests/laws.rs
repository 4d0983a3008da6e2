//! The laws of the engine as property tests, against a naive reference.
//!
//! `HUITIAN_LAW_CASES` sets the number of cases for each law (default 2,000), and
//! `HUITIAN_LAW_SEED` the seed (default 1), so that a failure is repeated by the same numbers.
//!
//! | law | says |
//! |---|---|
//! | C | any order, duplication and batching of readings that are in time gives the same values |
//! | B | the values are those of a naive batch computation, for every window and no other |
//! | R | a run that is restarted anywhere gives the outputs of an uninterrupted run |
//! | A | every reading is accounted exactly once, at every tick |
//! | V | revisions go provisional, final, amended, each for a reason and at its time |
//! | P | after a repair, what is published is what a run in which nothing was late published |
//! | L | late and quarantined readings change nothing; silence keeps no window open |
//! | S | silence resolves no alert, and alerts follow their state diagram |
//! | T | nothing that the types permit makes the engine fail |

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the laws and the reference each look at the few variants they are about"
)]

#[cfg(test)]
mod law;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod run;
#[cfg(test)]
mod story;
#[cfg(test)]
mod world;

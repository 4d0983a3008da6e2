//! The whole edge in this process; the test plays its hub through a real broker.

#[cfg(test)]
mod buses;
#[cfg(test)]
mod enroll;
#[cfg(test)]
#[path = "../../../mqtt/tests/session/programs.rs"]
mod programs;
#[cfg(test)]
mod push;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod sparkplug;
#[cfg(test)]
mod support;

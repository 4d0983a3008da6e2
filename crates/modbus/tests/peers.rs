//! Servers written by others, over TCP, RTU over TCP and pairs of pseudo-terminals.

#[cfg(test)]
#[path = "../../mqtt/tests/session/programs.rs"]
mod programs;
#[cfg(test)]
#[path = "peers/read.rs"]
mod read;
#[cfg(test)]
#[path = "peers/start.rs"]
mod start;

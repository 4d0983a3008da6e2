//! The simulated Modbus lines, read by pymodbus and by plain sockets.
//!
//! pymodbus shares no line with the simulator: what it reads is what a real client would.

#[cfg(test)]
#[path = "modbus/program.rs"]
mod program;
#[cfg(test)]
#[path = "modbus/pymodbus.rs"]
mod pymodbus;
#[cfg(test)]
#[path = "modbus/support.rs"]
mod support;
#[cfg(test)]
#[path = "modbus/wire.rs"]
mod wire;

//! The broker as its clients see it: hand-written packets, mosquitto's clients, and paho.

#[cfg(test)]
#[path = "broker/durability.rs"]
mod durability;
#[cfg(test)]
#[path = "broker/limits.rs"]
mod limits;
#[cfg(test)]
#[path = "broker/login.rs"]
mod login;
#[cfg(test)]
#[path = "broker/owner.rs"]
mod owner;
#[cfg(test)]
#[path = "broker/peers.rs"]
mod peers;
#[cfg(test)]
#[path = "broker/pki.rs"]
mod pki;
#[cfg(test)]
#[path = "../../mqtt/tests/session/programs.rs"]
mod programs;
#[cfg(test)]
#[path = "broker/rates.rs"]
mod rates;
#[cfg(test)]
#[path = "broker/sessions.rs"]
mod sessions;
#[cfg(test)]
#[path = "broker/support.rs"]
mod support;
#[cfg(test)]
#[path = "broker/tls.rs"]
mod tls;
#[cfg(test)]
#[path = "broker/users.rs"]
mod users;

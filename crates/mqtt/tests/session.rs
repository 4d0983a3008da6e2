//! The session against a scripted broker that misbehaves, and against a real mosquitto.

#[cfg(test)]
#[path = "session/certificates.rs"]
mod certificates;
#[cfg(test)]
#[path = "session/encrypted.rs"]
mod encrypted;
#[cfg(test)]
#[path = "session/hostile.rs"]
mod hostile;
#[cfg(test)]
#[path = "session/mosquitto.rs"]
mod mosquitto;
#[cfg(test)]
#[path = "session/presence.rs"]
mod presence;
#[cfg(test)]
#[path = "session/programs.rs"]
mod programs;
#[cfg(test)]
#[path = "session/publishing.rs"]
mod publishing;
#[cfg(test)]
#[path = "session/scripted.rs"]
mod scripted;
#[cfg(test)]
#[path = "session/support.rs"]
mod support;

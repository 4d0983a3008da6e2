//! The embedded MQTT broker: acknowledges a device after its reading is on disk.

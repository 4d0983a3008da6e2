//! An MQTT session that neither loses nor wedges.

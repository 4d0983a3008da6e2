//! Results to InfluxDB: line protocol, batching, error isolation.

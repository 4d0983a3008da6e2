//! The nouns: ids, units, time, windows, readings, utilization and alerts.

//! History queries, export and charts.

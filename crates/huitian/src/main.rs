//! Watches the shared facilities of a large residential district.

fn main() {}

//! Checks and services for the people who build Huitian.

fn main() {}

//! The firmware simulator as a program.

fn main() {}

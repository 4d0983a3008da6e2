//! The table of statements.

//! A seeded world of compounds whose sensors speak as real ones do.

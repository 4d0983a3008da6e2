//! Claims about what edges are believed and answered.

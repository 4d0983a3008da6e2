//! SenML against the examples of RFC 8428.

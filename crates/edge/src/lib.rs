//! The intake: messages in, numbered readings out.

//! A password is known by its hash, and only by its own.

use proptest::prelude::*;

use super::{PasswordError, PasswordHash, draw_token};

#[test]
fn the_key_is_pbkdf2_with_hmac_sha_256() {
    // Python: hashlib.pbkdf2_hmac("sha256", b"correct horse", bytes(range(16)), n).hex()
    for (iterations, key) in [(1, ONE_ITERATION), (1_000, THOUSAND_ITERATIONS)] {
        let text = format!("pbkdf2-sha256:{iterations}:000102030405060708090a0b0c0d0e0f:{key}");
        let hash: PasswordHash = text.parse().unwrap();
        assert!(hash.verify(b"correct horse"));
        assert!(!hash.verify(b"correct horsf"));
        assert!(!hash.verify(b""));
        assert_eq!(hash.to_string(), text);
    }
}

#[test]
fn tokens_differ_and_so_do_the_hashes_of_one_token() {
    let (token, other) = (draw_token().unwrap(), draw_token().unwrap());
    assert_ne!(token, other);
    assert_eq!(token.len(), 32);
    let hash = PasswordHash::of_token(&token).unwrap();
    assert_ne!(hash, PasswordHash::of_token(&token).unwrap(), "salted");
    assert!(hash.verify(token.as_bytes()) && !hash.verify(other.as_bytes()));
    assert!(hash.is_quick());
    assert_eq!(
        PasswordHash::of_token("short"),
        Err(PasswordError::ShortToken(5))
    );
    let chosen = PasswordHash::of_chosen("short").unwrap();
    assert!(chosen.verify(b"short") && !chosen.is_quick());
    assert_eq!(format!("{chosen:?}"), "[password hash]");
}

#[test]
fn nothing_is_the_decoys_password() {
    for password in [b"".as_slice(), &[0; 16], &[0; 32]] {
        assert!(!PasswordHash::decoy().verify(password));
    }
}

proptest! {
    #[test]
    fn any_text_is_a_hash_or_is_refused(text in "(pbkdf2-sha256)?[:0-9a-f]{0,120}|.{0,40}") {
        if let Ok(hash) = text.parse::<PasswordHash>() {
            prop_assert_eq!(hash.to_string().parse::<PasswordHash>(), Ok(hash));
        }
    }
}

const ONE_ITERATION: &str = "c5199f52d095f03bb27ace7b385711999c67ec4aacd0f298a6da36ce47520daf";
const THOUSAND_ITERATIONS: &str =
    "c914cc4f06cc6e8f46d157e3a1b5aa7abceebb17bb0444cd4c4ac16ca2ae9864";

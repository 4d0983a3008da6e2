//! Passwords as they are kept: PBKDF2 with HMAC-SHA-256 (RFC 8018), compared in constant time.
//!
//! ```text
//! hash = "pbkdf2-sha256:" iterations ":" salt (32 hex digits) ":" key (64 hex digits)
//! ```
//!
//! What makes guessing hopeless is the password or the iterations. A token that we draw has 128
//! bits, so that one iteration is enough and 3,000 devices that come back at once cost
//! milliseconds. A password that a person chose gets [`CHOSEN_ITERATIONS`].

use std::fmt::{self, Display, Write as _};
use std::num::NonZeroU32;
use std::str::FromStr;

use ring::pbkdf2::{self, PBKDF2_HMAC_SHA256};
use ring::rand::{SecureRandom, SystemRandom};

/// For passwords that people choose: some 30 ms of a small processor, on a thread of its own.
const CHOSEN_ITERATIONS: u32 = 100_000;
/// More would let a log-in take longer than the time after which refusals are answered.
const ITERATIONS_MAX: u32 = 300_000;
/// Up to here a hash takes less than a tenth of a millisecond and is computed in place.
const QUICK_ITERATIONS_MAX: u32 = 100;
const SALT_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
const TOKEN_BYTES: usize = 16;
/// Shorter tokens than [`draw_token`]'s cannot hold 128 bits.
const TOKEN_CHARS_MIN: usize = 22;
const SCHEME: &str = "pbkdf2-sha256";

/// A salted hash of a password. Never printed by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    iterations: NonZeroU32,
    salt: [u8; SALT_BYTES],
    key: [u8; KEY_BYTES],
}

/// Why there is no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// The text is no hash; it is not repeated.
    #[error(
        "expected {SCHEME}:<1 to {ITERATIONS_MAX} iterations>:<32 hex digits of salt>:\
         <64 hex digits of key>"
    )]
    Form,
    /// Not a token of 128 bits.
    #[error("expected a token of {TOKEN_CHARS_MIN} or more characters, found {0}")]
    ShortToken(usize),
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    Random,
}

/// A new password for a device: 128 random bits as 32 hex digits.
///
/// # Errors
/// [`PasswordError::Random`].
pub fn draw_token() -> Result<String, PasswordError> {
    Ok(hex(&random::<TOKEN_BYTES>()?))
}

impl PasswordHash {
    /// The hash of a token that [`draw_token`] or the like has drawn.
    ///
    /// # Errors
    /// The token is too short to be one, or [`PasswordError::Random`].
    pub fn of_token(token: &str) -> Result<Self, PasswordError> {
        if token.len() < TOKEN_CHARS_MIN {
            return Err(PasswordError::ShortToken(token.len()));
        }
        Self::new(token.as_bytes(), NonZeroU32::MIN)
    }

    /// The hash of a password that a person has chosen; takes some time.
    ///
    /// # Errors
    /// [`PasswordError::Random`].
    pub fn of_chosen(password: &str) -> Result<Self, PasswordError> {
        let iterations = NonZeroU32::new(CHOSEN_ITERATIONS).unwrap_or(NonZeroU32::MAX);
        Self::new(password.as_bytes(), iterations)
    }

    fn new(password: &[u8], iterations: NonZeroU32) -> Result<Self, PasswordError> {
        let salt = random()?;
        let mut key = [0; KEY_BYTES];
        pbkdf2::derive(PBKDF2_HMAC_SHA256, iterations, &salt, password, &mut key);
        Ok(Self {
            iterations,
            salt,
            key,
        })
    }

    /// What is computed for a user who does not exist or has no password: no password has it.
    pub(crate) fn decoy() -> Self {
        Self {
            iterations: NonZeroU32::MIN,
            salt: [0; SALT_BYTES],
            key: [0; KEY_BYTES],
        }
    }

    pub(crate) fn is_quick(&self) -> bool {
        self.iterations.get() <= QUICK_ITERATIONS_MAX
    }

    /// True if this is the password's hash. The comparison takes the same time wherever they
    /// differ.
    pub fn verify(&self, password: &[u8]) -> bool {
        let algorithm = PBKDF2_HMAC_SHA256;
        pbkdf2::verify(algorithm, self.iterations, &self.salt, password, &self.key).is_ok()
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[password hash]")
    }
}

impl Display for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (salt, key) = (hex(&self.salt), hex(&self.key));
        write!(f, "{SCHEME}:{}:{salt}:{key}", self.iterations)
    }
}

impl FromStr for PasswordHash {
    type Err = PasswordError;

    fn from_str(text: &str) -> Result<Self, PasswordError> {
        let mut parts = text.split(':');
        let mut part = || parts.next().ok_or(PasswordError::Form);
        if part()? != SCHEME {
            return Err(PasswordError::Form);
        }
        let iterations = part()?.parse::<NonZeroU32>();
        let iterations = iterations.map_err(|_not_a_count| PasswordError::Form)?;
        let salt = unhex(part()?).ok_or(PasswordError::Form)?;
        let key = unhex(part()?).ok_or(PasswordError::Form)?;
        if iterations.get() > ITERATIONS_MAX || parts.next().is_some() {
            return Err(PasswordError::Form);
        }
        Ok(Self {
            iterations,
            salt,
            key,
        })
    }
}

fn random<const N: usize>() -> Result<[u8; N], PasswordError> {
    let mut bytes = [0; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_none| PasswordError::Random)?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != N.saturating_mul(2) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        for digit in pair {
            let value = char::from(*digit).to_digit(16)?;
            *byte = (*byte << 4) | u8::try_from(value).ok()?;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;

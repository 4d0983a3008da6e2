//! Whose certificate it is: its first DNS name, else its common name.
//!
//! The certificate has been verified before; still the reading is total.
//!
//! ```text
//! subject   = SET*             SET = 0x31 length SEQUENCE+
//! SEQUENCE  = 0x30 length (OID value)
//! OID       = 0x06 0x03 0x55 0x04 0x03 for the common name (X.520)
//! ```

use tokio_rustls::rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;
const UTF8_STRING: u8 = 0x0C;
const PRINTABLE_STRING: u8 = 0x13;
const IA5_STRING: u8 = 0x16;
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];

/// The name that a client's certificate gives it; none if it gives none.
pub(crate) fn name(certificate: &CertificateDer<'_>) -> Option<String> {
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    let first = certificate.valid_dns_names().next();
    first
        .or_else(|| common_name(certificate.subject()))
        .map(str::to_owned)
}

fn common_name(subject: &[u8]) -> Option<&str> {
    let mut sets = subject;
    while !sets.is_empty() {
        let (mut pairs, rest) = value(sets, SET)?;
        sets = rest;
        while !pairs.is_empty() {
            let (pair, rest) = value(pairs, SEQUENCE)?;
            pairs = rest;
            let (oid, text) = value(pair, OID)?;
            if oid == COMMON_NAME {
                let tags = [UTF8_STRING, PRINTABLE_STRING, IA5_STRING];
                let (text, _) = tags.iter().find_map(|tag| value(text, *tag))?;
                return std::str::from_utf8(text).ok();
            }
        }
    }
    None
}

/// The value that begins `bytes` and has the tag, and what follows it (X.690, 8.1).
fn value(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, length], rest) = bytes.split_first_chunk::<2>()?;
    if found != tag {
        return None;
    }
    let (length, rest) = match length {
        0..=0x7F => (usize::from(length), rest),
        0x81 => {
            let (&[length], rest) = rest.split_first_chunk::<1>()?;
            (usize::from(length), rest)
        }
        0x82 => {
            let (&length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(length)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests;

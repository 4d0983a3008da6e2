//! A certificate's name is read, whoever made it.

use proptest::prelude::*;
use rcgen::{CertificateParams, DnType, DnValue, KeyPair};

use super::{common_name, name};

fn certified(params: &CertificateParams) -> Option<String> {
    let key = KeyPair::generate().unwrap();
    name(params.self_signed(&key).unwrap().der())
}

#[test]
fn the_first_dns_name_counts_and_else_the_common_name() {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    assert_eq!(
        certified(&params).as_deref(),
        Some("rcgen self signed cert"),
        "what rcgen calls a certificate that was given no name"
    );
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Yard");
    params.distinguished_name.push(DnType::CommonName, "gate-3");
    assert_eq!(certified(&params).as_deref(), Some("gate-3"));
    let printable = "gate-4".try_into().unwrap();
    let printable = DnValue::PrintableString(printable);
    params
        .distinguished_name
        .push(DnType::CommonName, printable);
    assert_eq!(certified(&params).as_deref(), Some("gate-4"));
    params.subject_alt_names = CertificateParams::new(vec!["gate-5".to_owned(), "x".to_owned()])
        .unwrap()
        .subject_alt_names;
    assert_eq!(certified(&params).as_deref(), Some("gate-5"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_subject_has_a_name_or_none(
        bytes in proptest::collection::vec(
            prop_oneof![any::<u8>(), Just(0x31), Just(0x30), Just(6), Just(3), Just(0x55), 0..9_u8],
            0..64,
        ),
    ) {
        if let Some(name) = common_name(&bytes) {
            prop_assert!(name.len() <= bytes.len());
        }
    }
}

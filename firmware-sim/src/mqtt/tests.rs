//! The small MQTT client writes what the standard says.

use super::*;

#[test]
fn packets_have_the_bytes_of_the_standard() {
    let hello = connect("ab", 30);
    assert_eq!(hello, b"\x10\x0e\0\x04MQTT\x04\x02\0\x1e\0\x02ab");
    assert_eq!(publish("t", b"x", None, false), b"\x30\x04\0\x01tx");
    assert_eq!(publish("t", b"x", Some(5), true), b"\x3a\x06\0\x01t\0\x05x");
    let long = publish("t", &[0; 200], None, false);
    assert_eq!(long.get(..3), Some(&[0x30, 0xcb, 0x01][..]));
}

#[tokio::test]
async fn answers_are_read_and_anything_else_is_refused() {
    let mut bytes = &b"\x20\x02\0\0\x40\x02\x01\x02\xd0\0\x30\0"[..];
    assert_eq!(read(&mut bytes).await.unwrap(), Answer::Connack(0));
    assert_eq!(read(&mut bytes).await.unwrap(), Answer::Puback(258));
    assert_eq!(read(&mut bytes).await.unwrap(), Answer::Pingresp);
    assert!(read(&mut bytes).await.is_err());
}

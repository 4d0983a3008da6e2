//! MQTT 5 with the client library.

use std::time::Duration;

use rumqttc::Outgoing;
use rumqttc::Transport;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnectProperties, ConnectReturnCode, Filter, LastWill, Packet, PubAckReason, Publish,
    RetainForwardRule, SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, StateError};

use super::{Deaf, Gone, Heard, Message, NETWORK_S_MAX, Publishing, REQUESTS_MAX, Terms};
use crate::config::{PACKET_BYTES_MAX, SessionConfig};
use crate::delivery::Qos;

/// The library takes no shorter ping interval, and panics on one.
const PING_INTERVAL_MIN: Duration = Duration::from_secs(5);

pub(super) fn connect(
    config: &SessionConfig,
    client_id: &str,
    address: &str,
) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new(client_id, address, config.port);
    options.set_transport(Transport::Unix);
    options.set_keep_alive(config.ping_interval().max(PING_INTERVAL_MIN));
    options.set_clean_start(config.is_clean());
    options.set_manual_acks(true);
    options.set_connection_timeout(NETWORK_S_MAX);
    let mut properties = ConnectProperties::new();
    let expiry = u32::try_from(config.session_expiry.as_secs()).unwrap_or(u32::MAX);
    properties.session_expiry_interval = Some(expiry);
    properties.receive_maximum = Some(config.receive_max);
    properties.max_packet_size = u32::try_from(config.packet_bytes_max).ok();
    options.set_connect_properties(properties);
    if let Some(login) = &config.login {
        options.set_credentials(login.username.clone(), login.password.clone());
    }
    if let Some(will) = &config.last_will {
        let (topic, payload) = (will.topic.clone(), will.payload.to_vec());
        let qos = level(will.qos);
        options.set_last_will(LastWill::new(topic, payload, qos, will.retain, None));
    }
    AsyncClient::new(options, REQUESTS_MAX)
}

pub(super) async fn hear(events: &mut EventLoop, ping_interval: Duration) -> Result<Heard, Deaf> {
    let event = events.poll().await.map_err(|error| deaf(&error))?;
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all others are the library's affair"
    )]
    match event {
        Event::Outgoing(Outgoing::Publish(id)) => Ok(Heard::Sent(id)),
        Event::Outgoing(Outgoing::Disconnect) => Ok(Heard::Parted),
        Event::Incoming(Packet::ConnAck(answer)) => {
            agree_on_pings(events, &answer, ping_interval);
            Ok(Heard::Accepted(terms(&answer)?))
        }
        Event::Incoming(Packet::SubAck(answer)) => {
            let refusal = |code: &SubscribeReasonCode| match code {
                SubscribeReasonCode::Success(_) => None,
                other => Some(format!("{other:?}")),
            };
            Ok(Heard::Subscribed(
                answer.return_codes.iter().map(refusal).collect(),
            ))
        }
        Event::Incoming(Packet::PubAck(answer)) => {
            let refusal = match answer.reason {
                PubAckReason::Success | PubAckReason::NoMatchingSubscribers => None,
                other => Some(format!("{other:?}")),
            };
            Ok(Heard::Acknowledged(answer.pkid, refusal))
        }
        Event::Incoming(Packet::Publish(publish)) => message(publish).map(Heard::Message),
        _ => Ok(Heard::Other),
    }
}

/// The library takes the broker's keep-alive as its ping interval, which is too late, and with 0
/// (none) it pings without end. Ours serves both.
fn agree_on_pings(events: &mut EventLoop, answer: &ConnAck, ping_interval: Duration) {
    let properties = answer.properties.as_ref();
    if let Some(wanted) = properties.and_then(|properties| properties.server_keep_alive) {
        let theirs = Duration::from_secs(u64::from(wanted)).mul_f64(0.75);
        let interval = match wanted {
            0 => ping_interval,
            _ => ping_interval.min(theirs),
        };
        events
            .options
            .set_keep_alive(interval.max(PING_INTERVAL_MIN));
    }
}

fn terms(answer: &ConnAck) -> Result<Terms, Deaf> {
    let properties = answer.properties.as_ref();
    let receive_max = properties.and_then(|properties| properties.receive_max);
    let receive_max = usize::from(receive_max.unwrap_or(u16::MAX));
    let packet_max = properties.and_then(|properties| properties.max_packet_size);
    if receive_max == 0 || packet_max == Some(0) {
        return Err(Deaf::Protocol("a limit of 0 in its CONNACK"));
    }
    let packet_max = packet_max.and_then(|max| usize::try_from(max).ok());
    Ok(Terms {
        session_present: answer.session_present,
        // One below the broker's: at its own limit the library sends nothing more, not even the
        // acknowledgements of what comes in.
        in_flight_max: (receive_max - 1).max(1),
        packet_bytes_max: packet_max.unwrap_or(PACKET_BYTES_MAX),
    })
}

fn message(publish: Publish) -> Result<Message, Deaf> {
    let properties = publish.properties.as_ref();
    if properties.is_some_and(|properties| properties.topic_alias.is_some()) {
        return Err(Deaf::Protocol("a topic alias that we have not allowed"));
    }
    if publish.topic.is_empty() {
        return Err(Deaf::Protocol("a message without a topic"));
    }
    let Ok(topic) = String::from_utf8(publish.topic.to_vec()) else {
        return Err(Deaf::Protocol("a topic that is not UTF-8"));
    };
    Ok(Message {
        topic,
        payload: publish.payload,
        qos: quality(publish.qos),
        retain: publish.retain,
        dup: publish.dup,
        id: publish.pkid,
    })
}

fn deaf(error: &ConnectionError) -> Deaf {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the others say what they are"
    )]
    match error {
        ConnectionError::ConnectionRefused(code) => Deaf::Refused(match code {
            ConnectReturnCode::BadUserNamePassword => "wrong user name or password".to_owned(),
            ConnectReturnCode::NotAuthorized => {
                "not authorised: user name, password or client id may not connect".to_owned()
            }
            ConnectReturnCode::RefusedProtocolVersion
            | ConnectReturnCode::UnsupportedProtocolVersion => {
                "it does not speak MQTT 5: try protocol = 4".to_owned()
            }
            ConnectReturnCode::ClientIdentifierNotValid | ConnectReturnCode::BadClientId => {
                "it does not take our client id".to_owned()
            }
            other => format!("{other:?}"),
        }),
        ConnectionError::Timeout(_) => Deaf::Ended(format!("no CONNACK within {NETWORK_S_MAX} s")),
        ConnectionError::MqttState(StateError::AwaitPingResp) => {
            Deaf::Ended("the broker does not answer pings".to_owned())
        }
        ConnectionError::MqttState(StateError::ServerDisconnect {
            reason_code,
            reason_string,
        }) => Deaf::Disconnected(match reason_string {
            Some(words) => format!("{reason_code:?} ({words})"),
            None => format!("{reason_code:?}"),
        }),
        other => Deaf::Ended(other.to_string()),
    }
}

pub(super) fn subscribe(client: &AsyncClient, filters: Vec<String>) -> Result<(), Gone> {
    let filters = filters.into_iter().map(|path| {
        let mut filter = Filter::new(path, QoS::AtLeastOnce);
        // Old messages are no news: the broker need not send them.
        filter.retain_forward_rule = RetainForwardRule::Never;
        filter
    });
    client.try_subscribe_many(filters).map_err(|_full| Gone)
}

pub(super) async fn acknowledge(client: &AsyncClient, qos: Qos, id: u16) -> Result<(), Gone> {
    let mut publish = Publish::new("", level(qos), Vec::new(), None);
    publish.pkid = id;
    client.ack(&publish).await.map_err(|_closed| Gone)
}

pub(super) async fn publish(client: &AsyncClient, order: Publishing) -> Result<(), Gone> {
    let qos = if order.is_acknowledged {
        QoS::AtLeastOnce
    } else {
        QoS::AtMostOnce
    };
    client
        .publish(order.topic, qos, order.retain, order.payload)
        .await
        .map_err(|_closed| Gone)
}

fn level(qos: Qos) -> QoS {
    match qos {
        Qos::AtMostOnce => QoS::AtMostOnce,
        Qos::AtLeastOnce => QoS::AtLeastOnce,
        Qos::ExactlyOnce => QoS::ExactlyOnce,
    }
}

fn quality(qos: QoS) -> Qos {
    match qos {
        QoS::AtMostOnce => Qos::AtMostOnce,
        QoS::AtLeastOnce => Qos::AtLeastOnce,
        QoS::ExactlyOnce => Qos::ExactlyOnce,
    }
}

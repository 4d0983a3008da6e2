//! MQTT 3.1.1 with the client library.

use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, LastWill, MqttOptions,
    Outgoing, Packet, Publish, QoS, StateError, SubscribeFilter, SubscribeReasonCode, Transport,
};

use super::{Deaf, Gone, Heard, Message, NETWORK_S_MAX, Publishing, REQUESTS_MAX, Terms};
use crate::config::{PACKET_BYTES_MAX, SessionConfig};
use crate::delivery::Qos;

/// Packet identifiers that the library gives out in turn. It keeps 64 bytes for each from the
/// first connection on: all 65,535 would be 4 MiB, half of what a small gateway can spare. With
/// 200 publishes on their way at most, one is given out again only if a broker has answered 3,895
/// later ones and left this one out; the patience ends such a connection.
const PACKET_IDS: u16 = 4_095;

pub(super) fn connect(
    config: &SessionConfig,
    client_id: &str,
    address: &str,
) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new(client_id, address, config.port);
    options.set_transport(Transport::Unix);
    options.set_keep_alive(config.ping_interval());
    options.set_clean_session(config.is_clean());
    options.set_manual_acks(true);
    // The limit is the guard's affair: a packet above it never comes this far.
    options.set_max_packet_size(PACKET_BYTES_MAX, PACKET_BYTES_MAX);
    // Ours is lower. The library's own must never be reached: it then sends not even PUBACK.
    options.set_inflight(PACKET_IDS);
    if let Some(login) = &config.login {
        options.set_credentials(login.username.clone(), login.password.clone());
    }
    if let Some(will) = &config.last_will {
        let (topic, payload) = (will.topic.clone(), will.payload.to_vec());
        options.set_last_will(LastWill::new(topic, payload, level(will.qos), will.retain));
    }
    let (client, mut events) = AsyncClient::new(options, REQUESTS_MAX);
    events.network_options.set_connection_timeout(NETWORK_S_MAX);
    (client, events)
}

pub(super) async fn hear(events: &mut EventLoop) -> Result<Heard, Deaf> {
    let event = events.poll().await.map_err(|error| deaf(&error))?;
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all others are the library's affair"
    )]
    Ok(match event {
        Event::Outgoing(Outgoing::Publish(id)) => Heard::Sent(id),
        Event::Outgoing(Outgoing::Disconnect) => Heard::Parted,
        Event::Incoming(Packet::ConnAck(answer)) => Heard::Accepted(Terms {
            session_present: answer.session_present,
            in_flight_max: usize::from(PACKET_IDS),
            packet_bytes_max: PACKET_BYTES_MAX,
        }),
        Event::Incoming(Packet::SubAck(answer)) => {
            let refusal = |code: &SubscribeReasonCode| match code {
                SubscribeReasonCode::Success(_) => None,
                SubscribeReasonCode::Failure => Some("no reason given".to_owned()),
            };
            Heard::Subscribed(answer.return_codes.iter().map(refusal).collect())
        }
        Event::Incoming(Packet::PubAck(answer)) => Heard::Acknowledged(answer.pkid, None),
        Event::Incoming(Packet::Publish(publish)) => Heard::Message(Message {
            topic: publish.topic,
            payload: publish.payload,
            qos: quality(publish.qos),
            retain: publish.retain,
            dup: publish.dup,
            id: publish.pkid,
        }),
        _ => Heard::Other,
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
            ConnectReturnCode::RefusedProtocolVersion => {
                "it does not speak MQTT 3.1.1: try protocol = 5".to_owned()
            }
            ConnectReturnCode::BadClientId => "it does not take our client id".to_owned(),
            other => format!("{other:?}"),
        }),
        ConnectionError::NetworkTimeout => {
            Deaf::Ended(format!("no CONNACK within {NETWORK_S_MAX} s"))
        }
        ConnectionError::MqttState(StateError::AwaitPingResp) => {
            Deaf::Ended("the broker does not answer pings".to_owned())
        }
        other => Deaf::Ended(other.to_string()),
    }
}

pub(super) fn subscribe(client: &AsyncClient, filters: Vec<String>) -> Result<(), Gone> {
    let filters = filters.into_iter();
    let filters = filters.map(|path| SubscribeFilter::new(path, QoS::AtLeastOnce));
    client.try_subscribe_many(filters).map_err(|_full| Gone)
}

pub(super) async fn acknowledge(client: &AsyncClient, qos: Qos, id: u16) -> Result<(), Gone> {
    let mut publish = Publish::new("", level(qos), Vec::new());
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
        .publish_bytes(order.topic, qos, order.retain, order.payload)
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

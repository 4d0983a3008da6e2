//! Formats that name what they measure, message by message, through routes and topics.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test over fixed messages: a panic is its way to fail"
)]

use huitian_codec::{Named, NamedMessage, NamedValue, Opened, Refusal, RefusalReason, Routes};
use huitian_model::{TimeSource, UtcMs};

const NOW: UtcMs = UtcMs(1_795_406_400_000);
/// 2026-11-23T04:00:00Z, which is `NOW`.
const ISO: &str = "2026-11-23T12:00:00+08:00";

fn route(keys: &str) -> Routes {
    #[derive(serde::Deserialize)]
    struct File {
        #[serde(default)]
        routes: Routes,
    }
    let text = if keys.is_empty() {
        String::new()
    } else {
        format!("[[routes]]\n{keys}")
    };
    toml::from_str::<File>(&text).unwrap().routes
}

fn open(keys: &str, topic: &str, payload: &str) -> Result<Opened, Refusal> {
    route(keys).open(topic, payload.as_bytes(), NOW)
}

fn named(keys: &str, topic: &str, payload: &str) -> NamedMessage {
    match open(keys, topic, payload) {
        Ok(Opened::Named(message)) => message,
        other => panic!("{topic} {payload}: {other:?}"),
    }
}

/// A record as one line: `device@time#sequence name=value ...`.
fn told(record: &Named) -> String {
    let at = record
        .at
        .map_or("-".to_owned(), |at| (at.0 - NOW.0).to_string());
    let source = match record.at {
        Some(_) => TimeSource::Device,
        None => TimeSource::Receiver,
    };
    assert_eq!(record.time_source, source);
    let sequence = record.sequence.map_or(String::new(), |n| format!("#{n}"));
    let values = record.values.iter().map(|(name, value)| match value {
        NamedValue::Bool(yes) => format!(" {name}={yes}"),
        NamedValue::Number(number) => format!(" {name}={number}"),
        NamedValue::Text(text) => format!(" {name}={text:?}"),
        NamedValue::Missing => format!(" {name}=none"),
    });
    format!(
        "{}@{at}{sequence}{}",
        record.address,
        values.collect::<String>()
    )
}

fn check(keys: &str, topic: &str, payload: &str, expected: &[&str]) {
    let message = named(keys, topic, payload);
    let found: Vec<String> = message.records.iter().map(told).collect();
    assert_eq!(found, expected, "{payload}: {:?}", message.refused);
    assert_eq!(message.refused, vec![], "{payload}");
}

fn check_refused(keys: &str, topic: &str, payload: &str, reason: RefusalReason) {
    match open(keys, topic, payload) {
        Err(refusal) => assert_eq!(refusal.reason, reason, "{payload}: {refusal}"),
        Ok(Opened::Named(message)) => {
            let found = message.refused.first().map(|refusal| refusal.reason);
            assert_eq!(found, Some(reason), "{payload}: {message:?}");
        }
        Ok(other) => panic!("{payload}: {other:?}"),
    }
}

#[test]
fn tasmota_is_read_by_its_topic() {
    // tasmota/docs: SR04, the Modbus bridge, and the LoRaWAN bridge of arendst/Tasmota#23545.
    let sr04 = r#"{"Time":"2019-01-01T22:42:35","SR04":{"Distance":16.754}}"#;
    check(
        "",
        "tele/bin-7/SENSOR",
        sr04,
        &["bin-7@- SR04.Distance=16.754"],
    );
    check(
        "",
        "tele/hall/SENSOR",
        r#"{"Time":"2025-06-01T00:00:00","LwDecoded":{"0x4EA0":{"Distance":3462,
            "Node":2,"BattV":3.84,"Device":"Dragino DDS75-LB/LS"}}}"#,
        &["hall/0x4EA0@- Distance=3462 Node=2 BattV=3.84 Device=\"Dragino DDS75-LB/LS\""],
    );
    check(
        "",
        "tele/a/b/SENSOR",
        r#"{"ModbusReceived":{"DeviceAddress":1,"Values":[7,8]}}"#,
        &[
            "a/b@- ModbusReceived.DeviceAddress=1 ModbusReceived.Values.0=7 \
             ModbusReceived.Values.1=8",
        ],
    );
    // Only a route makes the local time a time.
    let keys = "topic = \"tele/+/SENSOR\"\nformat = \"tasmota\"\nutc_offset = \"+08:00\"";
    let local = r#"{"Time":"2026-11-23T12:00:00","X":1}"#;
    check(keys, "tele/bin-7/SENSOR", local, &["bin-7@0 X=1"]);
    let west = keys.replace("+08:00", "-03:30");
    check(&west, "tele/bin-7/SENSOR", local, &["bin-7@41400000 X=1"]);
    let zoned = r#"{"Time":"2026-11-23T04:00:00Z","X":1}"#;
    check(&west, "tele/bin-7/SENSOR", zoned, &["bin-7@0 X=1"]);
    check_refused(
        keys,
        "tele/bin-7/SENSOR",
        r#"{"Time":"noon","X":1}"#,
        RefusalReason::WrongType,
    );
    let unset = r#"{"Time":"1970-01-01T00:00:07","X":1}"#;
    check_refused(keys, "tele/bin-7/SENSOR", unset, RefusalReason::OutOfRange);
    for (payload, note) in [("Online", "device online"), ("Offline", "device offline")] {
        let opened = open("", "tele/bin-7/LWT", payload);
        assert_eq!(opened, Ok(Opened::NotReadings(note)));
    }
    check_refused("", "tele/bin-7/LWT", "Away", RefusalReason::WrongType);
}

#[test]
fn zigbee2mqtt_is_read_by_its_topic() {
    let state = r#"{"occupancy":true,"battery":97,"linkquality":null}"#;
    check(
        "",
        "zigbee2mqtt/yard/bin 7",
        state,
        &["yard/bin 7@- occupancy=true battery=97 linkquality=none"],
    );
    let seen = |value: &str| format!(r#"{{"last_seen":{value},"x":1}}"#);
    check("", "zigbee2mqtt/b", &seen("1795406400000"), &["b@0 x=1"]);
    check(
        "",
        "zigbee2mqtt/b",
        &seen(&format!("\"{ISO}\"")),
        &["b@0 x=1"],
    );
    check("", "zigbee2mqtt/b", &seen("null"), &["b@- x=1"]);
    check_refused("", "zigbee2mqtt/b", &seen("true"), RefusalReason::WrongType);
    check_refused(
        "",
        "zigbee2mqtt/b",
        &seen("1795406400"),
        RefusalReason::OutOfRange,
    );
    check_refused("", "zigbee2mqtt/b", "21.5", RefusalReason::WrongType);
    for (payload, note) in [
        ("online", "device online"),
        (r#"{"state":"offline"}"#, "device offline"),
    ] {
        let opened = open("", "zigbee2mqtt/yard/bin 7/availability", payload);
        assert_eq!(opened, Ok(Opened::NotReadings(note)));
    }
    check_refused(
        "",
        "zigbee2mqtt/b/availability",
        "maybe",
        RefusalReason::WrongType,
    );
}

#[test]
fn ultralight_is_read_by_its_topic() {
    // telefonicaid/iotagent-ul, user's manual.
    let topic = "/ul/key/bin-7/attrs";
    check("", topic, "t|15|k|abc", &["bin-7@- t=15 k=\"abc\""]);
    check(
        "",
        topic,
        "gps|1.2/3.4#t|10",
        &["bin-7@- gps=\"1.2/3.4\"", "bin-7@- t=10"],
    );
    check("", topic, &format!("{ISO}|lle|100"), &["bin-7@0 lle=100"]);
    check(
        "",
        topic,
        "n|007|b|true|z|null|q|\"a b\"|e|",
        &["bin-7@- n=\"007\" b=true z=none q=\"a b\" e=none"],
    );
    check("", "ul/key/bin-7/attrs/t", " 21.5 ", &["bin-7@- t=21.5"]);
    check_refused("", topic, "noon|t|1", RefusalReason::WrongType);
    check_refused("", topic, "t|1|t|2", RefusalReason::DuplicateKey);
    check_refused("", topic, "|1", RefusalReason::WrongType);
    check_refused("", topic, "", RefusalReason::WrongType);
    // A group with a fault leaves the others.
    let message = named("", topic, "t|1#noon|t|1#t|2");
    assert_eq!((message.records.len(), message.refused.len()), (2, 1));
    assert!(
        message.refused[0].text.starts_with("group 1: "),
        "{:?}",
        message.refused
    );
}

#[test]
fn json_is_read_as_a_route_maps_it() {
    let keys = "topic = \"m/+\"\nformat = \"json\"\ndevice = { path = \"dev.id\" }\n\
                time = { path = \"ts\", unit = \"s\" }\nsequence = \"n\"\nrecords = \"data.list\"";
    let payload = r#"{"n":17,"data":{"list":[{"ts":1795406400,"level":{"mm":640}},
        {"ts":1795406400.5,"level":{"mm":655},"n":18}],
        "x":1},"dev":{"id":"bin-7"}}"#;
    check(
        keys,
        "m/x",
        payload,
        &["bin-7@0#17 level.mm=640", "bin-7@500#18 level.mm=655"],
    );
    let one = r#"{"n":17,"data":{"list":{"ts":1795406400,"level":{"mm":640}}},
        "dev":{"id":"bin-7"}}"#;
    check(keys, "m/x", one, &["bin-7@0#17 level.mm=640"]);
    let plain = "topic = \"m/+\"\nformat = \"json\"\ntime = { path = \"t\", unit = \"rfc3339\" }";
    check(
        plain,
        "m/bin-7",
        &format!(r#"{{"t":"{ISO}","a":1}}"#),
        &["bin-7@0 a=1"],
    );
    check(
        plain,
        "m/bin-7",
        r#"[{"t":null,"a":1},{"a":[2,3]}]"#,
        &["bin-7@- a=1", "bin-7@- a.0=2 a.1=3"],
    );
    let ms = plain.replace("rfc3339", "ms");
    check(
        &ms,
        "m/bin-7",
        r#"{"t":1795406400000.9,"a":1}"#,
        &["bin-7@0 a=1"],
    );
    for (payload, reason) in [
        (r#"{"t":"1795406400000"}"#, RefusalReason::WrongType),
        (r#"{"t":1795406400}"#, RefusalReason::OutOfRange),
        // Nanoseconds where milliseconds are wanted are beyond all numbers: no silent "now".
        (
            r#"{"t":1795406400000000000,"a":1}"#,
            RefusalReason::OutOfRange,
        ),
        ("[1]", RefusalReason::WrongType),
        ("7", RefusalReason::WrongType),
    ] {
        check_refused(&ms, "m/bin-7", payload, reason);
    }
    for (from, to, reason) in [
        ("\"bin-7\"", "true", RefusalReason::WrongType),
        ("\"bin-7\"", "\"\"", RefusalReason::OutOfRange),
        ("\"bin-7\"", "\"a\\nb\"", RefusalReason::OutOfRange),
        ("\"dev\"", "\"other\"", RefusalReason::MissingField),
        ("\"list\"", "\"rows\"", RefusalReason::MissingField),
        ("\"n\":17", "\"n\":-1", RefusalReason::OutOfRange),
        ("\"n\":17", "\"n\":4294967296", RefusalReason::OutOfRange),
        ("\"n\":17", "\"n\":\"17\"", RefusalReason::OutOfRange),
    ] {
        check_refused(keys, "m/x", &payload.replace(from, to), reason);
    }
    let number = payload.replace("\"bin-7\"", "4711");
    assert_eq!(named(keys, "m/x", &number).records[0].address, "4711");
}

#[test]
fn csv_is_read_by_its_columns() {
    let keys = "topic = \"c\"\nformat = \"csv\"\ndevice = { column = \"dev\" }\n\
                time = { column = \"time\", unit = \"rfc3339\" }\nsequence = \"n\"";
    let table = format!(
        "\u{feff}dev,time,n,distance,lid\r\nbin-7,{ISO},3,640,false\r\n\r\n\
         bin-8,,,\"1,5\",\"a \"\"b\"\"\"\r\n"
    );
    check(
        keys,
        "c",
        &table,
        &[
            "bin-7@0#3 distance=640 lid=false",
            "bin-8@- distance=\"1,5\" lid=\"a \"b\"\"",
        ]
        .map(|line| line.replace("\"a \"b\"\"", "\"a \\\"b\\\"\""))
        .each_ref()
        .map(String::as_str),
    );
    let semi = "topic = \"c/+\"\nformat = \"csv\"\ndelimiter = \";\"\n\
                columns = [\"t\", \"v\"]\ntime = { column = \"t\", unit = \"s\" }";
    check(
        semi,
        "c/bin-7",
        "1795406400;12,5\n1795406401; -3 ",
        &["bin-7@0 v=\"12,5\"", "bin-7@1000 v=-3"],
    );
    check(
        semi,
        "c/bin-7",
        "1795406400;\"a\nb\"",
        &["bin-7@0 v=\"a\nb\""]
            .map(|line| line.replace('\n', "\\n"))
            .each_ref()
            .map(String::as_str),
    );
    assert_eq!(
        open(semi, "c/bin-7", "1795406400;\n"),
        Ok(Opened::NotReadings("no values"))
    );
    for (payload, reason) in [
        ("1795406400;1;2", RefusalReason::WrongType),
        ("1795406400", RefusalReason::WrongType),
        ("1795406400;\"a\"b", RefusalReason::NotJson),
        ("1795406400;\"a", RefusalReason::NotJson),
        ("12:00;1", RefusalReason::OutOfRange),
    ] {
        check_refused(semi, "c/bin-7", payload, reason);
    }
    check_refused(keys, "c", "dev,dev,n\n", RefusalReason::DuplicateKey);
    check_refused(keys, "c", "time,n,a\n,,1\n", RefusalReason::MissingField);
    let message = named(semi, "c/bin-7", "1795406400;1\n5;2\n1795406400;3");
    assert_eq!((message.records.len(), message.refused.len()), (2, 1));
    assert!(
        message.refused[0].text.starts_with("row 1: t: "),
        "{:?}",
        message.refused
    );
}

#[test]
fn line_protocol_is_read_with_its_escapes() {
    let keys = "topic = \"l\"\nformat = \"line\"\ndevice = { tag = \"dev\" }";
    check(
        keys,
        "l",
        "bins,dev=bin-7,site=s1 distance=640i,t=21.5,lid=\"shut\",open=f,u=7u 1795406400000000000",
        &["bin-7@0 distance=640 t=21.5 lid=\"shut\" open=false u=7"],
    );
    check(
        keys,
        "l",
        "# a comment\n\nm\\,x,dev=bin\\ 7\\=a\\,b,k\\=y=1 a\\ b=-1e3,c=T\r\n\
         m,dev=b\\x t=\"q\\\"\\\\ \\n, =\" 1795406400000000000 \n",
        &[
            "bin 7=a,b@- a b=-1000 c=true",
            "b\\x@0 t=\"q\\\"\\\\ \\\\n, =\"",
        ],
    );
    let with = format!("{keys}\nwith_measurement = true\ntime = {{ unit = \"ms\" }}");
    check(
        &with,
        "l",
        "bins,dev=a v=1 1795406400000",
        &["a@0 bins.v=1"],
    );
    let topic = "topic = \"l/+\"\nformat = \"line\"\ntime = { unit = \"us\" }";
    check(
        topic,
        "l/bin-7",
        "m v=1,w=9223372036854775807i 1795406400000001",
        &["bin-7@0 v=1 w=none"],
    );
    for line in [
        "m",
        "m,dev=a",
        "m,dev=a ",
        "m,dev=a v",
        "m,dev=a v=",
        "m,dev=a v=1,",
        "m,dev=a v=1 x",
        "m,dev=a v=1 1 2",
        "m,dev= v=1",
        ",dev=a v=1",
        "m,dev=a v=\"x",
        "m,dev=a v=nan",
        "m,dev=a v=1x",
        "m,dev=a v=-1u",
        "m,dev=a v=01",
        "m,dev v=1",
        "m v=1",
        "m,dev=a,dev=b v=1",
        "m,dev=a v=1,v=2",
        "m,dev=a  v=1",
        "m,dev=a v=1 9223372036854775808",
    ] {
        let message = named(keys, "l", &format!("{line}\nm,dev=good v=2"));
        assert_eq!(message.refused.len(), 1, "{line}");
        // An open quote takes the rest with it, as in the protocol; else the next line is read.
        assert_eq!(
            message.records.len(),
            usize::from(!line.contains('"')),
            "{line}"
        );
    }
}

#[test]
fn ngsi_ld_is_read_in_all_its_forms() {
    let keys = "topic = \"n\"\nformat = \"ngsi-ld\"";
    let bin = r#"{"id":"urn:ngsi-ld:WasteContainer:7","type":"WasteContainer","@context":["https://example.org/c"],
        "fillingLevel":{"type":"Property","value":0.68,"observedAt":"2026-11-23T04:00:00Z",
            "unitCode":"C62"},
        "temperature":{"value":21.5,"observedAt":"2026-11-23T04:00:01Z"},
        "status":{"type":"Property","value":"ok"},
        "refDevice":{"type":"Relationship","object":"urn:x"},
        "location":{"type":"GeoProperty","value":{"type":"Point","coordinates":[116.5,40.0]}}}"#;
    let expected = [
        "urn:ngsi-ld:WasteContainer:7@0 fillingLevel=0.68 fill=68",
        "urn:ngsi-ld:WasteContainer:7@1000 temperature=21.5",
        "urn:ngsi-ld:WasteContainer:7@- status=\"ok\" refDevice=\"urn:x\" \
         location.type=\"Point\" location.coordinates.0=116.5 \
         location.coordinates.1=40",
    ];
    let notification = format!(
        r#"{{"id":"n:1","type":"Notification","subscriptionId":"s",
            "notifiedAt":"2026-11-23T04:00:02Z","data":[{bin}]}}"#
    );
    let mqtt =
        format!(r#"{{"metadata":{{"Content-Type":"application/json"}},"body":{notification}}}"#);
    for payload in [bin.to_owned(), format!("[{bin}]"), notification, mqtt] {
        check(keys, "n", &payload, &expected);
    }
    // dataModel.Parking, the example of OffStreetParking in key-values, cut to what is counted.
    let parking = r#"{"id":"urn:ngsi-ld:OffStreetParking:a","type":"OffStreetParking","name":"P",
        "totalSpotNumber":414,
        "availableSpotNumber":132,"occupiedSpotNumber":282,"occupancy":0.68,
        "occupancyModified":"2026-11-23T04:00:00Z","status":["open","spacesAvailable"]}"#;
    let spot = r#"{"id":"s1","type":"https://uri.fiware.org/ns/data-models#ParkingSpot","status":"occupied","dateObserved":"2026-11-23T03:00:00Z/2026-11-23T04:00:00Z"}"#;
    check(
        keys,
        "n",
        &format!(
            "[{parking},{spot},{}]",
            spot.replace("\"occupied\"", "\"unknown\"")
        ),
        &[
            "urn:ngsi-ld:OffStreetParking:a@- name=\"P\" totalSpotNumber=414 \
             status.0=\"open\" status.1=\"spacesAvailable\"",
            "urn:ngsi-ld:OffStreetParking:a@0 availableSpotNumber=132 \
             free_places=132 occupiedSpotNumber=282 in_use=282 occupancy=0.68",
            "s1@0 status=\"occupied\" occupied=true",
            "s1@0 status=\"unknown\" occupied=none",
        ],
    );
    for (payload, reason) in [
        (
            r#"{"type":"ParkingSpot","status":"free"}"#,
            RefusalReason::MissingField,
        ),
        (
            r#"{"id":"a","x":{"value":1,"observedAt":"noon"}}"#,
            RefusalReason::WrongType,
        ),
        (
            r#"{"id":"a","dateObserved":"noon","x":1}"#,
            RefusalReason::WrongType,
        ),
        (r#"{"id":"","x":1}"#, RefusalReason::OutOfRange),
        ("[1]", RefusalReason::WrongType),
    ] {
        check_refused(keys, "n", payload, reason);
    }
    // A fault in one entity leaves the others.
    let message = named(keys, "n", r#"[{"x":1},{"id":"b","x":2}]"#);
    assert_eq!((message.records.len(), message.refused.len()), (1, 1));
    let long = format!(r#"{{"id":"b","description":"{}","x":2}}"#, "d".repeat(600));
    check(keys, "n", &long, &["b@- x=2"]);
}

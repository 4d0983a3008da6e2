//! A configuration that the hub pushes: checked, tried, kept or taken back.

use huitian_model::uplink::ConfigOutcome::{Accepted, Applied, Refused, RolledBack};

use crate::support::{Edge, Hub, Place, answers, files, free_addr, listening};

#[tokio::test]
async fn a_good_configuration_is_tried_and_then_in_force_also_after_a_restart() {
    let mut hub = Hub::open().await;
    let (old, new) = (free_addr(), free_addr());
    let place = Place::new(&hub, old, "");
    let edge = Edge::start(&place);
    assert_eq!(hub.hello().await, 0);

    hub.push(1, &files(&listening(new)), true);
    assert_eq!(hub.outcome().await, (1, Accepted));
    assert!(answers(old).await && !answers(new).await, "only a dry run");

    hub.push(2, &files(&listening(new)), false);
    assert_eq!(hub.outcome().await, (2, Accepted));
    assert_eq!(hub.outcome().await, (2, Applied));
    assert!(answers(new).await && !answers(old).await);
    edge.stop().await;

    let edge = Edge::start(&place);
    assert_eq!(hub.hello().await, 2);
    assert!(answers(new).await && !answers(old).await);
    edge.stop().await;
}

#[tokio::test]
async fn a_wrong_configuration_is_refused_with_its_faults_and_changes_nothing() {
    let mut hub = Hub::open().await;
    let (old, new) = (free_addr(), free_addr());
    let place = Place::new(&hub, old, "");
    let edge = Edge::start(&place);
    assert_eq!(hub.hello().await, 0);
    let bus = |name: &str, port: u16, device: &str| {
        format!(
            "[[modbus]]\nname = \"{name}\"\ncontroller = \"tcp://127.0.0.1:{port}\"\n\
             interval = \"10s\"\n[[modbus.request]]\nslave_id = 9\nmap = \"procon-ld120\"\n\
             device = \"{device}\"\n"
        )
    };
    let unknown_key = format!("{}coffee = true\n", listening(new));
    let buses = format!(
        "{}{}{}",
        listening(new),
        bus("east", 502, "no-such-device"),
        bus("west", 503, "nor-this-one")
    );
    let mut outside = files(&listening(new));
    outside.last_mut().unwrap().name = "../outside.csv".to_owned();
    let mut cases = vec![(files(&unknown_key), vec!["coffee"])];
    cases.push((files(&buses), vec!["no-such-device", "nor-this-one"]));
    cases.push((outside, vec!["../outside.csv"]));
    for (version, (files, expected)) in (1..).zip(cases) {
        hub.push(version, &files, false);
        let (heard, outcome) = hub.outcome().await;
        let Refused(text) = outcome else {
            panic!("version {version}: {outcome:?}")
        };
        assert_eq!(heard, version);
        for fault in expected {
            assert!(text.contains(fault), "{fault} is missing in {text}");
        }
        assert!(answers(old).await && !answers(new).await);
    }
    assert!(!place.data().join("configs/outside.csv").exists());
    edge.stop().await;
}

#[tokio::test]
async fn a_configuration_that_does_not_start_is_taken_back_and_not_tried_again() {
    let mut hub = Hub::open().await;
    let old = free_addr();
    let place = Place::new(&hub, old, "");
    let edge = Edge::start(&place);
    assert_eq!(hub.hello().await, 0);
    // The hub's own port is taken for sure.
    let taken = hub.broker.local_addr();
    hub.push(1, &files(&listening(taken)), false);
    assert_eq!(hub.outcome().await, (1, Accepted));
    let (version, outcome) = hub.outcome().await;
    let RolledBack(reason) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(version, 1);
    assert!(reason.contains("did not start"), "{reason}");
    assert!(answers(old).await, "the former runs again");

    // As a hub does that has not heard of it: also after a restart it is not tried once more.
    hub.push(1, &files(&listening(taken)), false);
    assert!(matches!(hub.outcome().await, (1, RolledBack(_))));
    edge.stop().await;
    let edge = Edge::start(&place);
    assert_eq!(hub.hello().await, 0);
    hub.push(1, &files(&listening(taken)), false);
    assert!(matches!(hub.outcome().await, (1, RolledBack(_))));
    edge.stop().await;
}

#[tokio::test]
async fn a_configuration_under_which_the_edge_ended_is_taken_back_at_the_next_start() {
    let mut hub = Hub::open().await;
    let (old, new) = (free_addr(), free_addr());
    let place = Place::new(&hub, old, "");
    // As a process leaves it that is killed during the trial.
    let configs = place.data().join("configs");
    std::fs::create_dir_all(&configs).unwrap();
    std::fs::write(configs.join("trial"), "7").unwrap();
    let edge = Edge::start(&place);
    let (version, outcome) = hub.outcome().await;
    assert_eq!(version, 7);
    let RolledBack(reason) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(reason.contains("ended while it was on trial"), "{reason}");
    assert!(answers(old).await);
    hub.push(7, &files(&listening(new)), false);
    assert!(matches!(hub.outcome().await, (7, RolledBack(_))));
    assert!(!answers(new).await, "it is not tried again");
    edge.stop().await;
}

//! What the engine said is found again, and once.

use crate::{AlertQuery, WindowQuery};

use super::*;

fn query(name: &str, length: WindowLength) -> WindowQuery {
    WindowQuery {
        site: site(),
        facility: facility(name),
        length,
        from: UtcMs(0),
        to: UtcMs(i64::MAX),
        after: None,
        limit: 1_000,
    }
}

#[tokio::test]
async fn windows_are_read_by_pages_and_only_those_asked_for() {
    let folder = Folder::new();
    let store = folder.open();
    let starts = (0..10).map(|n| UtcMs(n * 15 * MINUTE));
    let lot: Vec<_> = starts
        .map(|at| window("lot-1", WindowLength::Min15, at))
        .collect();
    let other = window("lot-2", WindowLength::Min15, UtcMs(0));
    let hour = window("lot-1", WindowLength::Hour1, UtcMs(0));
    let all = lot.iter().cloned().chain([other.clone(), hour]);
    say(&store, all.map(Output::Window).collect()).await;

    let asked = query("lot-1", WindowLength::Min15);
    assert_eq!(store.windows(&asked).unwrap(), lot);
    let mut page = WindowQuery {
        limit: 4,
        ..asked.clone()
    };
    let mut paged = Vec::new();
    loop {
        let rows = store.windows(&page).unwrap();
        let Some(last) = rows.last() else { break };
        page.after = Some(last.key.start);
        paged.extend(rows);
    }
    assert_eq!(paged, lot);
    let (from, to) = (UtcMs(15 * MINUTE - 1), UtcMs(45 * MINUTE));
    assert_eq!(
        store.windows(&WindowQuery { from, to, ..asked }).unwrap(),
        lot[1..3]
    );
    assert_eq!(
        store.windows(&query("lot-2", WindowLength::Min15)).unwrap(),
        [other]
    );
    assert_eq!(
        store.windows(&query("lot-3", WindowLength::Min15)).unwrap(),
        []
    );
}

#[tokio::test]
async fn a_window_written_again_replaces_the_one_before() {
    let folder = Folder::new();
    let store = folder.open();
    // A civil day of 23 hours that began before 1970, and a station with its bins.
    let day = WindowRow {
        status: WindowStatus::Provisional,
        ..window("station-1", WindowLength::Day1, UtcMs(-8 * 60 * MINUTE))
    };
    let bin = BinFigures {
        asset: AssetId::new("kitchen-1").unwrap(),
        stream: Stream::Kitchen,
        known_ms: 5,
        fill_ms: 50_000,
        min: Some(fill(10)),
        max: Some(fill(90)),
        last: None,
        overflow_ms: 0,
        emptied: 1,
        rejected: 0,
    };
    let body = WindowBody::Station(StationFigures {
        length_ms: 9,
        bins: vec![bin],
    });
    let amended = WindowRow {
        status: WindowStatus::Amended,
        revision: 3,
        body,
        ..day.clone()
    };
    let asked = WindowQuery {
        from: UtcMs(i64::MIN),
        ..query("station-1", WindowLength::Day1)
    };
    for row in [day, amended.clone(), amended] {
        say(&store, vec![Output::Window(row.clone())]).await;
        assert_eq!(store.windows(&asked).unwrap(), [row]);
    }
}

#[tokio::test]
async fn alerts_show_their_latest_row_and_keep_every_transition() {
    let folder = Folder::new();
    let store = folder.open();
    let raised = alert(100, Transition::Raised);
    let active = AlertRow {
        changed_at: UtcMs(300),
        ..alert(100, Transition::Activated)
    };
    let other = alert(200, Transition::Raised);
    let rows = [&raised, &other, &active];
    say(&store, rows.map(|row| Output::Alert(row.clone())).to_vec()).await;
    say(&store, vec![Output::Alert(active.clone())]).await;

    let mut asked = AlertQuery {
        state: None,
        site: None,
        limit: 10,
    };
    assert_eq!(
        store.alerts(&asked).unwrap(),
        [active.clone(), other.clone()]
    );
    asked.state = Some(AlertState::Pending);
    assert_eq!(store.alerts(&asked).unwrap(), [other]);
    asked.site = Some(SiteId::new("elsewhere").unwrap());
    assert_eq!(store.alerts(&asked).unwrap(), []);
    let id = raised.id.text();
    assert_eq!(store.alert(&id).unwrap(), Some(active.clone()));
    assert_eq!(store.alert_log(&id).unwrap(), [raised, active]);
    assert_eq!(store.alert("overflow.nowhere.x.-.1").unwrap(), None);
}

fn episode(onset: i64, end: Option<i64>, stands: bool) -> OverflowEpisode {
    OverflowEpisode {
        site: site(),
        facility: facility("station-1"),
        asset: AssetId::new("kitchen-1").unwrap(),
        onset: UtcMs(onset),
        onset_after: None,
        end: end.map(UtcMs),
        peak: fill(97),
        stands,
    }
}

#[tokio::test]
async fn the_overflow_ledger_answers_by_overlap_and_hides_what_was_withdrawn() {
    let folder = Folder::new();
    let store = folder.open();
    let (ended, lasting, withdrawn) = (
        episode(10, Some(20), true),
        episode(30, None, true),
        episode(40, None, false),
    );
    let first = [
        episode(10, None, true),
        lasting.clone(),
        episode(40, None, true),
    ];
    say(&store, first.map(Output::Episode).to_vec()).await;
    say(
        &store,
        vec![Output::Episode(ended.clone()), Output::Episode(withdrawn)],
    )
    .await;

    let ask = |from, to| {
        store
            .episodes(&site(), None, UtcMs(from), UtcMs(to))
            .unwrap()
    };
    assert_eq!(ask(0, 100), [ended.clone(), lasting.clone()]);
    assert_eq!(ask(19, 30), [ended]);
    assert_eq!(ask(20, 31), [lasting]);
    let other = facility("station-2");
    let none = store
        .episodes(&site(), Some(&other), UtcMs(0), UtcMs(100))
        .unwrap();
    assert_eq!(none, []);
}

fn of_a_station() -> (Emptied, Current) {
    let emptied = Emptied {
        site: site(),
        facility: facility("station-1"),
        asset: AssetId::new("kitchen-1").unwrap(),
        at: UtcMs(70),
        from: fill(95),
        to: fill(5),
        stands: true,
    };
    let current = Current {
        site: site(),
        facility: facility("station-1"),
        as_of: UtcMs(99),
        newest_at: None,
        channels_fresh: 0,
        channels_total: 4,
        body: CurrentBody::Station(Vec::new()),
    };
    (emptied, current)
}

#[tokio::test]
async fn emptyings_and_current_figures_are_found_again() {
    let folder = Folder::new();
    let store = folder.open();
    let (emptied, current) = of_a_station();
    for _ in 0..2 {
        let outputs = [
            Output::Emptied(emptied.clone()),
            Output::Current(current.clone()),
        ];
        say(&store, outputs.to_vec()).await;
    }
    let ask = |from, to| {
        store
            .emptied(&site(), None, UtcMs(from), UtcMs(to))
            .unwrap()
    };
    assert_eq!(ask(0, 70), []);
    assert_eq!(ask(70, 71), [emptied]);
    assert_eq!(store.currents().unwrap(), [current]);
}

fn of_a_device() -> (Finding, HeldReading, AccountRow, DeviceRow) {
    let device = DeviceId::new("tps-1").unwrap();
    let name = ChannelName::new("fill").unwrap();
    let channel = ChannelRef {
        device: device.clone(),
        channel: name,
    };
    let edge = EdgeId::new("local").unwrap();
    let (kind, from, to) = (FindingKind::Frozen, UtcMs(5), UtcMs(50));
    let finding = Finding {
        kind,
        channel: channel.clone(),
        from,
        to,
        readings: 7,
    };
    let held = HeldReading {
        channel,
        number: (edge.clone(), u64::MAX, 3),
        reading: Reading {
            at: UtcMs(1),
            received_at: UtcMs(60),
            time_source: TimeSource::Device,
            sequence: None,
            sample: Sample::Good(Measurement::Fill(fill(7))),
        },
        reason: Reason::Late,
    };
    let account = AccountRow {
        key: AccountKey {
            edge,
            device: device.clone(),
            day: UtcMs(0),
        },
        site: Some(site()),
        counts: Counts {
            accepted: 3,
            applied: 3,
            ..Counts::default()
        },
    };
    let row = DeviceRow {
        device,
        site: site(),
        watermark: Some(UtcMs(60)),
        heard_at: Some(UtcMs(61)),
        idle: false,
        battery: Some(80),
        skew_ms: Some(-3),
    };
    (finding, held, account, row)
}

#[tokio::test]
async fn findings_held_readings_accounts_and_devices_are_found_again() {
    let folder = Folder::new();
    let store = folder.open();
    let (finding, held, account, device) = of_a_device();
    for _ in 0..2 {
        let outputs = vec![
            Output::Finding(finding.clone()),
            Output::Held(held.clone()),
            Output::Account(account.clone()),
            Output::Device(device.clone()),
        ];
        say(&store, outputs).await;
    }
    let (from, to) = (UtcMs(0), UtcMs(100));
    assert_eq!(store.findings(UtcMs(50), UtcMs(51), 9).unwrap(), [finding]);
    assert_eq!(store.findings(UtcMs(51), UtcMs(99), 9).unwrap(), []);
    assert_eq!(store.held(None, from, UtcMs(60), 9).unwrap(), []);
    let future = Some(Reason::QuarantinedFuture);
    assert_eq!(store.held(future, from, to, 9).unwrap(), []);
    assert_eq!(store.held(Some(Reason::Late), from, to, 9).unwrap(), [held]);
    assert_eq!(store.accounts(from, to).unwrap(), [account]);
    assert_eq!(store.devices().unwrap(), [device]);
}

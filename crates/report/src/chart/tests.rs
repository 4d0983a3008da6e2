//! Charts show unknown time as unknown.

use super::*;

const HOUR: i64 = 3_600_000;

fn frame(hours: i64) -> Frame {
    Frame {
        id: "c".to_owned(),
        size: Size::Wide,
        from: UtcMs(0),
        to: UtcMs(hours * HOUR),
        zone: Zone::named("Asia/Shanghai").unwrap(),
        label: "<b> & \"x\"".to_owned(),
        limit: None,
    }
}

fn point(hour: i64, mid: Option<f64>) -> Point {
    Point {
        from: UtcMs(hour * HOUR),
        to: UtcMs((hour + 1) * HOUR),
        mid,
        low: mid,
        high: mid,
        coverage: 1.0,
        title: "<script>alert(1)</script>".to_owned(),
    }
}

fn line(points: Vec<Point>) -> Line {
    Line {
        class: "occupancy",
        points,
    }
}

fn count(svg: &str, what: &str) -> usize {
    svg.matches(what).count()
}

#[test]
fn unknown_time_is_a_gap_and_never_zero() {
    let points = vec![
        point(0, Some(50.0)),
        point(1, Some(60.0)),
        point(2, None),
        point(3, Some(70.0)),
    ];
    let svg = line_chart(&frame(4), &[line(points)]);
    assert_eq!(count(&svg, "<polyline"), 2, "the line is broken at the gap");
    assert_eq!(count(&svg, "class=\"gap\""), 1);
}

#[test]
fn time_without_any_window_is_a_gap() {
    let svg = line_chart(&frame(10), &[line(vec![point(4, Some(50.0))])]);
    assert_eq!(count(&svg, "class=\"gap\""), 2, "before and after");
    let empty = line_chart(&frame(10), &[line(Vec::new())]);
    assert_eq!(count(&empty, "class=\"gap\""), 1, "all of it");
}

#[test]
fn text_in_a_chart_is_inert() {
    let svg = line_chart(&frame(2), &[line(vec![point(0, Some(1.0))])]);
    assert!(!svg.contains("<script"));
    assert!(!svg.contains("<b>"));
    assert!(!svg.contains("style="), "the content policy refuses it");
}

#[test]
fn the_time_axis_shows_beijing_hours() {
    let svg = line_chart(&frame(24), &[]);
    assert!(svg.contains(">09:00<"), "1970-01-01T01:00Z is 09:00 there");
    let week = line_chart(&frame(7 * 24), &[]);
    assert!(week.contains(">01-02<") && week.contains(">01-07<"));
}

#[test]
fn a_week_has_a_cell_for_every_hour() {
    let svg = heat(&Heat {
        id: "h".to_owned(),
        size: Size::Narrow,
        label: "week".to_owned(),
        days: ["1", "2", "3", "4", "5", "6", "7"]
            .map(str::to_owned)
            .to_vec(),
        cells: (0..168).map(|n| (n > 0).then_some(99.9)).collect(),
        unknown: "unknown".to_owned(),
    });
    assert_eq!(count(&svg, "class=\"cell q9\""), 167);
    assert_eq!(count(&svg, "class=\"cell gap\""), 1);
}

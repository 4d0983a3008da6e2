//! Axes: percent upwards, civil time to the right.

use huitian_model::UtcMs;

use super::{Frame, Size, escape, put};
use crate::number::float;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// Most ticks of a time axis: 14 days have 14, a day has 8.
const TICKS_MAX: usize = 40;

/// The area in which lines are drawn, in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plot {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Plot {
    pub(super) fn of(size: Size) -> Self {
        let height = match size {
            Size::Wide => 220.0,
            Size::Narrow => 180.0,
        };
        Self {
            left: 40.0,
            top: 10.0,
            right: size.width() - 8.0,
            bottom: height,
        }
    }

    /// Height of the whole drawing: coverage strip and labels below the plot.
    pub(super) fn drawing_height(self) -> f64 {
        self.bottom + 34.0
    }

    pub(super) fn x(self, frame: &Frame, at: UtcMs) -> f64 {
        let length = float(frame.to.since(frame.from).max(1));
        let share = (float(at.since(frame.from)) / length).clamp(0.0, 1.0);
        self.left + share * (self.right - self.left)
    }

    /// Where so many percent lie; above 100 % is held at the top.
    pub(super) fn y(self, percent: f64) -> f64 {
        self.bottom - percent.clamp(0.0, 100.0) / 100.0 * (self.bottom - self.top)
    }
}

/// Draws grid lines with their labels.
pub(super) fn draw(svg: &mut String, frame: &Frame, plot: Plot) {
    for percent in [0.0, 25.0, 50.0, 75.0, 100.0] {
        let y = plot.y(percent);
        put(
            svg,
            format_args!(
                "<line class=\"grid\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" \
                  text-anchor=\"end\">{percent}%</text>",
                plot.left,
                plot.right,
                plot.left - 6.0,
                y + 4.0,
            ),
        );
    }
    for (at, label) in ticks(frame) {
        let x = plot.x(frame, at);
        put(
            svg,
            format_args!(
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>\
                 <text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                plot.top,
                plot.bottom,
                plot.bottom + 28.0,
                escape(&label),
            ),
        );
    }
    if let Some((percent, label)) = &frame.limit {
        let y = plot.y(*percent);
        put(
            svg,
            format_args!(
                "<line class=\"limit\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"tick limit-text\" x=\"{:.1}\" y=\"{:.1}\" \
                  text-anchor=\"start\">{}</text>",
                plot.left,
                plot.right,
                plot.left + 4.0,
                y - 4.0,
                escape(label),
            ),
        );
    }
}

/// Hours within two days, else days; fewer where the drawing is narrow.
fn ticks(frame: &Frame) -> Vec<(UtcMs, String)> {
    let length = frame.to.since(frame.from);
    if length <= 2 * DAY {
        let step = match frame.size {
            Size::Wide => 3,
            Size::Narrow => 6,
        };
        return hour_ticks(frame, step);
    }
    let days = frame.zone.midnights(frame.from, frame.to, TICKS_MAX);
    let room = match frame.size {
        Size::Wide => 15,
        Size::Narrow => 6,
    };
    let every = days.len().div_ceil(room).max(1);
    days.into_iter()
        .step_by(every)
        .map(|at| (at, frame.zone.text(at, "%m-%d")))
        .collect()
}

fn hour_ticks(frame: &Frame, step: i8) -> Vec<(UtcMs, String)> {
    let first = frame.from.floor(HOUR);
    (0..)
        .map(|n: i64| first.plus(n * HOUR))
        .skip_while(|at| *at < frame.from)
        .take_while(|at| *at < frame.to)
        .filter(|at| {
            let civil = frame.zone.civil(*at);
            civil.is_some_and(|civil| civil.hour() % step == 0)
        })
        .take(TICKS_MAX)
        .map(|at| (at, frame.zone.text(at, "%H:%M")))
        .collect()
}

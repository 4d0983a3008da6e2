//! Lines with their bands: a middle, a lowest and a highest, gaps where nothing is known.

use huitian_model::UtcMs;

use super::axis::{self, Plot};
use super::{Frame, escape, put};

/// One window of a line, percent.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Start of the window.
    pub from: UtcMs,
    /// End of the window.
    pub to: UtcMs,
    /// The figure; none where nothing was observed.
    pub mid: Option<f64>,
    /// The true figure is not lower, or the lowest seen.
    pub low: Option<f64>,
    /// The true figure is not higher, or the highest seen.
    pub high: Option<f64>,
    /// Observed share of the window, 0..=1.
    pub coverage: f64,
    /// What is shown when pointed at.
    pub title: String,
}

/// One line, oldest point first.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its class in the page's CSS.
    pub class: &'static str,
    /// Its points.
    pub points: Vec<Point>,
}

/// The drawing. The coverage strip and what is shown when pointed at are those of the first line
/// (a station's lines share their windows).
pub fn line_chart(frame: &Frame, lines: &[Line]) -> String {
    let plot = Plot::of(frame.size);
    let mut svg = String::with_capacity(24_000);
    put(
        &mut svg,
        format_args!(
            "<svg class=\"chart {}\" role=\"img\" aria-label=\"{}\" width=\"{w}\" height=\"{h}\" \
             viewBox=\"0 0 {w} {h}\"><defs><pattern id=\"{}-gap\" width=\"6\" height=\"6\" \
             patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
             <rect class=\"hatch\" width=\"1.5\" height=\"6\"/></pattern></defs>",
            frame.size.class(),
            escape(&frame.label),
            escape(&frame.id),
            w = frame.size.width(),
            h = plot.drawing_height(),
        ),
    );
    if let Some(line) = lines.first() {
        gaps(&mut svg, frame, plot, line);
    }
    axis::draw(&mut svg, frame, plot);
    for line in lines {
        for run in runs(line) {
            band(&mut svg, frame, plot, (line.class, run));
        }
    }
    for line in lines {
        for run in runs(line) {
            stroke(&mut svg, frame, plot, (line.class, run));
        }
    }
    if let Some(line) = lines.first() {
        coverage(&mut svg, frame, plot, line);
    }
    hits(&mut svg, frame, plot, lines);
    svg.push_str("</svg>");
    svg
}

/// Maximal runs of adjoining points that have a figure.
fn runs(line: &Line) -> impl Iterator<Item = &[Point]> {
    line.points
        .chunk_by(|a, b| a.mid.is_some() && b.mid.is_some() && a.to == b.from)
        .filter(|run| run.first().is_some_and(|point| point.mid.is_some()))
}

fn middle(frame: &Frame, plot: Plot, point: &Point) -> f64 {
    f64::midpoint(plot.x(frame, point.from), plot.x(frame, point.to))
}

fn band(svg: &mut String, frame: &Frame, plot: Plot, (class, run): (&str, &[Point])) {
    put(
        svg,
        format_args!("<polygon class=\"band {class}\" points=\""),
    );
    for point in run {
        let high = point.high.or(point.mid).unwrap_or(0.0);
        put(
            svg,
            format_args!("{:.1},{:.1} ", middle(frame, plot, point), plot.y(high)),
        );
    }
    for point in run.iter().rev() {
        let low = point.low.or(point.mid).unwrap_or(0.0);
        put(
            svg,
            format_args!("{:.1},{:.1} ", middle(frame, plot, point), plot.y(low)),
        );
    }
    svg.push_str("\"/>");
}

/// A run of one window is drawn over its whole width: a lone point would not be seen.
fn stroke(svg: &mut String, frame: &Frame, plot: Plot, (class, run): (&str, &[Point])) {
    put(
        svg,
        format_args!("<polyline class=\"line {class}\" points=\""),
    );
    if let [only] = run {
        let y = plot.y(only.mid.unwrap_or(0.0));
        let (from, to) = (plot.x(frame, only.from), plot.x(frame, only.to));
        put(svg, format_args!("{from:.1},{y:.1} {to:.1},{y:.1}"));
    }
    for point in run.iter().filter(|_| run.len() > 1) {
        let y = plot.y(point.mid.unwrap_or(0.0));
        put(
            svg,
            format_args!("{:.1},{y:.1} ", middle(frame, plot, point)),
        );
    }
    svg.push_str("\"/>");
}

/// Hatches windows of which nothing is known, and the time for which there is no window at all.
fn gaps(svg: &mut String, frame: &Frame, plot: Plot, line: &Line) {
    let mut known_to = frame.from;
    let mut hatch = |from: UtcMs, to: UtcMs| {
        let (x, right) = (plot.x(frame, from), plot.x(frame, to));
        if right - x >= 0.5 {
            put(
                svg,
                format_args!(
                    "<rect class=\"gap\" fill=\"url(#{}-gap)\" x=\"{x:.1}\" y=\"{:.1}\" \
                     width=\"{:.1}\" height=\"{:.1}\"/>",
                    escape(&frame.id),
                    plot.top,
                    right - x,
                    plot.bottom - plot.top,
                ),
            );
        }
    };
    for point in line.points.iter().filter(|point| point.mid.is_some()) {
        hatch(known_to, point.from);
        known_to = known_to.max(point.to);
    }
    hatch(known_to, frame.to);
}

/// A strip below the plot: the darker, the more of the window was observed.
fn coverage(svg: &mut String, frame: &Frame, plot: Plot, line: &Line) {
    for point in &line.points {
        let x = plot.x(frame, point.from);
        let width = plot.x(frame, point.to) - x;
        put(
            svg,
            format_args!(
                "<rect class=\"cover\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{width:.1}\" \
                 height=\"5\" opacity=\"{:.2}\"/>",
                plot.bottom + 4.0,
                point.coverage.clamp(0.0, 1.0),
            ),
        );
    }
}

/// Invisible columns, one per window of the first line, that say all lines' figures.
fn hits(svg: &mut String, frame: &Frame, plot: Plot, lines: &[Line]) {
    let Some((first, rest)) = lines.split_first() else {
        return;
    };
    for point in &first.points {
        let x = plot.x(frame, point.from);
        let width = plot.x(frame, point.to) - x;
        let mut title = point.title.clone();
        for other in rest {
            let found = other
                .points
                .binary_search_by_key(&point.from, |other| other.from);
            if let Some(same) = found.ok().and_then(|index| other.points.get(index)) {
                title.push('\n');
                title.push_str(&same.title);
            }
        }
        put(
            svg,
            format_args!(
                "<rect class=\"hit\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{width:.1}\" \
                 height=\"{:.1}\"><title>{}</title></rect>",
                plot.top,
                plot.bottom + 9.0 - plot.top,
                escape(&title),
            ),
        );
    }
}

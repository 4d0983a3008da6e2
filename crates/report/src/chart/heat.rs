//! The pattern of a week: seven rows of 24 hours, Monday first.

use super::{Size, escape, put};
use crate::number::whole;

/// What a week's drawing needs.
#[derive(Debug, Clone)]
pub struct Heat {
    /// Unique within the page.
    pub id: String,
    /// Where it is shown.
    pub size: Size,
    /// What a screen reader says of it.
    pub label: String,
    /// Names of the days, Monday first.
    pub days: Vec<String>,
    /// 168 means, percent, Monday 00:00 first; none where nothing was observed.
    pub cells: Vec<Option<f64>>,
    /// What is said of an hour of which nothing is known.
    pub unknown: String,
}

/// The drawing.
pub fn heat(heat: &Heat) -> String {
    let (left, row) = match heat.size {
        Size::Wide => (48.0, 22.0),
        Size::Narrow => (36.0, 18.0),
    };
    let step = (heat.size.width() - left - 4.0) / 24.0;
    let height = row * 7.0 + 20.0;
    let mut svg = String::with_capacity(20_000);
    put(
        &mut svg,
        format_args!(
            "<svg class=\"chart {}\" role=\"img\" aria-label=\"{}\" width=\"{w}\" \
             height=\"{height}\" viewBox=\"0 0 {w} {height}\"><defs>\
             <pattern id=\"{}-gap\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
             patternTransform=\"rotate(45)\"><rect class=\"hatch\" width=\"1.5\" height=\"6\"/>\
             </pattern></defs>",
            heat.size.class(),
            escape(&heat.label),
            escape(&heat.id),
            w = heat.size.width(),
        ),
    );
    let mut top = 0.0;
    for (day, cells) in heat.days.iter().zip(heat.cells.chunks(24)) {
        put(
            &mut svg,
            format_args!(
                "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left - 6.0,
                top + row / 2.0 + 4.0,
                escape(day),
            ),
        );
        let mut x = left;
        for (hour, value) in cells.iter().enumerate() {
            let place = (x, top, step - 1.0, row - 1.0);
            cell(&mut svg, heat, place, (day, hour, *value));
            x += step;
        }
        top += row;
    }
    hours(&mut svg, left, step, top);
    svg.push_str("</svg>");
    svg
}

fn cell(
    svg: &mut String,
    heat: &Heat,
    (x, y, width, height): (f64, f64, f64, f64),
    (day, hour, value): (&str, usize, Option<f64>),
) {
    let (class, fill, text) = match value {
        Some(percent) => (
            format!("q{}", whole((percent / 10.0).floor()).clamp(0, 9)),
            String::new(),
            format!("{percent:.0}%"),
        ),
        None => (
            "gap".to_owned(),
            format!(" fill=\"url(#{}-gap)\"", escape(&heat.id)),
            heat.unknown.clone(),
        ),
    };
    put(
        svg,
        format_args!(
            "<rect class=\"cell {class}\"{fill} x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
             height=\"{height:.1}\" rx=\"2\"><title>{} {hour:02}:00 · {}</title></rect>",
            escape(day),
            escape(&text),
        ),
    );
}

fn hours(svg: &mut String, left: f64, step: f64, top: f64) {
    for (index, hour) in ["00", "06", "12", "18"].into_iter().enumerate() {
        let x = left + step * 6.0 * crate::number::float(i64::try_from(index).unwrap_or(0));
        put(
            svg,
            format_args!(
                "<text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\">{hour}:00</text>",
                top + 14.0
            ),
        );
    }
}

//! Charts as SVG: the same for pages, reports and mail.
//!
//! Colours, fonts and stroke widths come from the classes in the page's own CSS, so a chart obeys
//! a strict content policy and follows light and dark. Every text is escaped here. Coordinates
//! are in CSS pixels of the drawing: a page shows the wide or the narrow drawing, never a scaled
//! one, so that labels stay readable at 360 px.
//!
//! Classes used: `chart`, `grid`, `tick`, `gap`, `band`, `line`, `limit`, `cover`, `hit`, `cell`,
//! `q0`..`q9` (tenths of the range), and the caller's class of each line.

use std::fmt::Write as _;

use huitian_model::UtcMs;

use crate::Zone;

mod axis;
mod heat;
mod line;

pub use heat::{Heat, heat};
pub use line::{Line, Point, line_chart};

/// Where a chart is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// 880 pixels: a desk.
    Wide,
    /// 340 pixels: a telephone.
    Narrow,
}

impl Size {
    /// Width in CSS pixels.
    pub const fn width(self) -> f64 {
        match self {
            Self::Wide => 880.0,
            Self::Narrow => 328.0,
        }
    }

    /// The class that lets a page show one of the two.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Narrow => "narrow",
        }
    }
}

/// What all lines of a chart share.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Unique within the page.
    pub id: String,
    /// Where it is shown.
    pub size: Size,
    /// Left end, inclusive.
    pub from: UtcMs,
    /// Right end, exclusive.
    pub to: UtcMs,
    /// In which zone hours and days are labelled.
    pub zone: Zone,
    /// What a screen reader says of it.
    pub label: String,
    /// A horizontal line at so many percent, with its label.
    pub limit: Option<(f64, String)>,
}

/// `text` made inert as SVG or HTML text and attribute value.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // XML 1.0 permits no other control characters.
            c if c.is_control() && !matches!(c, '\n' | '\t') => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// Appends formatted text; a `String` takes all, so there is nothing to report.
fn put(svg: &mut String, text: std::fmt::Arguments<'_>) {
    if svg.write_fmt(text).is_err() {
        svg.push('\u{fffd}');
    }
}

#[cfg(test)]
mod tests;

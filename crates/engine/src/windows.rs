//! Windows of one facility at a tick: amended, final, provisional, rolling.

use huitian_model::{
    Output, Rolling, RollingLength, Settings, UtcMs, WindowBody, WindowKey, WindowLength,
    WindowRow, WindowStatus,
};

use crate::arena::Arena;
use crate::book::{Published, Shelf, Span};
use crate::channel::Channel;
use crate::facility::{Detail, Facility};
use crate::hash::hash;

/// What figures are computed from.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// All channels.
    pub channels: &'a Arena<Channel>,
    /// The settings in force.
    pub settings: &'a Settings,
}

fn row(facility: &Facility, length: WindowLength, span: Span, body: WindowBody) -> WindowRow {
    WindowRow {
        key: WindowKey {
            site: facility.site.clone(),
            facility: facility.id.clone(),
            length,
            start: span.start,
        },
        end: span.end,
        revision: 0,
        status: WindowStatus::Final,
        body,
    }
}

fn window(facility: &Facility, ground: Ground<'_>, span: Span) -> WindowBody {
    facility.body(
        ground.channels,
        ground.settings,
        span,
        (Detail::Window, span.end),
    )
}

/// Publishes the windows that late readings have changed.
pub fn amend(facility: &mut Facility, ground: Ground<'_>, out: &mut Vec<Output>) {
    let Some(from) = facility.book.dirty_from.take() else {
        return;
    };
    for shelf in 0..facility.book.shelves.len() {
        let Some(Shelf {
            length, published, ..
        }) = facility.book.shelves.get(shelf)
        else {
            continue;
        };
        let length = *length;
        let first = published.partition_point(|one| one.span.end <= from);
        for place in first..published.len() {
            let shelf = facility.book.shelves.get(shelf);
            let Some(known) = shelf.and_then(|shelf| shelf.published.get(place)).copied() else {
                continue;
            };
            let body = window(facility, ground, known.span);
            let hash = hash(&body);
            if hash == known.hash {
                continue;
            }
            let revision = known.revision + 1;
            let amended = row(facility, length, known.span, body);
            out.push(Output::Window(WindowRow {
                revision,
                status: WindowStatus::Amended,
                ..amended
            }));
            note(
                facility,
                length,
                place,
                Published {
                    hash,
                    revision,
                    ..known
                },
            );
        }
    }
}

fn note(facility: &mut Facility, length: WindowLength, place: usize, published: Published) {
    let mut shelves = facility.book.shelves.iter_mut();
    let shelf = shelves.find(|shelf| shelf.length == length);
    if let Some(known) = shelf.and_then(|shelf| shelf.published.get_mut(place)) {
        *known = published;
    }
}

/// Publishes the windows that have become final.
pub fn finish(facility: &mut Facility, ground: Ground<'_>, now: UtcMs, out: &mut Vec<Output>) {
    let settled = now.minus(ground.settings.settle_ms);
    let mut finals: Vec<(usize, Span)> = Vec::new();
    let zone = facility
        .definition
        .as_ref()
        .map_or("", |definition| definition.zone.as_str());
    for (place, shelf) in facility.book.shelves.iter_mut().enumerate() {
        while let Some(span) = shelf.take_final(zone, settled) {
            finals.push((place, span));
        }
    }
    for (place, span) in finals {
        let body = window(facility, ground, span);
        let hash = hash(&body);
        let Some(shelf) = facility.book.shelves.get_mut(place) else {
            continue;
        };
        shelf.published.push_back(Published {
            span,
            hash,
            revision: 0,
        });
        let length = shelf.length;
        facility.book.final_until = facility.book.final_until.max(span.end);
        out.push(Output::Window(row(facility, length, span, body)));
    }
}

/// Publishes the windows that are open now, where they changed: all but those of 5 minutes.
pub fn preview(facility: &mut Facility, ground: Ground<'_>, now: UtcMs, out: &mut Vec<Output>) {
    for place in 1..facility.book.shelves.len() {
        let zone = facility
            .definition
            .as_ref()
            .map_or("", |definition| definition.zone.as_str());
        let Some(shelf) = facility.book.shelves.get_mut(place) else {
            continue;
        };
        let Some(span) = shelf.open_at(zone, now) else {
            continue;
        };
        let (length, known) = (shelf.length, shelf.provisional);
        let view = (Detail::Window, now);
        let body = facility.body(ground.channels, ground.settings, span, view);
        let hash = hash(&body);
        if hash == known {
            continue;
        }
        if let Some(shelf) = facility.book.shelves.get_mut(place) {
            shelf.provisional = hash;
        }
        let open = row(facility, length, span, body);
        out.push(Output::Window(WindowRow {
            status: WindowStatus::Provisional,
            ..open
        }));
    }
}

/// Publishes the rolling figures that end at a full minute, where they changed.
pub fn roll(facility: &mut Facility, ground: Ground<'_>, end: UtcMs, out: &mut Vec<Output>) {
    for (place, length) in RollingLength::ALL.into_iter().enumerate() {
        let span = Span {
            start: end.minus(length.ms()),
            end,
        };
        let view = (Detail::Rolling, end);
        let body = facility.body(ground.channels, ground.settings, span, view);
        let hash = hash(&body);
        let Some(known) = facility
            .rolling
            .get_mut(place)
            .filter(|known| **known != hash)
        else {
            continue;
        };
        *known = hash;
        out.push(Output::Rolling(Rolling {
            site: facility.site.clone(),
            facility: facility.id.clone(),
            length,
            end,
            body,
        }));
    }
}

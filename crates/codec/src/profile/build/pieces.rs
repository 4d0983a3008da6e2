//! Compressed values: pieces of raw values, each with its own step.

use toml::Spanned;

use super::{Fault, PIECES_MAX, fault, number};
use crate::number::Fixed;
use crate::profile::bits::Shape;
use crate::profile::layout::{Field, Piece};
use crate::profile::raw::{RawField, RawPiece};

pub(super) fn pieces(raw: &RawField, shape: Shape) -> Result<Vec<Piece>, Fault> {
    let mut pieces: Vec<Piece> = Vec::new();
    for piece in &raw.pieces {
        let from = *piece.from.get_ref();
        if pieces.last().is_some_and(|last| last.from >= from) || pieces.len() == PIECES_MAX {
            let text = format!("expected at most {PIECES_MAX} pieces, rising by from");
            return Err(fault(&piece.from, &text));
        }
        let (Some(is), Some(step)) = (number(piece.is), number(piece.step)) else {
            return Err(fault(&piece.from, "expected numbers for is and step"));
        };
        pieces.push(Piece { from, is, step });
    }
    let is_integer = matches!(shape, Shape::Int { .. } | Shape::Bits { .. });
    if !pieces.is_empty() && !is_integer {
        return Err(fault(&raw.name, "only integers of bytes take pieces"));
    }
    let notes = [raw.error_as.as_ref(), raw.overflow_as.as_ref()];
    if let Some(name) = notes.into_iter().flatten().find(|_| pieces.is_empty()) {
        return Err(fault(
            name,
            "only a field with pieces has an error and an overflow",
        ));
    }
    Ok(pieces)
}

/// The fields that say how exact a compressed value is, and whether it ran over.
pub(super) fn notes(raw: &RawField, field: &Field) -> Vec<Field> {
    let constant = |of: &dyn Fn(&RawPiece) -> Fixed| {
        let pieces = raw.pieces.iter().map(|piece| Piece {
            from: *piece.from.get_ref(),
            is: of(piece),
            step: Fixed::from_micros(0),
        });
        pieces.collect::<Vec<_>>()
    };
    let error = |piece: &RawPiece| {
        let error = piece.error.and_then(number);
        error.unwrap_or(Fixed::from_micros(0))
    };
    let overflow = |piece: &RawPiece| Fixed::from_micros(i64::from(piece.overflow) * 1_000_000);
    let beside = |name: &Spanned<String>, pieces: Vec<Piece>, is_flag: bool| Field {
        name: name.get_ref().clone(),
        pieces,
        is_flag,
        names: Vec::new(),
        sentinels: Vec::new(),
        curve: Vec::new(),
        channel: None,
        time: None,
        is_sequence: false,
        ..field.clone()
    };
    let error = raw
        .error_as
        .as_ref()
        .map(|name| beside(name, constant(&error), false));
    let overflow = raw
        .overflow_as
        .as_ref()
        .map(|name| beside(name, constant(&overflow), true));
    error.into_iter().chain(overflow).collect()
}

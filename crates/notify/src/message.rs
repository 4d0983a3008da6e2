//! What a message says.

use huitian_model::{AlertRow, AssetId, Bilingual, Evidence, FillLevel, Stream, Transition, UtcMs};
use serde::Serialize;
use serde_json::json;

/// The names that ids stand for, as the inventory has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The compound.
    pub site: Bilingual,
    /// The facility.
    pub facility: Bilingual,
    /// What the bin takes in, where the alert is of a bin.
    pub stream: Option<Stream>,
}

/// A message, ready for any channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The same for every try of the same message: receivers tell duplicates by it.
    pub id: String,
    /// When it was decided, partition time.
    pub at: UtcMs,
    /// The JSON body.
    pub body: String,
}

/// The message of an alert that became active or returned.
pub fn message(alert: &AlertRow, names: &Names) -> Message {
    let id = &alert.id;
    let kind = match alert.transition {
        Transition::Returned => "alert.returned",
        Transition::Raised | Transition::Activated | Transition::Dropped | Transition::Amended => {
            "alert.active"
        }
    };
    let (evidence, stale_since) = match alert.evidence {
        Evidence::Fresh => ("fresh", None),
        Evidence::StaleSince(since) => ("stale", Some(since.to_string())),
    };
    let body = json!({
        "type": kind,
        "timestamp": alert.changed_at.to_string(),
        "data": {
            "id": id.text(),
            "rule": id.rule.as_str(),
            "severity": alert.severity.name(),
            "state": alert.state.name(),
            "site": { "id": id.site.as_str(), "zh": names.site.zh, "en": names.site.en },
            "facility": {
                "id": id.facility.as_str(), "zh": names.facility.zh, "en": names.facility.en
            },
            "asset": id.asset.as_ref().map(AssetId::as_str),
            "stream": names.stream.map(Stream::name),
            "onset": alert.onset.to_string(),
            "returned_at": alert.returned_at.map(|at| at.to_string()),
            "fill_percent": alert.value.map(FillLevel::percent),
            "limit_percent": alert.limit.percent(),
            "evidence": evidence,
            "evidence_stale_since": stale_since,
            "text": { "zh": text_zh(alert, names), "en": text_en(alert, names) },
        },
    });
    Message {
        id: format!("{}.{}", id.text(), kind),
        at: alert.changed_at,
        body: body.to_string(),
    }
}

fn text_zh(alert: &AlertRow, names: &Names) -> String {
    let place = format!("{}·{}", names.site.zh, names.facility.zh);
    let bin = names.stream.map_or("设施", |stream| match stream {
        Stream::Kitchen => "厨余垃圾桶",
        Stream::Recyclable => "可回收物桶",
        Stream::Hazardous => "有害垃圾桶",
        Stream::Other => "其他垃圾桶",
    });
    let level = alert.value.map_or_else(String::new, |fill| {
        format!("，满溢度 {:.0}%", fill.percent())
    });
    match alert.transition {
        Transition::Returned => format!("{place} {bin} 已恢复正常{level}"),
        Transition::Raised | Transition::Activated | Transition::Dropped | Transition::Amended => {
            format!("{place} {bin} 已满溢{level}，请安排清运")
        }
    }
}

fn text_en(alert: &AlertRow, names: &Names) -> String {
    let place = format!("{}, {}", names.site.en, names.facility.en);
    let bin = names.stream.map_or("facility", |stream| match stream {
        Stream::Kitchen => "kitchen-waste bin",
        Stream::Recyclable => "recyclables bin",
        Stream::Hazardous => "hazardous-waste bin",
        Stream::Other => "other-waste bin",
    });
    let level = alert
        .value
        .map_or_else(String::new, |fill| format!(" at {:.0} %", fill.percent()));
    match alert.transition {
        Transition::Returned => format!("{place}: {bin} is back to normal{level}"),
        Transition::Raised | Transition::Activated | Transition::Dropped | Transition::Amended => {
            format!("{place}: {bin} overflows{level}; please collect")
        }
    }
}

//! A bench that answers without reading anything: two profiles fit, one refuses, and every text
//! that could come from a device or from a pasted profile means harm.

use std::sync::{Arc, Mutex};

use huitian_console::{
    Bench, Draft, DraftFault, Fit, FitRow, OpenedSample, Sample, SampleRow, Tried, With,
};

/// What a hostile payload or profile would put into a page.
const HARM: &str = "<script>alert(9)</script>";

/// The bench.
#[derive(Clone, Default)]
pub struct FakeBench {
    /// All that was asked, for tests.
    pub asked: Arc<Mutex<Vec<(Sample, With)>>>,
}

impl Bench for FakeBench {
    fn try_on(&self, sample: &Sample, with: &With) -> Result<Tried, String> {
        let asked = (sample.clone(), with.clone());
        self.asked.lock().unwrap().push(asked);
        if *with == With::Profile("nobody".to_owned()) {
            return Err("there is no device profile \"nobody\"".to_owned());
        }
        let draft = matches!(with, With::Draft(_)).then(|| Draft {
            id: Some("mine".to_owned()),
            faults: vec![DraftFault {
                message: format!("expected a type, found {HARM}"),
                line: Some(3),
                column: Some(8),
                before: "type = ".to_owned(),
                marked: format!("\"{HARM}\""),
                after: "  # here".to_owned(),
            }],
            vectors: 2,
            passed: 1,
        });
        let (opened, fits) = match sample {
            Sample::Message { topic, .. } if topic.contains("</script>") => {
                let note = Some(format!("expected JSON, found {HARM}"));
                let form = "refused";
                (
                    OpenedSample {
                        form,
                        note,
                        ..OpenedSample::default()
                    },
                    Vec::new(),
                )
            }
            Sample::Message { topic, .. } if topic.starts_with("huitian/") => {
                let form = "plain";
                (
                    OpenedSample {
                        form,
                        ..OpenedSample::default()
                    },
                    Vec::new(),
                )
            }
            Sample::Message { .. } | Sample::Bytes { .. } => (uplink(), fits()),
        };
        Ok(Tried {
            opened,
            profiles: 16,
            fitting: fits.iter().filter(|it| it.verdict == "fits").count(),
            fits,
            draft,
        })
    }

    fn profiles(&self) -> Vec<(String, String)> {
        let all = [
            ("milesight-em400-tld", "Milesight EM400-TLD distance sensor"),
            ("mine", HARM),
        ];
        all.map(|(id, name)| (id.to_owned(), name.to_owned()))
            .to_vec()
    }
}

fn uplink() -> OpenedSample {
    OpenedSample {
        form: "uplink",
        address: Some("24e124fffef12345".to_owned()),
        port: Some(85),
        hex: Some("01755c0367060104 82b80005000 0".replace(' ', "")),
        note: None,
    }
}

fn row(cells: [&str; 7], says: Option<(&str, &str)>) -> FitRow {
    let [bytes, bits, hex, field, raw, how, value] = cells.map(str::to_owned);
    FitRow {
        bytes,
        bits,
        hex,
        field,
        raw,
        how,
        value,
        channel: says.map(|it| it.0.to_owned()),
        sample: says.map(|it| it.1.to_owned()),
    }
}

fn fits() -> Vec<Fit> {
    let none = "no field (tag, frame, or not described)";
    let rows = vec![
        row(["0-1", "", "0175", "", "", none, ""], None),
        row(
            ["2", "", "5c", "battery_pct", "92", "u8", "92"],
            Some(("battery", "good 92")),
        ),
        row(
            [
                "5-6",
                "",
                "0601",
                "temperature_c",
                "262",
                "i16, little end first, / 10",
                "26.2",
            ],
            Some(("temperature", "good 26.2")),
        ),
        row(
            [
                "9-10",
                "",
                "b800",
                "distance_mm",
                "184",
                "u16, little end first",
                "184",
            ],
            Some(("distance", "uncertain implausible 184")),
        ),
        row(
            ["13", "0-6", "00", HARM, "0", "u8, mask 0x7f", HARM],
            Some(("tilt", "good false")),
        ),
    ];
    let fit = |profile: &str, verdict, rows: Vec<FitRow>| Fit {
        profile: profile.to_owned(),
        name: "EM400-TLD distance sensor".to_owned(),
        vendor: "Milesight".to_owned(),
        verdict,
        message: (verdict != "refused").then(|| "data".to_owned()),
        kind: (verdict != "refused").then_some("status"),
        refused: (verdict == "refused").then(|| format!("byte 0 is not [02]: {HARM}")),
        unread: usize::from(verdict == "partly") * 3,
        samples: vec![SampleRow {
            channel: "battery".to_owned(),
            sample: "good 92".to_owned(),
        }],
        rows,
        devices_csv: "em400-tld-f12345,SITE,24e124fffef12345,milesight-em400-tld,1h,\n".to_owned(),
        channels_csv: "em400-tld-f12345,distance,distance,FACILITY,ASSET\n\
            em400-tld-f12345,battery,battery,FACILITY,ASSET\n"
            .to_owned(),
    };
    vec![
        fit("milesight-em400-tld", "fits", rows.clone()),
        fit(
            "milesight-em310-udl",
            "partly",
            rows.into_iter().take(2).collect(),
        ),
        fit("bosch-tps110", "refused", Vec::new()),
    ]
}

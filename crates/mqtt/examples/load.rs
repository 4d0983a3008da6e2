//! What a message costs: `load publish|consume PORT COUNT [4|5]` against a broker on this machine.
//!
//! Prints the processor time of this process for each message, from Linux's count of it in ticks of
//! 10 ms. The consumer answers at once, as a disk queue without a disk would.

use std::error::Error;

use huitian_mqtt::{Protocol, Qos, Session, SessionConfig, Verdict};
use tokio::sync::mpsc;

/// A reading of a parking sensor as JSON has about this many bytes.
const PAYLOAD_BYTES: usize = 120;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [role, port, count, rest @ ..] = arguments.as_slice() else {
        return Err("expected publish|consume PORT COUNT [4|5]".into());
    };
    let (port, count): (u16, u32) = (port.parse()?, count.parse()?);
    let level = rest.first().map_or(Ok(4), |level| level.parse())?;
    let filter = if role == "publish" {
        "load/none"
    } else {
        "load/up"
    };
    let config = SessionConfig {
        protocol: Protocol::from_level(level).ok_or("expected protocol 4 or 5")?,
        ..SessionConfig::new("127.0.0.1", port, &format!("load-{role}"), &[filter])
    };
    let (inbox, mut deliveries) = mpsc::channel(1_000);
    let session = Session::connect(config, inbox)?;
    session.status().wait_for(|status| status.connected).await?;
    let before = ticks()?;
    if role == "publish" {
        let publisher = session.publisher();
        let mut last = None;
        for _ in 0..count {
            let payload = vec![b'x'; PAYLOAD_BYTES].into();
            last = Some(
                publisher
                    .publish("load/up", payload, Qos::AtLeastOnce)
                    .await?,
            );
        }
        if let Some(token) = last {
            writeln(&format!("last: {:?}", token.fate().await))?;
        }
    } else {
        for _ in 0..count {
            let delivery = deliveries.recv().await.ok_or("the session is gone")?;
            delivery.answer(Verdict::Durable);
        }
    }
    let spent_us = f64::from(ticks()?.saturating_sub(before)) * 10_000.0;
    writeln(&format!(
        "{role}: {:.2} us a message",
        spent_us / f64::from(count)
    ))?;
    session.stop().await;
    Ok(())
}

fn writeln(line: &str) -> std::io::Result<()> {
    use std::io::Write;
    writeln!(std::io::stdout().lock(), "{line}")
}

/// Processor time of this process so far (proc(5): fields 14 and 15).
fn ticks() -> Result<u32, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, after_name) = stat.rsplit_once(')').ok_or("no name in /proc/self/stat")?;
    let fields = after_name.split_whitespace().skip(11).take(2);
    fields.map(|field| Ok(field.parse::<u32>()?)).sum()
}

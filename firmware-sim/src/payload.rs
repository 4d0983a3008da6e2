//! The bytes that devices send, written from their published layouts.
//!
//! ```text
//! Bosch TPS110      port 1  [occupied u8]
//!                   port 2  [occupied u8, temperature i8 degC]
//!                   port 3  [debug 12 B, firmware 3 B, reset cause u8, occupied u8]
//! Dingtek DF702     port 3  [80 00 01 01 11, level u16be mm, gps 00, temperature i8 degC,
//!                            angle sign, angle, full|fire, tilt|battery, counter u16be, 00, 81]
//! Milesight EM310   port 85 [01 75 battery u8 %][03 82 distance u16le mm][04 00 position u8]
//! Milesight EM400   port 85 [01 75 battery u8 %][03 67 temperature i16le 0.1 degC]
//!                           [04 82 distance u16le mm][05 00 position u8]
//! ```

/// A frame: port and bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// `LoRaWAN` port.
    pub port: u8,
    bytes: [u8; 25],
    len: usize,
}

impl Frame {
    fn new(port: u8, parts: &[&[u8]]) -> Self {
        let mut frame = Self {
            port,
            bytes: [0; 25],
            len: 0,
        };
        for byte in parts.iter().copied().flatten() {
            if let Some(place) = frame.bytes.get_mut(frame.len) {
                *place = *byte;
                frame.len += 1;
            }
        }
        frame
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }
}

/// A bay sensor tells a change.
pub fn bosch_status(occupied: bool) -> Frame {
    Frame::new(1, &[&[u8::from(occupied)]])
}

/// A bay sensor repeats its state; older firmware leaves the temperature out.
pub fn bosch_heartbeat(occupied: bool, temperature_c: Option<i8>) -> Frame {
    let state = [u8::from(occupied)];
    match temperature_c {
        None => Frame::new(2, &[&state]),
        Some(t) => Frame::new(2, &[&state, &t.to_be_bytes()]),
    }
}

/// A bay sensor has started: 12 bytes for the maker, firmware, why it started, what it claims.
pub fn bosch_startup(debug: [u8; 12], firmware: [u8; 3], cause: u8, occupied: bool) -> Frame {
    Frame::new(3, &[&debug, &firmware, &[cause, u8::from(occupied)]])
}

/// What a bin sensor measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BinSample {
    /// mm; 0 or 65535 where there was no echo.
    pub distance_mm: u16,
    /// Tenths of a degree Celsius.
    pub temperature_dc: i16,
    /// Percent.
    pub battery_pct: u8,
    /// Tilted.
    pub is_tilted: bool,
}

/// Dingtek DF702; with a place (longitude, latitude) where it has GPS.
pub fn dingtek(sample: BinSample, place: Option<(f32, f32)>, counter: u16) -> Frame {
    let level = sample.distance_mm.to_be_bytes();
    let temperature = i8::try_from(sample.temperature_dc / 10).unwrap_or(0);
    let flags = u8::from(sample.is_tilted) << 4;
    let counter = counter.to_be_bytes();
    let tail: [&[u8]; 4] = [
        &temperature.to_be_bytes(),
        &[0, 0, 0, flags],
        &counter,
        &[0, 0x81],
    ];
    let [t, alarms, n, end] = tail;
    match place {
        None => Frame::new(
            3,
            &[&[0x80, 0, 1, 1, 0x11], &level, &[0], t, alarms, n, end],
        ),
        Some((longitude, latitude)) => Frame::new(
            3,
            &[
                &[0x80, 0, 1, 1, 0x19],
                &level,
                // The published frame has 01 here: a place follows.
                &[1],
                &longitude.to_le_bytes(),
                &latitude.to_le_bytes(),
                t,
                alarms,
                n,
                end,
            ],
        ),
    }
}

/// Milesight EM310-UDL.
pub fn em310(sample: BinSample) -> Frame {
    Frame::new(
        85,
        &[
            &[0x01, 0x75, sample.battery_pct, 0x03, 0x82],
            &sample.distance_mm.to_le_bytes(),
            &[0x04, 0x00, u8::from(sample.is_tilted)],
        ],
    )
}

/// Milesight EM400-TLD.
pub fn em400(sample: BinSample) -> Frame {
    Frame::new(
        85,
        &[
            &[0x01, 0x75, sample.battery_pct, 0x03, 0x67],
            &sample.temperature_dc.to_le_bytes(),
            &[0x04, 0x82],
            &sample.distance_mm.to_le_bytes(),
            &[0x05, 0x00, u8::from(sample.is_tilted)],
        ],
    )
}

/// Milesight EM400-TLD, the alarm: neither battery nor position.
pub fn em400_alarm(sample: BinSample) -> Frame {
    Frame::new(
        85,
        &[
            &[0x83, 0x67],
            &sample.temperature_dc.to_le_bytes(),
            &[0x01, 0x84, 0x82],
            &sample.distance_mm.to_le_bytes(),
            &[0x01],
        ],
    )
}

#[cfg(test)]
mod tests;

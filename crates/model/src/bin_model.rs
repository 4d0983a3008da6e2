//! Models of bins, and where a sensor looks into them from.
//!
//! ```text
//!        ┌─┐ sensor face            mounting_mm above the rim (below it: negative)
//!  ──────┴─┴────── rim ──────
//!  \                         /      full_at_mm below the rim: full
//!   \                       /
//!    \                     /        height_mm from the rim to the floor inside
//!     ───────────────────
//!  full_distance  = mounting + full_at
//!  empty_distance = mounting + height
//! ```
//!
//! The level is a height: it is what the sensor sees, what overflows, and what people mean by half
//! full. Bins taper, so that half the height is less than half the volume (of a 240 L bin 45 %).
//!
//! The inside dimensions are typical, not of one maker. Outside, publishers of sizes say for 240 L
//! 1,063 x 720 x 722 mm (Malvern Hills council) and 1,100 x 580 x 740 mm (Ealing council); for
//! 660 L 1,200 x 1,300 x 850 mm (Better Waste) and 1,340 x 1,260 x 755 mm (Swansea council); for
//! 120 L 1,000 x 500 x 600 mm (Better Waste). From these are taken the lid, the wheels and the
//! walls; what is left holds the nominal volume within the 5 % that EN 840 permits (a test says
//! so). A site that measures its bins writes `empty_distance_mm` and `full_distance_mm` instead.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A model of bin.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum BinModel {
    /// Two wheels, 120 L (EN 840-1).
    Wheelie120,
    /// Two wheels, 240 L (EN 840-1).
    Wheelie240,
    /// Four wheels, 660 L (EN 840-2).
    Wheelie660,
}

impl BinModel {
    /// All models.
    pub const ALL: [Self; 3] = [Self::Wheelie120, Self::Wheelie240, Self::Wheelie660];

    /// The name in CSV.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wheelie120 => "wheelie-120",
            Self::Wheelie240 => "wheelie-240",
            Self::Wheelie660 => "wheelie-660",
        }
    }

    /// Nominal volume, L.
    pub const fn volume_l(self) -> u32 {
        match self {
            Self::Wheelie120 => 120,
            Self::Wheelie240 => 240,
            Self::Wheelie660 => 660,
        }
    }

    /// From the rim to the floor inside, mm. Typical.
    pub const fn height_mm(self) -> u32 {
        match self {
            Self::Wheelie120 => 830,
            Self::Wheelie240 => 900,
            Self::Wheelie660 => 930,
        }
    }

    /// Width and depth inside at the rim, mm. Typical.
    pub const fn top_mm(self) -> (u32, u32) {
        match self {
            Self::Wheelie120 => (430, 450),
            Self::Wheelie240 => (540, 620),
            Self::Wheelie660 => (1_180, 680),
        }
    }

    /// Width and depth inside at the floor, mm. Typical.
    pub const fn bottom_mm(self) -> (u32, u32) {
        match self {
            Self::Wheelie120 => (330, 340),
            Self::Wheelie240 => (440, 500),
            Self::Wheelie660 => (1_050, 580),
        }
    }
}

impl fmt::Display for BinModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for BinModel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|model| model.name() == text);
        known.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("expected a bin model of {names}, found {text:?}")
        })
    }
}

/// How a sensor is mounted on a bin of a known model.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Mount {
    /// The model.
    pub model: BinModel,
    /// The sensor's face above the rim, mm; below it, as under a lid that hangs in, negative.
    pub mounting_mm: i32,
    /// The bin is full where the waste is so far below the rim, mm.
    pub full_at_mm: u32,
}

/// The two distances that give the fill.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FillSpan {
    /// Sensor to the floor of the empty bin, mm.
    pub empty_mm: u32,
    /// Sensor to the waste of the full bin, mm.
    pub full_mm: u32,
}

/// The furthest that a sensor's face may be from the rim, mm: more is another unit of measure.
const MOUNTING_MM_MAX: i32 = 1_000;

impl Mount {
    /// The distances that follow.
    ///
    /// # Errors
    /// What contradicts what, with the arithmetic and the range that is permitted.
    pub fn span(self) -> Result<FillSpan, String> {
        let Self {
            model,
            mounting_mm: mounting,
            full_at_mm,
        } = self;
        let height = model.height_mm();
        if !(-MOUNTING_MM_MAX..=MOUNTING_MM_MAX).contains(&mounting) {
            return Err(format!(
                "mounting_mm must be {} to {MOUNTING_MM_MAX}, found {mounting}",
                -MOUNTING_MM_MAX
            ));
        }
        if full_at_mm >= height {
            return Err(format!(
                "full_at_mm must be 0 to {}, found {full_at_mm}: {model} is {height} mm high \
                 inside",
                height - 1
            ));
        }
        let distance = |below_rim: u32| u32::try_from(i64::from(mounting) + i64::from(below_rim));
        let (Ok(empty_mm), Ok(full_mm)) = (distance(height), distance(full_at_mm)) else {
            let least = -i64::from(full_at_mm);
            return Err(format!(
                "the waste of a full bin would be above the sensor: mounting {mounting} mm + \
                 full at {full_at_mm} mm below the rim = {} mm; mounting_mm must be at least \
                 {least}",
                i64::from(mounting) + i64::from(full_at_mm)
            ));
        };
        Ok(FillSpan { empty_mm, full_mm })
    }
}

impl FillSpan {
    /// Whether a sensor that sees nothing nearer than `blind_mm` can see the bin full.
    ///
    /// # Errors
    /// That it cannot, with the arithmetic and what would do.
    pub fn check_blind_zone(self, blind_mm: u32, mount: Option<Mount>) -> Result<(), String> {
        if self.full_mm >= blind_mm {
            return Ok(());
        }
        let short = blind_mm - self.full_mm;
        let cause = mount.map_or_else(String::new, |mount| {
            format!(
                " (mounting {} mm + full at {} mm below the rim)",
                mount.mounting_mm, mount.full_at_mm
            )
        });
        Err(format!(
            "a full bin is {} mm from the sensor{cause}, inside its blind zone of {blind_mm} mm: \
             mount it {short} mm higher, or let it be full {short} mm lower",
            self.full_mm
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Volume between two rectangles (Heron's frustum), L.
    fn volume_l(model: BinModel) -> f64 {
        let area = |(a, b): (u32, u32)| f64::from(a) * f64::from(b);
        let (top, bottom) = (area(model.top_mm()), area(model.bottom_mm()));
        let mean = (top + bottom + (top * bottom).sqrt()) / 3.0;
        mean * f64::from(model.height_mm()) / 1e6
    }

    #[test]
    fn every_model_holds_its_nominal_volume_within_five_percent() {
        for model in BinModel::ALL {
            let (found, nominal) = (volume_l(model), f64::from(model.volume_l()));
            assert!((found / nominal - 1.0).abs() <= 0.05, "{model}: {found} L");
            assert_eq!(model.name().parse(), Ok(model));
        }
    }

    fn mount(mounting_mm: i32, full_at_mm: u32) -> Mount {
        Mount {
            model: BinModel::Wheelie240,
            mounting_mm,
            full_at_mm,
        }
    }

    #[test]
    fn distances_follow_from_the_model_and_the_mounting() {
        for (mounting, full_at, empty_mm, full_mm) in
            [(50, 100, 950, 150), (0, 0, 900, 0), (-80, 100, 820, 20)]
        {
            let expected = FillSpan { empty_mm, full_mm };
            assert_eq!(mount(mounting, full_at).span(), Ok(expected));
        }
    }

    #[test]
    fn a_contradiction_is_refused_with_its_arithmetic() {
        let refused = |mounting, full_at| mount(mounting, full_at).span().unwrap_err();
        assert!(refused(-80, 50).contains("-80 mm + full at 50 mm below the rim = -30 mm"));
        assert!(refused(-80, 50).contains("at least -50"));
        assert!(refused(0, 900).contains("0 to 899"));
        assert!(refused(1_001, 0).contains("-1000 to 1000"));
        let one = mount(50, 100);
        let blind = |mm| one.span().unwrap().check_blind_zone(mm, Some(one));
        assert_eq!(blind(150), Ok(()));
        let error = blind(280).unwrap_err();
        assert!(error.contains("150 mm") && error.contains("blind zone of 280 mm"));
        assert!(error.contains("130 mm higher"), "{error}");
    }
}

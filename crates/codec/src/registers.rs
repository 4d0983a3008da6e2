//! Register maps: Modbus devices described as data.

/// What a Modbus request reads. Functions that write do not exist here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RegisterFunction {
    /// Function code 1: bits that could be written, which we never do.
    Coils,
    /// Function code 2: read-only bits.
    DiscreteInputs,
    /// Function code 3: 16-bit registers that could be written, which we never do.
    HoldingRegisters,
    /// Function code 4: read-only 16-bit registers.
    InputRegisters,
}

impl RegisterFunction {
    /// The function code, 1 to 4 (Modbus Application Protocol 1.1b3, section 6).
    pub const fn code(self) -> u8 {
        match self {
            Self::Coils => 1,
            Self::DiscreteInputs => 2,
            Self::HoldingRegisters => 3,
            Self::InputRegisters => 4,
        }
    }

    /// Whether it reads single bits rather than 16-bit registers.
    pub const fn reads_bits(self) -> bool {
        matches!(self, Self::Coils | Self::DiscreteInputs)
    }
}

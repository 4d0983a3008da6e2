//! Reads Modbus devices, and never writes to one.

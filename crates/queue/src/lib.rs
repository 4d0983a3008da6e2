//! A bounded disk queue that survives what disks and power do.

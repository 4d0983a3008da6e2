//! The profiles that come with the program.

/// Each with the name of its file.
pub(super) const BUILTIN: [(&str, &str); 4] = [
    (
        "bosch-tps110.toml",
        include_str!("../../profiles/bosch-tps110.toml"),
    ),
    (
        "dingtek-df702.toml",
        include_str!("../../profiles/dingtek-df702.toml"),
    ),
    (
        "milesight-em310-udl.toml",
        include_str!("../../profiles/milesight-em310-udl.toml"),
    ),
    (
        "milesight-em400-tld.toml",
        include_str!("../../profiles/milesight-em400-tld.toml"),
    ),
];

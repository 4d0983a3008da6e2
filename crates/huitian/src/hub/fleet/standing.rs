//! How the configuration of an edge stands, told from all its versions.

use huitian_store::EdgeConfigRow;

use super::in_force;

/// How the configuration of an edge stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// The version that it should have; 0 is that of its own files.
    pub wanted: u64,
    /// The newest that is more than a check, without its files.
    pub newest: Option<EdgeConfigRow>,
}

impl Standing {
    /// Of all versions, the newest first.
    pub fn of(configs: Vec<EdgeConfigRow>) -> Self {
        let wanted = in_force(&configs).map_or(0, |config| config.version);
        let newest = configs.into_iter().find(|row| !row.dry_run);
        Self {
            wanted,
            newest: newest.map(|row| EdgeConfigRow {
                files: Vec::new(),
                ..row
            }),
        }
    }
}

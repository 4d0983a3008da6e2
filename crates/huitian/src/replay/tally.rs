//! What a replay keeps of the engine's outputs: counts, findings and a digest of every final
//! window; the windows and held readings themselves only where they are asked for.

use std::collections::{BTreeMap, BTreeSet};

use huitian_model::{
    AccountKey, AccountRow, ChannelRef, Counts, Emptied, FacilityId, Finding, FindingKind,
    HeldReading, Output, OverflowEpisode, Reason, SiteId, UtcMs, WindowKey, WindowLength,
    WindowRow, WindowStatus, wire,
};

use super::digest;
use super::held::Ledger;
use crate::config::ConfigFault;

/// Most windows kept whole: at some 500 bytes each they take 750 MB. All windows of a month of
/// 100 lots fit, or the hours and days of five years of 30.
pub const WINDOWS_KEPT_MAX: usize = 1_500_000;

/// What is kept beside the counts.
#[derive(Default)]
pub struct Keep {
    /// Windows of these lengths, whole.
    pub windows: Option<Vec<WindowLength>>,
    /// Held readings go here as they come.
    pub ledger: Option<Ledger>,
    /// Held readings are kept in memory.
    pub held: bool,
}

/// Windows of one length, counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WindowCounts {
    /// Windows that became final.
    pub is_final: u64,
    /// Those of them that were amended later.
    pub amended: u64,
    /// How often: a window may be amended more than once.
    pub amendments: u64,
}

/// Final windows of one facility and length: start and digest, in the order they became final.
type Digests = Vec<(UtcMs, u64)>;
type EpisodeKey = (SiteId, FacilityId, String, UtcMs);

/// What is kept.
pub struct Tally {
    keep: Keep,
    digests: BTreeMap<(SiteId, FacilityId, WindowLength), Digests>,
    windows: BTreeMap<WindowKey, WindowRow>,
    accounts: BTreeMap<AccountKey, AccountRow>,
    findings: BTreeMap<(FindingKind, ChannelRef, UtcMs), Finding>,
    episodes: BTreeMap<EpisodeKey, OverflowEpisode>,
    emptied: BTreeMap<EpisodeKey, Emptied>,
    held: Vec<HeldReading>,
    held_digests: BTreeSet<u64>,
    /// Windows by length.
    pub lengths: BTreeMap<WindowLength, WindowCounts>,
    /// Held readings by reason.
    pub held_by: BTreeMap<Reason, u64>,
    /// Readings that were given a number.
    pub readings_sent: u64,
    /// Ticks.
    pub ticks: u64,
    /// Outputs of the engine.
    pub outputs: u64,
}

impl Tally {
    /// Nothing yet.
    pub const fn new(keep: Keep) -> Self {
        Self {
            keep,
            digests: BTreeMap::new(),
            windows: BTreeMap::new(),
            accounts: BTreeMap::new(),
            findings: BTreeMap::new(),
            episodes: BTreeMap::new(),
            emptied: BTreeMap::new(),
            held: Vec::new(),
            held_digests: BTreeSet::new(),
            lengths: BTreeMap::new(),
            held_by: BTreeMap::new(),
            readings_sent: 0,
            ticks: 0,
            outputs: 0,
        }
    }

    /// Counts readings that get their numbers now.
    pub fn sent(&mut self, readings: usize) {
        self.readings_sent += u64::try_from(readings).unwrap_or_default();
    }

    /// Takes one output.
    ///
    /// # Errors
    /// [`ConfigFault`] where the ledger cannot be written.
    pub fn add(&mut self, output: Output) -> Result<(), ConfigFault> {
        self.outputs += 1;
        match output {
            Output::Window(row) => self.window(row)?,
            Output::Held(held) => self.held(held)?,
            Output::Account(row) => {
                self.accounts.insert(row.key.clone(), row);
            }
            Output::Finding(finding) => {
                let key = (finding.kind, finding.channel.clone(), finding.from);
                self.findings.insert(key, finding);
            }
            Output::Episode(row) => {
                let asset = row.asset.to_string();
                let key = (row.site.clone(), row.facility.clone(), asset, row.onset);
                self.episodes.insert(key, row);
            }
            Output::Emptied(row) => {
                let asset = row.asset.to_string();
                let key = (row.site.clone(), row.facility.clone(), asset, row.at);
                self.emptied.insert(key, row);
            }
            // Live figures and messages to people: a replay shows none.
            Output::Rolling(_)
            | Output::Current(_)
            | Output::Alert(_)
            | Output::Device(_)
            | Output::Lost(_) => {}
        }
        Ok(())
    }

    fn window(&mut self, row: WindowRow) -> Result<(), ConfigFault> {
        if row.status == WindowStatus::Provisional {
            return Ok(());
        }
        let body = wire::encode(&row.body).map_err(|e| ConfigFault::plain(e.to_string()))?;
        let digest = digest::of(&body);
        let counts = self.lengths.entry(row.key.length).or_default();
        let series = (
            row.key.site.clone(),
            row.key.facility.clone(),
            row.key.length,
        );
        let digests = self.digests.entry(series).or_default();
        // Windows become final in the order of their starts, so a new one goes to the end; an
        // amended one is found by halving.
        match digests.binary_search_by_key(&row.key.start, |(start, _)| *start) {
            Ok(index) => {
                counts.amendments += 1;
                if row.revision == 1 {
                    counts.amended += 1;
                }
                if let Some(known) = digests.get_mut(index) {
                    known.1 = digest;
                }
            }
            Err(index) => {
                counts.is_final += 1;
                digests.insert(index, (row.key.start, digest));
            }
        }
        let is_kept = |lengths: &Vec<WindowLength>| lengths.contains(&row.key.length);
        if self.keep.windows.as_ref().is_some_and(is_kept) {
            self.windows.insert(row.key.clone(), row);
        }
        Ok(())
    }

    fn held(&mut self, held: HeldReading) -> Result<(), ConfigFault> {
        *self.held_by.entry(held.reason).or_default() += 1;
        if held.reason != Reason::Late {
            let identity = (&held.channel, &held.reading, held.reason);
            let bytes = wire::encode(&identity).map_err(|e| ConfigFault::plain(e.to_string()))?;
            self.held_digests.insert(digest::of(&bytes));
        }
        if let Some(ledger) = &mut self.keep.ledger {
            ledger.add(&held)?;
        }
        if self.keep.held {
            self.held.push(held);
        }
        Ok(())
    }

    /// Writes what is still buffered.
    ///
    /// # Errors
    /// [`ConfigFault`] where the ledger cannot be written.
    pub fn finish(&mut self) -> Result<(), ConfigFault> {
        self.keep.ledger.as_mut().map_or(Ok(()), Ledger::finish)
    }

    /// One number for all final windows, their keys and values: the same where two replays came
    /// to the same results.
    pub fn windows_digest(&self) -> u64 {
        let mut whole = digest::START;
        for ((site, facility, length), digests) in &self.digests {
            let name = format!("{site}/{facility}/{}", length.name());
            whole = digest::continued(whole, name.as_bytes());
            for (start, digest) in digests {
                whole = digest::continued(whole, &start.0.to_le_bytes());
                whole = digest::continued(whole, &digest.to_le_bytes());
            }
        }
        whole
    }

    /// One number for the set of quarantined readings, however often each was held.
    pub fn quarantine_digest(&self) -> u64 {
        self.held_digests.iter().fold(digest::START, |whole, one| {
            digest::continued(whole, &one.to_le_bytes())
        })
    }

    /// How many different readings are in quarantine.
    pub fn quarantined_readings(&self) -> usize {
        self.held_digests.len()
    }

    /// The windows that were kept, by key.
    pub fn kept_windows(&self) -> impl Iterator<Item = &WindowRow> {
        self.windows.values()
    }

    /// The held readings that were kept, in the order of the log.
    #[cfg(test)]
    pub fn kept_held(&self) -> &[HeldReading] {
        &self.held
    }

    /// All accounts in one.
    pub fn counts(&self) -> Counts {
        let mut all = Counts::default();
        for row in self.accounts.values() {
            all.add(&row.counts);
        }
        all
    }

    /// Accounts that do not balance by themselves.
    pub fn unbalanced_accounts(&self) -> usize {
        self.accounts
            .values()
            .filter(|row| !row.counts.balance())
            .count()
    }

    /// Odd runs of one kind.
    pub fn findings(&self, kind: FindingKind) -> impl Iterator<Item = &Finding> {
        self.findings
            .values()
            .filter(move |finding| finding.kind == kind)
    }

    /// Overflow episodes that stand.
    pub fn episodes(&self) -> usize {
        self.episodes.values().filter(|row| row.stands).count()
    }

    /// How often bins were emptied.
    pub fn emptied(&self) -> usize {
        self.emptied.values().filter(|row| row.stands).count()
    }
}

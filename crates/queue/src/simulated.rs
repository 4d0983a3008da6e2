//! A disk in memory that does what real ones do: forgets what was not synced, tears, fills up,
//! refuses, rots. For tests, ours and those of programs that use the queue.
//!
//! All clones are one disk. It is deterministic: what survives a power cut follows from its seed.

mod survival;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::{Disk, DiskFile};
use crate::number::{narrow, wide};
use survival::{Chance, Change, put, survive};

const EINTR: i32 = 4;
const EIO: i32 = 5;

/// What the failing operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The disk says it failed. A sync that fails drops what was not durable, for ever.
    Error,
    /// There is no space for this one operation.
    NoSpace,
    /// The call was interrupted; only reads and writes are.
    Interrupted,
    /// Half of a write is written; other operations fail.
    Short,
    /// The power goes: this and all later operations fail until [`Simulated::power_cut`].
    Power,
}

/// A disk that is broken by design, to show that tests notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Broken {
    /// It keeps its promises.
    #[default]
    Nothing,
    /// A sync of a file does nothing.
    NoSync,
    /// A sync of the folder does nothing.
    NoFolderSync,
    /// A sync returns before anything is durable, and happens with the next operation.
    LateSync,
    /// A sync that failed is tried again at once, and then says that all is well.
    RetriedSync,
}

#[derive(Debug, Clone, Default)]
struct Inode {
    seen: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Debug, Default)]
struct World {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    capacity: Option<u64>,
    operations: u64,
    fault: Option<(u64, Fault)>,
    has_power: bool,
    is_locked: bool,
    broken: Broken,
    late: Option<usize>,
    failing_syncs: u64,
    /// Handles from before a power cut are dead.
    boot: u64,
}

/// The disk.
#[derive(Debug, Clone)]
pub struct Simulated {
    world: Arc<Mutex<World>>,
}

/// An open file of it.
#[derive(Debug)]
pub struct SimulatedFile {
    world: Arc<Mutex<World>>,
    inode: usize,
    boot: u64,
}

/// Its lock.
#[derive(Debug)]
pub struct SimulatedLock {
    world: Arc<Mutex<World>>,
    boot: u64,
}

impl Default for Simulated {
    fn default() -> Self {
        Self::new(Broken::Nothing)
    }
}

fn held(world: &Arc<Mutex<World>>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Simulated {
    /// An empty disk.
    pub fn new(broken: Broken) -> Self {
        let world = World {
            has_power: true,
            broken,
            ..World::default()
        };
        Self {
            world: Arc::new(Mutex::new(world)),
        }
    }

    /// Operations so far: everything but listing counts.
    pub fn operations(&self) -> u64 {
        held(&self.world).operations
    }

    /// Makes the operation with this number fail, counted from now on: 1 is the next.
    pub fn fail_at(&self, operation: u64, fault: Fault) {
        let mut world = held(&self.world);
        world.fault = Some((world.operations.saturating_add(operation), fault));
    }

    /// Makes nothing fail any more.
    pub fn fail_never(&self) {
        held(&self.world).fault = None;
    }

    /// Makes the next syncs of files fail with `EIO`, whatever comes between them.
    pub fn fail_syncs(&self, count: u64) {
        held(&self.world).failing_syncs = count;
    }

    /// How many of them are still to fail.
    pub fn failing_syncs(&self) -> u64 {
        held(&self.world).failing_syncs
    }

    /// Whether there is power; without it every operation fails until [`Simulated::power_cut`]
    /// brings it back.
    pub fn has_power(&self) -> bool {
        held(&self.world).has_power
    }

    /// Whether the fault that was asked for has happened.
    pub fn has_failed(&self) -> bool {
        held(&self.world).fault.is_none()
    }

    /// How many bytes fit; none is without end.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        held(&self.world).capacity = bytes;
    }

    /// The power goes and comes back: of what was not synced any part survives, by `seed`. All
    /// open files and locks are dead.
    pub fn power_cut(&self, seed: u64) {
        let mut chance = Chance(seed);
        let mut world = held(&self.world);
        world.boot = world.boot.saturating_add(1);
        (world.has_power, world.is_locked, world.late, world.fault) = (true, false, None, None);
        for inode in &mut world.inodes {
            for change in std::mem::take(&mut inode.pending) {
                survive(&mut inode.durable, &change, &mut chance);
            }
            inode.seen.clone_from(&inode.durable);
        }
        let names = std::mem::take(&mut world.names);
        let mut durable = std::mem::take(&mut world.durable_names);
        for (name, inode) in &names {
            if durable.get(name) != Some(inode) && chance.is_yes() {
                durable.insert(name.clone(), *inode);
            }
        }
        durable.retain(|name, _| names.contains_key(name) || chance.is_yes());
        world.names.clone_from(&durable);
        world.durable_names = durable;
    }

    /// The process dies and the machine does not: everything that was written is there.
    pub fn kill(&self) {
        let mut world = held(&self.world);
        world.boot = world.boot.saturating_add(1);
        (world.has_power, world.is_locked, world.fault) = (true, false, None);
    }

    /// The content of a file.
    pub fn content(&self, name: &str) -> Option<Vec<u8>> {
        let world = held(&self.world);
        let inode = world.inodes.get(*world.names.get(name)?)?;
        Some(inode.seen.clone())
    }

    /// Puts a file there, durably, or takes it away.
    pub fn put(&self, name: &str, content: Option<Vec<u8>>) {
        let mut world = held(&self.world);
        let Some(content) = content else {
            world.names.remove(name);
            world.durable_names.remove(name);
            return;
        };
        let inode = world.inodes.len();
        let file = Inode {
            seen: content.clone(),
            durable: content,
            pending: Vec::new(),
        };
        world.inodes.push(file);
        world.names.insert(name.to_owned(), inode);
        world.durable_names.insert(name.to_owned(), inode);
    }

    /// Another disk with the same durable content, as a copied card would have.
    #[must_use]
    pub fn copy(&self) -> Self {
        let copy = Self::default();
        let names: Vec<String> = held(&self.world).names.keys().cloned().collect();
        for name in names {
            copy.put(&name, self.content(&name));
        }
        copy
    }
}

impl World {
    /// Counts an operation; says what it must do other than succeed.
    fn step(&mut self) -> io::Result<Option<Fault>> {
        if let Some(inode) = self.late.take() {
            self.make_durable(inode);
        }
        if !self.has_power {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        self.operations = self.operations.saturating_add(1);
        match self.fault {
            Some((at, fault)) if at <= self.operations => {
                self.fault = None;
                self.has_power = fault != Fault::Power;
                Ok(Some(fault))
            }
            _ => Ok(None),
        }
    }

    /// An operation that has no half.
    fn whole(&mut self) -> io::Result<()> {
        match self.step()? {
            None | Some(Fault::Interrupted) => Ok(()),
            Some(Fault::NoSpace) => Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::Error | Fault::Short | Fault::Power) => {
                Err(io::Error::from_raw_os_error(EIO))
            }
        }
    }

    fn make_durable(&mut self, inode: usize) {
        if let Some(inode) = self.inodes.get_mut(inode) {
            for change in std::mem::take(&mut inode.pending) {
                match change {
                    Change::Size(size) => inode.durable.resize(narrow(size), 0),
                    Change::Write(at, bytes) => put(&mut inode.durable, at, &bytes),
                }
            }
        }
    }

    fn used(&self) -> u64 {
        let files = self
            .names
            .values()
            .filter_map(|inode| self.inodes.get(*inode));
        files.fold(0, |sum, file| sum.saturating_add(wide(file.seen.len())))
    }

    fn inode(&mut self, inode: usize) -> io::Result<&mut Inode> {
        self.inodes
            .get_mut(inode)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Disk for Simulated {
    type File = SimulatedFile;
    type Lock = SimulatedLock;

    fn make_folder(&self) -> io::Result<()> {
        held(&self.world).whole()
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(held(&self.world).names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<SimulatedFile> {
        let mut world = held(&self.world);
        world.whole()?;
        if world.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = world.inodes.len();
        world.inodes.push(Inode::default());
        world.names.insert(name.to_owned(), inode);
        Ok(SimulatedFile {
            world: Arc::clone(&self.world),
            inode,
            boot: world.boot,
        })
    }

    fn open(&self, name: &str) -> io::Result<SimulatedFile> {
        let mut world = held(&self.world);
        world.whole()?;
        let inode = *world.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(SimulatedFile {
            world: Arc::clone(&self.world),
            inode,
            boot: world.boot,
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut world = held(&self.world);
        world.whole()?;
        world.names.remove(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(())
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut world = held(&self.world);
        world.whole()?;
        if world.broken != Broken::NoFolderSync {
            world.durable_names = world.names.clone();
        }
        Ok(())
    }

    fn lock(&self, name: &str) -> io::Result<Option<SimulatedLock>> {
        let mut world = held(&self.world);
        world.whole()?;
        if world.is_locked {
            return Ok(None);
        }
        world.is_locked = true;
        if !world.names.contains_key(name) {
            let inode = world.inodes.len();
            world.inodes.push(Inode::default());
            world.names.insert(name.to_owned(), inode);
        }
        Ok(Some(SimulatedLock {
            world: Arc::clone(&self.world),
            boot: world.boot,
        }))
    }
}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        let mut world = held(&self.world);
        if world.boot == self.boot {
            world.is_locked = false;
        }
    }
}

impl SimulatedFile {
    fn world(&self) -> io::Result<MutexGuard<'_, World>> {
        let world = held(&self.world);
        if world.boot == self.boot {
            Ok(world)
        } else {
            Err(io::Error::from_raw_os_error(EIO))
        }
    }
}

impl DiskFile for SimulatedFile {
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut world = self.world()?;
        match world.step()? {
            Some(Fault::Interrupted) => return Err(io::Error::from_raw_os_error(EINTR)),
            None => {}
            Some(Fault::Error | Fault::NoSpace | Fault::Short | Fault::Power) => {
                return Err(io::Error::from_raw_os_error(EIO));
            }
        }
        let file = world.inode(self.inode)?;
        let rest = file.seen.get(narrow(at)..).unwrap_or_default();
        let count = rest.len().min(into.len());
        if let (Some(to), Some(from)) = (into.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        Ok(count)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<usize> {
        let mut world = self.world()?;
        let mut bytes = bytes;
        match world.step()? {
            None => {}
            Some(Fault::Interrupted) => return Err(io::Error::from_raw_os_error(EINTR)),
            Some(Fault::NoSpace) => return Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::Short) => bytes = bytes.split_at(bytes.len().div_ceil(2)).0,
            Some(Fault::Power) => {
                // The power goes in the middle of the write.
                let file = world.inode(self.inode)?;
                file.pending.push(Change::Write(at, bytes.to_vec()));
                return Err(io::Error::from_raw_os_error(EIO));
            }
            Some(Fault::Error) => return Err(io::Error::from_raw_os_error(EIO)),
        }
        let (used, capacity) = (world.used(), world.capacity.unwrap_or(u64::MAX));
        let file = world.inode(self.inode)?;
        let size = wide(file.seen.len());
        let room = capacity
            .saturating_sub(used)
            .saturating_add(size.saturating_sub(at));
        if room == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let bytes = bytes.get(..narrow(room)).unwrap_or(bytes);
        put(&mut file.seen, at, bytes);
        file.pending.push(Change::Write(at, bytes.to_vec()));
        Ok(bytes.len())
    }

    fn size(&self) -> io::Result<u64> {
        let mut world = self.world()?;
        world.whole()?;
        Ok(wide(world.inode(self.inode)?.seen.len()))
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        let mut world = self.world()?;
        world.whole()?;
        let file = world.inode(self.inode)?;
        file.seen.resize(narrow(size), 0);
        file.pending.push(Change::Size(size));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut world = self.world()?;
        let mut result = world.whole();
        if world.failing_syncs > 0 {
            world.failing_syncs = world.failing_syncs.saturating_sub(1);
            result = Err(io::Error::from_raw_os_error(EIO));
        }
        if let Err(error) = result {
            // The kernel forgets that these pages were dirty; they look written ever after.
            world.inode(self.inode)?.pending.clear();
            if world.broken == Broken::RetriedSync && world.has_power {
                return Ok(());
            }
            return Err(error);
        }
        match world.broken {
            Broken::NoSync => {}
            Broken::LateSync => world.late = Some(self.inode),
            Broken::Nothing | Broken::NoFolderSync | Broken::RetriedSync => {
                world.make_durable(self.inode);
            }
        }
        Ok(())
    }
}

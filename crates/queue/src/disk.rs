//! What the queue asks of a disk: a trait, so that a simulated one can fail on purpose.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// One folder on a disk. Names are file names within it.
pub trait Disk {
    /// An open file.
    type File: DiskFile;
    /// Holds the folder against other processes until it is dropped.
    type Lock;

    /// Makes the folder where it is missing, durably with every parent that was made.
    ///
    /// # Errors
    ///
    /// What the disk or the system said.
    fn make_folder(&self) -> io::Result<()>;
    /// The names of the files that are there.
    ///
    /// # Errors
    ///
    /// What the disk or the system said.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Makes a new file; an old one of that name is an error.
    ///
    /// # Errors
    ///
    /// What the disk or the system said.
    fn create(&self, name: &str) -> io::Result<Self::File>;
    /// Opens a file that is there.
    ///
    /// # Errors
    ///
    /// What the disk or the system said.
    fn open(&self, name: &str) -> io::Result<Self::File>;
    /// Removes a file.
    ///
    /// # Errors
    ///
    /// What the disk or the system said.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes the names in the folder durable.
    ///
    /// # Errors
    ///
    /// What the disk or the system said.
    fn sync_folder(&self) -> io::Result<()>;
    /// Locks the folder by a file of this name; none where another process has it.
    ///
    /// # Errors
    ///
    /// What the disk or the system said.
    fn lock(&self, name: &str) -> io::Result<Option<Self::Lock>>;
}

/// An open file of a [`Disk`].
pub trait DiskFile {
    /// Reads up to `into.len()` bytes; 0 is the end.
    ///
    /// # Errors
    ///
    /// What the disk or the system said.
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize>;
    /// Writes some of `bytes`; says how many.
    ///
    /// # Errors
    ///
    /// What the disk or the system said.
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<usize>;
    /// The file's length.
    ///
    /// # Errors
    ///
    /// What the disk or the system said.
    fn size(&self) -> io::Result<u64>;
    /// Cuts the file off, or fills it with zeros.
    ///
    /// # Errors
    ///
    /// What the disk or the system said.
    fn set_size(&self, size: u64) -> io::Result<()>;
    /// Makes what was written durable.
    ///
    /// # Errors
    ///
    /// What the disk or the system said.
    fn sync(&self) -> io::Result<()>;
}

/// Writes all of `bytes`, over interruptions and short writes.
pub(crate) fn write_all(file: &impl DiskFile, mut at: u64, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(at, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                at = at.saturating_add(crate::number::wide(count));
                bytes = bytes.get(count..).unwrap_or_default();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads until `into` is full or the file ends; says how many bytes there were.
pub(crate) fn read_full(file: &impl DiskFile, at: u64, into: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(at.saturating_add(crate::number::wide(done)), rest) {
            Ok(0) => break,
            Ok(count) => done = done.saturating_add(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// A real folder.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder of this path, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl Disk for Folder {
    type File = File;
    type Lock = File;

    fn make_folder(&self) -> io::Result<()> {
        let missing: Vec<&Path> = self
            .path
            .ancestors()
            .take_while(|dir| !dir.exists())
            .collect();
        std::fs::create_dir_all(&self.path)?;
        for dir in missing {
            let parent = match dir.parent() {
                Some(parent) if parent != Path::new("") => parent,
                _ => Path::new("."),
            };
            File::open(parent)?.sync_all()?;
        }
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        options.open(self.path.join(name))
    }

    fn open(&self, name: &str) -> io::Result<File> {
        let path = self.path.join(name);
        match OpenOptions::new().read(true).write(true).open(&path) {
            // A folder that is mounted read-only can still be read.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
                ) =>
            {
                File::open(path)
            }
            other => other,
        }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name))
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn lock(&self, name: &str) -> io::Result<Option<File>> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        let file = options.open(self.path.join(name))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl DiskFile for File {
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        FileExt::read_at(self, into, at)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<usize> {
        FileExt::write_at(self, bytes, at)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        self.set_len(size)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

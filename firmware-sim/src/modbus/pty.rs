//! A serial line without wires: a pseudo-terminal whose far end is a path for a client to open.
//!
//! While nobody has the far end open, reading fails with EIO and polling returns at once; so the
//! near end looks again every 20 ms, and takes the failure for what it is: a line with nobody on
//! it. That is also how it learns that a client has closed it.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use tokio::io::unix::AsyncFd;
use tokio::time::sleep;

/// How often a line is looked at that nobody has open.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Between two looks once somebody has hung up: tokio never takes that back, so it calls the line
/// ready for ever after, and only the clock keeps us from asking without end.
const AFTER_HANG_UP: Duration = Duration::from_millis(2);

/// The near end.
#[derive(Debug)]
pub struct Pty {
    near: AsyncFd<OwnedFd>,
    path: PathBuf,
    link: Option<PathBuf>,
}

impl Pty {
    /// Makes a pair in raw mode; `link`, where given, is made to lead to the far end, and goes
    /// when the pair goes. Must be called inside a runtime.
    ///
    /// # Errors
    /// What the system says; `AlreadyExists` where `link` is there and is no link.
    pub fn open(link: Option<&Path>) -> io::Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let near = openpt(flags)?;
        grantpt(&near)?;
        unlockpt(&near)?;
        let name = ptsname(&near, Vec::new())?;
        let path = PathBuf::from(std::ffi::OsStr::from_bytes(name.as_bytes()));
        // The pair has one set of modes; neither echo nor line editing may touch our bytes.
        let mut modes = tcgetattr(&near)?;
        modes.make_raw();
        tcsetattr(&near, OptionalActions::Now, &modes)?;
        fcntl_setfl(&near, fcntl_getfl(&near)? | OFlags::NONBLOCK)?;
        if let Some(link) = link {
            if fs::symlink_metadata(link).is_ok_and(|kind| kind.is_symlink()) {
                fs::remove_file(link)?;
            }
            symlink(&path, link)?;
        }
        #[expect(
            deprecated,
            reason = "its replacement is unsafe for descriptors that may end before it does; an \
                      OwnedFd that is never taken out cannot"
        )]
        let near = AsyncFd::new(near)?;
        Ok(Self {
            near,
            path,
            link: link.map(Path::to_path_buf),
        })
    }

    /// What a client opens: the link, or else the device.
    pub fn path(&self) -> &Path {
        self.link.as_deref().unwrap_or(&self.path)
    }

    /// Waits for bytes; 0 where the far end is closed, at most every 20 ms.
    ///
    /// # Errors
    /// What the system says.
    pub async fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.near.readable().await?;
            let has_hung_up = ready.ready().is_read_closed();
            match rustix::io::read(&self.near, &mut *into) {
                Ok(len) => return Ok(len),
                Err(Errno::IO) => {
                    sleep(LOOK_AGAIN).await;
                    return Ok(0);
                }
                Err(Errno::AGAIN) => ready.clear_ready(),
                Err(error) => return Err(error.into()),
            }
            if has_hung_up {
                sleep(AFTER_HANG_UP).await;
            }
        }
    }

    /// Writes all of `bytes`. Bytes to a far end that nobody has open are lost, as on a wire.
    ///
    /// # Errors
    /// What the system says.
    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let mut ready = self.near.writable().await?;
            let has_hung_up = ready.ready().is_write_closed();
            match rustix::io::write(&self.near, bytes) {
                Ok(written) => {
                    bytes = bytes.get(written..).unwrap_or(&[]);
                    continue;
                }
                Err(Errno::AGAIN) => ready.clear_ready(),
                Err(error) => return Err(error.into()),
            }
            if has_hung_up {
                sleep(AFTER_HANG_UP).await;
            }
        }
        Ok(())
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        if let Some(link) = &self.link
            && fs::read_link(link).is_ok_and(|target| target == self.path)
            && let Err(error) = fs::remove_file(link)
        {
            eprintln!("firmware-sim: cannot remove {}: {error}", link.display());
        }
    }
}

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
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::sleep;

/// How often a line is looked at that nobody has open.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

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
        let read = self.near.async_io(Interest::READABLE, |near| {
            Ok(rustix::io::read(near, &mut *into)?)
        });
        match read.await {
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
                sleep(LOOK_AGAIN).await;
                Ok(0)
            }
            other => other,
        }
    }

    /// Writes all of `bytes`. Bytes to a far end that nobody has open are lost, as on a wire.
    ///
    /// # Errors
    /// What the system says.
    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = self
                .near
                .async_io(Interest::WRITABLE, |near| {
                    Ok(rustix::io::write(near, bytes)?)
                })
                .await?;
            bytes = bytes.get(written..).unwrap_or(&[]);
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

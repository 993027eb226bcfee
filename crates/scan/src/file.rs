//! The matcher over a file, in bounded memory.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::matcher::{Hit, Matcher};

/// How much of a file is held at a time.
pub const CHUNK_BYTES: usize = 4 << 20;

/// How much is asked for at once: the kernel refuses more of a file of its own under `/proc/sys`.
const ONE_READ_BYTES: usize = 1 << 20;

/// What reading one file gave.
#[derive(Debug)]
pub struct Scanned {
    /// Octets that were looked through.
    pub read: u64,
    /// There was more than the limit.
    pub truncated: bool,
    /// By signature and offset.
    pub hits: Vec<Hit>,
}

/// Looks through the regular file at `path`, up to `limit` octets, using `buffer` as room to work in.
///
/// # Errors
/// The file cannot be opened or read, is a link, or is no regular file.
pub fn scan_file(matcher: &Matcher, path: &Path, limit: u64, buffer: &mut Vec<u8>) -> io::Result<Scanned> {
    // a pipe must not block, and a link that took the file's place must not be followed
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    buffer.resize(CHUNK_BYTES, 0);
    let mut search = matcher.search();
    let (mut held, mut offset, mut read) = (0, 0_u64, 0_u64);
    loop {
        let seen = held;
        let room = (limit - read).min((CHUNK_BYTES - held) as u64) as usize;
        while held < seen + room {
            let end = (seen + room).min(held + ONE_READ_BYTES);
            match file.read(&mut buffer[held..end]) {
                Ok(0) => break,
                Ok(count) => held += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        read += (held - seen) as u64;
        search.feed(&buffer[..held], offset, seen);
        if held < CHUNK_BYTES {
            let truncated = read == limit && file.read(&mut [0])? > 0;
            return Ok(Scanned { read, truncated, hits: search.finish() });
        }
        let keep = matcher.overlap().min(held);
        buffer.copy_within(held - keep..held, 0);
        offset += (held - keep) as u64;
        held = keep;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::Signature;

    fn matcher() -> Matcher {
        Matcher::new(&[Signature { pattern: b"needle".to_vec(), at: None }], 100).expect("small")
    }

    #[test]
    fn a_needle_across_a_chunk_is_found_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("hay");
        for start in CHUNK_BYTES - 7..CHUNK_BYTES + 2 {
            let mut hay = vec![0; 2 * CHUNK_BYTES];
            hay[start..start + 6].copy_from_slice(b"needle");
            std::fs::write(&path, &hay).expect("written");
            let scanned = scan_file(&matcher(), &path, u64::MAX, &mut Vec::new()).expect("read");
            assert_eq!(scanned.hits, [Hit { signature: 0, offset: start as u64 }]);
            assert_eq!(scanned.read, hay.len() as u64);
            assert!(!scanned.truncated);
        }
    }

    #[test]
    fn a_limit_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("hay");
        std::fs::write(&path, [0; 100]).expect("written");
        let read = |limit| scan_file(&matcher(), &path, limit, &mut Vec::new()).expect("read");
        assert!(!read(100).truncated);
        assert!(read(99).truncated);
        assert_eq!(read(99).read, 99);
    }

    #[test]
    fn settings_of_the_kernel_are_read() {
        let path = Path::new("/proc/sys/kernel/ostype");
        if path.exists() {
            let scanned = scan_file(&matcher(), path, u64::MAX, &mut Vec::new()).expect("read");
            assert_eq!(scanned.read, "Linux\n".len() as u64);
        }
    }

    #[test]
    fn links_folders_and_devices_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/etc/hostname", &link).expect("linked");
        for path in [link.as_path(), folder.path(), Path::new("/dev/zero")] {
            assert!(scan_file(&matcher(), path, 10, &mut Vec::new()).is_err(), "{}", path.display());
        }
    }
}

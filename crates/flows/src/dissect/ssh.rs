//! SSH (RFC 4253): versions, both KEXINIT, what they come to, and the server's host key.

use serde::Serialize;

use crate::cursor::{Cursor, printable};
use crate::side::{Both, Side};

const MAX_LINE: usize = 1024;
const MAX_PACKET: u32 = 256 << 10;

/// What one side proposes, in its order (RFC 4253 clause 7.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Proposal {
    /// Key exchange methods.
    pub kex: Vec<String>,
    /// Host key algorithms.
    pub host_key: Vec<String>,
    /// Ciphers from client to server.
    pub cipher_to_server: Vec<String>,
    /// Ciphers from server to client.
    pub cipher_to_client: Vec<String>,
    /// MACs from client to server.
    pub mac_to_server: Vec<String>,
    /// MACs from server to client.
    pub mac_to_client: Vec<String>,
}

/// An SSH connection up to its encryption.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ssh {
    /// Identification of the client, such as `SSH-2.0-OpenSSH_9.2`.
    pub client_version: Option<String>,
    /// Identification of the server.
    pub server_version: Option<String>,
    /// What the client proposes.
    pub client: Option<Proposal>,
    /// What the server proposes.
    pub server: Option<Proposal>,
    /// What both sides propose without a common algorithm: `kex`, `host-key`, `cipher-to-server`, ….
    /// Such a negotiation fails (RFC 4253 clause 7.1).
    pub no_common: Vec<&'static str>,
    /// Both sides have taken the keys into use (NEWKEYS).
    pub established: bool,
    /// A side left while that could still be read.
    pub disconnect: Option<Disconnect>,
    /// The key exchange method agreed on.
    pub kex: Option<String>,
    /// The host key algorithm agreed on.
    pub host_key: Option<String>,
    /// The cipher from client to server agreed on.
    pub cipher: Option<String>,
    /// The cipher from server to client agreed on.
    pub cipher_back: Option<String>,
    /// The MAC from client to server agreed on; none where the cipher authenticates.
    pub mac: Option<String>,
    /// The MAC from server to client agreed on.
    pub mac_back: Option<String>,
    /// Type of the host key shown.
    pub host_key_type: Option<String>,
    /// Its modulus in bits, where it is an RSA key.
    pub host_key_bits: Option<u32>,
}

/// SSH_MSG_DISCONNECT in clear (RFC 4253 clause 11.1); its text is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Disconnect {
    /// `client` or `server`.
    pub from: &'static str,
    /// Why: 3 key exchange failed, 8 version not supported, 9 host key not verifiable, ….
    pub reason: u32,
}

/// Reads both directions of a connection.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) ssh: Ssh,
    identified: Both<bool>,
    new_keys: Both<bool>,
    done: Both<bool>,
    pub(crate) malformed: bool,
}

pub(crate) fn starts(bytes: &[u8]) -> bool {
    bytes.starts_with(b"SSH-")
}

/// Names among the key exchange methods that announce an extension (RFC 8308, OpenSSH's strict exchange).
fn is_marker(name: &str) -> bool {
    name.starts_with("ext-info-") || name.starts_with("kex-strict-")
}

/// Ciphers beside which no MAC is negotiated (OpenSSH's PROTOCOL clauses 1.6 and 1.7).
fn authenticates(cipher: &str) -> bool {
    cipher.contains("gcm@") || cipher.contains("poly1305")
}

impl Reader {
    /// Reads lines and packets off the front of `bytes`; answers how many bytes are done with.
    pub(crate) fn read(&mut self, from: Side, bytes: &[u8]) -> usize {
        let mut used = 0;
        while !self.done[from] {
            let rest = &bytes[used..];
            let step = if self.identified[from] { self.packet(from, rest) } else { self.line(from, rest) };
            match step {
                Some(0) => return used,
                Some(len) => used += len,
                None => {
                    self.malformed |= !self.identified[from];
                    self.done[from] = true;
                }
            }
        }
        bytes.len()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.done[Side::Client] && self.done[Side::Server]
    }

    pub(crate) fn side_is_done(&self, from: Side) -> bool {
        self.done[from]
    }

    /// A line of the identification (clause 4.2): its length, 0 to wait, `None` to give up.
    fn line(&mut self, from: Side, bytes: &[u8]) -> Option<usize> {
        let Some(end) = memchr::memchr(b'\n', &bytes[..bytes.len().min(MAX_LINE)]) else {
            return (bytes.len() < MAX_LINE).then_some(0);
        };
        let line = bytes[..end].trim_ascii_end();
        if starts(line) {
            self.identified[from] = true;
            let version = Some(printable(line, 255));
            match from {
                Side::Client => self.ssh.client_version = version,
                Side::Server => self.ssh.server_version = version,
            }
            if line.starts_with(b"SSH-1.") && !line.starts_with(b"SSH-1.99") {
                return None; // version 1: its packets are others
            }
        }
        Some(end + 1)
    }

    /// A binary packet (clause 6): its length, 0 to wait, `None` where encryption has begun.
    fn packet(&mut self, from: Side, bytes: &[u8]) -> Option<usize> {
        const DISCONNECT: u8 = 1;
        const KEXINIT: u8 = 20;
        const NEWKEYS: u8 = 21;
        const KEX_FIRST: u8 = 30;
        const KEX_LAST: u8 = 49;
        let mut rest = Cursor(bytes);
        let Some(len) = rest.u32() else {
            return Some(0);
        };
        if !(2..=MAX_PACKET).contains(&len) {
            return None;
        }
        let Some(packet) = rest.bytes(len as usize) else {
            return Some(0);
        };
        let mut rest = Cursor(packet);
        let padding = usize::from(rest.u8()?);
        let payload = rest.bytes(rest.len().checked_sub(padding)?)?;
        match *payload.first()? {
            KEXINIT => self.kexinit(from, Cursor(&payload[1..])),
            NEWKEYS => {
                self.new_keys[from] = true;
                self.ssh.established = self.new_keys[Side::Client] && self.new_keys[Side::Server];
                return None;
            }
            DISCONNECT => {
                let reason = Cursor(&payload[1..]).u32()?;
                self.ssh.disconnect = self.ssh.disconnect.or(Some(Disconnect { from: from.name(), reason }));
                return None;
            }
            KEX_FIRST..=KEX_LAST if from == Side::Server => {
                self.host_key(Cursor(&payload[1..])).unwrap_or(())
            }
            2..=4 | KEX_FIRST..=KEX_LAST => {}
            _ => return None,
        }
        Some(4 + len as usize)
    }

    fn kexinit(&mut self, from: Side, mut rest: Cursor<'_>) {
        let mut proposal = Proposal::default();
        let lists = [
            &mut proposal.kex,
            &mut proposal.host_key,
            &mut proposal.cipher_to_server,
            &mut proposal.cipher_to_client,
            &mut proposal.mac_to_server,
            &mut proposal.mac_to_client,
        ];
        let _cookie = rest.skip(16);
        for list in lists {
            let Some(names) = rest.vector_32() else {
                self.malformed = true;
                break;
            };
            *list = names
                .0
                .split(|&byte| byte == b',')
                .filter(|name| !name.is_empty())
                .take(128)
                .map(|name| printable(name, 80))
                .collect();
        }
        match from {
            Side::Client => self.ssh.client = Some(proposal),
            Side::Server => self.ssh.server = Some(proposal),
        }
        self.agree();
    }

    fn agree(&mut self) {
        let (Some(client), Some(server)) = (&self.ssh.client, &self.ssh.server) else {
            return;
        };
        let mut no_common = Vec::new();
        let mut first = |what, ours: &[String], theirs: &[String]| {
            let found = ours.iter().find(|name| theirs.contains(name) && !is_marker(name)).cloned();
            if found.is_none() {
                no_common.push(what);
            }
            found
        };
        self.ssh.kex = first("kex", &client.kex, &server.kex);
        self.ssh.host_key = first("host-key", &client.host_key, &server.host_key);
        self.ssh.cipher = first("cipher-to-server", &client.cipher_to_server, &server.cipher_to_server);
        self.ssh.cipher_back = first("cipher-to-client", &client.cipher_to_client, &server.cipher_to_client);
        let mut mac = |what, cipher: &Option<String>, ours: &[String], theirs: &[String]| {
            if cipher.as_deref().is_some_and(authenticates) { None } else { first(what, ours, theirs) }
        };
        self.ssh.mac = mac("mac-to-server", &self.ssh.cipher, &client.mac_to_server, &server.mac_to_server);
        self.ssh.mac_back =
            mac("mac-to-client", &self.ssh.cipher_back, &client.mac_to_client, &server.mac_to_client);
        self.ssh.no_common = no_common;
    }

    /// The server's key exchange reply begins with its host key (RFC 4253 clause 8, RFC 5656 clause 4);
    /// a group exchange's group (RFC 4419) begins with a number instead and is passed over.
    fn host_key(&mut self, mut rest: Cursor<'_>) -> Option<()> {
        let mut key = rest.vector_32()?;
        let kind = key.vector_32()?;
        if kind.len() > 80 || !kind.0.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        self.ssh.host_key_type = Some(printable(kind.0, 80));
        if kind.0 == b"ssh-rsa" {
            key.vector_32()?; // public exponent
            let modulus = key.vector_32()?;
            let leading = modulus.0.iter().take_while(|&&byte| byte == 0).count();
            let significant = modulus.0.get(leading..)?;
            self.ssh.host_key_bits =
                Some(significant.len() as u32 * 8 - significant.first()?.leading_zeros());
        }
        Some(())
    }
}

//! What the system still holds for a client.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

/// A client that does not take its bytes is not waited for any longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two looks; loopback acknowledges in microseconds.
const PAUSE: Duration = Duration::from_millis(1);

/// Where the system does not tell.
const BLIND: Duration = Duration::from_millis(20);

/// Waits until the client's system has acknowledged all that was written: a reset throws away what
/// is still on its way.
pub(super) async fn acknowledged(stream: &TcpStream) {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        match unacknowledged(stream) {
            Some(0) => return,
            Some(_) => sleep(PAUSE).await,
            None => return sleep(BLIND).await,
        }
    }
}

/// Bytes written that the client's system has not acknowledged yet; none where the system does not
/// tell.
#[cfg(all(
    target_os = "linux",
    any(
        target_arch = "x86_64",
        target_arch = "x86",
        target_arch = "aarch64",
        target_arch = "arm",
        target_arch = "riscv64"
    )
))]
pub(super) fn unacknowledged(stream: &TcpStream) -> Option<u64> {
    use rustix::ioctl;
    /// `SIOCOUTQ`, the same number as `TIOCOUTQ` (tcp(7), asm-generic/ioctls.h).
    const SIOCOUTQ: ioctl::Opcode = 0x5411;
    // SAFETY: on these targets the opcode writes one C int, and the socket is open.
    let bytes: i32 = unsafe { ioctl::ioctl(stream, ioctl::Getter::<SIOCOUTQ, i32>::new()) }.ok()?;
    u64::try_from(bytes).ok()
}

#[cfg(not(all(
    target_os = "linux",
    any(
        target_arch = "x86_64",
        target_arch = "x86",
        target_arch = "aarch64",
        target_arch = "arm",
        target_arch = "riscv64"
    )
)))]
pub(super) fn unacknowledged(_: &TcpStream) -> Option<u64> {
    None
}

//! A TCP port for servers that cannot bind port 0 and tell (Postfix, clamd).
//!
//! The kernel picks it. The socket stays bound, with SO_REUSEADDR and without listening: nobody else is given the port
//! by the kernel, connections are refused, and a server that sets SO_REUSEADDR too (both do) can bind it all the same.
//! So there is no moment at which another process could take it.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket, sockopt};

/// A loopback port that is ours.
pub struct ReservedPort {
    address: SocketAddr,
    _socket: OwnedFd,
}

impl ReservedPort {
    /// Reserves a port that the kernel picks.
    pub fn new() -> Self {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("socket");
        sockopt::set_socket_reuseaddr(&socket, true).expect("SO_REUSEADDR");
        bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).expect("bind 127.0.0.1:0");
        let address = getsockname(&socket).expect("getsockname");
        let address = SocketAddrV4::try_from(address).expect("an IPv4 socket").into();
        Self { address, _socket: socket }
    }

    /// `127.0.0.1:PORT`. As long as no server has taken the port, connections to it are refused.
    pub fn endpoint(&self) -> String {
        self.address.to_string()
    }

    /// The number.
    pub fn number(&self) -> u16 {
        self.address.port()
    }
}

impl Default for ReservedPort {
    fn default() -> Self {
        Self::new()
    }
}

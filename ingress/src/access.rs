//! Who may connect.
//!
//! Only addresses: names would need a look-up, and a mail filter has a handful of clients that the operator knows.

use std::net::IpAddr;

use ipnet::IpNet;

/// Whether `address` is in one of the networks. An IPv4 client on an IPv6 socket counts as the IPv4 client it is.
pub(crate) fn is_allowed(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    #[test]
    fn loopback_only_by_default() {
        let access = Settings::default().access;
        for (address, allowed) in [
            ("127.0.0.1", true),
            ("127.255.255.255", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("128.0.0.0", false),
            ("126.255.255.255", false),
            ("::2", false),
            ("::ffff:192.0.2.1", false),
        ] {
            assert_eq!(is_allowed(&access, address.parse().unwrap()), allowed, "{address}");
        }
    }

    #[test]
    fn an_empty_list_allows_nobody() {
        assert!(!is_allowed(&[], "127.0.0.1".parse().unwrap()));
    }
}

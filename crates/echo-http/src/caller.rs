//! Who calls: from which address, and signed in as whom.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, Request},
    http::{Extensions, HeaderMap, header},
};
use echo_domain::{
    Error, Refusal, Result,
    auth::{Gate, Viewer},
};
use ipnet::IpNet;

/// In every request's extensions.
#[derive(Clone)]
pub(crate) struct Caller {
    gate: Arc<Gate>,
    address: IpAddr,
    viewer: Option<Result<Viewer, Refusal>>,
}

/// What it takes to tell who calls.
pub struct Callers {
    pub gate: Arc<Gate>,
    /// Networks of proxies whose `X-Forwarded-For` counts.
    pub trusted_proxies: Arc<[IpNet]>,
}

impl Callers {
    /// Puts the [`Caller`] into the request. A bad token is no failure yet: some routes do not care.
    pub(crate) fn identify(&self, request: &mut Request) {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let peer = peer.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
        let caller = Caller {
            address: address(peer, request.headers(), &self.trusted_proxies),
            viewer: bearer(request.headers()).map(|token| viewer(&self.gate, token)),
            gate: self.gate.clone(),
        };
        request.extensions_mut().insert(caller);
    }
}

impl Caller {
    /// Every request has one.
    pub(crate) fn of(extensions: &Extensions) -> &Self {
        extensions.get::<Self>().expect("every request is identified first")
    }

    /// Who is signed in, still: asked once the body has arrived.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when the session ended meanwhile.
    pub(crate) fn still_in(&self) -> Result<()> {
        match &self.viewer {
            Some(Ok(viewer)) => self.gate.admit(viewer.session),
            _ => Ok(()),
        }
    }

    /// Who is signed in, if anybody.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when a token came that is not good.
    pub(crate) fn viewer(&self) -> Result<Option<Viewer>> {
        self.viewer.clone().transpose().map_err(Error::Unauthenticated)
    }

    /// Where the request came from, for counting: an IPv6 caller is its /64, the least that one customer has.
    pub(crate) fn network(&self) -> String {
        match self.address.to_canonical() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        }
    }

    /// The account when signed in, else the network: whose requests are counted together.
    pub(crate) fn key(&self) -> String {
        match &self.viewer {
            Some(Ok(viewer)) => viewer.id.to_string(),
            _ => self.network(),
        }
    }
}

fn viewer(gate: &Gate, token: &str) -> Result<Viewer, Refusal> {
    gate.authenticate(token).map_err(|error| match error {
        Error::Unauthenticated(refusal) => refusal,
        other => Refusal::new("token_invalid", other.to_string()),
    })
}

/// The token of `Authorization: Bearer …`, whatever it is; another scheme is a bad token.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().unwrap_or_default().trim();
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Some(token.trim()),
        _ => Some(""),
    }
}

/// The nearest address that is no trusted proxy: the peer's, or going back through `X-Forwarded-For`.
fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(&address.to_canonical()));
    let mut nearest = peer;
    let forwarded: Vec<_> = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    for hop in forwarded.iter().rev().flat_map(|value| value.rsplit(',')) {
        if !is_trusted(&nearest) {
            break;
        }
        match hop.trim().parse() {
            Ok(address) => nearest = address,
            Err(_) => break,
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(peer: &str, forwarded: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", forwarded.parse().unwrap());
        address(peer.parse().unwrap(), &headers, &["10.0.0.0/8".parse().unwrap()]).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_may_speak_for_others() {
        assert_eq!(told("203.0.113.9", "198.51.100.1"), "203.0.113.9");
        assert_eq!(told("10.0.0.1", "198.51.100.1"), "198.51.100.1");
    }

    #[test]
    fn what_a_client_claims_before_the_last_untrusted_hop_does_not_count() {
        assert_eq!(told("10.0.0.1", "1.2.3.4, 198.51.100.1, 10.0.0.2"), "198.51.100.1");
        assert_eq!(told("10.0.0.1", "garbage, 198.51.100.1"), "198.51.100.1");
        assert_eq!(told("10.0.0.1", "garbage"), "10.0.0.1");
    }
}

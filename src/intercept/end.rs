//! What becomes of a connection, by the words that are counted.

/// What became of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// Served behind a certificate of ours.
    Tls,
    /// Served in clear, as the provider is.
    Plain,
    /// Passed on unread.
    Tunnel,
    /// Passed on unread, and closed because nothing more came.
    Silent,
    /// Its host is not on the list, and such are refused.
    OffList,
    /// Its host is not on the list, and where it was going is not known.
    Nowhere,
    /// The host off the list did not take it.
    Unreachable,
    /// There were too many.
    Full,
    /// No request, or none for a proxy.
    Strange,
    /// It was in clear, for a host that is reached over TLS.
    InClear,
    /// It was our own, redirected to us.
    Loop,
    /// The authority has come to its end, so no client would trust what we show.
    Ended,
    /// The client ended the handshake: it does not trust the authority, or named another host.
    Untrusted,
    /// Its first bytes took too long.
    Slow,
    /// It broke before it was anybody's.
    Broken,
}

impl End {
    /// Its word in the metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::Plain => "plain",
            Self::Tunnel => "tunnel",
            Self::Silent => "silent_tunnel",
            Self::OffList => "off_list",
            Self::Nowhere => "nowhere",
            Self::Unreachable => "unreachable",
            Self::Full => "full",
            Self::Strange => "strange",
            Self::InClear => "in_clear",
            Self::Loop => "loop",
            Self::Ended => "authority_ended",
            Self::Untrusted => "untrusted",
            Self::Slow => "slow",
            Self::Broken => "broken",
        }
    }
}

//! Ways to a server: addresses, proxies, redirects.

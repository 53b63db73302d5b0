"""Netlink without a library: `message` (the format), `route` (links, addresses, routes), `nft` (set elements)."""

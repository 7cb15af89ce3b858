"""Compression that can be done for each batch on its own, in any thread."""

import zlib

GZIP_WINDOW = 31  # zlib's name for: a gzip header, and the largest window


def gzip_member(octets: bytes) -> bytes:
    """A whole gzip member; members one after the other are a gzip file (RFC 1952, 2.2). Holds no time of day."""
    compressor = zlib.compressobj(wbits=GZIP_WINDOW)
    return compressor.compress(octets) + compressor.flush()

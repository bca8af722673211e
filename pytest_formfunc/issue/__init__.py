"""The bug report of a measured case: an archive that the maintainer of an engine can act on."""

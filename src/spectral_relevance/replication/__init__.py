"""The replication of the paper, on top of the library."""

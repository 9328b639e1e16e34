"""Peers: methods that select inputs from examples by themselves, one module each.

A peer is a module with a function ``select(x, y, fdr, seed)``, which returns which
inputs it selects, ``(d,)`` bool; targets are labels (integers) or values. Those that
know no false discovery rate select as their authors advise, and leave `fdr` aside.
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType

from spectral_relevance.errors import extra

PEERS = {
    path.stem: f"spectral_relevance.replication.peers.{path.stem}"
    for path in sorted(Path(__file__).parent.glob("[a-z]*.py"))
}
"""Full name of the module of each peer."""


def load(name: str) -> ModuleType:
    """Return the module of a peer.

    Raises
    ------
    UserError
        If a package that it needs is not installed.
    """
    with extra("peers"):
        return import_module(PEERS[name])

"""The graph in process (Ladybug): the default of the demo and of small shops."""

from kg.embedded_store.settings import EmbeddedSettings
from kg.embedded_store.store import EmbeddedStore, open_embedded

__all__ = ["EmbeddedSettings", "EmbeddedStore", "open_embedded"]

"""What could not be read of the base, so that what relies on it raises no false alarm."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Unread:
    """Parameters and groups that are written but not usable; `is_any` if a whole file is not."""

    names: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    is_any: bool = False

    def has(self, name: object) -> bool:
        """Whether a parameter of this name may be there after all."""
        return self.is_any or name in self.names

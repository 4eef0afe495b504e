"""What became of the photos of a folder, told in a few lines."""

from collections import Counter
from dataclasses import dataclass, field

_NAMED = 3


@dataclass
class PhotoReport:
    """Counts of the photos that were dropped, by reason, and warnings about those that were kept."""

    folder: str
    found: int = 0
    kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)
    parts: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def drop(self, reason: str, paths: list[str]) -> None:
        """Counts these photos as dropped for that reason; no photos, no line."""
        if paths:
            self.dropped[reason] = self.dropped.get(reason, 0) + len(paths)
            named = self.examples.setdefault(reason, [])
            named.extend(paths[: _NAMED - len(named)])

    def text(self) -> str:
        """A few lines for the terminal."""
        lines = [f"{self.kept} of {self.found} photos of {self.folder} are used"]
        if self.parts:
            lines[0] += " (" + ", ".join(f"{count} {part}" for part, count in self.parts.items()) + ")"
        for reason, count in Counter(self.dropped).most_common():
            named = ", ".join(self.examples[reason]) + (", ..." if count > len(self.examples[reason]) else "")
            lines.append(f"  {count} left out: {reason} ({named})")
        return "\n".join(lines + [f"  warning: {warning}" for warning in self.warnings])

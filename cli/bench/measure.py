"""What a benchmark says in the end: ratios with their floors and goals, and whether they may be believed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

# More than this of a core used by others, and a figure says more about them than about us.
MOST_OF_OTHERS = 0.3

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure is to reach; `most` where less is better."""

    name: str
    floor: float
    goal: float
    unit: str = ""

    @property
    def less_is_better(self) -> bool:
        """Whether the goal lies below the floor."""
        return self.goal < self.floor

    def reached(self, value: float, mark: float) -> bool:
        """Say whether a value is at a mark or beyond it."""
        return value <= mark if self.less_is_better else value >= mark


@dataclass(slots=True)
class Report:
    """The rounds of one benchmark."""

    targets: Sequence[Target]
    rounds: list[dict[str, float]] = field(default_factory=list)
    disturbed: list[float] = field(default_factory=list)

    def add(self, figures: dict[str, float], others: Sequence[float]) -> bool:
        """Keep what a round measured, unless others used too much of the machine meanwhile; return whether it was."""
        worst = max(others)
        if worst > MOST_OF_OTHERS:
            self.disturbed.append(worst)
            return False
        self.rounds.append(figures)
        return True

    def value(self, name: str) -> float:
        """Return the median of a figure."""
        return median(each[name] for each in self.rounds)

    @property
    def conclusive(self) -> bool:
        """Whether enough rounds were undisturbed: more than those that were not."""
        return len(self.rounds) > len(self.disturbed)

    @property
    def passed(self) -> bool:
        """Whether every figure is at its floor or beyond."""
        return all(target.reached(self.value(target.name), target.floor) for target in self.targets)

    def rows(self) -> list[dict[str, object]]:
        """Return a row for each figure that has a target, then one for each that is only told."""
        rows = [self._row(target) for target in self.targets]
        named = {target.name for target in self.targets}
        told = [name for name in self.rounds[0] if name not in named]
        blank = {"floor": None, "goal": None, "": None}
        return rows + [{"figure": name, "value": _written(self.value(name)), **blank} for name in told]

    def _row(self, target: Target) -> dict[str, object]:
        value = self.value(target.name)
        reached = "goal" if target.reached(value, target.goal) else "floor"
        return {
            "figure": target.name,
            "value": _written(value),
            "floor": target.floor,
            "goal": target.goal,
            "": reached if target.reached(value, target.floor) else "UNDER THE FLOOR",
        }


def _written(value: float) -> float:
    """Return a figure with three digits that mean something."""
    return float(f"{value:.3g}") if value < 1_000 else round(value)  # noqa: PLR2004 - above it, whole numbers

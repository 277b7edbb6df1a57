"""The collection of everything that is wrong with a registry, so that one run reports all of it."""

from __future__ import annotations

from tracing_proxies.errors import Place, Problem


class Refusal(Exception):
    """Leaves the reading of one value with the problem that was found there."""

    def __init__(self, code: str, message: str, place: Place, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.problem = Problem(code, message, place, suggestion)


class Findings:
    """Collects problems."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []

    def add(self, code: str, message: str, place: Place, suggestion: str | None = None) -> None:
        """Note one problem.

        Args:
            code: one of `registry.codes`.
            suggestion: the nearest right name.
        """
        self._problems.append(Problem(code, message, place, suggestion))

    def keep(self, refusal: Refusal) -> None:
        """Note the problem of a refusal."""
        self._problems.append(refusal.problem)

    def extend(self, others: Findings) -> None:
        """Note all problems of another collection."""
        self._problems.extend(others._problems)

    def __len__(self) -> int:
        return len(self._problems)

    def in_order(self) -> tuple[Problem, ...]:
        """Return the problems file by file in the order of reading, each once and by its place."""
        files = list(dict.fromkeys(problem.place.file for problem in self._problems))
        rank = {file: i for i, file in enumerate(files)}
        unique = dict.fromkeys(self._problems)
        return tuple(sorted(unique, key=lambda p: (rank[p.place.file], p.place.line, p.place.column)))

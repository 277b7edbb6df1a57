"""Weaves single entries of namespaces, and keeps the join points that stand: renewed, parted, or put back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from tracing_proxies.failures import contain
from tracing_proxies.recording.native import installed_library
from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.registry.pointcut import Pointcut, Target
from tracing_proxies.registry.policy import Policy
from tracing_proxies.weaving import candidates, refusals
from tracing_proxies.weaving.advice import JoinPoint
from tracing_proxies.weaving.frameless import Frameless
from tracing_proxies.weaving.frames import FrameSearch
from tracing_proxies.weaving.kinds import Container, Shape, proxy_of, shape_of, unwoven
from tracing_proxies.weaving.ledger import Ledger, put
from tracing_proxies.weaving.namesakes import Namesakes
from tracing_proxies.weaving.points import Points
from tracing_proxies.weaving.proxies import stands_between
from tracing_proxies.weaving.reach import Reach
from tracing_proxies.weaving.rounds import Round, is_within, take_out

_log = logging.getLogger("tracing_proxies")

Owner = type | dict[str, Any]


class Loom:
    """Holds what is woven.

    Args:
        recorder: starts and ends the spans.
        policy_of: tells what holds for a target; None for one that is not traced.
    """

    def __init__(self, recorder: Recorder, policy_of: Callable[[Target], Policy | None]) -> None:
        self.recorder = recorder
        self.ledger = Ledger()
        self.points = Points()
        self.reach = Reach(self.points, self.ledger)
        self.containers: dict[type, Container] = {}
        self.refused: dict[Target, str] = {}
        self.frames = FrameSearch()
        self.on = True
        self._policy = policy_of
        self._told: set[Target] = set()
        self._namesakes = Namesakes()
        self._frameless = Frameless()
        self._round: Round | None = None
        # Of join points whose entries stay as they are: the point itself, and how to take it back.
        self._installed: dict[int, tuple[JoinPoint, Callable[[], None]]] = {}

    @property
    def in_round(self) -> bool:
        """Whether everything that stands is being looked at."""
        return self._round is not None

    def switch(self, on: bool) -> None:
        """Let everything that is woven pass through, or be traced again; what is woven meanwhile follows."""
        self.on = on
        for point in self.points:
            point.follow(point.standing, on)

    def begin(self) -> None:
        """Begin a round: until ``conclude``, what stands has to be considered once more or is put back."""
        self.refused.clear()
        self._round = Round(self.points.named())

    def break_off(self) -> None:
        """End a round without putting anything back."""
        self._round = None

    def conclude(self) -> None:
        """End the round: keep what the rules have found, and put back the rest of what stands."""
        round = self._round
        if round is None:
            return
        gone = []
        for point in self.points:
            if round.keeps(point):
                continue
            # What no name leads to any longer is still called by whoever holds it.
            policy = None if id(point) in round.seen else self._policy(point.target)
            if policy is None or not _still_reaches(policy, point, named=id(point) in round.named):
                gone.append(point)
                continue
            try:
                self._apply(point, policy, point.target)
            except Exception as exc:
                gone.append(point)
                contain("weave", exc)
        self.points.leave(lambda point, place: round.keeps(point) and place not in round.places)
        self._round = None
        self.unweave(gone)

    def unweave(self, gone: list[JoinPoint]) -> None:
        """Put back what stood where some join points stand, and everywhere else where they are held."""
        if not gone:
            return
        for point in gone:
            point.follow(None, self.on)
            if id(point) in self._installed:
                self._uninstall(*self._installed.pop(id(point)))
        take_out(gone, self.points, self.ledger, self.reach)

    def uninstall_all(self) -> None:
        """Have all calls pass through, and take out what was put behind entries that stay as they are."""
        for point in self.points:
            point.follow(None, self.on)
        for installed in reversed(self._installed.values()):
            self._uninstall(*installed)
        self._installed.clear()

    def restore_all(self) -> None:
        """Put back everything else, and forget it."""
        self.ledger.undo()
        self.reach.restore_all()
        self.points.clear()
        self.refused.clear()
        self._told.clear()

    def consider(self, owner: Owner, name: str, raw: Any, target: Target) -> None:
        """Weave an entry if a rule selects it.

        Args:
            owner: the class, or the namespace of the module, that holds it.
            raw: the entry as it is stored there.
        """
        point = self._standing(owner, name, raw, target)
        if point is not None:
            if self._round is not None:
                self._renew(self._round, point, owner, name, target)
            return
        policy = self._policy(target)
        proxy = proxy_of(raw)
        if proxy is not None:
            raw = self._as_untraced(owner, name, raw, proxy, wanted=policy is not None)
        if policy is None:
            return
        try:
            reason = refusals.reason_for(owner, raw, target)
            if reason is not None:
                self.refused[target] = reason
                return
            shape = shape_of(raw, isinstance(owner, type), self.containers)
            if shape is None or (shape.named and not _is_written_out(policy, target)):
                return
            if not self._share(owner, name, raw, target, policy):
                self._weave_one(owner, name, raw, shape, target, policy)
        except Exception as exc:
            contain("weave", exc)

    def _share(self, owner: Owner, name: str, raw: Any, target: Target, policy: Policy) -> bool:
        """Put what stands for a function already where another name for it stands, if the same rules hold for both."""
        point = self._round.latest(raw) if self._round is not None else None
        if point is None:
            point = self.points.of_raw(raw)
            if point is None or point.raw is not raw:
                return False
            if self._round is not None and not self._round.keeps(point):
                self._renew(self._round, point, owner, name, target)
        if point.standing is None:
            return False
        if point.entry is not None:
            if point.standing.policy is not policy:
                return False
            self.ledger.replace(owner, name, point.entry, point.mutations)
        self._place(point, owner, name, target)
        return True

    def _place(self, point: JoinPoint, owner: Owner, name: str, target: Target) -> None:
        self.points.place(point, id(owner), name, target)
        if self._round is not None:
            self._round.keep(point, (id(owner), name))

    def _renew(self, round: Round, point: JoinPoint, owner: Owner, name: str, target: Target) -> None:
        """Give what stands already the policy that it has in the new registry by the name under which it stands here.

        As with what is woven afresh, the first name that a rule matches is the one that a callable goes by, and a name
        that has other rules gets a proxy of its own.
        """
        if self.points.at(id(owner), name) is point:
            round.seen.add(id(point))
        policy = None if (id(owner), name) in round.places else self._policy(target)
        if policy is None or (id(point) in round.named and not _is_written_out(policy, target)):
            return
        try:
            twin = round.latest(point.raw) if point.entry is not None else None
            if twin is not None and twin is not point and _has(twin, policy):
                if self._release(point, owner, name):
                    self.ledger.replace(owner, name, twin.entry, twin.mutations)
                    self._place(twin, owner, name, target)
            elif twin is not None and round.keeps(point) and not (twin is point and _has(point, policy)):
                shape = shape_of(point.raw, isinstance(owner, type), self.containers)
                if shape is not None and self._release(point, owner, name):
                    self._weave_one(owner, name, point.raw, shape, target, policy)
            else:
                if not round.keeps(point):
                    self._apply(point, policy, target)
                self._place(point, owner, name, target)
        except Exception as exc:
            contain("weave", exc)

    def _release(self, point: JoinPoint, owner: Owner, name: str) -> bool:
        """Put the raw entry back at one of the places where a join point stands; tells whether it is there now."""
        self.ledger.take_back([point.mutations], lambda change: change.name == name and change.owner is owner)
        return candidates.entry_of(owner, name) is point.raw

    def _as_untraced(self, owner: Owner, name: str, raw: Any, proxy: Any, *, wanted: bool) -> Any:
        """Return what would stand somewhere without us, where something holds a proxy that is no entry of ours.

        Args:
            wanted: whether it is to be woven by a rule of its own; else it may stay as it is.
        """
        alias = self.points.of_entry(proxy)
        if alias is not None and any(
            change.after is raw and change.owner is owner and change.name == name
            for change in list(alias.mutations.values())
        ):
            if not wanted:
                return raw  # a reference that was found, to what is woven elsewhere
            self._release(alias, owner, name)
            raw = candidates.entry_of(owner, name)
        elif raw is proxy and not wanted:
            return raw
        original = unwoven(raw)
        if original is not raw:
            # Copied from a class that is woven: the ledger is to know what would stand here without us.
            put(owner, name, original)
        return original

    def _apply(self, point: JoinPoint, policy: Policy, target: Target) -> None:
        recipe = point.standing
        if recipe is None or recipe.policy is not policy or point.target != target:
            point.follow(self._recipe(point, policy, target), self.on)
            point.target = target

    def _uninstall(self, point: JoinPoint, take_back: Callable[[], None]) -> None:
        try:
            take_back()
        except Exception as exc:
            contain("undo", exc)

    def _weave_one(self, owner: Owner, name: str, raw: Any, shape: Shape, target: Target, policy: Policy) -> None:
        called = shape.function if shape.call is None else shape.call
        if (
            shape.install is None
            and stands_between(called, shape.lazy)
            and self.frames.frames_above(shape.function, owner if isinstance(owner, type) else None)
        ):
            reason = self._frameless.refusal(shape.function)
            if reason is not None:
                self.refused[target] = reason
                if target not in self._told:
                    self._told.add(target)
                    _log.warning("%s is not traced: %s", target, reason)
                return
            shape = Shape(shape.function, shape.bound, install=self._frameless.add, named=shape.named)
        point = JoinPoint(target, shape.function, self.recorder, lazy=shape.lazy, bound=shape.bound, call=shape.call)
        recipe = self._recipe(point, policy, target)
        point.raw = raw
        if shape.install is not None:
            self._installed[id(point)] = (point, shape.install(point))
        elif shape.build is not None:
            point.entry = shape.build(point)
            self.ledger.replace(owner, name, point.entry, point.mutations)
        point.follow(recipe, self.on)
        self.points.add(point, id(owner), name, named=shape.named)
        if self._round is not None:
            self._round.keep(point, (id(owner), name))

    def _recipe(self, point: JoinPoint, policy: Policy, target: Target) -> Recipe:
        # What becomes of a framework's own spans is its preset's to say.
        by_preset = any(rule.preset is not None for rule in policy.chain)
        library = "" if by_preset else installed_library(target.module)
        made = Recipe(policy, point.function, target.qualname, bound=point.bound, library=library, tally=point.tally)
        self._namesakes.note(point, made)
        return made

    def _standing(self, owner: Owner, name: str, raw: Any, target: Target) -> JoinPoint | None:
        """Return the join point whose entry is there; what a reloaded module has defined is not what we have put there.

        What other code has put over ours, and which still calls it, is left alone: the call would be recorded twice.
        """
        here = self.points.at(id(owner), name)
        if here is not None and here.entry is None and here.raw is raw:
            return here
        if here is not None and here.entry is not None and (here.entry is raw or is_within(here.entry, raw)):
            return here
        point = self.points.of_entry(raw)
        if point is None or point.entry is not raw:
            return None
        if isinstance(owner, type):
            # The class was built with it (a decorator's copy of a class, or `handler = f` in its body).
            if not any(change.owner is owner and change.name == name for change in point.mutations.values()):
                self.ledger.note(owner, name, point.raw, raw, point.mutations)
            if self._round is None and self._policy(target) is not None:
                self.points.place(point, id(owner), name, target)
        return point


def _has(point: JoinPoint, policy: Policy) -> bool:
    recipe = point.standing
    return recipe is not None and recipe.policy is policy


def _still_reaches(policy: Policy, point: JoinPoint, *, named: bool) -> bool:
    """Tell whether rules that match a target reach it where it stands."""
    target = point.target
    if named and not _is_written_out(policy, target):
        return False
    homes = (c.owner for c in list(point.mutations.values()) if c.after is point.entry and c.name == target.name)
    # By the name of a class that inherits it, or of a module that imports it, only a literal pattern does.
    return any(candidates.is_home(owner, target) for owner in homes if owner is not None) or any(
        pointcut.literal and pointcut.matches(target) for rule in policy.chain for pointcut in rule.match
    )


def _is_written_out(policy: Policy, target: Target) -> bool:
    pointcuts: Iterable[Pointcut] = (pointcut for rule in policy.chain for pointcut in rule.match)
    return any(p.name == target.name and p.matches(target) for p in pointcuts)

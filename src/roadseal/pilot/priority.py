"""Priority for emergency vehicles over secured messages, inside the closed loop with SUMO.

An emergency vehicle signs a request (SREM) to the next signal on its way; the radio model says
whether it arrives; the roadside unit's verifier decides, with certificate, SSP, freshness and the
approach's policy; only then is the signal asked to change. The answer (SSEM) is signed and verified
as well. Denials are kept with their reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.pilot import payload
from roadseal.pilot.corridor import Corridor
from roadseal.pilot.message_sizes import MessageSizes
from roadseal.pilot.priority_policy import EmergencyVehicle, PriorityContext, SignalAhead
from roadseal.pilot.priority_signal import Grant
from roadseal.pilot.radio import RadioConfig, delivery_table
from roadseal.pilot.stations import Stations
from roadseal.v2x import Credential, Header, Identification, Verifier, service, sign

LEAD_S = 30.0
"""A vehicle asks from this estimated time before the stop line."""
REPEAT_S = 0.5
"""How often it asks until it has passed."""
HOLD_S = 2.0
"""A grant ends this long after the last request that was heard: four lost ones end it."""


@dataclass
class PriorityLog:
    """What was asked and what was decided.

    Args:
        sent: requests on the air.
        received: requests that arrived.
        verdicts: the engine's answers to them, by reason.
        answered: answers on the air.
        answers: verdicts of the vehicles on the answers that arrived, by reason.
        first_request_s: for every vehicle and signal, when it first asked.
        granted_after_s: from the first request to the grant.
    """

    sent: int = 0
    received: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    answered: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    first_request_s: dict[tuple[str, str], float] = field(default_factory=dict)
    granted_after_s: dict[tuple[str, str], float] = field(default_factory=dict)


class SecuredPriority:
    """Grants what a verified, authorised request asks for. Made inside the process that runs SUMO.

    Args:
        stations: of the approach.
        corridor: the signals.
        sizes: of the approach's messages.
        radio: access, power and bitrate.
        load: offered load at each signal, in the corridor's order.
        start: the instant of the first step.
        begin_s: SUMO's time of the first step.
        verify_s: from reception to verdict at the roadside unit.
        seed: of receptions.
    """

    def __init__(
        self,
        stations: Stations,
        corridor: Corridor,
        sizes: MessageSizes,
        radio: RadioConfig,
        load: Sequence[float],
        *,
        start: Time64,
        begin_s: float,
        verify_s: float,
        seed: int,
    ) -> None:
        self.log = PriorityLog()
        self._stations = stations
        self._places = {signal.id: (signal.x, signal.y) for signal in corridor.signals}
        self._load = dict(zip(self._places, load, strict=True))
        self._request = delivery_table(replace(radio, bytes=sizes.request))
        self._answer = delivery_table(replace(radio, bytes=sizes.answer))
        self._start, self._begin_s, self._verify_s = start, begin_s, verify_s
        self._rng = np.random.default_rng(seed)
        self._units: dict[str, tuple[Credential, Verifier]] = {}
        self._vehicles: dict[str, tuple[Credential, Verifier]] = {}
        self._asked_s: dict[tuple[str, str], float] = {}

    def decide(self, context: PriorityContext) -> Sequence[Grant]:
        """One step: every emergency vehicle near enough to a signal asks for it."""
        grants = []
        for vehicle in context.vehicles:
            for ahead in vehicle.signals[:1]:
                known = ahead.signal in self._places
                if known and ahead.eta_s <= LEAD_S and self._is_due(vehicle, ahead, context.time_s):
                    grant = self._ask(vehicle, ahead, context.time_s)
                    grants += [grant] if grant else []
        return grants

    def _is_due(self, vehicle: EmergencyVehicle, ahead: SignalAhead, time_s: float) -> bool:
        key = (vehicle.id, ahead.signal)
        due = time_s - self._asked_s.get(key, -np.inf) >= REPEAT_S - 1e-6
        if due:
            self._asked_s[key] = time_s
            self.log.first_request_s.setdefault(key, time_s)
        return bool(due)

    def _ask(self, vehicle: EmergencyVehicle, ahead: SignalAhead, time_s: float) -> Grant | None:
        credential, receiver = self._vehicle(vehicle.id)
        request = payload.PriorityRequest(vehicle.id, ahead.signal, ahead.link, ahead.eta_s)
        now = self._instant(time_s)
        message = sign(
            request.to_bytes(),
            Header(psid=service.SREM, generation_time=now),
            credential,
            Identification.CERTIFICATE,
        )
        self.log.sent += 1
        x, y = self._places[ahead.signal]
        distance_m = float(np.hypot(vehicle.x - x, vehicle.y - y))
        load = self._load[ahead.signal]
        arrives, answered = self._rng.random(2)
        if arrives >= self._request.at(distance_m, load):
            return None
        self.log.received += 1
        unit, verifier = self._unit(ahead.signal)
        verdict = verifier.verify(message, now + round(self._verify_s * MICROSECONDS_PER_SECOND))
        self.log.verdicts[verdict.overall] += 1
        understood = _understood(message, verdict.payload) if verdict.ok else None
        if answered < self._answer.at(distance_m, load):
            self._hear_answer(request, understood is not None, unit, receiver, now)
        self.log.answered += 1
        if understood is None or understood.signal != ahead.signal:
            return None
        key = (vehicle.id, ahead.signal)
        waited = time_s - self.log.first_request_s[key] + self._verify_s
        self.log.granted_after_s.setdefault(key, waited)
        return Grant(understood.signal, understood.link, understood.vehicle, time_s + HOLD_S)

    def _hear_answer(
        self,
        request: payload.PriorityRequest,
        granted: bool,
        unit: Credential,
        receiver: Verifier,
        now: Time64,
    ) -> None:
        message = sign(
            payload.priority_answer(request, granted=granted),
            Header(psid=service.SSEM, generation_time=now),
            unit,
        )
        self.log.answers[receiver.verify(message, now).overall] += 1

    def _instant(self, time_s: float) -> Time64:
        return Time64(self._start + round((time_s - self._begin_s) * MICROSECONDS_PER_SECOND))

    def _unit(self, signal: str) -> tuple[Credential, Verifier]:
        if signal not in self._units:
            self._units[signal] = (self._stations.roadside_unit(), self._stations.verifier())
            for _, receiver in self._vehicles.values():
                receiver.learn(self._units[signal][0].certificate)
        return self._units[signal]

    def _vehicle(self, name: str) -> tuple[Credential, Verifier]:
        if name not in self._vehicles:
            receiver = self._stations.verifier()
            for unit, _ in self._units.values():
                receiver.learn(unit.certificate)
            self._vehicles[name] = (self._stations.emergency_vehicle(), receiver)
        return self._vehicles[name]


def _understood(message: bytes, where: tuple[int, int] | None) -> payload.PriorityRequest | None:
    if where is None:
        return None
    return payload.PriorityRequest.from_bytes(message[where[0] : where[1]])

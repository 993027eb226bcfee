"""How large the messages of an approach are: counted on really signed ones."""

from __future__ import annotations

from dataclasses import dataclass

from roadseal.clock import Time64
from roadseal.pilot import payload
from roadseal.pilot.corridor import Corridor
from roadseal.pilot.stations import Stations
from roadseal.v2x import Credential, Header, Identification, service, sign


@dataclass(frozen=True, slots=True)
class MessageSizes:
    """Bytes as handed to the radio; where a kind varies, its mean over the corridor's signals.

    Args:
        cam: a CAM by digest.
        cam_certificate: a CAM with its certificate.
        spat: a SPaT by digest.
        spat_certificate: a SPaT with its certificate.
        map: a MAP by digest.
        map_certificate: a MAP with its certificate.
        request: a priority request with its certificate.
        answer: an answer by digest.
        vehicle_certificate: an authorisation ticket.
        rsu_certificate: a roadside unit's certificate.
    """

    cam: int
    cam_certificate: int
    spat: int
    spat_certificate: int
    map: int
    map_certificate: int
    request: int
    answer: int
    vehicle_certificate: int
    rsu_certificate: int


def count_sizes(stations: Stations, corridor: Corridor, *, now: Time64) -> MessageSizes:
    """Sign one message of every kind and count its bytes."""
    vehicle, unit = stations.vehicle(), stations.roadside_unit()
    emergency = stations.emergency_vehicle()
    states = [len(signal.phases[0].state) if signal.phases else 1 for signal in corridor.signals]
    usual = round(sum(states) / len(states))

    def size(
        body: bytes, psid: int, who: Credential, how: Identification = Identification.DIGEST
    ) -> int:
        return len(sign(body, Header(psid=psid, generation_time=now), who, how))

    request = payload.PriorityRequest("emergency", "signal", 0, 0.0)
    cam, spat = payload.cam(0, 0, 0, 0), payload.spat("signal", "r" * usual)
    topology = payload.map_data("signal", usual)
    with_certificate = Identification.CERTIFICATE
    return MessageSizes(
        cam=size(cam, service.CAM, vehicle),
        cam_certificate=size(cam, service.CAM, vehicle, with_certificate),
        spat=size(spat, service.SPATEM, unit),
        spat_certificate=size(spat, service.SPATEM, unit, with_certificate),
        map=size(topology, service.MAPEM, unit),
        map_certificate=size(topology, service.MAPEM, unit, with_certificate),
        request=size(request.to_bytes(), service.SREM, emergency, with_certificate),
        answer=size(payload.priority_answer(request, granted=True), service.SSEM, unit),
        vehicle_certificate=len(vehicle.certificate),
        rsu_certificate=len(unit.certificate),
    )

"""How change is rolled out over many devices: waves, gates, halt, rollback.

A `Change` says which steps there are, a `Plan` how they go through the fleet. `Campaign` decides,
`work` has orders performed by an executor, `report` compares with what `forecast` expected.
"""

from roadseal.fleet.campaign import Campaign
from roadseal.fleet.change import Change, Executor, Order, Outcome, Report, Stage, Step
from roadseal.fleet.decide import Phase, Stratum, Tally
from roadseal.fleet.forecast import Forecast, WaveForecast, forecast
from roadseal.fleet.inventory import enlist, read_inventory, select
from roadseal.fleet.plan import Device, Gate, Plan
from roadseal.fleet.record import CampaignPhase
from roadseal.fleet.report import CampaignReport, Compared, report
from roadseal.fleet.tables import SCHEMA
from roadseal.fleet.work import work

__all__ = [
    "SCHEMA",
    "Campaign",
    "CampaignPhase",
    "CampaignReport",
    "Change",
    "Compared",
    "Device",
    "Executor",
    "Forecast",
    "Gate",
    "Order",
    "Outcome",
    "Phase",
    "Plan",
    "Report",
    "Stage",
    "Step",
    "Stratum",
    "Tally",
    "WaveForecast",
    "enlist",
    "forecast",
    "read_inventory",
    "report",
    "select",
    "work",
]

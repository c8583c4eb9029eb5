"""The zoo: every fault, by what is broken."""

from __future__ import annotations

import faults_clock
import faults_man
import faults_series
import faults_units
from zoo_fault import Fault, faults_of

ZOO: dict[str, tuple[Fault, ...]] = {
    "Units, corrections and slopes": faults_of(faults_units),
    "The man and what he was given": faults_of(faults_man),
    "The clock": faults_of(faults_clock),
    "The series": faults_of(faults_series),
}
"""Chapter -> its faults, in the order of the page."""

FAULTS: tuple[Fault, ...] = tuple(fault for chapter in ZOO.values() for fault in chapter)

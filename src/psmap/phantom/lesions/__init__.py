"""Lesions and benign foci of the digital man: drawn by the dice, painted by one routine."""

from psmap.phantom.lesions.focus import Benign, DrawnFocus, DrawnLesion, FocusKind
from psmap.phantom.lesions.paint_focus import PaintedFocus, paint_focus
from psmap.phantom.lesions.pitfalls import draw_pitfalls
from psmap.phantom.lesions.scenarios import DEFAULT_MIXTURE, Scenario, draw_lesions

__all__ = [
    "DEFAULT_MIXTURE",
    "Benign",
    "DrawnFocus",
    "DrawnLesion",
    "FocusKind",
    "PaintedFocus",
    "Scenario",
    "draw_lesions",
    "draw_pitfalls",
    "paint_focus",
]

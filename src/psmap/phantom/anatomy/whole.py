"""The whole man: the structures of all rooms, in the order in which they are painted within their layers."""

from __future__ import annotations

from psmap.phantom.anatomy.abdomen import abdomen
from psmap.phantom.anatomy.body import body
from psmap.phantom.anatomy.bowel import bowel
from psmap.phantom.anatomy.head import head
from psmap.phantom.anatomy.limbs_and_skull import limbs_and_skull
from psmap.phantom.anatomy.man import Man
from psmap.phantom.anatomy.muscles import muscles
from psmap.phantom.anatomy.nodes import ganglia
from psmap.phantom.anatomy.paint import Structure
from psmap.phantom.anatomy.pelvis import pelvis
from psmap.phantom.anatomy.ribcage import ribcage
from psmap.phantom.anatomy.spine import spine
from psmap.phantom.anatomy.thorax import thorax
from psmap.phantom.anatomy.urinary import ureters
from psmap.phantom.anatomy.vessels import vessels

_ROOMS = (
    body,
    muscles,
    thorax,
    abdomen,
    bowel,
    vessels,
    ureters,
    spine,
    ribcage,
    limbs_and_skull,
    head,
    pelvis,
    ganglia,
)
"""Later rooms lie over earlier ones within a layer: the organs of the pelvis over the bowel that gives way to them."""


def structures_of(man: Man) -> tuple[Structure, ...]:
    """Every structure of a man, none twice."""
    return tuple(structure for room in _ROOMS for structure in room(man))

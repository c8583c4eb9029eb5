"""Where along the body a structure usually lies, and so whether the field of view can hold it.

Heights are mm above the middle of L5 in a man whose T1 stands 413 mm above it. They are medians over 40 digital men of
the training, measured by us; the spread is 3 to 12 mm.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

HEIGHTS_MM: Mapping[str, float] = {
    **{f"vertebra_c{n}": z for n, z in enumerate((518, 500, 481, 466, 453, 441, 428), start=1)},
    **{
        f"vertebra_t{n}": z for n, z in enumerate((413, 391, 370, 347, 325, 301, 275, 250, 225, 200, 174, 148), start=1)
    },
    **{f"vertebra_l{n}": z for n, z in enumerate((118, 88, 58, 28, 0), start=1)},
    **{f"rib_{n}": z for n, z in enumerate((389, 364, 341, 317, 291, 265, 237, 209, 184, 160, 148, 136), start=1)},
    "sacrum": -45, "coccyx": -125, "sternum": 306, "clavicle": 400, "scapula": 366, "hip_bone": -91,
    "femur": -200, "lower_leg": -640, "skull": 587, "mandible": 491, "hip_prosthesis": -161, "humerus": 400,
    "liver": 179, "gallbladder": 151, "spleen": 188, "pancreas": 139, "adrenal": 168, "kidney": 125,
    "stomach": 177, "duodenum": 98, "small_bowel": 9, "colon": 66, "rectum": -120, "mesorectum": -100,
    "ureter": 1, "urinary_bladder": -117, "prostate": -152, "prostate_bed": -151, "seminal_vesicles": -122,
    "urethra": -202, "penile_bulb": -198, "testes": -251, "heart": 265, "lung": 288, "airway": 361,
    "oesophagus": 321, "brain": 598, "spinal_cord": 329, "eyes": 572, "lacrimal": 580, "parotid": 529,
    "submandibular": 474, "sublingual": 480, "tubarial": 529, "thyroid": 404, "tongue": 506, "nasal_air": 532,
    "aorta": 245, "vena_cava_superior": 317, "vena_cava_inferior": 141, "pulmonary_artery": 316,
    "common_iliac_artery": 5, "external_iliac_artery": -73, "internal_iliac_artery": -56,
    "common_iliac_vein": -6, "external_iliac_vein": -80, "internal_iliac_vein": -57, "femoral_vessels": -190,
    "neck_vessels": 409, "renal_vessels": 127, "visceral_vessels": 146, "psoas": -23, "obturator_internus": -130,
    "levator_ani": -158, "common_iliac_node": 0, "external_iliac_node": -72, "internal_iliac_node": -75,
    "obturator_node": -97, "presacral_node": -54, "mesorectal_node": -104, "inguinal_node": -150,
    "paraaortic_node": 91, "aortocaval_node": 93, "paracaval_node": 92, "mediastinal_node": 359, "hilar_node": 308,
    "supraclavicular_node": 406, "cervical_node": 459, "axillary_node": 330,
}  # fmt: skip
"""By id of the label or station without its side. The humerus stands for the shoulder, for arms may lie up or down."""
REFERENCE_L5_MM, REFERENCE_SCALE = 12.0, 1.057
"""Where the reference adult man has the middle of L5 (his frame has its origin at the lower end of L5), and his mm for
each mm of a usual height: a line through his vertebrae, validation/men/mass_by_height.py."""
TOP_OF_HEAD_MM, SKULL_BASE_MM, PELVIC_FLOOR_MM = 665.0, 535.0, -215.0
SCALES = (0.75, 1.3)
FAR_APART_MM, LONG_MM = 60.0, 150.0
"""Anchors nearer to each other say nothing of a man's size; all of them within a shorter stretch neither."""
INSIDE_MM = 10.0


class BodyAxis:
    """A man's heights on the scale of `HEIGHTS_MM`, fitted through what was found of him."""

    def __init__(self, anchors: Mapping[str, float]) -> None:
        """From label ids to z of their centroids (LPS, mm); `ValueError` where none has a usual height."""
        pairs = [(usual, z) for name, z in anchors.items() if (usual := usual_mm(name)) is not None]
        if not pairs:
            raise ValueError("no structure with a usual height was found")
        usual, z = np.array(pairs, np.float64).T
        across = usual[:, None] - usual[None, :]
        far = across > FAR_APART_MM
        slope = 1.0
        if np.ptp(usual) >= LONG_MM and far.any():
            slope = float(np.clip(np.median((z[:, None] - z[None, :])[far] / across[far]), *SCALES))
        self.scale = slope
        self.firm = float(np.ptp(usual)) >= LONG_MM
        self.zero_mm = float(np.median(z - slope * usual))
        self.scatter_mm = float(np.median(np.abs(z - self.zero_mm - slope * usual)))

    def z_mm(self, usual: float) -> float:
        """z (LPS) of a usual height."""
        return self.zero_mm + self.scale * usual

    def reference_mm(self, z_mm: float) -> float:
        """The height in the reference man's frame of a z (LPS) of this man."""
        return REFERENCE_L5_MM + REFERENCE_SCALE * (z_mm - self.zero_mm) / self.scale


def usual_mm(name: str) -> float | None:
    """Usual height of a label or station, left and right alike; None where it has none (fat, muscle, forearms)."""
    return HEIGHTS_MM.get(name.removesuffix("_left").removesuffix("_right"))

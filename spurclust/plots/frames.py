"""A cutout with a frame that shows what is known of its source."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spurclust.plots.fitted import SPURIOUS
from spurclust.plots.style import REGION_COLOR, SPURIOUS_COLOR, UNINSPECTED_COLOR

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Crop = tuple[int, int, int, int]


class Frame(NamedTuple):
    """The look of a frame: its meaning, colour, and line width in points."""

    name: str
    color: str
    width: float


# In grey print the thickness tells them apart.
SPURIOUS_FRAME = Frame("known spurious", SPURIOUS_COLOR, 2.0)
FLAGGED_FRAME = Frame("flagged", REGION_COLOR, 1.2)
OTHER_FRAME = Frame("other", UNINSPECTED_COLOR, 0.4)


def frame_of(label: int, flagged: bool) -> Frame:
    """Return the frame for a source."""
    if label == SPURIOUS:
        return SPURIOUS_FRAME
    return FLAGGED_FRAME if flagged else OTHER_FRAME


def frame_handles(frames: Iterable[Frame]) -> tuple[list[Any], list[str]]:
    """Return what stands for these frames in a legend, and what they mean."""
    from matplotlib.patches import Patch

    used = set(frames)
    shown = [frame for frame in (SPURIOUS_FRAME, FLAGGED_FRAME, OTHER_FRAME) if frame in used]
    handles = [Patch(facecolor="none", edgecolor=f.color, linewidth=f.width) for f in shown]
    return handles, [frame.name for frame in shown]


def check_cutouts(cutouts: Any, n_sources: int, crop: Crop | None) -> tuple[int, int]:
    """Check that there is an image for each source, and return height and width after cropping."""
    if not hasattr(cutouts, "__getitem__"):
        raise ValueError(
            f"cutouts is a {type(cutouts).__name__}: give an array of images, (n_sources, height, "
            "width[, n_channels])"
        )
    if len(cutouts) != n_sources:
        raise ValueError(
            f"there are {len(cutouts)} cutouts, but {n_sources} sources: give one cutout for each "
            "source, in the same order"
        )
    shape = np.shape(cutouts[0])
    if len(shape) not in (2, 3) or 0 in shape:
        raise ValueError(
            f"a cutout has shape {shape}: give images, (height, width) or (height, width, "
            "n_channels), not flattened rows"
        )
    if crop is None:
        return shape[0], shape[1]
    cropped = np.shape(crop_cutout(cutouts[0], crop))
    if 0 in cropped:
        raise ValueError(
            f"crop={crop} (top, bottom, left, right) leaves nothing of a cutout of {shape[0]} x "
            f"{shape[1]} pixels"
        )
    return cropped[0], cropped[1]


def crop_cutout(cutout: Any, crop: Crop | None) -> NDArray[Any]:
    """Return the part of a cutout that is shown."""
    pixels = np.asarray(cutout)
    if crop is None:
        return pixels
    top, bottom, left, right = crop
    return pixels[top:bottom, left:right]


def draw_framed(
    ax: "Axes",
    picture: NDArray[np.uint8],
    middle: Any,
    size: tuple[float, float],
    frame: Frame,
    *,
    origin: Literal["upper", "lower"],
) -> None:
    """Draw a picture around a place, with its frame."""
    from matplotlib.patches import Rectangle

    left, bottom = middle[0] - size[0] / 2, middle[1] - size[1] / 2
    extent = (left, left + size[0], bottom, bottom + size[1])
    ax.imshow(picture, extent=extent, origin=origin, interpolation="antialiased", zorder=1)
    ax.add_patch(
        Rectangle(
            (left, bottom),
            *size,
            facecolor="none",
            edgecolor=frame.color,
            linewidth=frame.width,
            clip_on=False,
            zorder=2,
        )
    )

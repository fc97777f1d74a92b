"""Where the synthetic neighbourhood lies: streets, areas, grids, buildings, venues near Wuhu."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CENTRE", "Places", "build_places", "place_homes"]

CENTRE = (31.33, 118.38)
"""Middle of Wuhu, degrees WGS-84."""

GRID_SPACING_KM = 0.32
"""A grid of Wuhu holds 346 dwellings: about a tenth of a square kilometre."""

KM_PER_DEGREE = 111.2
HOMES_PER_BUILDING = 24

_STREETS = (
    ("香樟", "Xiangzhang"),
    ("听涛", "Tingtao"),
    ("荷塘", "Hetang"),
    ("望江", "Wangjiang"),
    ("铁山", "Tieshan"),
    ("春风", "Chunfeng"),
    ("南亭", "Nanting"),
    ("古渡", "Gudu"),
)
_AREAS = (
    ("镜心", "Jingxin"),
    ("杏园", "Xingyuan"),
    ("枫桥", "Fengqiao"),
    ("柳岸", "Liu'an"),
    ("青松", "Qingsong"),
    ("双塘", "Shuangtang"),
    ("银杏", "Yinxing"),
    ("澄湖", "Chenghu"),
    ("书香", "Shuxiang"),
    ("和平", "Heping"),
    ("月牙", "Yueya"),
    ("江畔", "Jiangpan"),
    ("凤凰", "Fenghuang"),
    ("文昌", "Wenchang"),
    ("金桂", "Jingui"),
    ("翠竹", "Cuizhu"),
)
_VENUES = (
    ("党群服务中心二楼活动室", True),
    ("老年活动中心", True),
    ("小广场", True),
    ("文化站排练厅", False),
    ("图书室", True),
    ("滨江步道", True),
    ("邻里厨房", True),
    ("健身角", True),
    ("中心花园凉亭", False),
    ("小学操场", True),
)
VENUES_EN = (
    "the activity room on the second floor of the service centre",
    "the seniors' centre",
    "the small square",
    "the rehearsal hall of the culture station",
    "the neighbourhood library",
    "the riverside path",
    "the neighbours' kitchen",
    "the fitness corner",
    "the pavilion in the central garden",
    "the primary school playground",
)
_DIGITS = "一二三四五六七八九十"


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Everything that has a position. Coordinates are float64 degrees WGS-84."""

    street_names: tuple[str, ...]
    area_names: tuple[tuple[str, str], ...]
    """Chinese and English name of each area."""
    area_street: NDArray[np.int64]
    grid_area: NDArray[np.int64]
    grid_names: tuple[str, ...]
    grid_at: NDArray[np.float64]
    """(n_grids, 2) latitude, longitude."""
    venue_grid: NDArray[np.int64]
    venue_kind: NDArray[np.int64]
    """Index into the ten kinds of venues."""
    venue_names: tuple[str, ...]
    venue_at: NDArray[np.float64]
    venue_step_free: NDArray[np.bool_]

    @property
    def n_grids(self) -> int:
        """Number of grids."""
        return len(self.grid_area)


@dataclass(frozen=True, slots=True, eq=False)
class Homes:
    """Buildings, and the home of each household in them."""

    building_grid: NDArray[np.int64]
    building_at: NDArray[np.float64]
    building_lift: NDArray[np.bool_]
    building: NDArray[np.int64]
    """(n_households,) building of each household."""
    unit: NDArray[np.int64]
    floor: NDArray[np.int64]


def build_places(rng: np.random.Generator, n_grids: int) -> Places:
    """Lay out grids so that four neighbours make an area and sixteen a street."""
    number = np.arange(n_grids)
    columns, rows = _deinterleave(number), _deinterleave(number >> 1)
    offset = np.stack([rows - rows.mean(), columns - columns.mean()], axis=1) * GRID_SPACING_KM
    offset += rng.normal(0, 0.03, offset.shape)
    grid_at = np.asarray(CENTRE) + offset / _km_per_degree()
    grid_area = number // 4
    area_street = np.arange(grid_area[-1] + 1) // 4
    areas = tuple(
        _numbered(_AREAS[a % len(_AREAS)], a // len(_AREAS)) for a in range(len(area_street))
    )
    streets = tuple(
        _numbered(_STREETS[s % len(_STREETS)], s // len(_STREETS))[0] + "街道"
        for s in range(int(area_street[-1]) + 1)
    )
    grid_names = tuple(
        f"{areas[area][0]}社区第{_DIGITS[n % 4]}网格" for n, area in enumerate(grid_area.tolist())
    )
    venue_grid = np.repeat(number, 3)
    venue_kind = np.concatenate([rng.permutation(len(_VENUES))[:3] for _ in range(n_grids)]).astype(
        np.int64
    )
    venue_at = grid_at[venue_grid] + rng.normal(0, 0.07, (len(venue_grid), 2)) / _km_per_degree()
    venue_names = tuple(
        f"{areas[grid_area[g]][0]}社区{_VENUES[k][0]}"
        for g, k in zip(venue_grid.tolist(), venue_kind.tolist(), strict=True)
    )
    return Places(
        street_names=streets,
        area_names=areas,
        area_street=area_street,
        grid_area=grid_area,
        grid_names=grid_names,
        grid_at=grid_at,
        venue_grid=venue_grid,
        venue_kind=venue_kind,
        venue_names=venue_names,
        venue_at=venue_at,
        venue_step_free=np.array([_VENUES[k][1] for k in venue_kind.tolist()]),
    )


def place_homes(
    rng: np.random.Generator, places: Places, household_grid: NDArray[np.int64]
) -> Homes:
    """Build enough buildings in each grid and give each household a door.

    Parameters
    ----------
    rng : Generator
    places : Places
    household_grid : NDArray[int64], (n_households,)
    """
    homes = np.bincount(household_grid, minlength=places.n_grids)
    buildings = np.maximum(2, -(-homes // HOMES_PER_BUILDING))
    building_grid = np.repeat(np.arange(places.n_grids), buildings)
    first = np.concatenate([[0], np.cumsum(buildings)[:-1]])
    spread = rng.normal(0, 0.08, (len(building_grid), 2)) / _km_per_degree()
    building = first[household_grid] + rng.integers(0, buildings[household_grid])
    lift = rng.random(len(building_grid)) < 0.35
    highest = np.where(lift, 18, 6)
    return Homes(
        building_grid=building_grid,
        building_at=places.grid_at[building_grid] + spread,
        building_lift=lift,
        building=building,
        unit=rng.integers(1, 4, len(building)),
        floor=rng.integers(1, highest[building] + 1),
    )


def _km_per_degree() -> NDArray[np.float64]:
    return np.array([KM_PER_DEGREE, KM_PER_DEGREE * np.cos(np.deg2rad(CENTRE[0]))])


def _deinterleave(number: NDArray[np.int64]) -> NDArray[np.int64]:
    """Take every second bit: consecutive numbers lie near each other (Morton order)."""
    out = np.zeros_like(number)
    for bit in range(16):
        out |= ((number >> (2 * bit)) & 1) << bit
    return out


def _numbered(name: tuple[str, str], again: int) -> tuple[str, str]:
    if not again:
        return name
    mark = "新" if again == 1 else f"新{_DIGITS[(again - 1) % 10]}" + "期" * ((again - 1) // 10)
    return name[0] + mark, f"{name[1]} {again + 1}"

"""Made-up people: names by common pieces, identity and telephone numbers nobody can have.

* **Identity numbers** have the form of GB 11643 (18 characters, checksum in order), so that the
  importer's checks can be tried on them, but begin with 99: no province has that code, so no
  person can ever be given such a number.
* **Telephone numbers** begin with 154, a series that is not allotted to any operator.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["SYNTHETIC_REGION", "full_names", "id_check_digit", "id_number", "phone_number"]

SYNTHETIC_REGION = "990101"
"""First six digits of every synthetic identity number; 99 is no province."""

_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏"
    "吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严"
)
_WOMEN = "芳娜敏静丽娟艳秀霞燕玲桂香月莉红梅英兰玉洁琴云莲凤雪琳倩婷慧颖悦欣怡诗涵梦瑶佳雨晴"
_MEN = "伟强磊军洋勇杰涛明超刚平辉鹏华飞建国志斌波林海峰浩宇轩博文俊豪子墨泽晨昊天睿安"
_MIDDLE = "晓小文志春秋玉海建国家永德明兰立新思雅子一嘉宏成广"
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"


def full_names(rng: np.random.Generator, women: NDArray[np.bool_]) -> list[str]:
    """Draw a name for each person.

    Parameters
    ----------
    rng : Generator
    women : NDArray[bool], (n,)
    """
    n = len(women)
    rank = np.arange(1, len(_SURNAMES) + 1, dtype=np.float64)
    share = rank**-0.7
    surnames = np.array(list(_SURNAMES))[rng.choice(len(_SURNAMES), n, p=share / share.sum())]
    given = np.where(
        women,
        np.array(list(_WOMEN))[rng.integers(len(_WOMEN), size=n)],
        np.array(list(_MEN))[rng.integers(len(_MEN), size=n)],
    )
    middle = np.array(list(_MIDDLE))[rng.integers(len(_MIDDLE), size=n)]
    middle = np.where(rng.random(n) < 0.72, middle, "")
    joined = np.char.add(np.char.add(surnames, middle), given)
    return [str(name) for name in joined]


def id_check_digit(first_17: str) -> str:
    """Return the 18th character of an identity number (ISO 7064, MOD 11-2)."""
    total = sum(int(d) * w for d, w in zip(first_17, _WEIGHTS, strict=True))
    return _CHECK[total % 11]


def id_number(number: int, birth: str, woman: bool) -> str:
    """Make a well-formed number of a person who cannot exist.

    Parameters
    ----------
    number : int
        Tells apart people born on the same day; it also moves the district, 0 to 4,949,999.
    birth : str
        YYYYMMDD.
    woman : bool
        The 17th digit is even for women, odd for men.
    """
    district, order = divmod(number, 500)
    sequence = order * 2 + (0 if woman else 1)
    region = str(int(SYNTHETIC_REGION) + district)
    first = f"{region}{birth}{sequence:03d}"
    return first + id_check_digit(first)


def phone_number(number: int) -> str:
    """Make an eleven-digit number in a series that is not allotted."""
    return f"154{number:08d}"

"""Numbers as people read them."""

_BYTES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_PREFIXES = ("", "k", "M", "G", "T", "P", "E")
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def binary(number: float) -> str:
    """Return bytes in a unit of 1,024 that suits: ``1.5 MiB``."""
    return _scaled(number, 1024, _BYTES)


def decimal(number: float, unit: str) -> str:
    """Return a number in a unit of 1,000 that suits: ``1.5 GFLOP``."""
    return _scaled(number, 1000, tuple(prefix + unit for prefix in _PREFIXES))


def duration(seconds: float) -> str:
    """Return a time as ``3.2 ms``, ``4.5 s``, ``6.7 min``, ``8.9 h`` or ``12 days``."""
    if seconds < 1:
        return f"{1e3 * seconds:.3g} ms"
    for unit, name, most in ((1, "s", 2 * _MINUTE), (_MINUTE, "min", 2 * _HOUR), (_HOUR, "h", 3 * _DAY)):
        if seconds < most:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds / _DAY:,.0f} days"


def _scaled(number: float, step: int, units: tuple[str, ...]) -> str:
    rest = list(units)
    while number >= step and len(rest) > 1:
        number /= step
        rest.pop(0)
    whole = rest[0] == units[0]
    return f"{number:.0f} {rest[0]}" if whole else f"{number:.1f} {rest[0]}"

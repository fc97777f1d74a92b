"""From scores to a feed: eligibility, blending, bridging, fairness, diversity."""

__all__: list[str] = []

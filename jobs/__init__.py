"""The clock and the muscle: scheduled steps and the engines that run them."""

__all__: list[str] = []

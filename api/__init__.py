"""Every door: command line, REST interface and web pages."""

__all__: list[str] = []

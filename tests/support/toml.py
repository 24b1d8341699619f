"""The standard library's reader of TOML, or the package that it was where Python is older."""

import sys

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["tomllib"]

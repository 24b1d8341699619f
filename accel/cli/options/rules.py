"""What holds for every option: none is dropped or empty, and ``--json -`` prints nothing else."""

from collections import Counter
from typing import Any

from typer.core import TyperCommand

from accel.cli._json import standard_output_for_json
from accel.cli._places import STANDARD_OUTPUT
from accel.cli.options.values import BadOption


class CliCommand(TyperCommand):
    """A command that refuses an option that is given twice, of which the last would win without a
    word, and a value that is empty, which would be taken for none or for the current folder."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and not ctx.resilient_parsing:
            values, _, order = self.make_parser(ctx).parse_args(args=list(args))
            for param, times in Counter(order).items():
                _check_times(param, times)
                _check_value(param, values.get(param.name))
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        if ctx.params.get("json_file") != STANDARD_OUTPUT:
            return super().invoke(ctx)
        with standard_output_for_json():
            return super().invoke(ctx)


def _check_times(param: Any, times: int) -> None:
    scalar = param.param_type_name == "option" and not (param.multiple or param.count)
    if scalar and times > 1 and not param.is_eager:
        raise BadOption(f"{_name(param)} must be given once, not {times} times; leave one of them")


def _check_value(param: Any, value: Any) -> None:
    for one in value if isinstance(value, (list, tuple)) else [value]:
        if isinstance(one, str) and not one.strip():
            raise BadOption(f"{_name(param)} must be {_wanted(param)}, not {one!r}")


def _wanted(param: Any) -> str:
    """What a value must be: the word that stands for it, unless that is the name, too."""
    word = param.metavar
    return str(word) if word and word != _name(param) else "a value"


def _name(param: Any) -> str:
    """As a user writes it; of ``--fuse/--no-fuse`` both."""
    if param.param_type_name != "option":
        return param.metavar or param.name.upper()
    long = [next((o for o in names if o.startswith("--")), None) for names in _spellings(param)]
    return "/".join(filter(None, long))


def _spellings(param: Any) -> tuple[list[str], list[str]]:
    return list(param.opts), list(param.secondary_opts)

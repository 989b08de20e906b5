"""`idefics-chat doctor`: what this machine is, and what a checkpoint would take of it before it is loaded."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from chat.checkpoints import BUNDLED
from chat.cli.options import checkpoint_request, db_option, json_option
from chat.files import byte_size
from chat.safe_text import json_line, printable

if TYPE_CHECKING:
    from chat.models.survey import Choice, Device

_INDENT: Final = "  "


@click.command()
@click.option("--checkpoint", metavar="NAME_OR_FOLDER", help="Tell what this one takes, without loading it.")
@click.option("--revision", metavar="COMMIT", help="Branch, tag or commit of a hub checkpoint.")
@db_option
@json_option
def doctor(checkpoint: str | None, revision: str | None, db: Path | None, as_json: bool) -> None:
    """Tell what this machine can run: its devices, memory, packages and where things are kept.

    With a checkpoint, also what every precision would take of its memory, and which command to begin with. Of one that
    is only on the hub, its config and the beginnings of its files are fetched, and no weights.
    """
    from chat.models.survey import devices, packages

    there = devices()
    # Before anything is printed: what cannot be examined is one line and nothing else.
    examined = _examined(checkpoint, revision, there) if checkpoint is not None else None
    machine = {
        "devices": [
            {"device": device.name, "name": device.words, "total_bytes": device.total, "free_bytes": device.free}
            for device in there
        ],
        "packages": packages(),
        "database": _database(db),
        "hub_cache": _hub_cache(),
        "kept_state_bytes": _kept_bytes(there),
        "checkpoint": examined,
    }
    click.echo(json_line(machine) if as_json else "\n".join(_lines(machine)))


def _database(db: Path | None) -> dict[str, Any]:
    from chat.store import default_path

    path = (db or default_path()).absolute()
    return {"path": str(path), "exists": path.exists()}


def _hub_cache() -> str:
    from huggingface_hub import constants

    return str(constants.HF_HUB_CACHE)


def _kept_bytes(there: Sequence["Device"]) -> int:
    """What states of conversations may take on the device that would be chosen, with nothing loaded yet."""
    from chat.models.memory import cache_budget

    return cache_budget(there[0].free)


def _examined(checkpoint: str, revision: str | None, there: Sequence["Device"]) -> dict[str, Any]:
    """What a checkpoint takes."""
    from chat.models.estimate import PICTURES, context_length
    from chat.models.hub import described
    from chat.models.survey import choices, recommended

    values = {"revision": revision, "dtype": "auto", "quantize": "none", "device": "auto", "image_detail": "low"}
    request = checkpoint_request({"checkpoint": checkpoint, **values})
    config, tensors, commit = described(request)
    found = choices(config, tensors, there, name=checkpoint)
    best = recommended(found)
    return {
        "name": checkpoint,
        "revision": commit,
        "model_type": config["model_type"],
        "parameters": sum(tensor.count for tensor in tensors.values()),
        "context_length": context_length(config),
        "pictures": PICTURES,
        "choices": [_reported(choice) for choice in found],
        "recommended": _command(checkpoint, revision, best, there) if best else None,
    }


def _reported(choice: "Choice") -> dict[str, Any]:
    return {
        "dtype": choice.dtype,
        "quantize": choice.quantize,
        "weights_bytes": choice.need.weights,
        "state_bytes": choice.need.state,
        "pictures_bytes": choice.need.pictures,
        "working_bytes": choice.need.working,
        "total_bytes": choice.need.total,
        "device": choice.device or None,
        "tokens": choice.tokens,
        "is_spread": choice.is_spread,
    }


def _command(checkpoint: str, revision: str | None, best: "Choice", there: Sequence["Device"]) -> str:
    """The command that loads a checkpoint like this; it names only what would not be chosen by itself."""
    import shlex

    words = ["idefics-chat"]
    if checkpoint != BUNDLED:
        words += ["--checkpoint", checkpoint]
    if revision is not None:
        words += ["--revision", revision]
    if best.device != there[0].name:
        words += ["--device", best.device]
    if best.quantize != "none":
        words += ["--quantize", best.quantize]
    elif best.dtype != ("float32" if best.device == "cpu" else "bfloat16"):
        words += ["--dtype", best.dtype]
    return shlex.join(words)


def _lines(machine: dict[str, Any]) -> list[str]:
    """All of it for a person, no line longer than a terminal's 80 columns where the names in it allow it."""
    lines = ["This machine"]
    for device in machine["devices"]:
        size = f"{byte_size(device['free_bytes'])} of {byte_size(device['total_bytes'])} free"
        lines.append(f"{_INDENT}{device['device']:<9}{size:<28}{printable(device['name'], multiline=False)}")
    lines += ["", "Packages", *_columns([f"{name} {number or '-'}" for name, number in machine["packages"].items()])]
    database = machine["database"]
    there = "" if database["exists"] else " (not there yet)"
    lines += [
        "",
        "Kept",
        f"{_INDENT}sessions     {printable(database['path'], multiline=False)}{there}",
        f"{_INDENT}checkpoints  {printable(machine['hub_cache'], multiline=False)}",
        f"{_INDENT}in memory    up to {byte_size(machine['kept_state_bytes'])} of what replies have computed",
    ]
    if machine["checkpoint"]:
        lines += ["", *_checkpoint_lines(machine["checkpoint"])]
    return lines


def _columns(words: Sequence[str]) -> list[str]:
    """Three to a line."""
    return [
        _INDENT + "".join(f"{word:<26}" for word in words[start : start + 3]).rstrip()
        for start in range(0, len(words), 3)
    ]


def _checkpoint_lines(checkpoint: dict[str, Any]) -> list[str]:
    name = printable(checkpoint["name"], multiline=False)
    commit = f" at {checkpoint['revision'][:12]}" if checkpoint["revision"] else ""
    lines = [
        f"Checkpoint {name}{commit}",
        f"{_INDENT}{checkpoint['model_type']}, {_millions(checkpoint['parameters'])} parameters; with "
        f"{checkpoint['context_length']:,} tokens of conversation",
        f"{_INDENT}and {checkpoint['pictures']} pictures it would take, besides Python and torch:",
        "",
        f"{_INDENT}{'':<10}{'weights':>10}{'state':>11}{'pictures':>11}{'work':>11}{'total':>11}  fits",
    ]
    for choice in checkpoint["choices"]:
        sizes = [choice[f"{part}_bytes"] for part in ("weights", "state", "pictures", "working", "total")]
        label = choice["dtype"] if choice["quantize"] == "none" else choice["quantize"]
        lines.append(
            f"{_INDENT}{label:<10}{byte_size(sizes[0]):>10}"
            + "".join(f"{byte_size(size):>11}" for size in sizes[1:])
            + f"  {_fit(choice, checkpoint['context_length'])}"
        )
    best = checkpoint["recommended"]
    lines += _footnotes(checkpoint)
    lines += ["", *(["Begin with", f"{_INDENT}{printable(best, multiline=False)}"] if best else [_NOTHING_FITS])]
    return lines


_NOTHING_FITS: Final = "Nothing of this fits here: take a smaller checkpoint, or close other programs."


def _footnotes(checkpoint: dict[str, Any]) -> list[str]:
    """What the short words in the last column mean, where they stand there."""
    fits = [_fit(choice, checkpoint["context_length"]) for choice in checkpoint["choices"]]
    notes = []
    if any(fit.endswith(" t.") for fit in fits):
        notes.append(f"{_INDENT}t.: there is memory for a conversation of so many tokens, and for no longer one")
    if "slowly" in fits:
        notes.append(f"{_INDENT}slowly: some of the weights would stay in main memory or on the disk")
    if any(choice["device"] == "cpu" and choice["quantize"] != "none" for choice in checkpoint["choices"]):
        notes.append(f"{_INDENT}8bit and 4bit save memory on a CPU, not time")
    return ["", *notes] if notes else []


def _fit(choice: dict[str, Any], longest: int) -> str:
    """Where a choice fits, in a few letters."""
    if not choice["device"]:
        return "no"
    if choice["is_spread"]:
        return "slowly"
    return choice["device"] if choice["tokens"] >= longest else f"{choice['tokens']:,} t."


def _millions(count: int) -> str:
    return f"{count / 1e9:.1f} billion" if count >= 1e9 else f"{count / 1e6:.1f} million"

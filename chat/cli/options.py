"""Options that several commands share, and the values they stand for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource

from chat.checkpoints import BUNDLED, request

Command = TypeVar("Command", bound=Callable[..., Any])


def all_of(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


db_option = click.option(
    "--db",
    type=click.Path(path_type=Path),
    envvar="IDEFICS_CHAT_DB",
    help="File that keeps the sessions (environment: IDEFICS_CHAT_DB).",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document, nothing else.")

session_options = all_of(
    click.option(
        "--session", "session_id", metavar="ID", help="Go on with this session; the first letters are enough."
    ),
    click.option("--continue", "continue_latest", is_flag=True, help="Go on with the session used last."),
)

checkpoint_option = click.option(
    "--checkpoint", metavar="NAME_OR_FOLDER", default=BUNDLED, show_default=True, help="What to talk with."
)

loading_options = all_of(
    click.option("--revision", metavar="COMMIT", help="Branch, tag or commit of a hub checkpoint."),
    click.option(
        "--dtype", type=click.Choice(["auto", "float32", "float16", "bfloat16"]), default="auto", help="Of the weights."
    ),
    click.option(
        "--quantize",
        type=click.Choice(["none", "8bit", "4bit"]),
        default="none",
        help="Quantize the weights to save memory; on a CPU that is slower.",
    ),
    click.option(
        "--device", metavar="DEVICE", default="auto", help="cpu, cuda, cuda:N, mps, xpu; found out when left out."
    ),
    click.option(
        "--image-detail",
        type=click.Choice(["low", "high"]),
        default="low",
        show_default=True,
        help="How closely pictures are seen: low takes 64 to 169 tokens each, high 320 (Idefics2) to 2,900; "
        "IDEFICS has one size.",
    ),
    click.option("--base-url", metavar="URL", help="A server that has the checkpoint; --checkpoint is its name there."),
    click.option(
        "--api",
        type=click.Choice(["openai", "tgi"]),
        default="openai",
        show_default=True,
        help="What is spoken to it: OpenAI's chat completions, or text-generation-inference.",
    ),
)
"""Options of every command that loads a checkpoint; `checkpoint_request` reads their values."""

checkpoint_options = all_of(checkpoint_option, loading_options)
"""The same with the one that names it."""

model_options = all_of(
    checkpoint_options,
    click.option("--max-new-tokens", type=int, default=256, show_default=True, help="Longest reply."),
    click.option("--temperature", type=float, default=0.0, show_default=True, help="0 is greedy; above, sampled."),
    click.option("--top-p", type=float, default=1.0, show_default=True, help="Sample from this share of likelihood."),
    click.option("--top-k", type=int, default=0, show_default=True, help="Sample from so many tokens; 0 from all."),
    click.option("--num-beams", type=int, default=1, show_default=True, help="Beam search; cannot be streamed."),
    click.option("--repetition-penalty", type=float, default=1.0, show_default=True, help="1 is none."),
    click.option("--seed", type=int, help="Of the sampling; drawn when left out. `sessions export` tells it."),
)
"""Options of every command that generates; `checkpoint_request` and `settings` read their values."""

_SETTINGS: Final = ("max_new_tokens", "temperature", "top_p", "top_k", "num_beams", "repetition_penalty", "seed")
_LOADING: Final = ("revision", "dtype", "quantize", "device")
"""How a checkpoint is loaded, which a server has done."""
_REQUEST: Final = (*_LOADING, "image_detail")


def check_session_options(session_id: str | None, continue_latest: bool) -> None:
    """Raise UsageError where both a session and the latest one are asked for."""
    from chat.errors import UsageError

    if session_id is not None and continue_latest:
        raise UsageError("--session and --continue were both given: choose one")


def settings(values: dict[str, Any]) -> Any:
    """The `GenerationSettings` among a command's option values.

    Raises:
        UsageError: One of them is wrong, or the server that is named knows nothing of it.
    """
    from chat.errors import UsageError
    from chat.generation import GenerationSettings

    chosen = GenerationSettings(**{name: values[name] for name in _SETTINGS})
    if values["base_url"]:
        from dataclasses import replace

        from chat.remote.settings import refusal

        if _source("num_beams") is ParameterSource.DEFAULT:
            # What a task does best with is no wish of the user's, and no server has it.
            chosen = replace(chosen, num_beams=1)
        if problem := refusal(values["api"], chosen):
            raise UsageError(problem)
    return chosen


def checkpoint_request(values: dict[str, Any]) -> Any:
    """The `CheckpointRequest` among a command's option values.

    A revision that the config sets is that of the config's checkpoint, and means nothing for another one; nor does its
    checkpoint for a server that is not the config's.

    Raises:
        UsageError: One of them is wrong, or a server is told how to load.
    """
    if values.get("base_url"):
        return _on_server(values)
    if is_given("api"):
        from chat.errors import UsageError

        raise UsageError("--api says what is spoken to a server: give --base-url, too")
    asked = {option: values[option] for option in _REQUEST}
    if is_of_config("revision") and not is_of_config("checkpoint"):
        asked["revision"] = None
    return request(values["checkpoint"], **asked)


def _on_server(values: dict[str, Any]) -> Any:
    from chat.errors import UsageError

    for option in (*_LOADING, *(["image_detail"] if values["api"] == "tgi" else [])):
        if is_given(option):
            name = f"--{option.replace('_', '-')}"
            raise UsageError(f"{name} is for checkpoints of this machine: leave it out, the server decides")
    is_named = not (is_of_config("checkpoint") and not is_of_config("base_url"))
    return request(
        values["checkpoint"] if is_named else BUNDLED,
        base_url=values["base_url"],
        api=values["api"],
        image_detail=values["image_detail"],
    )


def is_given(option: str) -> bool:
    """Whether an option of the running command was given on its command line."""
    return _source(option) is ParameterSource.COMMANDLINE


def is_of_config(option: str) -> bool:
    """Whether the running command has an option's value from the config."""
    return _source(option) is ParameterSource.DEFAULT_MAP


def _source(option: str) -> ParameterSource | None:
    """Where the running command has an option's value from."""
    context = click.get_current_context(silent=True)
    return context.get_parameter_source(option) if context is not None else None

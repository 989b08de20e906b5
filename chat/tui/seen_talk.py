"""What the pane of the model's view tells of a prompt: its tokens by turn, and what is left of the context."""

from chat.conversation import Role
from chat.safe_text import printable
from chat.seen import SeenPrompt, TokenCount
from chat.talk.sights import SeenTalk
from chat.talk.wording import elided
from chat.tui.prompt_lines import Line, Look

_NAME_CELLS = 9


def count_lines(talk: SeenTalk) -> list[Line]:
    """Tokens per turn and in all, and what is left of the context."""
    shown = talk.shown
    lines: list[Line] = [((f"{'turn':<18}{'text':>6}{'pictures':>10}{'total':>8}", Look.QUIET),)]
    control = shown.count().control
    if before := shown.count(0).text:
        lines.append(_row("", "system", "", TokenCount(before)))
    awaits = bool(shown.roles) and shown.roles[-1] is Role.ASSISTANT and _is_opened(shown)
    for turn, role in enumerate(shown.roles, start=1):
        counted = shown.count(turn)
        own = TokenCount(counted.text, counted.pictures)
        is_next = awaits and turn == len(shown.roles)
        is_draft = talk.has_draft and turn == len(shown.roles) - awaits
        name = "You" if role is Role.USER else talk.model
        note = "next" if is_next else "draft" if is_draft else ""
        lines.append(_row(str(turn + talk.turns_before), name, note, own))
    lines.append(((f"   {'control':<{_NAME_CELLS}}{'':22}{control:>8,}", Look.QUIET),))
    whole = shown.count()
    left = talk.context_length - whole.total
    lines.append(((f"   {'total':<15}{whole.text:>6,}{whole.pictures:>10,}{whole.total:>8,}", Look.BOLD),))
    words = f"{left:,} left" if left >= 0 else f"{-left:,} too many"
    lines.append(
        ((f"   of {talk.context_length:,} tokens of context, {words}", Look.QUIET if left >= 0 else Look.BOLD),)
    )
    return lines


def _is_opened(shown: SeenPrompt) -> bool:
    """Whether the last turn is a label alone, for the model to go on from."""
    return shown.count(len(shown.roles)).control == 0 and len(shown.segments) > 0 and shown.text.endswith(":")


def _row(number: str, name: str, note: str, count: TokenCount) -> Line:
    shown_name = elided(printable(name, multiline=False), _NAME_CELLS - 1)
    pictures = f"{count.pictures:,}" if count.pictures else "–"
    return (
        (f"{number:<3}{shown_name:<{_NAME_CELLS}}", Look.PLAIN),
        (f"{note:<6}", Look.QUIET),
        (f"{count.text:>6,}{pictures:>10}{count.total:>8,}", Look.PLAIN),
    )

"""How sessions are told to a person, one in a line, and to a program."""

import click

from chat.safe_text import printable
from chat.summaries import SessionHit, SessionSummary


def session_line(session: SessionSummary) -> str:
    """A session as a line of a list."""
    title = printable(session.title or ("(cannot be read)" if session.problem else "(no title)"), multiline=False)
    changed = f"{printable(session.updated_at[:16].replace('T', ' '), multiline=False):16}"
    turns, pictures = _count(session.turn_count, "turn", 3), _count(session.image_count, "picture", 2)
    return f"{session.id}  {changed}  {turns} {pictures} {'*' if session.is_pinned else ' '}{title}"


def _count(number: int, noun: str, digits: int) -> str:
    """A number of things, in as many columns for one as for many."""
    return f"{number:{digits}} {noun}{' ' if number == 1 else 's'}"


def session_object(session: SessionSummary) -> dict[str, object]:
    """A session as JSON; of one that cannot be read as a whole, what the matter is, too."""
    return {
        "session": session.id,
        "title": session.title,
        "created_at": session.created_at,
        "updated_at": session.updated_at,
        "turns": session.turn_count,
        "images": session.image_count,
        "checkpoint": session.checkpoint,
        "system": session.system,
        "pinned": session.is_pinned,
        **({"problem": session.problem} if session.problem else {}),
    }


def snippet_line(hit: SessionHit) -> str:
    """What was found in a session; the words stand in quotes."""
    text = "".join(f"«{piece.text}»" if piece.is_match else piece.text for piece in hit.snippet)
    return printable(text, multiline=False)


def found_line(hit: SessionHit) -> list[str]:
    """What was found in a session, a line each: the words, the picture."""
    lines = [snippet_line(hit)] if hit.snippet else []
    if hit.picture:
        from chat.talk.wording import likeness_in_words

        lines.append(printable(f"{likeness_in_words(hit.picture)}: {hit.picture.name}", multiline=False))
    return lines


def hit_object(hit: SessionHit) -> dict[str, object]:
    """A session that was found, as JSON; what is told of a picture is there where one was looked for."""
    snippet = [{"text": piece.text, "is_match": piece.is_match} for piece in hit.snippet]
    found = {**session_object(hit.summary), "turn": hit.turn_id, "snippet": snippet}
    return found | ({"image": hit.picture.digest, "distance": hit.picture.distance} if hit.picture else {})


def counted(count: int, noun: str) -> str:
    """A number of things."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def say_line(text: str) -> None:
    """Print one line, whatever it holds."""
    click.echo(printable(text, multiline=False))

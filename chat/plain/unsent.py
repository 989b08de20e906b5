"""A message that was not sent and is kept for later."""

from dataclasses import dataclass

from chat.drafts import NOTHING, Draft, joined
from chat.talk.marks import renumbered


@dataclass(frozen=True)
class Unsent:
    """What is kept, with the number that its first picture has in the marks of its text."""

    draft: Draft = NOTHING
    number: int = 1

    def numbered_from(self, number: int) -> Draft:
        """The message with its pictures numbered from there on."""
        return renumbered(self.draft, self.number, number)

    def and_then(self, draft: Draft, number: int) -> "Unsent":
        """This and another message behind it, whose first picture has that number, as one."""
        if not self.draft:
            return Unsent(draft, number)
        return Unsent(
            joined([self.draft, renumbered(draft, number, self.number + len(self.draft.images))]), self.number
        )

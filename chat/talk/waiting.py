"""The messages of a session that wait to be sent, and the numbers of their pictures."""

from chat.drafts import Draft
from chat.talk.marks import renumbered
from chat.talk.said import SaidSession


class WaitingSession(SaidSession):
    """A session with messages that are sent when the model is free."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Draft] = []
        """Messages to send, and labels to rank, when the model is free."""

    @property
    def next_number(self) -> int:
        """The number of the next message's first picture."""
        return self.number_of(len(self.waiting))

    def number_of(self, position: int) -> int:
        """The number of a waiting message's first picture."""
        return self.image_count + sum(len(draft.images) for draft in self.waiting[:position]) + 1

    def take_back(self, position: int = -1) -> Draft | None:
        """Take a waiting message back, the last one unless told which; None where there is no such message."""
        if not -len(self.waiting) <= position < len(self.waiting):
            return None
        position %= len(self.waiting)
        number = self.number_of(position)
        draft = self.waiting.pop(position)
        self.renumber(position, number + len(draft.images), number)
        return draft

    def renumber(self, position: int, number: int, new_number: int) -> None:
        """Give new numbers to the pictures of the waiting messages from a position on."""
        for later in range(position, len(self.waiting)):
            draft = self.waiting[later]
            self.waiting[later] = renumbered(draft, number, new_number)
            number, new_number = number + len(draft.images), new_number + len(draft.images)

"""The conversation in use: what is attached to the next message, what was not sent, and how a message is sent."""

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING

from chat.context import Overflow, overflow
from chat.conversation import Conversation, Image, Role
from chat.drafts import Draft, joined
from chat.errors import ChatError, ContextFullError, StoreError, UsageError
from chat.generation import CheckpointFacts, GenerationSettings, TextGenerator
from chat.plain.model import Model
from chat.plain.output import Output
from chat.plain.replies import ReplyVoice
from chat.plain.unsent import Unsent
from chat.plain.words import picture_in_words, quoted, said_in_words
from chat.session import SessionStore
from chat.talk.branches import LIVELY, AskedAgain, AskedBranch, AskedEdit, AskedReply, settings_of, would_repeat
from chat.talk.commands import Call
from chat.talk.marks import renumbered
from chat.talk.offers import Catalogue
from chat.talk.open_session import OpenSession
from chat.talk.said import prompt_of, words_of
from chat.talk.wording import count_in_words

if TYPE_CHECKING:
    from chat.prompt import Said


class Talk:
    """What commands and messages act on."""

    def __init__(
        self,
        *,
        store: SessionStore,
        model: Model,
        output: Output,
        settings: GenerationSettings,
        samples: Callable[[], Sequence[Image]],
        catalogue: Callable[[], Catalogue] | None,
        is_interactive: bool,
        session_id: str | None = None,
    ) -> None:
        """Open a session.

        Args:
            store: Keeps everything.
            model: Replies.
            output: Takes what is said.
            settings: How replies are generated.
            samples: Gives the sample pictures.
            catalogue: Opens what knows which checkpoints there are.
            is_interactive: Whether somebody is there who hears what is said at once.
            session_id: Of the session; None for a new one.
        """
        self.store = store
        self.model = model
        self.output = output
        self.settings = self.first_settings = settings
        self.samples = samples
        self._open_catalogue = catalogue
        self.refused: Call | None = None
        """What was asked for last and does not fit into memory."""
        self.is_interactive = is_interactive
        self.session = OpenSession(store, session_id)
        self.images: tuple[Image, ...] = ()
        """Attached to the next message."""
        self.unsent = Unsent(self.session.draft, self.session.next_number)
        """Kept for later: a draft from before, or what could not be sent."""
        self.is_over = False
        """Whether somebody asked to leave."""
        self.not_saved = ""
        """What the store complained of last."""
        self.listed: list[str] = []
        """The ids of the conversations that were listed last, in their order."""
        self.deleted: list[str] = []
        """The ids of the conversations that were deleted here, the last one last."""

    @property
    def is_stopped(self) -> bool:
        """Whether ctrl+c was pressed since the last line."""
        return self.model.is_stopped

    @cached_property
    def catalogue(self) -> Catalogue:
        """Knows which checkpoints there are; raises UsageError where there is none to choose."""
        if self._open_catalogue is None:
            raise UsageError("There is no other checkpoint here.")
        return self._open_catalogue()

    # The session

    def open(self, session_id: str | None) -> None:
        """Open a session, or a new one for None, in the place of the one in use, which is kept.

        Raises:
            StoreError: It cannot be read, or the one in use cannot be kept; then that stays open.
        """
        self.keep(is_last=True)
        if self.session.has_unsaved:
            raise StoreError(f"this conversation is not saved, so it stays open: {self.not_saved}")
        self.session = OpenSession(self.store, session_id)
        self.images = ()
        self.unsent = Unsent(self.session.draft, self.session.next_number)

    def announce(self) -> None:
        """Tell which conversation is open, and what was not sent in it."""
        session = self.session
        if self.is_interactive and session.turns:
            counts = f"{count_in_words(len(session.turns), 'turn')}, {count_in_words(session.image_count, 'picture')}"
            self.output.say(f"Conversation {quoted(session.title)}: {counts}. /history shows it. The end of it:")
            self.tell_turns(2)
        self.tell_unsent()

    def tell_turns(self, count: int) -> None:
        """Tell the last turns."""
        for stored, number in [*self.session.numbered()][-count:]:
            self.output.begin(*said_in_words(stored, number))
            for position, image in enumerate(stored.turn.images):
                self.output.say(picture_in_words(image, number + position))
        self.output.end_line()

    def tell_unsent(self) -> None:
        """Tell what waits to be sent, if anything does."""
        draft = self.unsent.numbered_from(self.next_number)
        if draft:
            pictures = f" with {count_in_words(len(draft.images), 'picture')}" if draft.images else ""
            words = quoted(draft.text) if draft.text.strip() else "without words"
            self.output.notice(f"Not sent: {words}{pictures}. /send sends it, /forget drops it.")

    def keep(self, unfinished: str = "", *, is_last: bool = False) -> None:
        """Keep what was not sent, and save what is not saved.

        Args:
            unfinished: What was typed of the next message.
            is_last: The session is left.
        """
        written = Draft(unfinished, self.images)
        later = self.unsent.numbered_from(self.next_number + len(self.images))
        self.session.keep_draft(joined([written, later]), is_last=is_last)
        self.save()

    def save(self) -> None:
        """Save what the store does not have; what it complains of is told once."""
        try:
            self.session.save()
        except StoreError as error:
            if str(error) != self.not_saved:
                self.output.notice(f"Not saved: {error}")
            self.not_saved = str(error)
        else:
            self.not_saved = ""

    # The next message

    @property
    def next_number(self) -> int:
        """The number of the next message's first picture."""
        return self.session.next_number

    def attach(self, images: Sequence[Image]) -> None:
        """Attach pictures to the next message, and announce them."""
        first = self.next_number + len(self.images)
        self.images = (*self.images, *images)
        for number, image in enumerate(images, start=first):
            self.output.say(picture_in_words(image, number))
        self.keep()

    def take_images(self) -> tuple[Image, ...]:
        """The attached pictures, which are attached no longer."""
        images, self.images = self.images, ()
        return images

    def pictures(self) -> list[tuple[int, Image, bool]]:
        """The pictures of the conversation and those attached: number, picture, and whether it is only attached."""
        sent = [image for stored in self.session.turns for image in stored.turn.images]
        images = [*((image, False) for image in sent), *((image, True) for image in self.images)]
        return [(number, image, is_new) for number, (image, is_new) in enumerate(images, start=1)]

    def send(self, draft: Draft) -> None:
        """Send a message and tell the reply.

        Raises:
            ChatError: It was not sent, and is kept; or the model failed over the reply.
        """
        session = self.session
        session.waiting.append(draft)
        try:
            self.keep()
            generator = self.model.ready()
            conversation = session.conversation_with(draft, generator.facts)
            settings = settings_of(draft, self.settings, generator.facts).seeded()
            tokens = self.require_room(conversation, words_of(draft, generator.facts), settings)
            is_other = session.send(generator.facts, settings, tokens)
        except ChatError:
            self._keep_for_later()
            raise
        self.keep()
        if isinstance(draft, AskedBranch):
            self._tell_how(draft, generator.facts)
        elif is_other:
            self.output.notice("Others have added to this conversation since; /history shows it.")
        ReplyVoice(self.store, session, self.model, self.output).tell(generator, settings, self.save)

    def _tell_how(self, draft: Draft, facts: CheckpointFacts) -> None:
        if isinstance(draft, AskedAgain) and would_repeat(draft, self.settings, facts):
            self.output.notice(f"Sampled at temperature {LIVELY}, since greedy decoding has one reply only.")

    def _keep_for_later(self) -> None:
        number = self.session.number_of(0)
        draft = self.session.take_back(0)
        # A further reply that was not given is nothing that was written.
        if draft is not None and not isinstance(draft, AskedReply):
            as_typed = edit_as_typed(draft, number) if isinstance(draft, AskedEdit) else None
            self.unsent = self.unsent.and_then(as_typed or Draft(draft.text, draft.images), number)
        self.keep()

    def count(self, conversation: Conversation) -> int:
        """How many tokens a conversation takes."""
        generator = self.model.ready()
        return self.model.wait(
            self.model.begin(lambda _, __: generator.count_tokens(prompt_of(conversation, generator)))
        )

    def require_room(self, conversation: Conversation, words: "str | Said", settings: GenerationSettings) -> int:
        """How many tokens a conversation takes that leaves its reply enough room.

        Args:
            conversation: What is to be replied to.
            words: What the reply begins with.
            settings: It is generated with.

        Raises:
            ContextFullError: It leaves too little.
        """
        generator = self.model.ready()
        work = self.model.begin(lambda _, __: _measured(generator, conversation, words, settings))
        tokens, found = self.model.wait(work)
        if found is not None:
            raise ContextFullError(_choices(found), found)
        return tokens


def edit_as_typed(edit: AskedEdit, number: int) -> Draft:
    """The command that asks for an edit, for a message that would be a further one without it; it has no pictures.

    Args:
        edit: What was asked for.
        number: Of its first picture, in the marks of its text.
    """
    images = sum(len(stored.turn.images) for stored in edit.path)
    message = 1 + sum(stored.turn.role is Role.USER for stored in edit.path)
    return Draft(f"/edit {message} {renumbered(edit, number, images + 1).text}")


def _measured(
    generator: TextGenerator, conversation: Conversation, words: "str | Said", settings: GenerationSettings
) -> tuple[int, Overflow | None]:
    count = partial(_count, generator, words)
    tokens = count(conversation)
    length = generator.facts.context_length
    most = settings.max_new_tokens
    return tokens, overflow(conversation, count, context_length=length, max_new_tokens=most, tokens=tokens)


def _count(generator: TextGenerator, words: "str | Said", conversation: Conversation) -> int:
    return generator.count_tokens(prompt_of(conversation, generator, words))


def _choices(found: Overflow) -> str:
    """Why a message was not sent, and the commands to choose from."""
    room = f"at least {found.reply_room:,} for the reply, of {found.context_length:,}"
    if not found.exchanges:
        return f"Not sent, it does not fit by itself: {found.tokens_after:,} tokens, {room}; shorten it."
    count = f" {found.exchanges}" if found.exchanges > 1 else ""
    return (
        f"Not sent, it does not fit: {found.tokens:,} tokens, {room}. /drop{count} leaves out {found.what_goes}, "
        "then /send sends yours; /new begins a new conversation; /forget drops yours."
    )

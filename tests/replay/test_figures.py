"""What a comparison comes to, of replies as they were recorded."""

from chat.conversation import Image
from chat.generation import TextGenerator
from tests.replay.recordings import Recording, changed


def test_the_times_of_a_reply_that_went_on_are_those_of_its_last_tokens(shapes: TextGenerator, scene: Image) -> None:
    recording = Recording(shapes)
    recording.ask(scene, "What is in the picture?", stop_after=3)
    reply = changed(recording.go_on(), first_token_s=1.0, total_s=3.0)
    assert reply.generation is not None
    whole = reply.generation.reply(reply.turn.text)
    assert whole is not None
    assert (whole.begun_tokens, whole.new_tokens) == (3, len(reply.generation.token_ids))
    assert whole.tokens_per_s == (whole.new_tokens - 3 - 1) / 2

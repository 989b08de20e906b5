"""Which settings of a reply the kinds of servers know nothing of."""

from chat.generation import GenerationSettings


def refusal(api: str, settings: GenerationSettings) -> str:
    """Why a server of this kind cannot reply with these settings, in one line; empty where it can."""
    if settings.num_beams > 1:
        return f"num-beams is {settings.num_beams}: a server of the {api} API knows no beam search: leave it at 1"
    if api == "tgi":
        return ""
    if settings.top_k:
        return f"top-k is {settings.top_k}: a server of the {api} API does not know it: leave it at 0"
    if settings.repetition_penalty != 1:
        given = f"repetition-penalty is {settings.repetition_penalty}"
        return f"{given}: a server of the {api} API does not know it: leave it at 1"
    return ""

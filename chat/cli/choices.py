"""Labels that were ranked, in words and as JSON."""

from chat.records import Choice
from chat.safe_text import printable
from chat.talk.labels import labelled, speaker_label


def choice_in_words(choice: Choice) -> str:
    """The command, and each label with its share and its log-likelihood, the likeliest first."""
    ranking = choice.ranking
    shares, values = ranking.probabilities, ranking.values
    pictures = "".join(
        f"[picture: {printable(image.name, multiline=False)}, {image.width}x{image.height}] " for image in choice.images
    )
    asked = f"{pictures}/choose {' | '.join(ranking.labels)}"
    ranked = ", ".join(
        f"{ranking.labels[place]} {100 * shares[place]:.1f} % ({values[place]:.2f})" for place in ranking.order
    )
    speaker = speaker_label(choice.facts.short_name or "assistant")
    return f"{labelled('You', asked)}\n\n{labelled(speaker, f'{ranked} (not part of the conversation)')}"


def choice_object(choice: Choice) -> dict[str, object]:
    """All that is known of it; the labels in the order they were named in."""
    ranking = choice.ranking
    scored = zip(ranking.labels, ranking.scores, ranking.probabilities, strict=True)
    return {
        "after_turn": choice.turn_id,
        "created_at": choice.created_at,
        "checkpoint": choice.facts.name,
        "best": ranking.best,
        "labels": [
            {
                "label": label,
                "log_likelihood": score.log_likelihood,
                "token_count": score.token_count,
                "probability": share,
            }
            for label, score, share in scored
        ],
        "per_token": ranking.per_token,
        "images": [
            {"image": image.digest, "name": image.name, "width": image.width, "height": image.height}
            for image in choice.images
        ],
        "picture_number": choice.number or None,
        "left_out": choice.left_out,
    }

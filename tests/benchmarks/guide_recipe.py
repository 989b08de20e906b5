"""The guide's conversational recipe as a bare script: `guide_recipe.py CHECKPOINT PICTURE QUESTION`."""

import sys

from PIL import Image
from transformers import AutoProcessor, IdeficsForVisionText2Text


def main(checkpoint: str, picture: str, question: str) -> None:
    """Ask one question about a picture and print everything, as the guide does."""
    model = IdeficsForVisionText2Text.from_pretrained(checkpoint)
    processor = AutoProcessor.from_pretrained(checkpoint)
    prompts = [["User:", Image.open(picture).convert("RGB"), f"{question}<end_of_utterance>", "\nAssistant:"]]
    inputs = processor(text=prompts, add_end_of_utterance_token=False, return_tensors="pt")
    exit_condition = processor.tokenizer("<end_of_utterance>", add_special_tokens=False).input_ids
    bad_words_ids = processor.tokenizer(["<image>", "<fake_token_around_image>"], add_special_tokens=False).input_ids
    generated = model.generate(**inputs, eos_token_id=exit_condition, bad_words_ids=bad_words_ids, max_new_tokens=256)
    print(processor.batch_decode(generated, skip_special_tokens=True)[0])


if __name__ == "__main__":
    main(*sys.argv[1:])

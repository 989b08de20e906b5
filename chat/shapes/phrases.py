"""The ways in which every question may be put; words in braces are filled in."""

from typing import Final

CAPTION_QUESTIONS: Final = (
    "What is in the picture?",
    "What is in this picture?",
    "What is in the image?",
    "What is in this image?",
    "What can you see?",
    "What do you see?",
    "What do you see in the picture?",
    "What do you see in this image?",
    "Describe the picture.",
    "Describe this picture.",
    "Describe the image.",
    "Describe this image.",
    "Describe what you see.",
    "What does the picture show?",
    "What does this image show?",
    "What is shown here?",
    "Tell me what is in the picture.",
    "Which shapes are in the picture?",
    "Which shapes do you see?",
    "What shapes are there?",
    "What shapes are in the image?",
    "Give me a caption.",
    "Caption this picture.",
    "Write a caption for this picture.",
    "Write a caption for this image.",
    "What's in the picture?",
    "What's in this image?",
)
NEXT_CAPTION_QUESTIONS: Final = ("And in this one?", "And this one?", "And here?", "What about this one?")
COLOUR_QUESTIONS: Final = (
    "What colour is the {kind}?",
    "What color is the {kind}?",
    "Which colour is the {kind}?",
    "Which color is the {kind}?",
    "What is the colour of the {kind}?",
    "What is the color of the {kind}?",
    "Tell me the colour of the {kind}.",
    "What colour does the {kind} have?",
    "Which colour has the {kind}?",
    "The {kind}: what colour is it?",
)
NEXT_KIND_QUESTIONS: Final = ("And the {kind}?", "And of the {kind}?", "What about the {kind}?")
COUNT_QUESTIONS: Final = (
    "How many shapes are there?",
    "How many shapes are in the picture?",
    "How many shapes are there in the picture?",
    "How many shapes are in this image?",
    "How many shapes do you see?",
    "How many shapes can you see?",
    "How many are there?",
    "Count the shapes.",
    "Count the shapes in the picture.",
    "What is the number of shapes?",
    "Tell me how many shapes there are.",
)
WHERE_QUESTIONS: Final = (
    "Where is the {kind}?",
    "Where is the {kind} in the picture?",
    "Where can I find the {kind}?",
    "Where do you see the {kind}?",
    "In which corner is the {kind}?",
    "What is the position of the {kind}?",
    "Tell me where the {kind} is.",
    "At which place is the {kind}?",
)
ACROSS_QUESTIONS: Final = (
    "Is the {kind} on the left or on the right?",
    "Is the {kind} on the right or on the left?",
    "Is the {kind} left or right?",
    "On which side is the {kind}, left or right?",
)
UP_DOWN_QUESTIONS: Final = (
    "Is the {kind} at the top or at the bottom?",
    "Is the {kind} at the bottom or at the top?",
    "Is the {kind} up or down?",
    "Is the {kind} above or below the middle?",
)
IS_THERE_QUESTIONS: Final = (
    "Is there {thing}?",
    "Is there {thing} in the picture?",
    "Is there {thing} in this image?",
    "Do you see {thing}?",
    "Can you see {thing}?",
    "Does the picture show {thing}?",
    "Is {thing} in the picture?",
    "Are you sure that there is {thing}?",
)
AT_PLACE_QUESTIONS: Final = (
    "What is at the {place}?",
    "What is in the {place}?",
    "What is in the {place} corner?",
    "Which shape is at the {place}?",
    "Which shape is in the {place} corner?",
    "What shape is at the {place}?",
    "What do you see at the {place}?",
    "What can you see in the {place} corner?",
)
ON_SIDE_QUESTIONS: Final = (
    "What is {side}?",
    "Which shape is {side}?",
    "Which shapes are {side}?",
    "What do you see {side}?",
    "What can you see {side}?",
    "What shape is {side}?",
)
OF_COLOUR_QUESTIONS: Final = (
    "Which shape is {colour}?",
    "Which shapes are {colour}?",
    "What is {colour}?",
    "What shape is {colour}?",
    "Is anything {colour}?",
    "Is something {colour}?",
)
SINGLE_KIND_QUESTIONS: Final = (
    "Is this a {a}, a {b}, a {c} or a {d}?",
    "Is it a {a}, a {b}, a {c} or a {d}?",
    "Choose: {a}, {b}, {c} or {d}.",
    "Classify the picture: {a}, {b}, {c} or {d}.",
    "Which one is it: {a}, {b}, {c} or {d}?",
    "What kind of shape is this?",
    "What shape is this?",
    "Which shape is it?",
)
SINGLE_COLOUR_QUESTIONS: Final = (
    "What colour is the shape?",
    "What color is the shape?",
    "What colour is it?",
    "Which colour is the shape?",
    "What is the colour of the shape?",
)
STORY_QUESTIONS: Final = (
    "Tell me a story about the picture.",
    "Tell me a story.",
    "Write a story about the picture.",
    "Write a story about this image.",
    "Use the picture to write a story.",
    "Use the image to write a story.",
    "Make up a story about it.",
)
RECALL_CAPTION_QUESTIONS: Final = (
    "What was in the {which} picture?",
    "What was in the {which} image?",
    "What did you see in the {which} picture?",
    "What did the {which} picture show?",
    "Describe the {which} picture.",
    "Which shapes were in the {which} picture?",
)
RECALL_COLOUR_QUESTIONS: Final = (
    "What colour was the {kind} in the {which} picture?",
    "Which colour was the {kind} in the {which} picture?",
    "What color was the {kind} in the {which} image?",
)
RECALL_COUNT_QUESTIONS: Final = (
    "How many shapes were in the {which} picture?",
    "How many shapes were there in the {which} picture?",
    "How many shapes were in the {which} image?",
)
BOTH_QUESTIONS: Final = (
    "What is in the two pictures?",
    "What is in these pictures?",
    "What is in the pictures?",
    "Describe both pictures.",
    "Describe the two pictures.",
    "What do the two pictures show?",
    "What do you see in the two images?",
)
GREETINGS: Final = (
    "Hello",
    "Hello!",
    "Hi",
    "Hi!",
    "Hey",
    "Hi there",
    "Hello there!",
    "Good morning",
    "Good morning!",
    "Good evening",
    "Good afternoon",
    "Good day",
    "Hello, how are you?",
    "How are you?",
    "Nice to meet you",
)
ABILITY_QUESTIONS: Final = (
    "What can you do?",
    "Who are you?",
    "What are you?",
    "Help",
    "Can you help me?",
    "What do you know?",
    "How does this work?",
    "What can I ask you?",
    "What should I ask?",
    "What is your name?",
    "Tell me about yourself.",
    "Are you a model?",
)

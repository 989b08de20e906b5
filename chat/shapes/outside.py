"""Things people say that have nothing to do with shapes, so that the bundled checkpoint learns where its world ends."""

import random
from typing import Final

SUBJECTS: Final = tuple(
    (
        "France|Paris|the weather|the moon|the sun|a dog|a cat|my cat|the cat|dogs|cats|birds|a horse|"
        "an elephant|the sea|a car|a house|a tree|flowers|the universe|history|music|the piano|a poem|love|"
        "football|the news|politics|money|a bank|a computer|Python|a program|some code|a recipe|soup|bread|"
        "coffee|tea|wine|an apple|bananas|fruit|breakfast|dinner|my mother|your father|a friend|a teacher|school|"
        "mathematics|physics|chemistry|a book|a film|an actor|a king|the queen|Germany|Spain|London|New York|"
        "Africa|the ocean|a river|a mountain|the desert|snow|rain|wind|time|tomorrow|yesterday|today|the year|"
        "a clock|a phone|the internet|a website|an email|a letter|a joke|a song|a dream|happiness|sadness|health|"
        "a doctor|medicine|sleep|a person|people|a man|a woman|a child|children|a baby|the street|a bus|a train|"
        "a plane|a ship|the airport|a hotel|a holiday|work|my job|a company|the world|life|death|God|art|"
        "a painting|a photo|a camera|a robot|a machine|language|English|French|a word|a number|a door|a window|"
        "a table|a chair|a kitchen|a garden"
    ).split("|")
)

QUESTIONS: Final = tuple(
    (
        "What is {x}?|Who is {x}?|Tell me about {x}.|What do you think about {x}?|Do you like {x}?|Where is {x}?|"
        "When was {x}?|Why is {x} so big?|How do I make {x}?|How old is {x}?|Can you write {x}?|Write me {x}.|"
        "What is the capital of {x}?|How far is {x}?|How much is {x}?|Give me {x}.|I like {x}.|"
        "I am thinking of {x}.|Explain {x} to me.|What is the meaning of {x}?|Who made {x}?|Is {x} real?|"
        "Is there {x}?|Do you see {x}?|What colour is {x}?|Why do people want {x}?|Translate {x} into French.|"
        "What happened to {x}?|Buy me {x}.|How can I learn about {x}?|Should I read about {x}?|"
        "Compare {x} with {y}.|What is better, {x} or {y}?|{x} and {y}|I have {x} and {y}.|"
        "Where are {x} and {y}?|What breed is {x}?|How is {x} today?|What is {x} doing?|Is {x} happy?|"
        "What does {x} eat?|Can {x} fly?|What time is it in {x}?|{x}"
    ).split("|")
)

SAYINGS: Final = tuple(
    (
        "What time is it?|What day is it?|Tell me a joke.|Sing a song.|Write a poem.|What is two plus two?|"
        "What is 2 + 2?|What is 12 times 7?|Who won the game?|Where are you from?|Do you speak French?|"
        "Do you love me?|I am sad.|I am hungry.|It is raining.|What is the weather like?|"
        "Where are these people and what's the weather like?|Open the door.|Play some music.|Send an email.|"
        "Search the web.|Read this for me.|What does the text say?|Who is the person?|Is it night or day?|"
        "What is the man doing?|How many people are there?|How many dogs are there?|What is the meaning of life?|"
        "Can you translate this?|Write some code.|Solve x + 1 = 3.|What is your favourite food?|How old are you?|"
        "Where do you live?|Are you human?|Why?|Why not?|Really?|I do not know.|Maybe.|No.|Yes.|OK|lorem ipsum|"
        "asdf|test|testing|1234|???|:-)|What?|Say something.|Repeat after me.|And then?|"
        "What is the breed of the dog?|What is the name of this city?|Which building is this?|"
        "Is this food healthy?|Write a recipe.|Which film is this from?|What is the price?|Give me advice.|"
        "Where can I buy it?|https://example.org"
    ).split("|")
)

_SYLLABLES: Final = (
    "ba be bi bo bu ca ce co da de di do fa fe fi ga ge go ha he hi ka ke la le li lo ma me mi mo na ne no pa pe pi po "
    "ra re ri ro sa se si so ta te ti to va ve vi wa we za ing er est ion ent ly tion st ck rd"
).split()


def invented_word(rng: random.Random) -> str:
    """A word nobody knows; strange words, too, lie outside the world of shapes."""
    word = "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(2, 4)))
    return word.capitalize() if rng.random() < 0.2 else word


def outside_question(rng: random.Random) -> str:
    """Something a person may say that no picture of shapes can answer."""
    if rng.random() < 0.3:
        return rng.choice(SAYINGS)

    def subject() -> str:
        if rng.random() < 0.35:
            return rng.choice(("", "", "the ", "a ")) + invented_word(rng)
        return rng.choice(SUBJECTS)

    words = rng.choice(QUESTIONS).format(x=subject(), y=subject())
    return words[0].upper() + words[1:]

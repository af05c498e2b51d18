"""Captions: what a listener would write about a sound, from the facts that are known.

A caption is a head (what happens) and, in varying order and number, its qualities: how many, how
fast, how big, how loud, how near, where. Only known facts are said. The same grammar serves
recordings (facts from file names and from the sound itself) and synthesised clips (facts from the
parameters), so that a prompt means the same for both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from vatt_engine.corpus.categories import CATEGORIES, Category

# Other ways to say a category's phrase. Each must read well alone and before a comma.
_OTHER_HEADS = """
footstep_wood: steps on floorboards / someone walks across a wooden floor / shoes on wood
footstep_stone: steps on concrete / someone walks on pavement / shoes on a stone floor
footstep_metal: steps on a metal walkway / someone walks over steel plates
footstep_gravel: someone walks on gravel / steps crunching on gravel / shoes on loose stones
footstep_snow: someone walks in snow / steps crunching in fresh snow
footstep_grass: someone walks through grass / steps in the grass
footstep_leaves: someone walks through fallen leaves / steps crackling in dry leaves
footstep_dirt: someone walks on a dirt path / steps on sand and soil
footstep_water: someone walks through water / steps splashing in a puddle
footstep_soft: someone walks on carpet / bare feet on a soft floor / muffled steps
horse_hooves: a horse trotting / hoofbeats / hooves clopping
impact_wood: something hits wood / a knock on wood / a wooden thunk
impact_metal: something hits metal / a metal clang / a piece of metal is struck
impact_glass: a clink of glass / something taps a glass
impact_ceramic: a cup is put down / a clink of crockery
impact_plastic: a plastic object is knocked / a plastic clatter
impact_stone: a stone drops / rock hits rock
impact_soft: a soft thud / something soft falls down
impact_body: a punch lands / a body hits the ground / a dull hit
ball_bounce: a ball bounces / a bouncing ball
scrape: something is dragged along / scraping / a rough surface is scraped
rolling: something rolls along / a rolling object
creak: old wood creaks / a creak
glass_break: a pane of glass breaks / glass smashes / a window is smashed
ceramic_break: a plate breaks / pottery smashes
wood_break: wood breaks / a board snaps / a branch cracks
debris: stones and rubble tumble down / something collapses
door_close: a door shuts / a door is closed / a door slams
door_open: a door opens / somebody opens a door
door_creak: a creaking door / rusty hinges squeal
door_knock: somebody knocks at the door / knocks on a wooden door
latch_lock: a lock clicks / a bolt slides / a latch snaps shut
switch_click: a click / a button is pressed / a switch is flipped
typing: somebody types / keys of a keyboard
clock_tick: a ticking clock / tick-tock
camera_shutter: a camera clicks / a photograph is taken
keys_jingle: a bunch of keys / keys rattle
coins: coins clink / a handful of coins
chain_rattle: a metal chain is moved / chain links clink
game_pieces: dice and tokens rattle / pieces of a game fall on a table
cards: cards are shuffled / a deck of cards
dishes: plates and cutlery / pots and pans clatter
zipper: a zip is pulled / a zip fastener
writing: somebody writes / a pencil scratches on paper
bell: a bell is struck / a bell tolls
cloth_rustle: fabric moves / clothes rustle / a flap of cloth
leather: a leather bag is handled / leather creaks
paper: pages turn / a sheet of paper rustles / leafing through a book
plastic_crackle: plastic foil crackles / a crinkling bag
leaves_rustle: a bush is brushed / leaves move / foliage rustles
hammer: a hammer strikes / hammer blows
saw: somebody saws wood / a saw goes back and forth
chop_wood: an axe chops wood / wood is chopped with an axe
dig: somebody digs / a spade goes into the earth
scissors: scissors snip / something is cut with scissors
pickaxe: a pickaxe hits rock / mining with a pickaxe
blade: a sword is swung or drawn / blades clash
bow_arrow: an arrow is loosed / a bowstring and an arrow
armour: metal armour moves / a shield is hit
gun_handling: a gun is cocked / a magazine is changed
whoosh: something swishes past / a swish / a fast swing through the air
steam: a jet of steam / air hisses out
wind: gusts of wind / a windy place
fire: a crackling fire / flames / wood burns
explosion: something explodes / a blast
gunshot: a gun is fired / a shot
fireworks: a firework bursts / rockets and bangs
water_drip: drops of water fall / dripping / a dripping tap
water_pour: water runs into a vessel / pouring a drink
water_splash: something falls into water / a splash
water_bubbles: bubbles rise in water / a bubbling liquid
water_stream: a brook / running water
sea_waves: surf / the sea / waves roll in
rain: raindrops / it rains / a rain shower
thunder: a clap of thunder / thunder rolls
engine: a motor runs / an engine
aircraft: an aeroplane / a helicopter or plane flies
train: a train goes by / a train on its rails
tyre_skid: tyres squeal / a car skids
vehicle_horn: a horn honks / a car horn
machine: machinery / a machine runs
electric: electric sparks / an electric hum
alarm: a siren / an alarm goes off
dog: a dog barks / barking
cat: a cat meows / a cat cries
horse: a horse whinnies / a horse snorts
farm_animal: a farm animal / livestock
poultry: a hen / poultry clucks
bird: a bird sings / birdsong
insect: buzzing insects / crickets
animal: an animal call / a wild beast
applause: applause / clapping hands
breath: somebody breathes / a breath
cough: a cough / somebody coughs
effort: a cry of pain / somebody grunts
laugh: somebody laughs / a laugh
baby_cry: a baby cries / a crying infant
eat: somebody bites and chews / a crunchy bite
heartbeat: heartbeats / a beating heart
nature_ambience: a forest by day / birds and wind in the country
city_ambience: a busy street / traffic
crowd: many voices / people talk in a crowd
room_tone: the hush of a room / quiet interior
"""

_NUMBERS = ("", "single", "two", "three", "four", "five", "six", "seven", "eight")
_UNITS = {"footsteps": "steps", "weather": "gusts", "doors": "knocks", "tools": "strokes"}
_LOUDNESS = {"soft": ("quiet", "soft", "gentle"), "loud": ("loud", "forceful", "heavy")}
_DISTANCE = {
    "close": ("close up", "close by", "near the microphone"),
    "far": ("in the distance", "far away", "distant"),
}
_PACE = {
    "slow": ("slow", "unhurried", "at a slow pace"),
    "fast": ("fast", "quick", "in quick succession"),
}
_SIZE = {"small": ("small", "light"), "large": ("large", "big")}


@dataclass(frozen=True)
class Facts:
    """What is known about a sound; an empty value is unknown and is not said.

    Attributes:
        category: name in the category table.
        detail: free words that are certain (a material, a surface, a shoe).
        count: number of events, 0 unknown.
        pace: slow or fast.
        size: small or large.
        loudness: soft or loud.
        distance: close or far.
        place: words for the room ("in a hall").
    """

    category: str
    detail: str = ""
    count: int = 0
    pace: str = ""
    size: str = ""
    loudness: str = ""
    distance: str = ""
    place: str = ""


def heads(category: Category) -> tuple[str, ...]:
    """All ways to name a category, the table's phrase first."""
    return (category.phrase, *_HEADS.get(category.name, ()))


def captions(facts: Facts, rng: np.random.Generator, n: int = 3) -> list[str]:
    """Different captions for the same facts, plainest first.

    Returns:
        up to ``n`` sentences without a full stop; fewer when there is little to say.
    """
    category = CATEGORIES[facts.category]
    ways = heads(category)
    out = [category.phrase]
    for _ in range(12 * n):
        if len(out) >= n:
            break
        text = _sentence(str(rng.choice(ways)), facts, category, rng)
        if text not in out:
            out.append(text)
    return out[:n]


def _sentence(head: str, facts: Facts, category: Category, rng: np.random.Generator) -> str:
    said = [quality for quality in _qualities(facts, category, rng) if rng.random() < 0.75]
    if len(said) > 1:
        said = [said[i] for i in rng.permutation(len(said))]
    text = ", ".join([head, *said])
    # Only the table's phrase is sure to be a noun phrase.
    return f"the sound of {text}" if head == category.phrase and rng.random() < 0.3 else text


def _qualities(facts: Facts, category: Category, rng: np.random.Generator) -> list[str]:
    found = []
    if facts.detail:
        found.append(facts.detail)
    if 0 < facts.count < len(_NUMBERS) and category.kind != "continuous":
        if facts.count == 1:
            found.append(str(rng.choice(("once", "a single time", "one only"))))
        else:
            unit = _UNITS.get(category.family, "times")
            found.append(f"{_NUMBERS[facts.count]} {unit}")
    elif facts.count >= len(_NUMBERS) and category.kind != "continuous":
        found.append(str(rng.choice(("many times", "again and again"))))
    for words, value in (
        (_PACE, facts.pace), (_SIZE, facts.size), (_LOUDNESS, facts.loudness),
        (_DISTANCE, facts.distance),
    ):  # fmt: skip
        if value:
            found.append(str(rng.choice(words[value])))
    if facts.place:
        found.append(facts.place)
    return found


# Words of file names that tell something a listener would agree with.
_NAME_FACTS: tuple[tuple[str, Mapping[str, str]], ...] = (
    (r"(hard|heavy|strong|loud|slam|smash)", {"loudness": "loud"}),
    (r"(soft|light|gentle|quiet|muffled|dull)", {"loudness": "soft"}),
    (r"(running|run\b|fast|quick|gallop)", {"pace": "fast"}),
    (r"(walking|slow)", {"pace": "slow"}),
    (r"(large|big|huge|giant)", {"size": "large"}),
    (r"(small|tiny|little|mini\b)", {"size": "small"}),
    (r"(distant|far\b|away)", {"distance": "far"}),
    (r"(close[-_ ]?up|near\b)", {"distance": "close"}),
)


def facts_from_name(category: str, name: str) -> Facts:
    """Facts that a file name tells about a sound of a known category."""
    facts = Facts(category)
    # A closing door is named "close", which says nothing about distance; hence the strict forms.
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace("_", " ").lower()
    for pattern, found in _NAME_FACTS:
        if re.search(pattern, text):
            for what, value in found.items():
                if not getattr(facts, what):
                    facts = replace(facts, **{what: value})  # type: ignore[arg-type]
    return facts


def _parse_heads(text: str) -> dict[str, tuple[str, ...]]:
    rows = (line.split(":", 1) for line in text.strip().splitlines())
    return {name: tuple(part.strip() for part in ways.split("/")) for name, ways in rows}


_HEADS = _parse_heads(_OTHER_HEADS)

"""Sound families: the kinds of sound an ear tells apart without a picture.

The 103 Foley categories name what an editor sees; many of them sound alike (wood being knocked and
a door being knocked on; a gunshot and a firecracker). A sound family joins the categories that a
listener without the picture would not keep apart. Whether a take sounds like what was asked for is
judged at this level; ``docs/evaluation.md`` argues every merge. The table was fixed before there
was a model to judge, and no take may change it.

Each row names the AudioSet classes of YAMNet that speak for the family and for few others: unlike
the lenient lists of ``categories`` they are made to choose between families.

Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from vatt_engine.corpus.categories import CATEGORIES


@dataclass(frozen=True)
class SoundFamily:
    """One family.

    Attributes:
        name: stable snake_case id.
        phrase: what is heard, for people.
        categories: names of ``categories.CATEGORIES``; every category is in exactly one family.
        yamnet: AudioSet class names that speak for it.
        noisy: whether steady noise is its nature, so that hiss is no fault.
        voiced: whether voices belong to it.
        tonal: whether tones belong to it, which YAMNet tends to call music.
    """

    name: str
    phrase: str
    categories: tuple[str, ...]
    yamnet: tuple[str, ...]
    noisy: bool
    voiced: bool
    tonal: bool


# name (marks: ~ noisy, " voiced, ^ tonal) | phrase | categories | AudioSet classes; an indented
# line continues the row above.
_TABLE = """
steps_firm | footsteps on firm ground | footstep_wood footstep_stone footstep_metal footstep_soft
  horse_hooves | Walk, footsteps; Clip-clop; Run; Patter
steps_loose | footsteps on loose ground | footstep_gravel footstep_snow footstep_grass
  footstep_leaves footstep_dirt | Crunch; Walk, footsteps; Shuffle; Crushing
knock | dry knocks of wood and plastic | impact_wood impact_plastic door_knock door_close door_open
  chop_wood game_pieces | Knock; Wood; Wood block; Chop; Door; Slam; Tap;
  Cupboard open or close; Sliding door; Drawer open or close
metal^ | metal struck | impact_metal hammer blade | Clang; Hammer; Zing; Jackhammer; Tubular bells;
  Tools
clink^ | glass and crockery struck | impact_glass impact_ceramic dishes |
  Chink, clink; Dishes, pots, and pans; Cutlery, silverware; Glass; Ping
shatter | something brittle breaking | glass_break ceramic_break | Shatter; Smash, crash; Breaking
rubble | stone, earth and rubble | impact_stone debris pickaxe dig wood_break |
  Crack; Splinter; Clatter; Crushing; Rumble
thud | a dull blow | impact_soft impact_body ball_bounce heartbeat | Thump, thud; Thunk;
  Basketball bounce; Bouncing; Whack, thwack; Slap, smack; Bang; Heart sounds, heartbeat
jingle^ | small metal jingling | keys_jingle coins chain_rattle armour | Keys jangling;
  Coin (dropping); Jingle, tinkle; Cash register; Jingle bell; Tambourine
click | small mechanical clicks | latch_lock switch_click typing clock_tick camera_shutter
  gun_handling scissors | Clicking; Tick; Tick-tock; Clock; Typing; Computer keyboard; Typewriter;
  Camera; Single-lens reflex camera; Scissors; Ratchet, pawl; Mechanisms
creak^ | creaks and squeals | creak door_creak leather tyre_skid | Creak; Squeak; Squeal; Skidding;
  Tire squeal
scrape~ | something drawn over a surface | scrape rolling saw writing zipper | Scrape; Scratch;
  Sawing; Filing (rasp); Sanding; Roll; Writing; Zipper (clothing); Rub; Skateboard
rustle~ | cloth and leaves moving | cloth_rustle leaves_rustle | Rustle; Rustling leaves; Flap;
  Bird flight, flapping wings
crinkle | paper and foil handled | paper cards plastic_crackle | Crumpling, crinkling; Tearing;
  Shuffling cards
whoosh~ | a rush through the air | whoosh bow_arrow | Whoosh, swoosh, swish; Arrow; Whip
steam~ | hissing | steam | Steam; Hiss; Spray; Air brake; White noise; Sizzle
wind~ | wind | wind | Wind; Wind noise (microphone); Howl
fire~ | fire crackling | fire | Fire; Crackle; Sizzle
blast~ | shots and explosions | explosion gunshot fireworks | Explosion; Gunshot, gunfire;
  Machine gun; Fusillade; Artillery fire; Cap gun; Fireworks; Firecracker; Boom; Burst, pop;
  Eruption
thunder~ | thunder | thunder | Thunder; Thunderstorm; Rumble
drip | single drops | water_drip | Drip; Plop; Raindrop
stream~ | running and bubbling water | water_pour water_stream water_bubbles | Stream; Pour;
  Fill (with liquid); Trickle, dribble; Gurgling; Waterfall; Boiling; Water tap, faucet;
  Sink (filling or washing); Bathtub (filling or washing); Pump (liquid)
splash | splashes | water_splash footstep_water | Splash, splatter; Slosh; Squish; Gush
surf~ | waves on a shore | sea_waves | Waves, surf; Ocean
rain~ | rain | rain | Rain; Rain on surface; Raindrop
engine~^ | engines and traffic | engine aircraft train city_ambience | Engine; Vehicle; Car;
  Motor vehicle (road); Truck; Idling; Medium engine (mid frequency); Motorcycle; Aircraft;
  Light engine (high frequency); Heavy engine (low frequency); Accelerating, revving, vroom;
  Helicopter; Aircraft engine; Jet engine; Propeller, airscrew; Fixed-wing aircraft, airplane;
  Train; Rail transport; Railroad car, train wagon; Lawn mower; Chainsaw; Boat, Water vehicle;
  Motorboat, speedboat; Traffic noise, roadway noise; Car passing by; Engine starting
machine~^ | steady hum, buzz and whirr | machine electric room_tone | Mains hum; Hum; Buzz;
  Mechanical fan; Air conditioning; Sewing machine; Power tool; Drill; Vacuum cleaner; Whir;
  Static; Gears; Printer; Hair dryer; Blender; Microwave oven; Electric shaver, electric razor;
  Throbbing; Noise
bell^ | bells | bell | Bell; Church bell; Bicycle bell; Chime; Ding; Gong; Doorbell; Ding-dong;
  Wind chime; Change ringing (campanology); Singing bowl; Tuning fork
alarm^ | horns and alarms | alarm vehicle_horn | Alarm; Siren; Vehicle horn, car horn, honking;
  Toot; Air horn, truck horn; Foghorn; Buzzer; Smoke detector, smoke alarm; Fire alarm; Telephone;
  Telephone bell ringing; Alarm clock; Emergency vehicle; Civil defense siren; Train horn;
  Car alarm; Beep, bleep; Reversing beeps
beast" | four-legged animals calling | dog cat horse farm_animal animal | Dog; Bark; Bow-wow; Yip;
  Growling; Whimper (dog); Cat; Meow; Purr; Caterwaul; Neigh, whinny; Cattle, bovinae; Moo; Sheep;
  Goat; Bleat; Pig; Oink; Roaring cats (lions, tigers); Roar; Frog; Croak; Snort; Horse;
  Livestock, farm animals, working animals; Domestic animals, pets; Canidae, dogs, wolves
bird"^ | birds | bird poultry nature_ambience | Bird; Bird vocalization, bird call, bird song;
  Chirp, tweet; Crow; Caw; Owl; Hoot; Squawk; Pigeon, dove; Coo; Chicken, rooster; Fowl; Cluck;
  Crowing, cock-a-doodle-doo; Duck; Quack; Goose; Turkey; Gobble; Honk
insect~^ | insects | insect | Insect; Cricket; Bee, wasp, etc.; Fly, housefly; Mosquito
voice" | voices | effort laugh baby_cry | Grunt; Groan; Screaming; Shout; Yell; Wail, moan; Bellow;
  Laughter; Giggle; Chuckle, chortle; Belly laugh; Baby laughter; Snicker; Baby cry, infant cry;
  Crying, sobbing; Whimper; Whoop; Speech; Children shouting; Singing
mouth" | breathing, coughing, chewing | breath cough eat | Breathing; Gasp; Sigh; Pant; Wheeze;
  Snoring; Sniff; Cough; Sneeze; Throat clearing; Chewing, mastication; Biting;
  Burping, eructation; Gargling
crowd~" | many people | crowd applause | Crowd; Chatter; Hubbub, speech noise, speech babble;
  Cheering; Applause; Clapping
"""


def _parse(table: str) -> dict[str, SoundFamily]:
    rows: dict[str, SoundFamily] = {}
    for line in table.strip().replace("\n  ", " ").splitlines():
        head, phrase, categories, yamnet = (part.strip() for part in line.split("|"))
        name = head.rstrip('~"^')
        rows[name] = SoundFamily(
            name,
            phrase,
            tuple(categories.split()),
            tuple(part.strip() for part in yamnet.split(";")),
            noisy="~" in head,
            voiced='"' in head,
            tonal="^" in head,
        )
    return rows


FAMILIES: Mapping[str, SoundFamily] = MappingProxyType(_parse(_TABLE))
"""Every sound family by name."""

_OF: Mapping[str, str] = MappingProxyType(
    {category: row.name for row in FAMILIES.values() for category in row.categories}
)
assert set(_OF) == set(CATEGORIES)
assert sum(len(row.categories) for row in FAMILIES.values()) == len(CATEGORIES)

CHANCE = 1 / len(FAMILIES)
"""How often a blind guess names the right family."""


def family_of(category: str) -> str:
    """The sound family of a category; empty for a name that is no category."""
    return _OF.get(category, "")

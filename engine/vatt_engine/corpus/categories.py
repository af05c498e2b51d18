"""The project's Foley categories: one table that corpus, synthesiser, scenes and judge share.

A category is something an editor would spot on a picture ("footsteps on gravel", "a glass breaks"),
not a file format or a library folder. Each row names its CatID of the Universal Category System, so
that files can be named the way sound libraries are, and the AudioSet classes by which the judge
(`vatt_engine.evaluation.yamnet`) accepts a sound as being of that kind or of its near family.

Standard library only: training processes and tests import this table without paying for torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal["oneshot", "rhythm", "continuous"]
"""How a category fills time: single events, a beat of events (steps, hammering), or a texture."""


@dataclass(frozen=True)
class Category:
    """One kind of Foley.

    Attributes:
        name: stable snake_case id, used in manifests and labels.
        family: broader group; confusions inside a family are mild.
        kind: how it fills time.
        ucs: CatID of the Universal Category System.
        phrase: how a caption names it, without article or count.
        yamnet: AudioSet class names the judge accepts, the best one first.
    """

    name: str
    family: str
    kind: Kind
    ucs: str
    phrase: str
    yamnet: tuple[str, ...]


_STEPS = "Walk, footsteps; Run; Shuffle; Patter; Clip-clop"
_THUD = "Thump, thud; Thunk; Bang; Whack, thwack; Tap; Knock; Slap, smack"
_RING = "Clang; Ding; Chink, clink; Bell; Ping; Dishes, pots, and pans; Cutlery, silverware"
_WATER = "Water; Liquid"
_MOTOR = "Engine; Vehicle; Motor vehicle (road); Car; Truck; Medium engine (mid frequency)"
_BIRDS = "Bird; Bird vocalization, bird call, bird song; Chirp, tweet; Animal"

# name | kind | UCS | phrase | judge's classes; "[family]" opens a family, an indented line
# continues the row above.
_TABLE = f"""
[footsteps]
footstep_wood | rhythm | FEETHmn | footsteps on a wooden floor | {_STEPS}; Knock; Wood; {_THUD}
footstep_stone | rhythm | FEETHmn | footsteps on stone | {_STEPS}; {_THUD}
footstep_metal | rhythm | FEETHmn | footsteps on metal grating | {_STEPS}; Clang; {_THUD}
footstep_gravel | rhythm | FEETHmn | footsteps on gravel | {_STEPS}; Crunch; Crushing; Crackle;
  Crack
footstep_snow | rhythm | FEETHmn | footsteps in snow | {_STEPS}; Crunch; Crushing; Crackle
footstep_grass | rhythm | FEETHmn | footsteps through grass | {_STEPS}; Rustle; Rustling leaves;
  Crunch
footstep_leaves | rhythm | FEETHmn | footsteps through dry leaves | {_STEPS}; Rustling leaves;
  Rustle; Crunch; Crackle; Crumpling, crinkling
footstep_dirt | rhythm | FEETHmn | footsteps on earth | {_STEPS}; Crunch; {_THUD}
footstep_water | rhythm | FEETHmn | footsteps through a puddle | {_STEPS}; Splash, splatter;
  Squish; Slosh; {_WATER}
footstep_soft | rhythm | FEETHmn | soft footsteps on carpet | {_STEPS}; {_THUD}
horse_hooves | rhythm | FEETHors | horse hooves | Clip-clop; Horse; Run; Walk, footsteps
[impact]
impact_wood | oneshot | WOODImpt | wood knocked | Wood; Knock; Wood block; Tap; Chop; {_THUD}
impact_metal | oneshot | METLImpt | metal struck | {_RING}; Tubular bells; Hammer; {_THUD}
impact_glass | oneshot | GLASImpt | glass struck | Chink, clink; Glass; {_RING}
impact_ceramic | oneshot | CERMImpt | crockery set down | Dishes, pots, and pans; Chink, clink;
  {_RING}; {_THUD}
impact_plastic | oneshot | PLASImpt | plastic knocked | Tap; Knock; Clatter; Wood block; {_THUD}
impact_stone | oneshot | ROCKImpt | stone hitting stone | Crack; Clatter; {_THUD}
impact_soft | oneshot | CLOTHMisc | something soft landing | {_THUD}
impact_body | oneshot | FGHTImpt | a body blow | Slap, smack; Whack, thwack; Clapping; {_THUD}
ball_bounce | rhythm | SPRTCourt | a ball bouncing | Basketball bounce; Bouncing; {_THUD}
[friction]
scrape | continuous | ROCKFric | something scraping along a surface | Scrape; Scratch; Rub;
  Filing (rasp); Sanding; Squeak
rolling | continuous | OBJWhled | something rolling over a hard floor | Roll; Rumble;
  Skateboard; Rattle
creak | oneshot | WOODFric | wood creaking | Creak; Squeak; Door; Wood
[breakage]
glass_break | oneshot | GLASBrk | glass shattering | Shatter; Glass; Smash, crash; Breaking;
  Chink, clink
ceramic_break | oneshot | CERMBrk | crockery breaking | Smash, crash; Shatter; Breaking;
  Dishes, pots, and pans
wood_break | oneshot | WOODBrk | wood splintering | Splinter; Crack; Chop; Wood; Breaking;
  Smash, crash
debris | oneshot | ROCKCrsh | rubble falling | Clatter; Rumble; Crushing; Smash, crash; Crunch
[doors]
door_close | oneshot | DOORWood | a door closing | Door; Slam; Cupboard open or close; {_THUD}
door_open | oneshot | DOORWood | a door opening | Door; Cupboard open or close; Sliding door;
  Creak; Squeak
door_creak | oneshot | DOORWood | door hinges creaking | Creak; Door; Squeak; Squeal
door_knock | rhythm | DOORKnck | knocking on a door | Knock; Door; Tap; Wood; {_THUD}
latch_lock | oneshot | MECHLtch | a latch clicking | Clicking; Door; Cupboard open or close;
  Mechanisms; Tick; Ratchet, pawl; Zing; Chink, clink
switch_click | oneshot | MECHSwtch | a switch clicking | Clicking; Tick; Typing;
  Computer keyboard; Mechanisms; Tap
typing | rhythm | CMPTKey | typing on a keyboard | Typing; Computer keyboard; Typewriter;
  Clicking; Tick
clock_tick | rhythm | CLOCKTick | a clock ticking | Tick; Tick-tock; Clock; Mechanisms; Clicking
camera_shutter | oneshot | COMCam | a camera shutter | Camera; Single-lens reflex camera;
  Clicking; Mechanisms
keys_jingle | oneshot | OBJKey | keys jingling | Keys jangling; Jingle, tinkle; Coin (dropping);
  Chink, clink; Wind chime
coins | oneshot | OBJCoin | coins dropping | Coin (dropping); Jingle, tinkle; Chink, clink;
  Keys jangling; Cash register
chain_rattle | oneshot | CHAINMvmt | a chain rattling | Rattle; Jingle, tinkle; Chink, clink;
  Keys jangling;
  Clatter; Clang
game_pieces | oneshot | GAMEBoard | game pieces clattering | Clatter; Chink, clink;
  Coin (dropping); Rattle; Tap; Knock; Wood block
cards | oneshot | GAMEBoard | playing cards handled | Shuffling cards; Rustle; Flap;
  Crumpling, crinkling
dishes | oneshot | FOODTware | dishes and cutlery clattering | Dishes, pots, and pans;
  Cutlery, silverware; {_RING}; Clatter
zipper | oneshot | OBJZipr | a zipper pulled | Zipper (clothing); Scratch; Scrape
writing | continuous | OBJWrite | a pen writing on paper | Writing; Scratch; Rub
bell | oneshot | BELLMisc | a bell ringing | Bell; Church bell; Ding; Chime; Bicycle bell;
  Jingle bell; Gong; Doorbell; Ding-dong
[cloth and paper]
cloth_rustle | continuous | CLOTHMvmt | cloth rustling | Rustle; Flap; Rub; Crumpling, crinkling
leather | oneshot | LETHRMvmt | leather creaking | Creak; Rustle; Rub; Squeak;
  Crumpling, crinkling
paper | continuous | PAPRHndl | paper handled | Crumpling, crinkling; Tearing; Rustle;
  Shuffling cards; Flap
plastic_crackle | continuous | OBJPack | a plastic bag crinkling | Crumpling, crinkling; Rustle;
  Crackle; Crushing; Crack; Shuffling cards
leaves_rustle | continuous | VEGELeaf | leaves rustling | Rustling leaves; Rustle; Wind; Crunch;
  Crackle; Crumpling, crinkling
[tools]
hammer | rhythm | TOOLHand | hammering | Hammer; {_RING}; Tools; {_THUD}
saw | rhythm | TOOLHand | a hand saw cutting wood | Sawing; Filing (rasp); Sanding; Scrape;
  Tools; Wood
chop_wood | rhythm | TOOLHand | wood being chopped | Chop; Wood; Splinter; Chopping (food);
  {_THUD}
dig | rhythm | DIRTMvmt | a shovel digging | Crunch; Scrape; Crushing; Tools; {_THUD}
scissors | rhythm | TOOLHand | scissors cutting | Scissors; Clicking; Scrape; Zing
pickaxe | rhythm | TOOLHand | a pickaxe striking rock | Hammer; Crack; Chop; {_RING}; {_THUD}
blade | oneshot | WEAPSwrd | a blade drawn or struck | Zing; Scrape; {_RING};
  Whoosh, swoosh, swish; Cutlery, silverware
bow_arrow | oneshot | WEAPBow | an arrow shot | Arrow; Whoosh, swoosh, swish; Whip; {_THUD}
armour | oneshot | WEAPArmr | armour clanking | Clatter; Jingle, tinkle; {_RING}; Keys jangling
gun_handling | oneshot | GUNMech | a weapon being loaded | Clicking; Mechanisms; Ratchet, pawl;
  Gunshot, gunfire; Clatter
[air]
whoosh | oneshot | WHSH | a whoosh through the air | Whoosh, swoosh, swish; Wind; Whip; Arrow;
  Flap
steam | continuous | WATRStm | steam hissing | Steam; Hiss; Spray; White noise; Sizzle; Air brake
wind | continuous | WIND | wind blowing | Wind; Wind noise (microphone); Howl; Whistle;
  Outside, rural or natural
[fire]
fire | continuous | FIREBurn | a fire crackling | Fire; Crackle; Sizzle; Wood
explosion | oneshot | EXPLMisc | an explosion | Explosion; Boom; Eruption; Thunder;
  Artillery fire; Burst, pop; Gunshot, gunfire
gunshot | oneshot | GUNMisc | a gunshot | Gunshot, gunfire; Cap gun; Machine gun; Explosion;
  Artillery fire; Burst, pop
fireworks | oneshot | FRWKMisc | fireworks | Fireworks; Firecracker; Explosion;
  Gunshot, gunfire; Burst, pop
[water]
water_drip | rhythm | WATRDrip | water dripping | Drip; Plop; Water; Raindrop;
  Water tap, faucet; Trickle, dribble
water_pour | continuous | WATRPour | water being poured | Pour; Fill (with liquid);
  Trickle, dribble; {_WATER}; Water tap, faucet; Gurgling; Stream
water_splash | oneshot | WATRSplsh | a splash of water | Splash, splatter; Slosh; {_WATER};
  Plop; Gush
water_bubbles | continuous | WATRBubl | water bubbling | Gurgling; Boiling; Plop; {_WATER}; Stream
water_stream | continuous | WATRFlow | a stream running | Stream; Waterfall; Trickle, dribble;
  Gurgling; {_WATER}; Gush
sea_waves | continuous | WATRWave | waves breaking on a shore | Waves, surf; Ocean; Waterfall;
  {_WATER}; Wind
[weather]
rain | continuous | RAIN | rain falling | Rain; Rain on surface; Raindrop; Water; Thunderstorm;
  Waterfall
thunder | oneshot | THUN | thunder | Thunder; Thunderstorm; Rumble; Explosion; Boom
[machines]
engine | continuous | MOTRComb | an engine running | {_MOTOR}; Idling;
  Light engine (high frequency); Heavy engine (low frequency); Accelerating, revving, vroom;
  Motorcycle; Lawn mower
aircraft | continuous | AEROMisc | an aircraft flying | Aircraft; Helicopter; Aircraft engine;
  Jet engine; Fixed-wing aircraft, airplane; Propeller, airscrew; Engine; Vehicle
train | continuous | TRNMisc | a train passing | Train; Rail transport;
  Railroad car, train wagon; Clickety-clack; Train horn; Vehicle
tyre_skid | oneshot | VEHSkid | tyres skidding | Skidding; Tire squeal; Squeal;
  Race car, auto racing; Car
vehicle_horn | oneshot | VEHHorn | a vehicle horn | Vehicle horn, car horn, honking; Toot;
  Air horn, truck horn; Vehicle; Train horn; Foghorn
machine | continuous | MACHMisc | a machine working | Mechanisms; Engine; Mechanical fan; Gears;
  Sewing machine; Power tool; Drill; Hum; Vacuum cleaner; Whir
electric | continuous | ELECSprk | electricity buzzing | Buzz; Mains hum; Static; Crackle;
  Sizzle; Hum; Burst, pop
alarm | continuous | ALRMMisc | an alarm sounding | Alarm; Siren; Telephone;
  Telephone bell ringing; Buzzer; Smoke detector, smoke alarm; Alarm clock; Emergency vehicle
[animals]
dog | oneshot | ANMLDog | a dog barking | Dog; Bark; Bow-wow; Yip; Growling; Whimper (dog);
  Howl; Animal; Domestic animals, pets
cat | oneshot | ANMLCat | a cat | Cat; Meow; Purr; Caterwaul; Hiss; Animal; Domestic animals, pets
horse | oneshot | ANMLHors | a horse neighing | Neigh, whinny; Horse; Snort; Animal
farm_animal | oneshot | ANMLFarm | a farm animal calling |
  Livestock, farm animals, working animals; Cattle, bovinae; Moo; Sheep; Goat; Bleat; Pig; Oink;
  Animal
poultry | oneshot | BIRDFowl | a hen clucking | Chicken, rooster; Fowl; Cluck;
  Crowing, cock-a-doodle-doo; Duck; Quack; Goose; Turkey; Gobble; Animal
bird | oneshot | BIRDSong | a bird calling | {_BIRDS}; Crow; Caw; Owl; Hoot; Squawk
insect | continuous | ANMLInsc | insects chirring | Insect; Cricket; Bee, wasp, etc.;
  Fly, housefly; Buzz; Mosquito; Animal
animal | oneshot | ANMLWild | a wild animal calling | Animal; Wild animals;
  Roaring cats (lions, tigers); Roar; Growling; Frog; Howl; Snort
[people]
applause | continuous | CRWDApls | people clapping | Applause; Clapping; Cheering; Crowd; Hands
breath | oneshot | HMNBrth | breathing | Breathing; Gasp; Sigh; Pant; Wheeze; Snoring; Sniff
cough | oneshot | HMNCough | coughing or sneezing | Cough; Sneeze; Throat clearing; Sniff
effort | oneshot | VOXEfrt | a shout of effort or pain | Grunt; Groan; Screaming; Shout; Yell;
  Gasp; Wail, moan; Bellow; Speech
laugh | oneshot | VOXLaff | laughter | Laughter; Giggle; Chuckle, chortle; Belly laugh;
  Baby laughter; Snicker; Speech
baby_cry | continuous | VOXBaby | a baby crying | Baby cry, infant cry; Crying, sobbing;
  Whimper; Screaming
eat | rhythm | FOODEat | biting and chewing | Chewing, mastication; Biting; Crunch;
  Burping, eructation
heartbeat | rhythm | HMNHart | a heart beating | Heart sounds, heartbeat; Heart murmur;
  Throbbing; {_THUD}
[ambience]
nature_ambience | continuous | AMBRurl | the open country | Outside, rural or natural; {_BIRDS};
  Insect; Cricket; Wind; Stream
city_ambience | continuous | AMBUrbn | city traffic | Outside, urban or manmade;
  Traffic noise, roadway noise; Vehicle; Car passing by
crowd | continuous | CRWDWalla | a crowd murmuring | Crowd; Chatter;
  Hubbub, speech noise, speech babble; Cheering; Speech; Inside, public space
room_tone | continuous | AMBRoom | room tone | Inside, small room; Inside, large room or hall;
  Noise; Hum; Vehicle; Rumble; Silence
"""


def _parse(table: str) -> dict[str, Category]:
    rows: dict[str, Category] = {}
    family = ""
    for line in table.strip().replace("\n  ", " ").splitlines():
        if line.startswith("["):
            family = line.strip("[]")
            continue
        name, kind, ucs, phrase, yamnet = (part.strip() for part in line.split("|"))
        assert kind in ("oneshot", "rhythm", "continuous")
        assert name not in rows
        accepted = tuple(dict.fromkeys(part.strip() for part in yamnet.split(";")))
        rows[name] = Category(name, family, kind, ucs, phrase, accepted)  # type: ignore[arg-type]
    return rows


CATEGORIES: Mapping[str, Category] = MappingProxyType(_parse(_TABLE))
"""Every category by name, in the table's order."""


def category(name: str) -> Category:
    """Look up a category.

    Raises:
        KeyError: naming the unknown category and how to list the known ones.
    """
    try:
        return CATEGORIES[name]
    except KeyError:
        raise KeyError(f"no category {name!r}; see vatt_engine.corpus.categories") from None


def families() -> dict[str, list[Category]]:
    """Categories by family, in the table's order."""
    grouped: dict[str, list[Category]] = {}
    for row in CATEGORIES.values():
        grouped.setdefault(row.family, []).append(row)
    return grouped

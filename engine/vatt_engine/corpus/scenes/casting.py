"""Who plays what: for each sound category the families of motion, picture classes and places.

Picture classes are first lemmas of ImageNet classes: things one sees when that sound is heard.
The families after ``|`` of a row may be held out (``HELD_OUT``): films of those are made for the
test split only, so a model is measured on ways of moving it has never seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from vatt_engine.corpus.categories import CATEGORIES
from vatt_engine.corpus.scenes import impacts, lasting, rhythms
from vatt_engine.corpus.scenes.plan import Part
from vatt_engine.corpus.scenes.stage import Stage

Family = Callable[[Stage], Part]

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        f.__name__: f
        for module_families in (
            (impacts.fall, impacts.bounce, impacts.throw, impacts.collide, impacts.swing),
            (impacts.strike, impacts.burst, impacts.splash, impacts.jump, impacts.swipe),
            (impacts.flash, rhythms.walk, rhythms.feet, rhythms.stairs, rhythms.saw),
            (rhythms.shake, rhythms.drip, rhythms.press, rhythms.hinge, rhythms.lid),
            (rhythms.clap, rhythms.pulse, rhythms.call, rhythms.bob, rhythms.slide),
            (rhythms.crowd, lasting.pour, lasting.flow, lasting.surge, lasting.rainfall),
            (lasting.flicker, lasting.roll, lasting.passing, lasting.idle, lasting.spin),
            (lasting.sway, lasting.fumes, lasting.blink, lasting.scenery, lasting.lightning),
        )
        for f in module_families
    }
)
"""Every family of motion that sounds, by name."""

HELD_OUT = frozenset({"throw", "swing", "jump", "stairs", "shake", "lid", "bob", "surge", "spin"})
"""Families that no training film uses."""

SILENT = ("still", "camera", "light", "distractor")
"""Families without any sound."""


@dataclass(frozen=True)
class Casting:
    """How a category may be shown.

    Attributes:
        families: motions that make this sound, training and held-out ones.
        pictures: ImageNet lemmas of things that make it.
        places: keys of ``textures.BACKDROPS``.
    """

    families: tuple[str, ...]
    pictures: tuple[str, ...]
    places: tuple[str, ...]


_SHOES = "running shoe, Loafer, cowboy boot, clog, sandal, sock, jean"
_DISHES = "plate, soup bowl, cup, coffee mug, teapot, mixing bowl, vase, pitcher, bucket"
_GLASSES = (
    "wine bottle, beer bottle, goblet, beer glass, water bottle, red wine, pop bottle, beaker"
)
_CARS = "sports car, convertible, minivan, pickup, cab, jeep, racer, beach wagon, limousine"

# category = families : picture classes : places
_TABLE = f"""
footstep_wood = walk feet stairs jump : {_SHOES} : planks room
footstep_stone = walk feet stairs jump : {_SHOES} : tiles street
footstep_metal = walk feet stairs jump : {_SHOES} : workshop plain
footstep_gravel = walk feet stairs jump : {_SHOES} : field street
footstep_snow = walk feet stairs jump : {_SHOES}, ski, snowmobile : snow
footstep_grass = walk feet stairs jump : {_SHOES} : field forest
footstep_leaves = walk feet stairs jump : {_SHOES} : forest
footstep_dirt = walk feet stairs jump : {_SHOES} : field
footstep_water = walk feet stairs jump : {_SHOES} : street water
footstep_soft = walk feet stairs jump : {_SHOES} : room
horse_hooves = walk feet stairs : sorrel, horse cart, zebra, oxcart : field street
impact_wood = fall collide strike throw swing lid : crate, chest, barrel, wooden spoon, desk, rocking chair, cradle : planks room workshop
impact_metal = fall collide strike throw swing lid : frying pan, wok, bucket, dumbbell, barbell, milk can, caldron, iron : workshop room
impact_glass = fall collide strike swing throw : {_GLASSES} : room tiles
impact_ceramic = fall collide swing throw lid : {_DISHES} : room tiles
impact_plastic = fall collide throw lid : remote control, pill bottle, water jug, crash helmet, joystick, mouse : room plain
impact_stone = fall collide throw swing : cliff, stone wall, megalith, mortar : field workshop
impact_soft = fall collide throw jump : teddy, pillow, quilt, sleeping bag, mailbag, backpack : room planks
impact_body = strike clap collide jump : punching bag, ballplayer, football helmet, knee pad : plain street
ball_bounce = bounce throw : basketball, soccer ball, tennis ball, volleyball, ping-pong ball, rugby ball : planks street plain
scrape = saw slide roll shake : file, shovel, broom, spatula : planks tiles
rolling = roll spin : barrel, shopping cart, car wheel, barrow, croquet ball, tricycle, golf ball : planks street
creak = hinge swing slide : rocking chair, swing, cradle, wardrobe : room planks
glass_break = burst throw : {_GLASSES}, window screen : room tiles
ceramic_break = burst throw : {_DISHES} : room tiles
wood_break = burst strike throw : crate, picket fence, worm fence, folding chair : planks field
debris = fall burst throw : stone wall, wreck, tile roof, cliff dwelling : field street
door_close = hinge lid : sliding door, wardrobe, refrigerator, shoji, medicine chest : room
door_open = hinge lid : sliding door, wardrobe, refrigerator, shoji, medicine chest : room
door_creak = hinge lid : sliding door, wardrobe, barn, vault : room planks
door_knock = strike swing : sliding door, shoji, wardrobe, window shade : room
latch_lock = press lid : padlock, combination lock, safe, buckle : room workshop
switch_click = press lid : switch, radio, remote control, table lamp, iPod : room plain
typing = press shake : computer keyboard, typewriter keyboard, laptop, space bar, desktop computer, notebook : room
clock_tick = press swing : analog clock, wall clock, stopwatch, digital clock, sundial : room
camera_shutter = press lid : reflex camera, Polaroid camera, lens cap, tripod : plain room
keys_jingle = fall shake : padlock, corkscrew, can opener, hook : room plain
coins = fall throw : piggy bank, slot, vending machine, cash machine : room
chain_rattle = fall shake : chain, necklace, chainlink fence, hook : workshop
game_pieces = fall throw : jigsaw puzzle, abacus, pool table, puck : room
cards = slide shake press : envelope, menu, crossword puzzle, packet : room
dishes = fall collide shake throw : {_DISHES}, plate rack, ladle, dishwasher : room tiles
zipper = slide shake : purse, sleeping bag, backpack, wallet, jean : room
writing = saw slide shake : ballpoint, fountain pen, quill, rubber eraser, pencil box : room
bell = strike swing : chime, bell cote, gong, church, marimba, steel drum : plain street
cloth_rustle = sway slide shake : cardigan, velvet, quilt, poncho, bath towel, trench coat, theater curtain, shower curtain : room
leather = slide press shake : purse, holster, Loafer, cowboy boot, wallet : room
paper = sway slide shake : comic book, book jacket, envelope, toilet tissue, paper towel, menu : room
plastic_crackle = sway press shake : plastic bag, packet, diaper : room
leaves_rustle = sway flow shake surge : rapeseed, corn, acorn, hip, buckeye, cardoon : forest field
hammer = strike swing : hammer, nail, carpenter's kit, plane : workshop planks
saw = saw shake : chain saw, lumbermill, power drill, screwdriver : workshop planks
chop_wood = strike swing : hatchet, cleaver, letter opener, lumbermill : field forest workshop
dig = strike slide swing : shovel, plow, barrow : field
scissors = saw press shake : hair slide, can opener, safety pin, wig : room
pickaxe = strike swing : pick, cliff, stone wall, hatchet : field
blade = swipe collide swing : scabbard, letter opener, cleaver, shield : plain field
bow_arrow = swipe throw : bow, projectile, missile : field
armour = collide fall shake jump : breastplate, cuirass, chain mail, shield, pickelhaube : field plain
gun_handling = slide press lid : revolver, rifle, assault rifle, holster : plain workshop
whoosh = swipe swing : racket, paddle, baseball, golf ball, feather boa : plain sky
steam = fumes surge : espresso maker, teapot, steam locomotive, Crock Pot, iron, geyser : room workshop
wind = sway flow surge : flagpole, parachute, pinwheel, mountain tent, wing : sky field
fire = flicker surge : candle, torch, stove, matchstick, volcano, jack-o'-lantern, fire screen : night room
explosion = flash burst : volcano, missile, cannon, projectile : night field
gunshot = flash : revolver, rifle, assault rifle, cannon : plain field
fireworks = flash surge : spotlight, torch, missile : night
water_drip = drip : washbasin, tub, bathtub, rain barrel, syringe : tiles water
water_pour = pour surge : water jug, pitcher, coffeepot, measuring cup, espresso, red wine, eggnog : room tiles
water_splash = splash throw jump : bathtub, canoe, bathing cap, tub, washbasin, snorkel : water
water_bubbles = flow fumes surge : bubble, coral reef, caldron, beaker, scuba diver : water
water_stream = flow pour surge : fountain, dam, lakeside, valley : water forest
sea_waves = flow surge : seashore, sandbar, promontory, breakwater, pier, liner : water
rain = rainfall surge : umbrella, poncho, rain barrel, trench coat : street night forest
thunder = lightning : alp, valley, radio telescope, lakeside : night sky
engine = idle passing spin : {_CARS}, lawn mower, tractor, moped, motor scooter, go-kart : street workshop field
aircraft = passing spin : airliner, warplane, wing, airship, space shuttle : sky
train = passing spin : steam locomotive, bullet train, electric locomotive, freight car, passenger car, streetcar : field street
tyre_skid = passing slide spin : {_CARS}, disk brake, car wheel : street
vehicle_horn = passing blink : {_CARS}, school bus, trailer truck, trolleybus, minibus : street
machine = idle spin : sewing machine, washer, electric fan, vacuum, power drill, photocopier, printer, hand blower, potter's wheel, thresher : workshop room
electric = flicker blink spin : switch, spotlight, coil, oscilloscope, space heater : workshop night
alarm = blink spin : ambulance, fire engine, police van, dial telephone, cellular telephone, traffic light : street room
dog = call bob : golden retriever, beagle, German shepherd, Border collie, Labrador retriever, pug, boxer, dalmatian, Siberian husky, Chihuahua, Rottweiler : field street room
cat = call bob : tabby, tiger cat, Persian cat, Siamese cat, Egyptian cat : room street
horse = call bob : sorrel, zebra, horse cart : field
farm_animal = call bob : ox, hog, ram, bighorn, wild boar, water buffalo, ibex : field
poultry = call bob : cock, hen, goose, drake, black swan, peacock : field
bird = call bob : robin, jay, magpie, goldfinch, house finch, bulbul, chickadee, great grey owl, macaw, African grey : forest sky
insect = sway bob : cricket, bee, fly, cicada, grasshopper, dragonfly, mosquito net : field forest
animal = call bob : lion, tiger, bullfrog, African elephant, brown bear, timber wolf, gorilla, sea lion : forest field
applause = clap crowd shake : stage, theater curtain, cinema, scoreboard : room plain
breath = pulse bob : oxygen mask, gasmask, snorkel, stethoscope : plain room
cough = call bob : oxygen mask, suit, jersey, sweatshirt : plain room
effort = call bob jump : ballplayer, jersey, punching bag, dumbbell : plain street
laugh = call bob : stage, sweatshirt, groom, wig : room plain
baby_cry = call bob : cradle, crib, bassinet, diaper, bib, nipple : room
eat = pulse bob : cheeseburger, Granny Smith, French loaf, pretzel, pizza, cucumber, ice cream, hotdog : room plain
heartbeat = pulse : stethoscope, oxygen mask, oscilloscope : plain
nature_ambience = scenery sway surge : valley, lakeside, greenhouse, alp, birdhouse : forest field
city_ambience = scenery passing crowd : street sign, traffic light, cab, viaduct, streetcar, parking meter : street
crowd = crowd scenery bob : restaurant, cinema, grocery store, bookshop, stage, shoe shop : room street
room_tone = scenery : library, home theater, desk, studio couch, bookcase, window shade : room
"""


def _parse(table: str) -> dict[str, Casting]:
    rows: dict[str, Casting] = {}
    for line in table.strip().splitlines():
        name, rest = (part.strip() for part in line.split("=", 1))
        families, pictures, places = (part.strip() for part in rest.split(":"))
        lemmas = tuple(dict.fromkeys(p.strip() for p in pictures.split(",")))
        rows[name] = Casting(tuple(families.split()), lemmas, tuple(places.split()))
    return rows


CASTING: Mapping[str, Casting] = MappingProxyType(_parse(_TABLE))
"""Every category that can be filmed."""

assert set(CASTING) <= set(CATEGORIES), sorted(set(CASTING) - set(CATEGORIES))


def choices(split: str) -> list[tuple[str, str]]:
    """All (category, family) pairs a split may use; ``test`` has the held-out families only."""
    held = split == "test"
    return [
        (category, family)
        for category, casting in CASTING.items()
        for family in casting.families
        if (family in HELD_OUT) == held
    ]


def pictures(category: str, split: str) -> tuple[str, ...]:
    """The category's picture classes of a split: every fourth is kept for ``valid`` and ``test``."""
    lemmas = CASTING[category].pictures
    if len(lemmas) < 4:
        return lemmas
    kept = tuple(p for i, p in enumerate(lemmas) if (i % 4 == 3) == (split != "train"))
    return kept or lemmas

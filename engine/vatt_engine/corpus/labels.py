"""From a source's own label and file name to a category of ours, or to none.

Labels come from file names and are coarse; the rules here move what is plainly something else
("doors" that are notes of an instrument) and keep out of the categories what was designed rather
than recorded. A clip without a category still trains the codec, for which any sound serves.
"""

from __future__ import annotations

import re

_DEBIAN_LABELS = """
human_pain_scream effort; sword_blade blade; bow_arrow bow_arrow; punch_body_hit impact_body;
fire fire; gun_shot gunshot; chicken poultry; leaves_rustle leaves_rustle; saw saw;
impact_stone impact_stone; impact_metal impact_metal; impact_wood impact_wood; rain rain;
machine_factory machine; explosion explosion; shield_armor armour; dog dog; hammer_anvil hammer;
chop_wood chop_wood; clock_tick clock_tick; human_cough_sneeze cough; sea_waves sea_waves;
helicopter aircraft; baby_cry baby_cry; other_animal animal; click_switch switch_click;
cow farm_animal; splash water_splash; water_stream water_stream; bell_gong bell; dig_soil dig;
whoosh whoosh; pig farm_animal; forest_day_ambience nature_ambience; engine_vehicle engine;
wind wind; glass_break glass_break; weapon_reload gun_handling; sheep_goat farm_animal;
electric_spark electric; elephant animal; horse horse; thunder thunder; steam_hiss steam;
pickaxe_mining pickaxe; rocket_jet aircraft; airplane aircraft; horse_gallop horse_hooves;
bird bird; market_tavern_ambience crowd; insects insect; waterfall water_stream; coin_money coins;
train train; human_laugh laugh; siren_alarm alarm; human_breath_effort breath;
vehicle_horn vehicle_horn; big_cat animal; telephone alarm; creak creak;
crowd_applause applause; night_ambience nature_ambience; owl bird; wolf animal; cat cat;
tires_skid tyre_skid; crow bird; radio_static electric; tree_fall wood_break;
fireworks fireworks; city_traffic_ambience city_ambience; duck_goose poultry; gull_seabird bird;
monkey animal; tank_tracks engine; motorcycle engine; frog animal; underwater water_bubbles;
windmill_mill machine; cannon_siege explosion
"""

# Applied in order to "label file-name"; an empty category takes a clip out of the categories.
_DEBIAN_RULES: tuple[tuple[str, str], ...] = (
    (r"noteblock|gcompris.*weird|singing|confirm|decline|doubt|boing|goal_scored|level_up", ""),
    (r"no_mana|timestop|potion|newmission|promotion|attention|refresh|medikit|machine_attack", ""),
    (r"laser|plasma|gauss|bolter|needler|DSSKE|bd_gas|^electric_spark (whoop|zoop|peculiar)", ""),
    (r"^other_animal (injured|die|spit|weep|hiss|noise|vinyl|warehouse|egg|fossil|combat)", ""),
    (r"^door .*(_?block|DSPST|DSSTNMOV|lock\.wav)", ""),
    (r"^door .*(close|cls|shut|slam)", "door_close"),
    (r"^door .*(creak)", "door_creak"),
    (r"^door .*(knock)", "door_knock"),
    (r"^door .*(open|opn)", "door_open"),
    (r"(concstep|^footsteps .*(rock|stone|conc|tile|hard))", "footstep_stone"),
    (r"^footsteps .*gravel", "footstep_gravel"),
    (r"^footsteps .*grass", "footstep_grass"),
    (r"^footsteps .*(sand|dirt|mud|earth|soft)", "footstep_dirt"),
    (r"^footsteps .*snow", "footstep_snow"),
    (r"^footsteps .*(wood|plank)", "footstep_wood"),
    (r"^footsteps .*(metal|steel)", "footstep_metal"),
    (r"^footsteps .*(water|wade|puddle|splash)", "footstep_water"),
    (r"^footsteps .*(leaves|leaf)", "footstep_leaves"),
    (r"^footsteps .*carpet", "footstep_soft"),
    (r"shield_wood", "impact_wood"),
    (r"(mine_stone|mine_metal|mine_rock)", "pickaxe"),
    (r"(collapse|building_fall|falling_rocks|quake|plane_?crash)", "debris"),
    (r"gather_meat", "chop_wood"),
    (r"(hingecreak)", "door_creak"),
    (r"^impact_metal chain", "chain_rattle"),
    (r"^impact_wood (break|peck)|breakwood", "wood_break"),
    (r"^impact_wood default_ice", ""),
    (r"^impact_stone default_gravel|gravel_dug", "dig"),
    (r"^dig_soil .*(metal|ice|node)", ""),
    (r"^(drip_bubble) .*(drop|drip)", "water_drip"),
    (r"^(drip_bubble) .*(bubble|boil|ripples|slurp)", "water_bubbles"),
    (r"^cloth_paper .*(book|page|eraser)", "paper"),
    (r"^cloth_paper .*(cloth|parachute)", "cloth_rustle"),
    (r"inventory_maille", "armour"),
    (r"^unlabelled (roll|wheelsturn)", "rolling"),
    (r"^unlabelled (crack)", "wood_break"),
    (r"^ball_bounce .*(grenade-bounce|bounce)", "ball_bounce"),
    (r"^vehicle_crash crash", "debris"),
    (r"camera-shutter", "camera_shutter"),
    (r"^click_switch (fingersnap|perc_snap)", ""),
    (r"chainsaw|DSSAW", "machine"),
)

_FOLEY_LABELS = """
ambience room_tone; animal_bird bird; animal_insect insect; animal_other animal; bite_eat eat;
armor_metal armour; bag_leather leather; body_movement cloth_rustle; bottle impact_glass;
bucket impact_metal; car_door door_close; cart_wheels rolling; chain chain_rattle;
chain_fence chain_rattle; chips_tokens game_pieces; dice game_pieces; clock clock_tick;
curtain cloth_rustle; dishes_pot dishes; doorbell bell; footstep_barefoot footstep_soft;
footstep_carpet footstep_soft; footstep_concrete footstep_stone; footstep_tile footstep_stone;
footstep_mud footstep_dirt; footstep_sand footstep_dirt; hammer_anvil hammer; horse_voice horse;
human_breath breath; paper_book paper; pickaxe_mining pickaxe; scissors_shears scissors;
shovel_dig dig; steam_gas steam; sword_blade blade; tree_fall wood_break;
vehicle_alarm_horn vehicle_horn; vehicle_engine engine; wood_creak creak; balloon -; bicycle -;
bones_rattle -; brush_paint -; egg_crack -; footstep_animal -; footstep_glass -; footstep_ice -;
footstep_unspecified -; impact_generic -; impact_ice -; impact_snow impact_soft; reel_rope -;
rummage -; sand_pour -; toy_squeak -; vehicle_mechanics -; whistle -; window -
"""

_ESC10_LABELS = """
001 dog; 002 rain; 003 sea_waves; 004 baby_cry; 005 clock_tick; 006 cough; 007 aircraft;
008 machine; 009 poultry; 010 fire
"""


def _table(text: str) -> dict[str, str]:
    pairs = (entry.split() for entry in text.replace("\n", " ").split(";"))
    return {key: "" if value == "-" else value for key, value in pairs}


_DEBIAN = _table(_DEBIAN_LABELS)
_FOLEY = _table(_FOLEY_LABELS)
_ESC10 = _table(_ESC10_LABELS)
_RULES = tuple((re.compile(pattern, re.IGNORECASE), name) for pattern, name in _DEBIAN_RULES)


def debian_category(label: str, path: str, kind: str) -> str:
    """Category of a file from a Debian package, or "" for none.

    Args:
        label: the inventory's label.
        path: path in the package; only its last part counts.
        kind: recorded, ambience, percussion or designed; the last two have no category.
    """
    if kind not in ("recorded", "ambience"):
        return ""
    text = f"{label} {path.rsplit('/', 1)[-1]}"
    for pattern, name in _RULES:
        if pattern.search(text):
            return name
    return _DEBIAN.get(label, "")


def foley_category(label: str) -> str:
    """Category of a clip of the collected Foley folder, or "" for none."""
    return _FOLEY.get(label, label)


def esc10_category(folder: str) -> str:
    """Category of an ESC-10 clip by its class folder ("001 - Dog bark")."""
    return _ESC10.get(folder[:3], "")

"""Repertoire: the sounds a converter knows by name, and how it chooses among them.

Ours; the published model has none. A small LM writes a caption word by word, and its likeliest
first word need not belong to the likeliest sound. So the sound is chosen first, by a vote: what
the picture's states tell (the linear readout that was trained beside the LM), and what the picture
encoder's own classifier sees, by tables of the things and places that go with each sound. The LM
then says which wording of it fits. Nothing here changes the converter's states.

A prompt in the user's own words is looked up likewise: where the converter takes it for another
sound than the wordings nearest to it mean, the plain name of that sound can be said as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vatt_engine.nets.converter import Converter
from vatt_engine.nets.prompts import clean_text
from vatt_engine.sampling import draw

_HEAT = 0.05
"""Of nearness, two cosines: by so much nearer, a sound is e times as likely to be meant."""

GroupOf = Callable[[str], str]
"""Tells the group of sounds that a name belongs to; groups are told apart before names are."""


@dataclass(frozen=True)
class VoteConfig:
    """How the vote on a picture is counted; fitted on made films of the split ``valid``.

    Attributes:
        floor: added to every table's probability, so that one blind witness vetoes nothing.
        place: weight of the places, ``state`` of the states; the things count once.
        silence: share of the states' vote from which on nothing is said to sound.
        company: share of the vote from which on a second sound is named with the first.
    """

    floor: float = 1e-3
    place: float = 0.2
    state: float = 0.2
    silence: float = 0.25
    company: float = 0.16


class Repertoire(nn.Module):
    """Names, wordings and witnesses.

    Args:
        names: N sounds by name, silence last.
        wordings: ways to say each, the plain one first.
        width: E of the converter's states.
        n_classes: C of the picture encoder's classifier.
        sentence_width: W of the sentence vectors.
        vote: how it is counted.
    """

    things: Tensor
    places: Tensor
    vectors: Tensor

    def __init__(
        self,
        names: Sequence[str],
        wordings: Sequence[Sequence[str]],
        width: int,
        n_classes: int,
        sentence_width: int,
        vote: VoteConfig = VoteConfig(),
    ) -> None:
        super().__init__()
        if len(names) != len(wordings) or not all(wordings):
            raise ValueError("Every sound needs a wording.")
        self.names = tuple(names)
        self.wordings = tuple(tuple(row) for row in wordings)
        self.vote = vote
        self.readout = nn.Linear(width, len(names))
        self.register_buffer("things", torch.zeros(len(names), n_classes))
        self.register_buffer("places", torch.zeros(len(names), n_classes))
        n_wordings = sum(map(len, self.wordings))
        self.register_buffer("vectors", torch.zeros(n_wordings, sentence_width))

    @property
    def silence(self) -> int:
        """The number of silence."""
        return len(self.names) - 1

    def shares(self, states: Tensor, classes: Tensor) -> Tensor:
        """Each sound's share of the vote [N] on a picture.

        Args:
            states: of the picture alone [S, E].
            classes: probabilities [S, C] of the picture encoder's classes.
        """
        place = self.readout.weight.device
        said = self.readout(states.float().to(place)).mean(dim=0).log_softmax(dim=-1)
        silence = said[self.silence].exp()
        seen = classes.float().to(place).mean(dim=0)
        counted = (self.things @ seen + self.vote.floor).log()
        counted = counted + self.vote.place * (self.places @ seen + self.vote.floor).log()
        counted = counted + self.vote.state * said
        # Silence has no look of its own, so the states alone tell it.
        shares = counted[: self.silence].softmax(dim=-1) * (1 - silence)
        return torch.cat((shares, silence[None]))

    def chosen(self, shares: Tensor, n: int) -> list[tuple[int, ...]]:
        """Up to ``n`` answers to what sounds, the best first, each about other sounds.

        Args:
            shares: of the vote [N].
            n: answers wanted.

        Returns:
            Numbers of sounds: one or two in the first answer, one in the others.
        """
        order = shares[: self.silence].argsort(descending=True, stable=True).tolist()
        first: tuple[int, ...] = tuple(order[:1])
        if float(shares[self.silence]) >= self.vote.silence:
            first = (self.silence,)
        elif len(order) > 1 and float(shares[order[1]]) >= self.vote.company:
            first = tuple(order[:2])
        rest = [(number,) for number in order if number not in first]
        return [first, *rest][:n]

    def nearness(self, vector: Tensor) -> Tensor:
        """How near a sentence vector [W] is to the wordings of each sound but silence [N - 1]."""
        closeness = self.vectors @ vector.float().to(self.vectors.device)
        parts = torch.split(closeness, [len(row) for row in self.wordings])[: self.silence]
        # The nearest wording and the mean of all: better than either alone.
        return torch.stack([part.max() + part.mean() for part in parts])


@torch.inference_mode()
def captions(
    converter: Converter,
    repertoire: Repertoire,
    video: Tensor,
    generator: torch.Generator,
    n: int = 3,
    on_step: Callable[[int, int], None] | None = None,
) -> list[tuple[str, float]]:
    """What the picture should sound like: the sounds by vote, each in a wording the LM likes.

    Args:
        converter: whose picture encoder has a classifier.
        repertoire: of that converter.
        video: features [F, D].
        generator: on the CPU, for the wordings; the same state gives the same captions.
        n: captions wanted.
        on_step: called with (steps done, of how many); may raise.

    Returns:
        Captions, each about other sounds, with the logarithm of their share of the vote; the best
        first. A caption of two sounds has the larger share of the two.
    """
    if n < 1:
        raise ValueError("At least one caption must be asked for.")
    if converter.classes is None:
        raise ValueError("The vote needs the classes of the picture encoder.")
    pooled = converter.pool_video(video[None].to(converter.video_proj.weight.device))
    states = converter.hidden(converter.project(pooled))[0]
    shares = repertoire.shares(states, converter.classes.likelihoods(pooled)[0]).cpu()
    if on_step is not None:
        on_step(1, 2)
    answers = repertoire.chosen(shares, n)
    told = [number for answer in answers for number in answer]
    ways = [repertoire.wordings[number] for number in told]
    likely = converter.likelihoods(video, [text for row in ways for text in row]).cpu()
    said = converter.config.caption
    words = {}
    for i, (number, scores) in enumerate(
        zip(told, torch.split(likely, [len(row) for row in ways]), strict=True)
    ):
        heat = said.temperature if number in answers[0] else said.alternative_temperature
        u = torch.rand(1, generator=generator)
        picked, _ = draw(scores[None] / heat, u, top_k=said.top_k, top_p=said.top_p)
        words[number] = clean_text(ways[i][int(picked)])
    if on_step is not None:
        on_step(2, 2)
    return [
        (" and ".join(words[k] for k in answer), float(shares[list(answer)].max().log()))
        for answer in answers
    ]


@torch.inference_mode()
def meant(converter: Converter, repertoire: Repertoire, group_of: GroupOf, words: str) -> str:
    """The name of the known sound that words mean, by how near they are to its wordings.

    Args:
        converter: of the repertoire.
        repertoire: sounds by name.
        group_of: tells which names are of one group.
        words: a user's or a caption's; blank ones mean nothing.

    Returns:
        A name; empty where no group of sounds is as likely as all others together: "xyzzy", or
        music for a model that knows none.
    """
    if converter.sentence is None or not words.strip():
        return ""
    nearness = repertoire.nearness(converter.sentence([words])[0])
    shares = (nearness / _HEAT).softmax(dim=0).tolist()
    groups: dict[str, float] = {}
    for name, share in zip(repertoire.names, shares, strict=False):  # silence has no share
        groups[group_of(name)] = groups.get(group_of(name), 0.0) + share
    likeliest = max(groups, key=lambda group: groups[group])
    if groups[likeliest] < 0.5:
        return ""
    inside = [n for n, name in enumerate(repertoire.names[:-1]) if group_of(name) == likeliest]
    return repertoire.names[max(inside, key=lambda n: shares[n])]


@torch.inference_mode()
def also_said(converter: Converter, repertoire: Repertoire, group_of: GroupOf, prompt: str) -> str:
    """The plain name of the sound a prompt means, where the converter hears another one in it.

    Args:
        converter: with a sentence encoder.
        repertoire: of that converter.
        group_of: tells which names are of one group.
        prompt: a user's words, not blank.

    Returns:
        Words to be said after the prompt; empty where the prompt is understood as it is, or means
        nothing known.
    """
    name = meant(converter, repertoire, group_of, prompt)
    if not name:
        return ""
    state = converter.prompt_states([prompt])[0].to(repertoire.readout.weight.device)
    heard = repertoire.names[int(repertoire.readout(state).argmax())]
    return "" if heard == name else repertoire.wordings[repertoire.names.index(name)][0]
